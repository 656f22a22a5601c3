//! Non-interference: whoever is not cleared for some data sees the same requests whatever that data is.
//!
//! Random flows are run in the simulated world, twice and more: all that a receiver may have stays the same, what it may
//! not have changes. What the receiver sees are its requests with target, headers and body, in the order of each path;
//! the flow's own operator sees outputs and messages. Left out, as P6 claims nothing of it: signatures and handoff
//! headers, which are made later, and the time at which anything happens beside anything else. None of the flows that
//! the checker accepts interferes; of those that it refuses for that alone many do, so nothing here holds by itself.

mod generator;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;

use camino::Utf8Path;
use eczflow::base::Digest;
use eczflow::compile::{Compilation, Session};
use eczflow::diagnostics::Severity;
use eczflow::engine::{Engine, FailureClass, Phase, Request, State, Status};
use eczflow::plan::{Plan, Verified};
use eczflow::source::MemoryFiles;
use serde_json::{Value as Json, json};

use crate::world::*;
use generator::{Flow, PARTIES, flow};

/// Random flows that are written.
const FLOWS: u32 = 100;
/// Worlds that each is run in, and data that differs within each.
const WORLDS: u32 = 3;
const VARIANTS: u32 = 2;

/// A random flow that nothing is wrong with but perhaps who receives what.
struct Case {
    flow: Flow,
    accepted: bool,
    /// Its plan; of a refused one that of its twin that says nothing of classes.
    plan: Verified<Plan>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| (0..FLOWS).filter_map(case).collect());

fn case(seed: u32) -> Option<Case> {
    let flow = flow(&seed.to_string());
    let compilation = compile(&flow, true);
    let errors = compilation.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let errors: BTreeSet<&str> = errors.map(|found| found.code.number).collect();
    let accepted = errors.is_empty();
    let refused_for_that = errors.iter().all(|code| ["EF6010", "EF6011", "EF6012"].contains(code));
    let compilation = match refused_for_that {
        true if accepted => compilation,
        true => compile(&flow, false),
        false => return None,
    };
    Some(Case { plan: compilation.plan?, flow, accepted })
}

fn compile(flow: &Flow, classified: bool) -> Compilation {
    let path = Utf8Path::new("exchange.eczflow");
    let mut files = MemoryFiles::default();
    for party in PARTIES {
        files.insert(format!("apis/{party}.yaml").as_str(), flow.document(party, classified));
    }
    files.insert(path, flow.text(classified));
    let pinned = Session::new(&files).pin(path).unwrap();
    files.insert(path, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    Session::new(&files).compile(path, Some("exchange")).unwrap()
}

/// What a world holds: by `variant` for what `receiver` may not have, and else the same.
struct Data<'f> {
    flow: &'f Flow,
    /// A party, or empty for the flow's own operator.
    receiver: &'static str,
    world: u32,
    variant: u32,
}

impl Data<'_> {
    fn chance(&self, of: &str) -> u8 {
        Digest::of(format!("{} {of}", self.world)).0[0]
    }

    fn draw(&self, owner: &str, place: &str, field: &str, below: u8) -> u8 {
        let same = self.variant == 0 || self.flow.may_have(self.receiver, owner, field);
        let variant = if same { 0 } else { self.variant };
        self.chance(&format!("{variant} {owner} {place} {field}")) % below
    }

    fn inputs(&self) -> Json {
        let draw = |field, below| self.draw("", "", field, below);
        json!({"word": format!("w{}", draw("word", 4)), "count": draw("count", 9), "yes": draw("yes", 2) == 1})
    }

    /// A party's answer to the request of a number at a path; what fails is nobody's secret.
    fn answer(&self, path: &str, number: usize) -> Reply {
        let node = path.rsplit(['.', ' ']).next().unwrap();
        match self.chance(&format!("fails {path}")) {
            0..=12 => return Reply::Answer(404, json!({"title": "none"})),
            13..=18 => return Reply::Empty(503),
            19..=26 if number == 0 => return Reply::Empty(503),
            _ => {}
        }
        let Some((owner, call)) = node.split_once('_').filter(|_| !node.ends_with("/undo")) else {
            return Reply::Answer(200, json!({"id": "gone"}));
        };
        let place = format!("{path} {number}");
        if call.starts_with("make") {
            // Nothing of it has a class.
            let draw = |field| self.draw(owner, &place, field, 9);
            let made = json!({"id": format!("id{}", draw("made id")), "score": draw("made score")});
            return Reply::Answer(201, made);
        }
        let case = format!("x{}", self.draw(owner, &place, "X-Case", 4));
        Reply::With(200, BTreeMap::from([("x-case".to_owned(), case)]), self.thing(owner, &place))
    }

    fn thing(&self, owner: &str, place: &str) -> Json {
        let draw = |field: &str, below| self.draw(owner, place, field, below);
        let at = |field: &str, at: u8, below| self.draw(owner, &format!("{place} {at}"), field, below);
        let lines = (0..draw("lines", 5))
            .map(|n| json!({"sku": format!("k{}", at("lines[].sku", n, 4)), "quantity": at("lines", n, 9)}));
        let mut thing = json!({
            "id": format!("id{}", draw("id", 9)),
            "score": draw("score", 9),
            "note": format!("n{}", draw("note", 4)),
            "vip": draw("vip", 2) == 1,
            "customer": {"email": format!("e{}", draw("customer.email", 4)), "age": draw("customer.age", 9)},
            "tags": (0..draw("tags", 5)).map(|n| format!("g{}", at("tags[]", n, 4))).collect::<Vec<_>>(),
            "lines": lines.collect::<Vec<_>>()
        });
        if draw("maybe", 2) == 1 {
            thing["maybe"] = json!(format!("m{}", at("maybe", 0, 4)));
        }
        thing
    }
}

/// What was seen of a run.
#[derive(Debug)]
struct Seen {
    /// By path, each path's in their order.
    requests: Vec<(String, Request)>,
    outputs: Option<Json>,
    /// Where it failed, and what was said then.
    failure: Option<(String, String)>,
}

fn run(plan: &Verified<Plan>, data: Data<'static>) -> Seen {
    let inputs = data.inputs();
    let before: RefCell<BTreeMap<String, usize>> = RefCell::default();
    let data = Rc::new(data);
    let ranks = data.clone();
    let mut world = World::new(move |path, _| {
        let mut before = before.borrow_mut();
        let number = before.entry(path.to_owned()).or_default();
        *number += 1;
        data.answer(path, *number - 1)
    });
    world.rank = Box::new(move |path| ranks.chance(&format!("first {path}")));
    let engine = Engine::new(plan);
    let mut outside = outside(plan);
    let mut run = Run { state: State::new("run-1"), log: Vec::new() };
    push(&engine, &mut run, opening(plan, inputs.as_object().cloned().unwrap()), &outside);
    drive(&engine, &mut run, &mut world, &mut outside);
    let sent = world.sent.into_iter();
    let mut requests: Vec<_> = sent.map(|(path, request, _)| (path, request)).collect();
    requests.sort_by(|(one, _), (other, _)| one.cmp(other));
    Seen {
        requests,
        outputs: (run.state.phase == Phase::Finished(Status::Succeeded)).then_some(run.state.outputs),
        // Which item of a list has the key of another is the course of a run.
        failure: run
            .state
            .failure
            .filter(|failure| failure.class != FailureClass::Key)
            .map(|failure| (format!("{:?}", failure.path), failure.message)),
    }
}

/// Whether a receiver can tell two runs apart. How a run ends is its operator's to know; what is said then is not.
fn tells_apart(receiver: &str, one: &Seen, other: &Seen) -> bool {
    if !receiver.is_empty() {
        let origin = format!("https://{receiver}.example/");
        let of = |seen: &Seen| -> Vec<Request> {
            let requests = seen.requests.iter().map(|(_, request)| request);
            requests.filter(|request| request.url.starts_with(&origin)).cloned().collect()
        };
        return of(one) != of(other);
    }
    match ((&one.outputs, &other.outputs), (&one.failure, &other.failure)) {
        ((Some(one), Some(other)), _) => one != other,
        (_, (Some((place, one)), Some((same, other)))) => place == same && one != other,
        _ => false,
    }
}

/// Two runs that a receiver tells apart by what it may not have.
fn interference(case: &'static Case) -> Option<String> {
    for world in 0..WORLDS {
        let seen = |receiver, variant| run(&case.plan, Data { flow: &case.flow, receiver, world, variant });
        let one = seen("", 0);
        for receiver in PARTIES.into_iter().chain([""]).filter(|receiver| case.flow.withheld(receiver)) {
            for variant in 1..=VARIANTS {
                let other = seen(receiver, variant);
                if tells_apart(receiver, &one, &other) {
                    return Some(format!(
                        "`{receiver}` in world {world}\n{}{one:#?}\n{other:#?}",
                        case.flow.text(true)
                    ));
                }
            }
        }
    }
    None
}

fn cases(accepted: bool) -> Vec<&'static Case> {
    CASES.iter().filter(|case| case.accepted == accepted).collect()
}

#[test]
fn flows_that_are_accepted_do_not_interfere() {
    let cases = cases(true);
    for case in &cases {
        assert_eq!(interference(case), None);
    }
    // They are not the trivial ones.
    assert!(cases.len() > FLOWS as usize / 4, "{}", cases.len());
    let texts: String = cases.iter().map(|case| case.flow.text(true)).collect();
    for part in [
        "classify alfa",
        "classify input",
        " cleared ",
        " release ",
        " when ",
        " after ",
        "on 404 fail",
        "ensure ",
        "  fail ",
        "match ",
        "poll ",
        "call ",
        " = for ",
        "yield ",
        "key once per",
        "undo ",
        "choose(",
        " for i in ",
        "\"t{",
        "headers(",
    ] {
        assert!(texts.contains(part), "{part}");
    }
}

#[test]
fn of_the_flows_that_are_refused_many_interfere() {
    let cases = cases(false);
    let found = cases.iter().filter(|case| interference(case).is_some()).count();
    assert!(cases.len() > FLOWS as usize / 4, "{}", cases.len());
    assert!(found * 100 > cases.len() * 40, "{found} of {}", cases.len());
}

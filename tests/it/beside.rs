//! What a flow reads of an answer beside its body, and the functions it calls, from the plan to a replay after a crash.

use eczflow::engine::{Engine, Phase, State, Status};
use eczflow::expr::{Definition, Expr};
use eczflow::plan::{AnswerUse, NodeKind, Plan, PlanError, Step, Verified, check};
use eczflow::verify::{Legal, replay};
use serde_json::{Value as Json, json};

use crate::flows;
use crate::world::*;

const FLOW: &str = r#"eczflow 1
use std.retry.{ careful }
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api odd = openapi("apis/odd.openapi.yaml")

type Page = { count: int, tags: [string], partial: bool }

fn page(count: int, tags: [string] | null, status: int) -> Page =
  { count: plus(count), tags: tags ?? [], partial: status == 206 }
fn plus(count: int) -> int = count + 1

flow listing(all: bool, first: int = plus(1)) -> { pages: [Page], more: int?, status: int?, whole: [int], first: int } {
  as acme.agent
  handoff strict
  step items = odd.listItems()
    retry careful
  step more = odd.listItems()
    after items
    when all
  let rounds = for round in [1, 2] at most 2 {
    step inner = odd.listItems()
      retry careful
    yield page(headers(inner)."X-Total-Count", headers(inner)."X-Tags" ?? null, status(inner))
  }
  ensure status(items) < 206 else "not all of them"
  return {
    pages: rounds,
    more: headers(more)?."x-total-count",
    status: status(more),
    whole: [headers(items)."X-Total-Count", first],
    first: first
  }
}
"#;

fn plan() -> Verified<Plan> {
    let mut files = flows::refund_files(Some(FLOW));
    files.insert("apis/odd.openapi.yaml", include_str!("../ui/apis/odd.openapi.yaml"));
    flows::compile(files)
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Reply::With(status, headers.collect(), json!(["a"]))
}

fn world() -> World {
    World::new(|path, _| match path {
        "rounds[1].inner" => answer(206, &[("x-total-count", "9")]),
        _ => answer(
            200,
            &[("x-total-count", "7"), ("x-tags", "red, green"), ("link", "<next>"), ("etag", "e")],
        ),
    })
}

fn given() -> Json {
    json!({"all": false, "first": 2})
}

fn outputs(state: &State) -> Json {
    assert_eq!(state.phase, Phase::Finished(Status::Succeeded), "{:?}", state.failure);
    state.outputs.clone()
}

fn step<'p>(plan: &'p mut Plan, name: &str) -> &'p mut Step {
    let node = plan.flow.body.nodes.iter_mut().find(|node| node.id == name).unwrap();
    match &mut node.kind {
        NodeKind::Call(step) => step,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_plan_says_what_is_used_and_nothing_else_is() {
    let plan = plan();
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut copy = Plan::clone(&plan);
    let items = AnswerUse { status: true, headers: named(&["X-Total-Count"]), refusals: Vec::new() };
    assert_eq!(step(&mut copy, "items").answer, Some(items));
    assert_eq!(plan.functions.keys().collect::<Vec<_>>(), ["page", "plus"]);
    let mut world = world();
    let run = start(&plan, given(), &mut world);
    let page =
        |count: i64, tags: &[&str], partial: bool| json!({"count": count, "tags": tags, "partial": partial});
    let pages = [page(8, &["red", "green"], false), page(10, &[], true)];
    assert_eq!(outputs(&run.state), json!({"pages": pages, "whole": [7, 2], "first": 2}));
}

#[test]
fn a_crash_between_answer_and_use_keeps_the_values() {
    let plan = plan();
    let engine = Engine::new(&plan);
    let whole = start(&plan, given(), &mut world());
    for records in 1..whole.log.len() {
        let (mut world, mut outside) = (world(), outside(&plan));
        let mut run = fresh();
        let Json::Object(inputs) = given() else { panic!() };
        push(&engine, &mut run, opening(&plan, inputs), &outside);
        drive_until(records, &engine, &mut run, &mut world, &mut outside);
        // Whoever answers after the crash answers otherwise: what was recorded is what counts.
        world.script = Box::new(|path, _, _| match path {
            "rounds[1].inner" => answer(206, &[("x-total-count", "9")]),
            _ => answer(200, &[("x-total-count", "8"), ("x-tags", "blue"), ("link", "<other>")]),
        });
        let answered = |node: &str| {
            run.log.iter().any(|(record, _)| {
                record.kind == eczflow::audit::Kind::AttemptAnswered && record.node.as_deref() == Some(node)
            })
        };
        let (items, first) = (answered("items"), answered("rounds[0].inner"));
        let mut run = crash(&plan, run.log, &mut outside);
        drive(&engine, &mut run, &mut world, &mut outside);
        let found = outputs(&run.state);
        assert_eq!(found["whole"][0], json!(if items { 7 } else { 8 }), "{records}");
        assert_eq!(found["pages"][0]["count"], json!(if first { 8 } else { 9 }), "{records}");
        assert_eq!(replay(&plan, "run-1", &run.log).1, Legal::Yes);
    }
}

fn fresh() -> Run {
    Run { state: State::new("run-1"), log: Log::new() }
}

#[test]
fn used_headers_that_do_not_fit_make_an_answer_ill_typed() {
    for (sent, words) in [
        (&[("link", "<next>")] as &[(&str, &str)], "`X-Total-Count` is missing"),
        (&[("x-total-count", "-1"), ("link", "<next>")], "`X-Total-Count` does not fit"),
    ] {
        let sent: Vec<(String, String)> =
            sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut world =
            World::new(move |_, _| Reply::With(200, sent.iter().cloned().collect(), json!(["a"])));
        let run = start(&plan(), given(), &mut world);
        let failure = run.state.failure.clone().unwrap();
        assert!(failure.message.contains(words), "{}", failure.message);
    }
    // `Link` is required too, but the flow does not read it.
    let mut world = World::new(|_, _| answer(200, &[("x-total-count", "7")]));
    outputs(&start(&plan(), given(), &mut world).state);
}

#[test]
fn a_log_with_other_headers_is_not_legal() {
    let plan = plan();
    let mut log = start(&plan, given(), &mut world()).log;
    let entry = log
        .iter_mut()
        .find(|(record, _)| {
            record.node.as_deref() == Some("items") && record.kind == eczflow::audit::Kind::AttemptAnswered
        })
        .unwrap();
    let payload = entry.1.as_mut().unwrap();
    payload.get_mut("answer").unwrap().value["headers"]["x-total-count"] = json!("many");
    assert_ne!(replay(&plan, "run-1", &log).1, Legal::Yes);
}

#[test]
fn edited_plans_are_refused() {
    type Edit = fn(&mut Plan);
    let apply = |function: &str| Expr::Apply {
        function: function.to_owned(),
        arguments: vec![Expr::Name { name: "count".to_owned() }],
    };
    let circle = apply("plus");
    let edits: [(&str, Edit); 5] = [
        ("nothing calls this function", |plan| {
            let body = Expr::Null;
            plan.functions.insert(
                "more".into(),
                Definition { parameters: Vec::new(), takes: Vec::new(), gives: None, body },
            );
        }),
        ("there is no such function", |plan| {
            plan.functions.remove("plus");
        }),
        ("a function does not see `items`", |plan| {
            plan.functions.get_mut("plus").unwrap().body = Expr::Name { name: "items".into() };
        }),
        ("it does not say what the flow uses", |plan| {
            step(plan, "items").answer = None;
        }),
        ("it does not say what the flow uses", |plan| {
            step(plan, "items").answer.as_mut().unwrap().headers.push("Link".into());
        }),
    ];
    let refusal = |plan: Plan| match check(plan) {
        Err(PlanError::Obligation { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    for (words, edit) in edits {
        let mut copy = Plan::clone(&plan());
        edit(&mut copy);
        assert!(refusal(copy).contains(words), "{words}");
    }
    let mut copy = Plan::clone(&plan());
    copy.functions.get_mut("plus").unwrap().body = circle;
    assert_eq!(refusal(copy), "it calls itself: plus -> plus");
}

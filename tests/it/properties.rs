//! Random worlds: failures, revocations and crashes at any attempt. Whatever happens, the promises hold.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use eczflow::audit::Standing;
use eczflow::base::{Random as _, SeededRandom};
use eczflow::engine::*;
use eczflow::plan::{Plan, Verified};
use eczflow::verify::{Legal, replay};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::flows;
use crate::world::*;

/// What goes wrong at one attempt.
fn mishap(choice: u64) -> Reply {
    match choice {
        0 | 1 => Reply::Empty(503),
        2 | 3 => Reply::Answer(500, json!({"title": "after the effect"})),
        4 => Reply::Fail(SendFailure::TimedOut),
        5 => Reply::Fail(SendFailure::Reset),
        6 => Reply::Fail(SendFailure::Connect),
        7 => Reply::Fail(SendFailure::Tls),
        8 => Reply::Empty(429),
        9 => Reply::Empty(408),
        10 => Reply::Empty(402),
        11 => Reply::Empty(307),
        12 => Reply::Empty(303),
        13 => Reply::Answer(201, json!({"id": 7})),
        _ => Reply::Answer(218, json!({"id": "R1"})),
    }
}

/// A world in which about one attempt in `rate` goes wrong, and one verdict in four times as many.
fn world(seed: &str, rate: u64, well: fn(&str) -> Reply) -> World {
    let random = Rc::new(RefCell::new(SeededRandom::new(seed)));
    let other = random.clone();
    let mut world = World::new(move |path, _| {
        let random = random.borrow();
        if random.below(rate) == 0 { mishap(random.below(15)) } else { well(path) }
    });
    world.revoked = Box::new(move |_| other.borrow().below(4 * rate) == 0);
    world
}

/// Runs through crashes at random records, then resumes in a world where all is well.
fn survive(plan: &Verified<Plan>, inputs: &Json, seed: &str, rate: u64, well: fn(&str) -> Reply) {
    let engine = Engine::new(plan);
    let mut outside = outside(plan);
    let mut world = world(seed, rate, well);
    let chance = SeededRandom::new(&format!("crashes {seed}"));
    let Json::Object(given) = inputs.clone() else { panic!("inputs are an object") };
    let mut run = Run { state: State::new("run-1"), log: Vec::new() };
    push(&engine, &mut run, opening(plan, given), &outside);
    for _ in 0..chance.below(4) {
        let records = run.log.len() + 1 + usize::try_from(chance.below(40)).unwrap();
        drive_until(records, &engine, &mut run, &mut world, &mut outside);
        if run.state.phase != Phase::Running {
            break;
        }
        // The request under way may have reached its counterparty; its answer reaches nobody.
        let needs = engine.needs(&run.state, outside.now);
        if let Some(Need::Send { path, attempt }) =
            needs.iter().find(|need| matches!(need, Need::Send { .. })).filter(|_| chance.below(2) == 0)
        {
            let request = run.state.request(path).unwrap().clone();
            world.send(&path.to_string(), *attempt, &request);
            world.sent.last_mut().unwrap().2 = Reply::Fail(SendFailure::Interrupted);
        }
        run = crash(plan, run.log, &mut outside);
    }
    drive(&engine, &mut run, &mut world, &mut outside);
    let first = run.state.phase;
    holds(&engine, &run, &world);
    if matches!(first, Phase::Paused(_)) {
        world.script = Box::new(move |path, _, _| well(path));
        world.revoked = Box::new(|_| false);
        resume(&engine, &mut run, &outside);
        drive(&engine, &mut run, &mut world, &mut outside);
        let stuck = first == Phase::Paused(PauseCause::Stuck);
        assert_eq!(run.state.phase, if stuck { Phase::Finished(Status::Failed) } else { first });
        holds(&engine, &run, &world);
    }
    assert_eq!(replay(plan, "run-1", &run.log).1, Legal::Yes);
}

fn holds(engine: &Engine<'_>, run: &Run, world: &World) {
    let mut requests: BTreeMap<&str, Vec<(&Request, &Reply)>> = BTreeMap::new();
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, request, reply) in &world.sent {
        requests.entry(path).or_default().push((request, reply));
        if let Some((_, key)) = &request.key {
            assert_eq!(*keys.entry(key).or_insert(path), path, "two calls share a key");
        }
    }
    for (path, sent) in &requests {
        assert!(sent.iter().all(|(request, _)| *request == sent[0].0), "{path}: attempts differ");
        let call = engine.call(&path.parse().unwrap()).unwrap();
        if call.is_resendable() {
            continue;
        }
        // Sent again only after an attempt that provably had no effect.
        for (_, reply) in &sent[..sent.len() - 1] {
            let harmless = match reply {
                Reply::Fail(cause) => cause.not_sent(),
                Reply::Answer(status, _)
                | Reply::Empty(status)
                | Reply::With(status, ..)
                | Reply::Later(status, _) => {
                    matches!(status, 307 | 308 | 400..=499) && !matches!(status, 408 | 425)
                }
            };
            assert!(harmless, "{path} was sent again after {reply:?}");
        }
    }
    let mut effects = world.effects.clone();
    effects.sort();
    effects.dedup();
    assert_eq!(effects.len(), world.effects.len(), "an effect happened twice: {:?}", world.effects);
    let undone = |path: &String| world.effects.contains(&format!("{path}/undo"));
    let forward: Vec<&String> = world.effects.iter().filter(|path| !path.ends_with("/undo")).collect();
    if let Phase::Paused(PauseCause::InDoubt | PauseCause::Stuck) = run.state.phase {
        let known = Standing::of(run.log.iter().map(|(record, _)| record)).unwrap();
        let told = |paths: Vec<Path>| paths.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let named = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(named(known.in_doubt), told(run.state.in_doubt()), "the records tell another doubt");
        assert_eq!(named(known.stuck), told(run.state.stuck()), "the records tell others stuck");
    }
    match run.state.phase {
        Phase::Finished(Status::Failed) => {
            for path in forward {
                assert!(undone(path), "{path} stands although the run failed");
            }
        }
        Phase::Finished(Status::Succeeded) => assert!(!forward.into_iter().any(undone)),
        Phase::Paused(PauseCause::InDoubt) if run.state.in_doubt().iter().any(|path| !path.is_undo()) => {
            assert!(!requests.keys().any(|path| path.ends_with("/undo")), "undone while a step is in doubt");
        }
        _ => {}
    }
}

fn refund(path: &str) -> Reply {
    match path {
        "ticket" => Reply::Answer(200, ticket(3)),
        "refund" => Reply::Answer(201, flows::refund_body("R1")),
        path if path.ends_with("moved") => Reply::Answer(201, flows::return_body(path)),
        _ => Reply::Answer(200, flows::undo_body(path)),
    }
}

fn nested(path: &str) -> Reply {
    match path {
        path if path.ends_with("refund") => Reply::Answer(201, flows::refund_body("R1")),
        path if path.ends_with("moved") => Reply::Answer(201, flows::return_body(path)),
        path if path.contains("refund") => Reply::Answer(200, json!({"id": "X", "state": "cancelled"})),
        _ => Reply::Answer(200, json!({"id": "X", "state": "taken_back"})),
    }
}

fn orders(random: &SeededRandom) -> Json {
    let line = |n: u64| {
        let quantity = match random.below(60) {
            0 => 3,
            1 => 60,
            2 => 200,
            other => other % 2 + 1,
        };
        json!({"sku": format!("S{n}"), "quantity": quantity})
    };
    let order = |n: u64| {
        let lines: Vec<Json> = (0..random.below(5)).map(line).collect();
        json!({"id": format!("O{n}"), "amount": 40, "charge_id": "C", "lines": lines, "customer": {"email": "a@b.example"}})
    };
    json!({"orders": (0..random.below(4)).map(order).collect::<Vec<_>>(), "most": 4})
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn promises_hold_in_any_world(seed: u64, rate in 2u64..30) {
        thread_local! {
            static PLANS: (Verified<Plan>, Verified<Plan>) = (flows::refund(), flows::nested_with("parallel 2", "parallel 2"));
        }
        let seed = seed.to_string();
        PLANS.with(|(plain, deep)| {
            survive(plain, &inputs(), &seed, rate, refund);
            survive(deep, &orders(&SeededRandom::new(&seed)), &seed, rate, nested);
        });
    }
}

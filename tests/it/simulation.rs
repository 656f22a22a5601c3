//! The engine alone, against a scripted world in virtual time: the outcome table, crashes at every record, replay.

use std::collections::BTreeSet;

use eczflow::audit::{Kind, Payload, Record, record_hash};
use eczflow::engine::*;
use eczflow::verify::{Legal, replay};
use serde_json::{Value as Json, json};

use crate::flows;
use crate::world::*;

fn kinds(run: &Run, node: &str) -> Vec<&'static str> {
    run.log
        .iter()
        .filter(|(record, _)| record.node.as_deref() == Some(node))
        .map(|(record, _)| record.kind.as_str())
        .collect()
}

fn failure(run: &Run) -> FailureClass {
    run.state.failure.as_ref().expect("the run failed").class
}

#[test]
fn an_undisturbed_run_succeeds_and_replays() {
    let plan = flows::refund();
    let mut world = refund_world(|_, _| None);
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded));
    assert_eq!(run.state.outputs["refund_id"], "R1");
    assert_eq!(kinds(&run, "refund"), ["handoff_verified", "attempt_intended", "attempt_answered"]);
    assert_eq!(world.effects.len(), 3);
}

/// P9 holds of what a run writes, and is no larger than it must be: a call that never gets through writes what it may.
#[test]
fn a_run_writes_no_more_than_its_bounds() {
    let plan = flows::refund();
    let bounds = eczflow::plan::bounds(&plan);
    let mut world = refund_world(|path, _| (path == "refund").then_some(Reply::Empty(503)));
    let run = start(&plan, inputs(), &mut world);
    let sent = kinds(&run, "refund").iter().filter(|kind| **kind == "attempt_intended").count() as u64;
    let most = bounds.steps.counterparties.iter().find(|load| load.apis == ["payments"]).unwrap().attempts;
    assert_eq!(sent, most);
    assert_eq!(kinds(&run, "refund").len() as u64, 4 * most, "{:?}", kinds(&run, "refund"));
    assert!(run.log.len() as u64 <= bounds.steps.leaves, "{}", run.log.len());
}

#[test]
fn a_retry_keeps_its_key_and_names_the_attempt_before() {
    let plan = flows::refund();
    let mut world =
        refund_world(|path, attempt| (path == "refund" && attempt < 3).then_some(Reply::Empty(503)));
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded));
    let intents: Vec<&(Record, Option<Payload>)> = run
        .log
        .iter()
        .filter(|(record, _)| {
            record.kind == Kind::AttemptIntended && record.node.as_deref() == Some("refund")
        })
        .collect();
    assert_eq!(intents.len(), 3);
    let key = |payload: &Option<Payload>| payload.as_ref().unwrap()["request"].value["key"].clone();
    assert!(intents.iter().all(|(_, payload)| key(payload) == key(&intents[0].1)));
    let leaf = |record: &Record| record_hash(record.leaf().unwrap().as_bytes());
    assert_eq!(intents[0].0.previous_attempt, None);
    assert_eq!(intents[1].0.previous_attempt, Some(leaf(&intents[0].0)));
    assert_eq!(intents[2].0.previous_attempt, Some(leaf(&intents[1].0)));
}

#[test]
fn a_refused_identity_undoes_newest_first() {
    let plan = flows::refund();
    let mut world = refund_world(|_, _| None);
    world.revoked = Box::new(|path| path == "refund");
    let run = start(&plan, inputs(), &mut world);
    assert_eq!((run.state.phase, failure(&run)), (Phase::Finished(Status::Failed), FailureClass::Identity));
    assert!(!world.effects.iter().any(|path| path == "refund"));
    let forward: Vec<&String> = world.effects.iter().filter(|path| !path.ends_with("/undo")).collect();
    let undone: Vec<String> =
        world.effects.iter().filter_map(|path| path.strip_suffix("/undo").map(str::to_owned)).collect();
    assert_eq!(undone.iter().rev().collect::<Vec<_>>(), forward);
}

#[test]
fn a_failing_ensure_has_no_effect_anywhere() {
    let plan = flows::refund();
    let mut world = refund_world(|_, _| None);
    let run = start(&plan, json!({"ticket_id": "T1", "limit": 10}), &mut world);
    assert_eq!((run.state.phase, failure(&run)), (Phase::Finished(Status::Failed), FailureClass::Rule));
    assert!(world.effects.is_empty());
}

/// One row of the outcome table each: (reply of every attempt of `refund`, how the run ends, why, undos).
#[test]
fn the_outcome_table() {
    let plan = flows::refund();
    let done = Phase::Finished(Status::Failed);
    let doubt = Phase::Paused(PauseCause::InDoubt);
    for (reply, phase, class) in [
        (Reply::Fail(SendFailure::Connect), done, Some(FailureClass::Exhausted)),
        (Reply::Fail(SendFailure::Tls), done, Some(FailureClass::Exhausted)),
        (Reply::Empty(429), done, Some(FailureClass::Exhausted)),
        (Reply::Empty(400), done, Some(FailureClass::Refused)),
        (Reply::Empty(307), done, Some(FailureClass::Refused)),
        (Reply::Empty(303), doubt, None),
        (Reply::Empty(503), doubt, None),
        (Reply::Empty(408), doubt, None),
        (Reply::Fail(SendFailure::TimedOut), doubt, None),
        (Reply::Fail(SendFailure::Reset), doubt, None),
        (Reply::Answer(201, json!({"id": 7})), doubt, None),
        (Reply::Answer(218, json!({"id": "R1"})), done, Some(FailureClass::IllTyped)),
    ] {
        let what = format!(
            "{:?}",
            match &reply {
                Reply::Answer(s, b) | Reply::With(s, _, b) => format!("{s} {b}"),
                Reply::Empty(s) | Reply::Later(s, _) => s.to_string(),
                Reply::Fail(c) => format!("{c:?}"),
            }
        );
        let mut world = refund_world(move |path, _| (path == "refund").then(|| reply.clone()));
        let run = start(&plan, inputs(), &mut world);
        assert_eq!(run.state.phase, phase, "{what}");
        assert_eq!(run.state.failure.as_ref().map(|failure| failure.class), class, "{what}");
        // Nothing is undone while a refund is in doubt; otherwise everything is.
        let undone = world.effects.iter().filter(|path| path.ends_with("moved/undo")).count();
        assert_eq!(undone, if phase == doubt { 0 } else { 2 }, "{what}");
    }
}

#[test]
fn after_an_unknown_outcome_a_refusal_leaves_doubt() {
    let plan = flows::refund();
    for second in [Reply::Empty(400), Reply::Empty(429), Reply::Fail(SendFailure::Connect)] {
        let mut world = refund_world(move |path, attempt| {
            (path == "refund").then(|| if attempt == 1 { Reply::Empty(500) } else { second.clone() })
        });
        let run = start(&plan, inputs(), &mut world);
        assert_eq!(run.state.phase, Phase::Paused(PauseCause::InDoubt));
    }
    let mut world =
        refund_world(|path, attempt| (path == "refund" && attempt == 1).then_some(Reply::Empty(500)));
    assert_eq!(start(&plan, inputs(), &mut world).state.phase, Phase::Finished(Status::Succeeded));
}

#[test]
fn a_documented_status_fails_with_the_flows_own_words() {
    let plan = flows::refund();
    let mut world = refund_world(|path, _| (path == "ticket").then_some(Reply::Empty(404)));
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(failure(&run), FailureClass::Rule);
    assert_eq!(run.state.failure.unwrap().message, "no such ticket");
}

#[test]
fn a_failing_undo_is_stuck_and_tried_again_with_the_same_key() {
    let plan = flows::refund();
    let mut world = refund_world(|path, _| match path {
        "refund" => Some(Reply::Empty(400)),
        path if path.ends_with("[1].moved/undo") => Some(Reply::Empty(409)),
        _ => None,
    });
    let mut run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
    assert!(world.effects.iter().any(|path| path.ends_with("[0].moved/undo")), "the others still run");
    let engine = Engine::new(&plan);
    let mut outside = outside(&plan);
    outside.now = run.log.last().unwrap().0.time;
    resume(&engine, &mut run, &outside);
    world.script = Box::new(|path, _, _| Reply::Answer(200, flows::undo_body(path)));
    drive(&engine, &mut run, &mut world, &mut outside);
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
    assert_eq!(replay(&plan, "run-1", &run.log).1, Legal::Yes);
}

/// An undo whose effect cannot be known is never sent again; the others still run.
#[test]
fn an_undo_in_doubt_is_not_sent_again_and_holds_up_no_other() {
    let plan = flows::refund();
    for odd in [Reply::Empty(303), Reply::Answer(200, json!({"id": 7}))] {
        let mut world = refund_world(move |path, _| match path {
            "refund" => Some(Reply::Empty(400)),
            path if path.ends_with("[1].moved/undo") => Some(odd.clone()),
            _ => None,
        });
        let mut run = start(&plan, inputs(), &mut world);
        let engine = Engine::new(&plan);
        let mut outside = outside(&plan);
        outside.now = run.state.at;
        for _ in 0..2 {
            assert_eq!(run.state.phase, Phase::Paused(PauseCause::InDoubt));
            assert!(
                run.state.in_doubt().iter().all(|path| path.is_undo()) && run.state.in_doubt().len() == 1
            );
            let sent = |end| world.sent.iter().filter(|(path, ..)| path.ends_with(end)).count();
            assert_eq!((sent("[0].moved/undo"), sent("[1].moved/undo")), (1, 1));
            resume(&engine, &mut run, &outside);
            drive(&engine, &mut run, &mut world, &mut outside);
        }
    }
}

/// Attempts of an undo that is tried again after a resume go on in the chain of the earlier ones.
#[test]
fn a_resumed_undo_names_the_attempt_before() {
    let plan = flows::refund();
    let mut world = refund_world(|path, _| match path {
        "refund" => Some(Reply::Empty(400)),
        path if path.ends_with("/undo") => Some(Reply::Empty(503)),
        _ => None,
    });
    let mut run = start(&plan, inputs(), &mut world);
    assert_eq!((run.state.phase, run.state.stuck().len()), (Phase::Paused(PauseCause::Stuck), 2));
    let engine = Engine::new(&plan);
    let mut outside = outside(&plan);
    outside.now = run.state.at;
    resume(&engine, &mut run, &outside);
    drive(&engine, &mut run, &mut world, &mut outside);
    let undo = |record: &Record| record.node.as_deref().is_some_and(|node| node.ends_with("[1].moved/undo"));
    let intents: Vec<&Record> = run
        .log
        .iter()
        .map(|(record, _)| record)
        .filter(|record| record.kind == Kind::AttemptIntended && undo(record))
        .collect();
    for pair in intents.windows(2) {
        assert_eq!(pair[1].previous_attempt, Some(record_hash(pair[0].leaf().unwrap().as_bytes())));
    }
    assert!(intents.len() >= 2 && replay(&plan, "run-1", &run.log).1 == Legal::Yes);
}

/// Two items of different outer iterations with one `key once per` would be one effect at the counterparty.
#[test]
fn one_key_for_two_calls_is_refused_wherever_it_shows() {
    let plan = flows::keyed_with("retry careful", "retry careful key once per line.sku");
    let order = |id: &str| json!({"id": id, "amount": 1, "charge_id": "C", "lines": [{"sku": "S", "quantity": 1}], "customer": {"email": "a@b.example"}});
    let mut world = World::new(|path, _| match path {
        path if path.ends_with("moved") => Reply::Answer(201, flows::return_body(path)),
        path if path.ends_with("refund") => Reply::Answer(201, flows::refund_body("R1")),
        _ => Reply::Answer(200, flows::undo_body("moved")),
    });
    let run = start(&plan, json!({"orders": [order("A"), order("B")], "most": 3}), &mut world);
    assert_eq!(failure(&run), FailureClass::Key);
    assert_eq!(
        run.state.failure.as_ref().unwrap().message,
        "it has the same `key once per` as `counts[0].booked[0].moved`"
    );
    assert!(world.sent.iter().filter(|(path, ..)| path.ends_with(".moved")).count() < 2);

    // Items of one loop are compared before its first iteration.
    let mut twice = order("A");
    twice["lines"] =
        json!([{"sku": "R", "quantity": 1}, {"sku": "S", "quantity": 1}, {"sku": "S", "quantity": 2}]);
    let run = start(&plan, json!({"orders": [twice], "most": 3}), &mut world);
    assert_eq!(failure(&run), FailureClass::Key);
    let message = &run.state.failure.as_ref().unwrap().message;
    let [this, earlier] = [2, 1].map(|item| format!("`counts[0].booked[{item}].moved`"));
    assert_eq!(message, &format!("{this} has the same `key once per` as {earlier}"));
}

/// An answer cannot make a run wait for ever, nor write a moment that no journal can hold.
#[test]
fn an_endless_retry_after_is_not_waited_for() {
    let plan = flows::refund_with("  region  eu at", "  retry persistent\n  region  eu at");
    let mut world = refund_world(|path, _| match path {
        "refund" => Some(Reply::Later(429, u64::MAX.to_string())),
        _ => None,
    });
    let run = start(&plan, inputs(), &mut world);
    assert_eq!((run.state.phase, failure(&run)), (Phase::Finished(Status::Failed), FailureClass::Exhausted));
}

#[test]
fn five_hundred_items_forty_at_once_are_no_trouble() {
    let plan = flows::nested_with("at most 5 parallel 3", "at most 200 parallel 20");
    let orders: Vec<Json> = (0..5).map(|_| ticket(100)).collect();
    let mut world = World::new(|path, _| match path {
        path if path.ends_with("moved") => Reply::Answer(201, flows::return_body(path)),
        _ => Reply::Answer(201, flows::refund_body("R1")),
    });
    let run = start(&plan, json!({"orders": orders, "most": 200}), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded));
    assert_eq!((world.effects.len(), &run.state.outputs["booked"]), (505, &json!(500)));
}

#[test]
fn a_list_beyond_its_bound_fails_before_its_first_iteration() {
    let plan = flows::refund_with("at most 200", "at most 1");
    let mut world = refund_world(|_, _| None);
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(failure(&run), FailureClass::Bound);
    assert!(world.effects.is_empty());
}

#[test]
fn a_passed_deadline_fails_the_run_and_undoes_it() {
    let plan = flows::refund_with("deadline 26h", "deadline 1s");
    let mut world = refund_world(|path, attempt| {
        (path == "refund" && attempt < 8).then_some(Reply::Fail(SendFailure::Connect))
    });
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
    assert!(matches!(failure(&run), FailureClass::Deadline | FailureClass::Exhausted));
    assert_eq!(world.effects.iter().filter(|path| path.ends_with("/undo")).count(), 2);
    let end = run.log.last().unwrap().0.time;
    assert!(end.since(run.state.started) < 2_000, "nothing waits beyond the deadline");
}

/// What is under way when the deadline comes is awaited. Where nothing was left to do but that, it is the run's success:
/// an effect after which nothing can fail has no undo, so nothing may fail the run after it.
#[test]
fn a_deadline_that_comes_during_the_last_effect_fails_nothing() {
    let plan = flows::refund_with("deadline 26h", "deadline 1s");
    let slow = |node: &'static str| {
        move || {
            let mut world = refund_world(|_, _| None);
            world.takes = Box::new(move |path| if path == node { 9_000 } else { 3 });
            world
        }
    };
    let mut world = slow("refund")();
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded), "{:?}", run.state.failure);
    assert_eq!((run.state.outputs["refund_id"].as_str(), world.effects.len()), (Some("R1"), 3));
    // Its answer is written down, and then the process dies.
    let engine = Engine::new(&plan);
    let (mut world, mut outside) = (slow("refund")(), outside(&plan));
    let mut cut = Run { state: State::new("run-1"), log: run.log[..run.log.len() - 1].to_vec() };
    cut = crash(&plan, cut.log, &mut outside);
    drive(&engine, &mut cut, &mut world, &mut outside);
    assert_eq!(cut.state.phase, Phase::Finished(Status::Succeeded), "{:?}", cut.state.failure);
    // No other attempt begins: what came before is undone.
    let mut world = slow("for_1[1].moved")();
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(failure(&run), FailureClass::Deadline);
    assert_eq!(world.effects.iter().filter(|path| path.ends_with("/undo")).count(), 2);
    assert!(!world.effects.contains(&"refund".to_owned()), "{:?}", world.effects);
}

#[test]
fn breakers_open_park_probe_and_close_within_the_log() {
    let plan = flows::refund();
    // Twelve failures of the tickets' api would exceed its retry policy; the loop's steps share warehouse's breaker.
    let mut world = refund_world(|path, attempt| match path {
        "ticket" => Some(Reply::Answer(200, ticket(20))),
        path if path.ends_with("moved") && attempt == 1 => Some(Reply::Empty(503)),
        _ => None,
    });
    let run = start(&plan, inputs(), &mut world);
    let count = |kind| run.log.iter().filter(|(record, _)| record.kind == kind).count();
    assert!(
        count(Kind::BreakerOpened) >= 1 && count(Kind::BreakerHalfOpen) >= 1 && count(Kind::TimerSet) >= 1
    );
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded));
    assert_eq!(world.effects.len(), 21);
}

/// The process dies after each record, with and without the request having reached its counterparty, and dies again
/// three records later: the resumed run ends the same way, with the same effects.
fn crash_everywhere(change: fn(&str, u32) -> Option<Reply>, revoked: fn(&str) -> bool) {
    let plan = flows::refund();
    let engine = Engine::new(&plan);
    let mut calm = refund_world(change);
    calm.revoked = Box::new(revoked);
    let whole = start(&plan, inputs(), &mut calm);
    for length in 1..whole.log.len() {
        for reached in [false, true] {
            let mut world = refund_world(change);
            world.revoked = Box::new(revoked);
            let log: Log = whole.log[..length].to_vec();
            // What the counterparties saw so far: every answered effect, and the intended one where it got through.
            for (record, payload) in &log {
                let Some(item) = payload.as_ref().and_then(|payload| payload.get("request")) else {
                    continue;
                };
                let request: Request = serde_json::from_value(item.value.clone()).unwrap();
                let node = record.node.clone().unwrap();
                let answered = log.iter().any(|(other, _)| {
                    other.kind == Kind::AttemptAnswered
                        && other.node == record.node
                        && other.attempt == record.attempt
                });
                if answered || reached {
                    world.send(&node, record.attempt.unwrap(), &request);
                }
            }
            let mut outside = outside(&plan);
            let mut run = crash(&plan, log, &mut outside);
            drive_until(length + 4, &engine, &mut run, &mut world, &mut outside);
            if !matches!(run.state.phase, Phase::Finished(_)) {
                run = crash(&plan, run.log, &mut outside);
                drive(&engine, &mut run, &mut world, &mut outside);
            }
            if run.state.phase == Phase::Paused(PauseCause::Stuck) {
                // An undo without a retry policy has one attempt, and the crash took it.
                resume(&engine, &mut run, &outside);
                drive(&engine, &mut run, &mut world, &mut outside);
            }
            assert_eq!(run.state.phase, whole.state.phase, "crash after record {length}");
            assert_eq!(run.state.outputs, whole.state.outputs, "crash after record {length}");
            let sorted = |world: &World| world.effects.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!((world.effects.len(), sorted(&world)), (calm.effects.len(), sorted(&calm)));
            assert_eq!(replay(&plan, "run-1", &run.log).1, Legal::Yes);
        }
    }
}

#[test]
fn a_crash_at_every_record_changes_nothing_for_the_counterparties() {
    crash_everywhere(|_, _| None, |_| false);
}

#[test]
fn a_crash_at_every_record_of_a_failing_run_still_undoes_everything() {
    crash_everywhere(|_, _| None, |path| path == "refund");
}

#[test]
fn a_crash_at_every_record_of_a_run_with_retries_keeps_its_keys() {
    let later = |path: &str, attempt| {
        (path == "refund" && attempt < 3).then(|| Reply::Answer(503, json!({"title": "later"})))
    };
    crash_everywhere(later, |_| false);
}

/// Any record left out, doubled or swapped with its neighbour makes the log illegal.
#[test]
fn logs_that_no_engine_wrote_are_illegal() {
    let plan = flows::refund();
    let mut world =
        refund_world(|path, attempt| (path == "refund" && attempt == 1).then_some(Reply::Empty(503)));
    let run = start(&plan, inputs(), &mut world);
    for position in 1..run.log.len() - 1 {
        let mut without = run.log.clone();
        without.remove(position);
        let mut doubled = run.log.clone();
        doubled.insert(position, run.log[position].clone());
        for log in [without, doubled] {
            assert!(matches!(replay(&plan, "run-1", &log).1, Legal::No { .. }), "record {position}");
        }
    }
    let mut other = run.log.clone();
    for (record, _) in &mut other {
        if record.kind == Kind::RetryScheduled {
            record.decision.insert("delay_ms".into(), json!(600_000));
        }
    }
    assert!(matches!(replay(&plan, "run-1", &other).1, Legal::No { .. }));
    let mut sealed = run.log.clone();
    sealed.iter_mut().for_each(|(_, payload)| *payload = None);
    assert!(matches!(replay(&plan, "run-1", &sealed).1, Legal::StructureOnly { .. }));
    // Without payloads too a handoff is what the plan says of its callee.
    let verified = eczflow::audit::Kind::HandoffVerified;
    let mut turned = sealed.clone();
    let (record, _) = turned.iter_mut().find(|(record, _)| record.kind == verified).unwrap();
    record.kind = eczflow::audit::Kind::HandoffUnverified;
    assert!(matches!(replay(&plan, "run-1", &turned).1, Legal::No { .. }));
    let mut turned = sealed.clone();
    let (record, _) = turned.iter_mut().find(|(record, _)| record.kind == verified).unwrap();
    record.identities = None;
    assert!(matches!(replay(&plan, "run-1", &turned).1, Legal::No { .. }));
}

//! Logs that look right and break the policy: replay must not call them legal.

use eczflow::audit::{Kind, Payload, Record};
use eczflow::base::Timestamp;
use eczflow::verify::{Legal, replay};
use serde_json::{Value as Json, json};

use crate::flows;
use crate::world::*;

type Entry = (Record, Option<Payload>);

/// The log of a run whose refund needs two attempts.
fn honest() -> (eczflow::plan::Verified<eczflow::plan::Plan>, Log) {
    let plan = flows::refund();
    let mut world =
        refund_world(|path, attempt| (path == "refund" && attempt == 1).then_some(Reply::Empty(503)));
    let log = start(&plan, inputs(), &mut world).log;
    (plan, log)
}

fn position(log: &Log, kind: Kind, node: &str) -> usize {
    log.iter()
        .position(|(record, _)| record.kind == kind && record.node.as_deref().unwrap_or_default() == node)
        .unwrap()
}

fn observations(entry: &mut Entry) -> &mut Vec<Json> {
    entry.1.as_mut().unwrap().get_mut("observations").unwrap().value.as_array_mut().unwrap()
}

fn checks(entry: &mut Entry) -> &mut Vec<Json> {
    entry.0.decision.get_mut("checks").unwrap().as_array_mut().unwrap()
}

#[test]
fn a_verdict_must_be_what_the_plan_demands() {
    let (plan, log) = honest();
    type Lie = fn(&mut Entry);
    let lies: [(&str, Lie); 12] = [
        ("our operator is left out", |entry| {
            checks(entry).pop();
            observations(entry).pop();
        }),
        ("only the callee is asked for", |entry| {
            checks(entry).truncate(1);
            observations(entry).truncate(1);
        }),
        ("no origin had to agree", |entry| observations(entry)[0]["asked"]["origin"] = Json::Null),
        ("no region had to be projected", |entry| observations(entry)[0]["asked"]["region"] = Json::Null),
        ("no hash had to agree", |entry| observations(entry)[0]["asked"]["spec_hash"] = Json::Null),
        ("no operation had to be projected", |entry| {
            observations(entry)[0]["asked"]["operations"] = json!([]);
        }),
        ("another hash is compared", |entry| {
            observations(entry)[0]["asked"]["canonical_hash"] = json!(format!("sha256:{}", "0".repeat(64)));
        }),
        ("one identity stands for another", |entry| {
            let own = observations(entry)[2].clone();
            observations(entry)[1] = own;
        }),
        ("another state is shown", |entry| checks(entry)[0]["state"] = json!("CLAIMED")),
        ("an answer is reused that must be rechecked", |entry| checks(entry)[0]["reused"] = json!(true)),
        ("an answer was not asked for this attempt", |entry| {
            let earlier = Timestamp(entry.0.time.0 - 60_001);
            checks(entry)[2]["observed"] = json!(earlier.to_string());
            checks(entry)[2]["age_ms"] = json!(60_001);
        }),
        ("its age is not what its times say", |entry| {
            let earlier = Timestamp(entry.0.time.0 - 300_000);
            checks(entry)[2]["observed"] = json!(earlier.to_string());
            checks(entry)[2]["reused"] = json!(true);
        }),
    ];
    let at = position(&log, Kind::HandoffVerified, "refund");
    for (what, lie) in lies {
        let mut forged = log.clone();
        lie(&mut forged[at]);
        assert_ne!(forged[at], log[at], "{what}");
        let Legal::No { seq, .. } = replay(&plan, "run-1", &forged).1 else { panic!("{what}") };
        assert_eq!(seq, log[at].0.seq, "{what}");
    }
    // What the policy allows is legal: our own agent's answer of half a minute ago.
    let mut reused = log.clone();
    let earlier = Timestamp(reused[at].0.time.0 - 30_000);
    for own in &mut checks(&mut reused[at])[2..] {
        own["observed"] = json!(earlier.to_string());
        (own["reused"], own["age_ms"]) = (json!(true), json!(30_000));
    }
    assert_eq!(replay(&plan, "run-1", &reused).1, Legal::Yes);
}

#[test]
fn times_attempts_and_pauses_must_be_what_happened() {
    let (plan, log) = honest();
    let intended = position(&log, Kind::AttemptIntended, "refund");
    let answered = position(&log, Kind::AttemptAnswered, "refund");
    let retry = position(&log, Kind::RetryScheduled, "refund");
    let run_event = |kind, decision: Json| {
        let mut entry = log[0].clone();
        entry.0.time = log[intended].0.time;
        (entry.0.kind, entry.0.decision) = (kind, serde_json::from_value(decision).unwrap());
        entry.0.commitments.clear();
        entry.1 = Some(Payload::default());
        entry
    };
    let inserted = |at: usize, entry: Entry| {
        let mut log = log.clone();
        log.insert(at, entry);
        log
    };
    let changed = |at: usize, change: &dyn Fn(&mut Entry)| {
        let mut log = log.clone();
        change(&mut log[at]);
        log
    };
    let opened = |path: &str, until: i64| {
        let mut entry = run_event(
            Kind::BreakerOpened,
            json!({"api": "payments", "calls": 10, "failures": 10, "slow": 0, "openings": 1,
                "until": Timestamp(log[answered].0.time.0 + until).to_string()}),
        );
        entry.0.node = Some(path.to_owned());
        entry.0.time = log[answered].0.time;
        entry
    };
    let forgeries = [
        ("time goes back", changed(answered, &|entry| entry.0.time = Timestamp(0))),
        ("a retry comes before its time", {
            let mut log = log.clone();
            let at = log[retry].0.time;
            log[retry + 1..].iter_mut().for_each(|(record, _)| record.time = at);
            log
        }),
        ("a pause while a request is under way", {
            inserted(intended + 1, run_event(Kind::RunPaused, json!({"status": "paused"})))
        }),
        ("resumed from a pause that was none", {
            inserted(intended, run_event(Kind::RunResumed, json!({"after": "pause"})))
        }),
        ("an answer after the process ended", {
            inserted(intended + 1, run_event(Kind::RunResumed, json!({"after": "interruption"})))
        }),
        ("the breaker opens where no attempt ended", inserted(answered, opened("refund", 8_000))),
        ("the breaker stays open for years", inserted(answered + 1, opened("refund", 1 << 40))),
        ("another way to write a path", {
            let inside = |(record, _): &Entry| {
                record.kind == Kind::AttemptAnswered
                    && record.node.as_deref().unwrap_or_default().contains("[0]")
            };
            changed(log.iter().position(inside).unwrap(), &|entry| {
                entry.0.node = entry.0.node.take().map(|node| node.replace("[0]", "[00]"));
            })
        }),
        ("an input that the flow does not have", {
            changed(0, &|entry| {
                entry.1.as_mut().unwrap().get_mut("inputs").unwrap().value["more"] = json!(1);
            })
        }),
    ];
    for (what, forged) in forgeries {
        assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }), "{what}");
    }
    let honest = inserted(answered + 1, opened("refund", 8_000));
    assert_eq!(replay(&plan, "run-1", &honest).1, Legal::Yes);
}

//! A made-up run, as the engine would record it: for tests of this room and of the store.

use serde_json::{Value, json};

use super::record::*;
use crate::base::{Digest, Random, Timestamp};

/// Text that stands for a plan.
pub(crate) const PLAN: &str = r#"{"flow":{"name":"refund"},"format":"eczflow-plan-1"}"#;

fn identities() -> Identities {
    let id = |text: &str| text.parse().unwrap();
    Identities {
        presenter: id("ECZ-GB-A1B2C3::AGENT-7QK2M9"),
        operator: id("ECZ-GB-A1B2C3"),
        callee_operator: Some(id("ECZ-DE-D4E5F6")),
        callee_passport: Some(id("ECZ-DE-D4E5F6::API-8RT3N2")),
    }
}

/// Twelve records of a run whose one call succeeds on its second attempt, chained and committed.
pub(crate) fn run(run: &str, random: &dyn Random) -> Vec<(Record, Payload)> {
    let plan = Digest::of(PLAN).to_string();
    /// Kind, node and attempt, decision, payload.
    type Event = (Kind, Option<(&'static str, u32)>, Value, Value);
    let steps: [Event; 12] = [
        (
            Kind::RunStarted,
            None,
            json!({"environment": "sandbox", "resolver": "https://resolver.example", "plan_digest": plan}),
            json!({"inputs": {"ticket_id": "T1"}}),
        ),
        (
            Kind::HandoffVerified,
            Some(("refund", 0)),
            json!({"state": "BOUND", "age_ms": 12}),
            json!({"projection": {"state": "BOUND"}}),
        ),
        (
            Kind::AttemptIntended,
            Some(("refund", 1)),
            json!({"method": "POST"}),
            json!({"body": {"amount": 40.5, "charge": "C1"}, "key": "k\u{e9}y"}),
        ),
        (Kind::AttemptFailed, Some(("refund", 1)), json!({"class": "transient", "status": 503}), json!({})),
        (Kind::RetryScheduled, Some(("refund", 0)), json!({"delay_ms": 40, "budget": 486}), json!({})),
        (Kind::TimerSet, Some(("refund", 0)), json!({"until": "2026-11-20T18:45:02.163Z"}), json!({})),
        (Kind::TimerFired, Some(("refund", 0)), json!({}), json!({})),
        (
            Kind::AttemptIntended,
            Some(("refund", 2)),
            json!({"method": "POST"}),
            json!({"body": {"amount": 40.5, "charge": "C1"}, "key": "k\u{e9}y"}),
        ),
        (
            Kind::AttemptAnswered,
            Some(("refund", 2)),
            json!({"status": 201, "fits": true}),
            json!({"answer": {"id": "R1", "state": null, "lines": [1, 2]}}),
        ),
        (Kind::StepDone, Some(("refund", 0)), json!({}), json!({})),
        (Kind::ValueComputed, None, json!({"node": "return"}), json!({"value": {"refund_id": "R1"}})),
        (Kind::RunFinished, None, json!({"status": "done"}), json!({"outputs": {"refund_id": "R1"}})),
    ];
    let mut records: Vec<(Record, Payload)> = Vec::new();
    let (mut prev, mut intended) = (None, None);
    for (seq, (kind, call, decision, items)) in steps.into_iter().enumerate() {
        let payload: Payload = items
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), PayloadItem::new(value.clone(), random)))
            .collect();
        let attempt = call.map(|(_, attempt)| attempt).filter(|attempt| *attempt > 0);
        let record = Record {
            v: RECORD_FORMAT.to_owned(),
            run: run.to_owned(),
            seq: seq as u64,
            prev,
            time: Timestamp(1_795_000_000_000 + seq as i64 * 7),
            kind,
            salt: Salt::generate(random),
            node: call.map(|(node, _)| node.to_owned()),
            operation: call.map(|_| "payments.createRefund".to_owned()),
            attempt,
            previous_attempt: if attempt == Some(2) { intended } else { None },
            identities: matches!(kind, Kind::HandoffVerified | Kind::AttemptIntended).then(identities),
            decision: decision.as_object().unwrap().clone(),
            commitments: commitments_of(&payload).unwrap(),
        };
        let hash = record_hash(record.leaf().unwrap().as_bytes());
        prev = Some(hash);
        if kind == Kind::AttemptIntended && intended.is_none() {
            intended = Some(hash);
        }
        records.push((record, payload));
    }
    records
}

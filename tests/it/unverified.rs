//! Parties without a passport, over real HTTPS: never asked about, recorded as unverified, and nothing else passes for it.

use eczflow::audit::{Disclosure, Kind, Trust, write_bundle};
use eczflow::engine::{Phase, Status};
use eczflow::plan::{Party, Plan, PlanError, Verified};
use eczflow::sandbox::Faults;
use eczflow::store::{Entry, Store as _};
use eczflow::verify::{Legal, replay, verify};
use serde_json::json;

use crate::flows;
use crate::stage::Stage;

const FLOW: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3 agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api support = openapi("apis/support.openapi.yaml")
api weather = openapi("apis/plain.yaml") {
  no passport because "the weather service has none yet"
  server "https://eu.weather.example/v1"
}
flow look(ticket_id: string) -> { amount: decimal, rain: bool } {
  as acme.agent
  handoff strict
  step ticket = support.getTicket(ticketId: ticket_id)
  step found = weather.getDay(day: "monday")
  return { amount: ticket.amount, rain: found.rain }
}
"#;

/// A record and its payload, as a log has them.
type Pair = (eczflow::audit::Record, Option<eczflow::audit::Payload>);

fn plan() -> Verified<Plan> {
    let mut files = flows::refund_files(Some(FLOW));
    files.insert("apis/plain.yaml", include_str!("../ui/apis/plain.yaml"));
    flows::compile(files)
}

fn pairs(entries: &[Entry]) -> Vec<Pair> {
    entries.iter().map(|entry| (entry.record.clone(), Some(entry.payload.clone()))).collect()
}

/// What an operator's own api may be sent, one that only the flow calls its own is sent too: the proof says so.
#[test]
fn an_operator_that_only_the_flow_names_is_an_assumption() {
    let believed = |flow: &str| {
        let mut files = flows::refund_files(Some(flow));
        files.insert("apis/plain.yaml", include_str!("../ui/apis/plain.yaml"));
        let mut assumed = flows::compile(files).proof.assumptions.clone();
        assumed.retain(|line| line.contains("as only the flow says"));
        assumed
    };
    let named = FLOW
        .replace("api support", "operator office { passport ECZ-GB-METOFF }\napi support")
        .replace("  no passport", "  operator office\n  no passport");
    assert_eq!(
        believed(&named),
        [
            "api `weather` is of ECZ-GB-METOFF as only the flow says, and is sent what is ECZ-GB-METOFF's own: it has no passport because the weather service has none yet"
        ]
    );
    assert!(believed(FLOW).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_without_a_passport_is_called_and_shown_as_unverified() {
    let plan = plan();
    let weather = &plan.apis["weather"];
    assert!(matches!(&weather.identity, Party::NoPassport { because, .. } if because.contains("none yet")));
    assert_eq!(weather.base_url, "https://eu.weather.example/v1");
    assert_eq!(eczflow::plan::unverified(&plan), (1, 2));
    let words = |name: &str, subject: &str| {
        let found = plan.proof.obligations.iter().find(|one| one.name == name && one.subject == subject);
        found.unwrap().holds_by.clone()
    };
    for (name, subject) in [("P4", "found"), ("P5", "weather")] {
        assert!(words(name, subject).contains("unverified: no passport, because the weather"), "{name}");
    }
    let stage = Stage::new(plan.clone(), Faults::default()).await;
    let run = stage.run(json!({"ticket_id": "T1"})).await;
    assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
    stage.audit(&run);
    let entries = stage.entries(&run);
    let of = |kind: Kind| entries.iter().position(|entry| entry.record.kind == kind).unwrap();
    let at = of(Kind::HandoffUnverified);
    let record = &entries[at].record;
    assert_eq!(record.node.as_deref(), Some("found"));
    assert_eq!(record.decision["verdict"], "no_passport");
    assert!(record.commitments.contains_key("no_passport"));
    assert!(!record.leaf().unwrap().contains("none yet"));
    assert_eq!(record.identities.as_ref().unwrap().callee_passport, None);
    // Our own agent and operator alone were asked about.
    let asked = record.decision["checks"].as_array().unwrap();
    assert!(asked.iter().all(|check| check["ecz_id"].as_str().unwrap().starts_with("ECZ-GB-A1B2C3")));
    assert_eq!(asked.len(), 2);

    let export = stage.store.export(&run.run).unwrap();
    let mut sealed = Vec::new();
    write_bundle(&export, Disclosure::Sealed, &mut sealed).unwrap();
    let report = verify(&mut sealed.as_slice(), Trust::Key(&stage.store.log_key()));
    assert!(!report.failed(true), "{:?}", report.answers.whole);
    assert!(matches!(report.legal, Some(Legal::StructureOnly { .. })));
    let records = report.answers.bundle.unwrap().records;
    assert_eq!(records.iter().filter(|record| record.kind == Kind::HandoffUnverified).count(), 1);

    // Nothing else passes for it, and it passes for nothing else.
    let honest = pairs(&entries);
    assert_eq!(replay(&plan, &run.run, &honest).1, Legal::Yes);
    let refused = |change: &dyn Fn(&mut Vec<Pair>), at: usize| {
        let mut forged = honest.clone();
        change(&mut forged);
        assert_ne!(forged, honest);
        let Legal::No { seq, why } = replay(&plan, &run.run, &forged).1 else { panic!("legal") };
        assert_eq!(seq, honest[at].0.seq, "{why}");
    };
    let verified = of(Kind::HandoffVerified);
    let as_unverified = |entry: &mut Pair| {
        let reason = honest[at].1.as_ref().unwrap()["no_passport"].clone();
        let commitment = honest[at].0.commitments["no_passport"];
        entry.0.kind = Kind::HandoffUnverified;
        entry.0.decision.insert("verdict".into(), json!("no_passport"));
        entry.0.commitments.insert("no_passport".into(), commitment);
        entry.1.as_mut().unwrap().insert("no_passport".into(), reason);
    };
    refused(&|log| as_unverified(&mut log[verified]), verified);
    refused(
        &|log| {
            as_unverified(&mut log[verified]);
            let own = log[at].clone();
            log[verified].0.decision = own.0.decision;
            log[verified].1 = own.1;
            log[verified].0.commitments = own.0.commitments;
        },
        verified,
    );
    refused(
        &|log| {
            log[at].0.kind = Kind::HandoffVerified;
            log[at].0.decision.remove("verdict");
            log[at].0.commitments.remove("no_passport");
            log[at].1.as_mut().unwrap().remove("no_passport");
        },
        at,
    );
    refused(
        &|log| log[at].1.as_mut().unwrap().get_mut("no_passport").unwrap().value = json!("it was late"),
        at,
    );
}

#[test]
fn an_edited_plan_verifies_no_less() {
    let plan = plan();
    let edited = |pointer: &str, value: serde_json::Value| {
        let mut text = serde_json::to_value(&*plan).unwrap();
        *text.pointer_mut(pointer).unwrap() = value;
        eczflow::plan::check(serde_json::from_value(text).unwrap()).unwrap_err()
    };
    let none = json!({"kind": "no_passport", "because": "none"});
    assert!(matches!(edited("/apis/support/identity", none), PlanError::Obligation { name: "P4", .. }));
    let found = "/flow/body/nodes/1/kind/call/handoff";
    let require = edited(&format!("{found}/verify/mode"), json!("require"));
    assert!(matches!(require, PlanError::Obligation { name: "P4", .. }), "{require}");
    let signed = edited(&format!("{found}/evidence"), json!("E4"));
    assert!(matches!(signed, PlanError::Obligation { name: "P4", .. }), "{signed}");
    let elsewhere = edited("/apis/weather/server", json!("https://weather.elsewhere/v1"));
    assert!(matches!(elsewhere, PlanError::Obligation { name: "P5", .. }), "{elsewhere}");
    let because = edited("/apis/weather/identity/because", json!("another reason"));
    assert!(matches!(because, PlanError::Proof { .. }), "{because}");
}

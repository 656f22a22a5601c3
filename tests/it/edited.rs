//! Plans whose content was changed: no proof makes up for it, whatever it states.

use eczflow::base::{Digest, Explained};
use eczflow::plan::{self, Plan, Verified};
use eczflow::source::MemoryFiles;
use serde_json::{Value as Json, json};

use crate::flows;

/// The refund example, whose `createRefund` declares a header that has nothing to do with keys.
fn noted() -> Verified<Plan> {
    let mut files: MemoryFiles = flows::refund_files(None);
    let document = include_str!("../../examples/refund/apis/payments.openapi.json");
    let from = r#""summary": "Gives money back","#;
    let note = r#""parameters": [{ "name": "X-Note", "in": "header", "schema": { "type": "string" } }],"#;
    assert_eq!(document.matches(from).count(), 1);
    files.insert("apis/payments.openapi.json", document.replace(from, &format!("{from} {note}")));
    flows::compile(files)
}

/// The plan with a member in place of another, or beside the others.
pub(crate) fn edited(plan: &Plan, pointer: &str, value: Json) -> Plan {
    let mut json = serde_json::to_value(plan).unwrap();
    let (of, name) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(of).unwrap_or_else(|| panic!("{pointer}"))[name] = value;
    serde_json::from_value(json).unwrap()
}

/// Why a plan is refused whatever it states as its proof: `CODE: WORDS`.
pub(crate) fn refused(plan: &Plan) -> String {
    let Err(error) = plan::prove(plan) else { return String::new() };
    assert!(plan::check(plan.clone()).is_err());
    format!("{}: {error}", error.code())
}

const TICKET: &str = "/flow/body/nodes/0/kind";
const MOVED: &str = "/flow/body/nodes/3/kind/body/nodes/0/kind";
pub(crate) const REFUND: &str = "/flow/body/nodes/4/kind";

fn name(name: &str) -> Json {
    json!({"op": "name", "name": name})
}

/// Each edit is refused, and for its own reason.
fn all_refused(plan: &Plan, edits: &[(&str, &str, Json, &str)]) {
    assert_eq!(refused(plan), "");
    for (node, member, value, why) in edits {
        let found = refused(&edited(plan, &format!("{node}/{member}"), value.clone()));
        assert!(found.starts_with("ER20") && found.contains(why), "{node}/{member}: {found}, not {why}");
    }
}

#[test]
fn an_idempotency_fact_is_the_one_that_holds() {
    let documented = |header: &str| json!({"source": "documented", "header": header});
    let assumed =
        json!({"source": "assumed", "header": "Idempotency-Key", "by": "acme", "because": "their guide"});
    let none = "documents no idempotency header";
    let other = "documents the header `Idempotency-Key`";
    all_refused(
        &noted(),
        &[
            (REFUND, "call/idempotency", documented("X-Note"), none),
            (REFUND, "call/idempotency", documented("Idempotency-Key"), none),
            (MOVED, "call/idempotency", documented("idempotency-key"), other),
            (MOVED, "call/idempotency", assumed, other),
            (
                TICKET,
                "call/idempotency",
                documented("Idempotency-Key"),
                "a safe call has no idempotency fact",
            ),
        ],
    );
}

#[test]
fn what_no_clause_can_say_is_refused() {
    let plan = flows::refund();
    let text = |value: &str| json!({"op": "string", "value": value});
    let both = json!({"op": "list", "items": [name("ticket_id"), name("ticket_id")]});
    let glued = json!({"op": "call", "function": "join", "arguments": [both, text("")]});
    let run = json!({"op": "run", "member": "started"});
    let part = |value: Json| json!({"value": value});
    let joined = |between: Json| {
        let parts = json!([part(name("ticket_id")), between, part(name("ticket_id"))]);
        json!({"op": "interpolate", "parts": parts})
    };
    let ticket = serde_json::to_value(&*plan).unwrap();
    let read = ticket.pointer(&format!("{TICKET}/call")).unwrap().clone();
    all_refused(
        &plan,
        &[
            (REFUND, "call/once_per", glued, "different values make one key"),
            (REFUND, "call/idempotency/header", "Host".into(), "no key can go into the header `Host`"),
            (REFUND, "call/idempotency/header", "a b".into(), "no key can go into the header `a b`"),
            (MOVED, "undo/once_per", text("x"), "`moved/undo.once_per` is out of range"),
            (REFUND, "undo/once_per", name("ticket_id"), "`refund/undo.once_per` is out of range"),
            (TICKET, "on", json!({"418": text("a teapot")}), "does not document the status 418"),
            (TICKET, "irreversible", "read is read".into(), "it is irreversible, but changes nothing"),
            (REFUND, "call/once_per", joined(json!({"text": ""})), "different values make one key"),
        ],
    );
    assert_eq!(refused(&edited(&plan, &format!("{REFUND}/call/once_per"), joined(json!({"text": "/"})))), "");
    // The key stands for what is asked of the desk, and that is another in each run.
    let keyed = edited(&plan, &format!("{REFUND}/call/once_per"), name("ticket_id"));
    assert_eq!(refused(&keyed), "");
    let unstable = refused(&edited(&keyed, "/flow/inputs/0/default", run));
    assert!(unstable.contains("its key hangs on `run.started`"), "{unstable}");
    // An undo that reads, and its slice no longer there for nothing.
    let mut reads = edited(&plan, &format!("{MOVED}/undo"), read);
    reads.apis.get_mut("warehouse").unwrap().operations.remove("takeBackItem");
    assert!(refused(&reads).contains("its undo only reads: it takes nothing back"), "{}", refused(&reads));
    let undo = "undo  payments.cancelRefund(refundId: refund.id)";
    let last = flows::refund_with(undo, "irreversible because \"the money is gone\"");
    all_refused(&last, &[(REFUND, "irreversible", " ".into(), "it does not say why it is irreversible")]);
}

/// A slice whose header takes no key of the runtime, or not for sure.
#[test]
fn a_key_fits_the_header_that_its_slice_declares() {
    let with = |schema: &str| {
        let mut plan = Plan::clone(&flows::refund());
        let slice = plan.apis.get_mut("warehouse").unwrap().operations.get_mut("returnItem").unwrap();
        let declared = r#"{"maxLength":255,"minLength":16,"type":"string"}"#;
        assert_eq!(slice.text.matches(declared).count(), 1);
        slice.text = slice.text.replace(declared, schema);
        slice.digest = Digest::of(&slice.text);
        plan
    };
    let found = refused(&with(r#"{"maxLength":36,"type":"string"}"#));
    let why = "P3 does not hold at `moved`: the key in `Idempotency-Key` of `returnItem` does not fit: ";
    assert!(found.contains(why) && found.contains("maxLength"), "{found}");
    let open = with(r#"{"pattern":"^[!-~]+$","type":"string"}"#);
    let guard = "moved: the key in `Idempotency-Key` of `returnItem`: the schema also says pattern";
    assert!(plan::prove(&open).unwrap().proof.guards.iter().any(|line| line == guard));
    assert!(plan::check(open).is_err(), "its proof does not list the guard");
}

/// What a called flow takes less of than its caller asks for is listed, and recomputed.
#[test]
fn a_called_flows_weaker_policy_is_listed() {
    let text = r#"eczflow 1
use std.handoff.{ strict, observe }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api support = openapi("apis/support.openapi.yaml")
flow inner(id: string) -> { id: string } {
  as acme.agent
  handoff observe
  step ticket = support.getTicket(ticketId: id)
  return { id: ticket.id }
}
flow outer(id: string) -> { id: string } {
  as acme.agent
  handoff strict
  step found = call inner(id: id)
  return { id: found.id }
}
"#;
    let plan = flows::compile(flows::refund_files(Some(text)));
    let listed = "inner/ticket: `std.handoff.observe` is weaker than `std.handoff.strict` of `outer`, which calls it, in verify";
    assert!(
        plan.proof.assumptions.iter().any(|line| line.starts_with(listed)),
        "{:?}",
        plan.proof.assumptions
    );
    let mut silent = Plan::clone(&plan);
    silent.proof.assumptions.clear();
    assert!(plan::check(silent).is_err());
    let as_strict = json!({"name": "observe", "verify": {"mode": "open", "within_ms": 86_400_000},
        "attest": {"headers": []}, "evidence": "E0", "trace_shared": true});
    let found = refused(&edited(&plan, "/flow/handoff", as_strict));
    assert!(found.contains("no flow that it calls takes a weaker policy"), "{found}");
    let found = refused(&edited(&plan, "/flow/handoff/verify/within_ms", 0.into()));
    assert!(found.starts_with("ER2005"), "{found}");
    // Where it takes no less, nothing is said.
    let same = flows::compile(flows::refund_files(Some(&text.replace("handoff observe", "handoff strict"))));
    assert!(same.flow.handoff.is_none() && same.proof.assumptions.is_empty());
}

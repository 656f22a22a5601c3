//! P3 from a plan alone: wherever a value is put that does not fit, the plan is refused, whatever its digest says.

use eczflow::plan::{Plan, PlanError, Verified, check, prove};
use serde_json::{Value as Json, json};

use crate::flows;

/// Every kind of expression that a duration does not fit into.
const FLOW: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
secret payments_token for payments
api support = openapi("apis/support.openapi.yaml")
api warehouse = openapi("apis/warehouse.openapi.yaml")
api payments = openapi("apis/payments.openapi.json") { auth bearer secret.payments_token }
type Line = { sku: string, quantity: int }
fn share(amount: decimal, parts: int) -> decimal = amount * decimal(parts) / 100
fn first(lines: [Line]) -> string? = lines[0]?.sku
flow f(id: string, parts: int = 50, limit: decimal? = 20) -> { state: string?, part: decimal, skus: [string] } {
  as acme.agent
  handoff strict
  step ticket = support.getTicket(ticketId: id)
    on 404 fail "no ticket {id}"
  ensure ticket.amount <= limit ?? 10 && !(id == "T0") else "{ticket.amount} is too much"
  fail "none" when length(ticket.lines) == 0
  let few = [{ sku: line.sku, quantity: line.quantity } for line in ticket.lines when line.quantity < 10]
  let part = share(ticket.amount, parts)
  let skus = for line in few at most 10 when part > 0 {
    step moved = warehouse.returnItem(sku: line.sku, { quantity: line.quantity })
      undo warehouse.takeBackItem(returnId: moved.id)
    yield moved.sku
  }
  after all
  step refund = payments.createRefund({ charge: ticket.charge_id, amount: -part + parts })
    when first(few) != null
    undo payments.cancelRefund(refundId: refund.id)
  let state = match ticket { 200 found => found.id }
  return { state: refund?.state ?? state, part: if parts > 3 then part else 1, skus: skus ?? [] }
}
"#;

fn plan(text: &str) -> Verified<Plan> {
    flows::compile(flows::refund_files(Some(text)))
}

/// Places of all expressions in a plan.
fn expressions(value: &Json, at: &str, found: &mut Vec<String>) {
    match value {
        Json::Object(members) => {
            if members.contains_key("op") {
                found.push(at.to_owned());
            }
            members.iter().for_each(|(name, member)| expressions(member, &format!("{at}/{name}"), found));
        }
        Json::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| expressions(item, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

fn edited(plan: &Verified<Plan>, at: &str, value: Json) -> Result<Verified<Plan>, PlanError> {
    let mut json = serde_json::to_value(&**plan).unwrap();
    *json.pointer_mut(at).unwrap() = value;
    let mut plan: Plan = serde_json::from_value(json).unwrap();
    // With a proof of its own, where it has one.
    let proven = prove(&plan)?;
    (plan.proof, plan.egress) = (proven.proof, proven.egress);
    check(plan)
}

#[test]
fn a_value_of_another_type_is_refused_wherever_it_stands() {
    let plan = plan(FLOW);
    let json = serde_json::to_value(&*plan).unwrap();
    let mut places = Vec::new();
    expressions(&json["flow"], "/flow", &mut places);
    expressions(&json["functions"], "/functions", &mut places);
    assert!(places.len() > 90, "{}", places.len());
    let mut accepted = Vec::new();
    for place in &places {
        if edited(&plan, place, json!({"op": "duration", "milliseconds": 7})).is_ok() {
            accepted.push(place);
        }
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
}

#[test]
fn a_conversion_that_is_left_out_is_refused() {
    let plan = plan(FLOW);
    let json = serde_json::to_value(&*plan).unwrap();
    let mut places = Vec::new();
    expressions(&json, "", &mut places);
    let widened: Vec<_> =
        places.iter().filter(|place| json.pointer(place).unwrap()["op"] == "widen").collect();
    for place in &widened {
        let inner = json.pointer(place).unwrap()["of"].clone();
        let found = edited(&plan, place, inner).unwrap_err();
        assert!(matches!(&found, PlanError::Obligation { name: "P3", .. }), "{place}: {found}");
    }
    assert!(!widened.is_empty());
}

/// What a proof says of types is what the plan's content makes, and nothing else.
#[test]
fn a_proof_of_other_types_is_refused() {
    let plan = plan(FLOW);
    let edits: [fn(&mut Plan); 6] = [
        |plan| plan.proof.guards.push("ticket: something: else".into()),
        |plan| plan.proof.obligations.retain(|entry| entry.name != "P2"),
        |plan| plan.proof.obligations.retain(|entry| entry.name != "P3" || entry.subject != "refund"),
        |plan| plan.functions.get_mut("share").unwrap().gives = Some(eczflow::types::Type::string()),
        |plan| plan.functions.get_mut("share").unwrap().takes.clear(),
        |plan| plan.flow.inputs[0].ty = eczflow::types::Type::Bool,
    ];
    for (at, edit) in edits.iter().enumerate() {
        let mut copy = Plan::clone(&plan);
        edit(&mut copy);
        assert!(check(copy).is_err(), "{at}");
    }
}

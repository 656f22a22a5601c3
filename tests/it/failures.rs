//! What `check --failures` says is what a run does: where a node fails, and where the outcome of a step is unknown then.

use eczflow::engine::{PauseCause, Phase, Status};
use eczflow::plan::{Failure, Plan, Verified, failures};
use eczflow::sandbox::Faults;
use serde_json::{Value as Json, json};

use crate::control::shop_plan;
use crate::flows;
use crate::process::Desk;
use crate::stage::Stage;
use crate::trust::{valid, validator};

/// `order` stands beside `back` and `ticket`; the `ensure` comes after all of them.
const FLOW: &str = r#"
flow f(id: string, limit: int) -> { order: string } {
  as acme.agent
  handoff strict
  step back = warehouse.returnItem(sku: "MUG-4", { quantity: 1 })
    undo warehouse.takeBackItem(returnId: back.id)
  step order = shop.createOrder({ reference: id, total: 20 })
    undo shop.cancelOrder(reference: id)
  step ticket = support.getTicket(ticketId: id)
    after back
  after order
  ensure ticket.amount < limit else "too dear"
  return { order: order.id }
}
"#;

fn told(plan: &Verified<Plan>, node: &str) -> Failure {
    failures(plan).into_iter().find(|failure| failure.node == node).unwrap()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What a run with these faults does: how it ends, and how many effects there are at the shop and at the warehouse.
async fn done(faults: &[&str], inputs: Json) -> (Phase, usize, usize) {
    let answers = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let stage = Stage::new(shop_plan(FLOW), Faults { answers, ..Faults::default() }).await;
    let report = stage.run(inputs).await;
    stage.audit(&report);
    (report.phase, stage.effects("shop").len(), stage.effects("warehouse").len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_doubt_keeps_what_others_did() {
    let (plan, inputs) = (shop_plan(FLOW), json!({"id": "A", "limit": 1}));
    let doubt = Phase::Paused(PauseCause::InDoubt);
    let failed = Phase::Finished(Status::Failed);
    for (node, faults, taken_back) in [
        ("order", &["shop.createOrder=400"][..], (failed, 0, 2)),
        ("ticket", &["support.getTicket=400"], (failed, 2, 2)),
        ("ensure_1", &[], (failed, 2, 2)),
    ] {
        let failure = told(&plan, node);
        let undone: Vec<&str> = failure.undone.iter().map(|undoing| undoing.step.as_str()).collect();
        assert_eq!(undone, ["order", "back"], "{node}");
        assert_eq!(done(faults, inputs.clone()).await, taken_back, "{node}");
    }
    // What is under way beside the failing node may be in doubt, what is finished before it may not.
    for (node, of, faults) in [
        ("back", &["back", "order"][..], &["warehouse.returnItem=reset"][..]),
        ("order", &["back", "order"], &["shop.createOrder=reset"]),
        ("ticket", &["order"], &["shop.createOrder=reset", "support.getTicket=400"]),
    ] {
        let failure = told(&plan, node).in_doubt.unwrap();
        assert_eq!((failure.of, failure.stays), (owned(of), owned(&["back", "order"])), "{node}");
        assert_eq!(done(faults, inputs.clone()).await, (doubt, 1, 1), "{node}");
    }
    assert_eq!(told(&plan, "ensure_1").in_doubt, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_cannot_be_made_leaves_the_effect() {
    let stays = told(&shop_plan(FLOW), "ensure_1").stays;
    let stays: Vec<(&str, &str)> = stays.iter().map(|stand| (stand.step.as_str(), stand.because)).collect();
    assert_eq!(stays, [("back", "undo_unmade"), ("order", "undo_unmade")]);
    let stuck = Phase::Paused(PauseCause::Stuck);
    assert_eq!(done(&[], json!({"id": "..", "limit": 1})).await, (stuck, 1, 2));
    // A segment with a letter is one, whatever else it holds.
    let named = shop_plan(&FLOW.replace("cancelOrder(reference: id)", r#"cancelOrder(reference: "R{id}")"#));
    let stays = told(&named, "ensure_1").stays;
    assert_eq!(stays.iter().map(|stand| stand.step.as_str()).collect::<Vec<_>>(), ["back"]);
}

/// In a loop whose iterations run beside each other, any of them may be under way.
#[test]
fn iterations_beside_each_other_may_all_be_in_doubt() {
    let flow = |parallel: u64| {
        let flow = format!(
            "
flow f(ids: [string]) -> {{ n: int }} {{
  as acme.agent
  handoff strict
  for id in ids at most 5 parallel {parallel} {{
    step first = shop.createOrder({{ reference: id, total: 20 }})
      undo shop.cancelOrder(reference: id)
    step second = support.getTicket(ticketId: first.id)
  }}
  return {{ n: length(ids) }}
}}
"
        );
        told(&shop_plan(&flow), "second").in_doubt.map(|doubt| doubt.of)
    };
    assert_eq!((flow(1), flow(2)), (None, Some(vec!["first".to_owned()])));
}

#[test]
fn the_json_meets_its_schema() {
    let (desk, schema) = (Desk::new(), validator("failures"));
    for example in ["refund/refund.eczflow", "batch/batch.eczflow", "order/order.eczflow"] {
        let path = format!("{}/examples/{example}", env!("CARGO_MANIFEST_DIR"));
        let shown = desk.run(&format!("check {path} --failures --format json")).expect(0).stdout;
        assert!(!shown.is_empty());
        for line in shown.lines() {
            valid(&schema, &serde_json::from_str(line).unwrap());
        }
    }
    assert!(failures(&flows::refund()).iter().any(|failure| failure.in_doubt.is_some()));
}

//! What is read back, over HTTPS: the sandbox has what was created and nothing else, and a resume reads again.

use eczflow::audit::Kind;
use eczflow::engine::{PauseCause, Phase, Status};
use eczflow::host::RunReport;
use eczflow::sandbox::Faults;
use serde_json::json;
use tokio::sync::watch;

use crate::control::shop_plan;
use crate::stage::Stage;

const FLOW: &str = r#"
flow one(id: string) -> { order: string } {
  as acme.agent
  handoff strict
  step order = shop.createOrder({ reference: id, total: 20 })
    retry careful
    reconcile shop.findOrder(reference: id) when order.total == 20 absent after 1s { retry careful }
    undo shop.cancelOrder(reference: id) { retry careful }
  return { order: order.id }
}
"#;

const CALLING: &str = r#"
flow f(id: string) -> { order: string } {
  as acme.agent
  handoff strict
  step made = call one(id: id)
    irreversible because "a test"
  return { order: made.order }
}
"#;

async fn stage(flow: &str, faults: &[&str]) -> Stage {
    let answers = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    Stage::new(shop_plan(flow), Faults { answers, ..Faults::default() }).await
}

async fn resume(stage: &Stage, run: &RunReport) -> RunReport {
    let (_keep, go) = watch::channel(false);
    let report = stage.host.resume(stage.plan.clone(), &run.run, go).await.unwrap();
    stage.audit(&report);
    report
}

fn reads(stage: &Stage) -> Vec<Option<u16>> {
    let requests = stage.ledger().report().requests;
    let reads = requests.into_iter().filter(|entry| entry.operation.as_deref() == Some("shop.findOrder"));
    reads.map(|entry| entry.status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_created_is_not_found() {
    for (fault, status, found) in [
        ("shop.createOrder=503x1", Status::Failed, vec![Some(404), Some(404)]),
        ("shop.createOrder=close", Status::Failed, vec![Some(404), Some(404)]),
        ("shop.createOrder=reset", Status::Succeeded, vec![Some(200)]),
    ] {
        let stage = stage(FLOW, &[fault]).await;
        let report = stage.run(json!({"id": "A"})).await;
        assert_eq!(report.phase, Phase::Finished(status), "{fault}: {:?}", report.failure);
        assert_eq!(reads(&stage), found, "{fault}");
        assert_eq!(stage.effects("shop").len(), usize::from(status == Status::Succeeded), "{fault}");
        stage.audit(&report);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_reads_again_what_could_not_be_read() {
    let stage = stage(FLOW, &["shop.createOrder=reset", "shop.findOrder=503x4"]).await;
    let report = stage.run(json!({"id": "A"})).await;
    assert_eq!((report.phase, report.may_settle), (Phase::Paused(PauseCause::InDoubt), true));
    assert_eq!(reads(&stage), [Some(503); 4]);
    let settled = resume(&stage, &report).await;
    assert_eq!(settled.phase, Phase::Finished(Status::Failed));
    assert_eq!(reads(&stage).get(4..), Some(&[Some(200)][..]));
    assert_eq!(stage.effects("shop"), ["/orders", "/orders/A"], "made, and taken back");
}

/// An effect after which nothing can fail needs no undo, so nothing fails where it is found late.
#[tokio::test(flavor = "multi_thread")]
async fn a_resume_that_finds_the_last_effect_ends_well() {
    let last = FLOW.replace("    undo shop.cancelOrder(reference: id) { retry careful }\n", "");
    for flow in [last.clone(), format!("{last}{CALLING}")] {
        let stage = stage(&flow, &["shop.createOrder=reset", "shop.findOrder=503x4"]).await;
        let report = stage.run(json!({"id": "A"})).await;
        assert_eq!((report.phase, report.may_settle), (Phase::Paused(PauseCause::InDoubt), true));
        let settled = resume(&stage, &report).await;
        assert_eq!(settled.phase, Phase::Finished(Status::Succeeded), "{:?}", settled.failure);
        assert!(settled.outputs["order"].is_string(), "{}", settled.outputs);
        assert_eq!(stage.effects("shop"), ["/orders"]);
    }
    // A caller that can take the whole back does.
    let calling = CALLING.replace("irreversible because \"a test\"", "undo shop.cancelOrder(reference: id)");
    let stage = stage(&format!("{last}{calling}"), &["shop.createOrder=reset", "shop.findOrder=503x4"]).await;
    let report = stage.run(json!({"id": "A"})).await;
    let settled = resume(&stage, &report).await;
    assert_eq!(settled.phase, Phase::Finished(Status::Failed));
    assert!(settled.failure.unwrap().message.contains("`one` was not known before the run was resumed"));
    assert_eq!(stage.effects("shop"), ["/orders", "/orders/A"], "made, and taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_of_the_caller_reads_again_in_the_called_flow() {
    let flow = format!("{FLOW}{CALLING}");
    let stage = stage(&flow, &["shop.createOrder=close", "shop.findOrder=503x4"]).await;
    let report = stage.run(json!({"id": "A"})).await;
    assert_eq!((report.phase, report.may_settle), (Phase::Paused(PauseCause::InDoubt), true));
    let settled = resume(&stage, &report).await;
    assert_eq!(settled.phase, Phase::Finished(Status::Failed));
    let message = settled.failure.unwrap().message;
    assert!(message.ends_with("`shop.findOrder` finds no effect of it"), "{message}");
    let reported = stage.entries(&report).into_iter().filter(|entry| entry.record.kind == Kind::FlowReported);
    assert_eq!(reported.count(), 2);
}

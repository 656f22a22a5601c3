//! Flows that call flows, from the text to two logs: run over HTTPS, stopped at every commit, and audited.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use eczflow::audit::Kind;
use eczflow::engine::{FailureClass, PauseCause, Phase, Status};
use eczflow::host::RunReport;
use eczflow::plan::{NodeKind, Plan, PlanError, SubFlow, Verified, check, prove};
use eczflow::sandbox::Faults;
use eczflow::store::{Entry, Store as _};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::faults_store::Failing;
use crate::flows;
use crate::stage::Stage;
use crate::world::{Reply, refund_world, start, ticket};

/// The example's declarations with two flows: one refunds a ticket, the other calls it and reads on.
fn text(last: &str) -> String {
    let text = include_str!("../../examples/refund/refund.eczflow");
    let (declarations, flow) = text.split_at(text.find("flow refund_ticket").unwrap());
    let refund = flow
        .replace("undo  payments.cancelRefund(refundId: refund.id)", "irreversible because \"money is gone\"")
        .replace("flow refund_ticket", "flow one");
    assert!(refund.contains("irreversible"));
    format!(
        "{declarations}{refund}\nflow all(ticket_id: string, limit: decimal = 500) -> {{ states: [string] }} {{\n  as       acme.agent\n  handoff  strict\n  deadline 30h\n{last}}}\n"
    )
}

const PLAIN: &str = "
  let states = for id in [ticket_id] at most 3 {
    step done = call one(ticket_id: id, limit: limit)
      undo payments.cancelRefund(refundId: done.refund_id ?? \"none\")
    yield done.state
  }
  return { states: states }
";

fn plan(last: &str) -> Verified<Plan> {
    flows::compile(flows::refund_files(Some(&text(last))))
}

fn faults(fault: &str) -> Faults {
    Faults { answers: vec![fault.parse().unwrap()], ..Faults::default() }
}

fn inputs(limit: u32) -> Json {
    json!({"ticket_id": "T1", "limit": limit})
}

/// The run's entries by kind.
fn of(entries: &[Entry], kind: Kind) -> Vec<&Entry> {
    entries.iter().filter(|entry| entry.record.kind == kind).collect()
}

/// Parent and children audit, and name each other.
fn linked(stage: &Stage, parent: &RunReport) -> usize {
    stage.audit(parent);
    let entries = stage.entries(parent);
    let started = of(&entries, Kind::FlowStarted);
    for reported in of(&entries, Kind::FlowReported) {
        let said = &reported.record.decision;
        let run = said["run"].as_str().unwrap();
        let child = stage.store.run(run).unwrap();
        assert_eq!(said["root"].as_str().unwrap(), child.root.to_string());
        let first = stage.store.load(run).unwrap().remove(0).record;
        let named = &first.decision["parent"];
        assert_eq!(
            (named["run"].as_str(), named["node"].as_str()),
            (Some(&*parent.run), reported.record.node.as_deref())
        );
        let intent = started.iter().find(|entry| entry.record.decision["run"] == said["run"]).unwrap();
        let leaf = eczflow::audit::record_hash(intent.record.leaf().unwrap().as_bytes());
        assert_eq!(named["leaf"].as_str().unwrap(), leaf.to_string());
        assert_eq!(first.decision["plan_digest"], intent.record.decision["plan_digest"]);
    }
    started.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_called_flow_runs_by_itself_and_both_logs_name_each_other() {
    let stage = Stage::new(plan(PLAIN), Faults::default()).await;
    let report = stage.run(inputs(500)).await;
    assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{:?}", report.failure);
    assert_eq!(report.outputs, json!({"states": ["pending"]}));
    assert_eq!(linked(&stage, &report), 1);
    assert_eq!(stage.store.runs().unwrap().len(), 2);
    assert_eq!((stage.effects("payments").len(), stage.effects("warehouse").len()), (1, 2));
}

/// An undo of a call is one operation, and answers for everything that the flow did.
#[test]
fn the_undo_of_a_call_is_told_with_the_effects_it_answers_for() {
    let failures = eczflow::plan::failures(&plan(PLAIN));
    let mut undoings = failures.iter().flat_map(|failure| &failure.undone);
    let undoing = undoings.find(|undoing| undoing.step == "done").unwrap();
    assert_eq!(undoing.answers_for, ["warehouse.returnItem", "payments.createRefund"]);
    let one = eczflow::plan::failures(&flows::refund());
    assert!(one.iter().flat_map(|failure| &failure.undone).all(|undoing| undoing.answers_for.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_called_flow_that_fails_has_undone_its_own_and_fails_its_step() {
    let faults = faults("payments.createRefund=400");
    let stage = Stage::new(plan(PLAIN), faults).await;
    let report = stage.run(inputs(500)).await;
    assert_eq!(report.phase, Phase::Finished(Status::Failed));
    let failure = report.failure.clone().unwrap();
    assert_eq!(failure.class, FailureClass::Flow);
    assert!(failure.message.starts_with("the flow `one` failed: "), "{}", failure.message);
    assert_eq!(linked(&stage, &report), 1);
    let undone = stage.ledger().report().requests.len();
    assert!(undone >= 5, "two returns are taken back, {undone}");
}

/// A caller's deadline that comes during the last effect of the flow that it calls fails neither.
#[test]
fn a_callers_deadline_waits_for_the_last_effect_of_a_called_flow() {
    let last = "
  step done = call one(ticket_id: ticket_id, limit: limit)
    irreversible because \"money is gone\"
  return { states: [done.state] }
";
    let plan = flows::compile(flows::refund_files(Some(&text(last).replace("deadline 30h", "deadline 5s"))));
    let mut world = refund_world(|path, _| {
        Some(match path.strip_prefix("done > ")? {
            "ticket" => Reply::Answer(200, ticket(2)),
            "refund" => Reply::Answer(201, flows::refund_body("R1")),
            path => Reply::Answer(201, flows::return_body(path)),
        })
    });
    world.takes = Box::new(|path| if path == "done > refund" { 9_000 } else { 3 });
    let run = start(&plan, inputs(500), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded), "{:?}", run.state.failure);
    assert_eq!((run.state.outputs, world.effects.len()), (json!({"states": ["pending"]}), 3));
}

/// A revocation that waits for a step waits for the calls of the flows that are called before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_waits_for_the_calls_of_called_flows() {
    let revoked = vec!["ECZ-GB-PAYM01::API-REFD01@late".parse().unwrap()];
    let late = "
  step done = call one(ticket_id: ticket_id, limit: limit)
    undo payments.cancelRefund(refundId: done.refund_id ?? \"none\")
  step late = payments.createRefund({ charge: done.state, amount: limit })
    irreversible because \"money is gone\"
  return { states: [late.state] }
";
    let stage = Stage::new(plan(late), Faults { revoked, ..Faults::default() }).await;
    let report = stage.run(inputs(500)).await;
    let failure = report.failure.clone().unwrap();
    assert_eq!(stage.effects("payments").len(), 1, "{failure:?}");
    assert_eq!(failure.path.unwrap().to_string(), "late");
}

/// What a called flow did is undone where a later step fails, with what it returned.
#[tokio::test(flavor = "multi_thread")]
async fn the_undo_of_a_called_flow_sees_what_it_returned() {
    let stage = Stage::new(
        plan(
            "
  step done = call one(ticket_id: ticket_id, limit: limit)
    undo payments.cancelRefund(refundId: done.refund_id ?? \"none\")
  ensure done.state == \"never\" else \"it is another state\"
  return { states: [done.state] }
",
        ),
        Faults::default(),
    )
    .await;
    let report = stage.run(inputs(500)).await;
    assert_eq!(report.phase, Phase::Finished(Status::Failed), "{:?}", report.failure);
    assert_eq!(report.failure.as_ref().unwrap().class, FailureClass::Rule);
    linked(&stage, &report);
    let undo = stage.entries(&report).into_iter().find(|entry| entry.record.kind == Kind::AttemptIntended);
    assert_eq!(undo.unwrap().record.node.as_deref(), Some("done/undo"));
}

/// A child in doubt is a step in doubt, and goes on with its parent.
#[tokio::test(flavor = "multi_thread")]
async fn a_called_flow_in_doubt_leaves_its_caller_in_doubt() {
    let faults = faults("payments.createRefund=303");
    let stage = Stage::new(plan(PLAIN), faults).await;
    let report = stage.run(inputs(500)).await;
    assert_eq!(report.phase, Phase::Paused(PauseCause::InDoubt), "{:?}", report.failure);
    assert_eq!(report.in_doubt.iter().map(ToString::to_string).collect::<Vec<_>>(), ["states[0].done"]);
    linked(&stage, &report);
    let (_keep, go) = watch::channel(false);
    let again = stage.host.resume(stage.plan.clone(), &report.run, go).await.unwrap();
    assert_eq!(again.phase, Phase::Paused(PauseCause::InDoubt));
    assert_eq!(stage.store.runs().unwrap().len(), 2, "the same child goes on");
}

/// Whichever commit fails, of the parent or of the child, the resumed run ends as an undisturbed one: the same child, and
/// each effect once.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_at_any_commit_starts_no_second_child() {
    for kept in [false, true] {
        for n in 1.. {
            let mut stage = Stage::new(plan(PLAIN), Faults::default()).await;
            let store = stage.store.clone();
            stage.behind(Arc::new(Failing { store: store.clone(), left: AtomicUsize::new(n), kept }));
            let Json::Object(given) = inputs(500) else { unreachable!() };
            if stage.try_run(given).await.is_ok() {
                assert!(n > 10, "both runs have {n} commits");
                break;
            }
            let runs = store.runs().unwrap();
            let Some(run) = runs.first() else { continue };
            stage.behind(store.clone());
            let (_keep, go) = watch::channel(false);
            match stage.host.resume(stage.plan.clone(), &run.run, go).await {
                Ok(report) => {
                    assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{n}: {:?}", report.failure);
                    assert_eq!(linked(&stage, &report), 1);
                }
                // Only the answer to the very last record was lost.
                Err(error) => {
                    use eczflow::base::Explained as _;
                    assert!(kept && error.code() == "ER3003", "{n}: {error}");
                }
            }
            assert_eq!(store.runs().unwrap().len(), 2, "{n}");
            assert_eq!((stage.effects("payments").len(), stage.effects("warehouse").len()), (1, 2), "{n}");
        }
    }
}

/// A plan of two flows, changed in one place and proved anew, the called flow first.
fn changed(edit: impl FnOnce(&mut Plan)) -> Result<Verified<Plan>, PlanError> {
    let mut copy = Plan::clone(&plan(PLAIN));
    edit(&mut copy);
    for flow in copy.flows.values_mut() {
        let proven = prove(flow)?;
        (flow.proof, flow.egress) = (proven.proof, proven.egress);
    }
    let proven = prove(&copy)?;
    (copy.proof, copy.egress) = (proven.proof, proven.egress);
    check(copy)
}

fn called(plan: &mut Plan) -> &mut SubFlow {
    let NodeKind::For(repeat) = &mut plan.flow.body.nodes[0].kind else { panic!("a loop") };
    let NodeKind::SubFlow(call) = &mut repeat.body.nodes[0].kind else { panic!("a call") };
    call
}

/// Whatever its digest and its proof say, a plan is refused whose called flow is not called as it must be, not whole, not of
/// the same operator, source and apis, or without what takes it back.
#[test]
fn edited_plans_of_two_flows_are_refused() {
    assert!(changed(|_| {}).is_ok());
    type Edit = (&'static str, fn(&mut Plan));
    let edits: [Edit; 12] = [
        ("P2", |plan| called(plan).flow = "other".into()),
        ("P2", |plan| {
            let spare = plan.flows["one"].clone();
            plan.flows.insert("spare".into(), spare);
        }),
        ("P2", |plan| plan.flows.get_mut("one").unwrap().flow.name = "two".into()),
        ("P3", |plan| called(plan).inputs.clear()),
        ("P3", |plan| {
            // Still made of the item: its key stays another one each time.
            let value = called(plan).inputs[0].value.clone();
            called(plan).inputs[0].value = eczflow::expr::Expr::List { items: vec![value] };
        }),
        ("P3", |plan| called(plan).inputs[0].name = "nothing".into()),
        ("P4", |plan| {
            let other: eczflow::ecz::EczId = "ECZ-GB-ZZZZ99".parse().unwrap();
            for operator in plan.flows.get_mut("one").unwrap().operators.values_mut() {
                operator.passport = other.clone();
            }
        }),
        ("P5", |plan| plan.flows.get_mut("one").unwrap().source.file = "other.eczflow".into()),
        ("P5", |plan| {
            let api = plan.flows.get_mut("one").unwrap().apis.get_mut("payments").unwrap();
            api.timeout.attempt_ms += 1;
        }),
        ("P8", |plan| {
            called(plan).undo = None;
            plan.apis.clear();
            plan.secrets.clear();
        }),
        ("P8", |plan| {
            let one = plan.flows.get_mut("one").unwrap();
            one.apis.get_mut("warehouse").unwrap().operations.remove("takeBackItem");
            for node in &mut one.flow.body.nodes {
                if let NodeKind::For(repeat) = &mut node.kind
                    && let NodeKind::Call(step) = &mut repeat.body.nodes[0].kind
                {
                    step.undo = None;
                }
            }
        }),
        ("flows", |plan| {
            for _ in 0..9 {
                let mut outer = plan.flows["one"].clone();
                outer.flows.insert("one".into(), plan.flows["one"].clone());
                plan.flows.insert("one".into(), outer);
            }
        }),
    ];
    for (at, (obligation, edit)) in edits.iter().enumerate() {
        let error = changed(edit).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(obligation), "{at}: {obligation}: `{error}`");
    }
}

/// A proof or a table that is not restated does not stand for another called flow.
#[test]
fn the_proof_of_a_called_flow_is_held_against_it() {
    let edits: [fn(&mut Plan); 3] = [
        |plan| plan.flows.get_mut("one").unwrap().proof.obligations.clear(),
        |plan| plan.flows.get_mut("one").unwrap().flow.deadline_ms += 1,
        |plan| plan.egress.clear(),
    ];
    for (at, edit) in edits.iter().enumerate() {
        let mut copy = Plan::clone(&plan(PLAIN));
        edit(&mut copy);
        assert!(check(copy).is_err(), "{at}");
    }
}

//! An undo by `DELETE` whose answer was lost: what it finds gone when it is sent again is taken back.

use std::process::Stdio;

use eczflow::audit::Kind;
use eczflow::engine::{Engine, PauseCause, Phase, SendFailure, Status};
use eczflow::plan::{Plan, Verified};
use eczflow::sandbox::Faults;
use eczflow::verify::{Legal, replay};
use serde_json::{Value as Json, json};

use crate::control::{cut_everywhere, shop_plan};
use crate::flows;
use crate::process::{Desk, Served};
use crate::stage::Stage;
use crate::world::*;

/// `RETRY` stands for the policy of the undo.
const FLOW: &str = r#"
flow f(id: string) -> { order: string } {
  as acme.agent
  handoff strict
  step order = shop.createOrder({ reference: id, total: 20 })
    reconcile shop.findOrder(reference: id) when order.total == 20 { retry careful }
    undo shop.cancelOrder(reference: id) RETRY
  ensure order.total < 10 else "too dear"
  return { order: order.id }
}
"#;

fn undoing(retry: &str) -> Verified<Plan> {
    shop_plan(&FLOW.replace("RETRY", retry))
}

/// An order is made; its undo is answered by these, the last one for all attempts that follow.
fn world(undo: Vec<Reply>) -> World {
    let sent = std::cell::Cell::new(0);
    World::new(move |path, _| match path {
        "order" => Reply::Answer(201, json!({"id": "O1", "total": 20})),
        "order/reconcile" => Reply::Answer(200, json!({"id": "O1", "total": 20})),
        "order/undo" => {
            let at = sent.replace(sent.get() + 1);
            undo.get(at).or(undo.last()).cloned().unwrap()
        }
        other => panic!("{other}"),
    })
}

fn given() -> Json {
    json!({"id": "R1"})
}

/// What the records of a kind at the undo say.
fn said(run: &Run, kind: Kind) -> Vec<&serde_json::Map<String, Json>> {
    let at = |node: &Option<String>| node.as_deref() == Some("order/undo");
    let found = run.log.iter().filter(|(record, _)| record.kind == kind && at(&record.node));
    found.map(|(record, _)| &record.decision).collect()
}

/// The run goes on in a new process.
fn again(plan: &Verified<Plan>, run: &mut Run, world: &mut World) {
    let engine = Engine::new(plan);
    let mut outside = outside(plan);
    outside.now = run.state.at;
    resume(&engine, run, &outside);
    drive(&engine, run, world, &mut outside);
    assert_eq!(replay(plan, "run-1", &run.log).1, Legal::Yes);
}

#[test]
fn what_is_gone_after_a_lost_answer_is_taken_back() {
    let plan = undoing("{ retry careful }");
    for lost in [Reply::Fail(SendFailure::Reset), Reply::Fail(SendFailure::TimedOut), Reply::Empty(503)] {
        for status in [404, 410] {
            let replies = vec![lost.clone(), Reply::Empty(status)];
            let run = cut_everywhere(&plan, &given(), &|| world(replies.clone()));
            assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
            assert_eq!((run.state.stuck(), run.state.in_doubt()), (vec![], vec![]));
            // The answer stays what it was; that it is taken back is a record of its own.
            let answered = said(&run, Kind::AttemptAnswered);
            let last = answered.last().unwrap();
            assert_eq!((&last["status"], &last["outcome"]), (&json!(status), &json!("refused")));
            let done = said(&run, Kind::UndoDone);
            assert_eq!((done.len(), &done[0]["status"]), (1, &json!(status)));
        }
    }
}

#[test]
fn what_was_never_found_is_not_taken_back() {
    let plan = undoing("{ retry careful }");
    let nothing_sent = [vec![], vec![Reply::Fail(SendFailure::Connect)], vec![Reply::Empty(429)]];
    for mut replies in nothing_sent {
        replies.push(Reply::Empty(404));
        let mut run = start(&plan, given(), &mut world(replies));
        assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
        again(&plan, &mut run, &mut world(vec![Reply::Empty(410)]));
        assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
        assert_eq!(said(&run, Kind::UndoDone).len(), 0);
    }
    // Another refusal says nothing of what is there.
    let replies = vec![Reply::Fail(SendFailure::Reset), Reply::Empty(409)];
    assert_eq!(start(&plan, given(), &mut world(replies)).state.phase, Phase::Paused(PauseCause::Stuck));
    // An undo that is no `DELETE` finds nothing either, and nothing follows from that.
    let refund = flows::refund();
    let mut posts = refund_world(|path, _| match path {
        "refund" => Some(Reply::Empty(400)),
        path if path.ends_with("[1].moved/undo") => Some(Reply::Fail(SendFailure::Reset)),
        _ => None,
    });
    let mut run = start(&refund, inputs(), &mut posts);
    assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
    again(&refund, &mut run, &mut World::new(|_, _| Reply::Empty(404)));
    assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
}

#[test]
fn a_resumed_undo_knows_of_the_answers_lost_before() {
    let plan = undoing("");
    let mut run = start(&plan, given(), &mut world(vec![Reply::Fail(SendFailure::Reset)]));
    assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
    again(&plan, &mut run, &mut world(vec![Reply::Fail(SendFailure::Connect)]));
    assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
    again(&plan, &mut run, &mut world(vec![Reply::Empty(404)]));
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));

    // A crash after the intent is such an answer too.
    let mut lost = world(vec![Reply::Empty(404)]);
    let whole = start(&plan, given(), &mut lost);
    let intended = |(record, _): &(eczflow::audit::Record, _)| {
        record.kind == Kind::AttemptIntended && record.node.as_deref() == Some("order/undo")
    };
    let cut = whole.log.iter().position(intended).unwrap() + 1;
    let mut outside = outside(&plan);
    let mut run = crash(&plan, whole.log[..cut].to_vec(), &mut outside);
    drive(&Engine::new(&plan), &mut run, &mut lost, &mut outside);
    assert_eq!(
        run.state.phase,
        Phase::Paused(PauseCause::Stuck),
        "it has one attempt, and the crash took it"
    );
    again(&plan, &mut run, &mut lost);
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
}

/// By whom a thing was deleted, nothing says: a step's own `DELETE` stays in doubt.
#[test]
fn a_step_s_own_delete_stays_in_doubt() {
    let plan = shop_plan(
        r#"
flow f(id: string) -> { } {
  as acme.agent
  handoff strict
  step gone = shop.cancelOrder(reference: id)
    retry careful
  return { }
}
"#,
    );
    let lost = |attempt| match attempt {
        1 => Reply::Fail(SendFailure::Reset),
        _ => Reply::Empty(404),
    };
    let run = start(&plan, given(), &mut World::new(move |_, attempt| lost(attempt)));
    assert_eq!(run.state.phase, Phase::Paused(PauseCause::InDoubt));
}

#[test]
fn an_undo_that_is_said_to_be_done_and_is_not_is_illegal() {
    let plan = undoing("{ retry careful }");
    let run = start(&plan, given(), &mut world(vec![Reply::Fail(SendFailure::Reset), Reply::Empty(404)]));
    let at = run.log.iter().position(|(record, _)| record.kind == Kind::UndoDone).unwrap();
    let mut failed = run.log.clone();
    failed[at].0.kind = Kind::UndoFailed;
    failed[at].0.decision = json!({"class": "refused"}).as_object().unwrap().clone();
    let mut another = run.log.clone();
    another[at].0.decision.insert("status".to_owned(), json!(410));
    let mut without = run.log.clone();
    without.remove(at);
    for forged in [failed, another, without] {
        assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }));
    }
    // Where no answer was lost it has failed.
    let stuck = start(&plan, given(), &mut world(vec![Reply::Empty(404)]));
    let at = stuck.log.iter().position(|(record, _)| record.kind == Kind::UndoFailed).unwrap();
    let mut forged = stuck.log;
    let (record, payload) = &mut forged[at];
    (record.kind, record.decision) = (Kind::UndoDone, json!({"status": 404}).as_object().unwrap().clone());
    (record.commitments, *payload) = (Default::default(), None);
    assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }));
}

/// The attempts of an undo that is tried again are one chain, whose numbers go up: an auditor asks for that.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_an_undo_that_is_tried_again_is_complete() {
    let faults = Faults { answers: vec!["shop.cancelOrder=503x2".parse().unwrap()], ..Faults::default() };
    let stage = Stage::new(undoing(""), faults).await;
    let mut report = stage.run(given()).await;
    for phase in [Phase::Paused(PauseCause::Stuck), Phase::Finished(Status::Failed)] {
        let (_keep, go) = tokio::sync::watch::channel(false);
        report = stage.host.resume(stage.plan.clone(), &report.run, go).await.unwrap();
        assert_eq!(report.phase, phase);
        stage.audit(&report);
    }
    let entries = stage.entries(&report).into_iter().map(|entry| entry.record);
    let undos = entries.filter(|record| record.node.as_deref() == Some("order/undo"));
    let attempts: Vec<_> =
        undos.filter(|record| record.kind == Kind::AttemptIntended).map(|record| record.attempt).collect();
    assert_eq!(attempts, [Some(1), Some(2), Some(3)]);
}

const ORDER: &str = "order/order.eczflow";

fn deletes(served: &Served) -> usize {
    let requests = served.ledger("").requests;
    requests.iter().filter(|entry| entry.operation.as_deref() == Some("ledger.strike")).count()
}

#[test]
fn a_lost_answer_to_an_undo_of_the_example_ends_as_taken_back() {
    let desk = Desk::with("order");
    let ran = desk
        .run(&format!(
            "run {ORDER} --sandbox --inputs order/inputs.json --store store --fault bank.capture=409 --fault ledger.strike=resetx1"
        ))
        .expect(3);
    for line in
        ["ledger.strike, attempt 2: 404", "entry/undo: taken back: 404 says", "what has an undo is undone"]
    {
        assert!(ran.stderr.contains(line), "{line} in {}", ran.stderr);
    }
    desk.run("audit export latest --store store -o order.audit").expect(0);
    assert!(desk.run("audit verify order.audit").expect(0).stdout.contains("legal: yes"));
}

#[test]
fn a_process_killed_during_an_undo_ends_as_taken_back() {
    let desk = Desk::with("order");
    let run =
        |config: &str| format!("run {ORDER} --config {config} --inputs order/inputs.json --store store");
    // How many requests there are until the entry is struck.
    let calm = desk.sandbox_of(ORDER, "--folder calm --fault bank.capture=409");
    desk.run(&run(&calm.config).replace("--store store", "--store calm-store")).expect(3);
    let requests = calm.ledger("").requests;
    let counted = requests.iter().filter(|entry| entry.request.is_some());
    let at = counted.map(|entry| entry.operation.as_deref()).position(|name| name == Some("ledger.strike"));
    let at = at.unwrap() + 1;

    let served = desk.sandbox_of(ORDER, &format!("--folder held --fault bank.capture=409 --hold {at}"));
    let mut child =
        desk.command(&run(&served.config)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    served.ledger(&format!("?requests={at}"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(deletes(&served), 1);
    let resumed = desk.run(&format!("resume latest --config {} --store store", served.config)).expect(3);
    assert!(resumed.stderr.contains("entry/undo: taken back: 404 says"), "{}", resumed.stderr);
    assert_eq!(deletes(&served), 2);
    assert_eq!(served.effects(), calm.effects());
}

/// What stands still is told by name, by the run and by whoever verifies its log, sealed or not.
#[test]
fn a_run_that_stands_still_is_told_by_what_is_in_doubt_or_stuck() {
    let desk = Desk::with("order");
    // The name of an undo, of a step that cannot be asked for again, and what is told of each.
    for (n, (fault, status, in_doubt, stuck, line)) in [
        ("ledger.strike=503", "stuck", vec![], vec!["entry/undo"], "stuck: `entry` was not taken back"),
        (
            "bank.voidAuthorisation=303",
            "in_doubt",
            vec!["held/undo"],
            vec![],
            "in doubt: `held/undo`, whether",
        ),
        ("bank.authorise=303", "in_doubt", vec!["held"], vec![], "in doubt: `held`, whether"),
    ]
    .into_iter()
    .enumerate()
    {
        let ran = desk
            .run(&format!(
                "run {ORDER} --sandbox --inputs order/inputs.json --store store --fault bank.capture=409 --fault {fault} --json"
            ))
            .expect(4);
        let said = ran.json();
        assert_eq!(said["status"], status, "{fault}: {}", ran.stderr);
        let told = |names: &[&str]| if names.is_empty() { Json::Null } else { json!(names) };
        assert_eq!((&said["in_doubt"], &said["stuck"]), (&told(&in_doubt), &told(&stuck)), "{fault}");
        for sealed in ["", "--sealed"] {
            let file = format!("{n}{sealed}.audit");
            desk.run(&format!("audit export latest --store store -o {file} {sealed}")).expect(0);
            let text = desk.run(&format!("audit verify {file}")).expect(0).stdout;
            assert!(text.contains(line) && !text.contains("run_paused"), "{text}");
            let answers = desk.run(&format!("audit verify {file} --json")).expect(0).json();
            let complete = json!({
                "answer": "so_far", "last": "run_paused", "status": status, "in_doubt": in_doubt, "stuck": stuck,
            });
            assert_eq!((&answers["complete"], &answers["failed"]), (&complete, &json!(false)));
            assert_eq!(answers["audit_root"], said["audit_root"]);
        }
    }
}

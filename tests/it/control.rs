//! Control over one step's answers, from the text to a replay after a crash at every record.

use eczflow::engine::{Engine, FailureClass, Phase, State, Status};
use eczflow::plan::{NodeKind, Plan, PlanError, Step, Verified, check};
use eczflow::verify::{Legal, replay};
use serde_json::{Value as Json, json};

use crate::flows;
use crate::world::*;

const HEAD: &str = r#"eczflow 1
use std.retry.{ careful }
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api support = openapi("apis/support.openapi.yaml")
api warehouse = openapi("apis/warehouse.openapi.yaml") {
  idempotency header "Idempotency-Key" assumed by acme because "its guide says so"
}
"#;

fn plan(flow: &str) -> Verified<Plan> {
    flows::compile(flows::refund_files(Some(&format!("{HEAD}{flow}"))))
}

fn step<'p>(plan: &'p mut Plan, name: &str) -> &'p mut Step {
    let node = plan.flow.body.nodes.iter_mut().find(|node| node.id == name).unwrap();
    match &mut node.kind {
        NodeKind::Call(step) => step,
        other => panic!("{other:?}"),
    }
}

fn outputs(state: &State) -> Json {
    assert_eq!(state.phase, Phase::Finished(Status::Succeeded), "{:?}", state.failure);
    state.outputs.clone()
}

/// A run that is cut off after every number of records and goes on in another process: it ends as the whole one did, and
/// its log is legal.
fn cut_everywhere(plan: &Verified<Plan>, given: &Json, world: &dyn Fn() -> World) -> Run {
    let whole = start(plan, given.clone(), &mut world());
    let engine = Engine::new(plan);
    for records in 1..whole.log.len() {
        let (mut world, mut outside) = (world(), outside(plan));
        let mut run = Run { state: State::new("run-1"), log: Log::new() };
        let Json::Object(inputs) = given.clone() else { panic!() };
        push(&engine, &mut run, opening(plan, inputs), &outside);
        drive_until(records, &engine, &mut run, &mut world, &mut outside);
        let mut run = crash(plan, run.log, &mut outside);
        drive(&engine, &mut run, &mut world, &mut outside);
        assert_eq!(
            (run.state.phase, &run.state.outputs),
            (whole.state.phase, &whole.state.outputs),
            "{records}"
        );
        assert_eq!(replay(plan, "run-1", &run.log).1, Legal::Yes, "{records}");
    }
    whole
}

/// An edited plan is refused by this obligation.
fn refused(plan: &Verified<Plan>, obligation: &str, edit: impl Fn(&mut Plan)) {
    let mut copy = Plan::clone(plan);
    edit(&mut copy);
    match check(copy) {
        Err(PlanError::Obligation { name, .. }) => assert_eq!(name, obligation),
        other => panic!("{obligation}: {other:?}"),
    }
}

const MATCHING: &str = r#"
flow f(id: string, go: bool = true) -> { state: string?, back: string?, amount: decimal? } {
  as acme.agent
  handoff strict
  step ticket = support.getTicket(ticketId: id)
    retry careful
    when go
  step moved = warehouse.returnItem(sku: "S", { quantity: 1 })
    after ticket
    retry careful
    undo warehouse.takeBackItem(returnId: moved.id)
  let state = match ticket { 200 found => "worth {found.amount}", 404 problem => problem.title ?? "none" }
  ensure (state ?? "") != "fail" else "asked for"
  return { state: state, back: match moved { else => "moved" }, amount: ticket?.amount }
}
"#;

fn ticket(amount: i64) -> Json {
    json!({"id": "T1", "amount": amount, "charge_id": "C1", "lines": [], "customer": {"email": "a@b.c"}})
}

fn matching_world(status: u16, body: Json) -> World {
    World::new(move |path, _| match path {
        "ticket" => Reply::Answer(status, body.clone()),
        "moved/undo" => Reply::Answer(200, flows::undo_body(path)),
        other => Reply::Answer(201, flows::return_body(other)),
    })
}

#[test]
fn a_matched_refusal_is_an_ordinary_end_without_an_effect() {
    let plan = plan(MATCHING);
    let given = json!({"id": "T1", "go": true});
    let found = cut_everywhere(&plan, &given, &|| matching_world(200, ticket(40)));
    assert_eq!(outputs(&found.state), json!({"state": "worth 40", "back": "moved", "amount": 40}));
    let gone = json!({"title": "no such ticket", "status": 404});
    let missing = cut_everywhere(&plan, &given, &|| matching_world(404, gone.clone()));
    assert_eq!(outputs(&missing.state), json!({"state": "no such ticket", "back": "moved"}));
    let skipped =
        cut_everywhere(&plan, &json!({"id": "T1", "go": false}), &|| matching_world(500, json!({})));
    assert_eq!(outputs(&skipped.state), json!({"back": "moved"}));
    // What comes after it may fail, and then there is nothing of it to undo.
    let failing = cut_everywhere(&plan, &given, &|| matching_world(404, json!({"title": "fail"})));
    assert_eq!(failing.state.phase, Phase::Finished(Status::Failed));
}

#[test]
fn a_refusal_that_is_not_matched_or_does_not_fit_fails() {
    let plan = plan(MATCHING);
    for (status, body) in [(410, json!({})), (404, json!({"title": 7}))] {
        let run = start(&plan, json!({"id": "T1", "go": true}), &mut matching_world(status, body));
        assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
        assert_eq!(run.state.failure.unwrap().class, FailureClass::Refused);
    }
}

#[test]
fn an_edited_match_is_refused() {
    use eczflow::expr::Expr;
    fn arms(plan: &mut Plan) -> (&mut Vec<eczflow::expr::Arm>, &mut Option<Box<Expr>>) {
        let node = plan.flow.body.nodes.iter_mut().find(|node| node.id == "state").unwrap();
        match &mut node.kind {
            NodeKind::Let { value: Expr::Match { arms, otherwise, .. }, .. } => (arms, otherwise),
            other => panic!("{other:?}"),
        }
    }
    let plan = plan(MATCHING);
    refused(&plan, "P1", |plan| {
        let again = arms(plan).0[0].clone();
        arms(plan).0.push(again);
    });
    refused(&plan, "P1", |plan| *arms(plan).1 = Some(Box::new(Expr::Null)));
    refused(&plan, "P3", |plan| arms(plan).0[1].status = 410);
    refused(&plan, "P3", |plan| drop(arms(plan).0.remove(0)));
    refused(&plan, "P3", |plan| step(plan, "ticket").answer.as_mut().unwrap().refusals = vec![404, 410]);
    refused(&plan, "P3", |plan| step(plan, "ticket").answer.as_mut().unwrap().refusals.clear());
    refused(&plan, "P1", |plan| {
        step(plan, "ticket").on.insert(404, Expr::String { value: "gone".to_owned() });
    });
}

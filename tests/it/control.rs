//! Control over one step's answers, from the text to a replay after a crash at every record.

use std::cell::Cell;

use eczflow::audit::{Kind, Record};
use eczflow::engine::{Engine, FailureClass, PauseCause, Phase, SendFailure, State, Status};
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
pub(super) fn cut_everywhere(plan: &Verified<Plan>, given: &Json, world: &dyn Fn() -> World) -> Run {
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

/// A value that the document leaves open is held against the flow's output where it is returned, and what that may undo is
/// in the proof.
#[test]
fn a_returned_value_that_does_not_fit_fails_the_run() {
    let flow = r#"
flow f(id: string) -> { state: string } {
  as acme.agent
  handoff strict
  step ticket = support.getTicket(ticketId: id)
    retry careful
  step moved = warehouse.returnItem(sku: "S", { quantity: 1 })
    retry careful
    undo warehouse.takeBackItem(returnId: moved.id) { retry careful }
  return { state: ticket.note }
}
"#;
    let files = |flow: &str| {
        let mut files = flows::refund_files(Some(&format!("{HEAD}{flow}")));
        let path = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples/refund/apis/support.openapi.yaml");
        let document = std::fs::read_to_string(path).unwrap();
        let open = "        charge_id:\n          description";
        assert!(document.contains(open));
        let document = document
            .replace("[id, amount, charge_id,", "[id, amount, charge_id, note,")
            .replace(open, &format!("        note: {{}}\n{open}"));
        files.insert("apis/support.openapi.yaml", document);
        files
    };
    let plan = flows::compile(files(flow));
    assert!(plan.proof.guards.iter().any(|guard| guard.starts_with("return_1: ")), "{:?}", plan.proof.guards);
    for (note, status) in [(json!("fine"), Status::Succeeded), (json!(17), Status::Failed)] {
        let mut body = ticket(40);
        body["note"] = note;
        let run = cut_everywhere(&plan, &json!({"id": "T1"}), &|| matching_world(200, body.clone()));
        assert_eq!(run.state.phase, Phase::Finished(status));
        if status == Status::Failed {
            assert_eq!(run.state.failure.clone().unwrap().class, FailureClass::Guard);
        }
    }
    // It is a failure after the effect: without an undo the flow is refused.
    let bare = flow.replace("    undo warehouse.takeBackItem(returnId: moved.id) { retry careful }\n", "");
    let path = camino::Utf8Path::new("refund.eczflow");
    let mut files = files(&bare);
    let pinned = eczflow::compile::Session::new(&files).pin(path).unwrap();
    files.insert(path, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    let compilation = eczflow::compile::Session::new(&files).compile(path, None).unwrap();
    assert!(
        compilation.diagnostics.iter().any(|found| found.code.number == "EF3005"),
        "{:#?}",
        compilation.diagnostics
    );
    refused(&plan, "P8", |plan| {
        step(plan, "moved").undo = None;
        plan.apis.get_mut("warehouse").unwrap().operations.retain(|name, _| name != "takeBackItem");
    });
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
        assert_eq!(run.state.failure.clone().unwrap().class, FailureClass::Refused);
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

const POLLING: &str = r#"
flow f(id: string) -> { amount: decimal, state: int? } {
  as acme.agent
  handoff strict
  step ticket = poll support.getTicket(ticketId: id) until ticket.amount > 30 every 5s at most 4
    retry careful
  step moved = warehouse.returnItem(sku: "S", { quantity: 1 })
    after ticket
    retry careful
    irreversible because "a test"
  return { amount: ticket.amount, state: status(ticket) }
}
"#;

/// Answers with ten more each time it is asked, the second time with a failure.
fn polled_world(first: i64) -> World {
    let asked = Cell::new(0);
    World::new(move |path, _| {
        if path != "ticket" {
            return Reply::Answer(201, flows::return_body(path));
        }
        asked.set(asked.get() + 1);
        if asked.get() == 2 {
            Reply::Empty(503)
        } else {
            Reply::Answer(200, ticket(first + 10 * asked.get()))
        }
    })
}

fn kinds(run: &Run, kind: Kind) -> Vec<&Record> {
    run.log.iter().map(|(record, _)| record).filter(|record| record.kind == kind).collect()
}

#[test]
fn a_poll_asks_until_its_condition_holds() {
    let plan = plan(POLLING);
    let run = cut_everywhere(&plan, &json!({"id": "T1"}), &|| polled_world(0));
    assert_eq!(outputs(&run.state), json!({"amount": 40, "state": 200}));
    // Attempts 1, 2 and 3 (a retry in the second poll), and 4.
    let scheduled = kinds(&run, Kind::PollScheduled);
    let polls: Vec<&Json> = scheduled.iter().map(|record| &record.decision["poll"]).collect();
    assert_eq!(polls, [&json!(2), &json!(3)]);
    let intended = kinds(&run, Kind::AttemptIntended);
    let asked: Vec<u64> = intended
        .iter()
        .filter(|record| record.node.as_deref() == Some("ticket"))
        .map(|record| record.time.since(run.log[0].0.time))
        .collect();
    assert_eq!(asked.len(), 4);
    assert!(asked[1] >= asked[0] + 5_000 && asked[3] >= asked[2] + 5_000, "{asked:?}");
    // Each with its own verdict.
    let verdicts = kinds(&run, Kind::HandoffVerified);
    assert_eq!(verdicts.iter().filter(|record| record.node.as_deref() == Some("ticket")).count(), 4);
}

#[test]
fn a_poll_ends_at_its_bound() {
    let plan = plan(POLLING);
    let run = cut_everywhere(&plan, &json!({"id": "T1"}), &|| polled_world(-1_000));
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
    assert_eq!(run.state.failure.as_ref().map(|failure| failure.class), Some(FailureClass::Bound));
    // Four polls, and the one attempt that failed.
    assert_eq!(kinds(&run, Kind::AttemptIntended).len(), 5);
}

#[test]
fn a_poll_that_is_not_the_plans_is_not_legal() {
    let plan = plan(POLLING);
    let run = start(&plan, json!({"id": "T1"}), &mut polled_world(0));
    let at = run.log.iter().position(|(record, _)| record.kind == Kind::PollScheduled).unwrap();
    for (member, lie) in [("poll", json!(3)), ("until", json!("2027-01-15T08:00:00.100Z"))] {
        let mut forged = run.log.clone();
        assert!(forged[at].0.decision.insert(member.to_owned(), lie).is_some());
        assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }), "{member}");
    }
}

#[test]
fn an_edited_poll_is_refused() {
    use eczflow::plan::Poll;
    let plan = plan(POLLING);
    let poll = |plan: &mut Plan| step(plan, "ticket").poll.clone().unwrap();
    let mut copy = Plan::clone(&plan);
    let usual = poll(&mut copy);
    for edited in [
        Poll { at_most: 0, ..usual.clone() },
        Poll { at_most: 10_001, ..usual.clone() },
        Poll { every_ms: 0, ..usual.clone() },
    ] {
        let mut copy = Plan::clone(&plan);
        step(&mut copy, "ticket").poll = Some(edited);
        assert!(matches!(check(copy), Err(PlanError::Range { .. })));
    }
    // More polls are more requests than the proof says, and fewer are fewer.
    for at_most in [3, 5] {
        let mut copy = Plan::clone(&plan);
        step(&mut copy, "ticket").poll = Some(Poll { at_most, ..usual.clone() });
        assert!(matches!(check(copy), Err(PlanError::Proof { .. })));
    }
    refused(&plan, "P7", |plan| step(plan, "moved").poll = Some(usual.clone()));
    let elsewhere = eczflow::expr::Expr::Name { name: "moved".to_owned() };
    refused(&plan, "P1", |plan| {
        step(plan, "ticket").poll = Some(Poll { until: elsewhere.clone(), ..usual.clone() })
    });
    // A condition that does not look at the answer.
    let never = eczflow::expr::Expr::Bool { value: false };
    refused(&plan, "P1", |plan| {
        step(plan, "ticket").poll = Some(Poll { until: never.clone(), ..usual.clone() })
    });
}

const ORDERS: &str = include_str!("../ui/apis/orders.openapi.yaml");

/// The plan of a flow that asks the shop too.
pub(super) fn shop_plan(flow: &str) -> Verified<Plan> {
    let shop = "api shop = openapi(\"apis/orders.openapi.yaml\")\n";
    let mut files = flows::refund_files(Some(&format!("{HEAD}{shop}{flow}")));
    files.insert("apis/orders.openapi.yaml", ORDERS);
    flows::compile(files)
}

const PAGING: &str = r#"
flow f(state: string) -> { ids: [string], archived: int, last: int?, match: int } {
  as acme.agent
  handoff strict
  step orders = pages shop.listOrders(cursor: next, state: state) next orders.next_cursor items orders.orders at most 3
    retry careful
  step archived = pages shop.listArchived(page: next ?? 1) next if length(archived) > 0 then (next ?? 1) + 1 else null at most 4
    after orders
    retry careful
  let count = length(archived)
  let matched = match archived { 200 all => length(all) }
  after all
  step moved = warehouse.returnItem(sku: "S", { quantity: 1 })
    retry careful
    irreversible because "a test"
  return { ids: [order.id for order in orders], archived: count, last: status(orders), match: matched }
}
"#;

/// Three pages of orders, the second after a failure, and two of older ones; which page is asked for is in the request.
fn paged_world(pages: usize) -> World {
    let failed = Cell::new(false);
    World::answering(move |path, _, request| {
        let order = |id: String| json!({"id": id, "total": 12.5});
        let asked = request.url.rsplit_once('?').map_or("", |(_, query)| query);
        match path {
            "orders" => {
                let at: usize = asked
                    .split('&')
                    .find_map(|part| part.strip_prefix("cursor=c"))
                    .map_or(0, |at| at.parse().unwrap());
                assert!(asked.contains("state=open"), "{asked}");
                if at == 1 && !failed.replace(true) {
                    return Reply::Empty(503);
                }
                let next = if at + 1 < pages { json!(format!("c{}", at + 1)) } else { Json::Null };
                Reply::Answer(
                    200,
                    json!({"orders": [order(format!("{at}a")), order(format!("{at}b"))], "next_cursor": next}),
                )
            }
            "archived" => {
                let page: u64 = asked.strip_prefix("page=").unwrap().parse().unwrap();
                Reply::Answer(200, if page < 3 { json!([order(format!("old{page}"))]) } else { json!([]) })
            }
            other => Reply::Answer(201, flows::return_body(other)),
        }
    })
}

#[test]
fn pages_become_one_list() {
    let plan = shop_plan(PAGING);
    let run = cut_everywhere(&plan, &json!({"state": "open"}), &|| paged_world(3));
    assert_eq!(
        outputs(&run.state),
        json!({"ids": ["0a", "0b", "1a", "1b", "2a", "2b"], "archived": 2, "last": 200, "match": 2})
    );
    let scheduled = kinds(&run, Kind::PageScheduled);
    let of = |node: &str| -> Vec<u64> {
        let own = scheduled.iter().filter(|record| record.node.as_deref() == Some(node));
        own.map(|record| record.decision["page"].as_u64().unwrap()).collect()
    };
    assert_eq!((of("orders"), of("archived")), (vec![2, 3], vec![2, 3]));
    // Attempts 1, 2 and 3 (a retry of the second page), and 4; each with its own verdict.
    let node =
        |kind| kinds(&run, kind).iter().filter(|record| record.node.as_deref() == Some("orders")).count();
    assert_eq!((node(Kind::AttemptIntended), node(Kind::HandoffVerified)), (4, 4));
}

#[test]
fn pages_end_at_their_bound() {
    let plan = shop_plan(PAGING);
    let run = cut_everywhere(&plan, &json!({"state": "open"}), &|| paged_world(4));
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
    assert_eq!(run.state.failure.as_ref().map(|failure| failure.class), Some(FailureClass::Bound));
    assert_eq!(kinds(&run, Kind::AttemptIntended).len(), 4);
}

#[test]
fn pages_that_are_not_the_plans_are_not_legal() {
    let plan = shop_plan(PAGING);
    let run = start(&plan, json!({"state": "open"}), &mut paged_world(3));
    let at = run.log.iter().position(|(record, _)| record.kind == Kind::PageScheduled).unwrap();
    let mut another = run.log.clone();
    another[at].0.decision.insert("page".to_owned(), json!(3));
    let mut without = run.log.clone();
    without.remove(at);
    // The next page is the one that the answer names.
    let mut elsewhere = run.log.clone();
    let request =
        elsewhere[at..].iter_mut().find(|(record, _)| record.kind == Kind::AttemptIntended).unwrap();
    let url = &mut request.1.as_mut().unwrap().get_mut("request").unwrap().value["url"];
    *url = json!(url.as_str().unwrap().replace("cursor=c1", "cursor=c2"));
    for forged in [another, without, elsewhere] {
        assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }));
    }
}

#[test]
fn edited_pages_are_refused() {
    use eczflow::expr::Expr;
    use eczflow::plan::Pages;
    use eczflow::types::Type;
    let plan = shop_plan(PAGING);
    let usual = step(&mut Plan::clone(&plan), "orders").pages.clone().unwrap();
    let edited = |pages: Pages| {
        let mut copy = Plan::clone(&plan);
        step(&mut copy, "orders").pages = Some(pages);
        check(copy)
    };
    for at_most in [0, 10_001] {
        assert!(matches!(edited(Pages { at_most, ..usual.clone() }), Err(PlanError::Range { .. })));
    }
    for at_most in [2, 4] {
        assert!(matches!(edited(Pages { at_most, ..usual.clone() }), Err(PlanError::Proof { .. })));
    }
    refused(&plan, "P7", |plan| step(plan, "moved").pages = Some(usual.clone()));
    refused(&plan, "P1", |plan| step(plan, "orders").call.arguments.retain(|given| given.name != "cursor"));
    // One that never ends, one that is no list, a cursor of another type than is said, `next` where there is none.
    refused(&plan, "P3", |plan| {
        let cursor = Pages { next: Expr::String { value: "c".into() }, ..usual.clone() };
        step(plan, "orders").pages = Some(cursor);
    });
    refused(&plan, "P3", |plan| {
        step(plan, "orders").pages = Some(Pages { items: usual.next.clone(), ..usual.clone() });
    });
    refused(&plan, "P3", |plan| {
        step(plan, "orders").pages = Some(Pages { cursor: Type::Bool, ..usual.clone() });
    });
    refused(&plan, "P3", |plan| step(plan, "moved").call.body = Some(Expr::Next));
    refused(&plan, "P1", |plan| {
        let elsewhere = Expr::Name { name: "moved".into() };
        step(plan, "orders").pages = Some(Pages { next: elsewhere, ..usual.clone() });
    });
}

#[test]
fn pages_are_part_of_what_a_run_comes_to() {
    let bounds = eczflow::plan::bounds(&shop_plan(PAGING));
    let asked = bounds.steps.counterparties.iter().find(|load| load.apis == ["shop"]).unwrap();
    // Three pages and four, with four attempts each.
    assert_eq!((asked.calls, asked.attempts), (7, 28));
    assert!(bounds.steps.wall_clock_ms > 7 * 30_000);
}

/// `AFTER` stands for what is said of absence.
const READING_BACK: &str = r#"
flow f(id: string, most: decimal) -> { order: string } {
  as acme.agent
  handoff strict
  step order = shop.createOrder({ reference: id, total: 20 })
    retry careful
    reconcile shop.findOrder(reference: id) when order.total == 20 AFTER { retry careful }
    undo shop.cancelOrder(reference: id) { retry careful }
  ensure order.total <= most else "too dear"
  return { order: order.id }
}
"#;

fn reading_back(after: &str) -> Verified<Plan> {
    shop_plan(&READING_BACK.replace("AFTER", after))
}

/// The order is answered by `made`; each read of it by the next of `reads`, the last one for all that follow.
fn lost_world(made: Reply, reads: Vec<Reply>) -> World {
    let read = Cell::new(0);
    World::new(move |path, _| match path {
        "order" => made.clone(),
        "order/undo" => Reply::Empty(204),
        "order/reconcile" => {
            let at = read.replace(read.get() + 1);
            reads.get(at).or(reads.last()).cloned().unwrap()
        }
        other => panic!("{other}"),
    })
}

fn order(total: i64) -> Reply {
    Reply::Answer(200, json!({"id": "O1", "total": total}))
}

#[test]
fn an_effect_that_is_read_back_is_done() {
    let plan = reading_back("");
    for lost in [Reply::Fail(SendFailure::TimedOut), Reply::Empty(503)] {
        let world = || lost_world(lost.clone(), vec![order(20)]);
        let run = cut_everywhere(&plan, &json!({"id": "R1", "most": 100}), &world);
        assert_eq!(outputs(&run.state), json!({"order": "O1"}));
        let found = kinds(&run, Kind::Reconciled);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&found[0].decision["found"], found[0].node.as_deref()),
            (&json!("effect"), Some("order/reconcile"))
        );
        // An unknown outcome is never sent again: it has no key.
        let made = |record: &&&Record| record.node.as_deref() == Some("order");
        assert_eq!(kinds(&run, Kind::AttemptIntended).iter().filter(made).count(), 1);
        // It is an effect like any other: what fails later undoes it.
        let failing = cut_everywhere(&plan, &json!({"id": "R1", "most": 10}), &world);
        assert_eq!(failing.state.phase, Phase::Finished(Status::Failed));
        assert_eq!(kinds(&failing, Kind::UndoStarted).len(), 1);
    }
}

#[test]
fn an_effect_that_is_not_found_is_in_doubt_unless_the_flow_says_otherwise() {
    let given = json!({"id": "R1", "most": 100});
    let lost = Reply::Fail(SendFailure::Reset);
    let in_doubt = |run: &Run| {
        assert_eq!(run.state.phase, Phase::Paused(PauseCause::InDoubt));
        assert_eq!(run.state.in_doubt().iter().map(ToString::to_string).collect::<Vec<_>>(), ["order"]);
        assert_eq!(kinds(run, Kind::UndoStarted).len(), 0);
    };
    // There is no order, one of another total, or reading fails.
    let silent = reading_back("");
    for reads in [vec![Reply::Empty(404)], vec![order(30)], vec![Reply::Empty(500)], vec![Reply::Empty(403)]]
    {
        in_doubt(&cut_everywhere(&silent, &given, &|| lost_world(lost.clone(), reads.clone())));
    }
    let after = reading_back("absent after 2m");
    for reads in [vec![Reply::Empty(404)], vec![order(30)], vec![Reply::Empty(410), order(30)]] {
        let run = cut_everywhere(&after, &given, &|| lost_world(lost.clone(), reads.clone()));
        assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
        assert_eq!(run.state.failure.as_ref().map(|failure| failure.class), Some(FailureClass::Exhausted));
        assert_eq!(kinds(&run, Kind::UndoStarted).len(), 0);
        let at = |position: usize| {
            let read = |record: &&Record| record.node.as_deref() == Some("order/reconcile");
            kinds(&run, Kind::AttemptIntended).into_iter().filter(read).nth(position).unwrap().time
        };
        assert!(at(1).since(at(0)) >= 120_000);
    }
    // It came late, or the second read fails.
    let late =
        cut_everywhere(&after, &given, &|| lost_world(lost.clone(), vec![Reply::Empty(404), order(20)]));
    assert_eq!(outputs(&late.state), json!({"order": "O1"}));
    in_doubt(&start(&after, given, &mut lost_world(lost, vec![Reply::Empty(404), Reply::Empty(500)])));
}

/// A run in doubt goes on in new processes, cut once after each record: however often, it ends the same.
fn resumed_everywhere(plan: &Verified<Plan>, run: &Run, world: &dyn Fn() -> World) -> Run {
    let go_on = |cut: Option<usize>| {
        let (mut world, mut outside) = (world(), outside(plan));
        let mut run = crash(plan, run.log.clone(), &mut outside);
        let engine = Engine::new(plan);
        if let Some(records) = cut {
            drive_until(records, &engine, &mut run, &mut world, &mut outside);
            run = crash(plan, run.log, &mut outside);
        }
        drive(&engine, &mut run, &mut world, &mut outside);
        assert_eq!(replay(plan, "run-1", &run.log).1, Legal::Yes);
        run
    };
    let whole = go_on(None);
    for records in run.log.len() + 1..whole.log.len() {
        assert_eq!(go_on(Some(records)).state.phase, whole.state.phase, "{records}");
    }
    whole
}

#[test]
fn a_read_that_settled_nothing_is_read_again_after_a_resume() {
    let given = json!({"id": "R1", "most": 100});
    let lost = Reply::Fail(SendFailure::Reset);
    let doubtful = |plan: &Verified<Plan>, read: Reply| {
        let run = start(plan, given.clone(), &mut lost_world(lost.clone(), vec![read]));
        assert_eq!(run.state.phase, Phase::Paused(PauseCause::InDoubt));
        assert!(Engine::new(plan).may_settle(&run.state));
        run
    };
    let (silent, after) = (reading_back(""), reading_back("absent after 2m"));
    for read in [Reply::Empty(503), Reply::Empty(403), Reply::Fail(SendFailure::TimedOut)] {
        for plan in [&silent, &after] {
            let run = doubtful(plan, read.clone());
            // The effect is found. What else the run had to do was given up, so it is taken back.
            let found = resumed_everywhere(plan, &run, &|| lost_world(lost.clone(), vec![order(20)]));
            assert_eq!(found.state.phase, Phase::Finished(Status::Failed));
            let message = &found.state.failure.as_ref().unwrap().message;
            assert!(message.ends_with("`shop.findOrder` finds its effect now"), "{message}");
            assert_eq!(kinds(&found, Kind::UndoStarted).len(), 1);
            assert_eq!(kinds(&found, Kind::ReconcileStarted).len(), 2);
            // It still says nothing, and is asked again by each resume; nothing else is sent.
            let silence = || lost_world(lost.clone(), vec![read.clone()]);
            let still = resumed_everywhere(plan, &run, &silence);
            assert_eq!(still.state.phase, Phase::Paused(PauseCause::InDoubt));
            let again = resumed_everywhere(plan, &still, &silence);
            let reads = |run: &Run| kinds(run, Kind::ReconcileStarted).len();
            assert_eq!((reads(&run), reads(&still), reads(&again)), (1, 2, 3));
            let made = |record: &&&Record| record.node.as_deref() == Some("order");
            assert_eq!(kinds(&again, Kind::AttemptIntended).iter().filter(made).count(), 1);
        }
        let run = doubtful(&after, read.clone());
        let nothing = resumed_everywhere(&after, &run, &|| lost_world(lost.clone(), vec![Reply::Empty(404)]));
        assert_eq!(nothing.state.phase, Phase::Finished(Status::Failed));
        assert_eq!(kinds(&nothing, Kind::UndoStarted).len(), 0);
    }
    // Absence that means nothing is looked at again too: the effect may have come since.
    let run = doubtful(&silent, Reply::Empty(404));
    let late = resumed_everywhere(&silent, &run, &|| lost_world(lost.clone(), vec![order(20)]));
    assert_eq!(kinds(&late, Kind::UndoStarted).len(), 1);
}

#[test]
fn a_resume_that_does_not_read_again_is_not_legal() {
    let plan = reading_back("");
    let given = json!({"id": "R1", "most": 100});
    let lost = || lost_world(Reply::Fail(SendFailure::Reset), vec![Reply::Empty(503)]);
    let mut outside = outside(&plan);
    let mut run = crash(&plan, start(&plan, given.clone(), &mut lost()).log, &mut outside);
    let resumed = run.log.len();
    drive(&Engine::new(&plan), &mut run, &mut lost(), &mut outside);
    // Nothing but the pause follows the resume, or what is read back was known.
    let mut short = run.log.clone();
    short.drain(resumed..short.len() - 1);
    let mut known = start(&plan, given, &mut lost_world(order(20), vec![])).log;
    let read = run.log.iter().find(|(record, _)| record.kind == Kind::ReconcileStarted).unwrap().clone();
    known.insert(known.len() - 1, read);
    for forged in [short, known] {
        assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }));
    }
}

#[test]
fn what_is_known_is_not_read_back() {
    let plan = reading_back("absent after 2m");
    let given = json!({"id": "R1", "most": 100});
    let refused = start(&plan, given.clone(), &mut lost_world(Reply::Empty(400), vec![]));
    assert_eq!(refused.state.phase, Phase::Finished(Status::Failed));
    // An answer that does not fit says that the effect happened.
    let ill = start(&plan, given, &mut lost_world(Reply::Answer(201, json!({"id": 7})), vec![]));
    assert_eq!(
        (kinds(&refused, Kind::ReconcileStarted).len(), kinds(&ill, Kind::ReconcileStarted).len()),
        (0, 0)
    );
}

/// A deadline that comes while the outcome of the last effect is read back fails nothing, if the read finds the effect.
#[test]
fn a_deadline_waits_for_what_is_read_back() {
    let last = READING_BACK
        .replace("AFTER", "absent after 2m")
        .replace("    undo shop.cancelOrder(reference: id) { retry careful }\n", "")
        .replace("  ensure order.total <= most else \"too dear\"\n", "")
        .replace(", most: decimal", "")
        .replace("  handoff strict\n", "  handoff strict\n  deadline 1m\n");
    let plan = shop_plan(&last);
    let given = json!({"id": "R1"});
    let lost = || Reply::Fail(SendFailure::Reset);
    let found = cut_everywhere(&plan, &given, &|| lost_world(lost(), vec![Reply::Empty(404), order(20)]));
    assert_eq!(outputs(&found.state), json!({"order": "O1"}));
    assert!(found.log.last().unwrap().0.time.since(found.state.started) > 60_000, "after the deadline");
    // What times out at the deadline is read back as well.
    let slow = || {
        let mut world = lost_world(Reply::Fail(SendFailure::TimedOut), vec![order(20)]);
        world.takes = Box::new(|path| if path == "order" { 61_000 } else { 3 });
        world
    };
    let late = start(&plan, given.clone(), &mut slow());
    assert_eq!(outputs(&late.state), json!({"order": "O1"}));
    let absent = start(&plan, given, &mut lost_world(lost(), vec![Reply::Empty(404)]));
    assert_eq!(absent.state.phase, Phase::Finished(Status::Failed));
}

#[test]
fn a_read_that_is_not_the_plans_is_not_legal() {
    let plan = reading_back("absent after 2m");
    let given = json!({"id": "R1", "most": 100});
    let run = start(&plan, given, &mut lost_world(Reply::Fail(SendFailure::Reset), vec![Reply::Empty(404)]));
    let position = |kind| run.log.iter().position(|(record, _)| record.kind == kind).unwrap();
    let at = position(Kind::Reconciled);
    assert_eq!(run.log[at].0.decision["found"], json!("nothing"));
    let mut forgeries = Vec::new();
    for lie in ["effect", "unknown"] {
        let mut forged = run.log.clone();
        forged[at].0.decision.insert("found".to_owned(), json!(lie));
        forgeries.push(forged);
    }
    // Too early, and without the second read.
    let mut early = run.log.clone();
    early[position(Kind::PollScheduled)]
        .0
        .decision
        .insert("until".to_owned(), json!("2027-01-15T08:00:01.000Z"));
    let mut short = run.log.clone();
    short.drain(position(Kind::PollScheduled)..at);
    forgeries.extend([early, short]);
    for forged in forgeries {
        assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }));
    }
}

#[test]
fn an_edited_reconcile_is_refused() {
    use eczflow::expr::Expr;
    let plan = reading_back("absent after 2m");
    for after in [0, 86_400_001] {
        let mut copy = Plan::clone(&plan);
        step(&mut copy, "order").reconcile.as_mut().unwrap().absent_after_ms = Some(after);
        assert!(matches!(check(copy), Err(PlanError::Range { .. })));
    }
    // Another time, none, and no read at all: the proof says otherwise, or what is retried could happen twice.
    for after in [None, Some(60_000)] {
        let mut copy = Plan::clone(&plan);
        step(&mut copy, "order").reconcile.as_mut().unwrap().absent_after_ms = after;
        assert!(matches!(check(copy), Err(PlanError::Proof { .. })));
    }
    refused(&plan, "P7", |plan| step(plan, "order").reconcile = None);
    refused(&plan, "P7", |plan| {
        let undo = step(plan, "order").undo.clone().unwrap();
        step(plan, "order").reconcile.as_mut().unwrap().call = undo;
    });
    refused(&plan, "P3", |plan| {
        let read = &mut step(plan, "order").reconcile.as_mut().unwrap().call;
        read.arguments.clear();
    });
    refused(&plan, "P3", |plan| {
        step(plan, "order").reconcile.as_mut().unwrap().when = Expr::Null;
    });
    refused(&plan, "P4", |plan| {
        let read = &mut step(plan, "order").reconcile.as_mut().unwrap().call;
        read.handoff.evidence = eczflow::ecz::Evidence::E5;
    });
    // What answers something else cannot stand for the answer.
    let listed = shop_plan(
        &READING_BACK
            .replace("AFTER", "")
            .replace("ensure", "step all = shop.listArchived()\n  ensure length(all) > 0 &&"),
    );
    refused(&listed, "P3", |plan| {
        // Both operations stay in use.
        let mut all = step(plan, "all").call.clone();
        let read = step(plan, "order").reconcile.as_mut().unwrap();
        std::mem::swap(&mut read.call, &mut all);
        read.when = Expr::Bool { value: true };
        step(plan, "all").call = all;
    });
    let bounds = eczflow::plan::bounds(&plan);
    let asked = bounds.steps.counterparties.iter().find(|load| load.apis == ["shop"]).unwrap();
    // One order and two reads, with four attempts each.
    assert_eq!((asked.calls, asked.attempts), (3, 12));
}

const WAITING: &str = r#"
flow f(id: string, at: timestamp) -> { amount: decimal } {
  as acme.agent
  handoff strict
  deadline 2h
  step ticket = support.getTicket(ticketId: id)
    retry careful
  wait 5m
  wait until at
  step moved = warehouse.returnItem(sku: "S", { quantity: 1 })
    retry careful
    irreversible because "a test"
  return { amount: ticket.amount }
}
"#;

#[test]
fn a_wait_begins_after_what_stands_above_and_holds_back_what_stands_below() {
    let plan = plan(WAITING);
    // The run starts at 2027-01-15T08:00:00Z: one moment is passed when its turn comes, the other is not.
    for (moment, timers, least_ms) in
        [("2027-01-15T08:01:00Z", 1, 300_000), ("2027-01-15T09:00:00Z", 2, 3_600_000)]
    {
        let given = json!({"id": "T1", "at": moment});
        let run = cut_everywhere(&plan, &given, &|| matching_world(200, ticket(40)));
        assert_eq!(outputs(&run.state), json!({"amount": 40}));
        let (set, fired) = (kinds(&run, Kind::TimerSet), kinds(&run, Kind::TimerFired));
        assert_eq!((set.len(), fired.len()), (timers, 2));
        let at = |node: &str| {
            let mut intended = kinds(&run, Kind::AttemptIntended).into_iter();
            intended.find(|record| record.node.as_deref() == Some(node)).unwrap().time
        };
        assert!(at("moved").since(at("ticket")) >= least_ms.min(300_000));
        assert!(at("moved").since(run.log[0].0.time) >= least_ms);
    }
}

const FROM_START: &str = r#"
flow f(id: string, at: timestamp) -> { amount: decimal, hours: bool } {
  as acme.agent
  handoff strict
  deadline 2h
  step ticket = support.getTicket(ticketId: id)
    retry careful
  wait until run.started + 10m * 2 + 30s
  ensure at > "2026-12-31T23:59:59.999999999+01:00" else "too early"
  let later = at + 1d
  return { amount: ticket.amount, hours: later - at > 23h }
}
"#;

/// Moments and lengths of time are reckoned with; what lies outside the years that can be written fails its step.
#[test]
fn a_wait_may_be_reckoned_from_the_start_of_the_run() {
    let plan = plan(FROM_START);
    let given = |at: &str| json!({"id": "T1", "at": at});
    let world = || matching_world(200, ticket(40));
    let run = cut_everywhere(&plan, &given("2027-01-15T08:00:00Z"), &world);
    assert_eq!(outputs(&run.state), json!({"amount": 40, "hours": true}));
    let fired = kinds(&run, Kind::TimerFired)[0].time;
    assert_eq!(fired.since(run.log[0].0.time), 20 * 60_000 + 30_000);
    let late = start(&plan, given("9999-12-31T12:00:00Z"), &mut world());
    let failure = late.state.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Expression);
    assert!(failure.message.contains("timestamp"), "{}", failure.message);
}

/// A record holds the end of a wait: one that no record could hold is not begun.
#[test]
fn a_wait_beyond_the_years_that_are_written_fails() {
    let flow = FROM_START.replace("at: timestamp)", "at: timestamp, long: duration)");
    let plan = plan(&flow.replace("wait until run.started + 10m * 2 + 30s", "wait long"));
    let world = || matching_world(200, ticket(40));
    let given = json!({"id": "T1", "at": "2027-01-15T08:00:00Z", "long": "PT99999999H"});
    let run = start(&plan, given, &mut world());
    assert_eq!(run.state.failure.clone().unwrap().class, FailureClass::Expression);
    assert!(kinds(&run, Kind::TimerSet).is_empty());
    assert!(matches!(replay(&plan, "run-1", &run.log).1, Legal::Yes));
}

#[test]
fn a_wait_that_is_not_the_plans_is_not_legal() {
    let plan = plan(WAITING);
    let given = json!({"id": "T1", "at": "2027-01-15T09:00:00Z"});
    let run = start(&plan, given, &mut matching_world(200, ticket(40)));
    let position = |kind| run.log.iter().position(|(record, _)| record.kind == kind).unwrap();
    // A shorter wait, one that ends too early, one left out.
    let set = position(Kind::TimerSet);
    let mut shorter = run.log.clone();
    shorter[set].0.decision.insert("until".to_owned(), json!("2027-01-15T08:00:01.000Z"));
    let mut early = run.log.clone();
    early[position(Kind::TimerFired)].0.time = run.log[set].0.time;
    let mut without = run.log.clone();
    without.drain(set..=position(Kind::TimerFired));
    for forged in [shorter, early, without] {
        assert!(matches!(replay(&plan, "run-1", &forged).1, Legal::No { .. }));
    }
}

#[test]
fn a_wait_and_a_poll_are_part_of_what_a_run_comes_to() {
    let waiting = eczflow::plan::bounds(&plan(WAITING));
    // One attempt of each call as slow as its api allows, and the wait whose length is known.
    assert_eq!(waiting.single_ms, 30_000 + 300_000 + 30_000);
    // The moment of the other one is not: it lasts to the deadline at most.
    assert!(waiting.steps.wall_clock_ms >= 7_200_000 + 300_000);
    let polling = eczflow::plan::bounds(&plan(POLLING));
    let asked = polling.steps.counterparties.iter().find(|load| load.apis == ["support"]).unwrap();
    // Four polls with four attempts each.
    assert_eq!((asked.calls, asked.attempts), (4, 16));
}

#[test]
fn a_run_that_fails_or_is_late_does_not_wait() {
    let late = plan(&WAITING.replace("deadline 2h", "deadline 10m"));
    let given = json!({"id": "T1", "at": "2027-01-15T09:00:00Z"});
    let run = cut_everywhere(&late, &given, &|| matching_world(200, ticket(40)));
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
    assert_eq!(run.state.failure.as_ref().map(|failure| failure.class), Some(FailureClass::Deadline));
}

#[test]
fn an_edited_wait_is_refused() {
    use eczflow::expr::Expr;
    let plan = plan(WAITING);
    let node = |plan: &mut Plan, id: &str, edit: &dyn Fn(&mut eczflow::plan::Node)| {
        edit(plan.flow.body.nodes.iter_mut().find(|node| node.id == id).unwrap());
    };
    refused(&plan, "P1", |plan| node(plan, "wait_1", &|node| node.after.clear()));
    refused(&plan, "P1", |plan| node(plan, "moved", &|node| node.after.clear()));
    refused(&plan, "P3", |plan| {
        node(plan, "wait_1", &|node| {
            if let NodeKind::Wait(wait) = &mut node.kind {
                wait.until = true;
            }
        });
    });
    refused(&plan, "P3", |plan| {
        node(plan, "wait_2", &|node| {
            if let NodeKind::Wait(wait) = &mut node.kind {
                wait.value = Expr::Int { value: 5 };
            }
        });
    });
}

//! `rate` and `concurrency`: in virtual time with a crash at every record, and over HTTPS by the counterparty's own ledger.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use eczflow::audit::Kind;
use eczflow::base::{Explained as _, Timestamp};
use eczflow::engine::{Engine, Phase, State, Status};
use eczflow::plan::{Plan, Rate, Verified, bounds, check, prove};
use eczflow::sandbox::Faults;
use eczflow::store::Store as _;
use eczflow::verify::{Legal, replay};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::faults_store::Failing;
use crate::flows;
use crate::stage::Stage;
use crate::world::*;

const HEAD: &str = r#"eczflow 1
use std.handoff.{ strict }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
retry again { attempts 4 backoff 100ms to 100ms }
"#;

/// Asks the warehouse for each of some things, ten at once.
const STOCK: &str = r#"
flow stock(skus: [string]) -> { units: int } {
  as       acme.agent
  handoff  strict
  deadline 1h
  let counts = for sku in skus at most 40 parallel 10 {
    step one = warehouse.getStock(sku: sku)
      retry again
    yield 1
  }
  return { units: sum(counts) }
}
"#;

/// Two of these at once.
const TWICE: &str = r#"
flow twice(skus: [string]) -> { units: int } {
  as       acme.agent
  handoff  strict
  deadline 2h
  step one = call stock(skus: skus)
  step two = call stock(skus: skus)
  return { units: one.units + two.units }
}
"#;

fn plan(limits: &str, flow: &str) -> Verified<Plan> {
    let api = format!("api warehouse = openapi(\"apis/warehouse.openapi.yaml\") {{ {limits} }}\n");
    flows::compile(flows::refund_files(Some(&format!("{HEAD}{api}{flow}"))))
}

/// Asks for one thing, and for each of some by a call of that.
const EACH: &str = r#"
flow one(sku: string) -> { units: int } {
  as       acme.agent
  handoff  strict
  step found = warehouse.getStock(sku: sku)
  return { units: found.in_stock }
}
flow each(skus: [string]) -> { units: int } {
  as       acme.agent
  handoff  strict
  let counts = for sku in skus at most 10 {
    step found = call one(sku: sku)
    yield 1
  }
  return { units: sum(counts) }
}
"#;

/// Asks for each of some things at two apis of one counterparty.
const BOTH: &str = r#"
flow both(skus: [string]) -> { units: int } {
  as       acme.agent
  handoff  strict
  deadline 1h
  let counts = for sku in skus at most 40 parallel 10 {
    step one = warehouse.getStock(sku: sku)
      retry again
    step two = depot.getStock(sku: sku)
      after one
      retry again
    yield 1
  }
  return { units: sum(counts) }
}
"#;

/// The same with a second api of the warehouse.
fn plan_of_both(limits: &str) -> Verified<Plan> {
    plan(limits, &format!("api depot = openapi(\"apis/warehouse.openapi.yaml\") {{ {limits} }}\n{BOTH}"))
}

fn skus(count: usize) -> Json {
    json!({"skus": (0..count).map(|number| format!("S{number}")).collect::<Vec<_>>()})
}

/// No window of this length holds more than `most` of these moments.
fn keeps(mut moments: Vec<Timestamp>, most: usize, window_ms: u64) -> bool {
    moments.sort_unstable();
    moments.windows(most + 1).all(|window| window[most].since(window[0]) >= window_ms)
}

fn intended(log: &Log) -> Vec<Timestamp> {
    log.iter()
        .map(|(record, _)| record)
        .filter(|record| record.kind == Kind::AttemptIntended)
        .map(|record| record.time)
        .collect()
}

fn world() -> World {
    let stock = json!({"sku": "S", "in_stock": 4});
    World::new(move |path, attempt| match (path, attempt) {
        // A retry counts in the rate like any request.
        ("counts[2].one", 1) => Reply::Empty(503),
        _ => Reply::Answer(200, stock.clone()),
    })
}

#[test]
fn a_rate_spreads_requests_over_its_windows_and_every_wait_is_a_record() {
    let paced = plan("rate 3 per 1m", STOCK);
    let whole = start(&paced, skus(10), &mut world());
    assert_eq!(whole.state.outputs, json!({"units": 10}), "{:?}", whole.state.failure);
    let sent = intended(&whole.log);
    assert!(sent.len() == 11 && keeps(sent.clone(), 3, 60_000));
    let timers = whole.log.iter().filter(|(record, _)| record.kind == Kind::TimerSet);
    // Three go at once and each of the others waits once: a moment that was promised is kept.
    assert_eq!(timers.clone().count(), 8);
    assert!(timers.into_iter().all(|(record, _)| record.decision["because"] == json!("rate")));
    // Without it nothing waits.
    let free = start(&plan("concurrency 2", STOCK), skus(10), &mut world());
    assert!(!keeps(intended(&free.log), 3, 60_000));
}

/// Whichever record is the last one before a crash, what was sent before it counts after it.
#[test]
fn a_rate_holds_across_a_crash_at_every_record() {
    let plan = plan("rate 3 per 1m", STOCK);
    let whole = start(&plan, skus(6), &mut world());
    let engine = Engine::new(&plan);
    for records in 1..whole.log.len() {
        let (mut world, mut outside) = (world(), outside(&plan));
        let mut run = Run { state: State::new("run-1"), log: Log::new() };
        let Json::Object(inputs) = skus(6) else { panic!() };
        push(&engine, &mut run, opening(&plan, inputs), &outside);
        drive_until(records, &engine, &mut run, &mut world, &mut outside);
        let mut run = crash(&plan, run.log, &mut outside);
        drive(&engine, &mut run, &mut world, &mut outside);
        assert_eq!(run.state.outputs, whole.state.outputs, "{records}");
        assert!(keeps(intended(&run.log), 3, 60_000), "{records}");
        assert_eq!(replay(&plan, "run-1", &run.log).1, Legal::Yes, "{records}");
    }
}

/// A wait that says it is for a rate which the plan does not have, or for something else, is not what the decider does.
#[test]
fn a_wait_for_a_rate_that_is_not_the_plans_is_not_legal() {
    let free = plan("", STOCK);
    let paced = plan("rate 3 per 1m", STOCK);
    let run = start(&paced, skus(4), &mut world());
    let mut foreign = run.log.clone();
    foreign[0].0.decision.insert("plan_digest".into(), json!(free.digest()));
    let Legal::No { why, .. } = replay(&free, "run-1", &foreign).1 else { panic!("it waits for no rate") };
    assert!(why.contains("no rate holds it up"), "{why}");
    let mut sooner = run.log.clone();
    let set = sooner.iter().position(|(record, _)| record.kind == Kind::TimerSet).unwrap();
    let time = sooner[set].0.time;
    sooner[set].0.decision.insert("until".into(), json!(time.to_string()));
    assert!(matches!(replay(&paced, "run-1", &sooner).1, Legal::No { .. }));
}

/// What opens a breaker at once and keeps on asking.
const TOUCHY: &str = r#"
breaker touchy { window 1m minimum 1 failures 1% slow 50% over 2s open 1s to 2s probes 1 }
retry many { attempts 20 backoff 300ms to 500ms }
retry some { attempts 5 backoff 300ms to 500ms }
"#;

/// The records of a run, which are no more than P9 says, and no less than the `part`-th part of it.
fn bounded(flow: &str, limits: &str, given: Json, part: u64, world: &mut World) {
    let plan = plan(limits, &format!("{TOUCHY}{flow}"));
    let most = bounds(&plan);
    let run = start(&plan, given, world);
    let written = run.log.len() as u64;
    assert!(written <= most.steps.leaves + most.undos.leaves, "{flow}: {written} of {most:?}");
    assert!(written * part >= most.steps.leaves, "{flow}: {written} of {most:?}");
}

#[test]
fn a_run_writes_no_more_than_its_bounds_while_breakers_open_and_timers_run() {
    let flow = |body: &str| {
        format!(
            "flow f(skus: [string]) -> {{ }} {{\n  as acme.agent\n  handoff strict\n{body}\n  return {{ }}\n}}\n"
        )
    };
    let down = || World::new(|_, _| Reply::Empty(503));
    let one = flow("  step one = warehouse.getStock(sku: \"S\")\n    retry many");
    bounded(&one, "breaker touchy", skus(0), 2, &mut down());
    bounded(&one, "breaker touchy rate 2 per 1m", skus(0), 3, &mut down());
    let many = flow(
        "  for sku in skus at most 4 parallel 4 {\n    step one = warehouse.getStock(sku: sku)\n      retry some\n  }",
    );
    for rate in ["", " rate 2 per 1m"] {
        let mut late = World::new(|_, attempt| match attempt {
            5 => Reply::Answer(200, json!({"sku": "S", "in_stock": 4})),
            _ => Reply::Empty(503),
        });
        bounded(&many, &format!("breaker touchy{rate}"), skus(4), 10, &mut late);
    }
    let waits = flow(&"  wait 10ms\n".repeat(6));
    bounded(&waits, "", skus(0), 2, &mut down());
    let nested = flow(
        "  for a in [1, 2, 3] at most 3 {\n    for b in [1, 2] at most 2 {\n      wait 100ms\n    }\n  }",
    );
    bounded(&nested, "", skus(0), 2, &mut down());
}

#[test]
fn rates_and_places_are_part_of_what_a_run_comes_to() {
    let free = bounds(&plan("", STOCK));
    let paced = bounds(&plan("rate 3 per 1m", STOCK));
    // Forty requests, each tried four times, at three a minute, in a window that is 50 ms longer.
    assert_eq!((free.rates.len(), paced.rates[0].requests, paced.rates[0].least_ms), (0, 40, 13 * 60_050));
    assert_eq!(paced.steps.wall_clock_ms - free.steps.wall_clock_ms, 53 * 60_050);
    // Ten at once may each wait for its turn, for the others, and for a breaker that these open.
    assert_eq!(paced.steps.leaves - free.steps.leaves, 2 * (2 + 9 + 19) * 160);
    // Ten may want a place at once. Where there are as many, nobody waits.
    assert_eq!(bounds(&plan("concurrency 10", STOCK)).steps.wall_clock_ms, free.steps.wall_clock_ms);
    let scarce = bounds(&plan("concurrency 4", STOCK)).steps.wall_clock_ms - free.steps.wall_clock_ms;
    assert_eq!(scarce, 160 * (32_000 + 30_000) / 4);
    // Two apis of one counterparty share a rate and its places.
    let (both, alone) = (bounds(&plan_of_both("rate 3 per 1m")), bounds(&plan_of_both("")));
    assert_eq!((both.rates.len(), both.rates[0].requests, both.rates[0].least_ms), (1, 80, 26 * 60_050));
    assert_eq!(both.steps.wall_clock_ms - alone.steps.wall_clock_ms, 106 * 60_050);
    // One thing is asked of the one before it is asked of the other: ten at once.
    let places = |limits| bounds(&plan_of_both(limits)).steps.wall_clock_ms - alone.steps.wall_clock_ms;
    assert_eq!(places("concurrency 10"), 0);
    assert_eq!(places("concurrency 5"), 320 * (32_000 + 30_000) / 5);
    // Called flows ask the same api.
    assert_eq!(bounds(&plan("rate 3 per 1m", &format!("{STOCK}{TWICE}"))).rates[0].requests, 80);
}

/// A plan is refused whose limits are out of range, whose flow cannot keep within the rate, or whose proof was made for
/// others, whatever its digest says.
#[test]
fn edited_limits_are_refused() {
    type Edit = (&'static str, bool, fn(&mut Plan));
    fn limits(plan: &mut Plan) -> &mut eczflow::plan::Api {
        plan.apis.get_mut("warehouse").unwrap()
    }
    let edits: [Edit; 8] = [
        ("ER2005", true, |plan| limits(plan).rate = Some(Rate { requests: 0, per_ms: 60_000 })),
        ("ER2005", true, |plan| limits(plan).rate = Some(Rate { requests: 3, per_ms: 999 })),
        ("ER2005", true, |plan| limits(plan).rate = Some(Rate { requests: 3, per_ms: 86_400_001 })),
        ("ER2005", true, |plan| limits(plan).concurrency = Some(0)),
        ("ER2007", true, |plan| limits(plan).rate = Some(Rate { requests: 3, per_ms: 600_000 })),
        ("ER2007", true, |plan| plan.flow.deadline_ms = 13 * 60_000),
        // Not proved again: the bounds that it states are those of the other limits.
        ("ER2008", false, |plan| limits(plan).rate = None),
        ("ER2008", false, |plan| limits(plan).concurrency = Some(1)),
    ];
    let original = plan("rate 3 per 1m concurrency 10", STOCK);
    for (at, (code, again, edit)) in edits.into_iter().enumerate() {
        let mut copy = Plan::clone(&original);
        edit(&mut copy);
        let proved = if again { prove(&copy) } else { prove(&original) };
        let refused = proved.and_then(|proven| {
            (copy.proof, copy.egress) = (proven.proof, proven.egress);
            check(copy)
        });
        assert_eq!(refused.map(|_| ()).map_err(|error| error.code()), Err(code), "{at}");
    }
    // What fits into the deadline is accepted, and so is what has no limit.
    for edit in
        [|plan: &mut Plan| plan.flow.deadline_ms = 13 * 60_050, |plan: &mut Plan| limits(plan).rate = None]
    {
        let mut copy = Plan::clone(&original);
        edit(&mut copy);
        (copy.proof, copy.egress) = prove(&copy).map(|proven| (proven.proof, proven.egress)).unwrap();
        assert!(check(copy).is_ok());
    }
}

/// A plan is refused whose apis of one counterparty have different limits, or ask more together than its deadline lets
/// them, and so is one whose loop calls a flow that has less time than it may wait for its turn.
#[test]
fn edited_limits_of_a_counterparty_are_refused() {
    type Edit = fn(&mut Plan);
    let refused = |original: &Plan, edit: Edit| {
        let mut copy = original.clone();
        edit(&mut copy);
        prove(&copy).map(|_| ()).map_err(|error| (error.code(), error.to_string()))
    };
    let both = plan_of_both("rate 10 per 1m concurrency 10");
    let apart = "has the same passport and base URL";
    let edits: [(&str, Edit); 5] = [
        (apart, |plan| plan.apis.get_mut("depot").unwrap().breaker.slow_ms += 1),
        (apart, |plan| plan.apis.get_mut("depot").unwrap().rate = None),
        (apart, |plan| plan.apis.get_mut("depot").unwrap().rate.as_mut().unwrap().requests = 11),
        (apart, |plan| plan.apis.get_mut("warehouse").unwrap().concurrency = None),
        ("the last of 80 requests begins after 420350 ms", |plan| plan.flow.deadline_ms = 420_349),
    ];
    for (reason, edit) in edits {
        let (code, text) = refused(&both, edit).unwrap_err();
        assert!(code == "ER2007" && text.contains(reason), "{text}");
    }
    assert_eq!(refused(&both, |plan| plan.flow.deadline_ms = 420_350), Ok(()));

    // The called flow is proved again by itself.
    fn gives(plan: &mut Plan, deadline_ms: u64) {
        let one = plan.flows.get_mut("one").unwrap();
        one.flow.deadline_ms = deadline_ms;
        let proven = prove(one).unwrap();
        (one.proof, one.egress) = (proven.proof, proven.egress);
    }
    let each = plan("rate 4 per 1m", EACH);
    let (code, text) = refused(&each, |plan| gives(plan, 60_049)).unwrap_err();
    assert!(code == "ER2007" && text.contains("keeps the called flow waiting"), "{text}");
    assert_eq!(refused(&each, |plan| gives(plan, 60_050)), Ok(()));
}

/// When the counterparty received its requests.
fn received(stage: &Stage) -> Vec<Timestamp> {
    let requests = stage.ledger().report().requests;
    // A counterparty's server is called after the first of its apis.
    let of_it = requests.iter().filter(|entry| ["warehouse", "depot"].contains(&entry.server.as_str()));
    of_it.map(|entry| entry.at).collect()
}

/// What is let go a second apart may arrive a little closer together.
const ARRIVAL_MS: u64 = 800;

#[tokio::test(flavor = "multi_thread")]
async fn the_counterparty_sees_the_rate_over_all_runs_of_a_process() {
    let stage = Stage::new(plan("rate 4 per 1s", &format!("{STOCK}{TWICE}")), Faults::default()).await;
    let (one, two) = tokio::join!(stage.run(skus(2)), stage.run(skus(1)));
    for report in [one, two] {
        assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{:?}", report.failure);
        stage.audit(&report);
    }
    // Two runs with two child runs each: four flows that ask, and six requests.
    let received = received(&stage);
    assert_eq!(received.len(), 6);
    assert!(keeps(received.clone(), 4, ARRIVAL_MS), "{received:?}");
}

/// A run whose process ends after so many commits and that another one goes on with: how many requests the first one
/// sent; nothing where it came to its end before.
async fn cut(plan: Verified<Plan>, items: usize, commits: usize, most: usize) -> Option<usize> {
    let mut stage = Stage::new(plan, Faults::default()).await;
    let store = stage.store.clone();
    stage.behind(Arc::new(Failing { store: store.clone(), left: AtomicUsize::new(commits), kept: false }));
    let Json::Object(given) = skus(items) else { unreachable!() };
    if stage.try_run(given).await.is_ok() {
        return None;
    }
    let before = received(&stage).len();
    stage.behind(store.clone());
    let run = store.runs().unwrap().remove(0).run;
    let (_keep, go) = watch::channel(false);
    let report = stage.host.resume(stage.plan.clone(), &run, go).await.unwrap();
    assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{:?}", report.failure);
    stage.audit(&report);
    let runs = store.runs().unwrap();
    let entries = runs.iter().flat_map(|run| store.load(&run.run).unwrap());
    let intended = entries.filter(|entry| entry.record.kind == Kind::AttemptIntended);
    assert!(keeps(intended.map(|entry| entry.record.time).collect(), most, 1_000), "{commits}");
    Some(before)
}

/// Ends a process after ever more commits, until two ended when so many requests were sent: how many records one commit
/// holds is the machine's matter.
async fn outlives(
    plan: impl Fn() -> Verified<Plan>,
    items: usize,
    most: usize,
    sent: std::ops::Range<usize>,
) {
    let mut between = 0;
    for commits in 3.. {
        let Some(before) = cut(plan(), items, commits, most).await else { break };
        between += usize::from(sent.contains(&before));
        if between == 2 {
            return;
        }
    }
    panic!("{between} processes ended when {sent:?} requests were sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_outlives_the_process() {
    outlives(|| plan("rate 3 per 1s", STOCK), 6, 3, 1..6).await;
}

/// What a called flow sent counts after a crash, whether it is over or under way.
#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_called_flows_outlives_the_process() {
    let retried = EACH.replace("getStock(sku: sku)", "getStock(sku: sku)\n    retry again");
    outlives(|| plan("rate 2 per 1s", &retried), 4, 2, 2..4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_of_two_apis_of_a_counterparty_outlives_the_process() {
    outlives(|| plan_of_both("rate 3 per 1s"), 3, 3, 2..6).await;
}

/// Flows without the limit, in a process with one that has it, hold to none, but what they send counts.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_flow_without_the_rate_sends_counts_for_one_that_has_it() {
    let stage = Stage::new(plan("rate 2 per 1s", STOCK), Faults::default()).await;
    let free = Arc::new(plan("", STOCK));
    for (plan, items) in [(&stage.plan, 1), (&free, 2), (&stage.plan, 1)] {
        let Json::Object(given) = skus(items) else { unreachable!() };
        let (_keep, go) = watch::channel(false);
        let report = stage.host.run(plan.clone(), given, go).await.unwrap();
        assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{:?}", report.failure);
    }
    let mut received = received(&stage);
    received.sort_unstable();
    assert_eq!(received.len(), 4);
    assert!(received[3].since(received[1]) >= ARRIVAL_MS, "{received:?}");
}

/// The most requests that the warehouse had before it at once, where some hang until their time is over.
async fn at_once(limits: &str, flow: &str) -> u64 {
    let plan = plan(&format!("timeout {{ connect 300ms attempt 500ms }} {limits}"), flow);
    let faults =
        Faults { answers: vec!["warehouse.getStock=timeoutx6".parse().unwrap()], ..Faults::default() };
    let stage = Stage::new(plan, faults).await;
    let (one, two) = tokio::join!(stage.run(skus(2)), stage.run(skus(1)));
    for report in [one, two] {
        assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{:?}", report.failure);
        stage.audit(&report);
    }
    stage.ledger().report().servers["warehouse"].at_once
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_under_way_at_once_than_there_are_places() {
    assert_eq!(at_once("concurrency 2", &format!("{STOCK}{TWICE}")).await, 2);
    assert!(at_once("", &format!("{STOCK}{TWICE}")).await >= 4, "without places they come together");
}

/// A run that waits for a place pauses when it is asked to, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_place_can_be_paused() {
    let limits = "concurrency 1 timeout { connect 1s attempt 4s }";
    let faults =
        Faults { answers: vec!["warehouse.getStock=timeoutx1".parse().unwrap()], ..Faults::default() };
    let stage = Stage::new(plan(limits, STOCK), faults).await;
    let Json::Object(given) = skus(1) else { unreachable!() };
    let (_keep, go) = watch::channel(false);
    let holder = tokio::spawn({
        let (host, plan, given) = (stage.host.clone(), stage.plan.clone(), given.clone());
        async move { host.run(plan, given, go).await.unwrap() }
    });
    stage.ledger().reached(1).await;
    let (ask, pause) = watch::channel(false);
    let waiting = tokio::spawn({
        let (host, plan) = (stage.host.clone(), stage.plan.clone());
        async move { host.run(plan, given, pause).await.unwrap() }
    });
    while stage.store.runs().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    ask.send(true).unwrap();
    let paused = waiting.await.unwrap();
    assert!(matches!(paused.phase, Phase::Paused(_)), "{:?}", paused.phase);
    assert!(!holder.is_finished(), "the other one keeps the only place");
    let held = holder.await.unwrap();
    assert_eq!(held.phase, Phase::Finished(Status::Succeeded), "{:?}", held.failure);
    let (_keep, go) = watch::channel(false);
    let report = stage.host.resume(stage.plan.clone(), &paused.run, go).await.unwrap();
    assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{:?}", report.failure);
    stage.audit(&report);
}

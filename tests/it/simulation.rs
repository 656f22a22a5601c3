//! The engine alone, against a scripted world in virtual time: the outcome table, crashes at every record, replay.

use std::collections::{BTreeMap, BTreeSet};

use eczflow::audit::{Kind, Payload, Record, record_hash};
use eczflow::base::{SeededRandom, Timestamp};
use eczflow::ecz::{Asked, Decision, Observation, Projection, State as Projected, judge};
use eczflow::engine::breaker::{Breaker, Permit, Transition};
use eczflow::engine::retry::{Budget, delay_ms};
use eczflow::engine::*;
use eczflow::plan::{Plan, Verified};
use eczflow::verify::{Legal, replay};
use serde_json::{Map, Value as Json, json};

use crate::flows;

/// What the world does with one attempt.
#[derive(Clone)]
enum Reply {
    Answer(u16, Json),
    Empty(u16),
    Fail(SendFailure),
}

/// A world: what it answers, and what happened in it.
struct World {
    script: Box<dyn Fn(&str, u32) -> Reply>,
    revoked: fn(&str) -> bool,
    /// Effects by key (or, unkeyed, one each), in order.
    effects: Vec<String>,
    seen: BTreeSet<String>,
}

impl World {
    fn new(script: impl Fn(&str, u32) -> Reply + 'static) -> World {
        World { script: Box::new(script), revoked: |_| false, effects: Vec::new(), seen: BTreeSet::new() }
    }

    fn send(&mut self, path: &str, attempt: u32, request: &Request) -> Reply {
        let reply = (self.script)(path, attempt);
        let happened = matches!(&reply, Reply::Answer(200..=299, _) | Reply::Fail(SendFailure::Reset));
        if happened && request.method != "GET" {
            let fresh = request.key.as_ref().is_none_or(|(_, key)| self.seen.insert(key.clone()));
            if fresh {
                self.effects.push(path.to_owned());
            }
        }
        reply
    }
}

struct Outside {
    now: Timestamp,
    random: SeededRandom,
    breakers: BTreeMap<String, Breaker>,
    budget: Budget,
    plan: Verified<Plan>,
}

impl Outside {
    fn breaker(&mut self, api: &str) -> &mut Breaker {
        let settings = self.plan.apis[api].breaker.clone();
        self.breakers.entry(api.to_owned()).or_insert_with(|| Breaker::new(settings))
    }
}

impl Environment for Outside {
    fn now(&self) -> Timestamp {
        self.now
    }
    fn permit(&mut self, api: &str) -> Permit {
        let now = self.now;
        self.breaker(api).permit(api, now)
    }
    fn take_budget(&mut self, _api: &str, cost: u32) -> Option<u32> {
        self.budget.take(cost)
    }
    fn draw_delay_ms(&mut self, ceiling_ms: u64) -> u64 {
        delay_ms(ceiling_ms, &self.random)
    }
}

type Log = Vec<(Record, Option<Payload>)>;

struct Run {
    state: State,
    log: Log,
}

fn push(engine: &Engine<'_>, run: &mut Run, event: Event, outside: &Outside) {
    let (seq, prev) = match run.log.last() {
        None => (0, None),
        Some((last, _)) => (last.seq + 1, Some(record_hash(last.leaf().unwrap().as_bytes()))),
    };
    let (record, payload) =
        engine.record(&run.state, &event, seq, prev, outside.now, &outside.random).unwrap();
    let leaf = record_hash(record.leaf().unwrap().as_bytes());
    engine
        .apply(&mut run.state, &event, outside.now, leaf)
        .unwrap_or_else(|error| panic!("{event:?}: {error}"));
    run.log.push((record, Some(payload)));
}

fn drive(engine: &Engine<'_>, run: &mut Run, world: &mut World, outside: &mut Outside) {
    for _ in 0..100_000 {
        while let Some(event) = engine.decide(&run.state, outside) {
            push(engine, run, event, outside);
        }
        if run.state.phase != Phase::Running {
            return;
        }
        let needs = engine.needs(&run.state, outside.now);
        let work = needs.iter().find(|need| !matches!(need, Need::Time(_)));
        match work {
            Some(Need::Verdict { path, attempt }) => {
                let event = verdict(engine, path, *attempt, world, outside.now);
                push(engine, run, event, outside);
            }
            Some(Need::Send { path, attempt }) => send(engine, run, path, *attempt, world, outside),
            _ => {
                let times = needs.iter().filter_map(|need| match need {
                    Need::Time(moment) => Some(*moment),
                    _ => None,
                });
                outside.now = times.min().expect("a running state waits for something").max(outside.now);
            }
        }
    }
    panic!("the run does not end");
}

fn send(
    engine: &Engine<'_>,
    run: &mut Run,
    path: &Path,
    attempt: u32,
    world: &mut World,
    outside: &mut Outside,
) {
    let request = run.state.request(path).unwrap().clone();
    let reply = world.send(&path.to_string(), attempt, &request);
    outside.now = outside.now.plus(3);
    let call = engine.call(path).unwrap();
    let contract = engine.plan().contract(&call.api, &call.operation).unwrap();
    let what = match reply {
        Reply::Fail(cause) => What::AttemptFailed {
            cause,
            outcome: judge_failure(cause).kind,
            elapsed_ms: 3,
            detail: String::new(),
            signature: None,
        },
        reply => {
            let (status, body) = match reply {
                Reply::Answer(status, body) => (status, AnswerBody::Json(body)),
                Reply::Empty(status) => (status, AnswerBody::Empty),
                Reply::Fail(_) => unreachable!(),
            };
            let content_type = matches!(body, AnswerBody::Json(_)).then(|| "application/json".to_owned());
            let answer = Answer { status, content_type, headers: BTreeMap::new(), body };
            let outcome = judge_answer(contract, &answer).kind;
            What::AttemptAnswered {
                status,
                outcome,
                elapsed_ms: 3,
                answer: Box::new(answer),
                signature: None,
            }
        }
    };
    let change = match &what {
        What::AttemptAnswered { outcome, status, .. } => counts_for_breaker(*outcome, Some(*status)),
        What::AttemptFailed { outcome, .. } => counts_for_breaker(*outcome, None),
        _ => None,
    };
    push(engine, run, Event { path: Some(path.clone()), attempt: Some(attempt), what }, outside);
    if let Some(failed) = change {
        let (now, random) = (outside.now, SeededRandom::new(&format!("{}", outside.now.0)));
        let transition = outside.breaker(&call.api).report(&call.api, now, failed, 3, &random);
        let what = transition.map(|transition| match transition {
            Transition::Opened(facts) => What::BreakerOpened(facts),
            Transition::Closed(facts) => What::BreakerClosed(facts),
        });
        if let Some(what) = what {
            push(engine, run, Event { path: Some(path.clone()), attempt: None, what }, outside);
        }
    }
}

fn verdict(engine: &Engine<'_>, path: &Path, attempt: u32, world: &World, now: Timestamp) -> Event {
    let call = engine.call(path).unwrap();
    let api = &engine.plan().apis[&call.api];
    let asked = Asked {
        ecz_id: api.identity.api_passport_id.clone(),
        origin: Some(api.identity.api_origin.clone()),
        region: None,
        spec_hash: None,
        canonical_hash: None,
        operations: Vec::new(),
    };
    let state = if (world.revoked)(&path.to_string()) { Projected::Revoked } else { Projected::Bound };
    let observation = Observation::Projected(Box::new(Projection {
        ecz_id: asked.ecz_id.clone(),
        state,
        valid: state == Projected::Bound,
        operator_ecz_id: Some(asked.ecz_id.parent()),
        authorised_origin: asked.origin.clone(),
        regional_aliases: None,
        endpoints: None,
        manifest_hash: None,
        spec_hash: None,
        observed_at: None,
        max_age_s: 60,
        fail_closed: Vec::new(),
        reason_codes: Vec::new(),
    }));
    let decision = judge(call.handoff.verify.mode, &asked, &observation).decision;
    let checks = vec![Check {
        ecz_id: asked.ecz_id.clone(),
        state: state.to_string(),
        decision,
        observed: now,
        age_ms: 0,
        reused: false,
        answer_digest: None,
    }];
    let observations = vec![Judged { asked, observation }];
    let what = if decision == Decision::Stop {
        What::HandoffRefused { checks, observations }
    } else {
        What::HandoffVerified { checks, observations }
    };
    Event { path: Some(path.clone()), attempt: Some(attempt), what }
}

fn outside(plan: &Verified<Plan>) -> Outside {
    Outside {
        now: Timestamp(1_800_000_000_000),
        random: SeededRandom::new("simulation"),
        breakers: BTreeMap::new(),
        budget: Budget::default(),
        plan: plan.clone(),
    }
}

fn start(plan: &Verified<Plan>, inputs: Json, world: &mut World) -> Run {
    let engine = Engine::new(plan);
    let mut outside = outside(plan);
    let mut run = Run { state: State::new("run-1"), log: Vec::new() };
    let Json::Object(inputs) = inputs else { panic!("inputs are an object") };
    push(&engine, &mut run, opening(plan, inputs), &outside);
    drive(&engine, &mut run, world, &mut outside);
    assert_eq!(replay(plan, "run-1", &run.log).1, Legal::Yes);
    run
}

fn opening(plan: &Verified<Plan>, inputs: Map<String, Json>) -> Event {
    let opening = Opening {
        environment: "simulation".into(),
        resolver: "https://resolver.example".into(),
        flow: plan.flow.name.clone(),
        plan_digest: plan.digest(),
        inputs,
        run_secret: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
    };
    Event { path: None, attempt: None, what: What::RunStarted(Box::new(opening)) }
}

fn kinds(run: &Run, node: &str) -> Vec<&'static str> {
    run.log
        .iter()
        .filter(|(record, _)| record.node.as_deref() == Some(node))
        .map(|(record, _)| record.kind.as_str())
        .collect()
}

fn failure(run: &Run) -> FailureClass {
    run.state.failure.as_ref().expect("the run failed").class
}

fn ticket(lines: usize) -> Json {
    let lines: Vec<Json> = (0..lines).map(|n| json!({"sku": format!("S{n}"), "quantity": 1})).collect();
    json!({"id": "T1", "amount": 40, "charge_id": "C1", "lines": lines, "customer": {"email": "a@example.com"}})
}

/// The counterparties of the refund example, all well; `change` overrides.
fn refund_world(change: impl Fn(&str, u32) -> Option<Reply> + 'static) -> World {
    World::new(move |path, attempt| {
        if let Some(reply) = change(path, attempt) {
            return reply;
        }
        match path {
            "ticket" => Reply::Answer(200, ticket(2)),
            "refund" => Reply::Answer(201, flows::refund_body("R1")),
            path if path.ends_with("moved") => Reply::Answer(201, flows::return_body(path)),
            _ => Reply::Answer(200, flows::undo_body(path)),
        }
    })
}

fn inputs() -> Json {
    json!({"ticket_id": "T1", "limit": 500})
}

#[test]
fn an_undisturbed_run_succeeds_and_replays() {
    let plan = flows::refund();
    let mut world = refund_world(|_, _| None);
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded));
    assert_eq!(run.state.outputs["refund_id"], "R1");
    assert_eq!(kinds(&run, "refund"), ["handoff_verified", "attempt_intended", "attempt_answered"]);
    assert_eq!(world.effects.len(), 3);
}

#[test]
fn a_retry_keeps_its_key_and_names_the_attempt_before() {
    let plan = flows::refund();
    let mut world =
        refund_world(|path, attempt| (path == "refund" && attempt < 3).then_some(Reply::Empty(503)));
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded));
    let intents: Vec<&(Record, Option<Payload>)> = run
        .log
        .iter()
        .filter(|(record, _)| {
            record.kind == Kind::AttemptIntended && record.node.as_deref() == Some("refund")
        })
        .collect();
    assert_eq!(intents.len(), 3);
    let key = |payload: &Option<Payload>| payload.as_ref().unwrap()["request"].value["key"].clone();
    assert!(intents.iter().all(|(_, payload)| key(payload) == key(&intents[0].1)));
    let leaf = |record: &Record| record_hash(record.leaf().unwrap().as_bytes());
    assert_eq!(intents[0].0.previous_attempt, None);
    assert_eq!(intents[1].0.previous_attempt, Some(leaf(&intents[0].0)));
    assert_eq!(intents[2].0.previous_attempt, Some(leaf(&intents[1].0)));
}

#[test]
fn a_refused_identity_undoes_newest_first() {
    let plan = flows::refund();
    let mut world = refund_world(|_, _| None);
    world.revoked = |path| path == "refund";
    let run = start(&plan, inputs(), &mut world);
    assert_eq!((run.state.phase, failure(&run)), (Phase::Finished(Status::Failed), FailureClass::Identity));
    assert!(!world.effects.iter().any(|path| path == "refund"));
    let forward: Vec<&String> = world.effects.iter().filter(|path| !path.ends_with("/undo")).collect();
    let undone: Vec<String> =
        world.effects.iter().filter_map(|path| path.strip_suffix("/undo").map(str::to_owned)).collect();
    assert_eq!(undone.iter().rev().collect::<Vec<_>>(), forward);
}

#[test]
fn a_failing_ensure_has_no_effect_anywhere() {
    let plan = flows::refund();
    let mut world = refund_world(|_, _| None);
    let run = start(&plan, json!({"ticket_id": "T1", "limit": 10}), &mut world);
    assert_eq!((run.state.phase, failure(&run)), (Phase::Finished(Status::Failed), FailureClass::Rule));
    assert!(world.effects.is_empty());
}

/// One row of the outcome table each: (reply of every attempt of `refund`, how the run ends, why, undos).
#[test]
fn the_outcome_table() {
    let plan = flows::refund();
    let done = Phase::Finished(Status::Failed);
    let doubt = Phase::Paused(PauseCause::InDoubt);
    for (reply, phase, class) in [
        (Reply::Fail(SendFailure::Connect), done, Some(FailureClass::Exhausted)),
        (Reply::Fail(SendFailure::Tls), done, Some(FailureClass::Exhausted)),
        (Reply::Empty(429), done, Some(FailureClass::Exhausted)),
        (Reply::Empty(400), done, Some(FailureClass::Refused)),
        (Reply::Empty(307), done, Some(FailureClass::Refused)),
        (Reply::Empty(303), doubt, None),
        (Reply::Empty(503), doubt, None),
        (Reply::Empty(408), doubt, None),
        (Reply::Fail(SendFailure::TimedOut), doubt, None),
        (Reply::Fail(SendFailure::Reset), doubt, None),
        (Reply::Answer(201, json!({"id": 7})), doubt, None),
        (Reply::Answer(218, json!({"id": "R1"})), done, Some(FailureClass::IllTyped)),
    ] {
        let what = format!(
            "{:?}",
            match &reply {
                Reply::Answer(s, b) => format!("{s} {b}"),
                Reply::Empty(s) => s.to_string(),
                Reply::Fail(c) => format!("{c:?}"),
            }
        );
        let mut world = refund_world(move |path, _| (path == "refund").then(|| reply.clone()));
        let run = start(&plan, inputs(), &mut world);
        assert_eq!(run.state.phase, phase, "{what}");
        assert_eq!(run.state.failure.as_ref().map(|failure| failure.class), class, "{what}");
        // Nothing is undone while a refund is in doubt; otherwise everything is.
        let undone = world.effects.iter().filter(|path| path.ends_with("moved/undo")).count();
        assert_eq!(undone, if phase == doubt { 0 } else { 2 }, "{what}");
    }
}

#[test]
fn after_an_unknown_outcome_a_refusal_leaves_doubt() {
    let plan = flows::refund();
    for second in [Reply::Empty(400), Reply::Empty(429), Reply::Fail(SendFailure::Connect)] {
        let mut world = refund_world(move |path, attempt| {
            (path == "refund").then(|| if attempt == 1 { Reply::Empty(500) } else { second.clone() })
        });
        let run = start(&plan, inputs(), &mut world);
        assert_eq!(run.state.phase, Phase::Paused(PauseCause::InDoubt));
    }
    let mut world =
        refund_world(|path, attempt| (path == "refund" && attempt == 1).then_some(Reply::Empty(500)));
    assert_eq!(start(&plan, inputs(), &mut world).state.phase, Phase::Finished(Status::Succeeded));
}

#[test]
fn a_documented_status_fails_with_the_flows_own_words() {
    let plan = flows::refund();
    let mut world = refund_world(|path, _| (path == "ticket").then_some(Reply::Empty(404)));
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(failure(&run), FailureClass::Rule);
    assert_eq!(run.state.failure.unwrap().message, "no such ticket");
}

#[test]
fn a_failing_undo_is_stuck_and_tried_again_with_the_same_key() {
    let plan = flows::refund();
    let mut world = refund_world(|path, _| match path {
        "refund" => Some(Reply::Empty(400)),
        path if path.ends_with("[1].moved/undo") => Some(Reply::Empty(409)),
        _ => None,
    });
    let mut run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Paused(PauseCause::Stuck));
    assert!(world.effects.iter().any(|path| path.ends_with("[0].moved/undo")), "the others still run");
    let engine = Engine::new(&plan);
    let mut outside = outside(&plan);
    outside.now = run.log.last().unwrap().0.time;
    push(&engine, &mut run, resumed(), &outside);
    world.script = Box::new(|path, _| Reply::Answer(200, flows::undo_body(path)));
    drive(&engine, &mut run, &mut world, &mut outside);
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
    assert_eq!(replay(&plan, "run-1", &run.log).1, Legal::Yes);
}

#[test]
fn a_list_beyond_its_bound_fails_before_its_first_iteration() {
    let plan = flows::refund_with("at most 200", "at most 1");
    let mut world = refund_world(|_, _| None);
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(failure(&run), FailureClass::Bound);
    assert!(world.effects.is_empty());
}

#[test]
fn a_passed_deadline_fails_the_run_and_undoes_it() {
    let plan = flows::refund_with("deadline 26h", "deadline 1s");
    let mut world = refund_world(|path, attempt| {
        (path == "refund" && attempt < 8).then_some(Reply::Fail(SendFailure::Connect))
    });
    let run = start(&plan, inputs(), &mut world);
    assert_eq!(run.state.phase, Phase::Finished(Status::Failed));
    assert!(matches!(failure(&run), FailureClass::Deadline | FailureClass::Exhausted));
    assert_eq!(world.effects.iter().filter(|path| path.ends_with("/undo")).count(), 2);
    let end = run.log.last().unwrap().0.time;
    assert!(end.since(run.state.started) < 2_000, "nothing waits beyond the deadline");
}

#[test]
fn breakers_open_park_probe_and_close_within_the_log() {
    let plan = flows::refund();
    // Twelve failures of the tickets' api would exceed its retry policy; the loop's steps share warehouse's breaker.
    let mut world = refund_world(|path, attempt| match path {
        "ticket" => Some(Reply::Answer(200, ticket(20))),
        path if path.ends_with("moved") && attempt == 1 => Some(Reply::Empty(503)),
        _ => None,
    });
    let run = start(&plan, inputs(), &mut world);
    let count = |kind| run.log.iter().filter(|(record, _)| record.kind == kind).count();
    assert!(
        count(Kind::BreakerOpened) >= 1 && count(Kind::BreakerHalfOpen) >= 1 && count(Kind::TimerSet) >= 1
    );
    assert_eq!(run.state.phase, Phase::Finished(Status::Succeeded));
    assert_eq!(world.effects.len(), 21);
}

fn resumed() -> Event {
    Event { path: None, attempt: None, what: What::RunResumed { after: "interruption".into() } }
}

/// The process dies after each record, with and without the request having reached its counterparty: the resumed run
/// ends with the same outputs and the same effects.
#[test]
fn a_crash_at_every_record_changes_nothing_for_the_counterparties() {
    let plan = flows::refund();
    let engine = Engine::new(&plan);
    let mut calm = refund_world(|_, _| None);
    let whole = start(&plan, inputs(), &mut calm);
    for length in 1..whole.log.len() {
        for reached in [false, true] {
            let mut world = refund_world(|_, _| None);
            let log: Log = whole.log[..length].to_vec();
            let (state, legal) = replay(&plan, "run-1", &log);
            assert_eq!(legal, Legal::Yes);
            // What the counterparties saw so far: every answered effect, and the intended one where it got through.
            for (record, payload) in &log {
                let Some(item) = payload.as_ref().and_then(|payload| payload.get("request")) else {
                    continue;
                };
                let request: Request = serde_json::from_value(item.value.clone()).unwrap();
                let node = record.node.clone().unwrap();
                let answered = log.iter().any(|(other, _)| {
                    other.kind == Kind::AttemptAnswered
                        && other.node == record.node
                        && other.attempt == record.attempt
                });
                if answered || reached {
                    world.send(&node, record.attempt.unwrap(), &request);
                }
            }
            let mut outside = outside(&plan);
            outside.now = log.last().unwrap().0.time.plus(1_000);
            let mut run = Run { state, log };
            push(&engine, &mut run, resumed(), &outside);
            drive(&engine, &mut run, &mut world, &mut outside);
            assert_eq!(run.state.outputs, whole.state.outputs, "crash after record {length}");
            let sorted = |world: &World| world.effects.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!((world.effects.len(), sorted(&world)), (calm.effects.len(), sorted(&calm)));
            assert_eq!(replay(&plan, "run-1", &run.log).1, Legal::Yes);
        }
    }
}

/// Any record left out, doubled or swapped with its neighbour makes the log illegal.
#[test]
fn logs_that_no_engine_wrote_are_illegal() {
    let plan = flows::refund();
    let mut world =
        refund_world(|path, attempt| (path == "refund" && attempt == 1).then_some(Reply::Empty(503)));
    let run = start(&plan, inputs(), &mut world);
    for position in 1..run.log.len() - 1 {
        let mut without = run.log.clone();
        without.remove(position);
        let mut doubled = run.log.clone();
        doubled.insert(position, run.log[position].clone());
        for log in [without, doubled] {
            assert!(matches!(replay(&plan, "run-1", &log).1, Legal::No { .. }), "record {position}");
        }
    }
    let mut other = run.log.clone();
    for (record, _) in &mut other {
        if record.kind == Kind::RetryScheduled {
            record.decision.insert("delay_ms".into(), json!(600_000));
        }
    }
    assert!(matches!(replay(&plan, "run-1", &other).1, Legal::No { .. }));
    let mut sealed = run.log.clone();
    sealed.iter_mut().for_each(|(_, payload)| *payload = None);
    assert!(matches!(replay(&plan, "run-1", &sealed).1, Legal::StructureOnly { .. }));
}

//! A scripted world for the engine alone, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use eczflow::audit::{Kind, Payload, Record, record_hash};
use eczflow::base::{SeededRandom, Timestamp};
use eczflow::ecz::{Observation, Projection, State as Projected, judge};
use eczflow::engine::breaker::{Breaker, Permit, Transition};
use eczflow::engine::pace::{Caller, Pace};
use eczflow::engine::retry::{Budget, delay_ms};
use eczflow::engine::*;
use eczflow::plan::{Plan, Verified};
use eczflow::verify::{Legal, replay};
use serde_json::{Map, Value as Json, json};

use crate::flows;

/// What the world does with one attempt.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer(u16, Json),
    Empty(u16),
    /// With headers, lower-case names.
    With(u16, BTreeMap<String, String>, Json),
    /// With a `Retry-After`.
    Later(u16, String),
    Fail(SendFailure),
}

/// What the world answers to an attempt at a path.
type Script = Box<dyn Fn(&str, u32, &Request) -> Reply>;

/// A world: what it answers, and what happened in it.
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) revoked: Box<dyn Fn(&str) -> bool>,
    /// How long an attempt at a path takes, milliseconds.
    pub(crate) takes: Box<dyn Fn(&str) -> u64>,
    /// Of what can happen at one moment, the least comes first.
    pub(crate) rank: Box<dyn Fn(&str) -> u8>,
    /// Where the run under way was called from: `STEP > ` for each call of a flow, which all its paths begin with.
    within: String,
    /// Effects by key (or, unkeyed, one each), in order.
    pub(crate) effects: Vec<String>,
    pub(crate) seen: BTreeSet<String>,
    /// Every request, with what became of it.
    pub(crate) sent: Vec<(String, Request, Reply)>,
}

impl World {
    pub(crate) fn new(script: impl Fn(&str, u32) -> Reply + 'static) -> World {
        World::answering(move |path, attempt, _| script(path, attempt))
    }

    /// One whose answers hang on the request too.
    pub(crate) fn answering(script: impl Fn(&str, u32, &Request) -> Reply + 'static) -> World {
        World {
            script: Box::new(script),
            revoked: Box::new(|_| false),
            takes: Box::new(|_| 3),
            rank: Box::new(|_| 0),
            within: String::new(),
            effects: Vec::new(),
            seen: BTreeSet::new(),
            sent: Vec::new(),
        }
    }

    /// A path of the run under way, as the world knows it.
    fn path(&self, path: &Path) -> String {
        format!("{}{path}", self.within)
    }

    pub(crate) fn send(&mut self, path: &str, attempt: u32, request: &Request) -> Reply {
        let reply = (self.script)(path, attempt, request);
        self.sent.push((path.to_owned(), request.clone(), reply.clone()));
        // A 5xx with a body and a reset come after the effect, an empty 5xx and a time-out without it.
        let happened = matches!(
            &reply,
            Reply::Answer(200..=299 | 500..=599, _)
                | Reply::Empty(200..=299)
                | Reply::Fail(SendFailure::Reset)
        );
        if happened && request.method != "GET" {
            let fresh = request.key.as_ref().is_none_or(|(_, key)| self.seen.insert(key.clone()));
            if fresh {
                self.effects.push(path.to_owned());
            }
        }
        reply
    }
}

pub(crate) struct Outside {
    pub(crate) now: Timestamp,
    pub(crate) random: SeededRandom,
    pub(crate) breakers: BTreeMap<String, Breaker>,
    pub(crate) paces: BTreeMap<String, Pace>,
    pub(crate) budget: Budget,
    pub(crate) plan: Verified<Plan>,
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
    fn permit(&mut self, api: &str, path: &Path) -> Permit {
        let now = self.now;
        let caller: Caller = ("run-1".into(), path.clone());
        let rate = self.plan.apis[api].rate;
        let due = rate.and_then(|rate| self.paces.entry(api.to_owned()).or_default().due(&caller, rate, now));
        if let Some(until) = due {
            return Permit::Paced(until);
        }
        let permit = self.breaker(api).permit(api, now);
        if !matches!(permit, Permit::Until(_)) {
            self.paces.entry(api.to_owned()).or_default().sent(&caller, now);
        }
        permit
    }
    fn take_budget(&mut self, _api: &str, cost: u32) -> Option<u32> {
        self.budget.take(cost)
    }
    fn draw_delay_ms(&mut self, ceiling_ms: u64) -> u64 {
        delay_ms(ceiling_ms, &self.random)
    }
}

pub(crate) type Log = Vec<(Record, Option<Payload>)>;

pub(crate) struct Run {
    pub(crate) state: State,
    pub(crate) log: Log,
}

pub(crate) fn push(engine: &Engine<'_>, run: &mut Run, event: Event, outside: &Outside) {
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

pub(crate) fn drive(engine: &Engine<'_>, run: &mut Run, world: &mut World, outside: &mut Outside) {
    drive_until(usize::MAX, engine, run, world, outside);
}

/// Drives a run until its log has so many records.
pub(crate) fn drive_until(
    records: usize,
    engine: &Engine<'_>,
    run: &mut Run,
    world: &mut World,
    outside: &mut Outside,
) {
    for _ in 0..100_000 {
        while run.log.len() < records
            && let Some(event) = engine.decide(&run.state, outside)
        {
            push(engine, run, event, outside);
        }
        if run.state.phase != Phase::Running || run.log.len() >= records {
            return;
        }
        let needs = engine.needs(&run.state, outside.now);
        let work = needs.iter().filter_map(|need| match need {
            Need::Verdict { path, .. } | Need::Send { path, .. } | Need::Flow { path } => Some((need, path)),
            Need::Time(_) => None,
        });
        let work = work.min_by_key(|(_, path)| (world.rank)(&world.path(path))).map(|(need, _)| need);
        match work {
            Some(Need::Verdict { path, attempt }) => {
                let event = verdict(engine, path, *attempt, world, outside.now);
                push(engine, run, event, outside);
            }
            Some(Need::Flow { path }) => {
                let event = call(engine, &run.state, path, world, outside);
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

/// The run of a called flow, from its beginning to its end.
fn call(engine: &Engine<'_>, state: &State, path: &Path, world: &mut World, outside: &mut Outside) -> Event {
    let child = engine.child(state, path).unwrap();
    let inside = format!("{} > ", world.path(path));
    let caller = std::mem::replace(&mut world.within, inside);
    let plan = std::mem::replace(&mut outside.plan, child.plan.clone());
    let engine = Engine::new(&child.plan);
    let mut run = Run { state: State::new(&child.run), log: Vec::new() };
    let what = What::RunStarted(Box::new(child.opening));
    push(&engine, &mut run, Event { path: None, attempt: None, what }, outside);
    drive(&engine, &mut run, world, outside);
    (world.within, outside.plan) = (caller, plan);
    let status = match run.state.phase {
        Phase::Finished(Status::Succeeded) => FlowStatus::Succeeded,
        Phase::Finished(Status::Failed) => FlowStatus::Failed,
        Phase::Paused(PauseCause::Stuck) => FlowStatus::Stuck,
        Phase::Paused(PauseCause::InDoubt) => FlowStatus::InDoubt,
        phase => panic!("a called flow ends as {phase:?}"),
    };
    let outputs = if status == FlowStatus::Succeeded { run.state.outputs } else { Json::Null };
    let message = run.state.failure.map(|failure| failure.message).unwrap_or_default();
    let (last, _) = run.log.last().unwrap();
    let root = record_hash(last.leaf().unwrap().as_bytes());
    let what = What::FlowReported { run: child.run, status, root, outputs, message };
    Event { path: Some(path.clone()), attempt: None, what }
}

pub(crate) fn send(
    engine: &Engine<'_>,
    run: &mut Run,
    path: &Path,
    attempt: u32,
    world: &mut World,
    outside: &mut Outside,
) {
    let request = run.state.request(path).unwrap().clone();
    let reply = world.send(&world.path(path), attempt, &request);
    let elapsed_ms = (world.takes)(&world.path(path));
    outside.now = outside.now.plus(elapsed_ms);
    let call = engine.call(path).unwrap();
    let contract = engine.plan().contract(&call.api, &call.operation).unwrap();
    let what = match reply {
        Reply::Fail(cause) => What::AttemptFailed {
            cause,
            outcome: judge_failure(cause, "").kind,
            elapsed_ms,
            detail: String::new(),
            signature: None,
        },
        reply => {
            let mut headers: BTreeMap<String, String> = BTreeMap::new();
            let (status, body) = match reply {
                Reply::Answer(status, body) => (status, AnswerBody::Json(body)),
                Reply::With(status, sent, body) => {
                    headers.extend(sent);
                    (status, AnswerBody::Json(body))
                }
                Reply::Empty(status) => (status, AnswerBody::Empty),
                Reply::Later(status, after) => {
                    headers.insert("retry-after".to_owned(), after);
                    (status, AnswerBody::Empty)
                }
                Reply::Fail(_) => unreachable!(),
            };
            let media = if status < 400 { "application/json" } else { "application/problem+json" };
            let content_type = matches!(body, AnswerBody::Json(_)).then(|| media.to_owned());
            let answer = Answer { status, content_type, headers, body };
            let outcome = judge_answer(contract, engine.answer_use(path), &answer).kind;
            What::AttemptAnswered { status, outcome, elapsed_ms, answer: Box::new(answer), signature: None }
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

pub(crate) fn verdict(
    engine: &Engine<'_>,
    path: &Path,
    attempt: u32,
    world: &World,
    now: Timestamp,
) -> Event {
    let call = engine.call(path).unwrap();
    let revoked = (world.revoked)(&world.path(path));
    let (mut checks, mut observations) = (Vec::new(), Vec::new());
    for (position, Subject { asked, .. }) in subjects(engine.plan(), call).into_iter().enumerate() {
        let state = if revoked && position == 0 { Projected::Revoked } else { Projected::Bound };
        let observation = Observation::Projected(Box::new(Projection {
            ecz_id: asked.ecz_id.clone(),
            state,
            valid: state == Projected::Bound,
            operator_ecz_id: Some(asked.ecz_id.parent()),
            authorised_origin: asked.origin.clone(),
            regional_aliases: asked.region.clone().map(|region| vec![region]),
            endpoints: None,
            manifest_hash: None,
            spec_hash: asked.spec_hash.clone(),
            observed_at: None,
            max_age_s: 60,
            fail_closed: Vec::new(),
            reason_codes: Vec::new(),
        }));
        checks.push(Check {
            ecz_id: asked.ecz_id.clone(),
            state: state.to_string(),
            decision: judge(call.handoff.verify.mode, &asked, &observation).decision,
            observed: now,
            age_ms: 0,
            reused: false,
            answer_digest: None,
        });
        observations.push(Judged { asked, observation });
    }
    let what = if revoked {
        What::HandoffRefused { checks, observations }
    } else {
        passed(engine.plan(), call, checks, observations)
    };
    Event { path: Some(path.clone()), attempt: Some(attempt), what }
}

pub(crate) fn outside(plan: &Verified<Plan>) -> Outside {
    Outside {
        now: Timestamp(1_800_000_000_000),
        random: SeededRandom::new("simulation"),
        breakers: BTreeMap::new(),
        paces: BTreeMap::new(),
        budget: Budget::default(),
        plan: plan.clone(),
    }
}

pub(crate) fn start(plan: &Verified<Plan>, inputs: Json, world: &mut World) -> Run {
    let engine = Engine::new(plan);
    let mut outside = outside(plan);
    let mut run = Run { state: State::new("run-1"), log: Vec::new() };
    let Json::Object(inputs) = inputs else { panic!("inputs are an object") };
    push(&engine, &mut run, opening(plan, inputs), &outside);
    drive(&engine, &mut run, world, &mut outside);
    assert_eq!(replay(plan, "run-1", &run.log).1, Legal::Yes);
    run
}

/// The process dies and another one reads the log back.
pub(crate) fn crash(plan: &Verified<Plan>, log: Log, outside: &mut Outside) -> Run {
    let (state, legal) = replay(plan, "run-1", &log);
    assert_eq!(legal, Legal::Yes);
    outside.now = outside.now.max(state.at).plus(1_000);
    outside.breakers.clear();
    outside.paces.clear();
    let engine = Engine::new(plan);
    for (record, _) in log.iter().filter(|(record, _)| record.kind == Kind::AttemptIntended) {
        let path: Path = record.node.as_ref().unwrap().parse().unwrap();
        let api = &engine.call(&path).unwrap().api;
        if let Some(rate) = plan.apis[api].rate {
            // Each under a name of its own: this process has seen none of them.
            let run = record.seq.to_string().into();
            let pace = outside.paces.entry(api.clone()).or_default();
            pace.expect(rate);
            pace.recall(&run, &[record.time]);
        }
    }
    let mut run = Run { state, log };
    resume(&Engine::new(plan), &mut run, outside);
    run
}

pub(crate) fn opening(plan: &Verified<Plan>, inputs: Map<String, Json>) -> Event {
    let opening = Opening {
        environment: "simulation".into(),
        resolver: "https://resolver.example".into(),
        flow: plan.flow.name.clone(),
        plan_digest: plan.digest(),
        inputs,
        run_secret: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        parent: None,
    };
    Event { path: None, attempt: None, what: What::RunStarted(Box::new(opening)) }
}

/// Goes on with a run that stands still or whose process ended.
pub(crate) fn resume(engine: &Engine<'_>, run: &mut Run, outside: &Outside) {
    let after = if matches!(run.state.phase, Phase::Paused(_)) { "pause" } else { "interruption" };
    let what = What::RunResumed { after: after.into() };
    push(engine, run, Event { path: None, attempt: None, what }, outside);
}

pub(crate) fn ticket(lines: usize) -> Json {
    let lines: Vec<Json> = (0..lines).map(|n| json!({"sku": format!("S{n}"), "quantity": 1})).collect();
    json!({"id": "T1", "amount": 40, "charge_id": "C1", "lines": lines, "customer": {"email": "a@example.com"}})
}

/// The counterparties of the refund example, all well; `change` overrides.
pub(crate) fn refund_world(change: impl Fn(&str, u32) -> Option<Reply> + 'static) -> World {
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

pub(crate) fn inputs() -> Json {
    json!({"ticket_id": "T1", "limit": 500})
}

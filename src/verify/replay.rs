//! Replay: every decision of a log is taken again and compared.

use serde_json::Value as Json;
use std::collections::BTreeMap;

use crate::audit::{Kind, Payload, Record, record_hash};
use crate::base::Timestamp;
use crate::engine::breaker::Permit;
use crate::engine::{Engine, Environment, Event, Path, PauseCause, SendFailure, State, TimerCause, What};
use crate::plan::{Plan, Verified};

/// Whether a log is what the plan's decider would have recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Legal {
    /// Every decision was recomputed and is the same.
    Yes,
    /// A record is not what the decider allows.
    No {
        /// Its sequence number.
        seq: u64,
        /// Why.
        why: String,
    },
    /// Payloads that decisions depend on are not disclosed.
    StructureOnly {
        /// Decisions that could not be recomputed.
        not_recomputed: u64,
    },
}

/// Replays a run's records; yields the state they lead to as far as they are legal.
pub fn replay(plan: &Verified<Plan>, run: &str, entries: &[(Record, Option<Payload>)]) -> (State, Legal) {
    let engine = Engine::new(plan);
    let mut state = State::new(run);
    for (position, (record, payload)) in entries.iter().enumerate() {
        let illegal = |why: String| Legal::No { seq: record.seq, why };
        // A record commits to every private value; where one is committed but not shown, nothing after can be recomputed.
        let hidden = match payload {
            None => !record.commitments.is_empty(),
            Some(payload) => record.commitments.keys().any(|name| !payload.contains_key(name)),
        };
        if hidden {
            // What needs no payload is compared all the same: who was called, and as what.
            for (record, _) in entries.iter().skip(position) {
                if let Err(why) = check_public(&engine, record) {
                    return (state, Legal::No { seq: record.seq, why });
                }
            }
            let rest = entries.len().saturating_sub(position);
            return (state, Legal::StructureOnly { not_recomputed: u64::try_from(rest).unwrap_or(u64::MAX) });
        }
        let event = match event_of(record, payload.as_ref()) {
            Ok(event) => event,
            Err(why) => return (state, illegal(why)),
        };
        if is_decision(&event) {
            let mut recorded = Recorded { time: record.time, event: &event };
            let decided = engine.decide(&state, &mut recorded);
            if decided.as_ref() != Some(&event) {
                let why = decided.map_or_else(
                    || "nothing was to be decided here".to_owned(),
                    |other| format!("the plan calls for another decision here{}", place(&other)),
                );
                return (state, illegal(why));
            }
        }
        if let Err(why) = check_public(&engine, record) {
            return (state, illegal(why));
        }
        let previous = event.path.as_ref().and_then(|path| state.attempt_leaf(path));
        if record.previous_attempt != previous.filter(|_| matches!(event.what, What::AttemptIntended { .. }))
        {
            return (state, illegal("it does not name the previous attempt".into()));
        }
        let leaf = match record.leaf() {
            Ok(leaf) => record_hash(leaf.as_bytes()),
            Err(error) => return (state, illegal(error.to_string())),
        };
        if let Err(why) = engine.apply(&mut state, &event, record.time, leaf) {
            return (state, illegal(why.to_string()));
        }
    }
    (state, Legal::Yes)
}

/// The event a record and its payload stand for.
pub fn event_of(record: &Record, payload: Option<&Payload>) -> Result<Event, String> {
    let path = path_of(record)?;
    let values: BTreeMap<String, Json> =
        payload.into_iter().flatten().map(|(name, item)| (name.clone(), item.value.clone())).collect();
    let what = What::from_parts(record.kind, &record.decision, &values).map_err(|error| error.to_string())?;
    Ok(Event { path, attempt: record.attempt, what })
}

fn path_of(record: &Record) -> Result<Option<Path>, String> {
    let Some(node) = &record.node else { return Ok(None) };
    let path = node.parse::<Path>().ok().filter(|path| path.to_string() == *node);
    path.map(Some).ok_or_else(|| format!("`{node}` is no call path"))
}

/// What a record says without its payload, against the plan: the operation, the identities, and whether the callee is
/// one that could be verified.
fn check_public(engine: &Engine<'_>, record: &Record) -> Result<(), String> {
    let path = path_of(record)?;
    let call = path.as_ref().filter(|_| record.attempt.is_some()).and_then(|path| engine.call(path));
    if record.operation != call.map(|call| call.operation_name()) {
        return Err("it names another operation than the plan".into());
    }
    if record.identities != call.and_then(|call| crate::engine::identities(engine.plan(), call)) {
        return Err("it names other identities than the plan".into());
    }
    if !matches!(record.kind, Kind::HandoffVerified | Kind::HandoffUnverified) {
        return Ok(());
    }
    let Some(api) = call.and_then(|call| engine.plan().apis.get(&call.api)) else {
        return Err("it is a handoff of no call of the plan".into());
    };
    let verdict = record.decision.get("verdict").and_then(Json::as_str);
    match (record.kind, api.identity.because(), verdict) {
        (Kind::HandoffVerified, None, None) | (Kind::HandoffUnverified, Some(_), Some("no_passport")) => {
            Ok(())
        }
        (_, None, _) => {
            Err("the callee has a passport by the plan, and the record says another thing".into())
        }
        (_, Some(_), _) => {
            Err("the callee has no passport by the plan, and the record says another thing".into())
        }
    }
}

fn place(event: &Event) -> String {
    event.path.as_ref().map_or_else(String::new, |path| format!(", at `{path}`"))
}

/// Whether the engine decides this event; the others are observed, and `apply` judges them.
fn is_decision(event: &Event) -> bool {
    match &event.what {
        What::RunStarted(_)
        | What::RunResumed { .. }
        | What::HandoffVerified { .. }
        | What::HandoffRefused { .. }
        | What::HandoffUnverified { .. }
        | What::AttemptAnswered { .. }
        | What::FlowReported { .. }
        | What::BreakerOpened(_)
        | What::BreakerClosed(_) => false,
        What::AttemptFailed { cause, .. } => *cause == SendFailure::Interrupted,
        What::RunPaused { because } => *because != PauseCause::Asked,
        _ => true,
    }
}

/// What the process-wide state must have been for the recorded decision.
struct Recorded<'a> {
    time: Timestamp,
    event: &'a Event,
}

impl Environment for Recorded<'_> {
    fn now(&self) -> Timestamp {
        self.time
    }

    fn permit(&mut self, _api: &str, _path: &Path) -> Permit {
        match &self.event.what {
            What::AttemptIntended { breaker, .. } if breaker == "half_open" => Permit::Probe(None),
            What::BreakerHalfOpen(facts) => Permit::Probe(Some(facts.clone())),
            What::TimerSet { until, because: None } => Permit::Until(*until),
            What::TimerSet { until, because: Some(TimerCause::Rate) } => Permit::Paced(*until),
            _ => Permit::Closed,
        }
    }

    fn take_budget(&mut self, _api: &str, _cost: u32) -> Option<u32> {
        match &self.event.what {
            What::RetryScheduled { budget, .. } => Some(*budget),
            _ => None,
        }
    }

    fn draw_delay_ms(&mut self, _ceiling_ms: u64) -> u64 {
        match &self.event.what {
            What::RetryScheduled { delay_ms, .. } => *delay_ms,
            _ => 0,
        }
    }
}

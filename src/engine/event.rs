//! Events: what is fed to the engine, what it decides, and how each becomes a record (the leaf) and a payload.
//!
//! A field is public (in the record's `decision`) unless [`PRIVATE`] names it: arguments, bodies, keys, messages and raw
//! observations reach the record only as salted commitments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::path::Path;
use super::told::{Answer, BreakerFacts, Check, Judged, Request, SendFailure, SentSignature, Unverified};
use crate::audit::Kind;
use crate::base::{Digest, Timestamp};

/// Fields that go to the payload.
pub const PRIVATE: &[&str] = &[
    "inputs",
    "outputs",
    "run_secret",
    "message",
    "request",
    "answer",
    "detail",
    "signature",
    "observations",
    "no_passport",
];

/// One event: where it happened and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The instance it concerns; `None` for the run itself.
    pub path: Option<Path>,
    /// The attempt it concerns, from 1.
    pub attempt: Option<u32>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The run began.
    RunStarted(Box<Opening>),
    /// The run goes on in a new process, or after a pause.
    RunResumed {
        /// `pause` where it had been paused, `interruption` where its process ended.
        after: String,
    },
    /// The run stands still.
    RunPaused {
        /// Why.
        #[serde(rename = "status")]
        because: PauseCause,
    },
    /// The run ended.
    RunFinished {
        /// How.
        status: Status,
        /// The outputs on the wire form; null for a failed run.
        outputs: Json,
    },
    /// The identities of a handoff let it go on.
    HandoffVerified {
        /// What each was found to be.
        checks: Vec<Check>,
        /// The observations the checks judge, in the same order.
        observations: Vec<Judged>,
    },
    /// An identity of a handoff stops it.
    HandoffRefused {
        /// What each was found to be.
        checks: Vec<Check>,
        /// The observations the checks judge, in the same order.
        observations: Vec<Judged>,
    },
    /// The callee has no passport: nothing of it was verified, and the handoff goes on. The checks are of our own agent and
    /// operator, which present themselves.
    HandoffUnverified {
        /// Why nothing was verified.
        verdict: Unverified,
        /// The reason that the plan gives.
        no_passport: String,
        /// What each of our own was found to be.
        checks: Vec<Check>,
        /// The observations the checks judge, in the same order.
        observations: Vec<Judged>,
    },
    /// A request is about to be sent: durable before its first byte.
    AttemptIntended {
        /// The guard's value, where the step has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guard: Option<bool>,
        /// The breaker's state: `closed` or `half_open`.
        breaker: String,
        /// Whether an idempotency key goes with it.
        keyed: bool,
        /// What is sent, without authorization and signature.
        request: Box<Request>,
    },
    /// An answer came.
    AttemptAnswered {
        /// HTTP status.
        status: u16,
        /// What it means.
        outcome: OutcomeKind,
        /// From sending to the answer's end, milliseconds.
        elapsed_ms: u64,
        /// The answer.
        answer: Box<Answer>,
        /// The signature that was sent.
        signature: Option<Box<SentSignature>>,
    },
    /// No answer came.
    AttemptFailed {
        /// Why.
        cause: SendFailure,
        /// What it means.
        outcome: OutcomeKind,
        /// From sending to the failure, milliseconds.
        elapsed_ms: u64,
        /// The transport's words.
        detail: String,
        /// The signature that was sent, where sending had begun.
        signature: Option<Box<SentSignature>>,
    },
    /// Whether an effect happened cannot be known from here.
    AttemptInDoubt {
        /// The last attempt's meaning.
        outcome: OutcomeKind,
    },
    /// Another attempt follows.
    RetryScheduled {
        /// The delay drawn, milliseconds.
        delay_ms: u64,
        /// The upper end it was drawn below, milliseconds.
        ceiling_ms: u64,
        /// Not before.
        until: Timestamp,
        /// Tokens left in the counterparty's retry budget.
        budget: u32,
    },
    /// The answer was not the one that is waited for: another poll follows.
    PollScheduled {
        /// Which one, from 2.
        poll: u64,
        /// Not before.
        until: Timestamp,
    },
    /// The answer says that there is another page: it follows.
    PageScheduled {
        /// Which one, from 2.
        page: u64,
    },
    /// Whether an effect of unknown outcome happened is read back.
    ReconcileStarted {},
    /// What was read back says this.
    Reconciled {
        /// What was found.
        found: Found,
    },
    /// A breaker opened.
    BreakerOpened(BreakerFacts),
    /// A breaker lets probes through.
    BreakerHalfOpen(BreakerFacts),
    /// A breaker closed.
    BreakerClosed(BreakerFacts),
    /// Waits: a `wait`, or a call for an open breaker or for its api's rate.
    TimerSet {
        /// Not before.
        until: Timestamp,
        /// What a call waits for; absent where it is the breaker.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<TimerCause>,
    },
    /// A wait is over; without a node, the run's deadline passed.
    TimerFired {
        /// The moment that was set.
        until: Timestamp,
    },
    /// The condition of an `ensure` or `fail` that did not fail the run.
    ValueComputed {
        /// Its value.
        condition: bool,
    },
    /// A step or loop does not run.
    StepSkipped {
        /// Why.
        because: SkipCause,
    },
    /// A node failed, and with it the run.
    StepFailed {
        /// Why.
        class: FailureClass,
        /// HTTP status, where one decided.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Whether the effect happened all the same and is to be undone.
        effect: bool,
        /// What the user is told.
        message: String,
    },
    /// Another flow is called: durable before its run begins.
    FlowStarted {
        /// The guard's value, where the step has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guard: Option<bool>,
        /// The flow.
        flow: String,
        /// Its plan, which is part of this run's.
        plan_digest: Digest,
        /// The child run's id.
        run: String,
        /// What it is given, wire form, defaults filled in.
        inputs: Map<String, Json>,
    },
    /// A child run ended, or stands still.
    FlowReported {
        /// The child run's id.
        run: String,
        /// How it stands.
        status: FlowStatus,
        /// The root of its log.
        root: Digest,
        /// Its outputs, wire form; null unless it succeeded.
        outputs: Json,
        /// Why it failed; empty where it did not.
        message: String,
    },
    /// A loop began.
    LoopStarted {
        /// Its number of items.
        length: u64,
    },
    /// All iterations ended.
    LoopFinished {
        /// Its number of items.
        length: u64,
    },
    /// A compensation began.
    UndoStarted {},
    /// A compensation found nothing left to take back, and an attempt before may have taken it back.
    UndoDone {
        /// What was answered: 404 or 410.
        status: u16,
    },
    /// A compensation failed; the others still run.
    UndoFailed {
        /// Why.
        class: FailureClass,
        /// What the user is told.
        message: String,
    },
}

/// The opening facts of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// `sandbox`, or the configured name.
    pub environment: String,
    /// The resolver's base URL.
    pub resolver: String,
    /// The flow's name.
    pub flow: String,
    /// The plan it runs.
    pub plan_digest: Digest,
    /// The run's inputs by name, wire form, defaults filled in.
    pub inputs: Map<String, Json>,
    /// 32 random bytes, base64url: run ids and trace ids that counterparties see are derived from it.
    pub run_secret: String,
    /// The run that this one is a part of, where another flow called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<Parent>>,
}

/// The run that called a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Its id.
    pub run: String,
    /// The step that calls.
    pub node: String,
    /// Leaf hash of the record that intended the call.
    pub leaf: Digest,
    /// When it fails wherever it is, and this run with it.
    pub deadline: Timestamp,
}

/// How a child run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowStatus {
    /// With outputs.
    Succeeded,
    /// Without; it has undone what it did.
    Failed,
    /// An undo of its failed.
    Stuck,
    /// An effect of its is in doubt.
    InDoubt,
}

/// Why a run stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseCause {
    /// Someone asked.
    #[serde(rename = "paused")]
    Asked,
    /// An undo failed.
    Stuck,
    /// An effect is in doubt.
    InDoubt,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// With outputs.
    Succeeded,
    /// Without; what has an undo is undone.
    Failed,
}

/// What a call waits for beside its counterparty's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerCause {
    /// Its api's rate.
    Rate,
}

/// What a read says of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It happened.
    Effect,
    /// It did not happen.
    Nothing,
    /// It cannot be told.
    Unknown,
}

/// Why a node did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipCause {
    /// Its guard was false.
    Guard,
    /// The run was failing, and nothing of it had been sent.
    RunFailing,
}

/// Why a node failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// An `ensure` or `fail` of the flow, or `on STATUS fail`.
    Rule,
    /// An expression failed.
    Expression,
    /// A value did not fit the document: found before sending.
    Guard,
    /// More items, polls or pages than `at most`.
    Bound,
    /// Two calls of the run with one `key once per`.
    Key,
    /// An identity was refused.
    Identity,
    /// The callee refused.
    Refused,
    /// The answer did not fit the document.
    IllTyped,
    /// The callee redirected.
    Redirected,
    /// No attempt got through, or every answer was transient.
    Exhausted,
    /// The deadline passed.
    Deadline,
    /// A called flow failed.
    Flow,
}

/// What one attempt's outcome means (the outcome table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// 2xx that fits.
    Done,
    /// 2xx that does not: the effect happened.
    IllTyped,
    /// Not sent: no effect.
    NotSent,
    /// 3xx but 307 and 308.
    Redirected,
    /// 4xx but 408, 425, 429; 307 and 308: no effect.
    Refused,
    /// 429: no effect.
    Throttled,
    /// 408, 425, 5xx, reset, time-out after sending.
    Unknown,
}

/// A record's kind, its public decision, and the private values of its payload.
pub type Parts = (Kind, Map<String, Json>, BTreeMap<String, Json>);

/// An event that has no record form, or a record that is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// A value that cannot be written.
    #[error("cannot be written as a record: {0}")]
    Unwritable(String),
    /// Members that don't make an event.
    #[error("is no event of this profile: {0}")]
    Unreadable(String),
}

impl What {
    /// The record's kind, its public decision, and the private values of its payload.
    pub fn to_parts(&self) -> Result<Parts, EventError> {
        let unwritable = |error: serde_json::Error| EventError::Unwritable(error.to_string());
        let Json::Object(mut decision) = serde_json::to_value(self).map_err(unwritable)? else {
            return Err(EventError::Unwritable("not an object".into()));
        };
        let kind = decision.remove("kind").unwrap_or_default();
        let kind = serde_json::from_value(kind).map_err(unwritable)?;
        let mut payload = BTreeMap::new();
        for name in PRIVATE {
            if let Some(value) = decision.remove(*name) {
                payload.insert((*name).to_owned(), value);
            }
        }
        Ok((kind, decision, payload))
    }

    /// The reverse of [`What::to_parts`]; unknown members are refused by comparing with what would be written.
    pub fn from_parts(
        kind: Kind,
        decision: &Map<String, Json>,
        payload: &BTreeMap<String, Json>,
    ) -> Result<What, EventError> {
        let unreadable = |error: serde_json::Error| EventError::Unreadable(error.to_string());
        let mut members = decision.clone();
        members.insert("kind".into(), serde_json::to_value(kind).map_err(unreadable)?);
        for (name, value) in payload {
            if members.insert(name.clone(), value.clone()).is_some() {
                return Err(EventError::Unreadable(format!("`{name}` stands in record and payload")));
            }
        }
        let what: What = serde_json::from_value(Json::Object(members)).map_err(unreadable)?;
        let (_, wanted, hidden) = what.to_parts()?;
        if wanted != *decision || hidden != *payload {
            return Err(EventError::Unreadable("it has members this profile does not know".into()));
        }
        Ok(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_fields_go_to_the_payload_and_come_back() {
        let what = What::StepFailed {
            class: FailureClass::Rule,
            status: Some(404),
            effect: false,
            message: "no such ticket".into(),
        };
        let (kind, decision, payload) = what.to_parts().unwrap();
        assert_eq!(kind, Kind::StepFailed);
        assert!(!decision.contains_key("message") && payload.contains_key("message"));
        assert_eq!(What::from_parts(kind, &decision, &payload).unwrap(), what);
        let mut more = decision.clone();
        more.insert("extra".into(), true.into());
        assert!(What::from_parts(kind, &more, &payload).is_err());
    }
}

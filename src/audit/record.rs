//! One event of a run: the record, which is the leaf, and the payload beside it, which can be erased.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::base::{Digest, Random, Timestamp, canonical_json, decode_hex, encode_hex, limits};
use crate::ecz::EczId;

/// The record format's name, the member `v` of every record.
pub const RECORD_FORMAT: &str = "eczflow-record-1";

/// 128 random bits. Written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// A new salt.
    pub fn generate(random: &dyn Random) -> Salt {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Salt(bytes)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Salt, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode_hex(&text)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Salt)
            .ok_or_else(|| serde::de::Error::custom("a salt is 32 lower-case hex digits"))
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The run began: its first record, with `environment`, `resolver` and `plan_digest` in its decision.
    RunStarted,
    /// The run goes on, after a pause or a crash.
    RunResumed,
    /// The run was put aside, to be resumed.
    RunPaused,
    /// The run ended: its last record.
    RunFinished,
    /// The counterparty's projection lets the handoff go ahead.
    HandoffVerified,
    /// It does not.
    HandoffRefused,
    /// There is no projection to look at: the counterparty has no passport.
    HandoffUnverified,
    /// A request is about to be sent.
    AttemptIntended,
    /// It was answered.
    AttemptAnswered,
    /// It was not answered in a way that counts, or not sent at all.
    AttemptFailed,
    /// Whether it had an effect is not known.
    AttemptInDoubt,
    /// Another attempt follows after a delay.
    RetryScheduled,
    /// Another poll follows after a while.
    PollScheduled,
    /// Another page follows.
    PageScheduled,
    /// An unknown outcome is read back.
    ReconcileStarted,
    /// What that found.
    Reconciled,
    /// The breaker lets no more calls through.
    BreakerOpened,
    /// It lets probes through.
    BreakerHalfOpen,
    /// It lets calls through again.
    BreakerClosed,
    /// A durable timer was set.
    TimerSet,
    /// It fired.
    TimerFired,
    /// A `let`, `ensure`, `fail` or `return` was evaluated.
    ValueComputed,
    /// A guard was false.
    StepSkipped,
    /// A step has its value.
    StepDone,
    /// A step has none, for good.
    StepFailed,
    /// Another flow is called: its run is about to begin.
    FlowStarted,
    /// That run ended, or stands still.
    FlowReported,
    /// A loop's list is known.
    LoopStarted,
    /// Every iteration ended.
    LoopFinished,
    /// Compensations begin, or one of them does.
    UndoStarted,
    /// A compensation took effect.
    UndoDone,
    /// It did not.
    UndoFailed,
    /// A named operator decided what the machine must not.
    OperatorDecision,
}

impl Kind {
    /// As written in a record: `run_started`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::RunStarted => "run_started",
            Kind::RunResumed => "run_resumed",
            Kind::RunPaused => "run_paused",
            Kind::RunFinished => "run_finished",
            Kind::HandoffVerified => "handoff_verified",
            Kind::HandoffRefused => "handoff_refused",
            Kind::HandoffUnverified => "handoff_unverified",
            Kind::AttemptIntended => "attempt_intended",
            Kind::AttemptAnswered => "attempt_answered",
            Kind::AttemptFailed => "attempt_failed",
            Kind::AttemptInDoubt => "attempt_in_doubt",
            Kind::RetryScheduled => "retry_scheduled",
            Kind::PollScheduled => "poll_scheduled",
            Kind::PageScheduled => "page_scheduled",
            Kind::ReconcileStarted => "reconcile_started",
            Kind::Reconciled => "reconciled",
            Kind::BreakerOpened => "breaker_opened",
            Kind::BreakerHalfOpen => "breaker_half_open",
            Kind::BreakerClosed => "breaker_closed",
            Kind::TimerSet => "timer_set",
            Kind::TimerFired => "timer_fired",
            Kind::ValueComputed => "value_computed",
            Kind::StepSkipped => "step_skipped",
            Kind::StepDone => "step_done",
            Kind::StepFailed => "step_failed",
            Kind::FlowStarted => "flow_started",
            Kind::FlowReported => "flow_reported",
            Kind::LoopStarted => "loop_started",
            Kind::LoopFinished => "loop_finished",
            Kind::UndoStarted => "undo_started",
            Kind::UndoDone => "undo_done",
            Kind::UndoFailed => "undo_failed",
            Kind::OperatorDecision => "operator_decision",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who faces whom at a handoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identities {
    /// The Agent Credential that presents itself.
    pub presenter: EczId,
    /// The organisation that runs the flow.
    pub operator: EczId,
    /// The organisation behind the callee, where one is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee_operator: Option<EczId>,
    /// The callee's API Passport; absent for a party without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee_passport: Option<EczId>,
}

/// Commitments of a record's payload items by name.
pub type Commitments = BTreeMap<String, Digest>;

/// One leaf of a run's tree. Public facts only: never a URL, argument, message, key or body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`RECORD_FORMAT`].
    pub v: String,
    /// The run's id.
    pub run: String,
    /// Its place in the run, from 0.
    pub seq: u64,
    /// [`record_hash`] of the run's previous leaf; absent in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Digest>,
    /// When it was recorded, by the operator's clock.
    pub time: Timestamp,
    /// What happened.
    pub kind: Kind,
    /// Its own salt, so that equal events have unequal leaves.
    pub salt: Salt,
    /// Call path such as `refund`, `for_line[0].moved`, `refund/undo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// `api.operation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The attempt's number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Leaf hash of the same call's previous attempt: retry provenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_attempt: Option<Digest>,
    /// Who faces whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<Identities>,
    /// The decision taken with what decided it; no secrets.
    pub decision: serde_json::Map<String, Value>,
    /// One [`commitment`] for each item of the payload.
    pub commitments: Commitments,
}

/// Why a text is no record, or a record has no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Longer than [`limits::RECORD_BYTES`].
    #[error("a record of {0} bytes is longer than {max}", max = limits::RECORD_BYTES)]
    TooLong(usize),
    /// Not strict JSON, or not of a record's shape.
    #[error("not a record: {0}")]
    Malformed(String),
    /// Of another version.
    #[error("the record's format is `{0}`, not `{RECORD_FORMAT}`")]
    Format(String),
    /// Not its own canonical re-serialisation.
    #[error("not the canonical text of the record it holds")]
    NotCanonical,
}

impl Record {
    /// The leaf: canonical JSON, at most [`limits::RECORD_BYTES`].
    pub fn leaf(&self) -> Result<String, RecordError> {
        if self.v != RECORD_FORMAT {
            return Err(RecordError::Format(shortened(&self.v)));
        }
        let text = canonical_json(self).map_err(|error| RecordError::Malformed(error.to_string()))?;
        if text.len() > limits::RECORD_BYTES {
            return Err(RecordError::TooLong(text.len()));
        }
        Ok(text)
    }

    /// Reads a leaf; anything but the exact canonical text is refused.
    pub fn read(leaf: &[u8]) -> Result<Record, RecordError> {
        if leaf.len() > limits::RECORD_BYTES {
            return Err(RecordError::TooLong(leaf.len()));
        }
        // Being its own canonical text excludes duplicate members and numbers that a double does not hold.
        let record: Record = serde_json::from_slice(leaf)
            .map_err(|_| RecordError::Malformed("changed after it was signed, or never one".into()))?;
        if record.leaf()?.as_bytes() != leaf {
            return Err(RecordError::NotCanonical);
        }
        Ok(record)
    }
}

/// The RFC 6962 leaf hash: SHA-256 of a zero byte and the leaf.
pub fn record_hash(leaf: &[u8]) -> Digest {
    Digest::of_parts(&[&[0], leaf])
}

/// Inputs, bodies, answers, keys, signature bases, texts: what a record only commits to.
pub type Payload = BTreeMap<String, PayloadItem>;

/// One item of a payload, with its own salt: a sealed bundle shows the records' salts, and a low-entropy value must
/// not be guessable from them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadItem {
    /// Its salt.
    pub salt: Salt,
    /// Its value.
    pub value: Value,
}

impl fmt::Debug for PayloadItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayloadItem(..)")
    }
}

impl PayloadItem {
    /// An item with a new salt.
    pub fn new(value: Value, random: &dyn Random) -> PayloadItem {
        PayloadItem { salt: Salt::generate(random), value }
    }
}

/// The commitment of an item: SHA-256 of salt, name, a zero byte and the value's canonical JSON. Names hold no zero
/// byte, so no two (name, value) pairs share an input.
pub fn commitment(name: &str, item: &PayloadItem) -> Result<Digest, RecordError> {
    if name.contains('\0') {
        return Err(RecordError::Malformed("a payload item's name holds a zero byte".to_owned()));
    }
    if deeper_than(&item.value, limits::PAYLOAD_DEPTH) {
        return Err(RecordError::Malformed(format!(
            "a payload nested deeper than {} levels",
            limits::PAYLOAD_DEPTH
        )));
    }
    let value = canonical_json(&item.value).map_err(|error| RecordError::Malformed(error.to_string()))?;
    Ok(Digest::of_parts(&[&item.salt.0, name.as_bytes(), &[0], value.as_bytes()]))
}

/// The commitments of a whole payload.
pub fn commitments_of(payload: &Payload) -> Result<Commitments, RecordError> {
    payload.iter().map(|(name, item)| Ok((name.clone(), commitment(name, item)?))).collect()
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| deeper_than(item, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|item| deeper_than(item, levels - 1)),
        _ => false,
    }
}

/// At most 200 characters: what foreign bytes may put into a message.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;

    fn record() -> Record {
        Record {
            v: RECORD_FORMAT.to_owned(),
            run: "r1".to_owned(),
            seq: 0,
            prev: None,
            time: Timestamp(1_700_000_000_000),
            kind: Kind::RunStarted,
            salt: Salt([7; 16]),
            node: None,
            operation: None,
            attempt: None,
            previous_attempt: None,
            identities: None,
            decision: serde_json::Map::new(),
            commitments: Commitments::new(),
        }
    }

    #[test]
    fn a_leaf_is_exactly_its_own_canonical_text() {
        let leaf = record().leaf().unwrap();
        assert_eq!(
            leaf,
            r#"{"commitments":{},"decision":{},"kind":"run_started","run":"r1","salt":"07070707070707070707070707070707","seq":0,"time":"2023-11-14T22:13:20.000Z","v":"eczflow-record-1"}"#
        );
        assert_eq!(Record::read(leaf.as_bytes()).unwrap(), record());
        for (from, to) in [
            (r#""seq":0"#, r#""seq":0.0"#),
            (r#""seq":0"#, r#""seq": 0"#),
            ("20.000Z", "20Z"),
            ("22:13:20.000Z", "23:13:20.000+01:00"),
            (r#""run":"r1""#, r#""run":"\u00721""#),
            (r#""run":"r1""#, r#""node":null,"run":"r1""#),
            (r#""run":"r1""#, r#""extra":1,"run":"r1""#),
            (r#""run":"r1""#, r#""run":"r1","run":"r1""#),
            ("eczflow-record-1", "eczflow-record-2"),
            ("0707", "070A"),
        ] {
            let other = leaf.replacen(from, to, 1);
            assert_ne!(other, leaf, "{from}");
            assert!(Record::read(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn long_records_have_no_leaf() {
        let mut long = record();
        long.decision.insert("x".to_owned(), "y".repeat(limits::RECORD_BYTES).into());
        assert!(matches!(long.leaf(), Err(RecordError::TooLong(_))));
    }

    #[test]
    fn kinds_are_displayed_as_they_are_serialised() {
        for kind in [Kind::RunStarted, Kind::AttemptInDoubt, Kind::BreakerHalfOpen, Kind::OperatorDecision] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.to_string());
        }
    }

    #[test]
    fn commitments_depend_on_salt_name_and_value() {
        let random = SeededRandom::new("commitments");
        let item = PayloadItem::new(serde_json::json!({"b": 1, "a": [2]}), &random);
        let same = PayloadItem { salt: item.salt, value: serde_json::json!({"a": [2.0], "b": 1.0}) };
        assert_eq!(commitment("body", &item), commitment("body", &same));
        let by_hand = [&item.salt.0[..], b"body\0{\"a\":[2],\"b\":1}"].concat();
        assert_eq!(commitment("body", &item), Ok(Digest::of(by_hand)));
        let other = PayloadItem::new(item.value.clone(), &random);
        assert_ne!(commitment("body", &item), commitment("body", &other));
        assert_ne!(commitment("body", &item), commitment("bodies", &item));
        assert!(commitment("a\0b", &item).is_err());
    }
}

//! The store's one log: a leaf for each opening, pause and closing of a run, so that deleting a whole run shows.

use serde::{Deserialize, Serialize};

use super::record::{Kind, RecordError};
use crate::base::{Digest, Timestamp, canonical_json};

/// The leaf format's name, the member `v` of every leaf.
pub const LOG_FORMAT: &str = "eczflow-log-1";

/// What a leaf of the store's log says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// It began.
    RunOpened,
    /// It stands at this size for now.
    RunPaused,
    /// It ended.
    RunClosed,
}

impl LogKind {
    /// The leaf that a record of this kind brings with it.
    pub fn of(kind: Kind) -> Option<LogKind> {
        match kind {
            Kind::RunStarted => Some(LogKind::RunOpened),
            Kind::RunPaused => Some(LogKind::RunPaused),
            Kind::RunFinished => Some(LogKind::RunClosed),
            _ => None,
        }
    }
}

/// A leaf of the store's log: binds a run to the size and root of its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLeaf {
    /// [`LOG_FORMAT`].
    pub v: String,
    /// What it says.
    pub kind: LogKind,
    /// The run's id.
    pub run: String,
    /// Number of leaves in the run's tree.
    pub size: u64,
    /// The root of the run's tree: the audit root at that size.
    pub root: Digest,
    /// When, by the operator's clock.
    pub time: Timestamp,
}

impl LogLeaf {
    /// The leaf's text: canonical JSON.
    pub fn leaf(&self) -> Result<String, RecordError> {
        if self.v != LOG_FORMAT {
            return Err(RecordError::Format(self.v.chars().take(80).collect()));
        }
        canonical_json(self).map_err(|error| RecordError::Malformed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_canonical() {
        let leaf = LogLeaf {
            v: LOG_FORMAT.to_owned(),
            kind: LogKind::RunClosed,
            run: "r1".to_owned(),
            size: 12,
            root: Digest::of(""),
            time: Timestamp(0),
        };
        let text = leaf.leaf().unwrap();
        assert_eq!(
            text,
            r#"{"kind":"run_closed","root":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","run":"r1","size":12,"time":"1970-01-01T00:00:00.000Z","v":"eczflow-log-1"}"#
        );
        assert_eq!(serde_json::from_str::<LogLeaf>(&text).unwrap(), leaf);
        assert!(LogLeaf { v: "2".to_owned(), ..leaf }.leaf().is_err());
    }
}

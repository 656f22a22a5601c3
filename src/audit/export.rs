//! What a store hands over for a bundle, and the bundle's text made of it.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::log::LogLeaf;
use super::note::VerifierKey;
use super::record::{Payload, Record, RecordError, record_hash};
use super::tree::tree_hash;
use crate::base::{Digest, Explained, Hasher, canonical_json};

/// The bundle format's name, the member `bundle` of its first line.
pub const BUNDLE_FORMAT: &str = "eczflow-bundle-1";

/// Everything a bundle is made of.
#[derive(Debug, Clone)]
pub struct Export {
    /// The log's verifier key.
    pub log: VerifierKey,
    /// The plan's canonical text.
    pub plan: String,
    /// The run's leaves in order, with their payloads.
    pub leaves: Vec<(String, Payload)>,
    /// The leaf of the store's log that binds the run to size and root.
    pub log_leaf: LogLeaf,
    /// That leaf's place in the store's log.
    pub index: u64,
    /// Inclusion proof of that leaf in the tree of the checkpoint.
    pub proof: Vec<Digest>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// Which payloads a bundle shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disclosure {
    /// All of them: the operator's own copy.
    Full,
    /// None of them.
    Sealed,
}

/// A bundle's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`BUNDLE_FORMAT`].
    pub bundle: String,
    /// Which payloads follow.
    pub disclosure: Disclosure,
    /// `decision.environment` of the first record.
    pub environment: String,
    /// The log's verifier key.
    pub log: String,
    /// The plan's canonical text; its SHA-256 is `decision.plan_digest` of the first record.
    pub plan: String,
    /// The run's id.
    pub run: String,
}

/// A line that shows one record's payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disclosed {
    /// The record's sequence number.
    pub(crate) disclosed: u64,
    /// Its whole payload.
    pub(crate) payload: Payload,
}

/// A bundle's last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// The signed checkpoint of the store's log.
    pub checkpoint: String,
    /// SHA-256 of all earlier bytes of the bundle.
    pub digest: Digest,
    /// The place of `leaf` in the store's log.
    pub index: u64,
    /// The leaf of the store's log that binds run, size and root.
    pub leaf: LogLeaf,
    /// Inclusion proof of `leaf`, nearest sibling first.
    pub proof: Vec<Digest>,
    /// The root of the run's tree: the audit root.
    pub root: Digest,
    /// Number of records.
    pub size: u64,
}

/// A bundle that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A leaf of the export is no record.
    #[error("record {seq} cannot be exported: {reason}")]
    Record {
        /// Its place in the run.
        seq: usize,
        /// Why.
        reason: RecordError,
    },
    /// The export holds no record, or its first names no environment.
    #[error("the run has no first record that names its environment")]
    Headless,
    /// The destination failed.
    #[error("the bundle cannot be written: {0}")]
    Write(io::Error),
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> ExportError {
        ExportError::Write(error)
    }
}

impl Explained for ExportError {
    fn code(&self) -> &'static str {
        "ER5009"
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            ExportError::Write(_) => {
                "check that the folder exists and has room, then export again".to_owned()
            }
            ExportError::Record { .. } | ExportError::Headless => {
                "the store holds a run that this eczflow did not write: use the one that wrote it".to_owned()
            }
        })
    }
}

impl From<RecordError> for ExportError {
    fn from(reason: RecordError) -> ExportError {
        ExportError::Record { seq: 0, reason }
    }
}

/// Passes bytes on and hashes them.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
}

impl Hashing<'_> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        for part in [line.as_bytes(), b"\n"] {
            self.hasher.update(part);
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

fn text<T: Serialize>(value: &T) -> Result<String, RecordError> {
    canonical_json(value).map_err(|error| RecordError::Malformed(error.to_string()))
}

/// Writes a bundle (`eczflow-bundle-1`). The same export makes the same bytes.
pub fn write_bundle(export: &Export, disclosure: Disclosure, out: &mut dyn Write) -> Result<(), ExportError> {
    let (first, _) = export.leaves.first().ok_or(ExportError::Headless)?;
    let first = Record::read(first.as_bytes())?;
    let environment =
        first.decision.get("environment").and_then(|name| name.as_str()).ok_or(ExportError::Headless)?;
    let header = Header {
        bundle: BUNDLE_FORMAT.to_owned(),
        disclosure,
        environment: environment.to_owned(),
        log: export.log.to_string(),
        plan: export.plan.clone(),
        run: first.run.clone(),
    };
    let mut sink = Hashing { out, hasher: Hasher::default() };
    sink.line(&text(&header)?)?;
    for (leaf, _) in &export.leaves {
        sink.line(leaf)?;
    }
    if disclosure == Disclosure::Full {
        for (seq, (_, payload)) in export.leaves.iter().enumerate().filter(|(_, (_, p))| !p.is_empty()) {
            let disclosed = u64::try_from(seq).unwrap_or(u64::MAX);
            let line = text(&Disclosed { disclosed, payload: payload.clone() })
                .map_err(|reason| ExportError::Record { seq, reason })?;
            sink.line(&line)?;
        }
    }
    let hashes: Vec<Digest> = export.leaves.iter().map(|(leaf, _)| record_hash(leaf.as_bytes())).collect();
    let trailer = Trailer {
        checkpoint: export.checkpoint.clone(),
        digest: sink.hasher.digest(),
        index: export.index,
        leaf: export.log_leaf.clone(),
        proof: export.proof.clone(),
        root: tree_hash(&hashes),
        size: u64::try_from(hashes.len()).unwrap_or(u64::MAX),
    };
    sink.line(&text(&trailer)?)?;
    Ok(())
}

//! The transparency log: records, the RFC 6962 tree over them, signed checkpoints, and the bundle that an outsider
//! verifies offline. Answers *whole*, *whose* and *complete*; *legal* is the engine's replay, in `verify`.
//!
//! May import: base, ecz, source, plan. No database, no network, no files: callers bring bytes.
//! Invariants: a leaf's text is its own canonical re-serialisation; nothing in a bundle is bound by nothing; no
//! secret, URL, argument or body stands in a record, only salted commitments to them.

mod answers;
mod bundle;
mod export;
mod log;
mod note;
mod record;
mod standing;
mod tree;
mod trusted;

pub use answers::{Answers, Complete, Trust, Whose, verify_bundle};
pub use bundle::{Bundle, BundleError, Fault, read_bundle};
pub use export::{BUNDLE_FORMAT, Disclosure, Export, ExportError, Header, Trailer, write_bundle};
pub use log::{LOG_FORMAT, LogKind, LogLeaf};
pub use note::{Checkpoint, NoteError, VerifierKey, log_name, open_note, sign_note};
pub use record::{
    Commitments, Identities, Kind, Payload, PayloadItem, RECORD_FORMAT, Record, RecordError, Salt,
    commitment, commitments_of, record_hash,
};
pub use standing::Standing;
pub use tree::{
    Frontier, consistency_proof, inclusion_proof, node_hash, tree_hash, verify_consistency_proof,
    verify_inclusion_proof,
};
pub use trusted::{TrustedLog, TrustedLogsError, add_trusted_log, read_trusted_logs};

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

//! The transparency log: records, the RFC 6962 tree over them, signed checkpoints, and the bundle that an outsider
//! verifies offline. Answers *whole*, *whose* and *complete*; *legal* is the engine's replay, in `verify`.
//!
//! May import: base, ecz, source, plan. No database, no network, no files: callers bring bytes.
//! Invariants: a leaf's text is its own canonical re-serialisation; nothing in a bundle is bound by nothing; no
//! secret, URL, argument or body stands in a record, only salted commitments to them.

mod record;

pub use record::{
    Commitments, Identities, Kind, Payload, PayloadItem, RECORD_FORMAT, Record, RecordError, Salt,
    commitment, commitments_of, record_hash,
};

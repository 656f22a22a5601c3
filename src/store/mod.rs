//! The journal: records, payloads, run trees, plans and the signed log, in one transaction. SQLite and memory.
//!
//! May import: audit and everything above it. The only room that names rusqlite.
//! Invariants: one writing process (a lock file); what [`Pending`] acknowledges is on disk; nothing is stored that is
//! not in a tree; after a failed write nothing more is accepted; on opening, what is stored must be what was signed.

mod error;
mod files;
mod ledger;
mod memory;
mod model;
mod reader;
mod schema;
mod sqlite;
mod writer;

pub use error::StoreError;
pub use files::held;
pub use memory::MemoryStore;
pub use model::{Appended, Batch, Entry, Opening, Pending, RunSummary, Store};
pub use reader::Reader;
pub use sqlite::{LogKey, SqliteStore};

#[cfg(test)]
mod tests;

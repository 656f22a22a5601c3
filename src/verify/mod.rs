//! The four answers about a log: audit's whole, whose and complete, and legal by the engine's replay.
//!
//! May import: base, plan, audit, engine. The host resumes a run by the same replay.

mod bundle;
mod replay;

pub use bundle::{Report, verify};
pub use replay::{Legal, event_of, replay};

//! The compiled flow: what the compiler emits, what a run executes, what an auditor replays.
//!
//! May import: base, ecz, documents, types, expr. A plan read from disk is never trusted: [`Verified`] is the only key to
//! a run, and it is made by recomputing digest, slices and obligations from the plan's own content.

mod model;

pub use model::*;

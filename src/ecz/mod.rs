//! ECZ identifiers, the `x-ecz-id` fields, projection states, handoff policies, the verdict on a projection, and statements of
//! counterparties.
//!
//! May import: base. Data and pure decisions only, no I/O. Wire shapes of a resolver live behind adapters in `wire`.
//! Words: say what was observed; absence of proof is neutral.

mod document;
mod id;
mod policy;
mod projection;
mod statement;

pub use document::DocumentIdentity;
pub use id::{EczId, EczIdError, Kind};
pub use policy::{Attest, Evidence, HandoffPolicy, Verify, VerifyMode};
pub use projection::{Asked, Decision, Observation, Projection, Refusal, State, Verdict, judge};
pub use statement::{IdempotencyStatement, STATEMENT_FORMAT, Stated, StatementFault};

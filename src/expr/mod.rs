//! Expressions as data, and their evaluator: total, deterministic, without I/O.
//!
//! May import: base, ecz, types.

mod arithmetic;
mod builtins;
mod compare;
mod evaluate;
pub mod functions;
mod model;
mod provenance;
mod scope;
#[cfg(test)]
mod tests;
mod typing;
mod written;

pub(crate) use compare::{compare, equal};
pub use evaluate::{Answered, EVALUATION_DEPTH, EVALUATION_WORK, EvalError, EvalErrorKind, Scope, evaluate};
pub use model::{Arm, BinaryOperator, Definition, Definitions, Expr, Part, UnaryOperator};
pub use provenance::{Names, confirmed, confirmed_by, provenance};
pub use scope::MapScope;
pub use typing::{Misuse, Typing};
pub use written::written;

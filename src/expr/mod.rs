//! Expressions as data, and their evaluator: total, deterministic, without I/O.
//!
//! May import: base, ecz, types.

mod model;

pub use model::{BinaryOperator, Expr, Part, UnaryOperator};

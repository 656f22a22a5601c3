//! The type language: values, assignability in three answers, JSON Schema to type, guards.
//!
//! May import: base, ecz, source, diagnostics, documents. The only room that knows the `jsonschema` crate.

mod algebra;
mod assign;
mod contract;
mod decode;
mod guard;
mod header;
mod intersect;
mod model;
mod parameter;
mod schema;
#[cfg(test)]
mod tests;
mod value;

pub use algebra::FieldAccess;
pub use assign::{
    Answer, Conversion, Counterexample, assignable, assignable_literal, assignable_to_field, conversion,
    widening,
};
pub use contract::{Body, Contract, IDEMPOTENCY_KEY, Response, Unsupported};
pub use decode::Misfit;
pub use guard::{Guard, GuardError};
pub use header::{HEADER_BYTES, Header};
pub use model::{Field, Members, RecordType, Type};
pub use parameter::Parameter;
pub use schema::{SCHEMA_NODES, Schema, TYPE_DEPTH};
pub use value::{DECIMAL_DIGITS, Value, WireError};

//! The type language: values, assignability in three answers, JSON Schema to type, guards.
//!
//! May import: base, ecz, source, diagnostics, documents. The only room that knows the `jsonschema` crate.

mod access;
mod algebra;
mod answer;
mod assign;
mod body;
mod case;
mod checked;
mod conditional;
mod contract;
mod counterexample;
mod decode;
mod dialect;
mod form;
mod guard;
mod header;
mod intersect;
mod key;
mod literal;
mod media;
mod mend;
mod model;
mod nearest;
mod operators;
mod parameter;
mod parts;
mod pattern;
mod prove;
mod provenance;
mod refute;
mod response;
mod sample;
mod scalars;
mod schema;
mod style;
mod style_reading;
mod subschema;
#[cfg(test)]
mod tests;
mod value;
mod written;

pub use access::FieldAccess;
pub use answer::HEADER_BYTES;
pub use assign::{
    Answer, Conversion, MAY_BE_MISSING, UNDECLARED, assignable, assignable_to_field, conversion, widening,
};
pub use body::{Body, Encoding, RequestBody};
pub use checked::Checked;
pub use contract::{Contract, IDEMPOTENCY_KEY, Unsupported, is_runtime_header};
pub use counterexample::Counterexample;
pub use decode::Misfit;
pub use dialect::Direction;
pub use form::Form;
pub use guard::{Guard, GuardError};
pub use header::ResponseHeader;
pub use key::key_text;
pub use literal::Literal;
pub use model::{Field, Members, RecordType, Type};
pub use operators::{Arithmetic, arithmetic, comparable, ordered};
pub use parameter::{Parameter, Sent};
pub use parts::{Parts, PartsLeft, measure};
pub use pattern::matching;
pub use provenance::Provenance;
pub use response::Response;
pub use schema::{SCHEMA_NODES, Schema, TYPE_DEPTH};
pub use style_reading::percent_decode;
pub use subschema::JsonSchema;
pub(crate) use value::survives_json;
pub use value::{DECIMAL_DIGITS, Value, WireError, has_too_many_digits};
pub use written::{Taken, Written};

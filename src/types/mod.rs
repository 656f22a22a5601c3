//! The type language: values, assignability in three answers, JSON Schema to type, guards.
//!
//! May import: base, ecz, source, diagnostics, documents. The only room that knows the `jsonschema` crate.

mod model;

pub use model::{Field, Members, RecordType, Type};

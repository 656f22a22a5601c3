//! One schema of an operation: read as a type and compiled as a guard, each once and only where it is needed.

use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use super::guard::{Guard, GuardError};
use super::{Misfit, Schema, Value};
use crate::documents::OperationView;

/// A schema of a document that is shared, not copied.
#[derive(Debug)]
pub(super) struct Checked {
    root: Arc<Json>,
    /// `None`: anything fits.
    pointer: Option<String>,
    schema: OnceLock<Result<Schema, GuardError>>,
    guard: OnceLock<Result<Guard, GuardError>>,
}

impl Checked {
    /// Of what is sent.
    pub(super) fn request(view: &OperationView, pointer: Option<&str>) -> Checked {
        Checked {
            root: Arc::clone(view.root()),
            pointer: pointer.map(str::to_owned),
            schema: OnceLock::new(),
            guard: OnceLock::new(),
        }
    }

    /// Of what is answered.
    pub(super) fn answer(view: &OperationView, pointer: Option<&str>) -> Checked {
        Checked::request(view, pointer)
    }

    /// The schema as a type.
    pub(super) fn schema(&self) -> Result<&Schema, GuardError> {
        let read = || {
            Ok(match &self.pointer {
                None => Schema::any(),
                Some(pointer) => Schema::read(&self.root, pointer),
            })
        };
        self.schema.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// The whole schema as a check.
    pub(super) fn guard(&self) -> Result<&Guard, GuardError> {
        let compile = || match &self.pointer {
            None => Ok(Guard::open()),
            Some(pointer) => Guard::compile(&self.root, pointer),
        };
        self.guard.get_or_init(compile).as_ref().map_err(Clone::clone)
    }

    /// Checks a value by the whole schema.
    pub(super) fn check(&self, json: &Json) -> Result<(), Misfit> {
        self.guard().map_err(|error| Misfit::whole(error.to_string()))?.check(json)
    }

    /// Checks a value by the whole schema and reads it by its type.
    pub(super) fn decode(&self, json: &Json) -> Result<Value, Misfit> {
        self.check(json)?;
        let schema = self.schema().map_err(|error| Misfit::whole(error.to_string()))?;
        Value::decode(&schema.ty, json)
    }
}

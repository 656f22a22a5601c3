//! The schemas of one document, compiled once each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use crate::types::{Guard, GuardError, Schema, Value};

/// The schemas of one document, by pointer.
pub(crate) struct Schemas {
    root: Arc<Json>,
    compiled: Mutex<BTreeMap<String, Arc<Compiled>>>,
}

struct Compiled {
    guard: Result<Guard, GuardError>,
    schema: Schema,
}

impl Schemas {
    /// For schemas of this document.
    pub(crate) fn new(root: &Arc<Json>) -> Schemas {
        Schemas { root: root.clone(), compiled: Mutex::default() }
    }

    /// The document.
    pub(crate) fn root(&self) -> &Json {
        &self.root
    }

    /// The schema at a pointer; without a pointer, the one that anything fits.
    pub(crate) fn get(&self, pointer: Option<&str>) -> &Json {
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(&Json::Bool(true))
    }

    /// Why a value does not fit the schema at a pointer; `None` where it does. Never says what the value was.
    pub(crate) fn misfit(&self, pointer: Option<&str>, value: &Json) -> Option<String> {
        let compiled = self.compiled(pointer?);
        match &compiled.guard {
            Err(error) => Some(error.to_string()),
            Ok(guard) => guard.check(value).err().map(|misfit| {
                // The type's own words are plainer, where it sees the misfit too.
                let plain = Value::decode(&compiled.schema.ty, value).err();
                plain.unwrap_or(misfit).to_string()
            }),
        }
    }

    fn compiled(&self, pointer: &str) -> Arc<Compiled> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled
            .entry(pointer.to_owned())
            .or_insert_with(|| {
                let schema = Schema::read(&self.root, pointer);
                Arc::new(Compiled { guard: Guard::compile(&self.root, pointer), schema })
            })
            .clone()
    }
}

//! The schemas of one document, compiled once each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// Validators of one document's schemas, by pointer.
pub(crate) struct Schemas {
    root: Arc<Value>,
    compiled: Mutex<BTreeMap<String, Arc<Result<jsonschema::Validator, String>>>>,
}

impl Schemas {
    /// For schemas of this document.
    pub(crate) fn new(root: &Arc<Value>) -> Schemas {
        Schemas { root: root.clone(), compiled: Mutex::default() }
    }

    /// The document.
    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    /// The schema at a pointer; without a pointer, the one that anything fits.
    pub(crate) fn get(&self, pointer: Option<&str>) -> &Value {
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(&Value::Bool(true))
    }

    /// Why a value does not fit the schema at a pointer; `None` where it does. Never says what the value was.
    pub(crate) fn misfit(&self, pointer: Option<&str>, value: &Value) -> Option<String> {
        let compiled = self.compiled(pointer?);
        match &*compiled {
            Err(why) => Some(format!("the schema cannot be used: {why}")),
            Ok(validator) => validator.iter_errors(value).next().map(|error| {
                let place = error.instance_path().to_string();
                let what = error.masked().to_string();
                if place.is_empty() { what } else { format!("`{place}`: {what}") }
            }),
        }
    }

    fn compiled(&self, pointer: &str) -> Arc<Result<jsonschema::Validator, String>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled
            .entry(pointer.to_owned())
            .or_insert_with(|| {
                let components = self.root.get("components").cloned().unwrap_or_default();
                let whole = json!({"components": components, "allOf": [self.get(Some(pointer))]});
                Arc::new(jsonschema::draft202012::new(&whole).map_err(|error| error.to_string()))
            })
            .clone()
    }
}

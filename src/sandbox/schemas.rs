//! The schemas of one document, compiled once each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// Validators of one document's schemas.
pub(crate) struct Schemas {
    components: Value,
    compiled: Mutex<BTreeMap<String, Arc<Result<jsonschema::Validator, String>>>>,
}

impl Schemas {
    /// For schemas whose references point into this document.
    pub(crate) fn new(document: &Value) -> Schemas {
        Schemas {
            components: document.get("components").cloned().unwrap_or_default(),
            compiled: Mutex::default(),
        }
    }

    /// Why a value does not fit a schema; `None` where it does. Never says what the value was.
    pub(crate) fn misfit(&self, schema: &Value, value: &Value) -> Option<String> {
        if *schema == Value::Bool(true) {
            return None;
        }
        let compiled = self.compiled(schema);
        match &*compiled {
            Err(why) => Some(format!("the schema cannot be used: {why}")),
            Ok(validator) => validator.iter_errors(value).next().map(|error| {
                let place = error.instance_path().to_string();
                let what = error.masked().to_string();
                if place.is_empty() { what } else { format!("`{place}`: {what}") }
            }),
        }
    }

    fn compiled(&self, schema: &Value) -> Arc<Result<jsonschema::Validator, String>> {
        let name = schema.to_string();
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled
            .entry(name)
            .or_insert_with(|| {
                let whole = json!({"components": self.components, "allOf": [schema]});
                Arc::new(jsonschema::draft202012::new(&whole).map_err(|error| error.to_string()))
            })
            .clone()
    }
}

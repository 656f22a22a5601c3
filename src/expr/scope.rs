//! A scope that holds its values itself.

use std::collections::BTreeMap;

use super::evaluate::Scope;
use super::{Definition, Definitions};
use crate::base::Timestamp;
use crate::types::Value;

/// A scope in a map.
#[derive(Debug, Clone, Default)]
pub struct MapScope {
    /// Values by name.
    pub values: BTreeMap<String, Value>,
    /// Functions by name.
    pub definitions: Definitions,
    /// `run.id`.
    pub run_id: String,
    /// `run.started`.
    pub run_started: Timestamp,
}

impl Scope for MapScope {
    fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    fn definition(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name)
    }

    fn run_id(&self) -> &str {
        &self.run_id
    }

    fn run_started(&self) -> Timestamp {
        self.run_started
    }
}

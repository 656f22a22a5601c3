//! One schema of an operation: read as a type and compiled as a guard, each once and only where it is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value as Json;

use super::dialect::{Direction, normalise};
use super::guard::{Guard, GuardError};
use super::{JsonSchema, Misfit, Schema, Value};

/// A schema of a document that is shared, not copied.
#[derive(Debug)]
pub struct Checked {
    root: Arc<Json>,
    /// `None`: anything fits.
    pointer: Option<String>,
    direction: Direction,
    schema: OnceLock<Result<Schema, GuardError>>,
    guard: OnceLock<Result<Guard, GuardError>>,
    strict: OnceLock<Result<Option<(Json, Guard)>, GuardError>>,
    letter: OnceLock<Option<JsonSchema>>,
    /// What was found by place and wish: steps of one operation ask the same.
    values: Mutex<Known>,
}

/// Values by a place and what was wished for there.
type Known = BTreeMap<(String, String), Arc<[Json]>>;

/// Questions about values whose answers are kept.
const MOST_KNOWN: usize = 256;

impl Checked {
    /// The schema at a pointer, for values that go one way. Nothing is read yet.
    pub fn new(root: &Arc<Json>, pointer: Option<&str>, direction: Direction) -> Checked {
        Checked {
            root: Arc::clone(root),
            pointer: pointer.map(str::to_owned),
            direction,
            schema: OnceLock::new(),
            guard: OnceLock::new(),
            strict: OnceLock::new(),
            letter: OnceLock::new(),
            values: Mutex::default(),
        }
    }

    /// Where the schema stands.
    pub(super) fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }

    /// The schema's normal form, and a check that asserts formats too; `None` where anything fits.
    pub(super) fn strict(&self) -> Result<Option<&(Json, Guard)>, GuardError> {
        let compile = || {
            let Some(pointer) = &self.pointer else { return Ok(None) };
            self.schema()?;
            let normal = normalise(&self.root, pointer, self.direction)?;
            let guard = Guard::strict(&normal, pointer)?;
            Ok(Some((normal, guard)))
        };
        self.strict.get_or_init(compile).as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    /// The schema to the letter, with some of its values; `None` where anything fits or it can't be checked.
    pub(super) fn to_the_letter(&self) -> Option<&JsonSchema> {
        let read = || JsonSchema::read(&self.root, self.pointer.as_deref()?, self.direction).ok();
        self.letter.get_or_init(read).as_ref()
    }

    /// Values that were found before for a place and a wish, or that are found now.
    pub(super) fn known_values(
        &self,
        asked: (String, String),
        find: impl FnOnce() -> Vec<Json>,
    ) -> Arc<[Json]> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = values.get(&asked) {
            return Arc::clone(known);
        }
        let found: Arc<[Json]> = find().into();
        if values.len() < MOST_KNOWN {
            values.insert(asked, Arc::clone(&found));
        }
        found
    }

    /// The schema as a type. An error names a schema that can't be checked at run time.
    pub fn schema(&self) -> Result<&Schema, GuardError> {
        let read = || match &self.pointer {
            None => Ok(Schema::any()),
            Some(pointer) => {
                let normal = normalise(&self.root, pointer, self.direction)?;
                Guard::is_affordable(&normal, pointer)?;
                Ok(Schema::read(&normal, ""))
            }
        };
        self.schema.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// The whole schema as a check.
    pub fn guard(&self) -> Result<&Guard, GuardError> {
        let compile = || match &self.pointer {
            None => Ok(Guard::open()),
            Some(pointer) => {
                self.schema()?;
                Guard::of_normal(&normalise(&self.root, pointer, self.direction)?, pointer)
            }
        };
        self.guard.get_or_init(compile).as_ref().map_err(Clone::clone)
    }

    /// Checks a value by the whole schema.
    pub fn check(&self, json: &Json) -> Result<(), Misfit> {
        self.guard().map_err(|error| Misfit::whole(error.to_string()))?.check(json)
    }

    /// Checks a value by the whole schema and its formats.
    pub(super) fn check_strictly(&self, json: &Json) -> Result<(), Misfit> {
        let strict = self.strict().map_err(|error| Misfit::whole(error.to_string()))?;
        strict.map_or(Ok(()), |(_, guard)| guard.check(json))
    }

    /// Checks a value by the whole schema and reads it by its type.
    pub fn decode(&self, json: &Json) -> Result<Value, Misfit> {
        self.check(json)?;
        let schema = self.schema().map_err(|error| Misfit::whole(error.to_string()))?;
        Value::decode(&schema.ty, json)
    }
}

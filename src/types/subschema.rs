//! Is every value of one documented schema a value of another? Both are taken to the letter of JSON Schema, so that any
//! validator can confirm the answer: formats are notes, undeclared members may stand where nothing forbids them, and a
//! schema without `type` takes every kind. Flows ask [`super::assignable`], which knows the language's own kinds.

use std::sync::OnceLock;

use serde_json::Value as Json;

use super::case::{Case, Part};
use super::dialect::{Direction, normalise};
use super::guard::{Guard, GuardError};
use super::prove::Proof;
use super::refute::{Place, Step, find, inside, places};
use super::sample::{Sampler, Size};
use super::{Answer, Counterexample, Misfit};

/// Values that are kept of a schema.
const SAMPLES: u64 = 24;
/// Values that are tried before a question is left open.
const TRIES: usize = 1_500;

/// A schema of a document, taken to the letter, with some of its values.
#[derive(Debug)]
pub struct JsonSchema {
    normal: Json,
    guard: Guard,
    samples: Vec<Json>,
    /// Where and what to try as the left of a question, and as its right: seldom needed.
    own: OnceLock<Vec<Place>>,
    wrong: OnceLock<Vec<Place>>,
}

impl JsonSchema {
    /// Reads the schema at a pointer of a document. An error names a schema that can't be checked at run time.
    pub fn read(root: &Json, pointer: &str, direction: Direction) -> Result<JsonSchema, GuardError> {
        let normal = normalise(root, pointer, direction)?;
        Guard::is_affordable(&normal, pointer)?;
        let guard = Guard::of_normal(&normal, pointer)?;
        let (own, wrong) = (OnceLock::new(), OnceLock::new());
        let mut schema = JsonSchema { normal, guard, samples: Vec::new(), own, wrong };
        schema.samples = schema.values(SAMPLES);
        Ok(schema)
    }

    /// Its normal form: what is asked about.
    pub fn normal(&self) -> &Json {
        &self.normal
    }

    /// Some of its values, each accepted by the validator.
    pub(super) fn samples(&self) -> &[Json] {
        &self.samples
    }

    /// Values that likely stand at a place inside.
    pub(super) fn inside(&self, steps: &[Step]) -> Vec<Json> {
        inside(self.part(), steps)
    }

    /// Values of it, each accepted by the validator; the least and the largest first. Fewer where few are found.
    pub fn values(&self, many: u64) -> Vec<Json> {
        let sizes = |seed| match seed {
            0 => Size::Least,
            1 => Size::Most,
            _ => Size::Any,
        };
        let made = (0..many)
            .filter_map(|seed| Sampler::new(seed + 1, sizes(seed)).value(Case::of([self.part()]), 0));
        let mut values: Vec<Json> = Vec::new();
        for value in made.filter(|value| self.check(value).is_ok()) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    /// Whether a value is one of its values; where and why not.
    pub fn check(&self, value: &Json) -> Result<(), Misfit> {
        self.guard.check(value)
    }

    /// Whether every value of it is a value of another. A no shows a value that this one's validator accepts and the other's
    /// refuses.
    pub fn is_within(&self, wider: &JsonSchema) -> Answer {
        let refused = |value: &&Json| wider.check(value).is_err();
        if let Some(value) = self.samples.iter().find(refused) {
            return wider.refusal(value);
        }
        let mut proof = Proof::new();
        if proof.holds(&Case::of([self.part()]), wider.part(), 0) {
            return Answer::Yes;
        }
        let shows = |value: &Json| wider.check(value).is_err() && self.check(value).is_ok();
        let bases: Vec<&Json> = self.samples.iter().take(3).collect();
        let places = [
            wider.wrong.get_or_init(|| places(wider.part(), false)),
            self.own.get_or_init(|| places(self.part(), true)),
        ];
        let found = places.into_iter().find_map(|places| find(&bases, places, TRIES, shows));
        match found {
            Some(value) => wider.refusal(&value),
            None => Answer::Unknown(format!("`{}` can't be compared", proof.open.unwrap_or_default())),
        }
    }

    fn part(&self) -> Part<'_> {
        Part { root: &self.normal, schema: &self.normal }
    }

    fn refusal(&self, value: &Json) -> Answer {
        let Misfit { path, why } =
            self.check(value).err().unwrap_or_else(|| Misfit::whole("it does not fit"));
        Answer::No(Counterexample { path, value: Some(value.clone()), ..Counterexample::unseen(why) })
    }
}

#[cfg(test)]
#[path = "subschema_tests.rs"]
mod tests;

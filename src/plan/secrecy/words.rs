//! Every `x-data-class` of a document's part, and whether it counts: whoever wrote one wanted to say something.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::schemas::{any, is_labelled, read_in_answers, read_in_schema};
use crate::base::folded;
use crate::documents::{DATA_CLASS, OperationView, each_object, join};
use crate::plan::Class;

/// The words of one document.
#[derive(Debug, Default)]
pub struct Words {
    /// What each says, by its pointer.
    all: BTreeMap<String, Value>,
    /// Those that count somewhere.
    read: BTreeSet<String>,
    /// Extensions that are spelt nearly so, by their pointer.
    misspelt: BTreeMap<String, String>,
}

impl Words {
    /// Adds those that an operation has. In all its answers they count, also in those that no flow ever sees.
    pub fn add_operation(&mut self, view: &OperationView) {
        self.add_misspelt(view.root());
        if is_labelled(view) {
            self.add(view.root(), read_in_answers(view));
        }
    }

    /// Adds those of a schema that a type names, cut out of its document.
    pub fn add_schema(&mut self, root: &Value, at: &str) {
        self.add_misspelt(root);
        self.add(root, read_in_schema(root, at));
    }

    fn add_misspelt(&mut self, root: &Value) {
        if !any(root, &|members| members.keys().any(|name| is_misspelt(name))) {
            return;
        }
        each_object(root, &mut |at, members, named| {
            let names = members.keys().filter(|name| !named && is_misspelt(name));
            self.misspelt.extend(names.map(|name| (join(at, name), name.clone())));
        });
    }

    /// `read`: where they count; absent where all do.
    fn add(&mut self, root: &Value, read: Option<BTreeSet<String>>) {
        each_word(root, &mut |at, word| {
            let place = join(at, DATA_CLASS);
            if read.as_ref().is_none_or(|read| read.contains(at)) {
                self.read.insert(place.clone());
            }
            self.all.entry(place).or_insert_with(|| word.clone());
        });
    }

    /// Those that count and name no class, each with its word.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, String)> {
        let read = self.all.iter().filter(|(at, word)| self.read.contains(*at) && class(word).is_none());
        read.map(|(at, word)| (at.as_str(), word.as_str().map_or_else(|| word.to_string(), str::to_owned)))
    }

    /// Extensions that are spelt nearly so and count for nothing: pointer and name.
    pub fn misspelt(&self) -> impl Iterator<Item = (&str, &str)> {
        self.misspelt.iter().map(|(at, name)| (at.as_str(), name.as_str()))
    }

    /// Those that count for nothing.
    pub fn unread(&self) -> impl Iterator<Item = &str> {
        self.all.keys().filter(|at| !self.read.contains(*at)).map(String::as_str)
    }
}

fn is_misspelt(name: &str) -> bool {
    name.starts_with(['x', 'X']) && name != DATA_CLASS && folded(name) == folded(DATA_CLASS)
}

fn class(word: &Value) -> Option<Class> {
    word.as_str().and_then(Class::of)
}

/// Visits every `x-data-class` of a part of a document, with the pointer of what it stands in. Data has none.
pub(super) fn each_word(root: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    each_object(root, &mut |at, members, named| {
        // Where members are named by the author, one of that name is no word, but then it is an object or a schema.
        let word = members.get(DATA_CLASS).filter(|word| !named || !(word.is_object() || word.is_boolean()));
        if let Some(word) = word {
            visit(at, word);
        }
    });
}

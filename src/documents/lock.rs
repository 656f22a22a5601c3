//! `eczflow.lock`: what each flow was pinned against, so that a changed document can be judged by what is used of it.
//!
//! Pure: callers read and write the file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::slice::Slice;
use crate::base::json::{JsonError, read_strict, read_strict_only};
use crate::base::{Digest, Explained, limits};

/// The format's name, the member `format` of every lock file.
pub const LOCK_FORMAT: &str = "eczflow-lock-1";

/// Longest value of an identity's field that is shown, characters.
const SHOWN: usize = 80;

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// [`LOCK_FORMAT`].
    pub format: String,
    /// By path of the flow file (relative to the lock file, with `/`), then by the api's name.
    pub flows: BTreeMap<String, BTreeMap<String, LockedApi>>,
}

/// What an api was pinned against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedApi {
    /// The document's path as the flow writes it.
    pub document: String,
    /// SHA-256 of its bytes when it was pinned.
    pub raw_hash: Digest,
    /// Its canonical hash: the pin.
    pub canonical_hash: Digest,
    /// Its `x-ecz-id` without `spec_hash`, canonical JSON: who the other party is is always used.
    pub identity: String,
    /// The slices of the operations the flow uses, by their key.
    pub operations: BTreeMap<String, Slice>,
    /// The schemas that the file's types name, by their name, each with everything it refers to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schemas: BTreeMap<String, Slice>,
}

/// A lock file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Not JSON of the shape of a lock file.
    #[error("`eczflow.lock` cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// Of another version.
    #[error("`eczflow.lock` has the format `{found}`, this program reads `{LOCK_FORMAT}`")]
    Version {
        /// The format it names.
        found: String,
    },
    /// A slice whose text is not what its digest says.
    #[error(
        "`eczflow.lock` was edited: the slice of `{part}` of api `{api}` of `{flow}` is not what its digest says"
    )]
    Edited {
        /// The flow file.
        flow: String,
        /// The api.
        api: String,
        /// The operation or schema.
        part: String,
    },
}

impl Explained for LockError {
    fn code(&self) -> &'static str {
        match self {
            LockError::Unreadable { .. } => "ER1050",
            LockError::Version { .. } => "ER1051",
            LockError::Edited { .. } => "ER1052",
        }
    }

    fn help(&self) -> Option<String> {
        Some("take the file from version control again, or write it anew with `eczflow pin FILE`".into())
    }
}

/// What is used of a document: what a lock holds of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Keys of the operations that are called.
    pub operations: BTreeSet<String>,
    /// Names of the schemas that types name.
    pub schemas: BTreeSet<String>,
}

/// What a flow wants of one of its apis.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// The flow file's path, as in the lock file.
    pub flow: &'w str,
    /// The api's name.
    pub api: &'w str,
    /// The document's path as the flow writes it.
    pub document: &'w str,
    /// The pin that stands in the flow.
    pub pin: Digest,
    /// What it uses of it.
    pub used: &'w Used,
}

/// How a current document stands to what a flow was pinned against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It has the pinned hash.
    Unchanged,
    /// It changed, and neither its identity nor anything used did.
    UnusedChanged,
    /// Its `x-ecz-id` changed, whatever else did.
    IdentityChanged,
    /// This of what is used changed, is gone, or was not locked.
    SliceChanged(Used),
    /// It changed, and the lock file has nothing about this api.
    Missing,
    /// It changed, and the lock file is about another pin or another document.
    Mismatch,
}

impl Default for Lock {
    fn default() -> Lock {
        Lock { format: LOCK_FORMAT.to_owned(), flows: BTreeMap::new() }
    }
}

impl Lock {
    /// Reads a lock file strictly; every slice must have its digest. That its text is canonical shows where it equals what
    /// was cut out of the document; where it differs, it is read as any foreign text.
    pub fn read(bytes: &[u8]) -> Result<Lock, LockError> {
        Lock::of_json(bytes, read_strict)
    }

    /// As [`Lock::read`], but only what is about one flow.
    pub fn read_for(flow: &str, bytes: &[u8]) -> Result<Lock, LockError> {
        Lock::of_json(bytes, |bytes| read_strict_only(bytes, "flows", flow))
    }

    fn of_json(
        bytes: &[u8],
        read: impl FnOnce(&[u8]) -> Result<serde_json::Value, JsonError>,
    ) -> Result<Lock, LockError> {
        let unreadable = |reason: String| LockError::Unreadable { reason };
        if bytes.len() > limits::DOCUMENT_BYTES {
            return Err(unreadable(format!("it is larger than {} bytes", limits::DOCUMENT_BYTES)));
        }
        let value = read(bytes).map_err(|error| unreadable(error.to_string()))?;
        if let Some(found) = value.get("format").and_then(serde_json::Value::as_str)
            && found != LOCK_FORMAT
        {
            return Err(LockError::Version { found: found.chars().take(40).collect() });
        }
        let lock: Lock = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
        for (flow, apis) in &lock.flows {
            for (api, locked) in apis {
                for (part, slice) in locked.operations.iter().chain(&locked.schemas) {
                    if Digest::of(&slice.text) != slice.digest {
                        let (flow, api, part) = (flow.clone(), api.clone(), part.clone());
                        return Err(LockError::Edited { flow, api, part });
                    }
                }
            }
        }
        Ok(lock)
    }

    /// The text to write: indented JSON, members sorted, a newline at the end. The same lock is the same bytes.
    pub fn write(&self) -> String {
        // Strings and maps of strings always serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Replaces what is locked for a flow file.
    pub fn set(&mut self, flow: impl Into<String>, apis: BTreeMap<String, LockedApi>) {
        self.flows.insert(flow.into(), apis);
    }

    /// What is locked for an api of a flow file.
    pub fn api(&self, flow: &str, api: &str) -> Option<&LockedApi> {
        self.flows.get(flow)?.get(api)
    }

    /// Holds a current document against the pin and this lock.
    pub fn compare(&self, wanted: Wanted<'_>, current: &Document) -> Comparison {
        if current.canonical_hash() == wanted.pin {
            return Comparison::Unchanged;
        }
        let Some(locked) = self.api(wanted.flow, wanted.api) else { return Comparison::Missing };
        if locked.canonical_hash != wanted.pin || locked.document != wanted.document {
            return Comparison::Mismatch;
        }
        if locked.identity != current.identity_text() {
            return Comparison::IdentityChanged;
        }
        let changed = locked.changed(wanted.used, current);
        if changed.is_empty() { Comparison::UnusedChanged } else { Comparison::SliceChanged(changed) }
    }
}

impl Used {
    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.schemas.is_empty()
    }

    /// This and more.
    pub fn add(&mut self, more: Used) {
        self.operations.extend(more.operations);
        self.schemas.extend(more.schemas);
    }

    /// The names of all of it.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.operations.iter().chain(&self.schemas)
    }
}

impl LockedApi {
    /// What of this use is not locked, or is not in a document as it is locked.
    pub fn changed(&self, used: &Used, current: &Document) -> Used {
        let same = |now: Option<Slice>, locked: Option<&Slice>| now.is_some() && now.as_ref() == locked;
        let mut changed = used.clone();
        changed.operations.retain(|key| !same(current.operation_slice(key), self.operations.get(key)));
        changed.schemas.retain(|name| !same(current.schema_slice(name), self.schemas.get(name)));
        changed
    }

    /// Whether it holds an operation or a schema of a name.
    pub fn has(&self, part: &str) -> bool {
        self.operations.contains_key(part) || self.schemas.contains_key(part)
    }

    /// What is locked, and in a document no more.
    pub fn gone(&self, current: &Document) -> Used {
        // An id that two operations share now is told where it is called.
        let gone = |key: &&String| current.operation(key).is_err() && current.duplicate(key).is_none();
        Used {
            operations: self.operations.keys().filter(gone).cloned().collect(),
            schemas: self
                .schemas
                .keys()
                .filter(|name| current.schema_slice(name).is_none())
                .cloned()
                .collect(),
        }
    }

    /// Whether it holds what another entry does. Their `raw_hash` may differ: of one document in other bytes (its layout,
    /// its comments, its own `spec_hash`) the entry of the pinning stays.
    pub fn holds(&self, other: &LockedApi) -> bool {
        let LockedApi { document, raw_hash: _, canonical_hash, identity, operations, schemas } = other;
        (document, canonical_hash, identity, operations, schemas)
            == (&self.document, &self.canonical_hash, &self.identity, &self.operations, &self.schemas)
    }

    /// In words, which fields of the identity a document has another value of now.
    pub fn identity_changes(&self, current: &Document) -> Vec<String> {
        let fields = |text: &str| -> BTreeMap<String, serde_json::Value> {
            serde_json::from_str(text).unwrap_or_default()
        };
        let shown = |value: Option<&serde_json::Value>| match value {
            None => "absent".to_owned(),
            Some(value) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("`{}`", text.chars().take(SHOWN).collect::<String>())
            }
        };
        let (before, now) = (fields(&self.identity), fields(&current.identity_text()));
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let changed = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
        changed
            .map(|name| {
                format!("`{name}` was {}, and is {} now", shown(before.get(name)), shown(now.get(name)))
            })
            .collect()
    }

    /// What is to be locked of a document: its hashes and the slices of what is used (all of it must exist).
    pub fn of(path: &str, document: &Document, used: &Used) -> Option<LockedApi> {
        let operations =
            used.operations.iter().map(|key| Some((key.clone(), document.operation_slice(key)?)));
        let schemas = used.schemas.iter().map(|name| Some((name.clone(), document.schema_slice(name)?)));
        Some(LockedApi {
            document: path.to_owned(),
            raw_hash: document.raw_hash(),
            canonical_hash: document.canonical_hash(),
            identity: document.identity_text(),
            operations: operations.collect::<Option<_>>()?,
            schemas: schemas.collect::<Option<_>>()?,
        })
    }
}

//! Pins: edits that write them, and the lock's new text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::Session;
use super::session::{file_name, lock_path};
use crate::base::{Digest, limits};
use crate::diagnostics::codes::documents::{IDENTITY_MISSING, SYNTAX};
use crate::diagnostics::codes::retry::UNREADABLE_STATEMENT;
use crate::diagnostics::{Diagnostic, Severity, Sink};
use crate::documents::{Comparison, Document, Lock, LockedApi, Used, Wanted};
use crate::hir::{Choice, Hir};
use crate::rules::LockState;
use crate::source::{ReadError, SourceMap, Span};

/// A replacement of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

/// How an api's pin stood before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinState {
    /// The same as the document.
    Current,
    /// It is the document's, but the lock does not hold it, or cannot be read.
    Unlocked,
    /// There was none.
    New,
    /// It was of another version, of which everything that the flow uses is the same: what `check` warns of.
    Stale,
    /// It was of another version.
    Changed,
}

/// What pinning a file comes to. Nothing is written: the caller does that.
#[derive(Debug)]
pub struct Pinned {
    /// Every text that was read.
    pub source_map: SourceMap,
    /// What stands in the way: the file or one of its documents cannot be read (then there are no edits); or what does not, and is asked for next: a document without identity, as a warning.
    pub diagnostics: Vec<Diagnostic>,
    /// By api: how its pin stood, and the document's canonical hash as it is now.
    pub apis: BTreeMap<String, (PinState, String)>,
    /// The same of the counterparties' statements, by api.
    pub statements: BTreeMap<String, (PinState, String)>,
    /// Edits of the flow's file, sorted, none overlapping.
    pub edits: Vec<Edit>,
    /// The flow file's new text.
    pub text: String,
    /// Where the lock belongs.
    pub lock_path: Utf8PathBuf,
    /// The lock's new text.
    pub lock: String,
    /// What the flow uses and is not what was locked: its uses as `` `api.operation` ``, and who answers as `` `x-ecz-id` of `api` ``.
    pub changed: Vec<String>,
    /// Whether pins and lock are as they would be written: the answer of `pin --check`.
    pub current: bool,
}

impl Pinned {
    /// Whether something stands in the way.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl Session<'_> {
    /// What has to be written so that every document of a file is pinned as it is now. Entries of other flow files in the
    /// lock are kept; an unreadable lock is written anew.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn pin(&self, path: &Utf8Path) -> Result<Pinned, ReadError> {
        let bytes = self.files.read(path, limits::FLOW_BYTES)?;
        let old = bytes.clone();
        let mut source_map = SourceMap::default();
        let mut sink = Sink::default();
        let flows = self.resolve(path, bytes, Choice::Every, &mut source_map, &mut sink).flows;
        let mut lock = match self.lock(path, Lock::read) {
            LockState::Read(lock) => lock,
            LockState::Missing | LockState::Unreadable { .. } => Lock::default(),
        };
        let (mut apis, mut statements) = (BTreeMap::new(), BTreeMap::new());
        let (mut edits, mut locked) = (Vec::new(), BTreeMap::new());
        let mut changed = Vec::new();
        if let Some(first) = flows.first() {
            for (name, api) in &first.apis {
                if let Some(statement) = &api.statement {
                    let digest = statement.pinned.digest;
                    let state = pin_of(statement.pin.as_ref(), statement.file_span, digest, &mut edits);
                    if state == PinState::Changed {
                        changed.push(format!("the statement about `{name}`"));
                    }
                    statements.insert(name.clone(), (state, digest.to_string()));
                }
                let Some(document) = &api.document else { continue };
                let hash = document.canonical_hash();
                let mut state = pin_of(api.pin.as_ref(), api.source_span, hash, &mut edits);
                let old = lock.api(file_name(path), name);
                let (mut used, mut gone) = (Used::default(), Used::default());
                for (own, lost) in flows.iter().map(|flow| flow.used_and_gone(name, old)) {
                    used.add(own);
                    gone.add(lost);
                }
                let changes = old.map(|old| changes(name, old, document, &used, &gone, sink.has_errors()));
                let mut entry = LockedApi::of(&api.path, document, &used);
                match state {
                    PinState::Current
                        if old.zip(entry.as_ref()).is_some_and(|(old, entry)| old.holds(entry)) =>
                    {
                        entry = old.cloned();
                    }
                    PinState::Current => state = PinState::Unlocked,
                    PinState::Changed => {
                        let pin = api.pin.as_ref().and_then(|(hex, _)| Digest::from_hex(hex).ok());
                        let (flow, used) = (file_name(path), &used);
                        let wanted = |pin| Wanted { flow, api: name, document: &api.path, pin, used };
                        let found = pin.map(|pin| lock.compare(wanted(pin), document));
                        if found == Some(Comparison::UnusedChanged)
                            && changes.as_ref().is_none_or(Vec::is_empty)
                        {
                            state = PinState::Stale;
                        }
                    }
                    _ => {}
                }
                changed.extend(changes.unwrap_or_default());
                apis.insert(name.clone(), (state, hash.to_string()));
                if let Some(entry) = entry {
                    locked.insert(name.clone(), entry);
                }
            }
        }
        edits.sort_by_key(|edit| edit.start);
        lock.set(file_name(path), locked);
        // What else is wrong with the flow does not keep its documents from being pinned.
        let unread = flows.iter().flat_map(|hir| hir.apis.values()).any(|api| api.document.is_none());
        let uncut = uncut(&flows);
        let failed = sink.has_errors() && (flows.is_empty() || unread || uncut);
        if failed {
            edits.clear();
        }
        let text = apply(&String::from_utf8_lossy(&old), &edits);
        let lock = lock.write();
        let lock_path = lock_path(path);
        let same_lock = self
            .files
            .read_regular(&lock_path, limits::DOCUMENT_BYTES)
            .is_ok_and(|old| old == lock.as_bytes());
        let current = !failed && edits.is_empty() && same_lock;
        Ok(Pinned {
            source_map,
            diagnostics: match failed {
                true if uncut && !unread => of_documents(sink),
                true => sink.into_sorted(),
                false => asked_for_next(sink),
            },
            apis,
            statements,
            edits,
            text,
            lock_path,
            lock,
            changed,
            current,
        })
    }
}

/// How a pin stands, and the edit that makes it the digest's. A missing one goes after what it pins.
fn pin_of(pin: Option<&(String, Span)>, pinned: Span, digest: Digest, edits: &mut Vec<Edit>) -> PinState {
    match pin {
        None => {
            edits.push(Edit { start: pinned.end, end: pinned.end, text: format!(" pinned {digest}") });
            PinState::New
        }
        Some((hex, _)) if *hex == digest.hex() => PinState::Current,
        Some((_, Span { start, end, .. })) => {
            edits.push(Edit { start: *start, end: *end, text: digest.to_string() });
            PinState::Changed
        }
    }
}

/// What keeps nobody from pinning, but would stop the next command with a surprise: documents without an identity,
/// statements that are none.
fn asked_for_next(sink: Sink) -> Vec<Diagnostic> {
    let known = [IDENTITY_MISSING.number, UNREADABLE_STATEMENT.number];
    let missing = |finding: &Diagnostic| known.contains(&finding.code.number);
    let mut found: Vec<Diagnostic> = sink.into_sorted().into_iter().filter(missing).collect();
    for finding in &mut found {
        finding.severity = Severity::Warning;
    }
    found
}

/// Whether a used operation cannot be read out of its document: then no lock can hold it.
fn uncut(flows: &[Arc<Hir>]) -> bool {
    flows.iter().any(|hir| {
        hir.flow.unbound.iter().any(|(api, operation)| {
            let document = hir.apis.get(api).and_then(|api| api.document.as_ref());
            document.is_some_and(|document| match document.operation(&operation.text) {
                Ok(entry) => document.view(entry).is_err(),
                Err(_) => document.duplicate(&operation.text).is_some(),
            })
        })
    })
}

/// The errors of documents: what else is wrong with the flow stands in no pin's way.
fn of_documents(sink: Sink) -> Vec<Diagnostic> {
    let document = |found: &Diagnostic| {
        found.severity == Severity::Error
            && (SYNTAX.number..IDENTITY_MISSING.number).contains(&found.code.number)
    };
    sink.into_sorted().into_iter().filter(document).collect()
}

/// What of an api's lock no longer holds and is used. A schema that is gone counts where the flow has errors: without one
/// none is left that names it.
fn changes(
    name: &str,
    old: &LockedApi,
    document: &Document,
    used: &Used,
    gone: &Used,
    errors: bool,
) -> Vec<String> {
    let mut changed = Vec::new();
    if old.identity != document.identity_text() {
        changed.push(format!("`x-ecz-id` of `{name}`"));
    }
    let differs = old.changed(used, document);
    let mut parts: BTreeSet<&String> = differs.names().filter(|part| old.has(part)).collect();
    parts.extend(&gone.operations);
    parts.extend(gone.schemas.iter().filter(|_| errors));
    changed.extend(parts.into_iter().map(|part| format!("`{name}.{part}`")));
    changed
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut result = String::with_capacity(text.len() + edits.len() * 80);
    let mut at = 0;
    for edit in edits {
        result.push_str(text.get(at..edit.start).unwrap_or_default());
        result.push_str(&edit.text);
        at = edit.end;
    }
    result.push_str(text.get(at..).unwrap_or_default());
    result
}

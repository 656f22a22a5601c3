//! What a changed document means for a flow: operation by operation, what changed, and what must be proven again.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::pin::Pinned;
use super::session::file_name;
use super::usage::{Usage, usage};
use super::{Compilation, Session};
use crate::base::Digest;
use crate::diagnostics::{Diagnostic, Severity};
use crate::documents::{Document, Lock, OperationView, Slice};
use crate::hir::{Hir, Node};
use crate::rules::LockState;
use crate::source::{Overlay, ReadError, SourceMap};

mod access;
mod fields;
mod words;
pub use fields::Change;

/// How an operation stands to what was pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing of it changed.
    Untouched,
    /// It changed, and every obligation of the flow holds with it as it is now.
    Compatible,
    /// The flow uses it since it was pinned.
    New,
    /// An obligation falls, or it is gone.
    Breaks,
}

/// An obligation that falls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fall {
    /// 1-based line of the flow's file.
    pub line: usize,
    /// The finding's code.
    pub code: &'static str,
    /// The finding's message.
    pub message: String,
}

/// An operation or a schema that the flow uses or used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartUpdate {
    /// How it stands.
    pub standing: Standing,
    /// What changed of where requests go, how they authenticate, and what requests and answers are made of.
    pub changes: Vec<Change>,
    /// Whether nothing but words changed: descriptions, summaries, titles, examples, tags, marks of deprecation.
    pub words_only: bool,
    /// What falls, in order of the lines.
    pub falls: Vec<Fall>,
}

/// An api of the flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUpdate {
    /// The pin in the lock; `None` where nothing was locked.
    pub from: Option<Digest>,
    /// The document's hash now.
    pub to: Digest,
    /// Whether its `x-ecz-id` names someone or something else: P4 and P5 at every call.
    pub identity_changed: bool,
    /// Its operations by key.
    pub operations: BTreeMap<String, PartUpdate>,
    /// Its schemas that types name, by name.
    pub schemas: BTreeMap<String, PartUpdate>,
}

impl ApiUpdate {
    /// Its operations, and its schemas that types name.
    pub fn parts(&self) -> impl Iterator<Item = &PartUpdate> {
        self.operations.values().chain(self.schemas.values())
    }
}

/// What pinning anew would mean. Nothing is written: the caller does that.
#[derive(Debug)]
pub struct Update {
    /// What would be written.
    pub pinned: Pinned,
    /// Why nothing can be compared, in words: no lock, or none about this file.
    pub unlocked: Option<String>,
    /// By api.
    pub apis: BTreeMap<String, ApiUpdate>,
    /// What else does not hold with the new documents, at no operation in particular.
    pub elsewhere: Vec<Fall>,
    /// The findings of a check with the new pins, and their texts.
    pub diagnostics: Vec<Diagnostic>,
    /// Every text that was read for it.
    pub source_map: SourceMap,
}

impl Update {
    /// Whether an obligation falls, or the other party changed.
    pub fn breaks(&self) -> bool {
        !self.elsewhere.is_empty()
            || self
                .apis
                .values()
                .any(|api| api.identity_changed || api.parts().any(|part| part.standing == Standing::Breaks))
    }
}

impl Session<'_> {
    /// What pinning a file's documents as they are now would mean for its flows: the lock's slices against those of the
    /// documents, and a check as if they were pinned already.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn update(&self, path: &Utf8Path) -> Result<Update, ReadError> {
        let pinned = self.pin(path)?;
        let lock = match self.lock(path, Lock::read) {
            LockState::Read(lock) if lock.flows.contains_key(file_name(path)) => Ok(lock),
            LockState::Read(_) => Err(format!("the lock has nothing about `{}`", file_name(path))),
            LockState::Missing => Err("there is no lock".to_owned()),
            LockState::Unreadable { reason, .. } => Err(reason),
        };
        let mut over = BTreeMap::new();
        over.insert(path.to_owned(), pinned.text.clone().into_bytes());
        over.insert(pinned.lock_path.clone(), pinned.lock.clone().into_bytes());
        let overlay = Overlay { under: self.files, over };
        let session = Session::new(&overlay).with_standard(self.standard.clone());
        let Compilation { source_map, diagnostics, checked, .. } = session.check(path, None)?;
        let flows: Vec<&Hir> = checked.iter().map(|checked| &*checked.hir).collect();
        let mut made = Update {
            pinned,
            unlocked: None,
            apis: BTreeMap::new(),
            elsewhere: Vec::new(),
            diagnostics: Vec::new(),
            source_map: SourceMap::default(),
        };
        match &lock {
            Ok(lock) => {
                let usages = usage(&flows);
                let none = BTreeMap::new();
                for (name, api) in flows.first().map_or(&none, |hir| &hir.apis) {
                    let Some(document) = &api.document else { continue };
                    let locked = lock.api(file_name(path), name);
                    let old = locked.map(|locked| &locked.operations);
                    let update = ApiUpdate {
                        from: locked.map(|locked| locked.canonical_hash),
                        to: document.canonical_hash(),
                        identity_changed: locked
                            .is_some_and(|locked| locked.identity != document.identity_text()),
                        operations: operations(name, old, document, &usages),
                        schemas: schemas(name, locked.map(|locked| &locked.schemas), document, &flows),
                    };
                    made.apis.insert(name.clone(), update);
                }
            }
            Err(reason) => made.unlocked = Some(reason.clone()),
        }
        let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
        for found in errors {
            attribute(found, &flows, &source_map, path, &mut made);
        }
        for api in made.apis.values_mut() {
            for part in api.operations.values_mut().chain(api.schemas.values_mut()) {
                part.falls.sort();
                part.falls.dedup();
            }
        }
        made.elsewhere.sort();
        made.elsewhere.dedup();
        made.diagnostics = diagnostics;
        made.source_map = source_map;
        Ok(made)
    }
}

fn operations(
    api: &str,
    old: Option<&BTreeMap<String, Slice>>,
    document: &Document,
    usages: &BTreeMap<(String, String), Usage>,
) -> BTreeMap<String, PartUpdate> {
    let used = usages.keys().filter(|(of, _)| of == api).map(|(_, key)| key);
    let keys: BTreeSet<&String> = old.into_iter().flat_map(BTreeMap::keys).chain(used).collect();
    let unused = Usage::default();
    let mut made = BTreeMap::new();
    for key in keys {
        let usage = usages.get(&(api.to_owned(), key.clone())).unwrap_or(&unused);
        let before = old.and_then(|old| old.get(key));
        let entry = document.operation(key).ok();
        let now = entry.and_then(|entry| document.slice(entry).ok());
        let mut words_only = false;
        let (standing, changes) = match (before, &now) {
            (Some(before), Some(now)) if before == now => (Standing::Untouched, Vec::new()),
            (Some(before), Some(now)) => {
                words_only = words::only(&before.text, &now.text);
                let view = |slice: &Slice| OperationView::from_slice(&slice.text).ok();
                let both = view(before).zip(view(now));
                let changes = both.map(|(before, now)| fields::changes(&before, &now, usage));
                let changes: Vec<Change> = changes.unwrap_or_default();
                let falls = changes.iter().any(|change| !change.breaks.is_empty());
                (if falls { Standing::Breaks } else { Standing::Compatible }, changes)
            }
            (None, Some(_)) => (Standing::New, Vec::new()),
            (_, None) => (Standing::Breaks, vec![Change::gone("operation")]),
        };
        made.insert(key.clone(), PartUpdate { standing, changes, words_only, falls: Vec::new() });
    }
    made
}

/// As of operations: the values of a schema come from outside, so all of it is used.
fn schemas(
    api: &str,
    old: Option<&BTreeMap<String, Slice>>,
    document: &Document,
    flows: &[&Hir],
) -> BTreeMap<String, PartUpdate> {
    let named = flows.iter().filter_map(|hir| hir.schemas.get(api)).flat_map(BTreeMap::keys);
    let names: BTreeSet<&String> = old.into_iter().flat_map(BTreeMap::keys).chain(named).collect();
    let standing = |name: &str| {
        let before = old.and_then(|old| old.get(name));
        let (standing, changes, words_only) = match (before, document.schema_slice(name)) {
            (Some(before), Some(now)) if *before == now => (Standing::Untouched, Vec::new(), false),
            (Some(before), Some(now)) => {
                let changes = fields::of_schema(&before.text, &now.text, name);
                (Standing::Compatible, changes, words::only(&before.text, &now.text))
            }
            (None, Some(_)) => (Standing::New, Vec::new(), false),
            (_, None) => (Standing::Breaks, vec![Change::gone("schema")], false),
        };
        PartUpdate { standing, changes, words_only, falls: Vec::new() }
    };
    names.into_iter().map(|name| (name.clone(), standing(name))).collect()
}

/// Puts a finding to the changed operations that its statement calls or takes data from, where there are none to the changed
/// schemas that types name; else it is told by itself.
fn attribute(found: &Diagnostic, flows: &[&Hir], sources: &SourceMap, path: &Utf8Path, update: &mut Update) {
    let Some(span) = found.labels.first().map(|label| label.span) else { return };
    let fall =
        Fall { line: sources.line_column(span).0, code: found.code.number, message: found.message.clone() };
    let mut put = false;
    let in_flow = sources.file(span.file).is_some_and(|file| file.name() == path.as_str());
    for hir in flows.iter().filter(|_| in_flow) {
        let mut holds: Vec<&Node> = Vec::new();
        hir.flow.body.each_node(&mut |node, _| {
            if node.written.start <= span.start && span.end <= node.written.end {
                holds.push(node);
            }
        });
        // The innermost statement: a loop holds those of its body.
        let Some(node) = holds.into_iter().min_by_key(|node| node.written.end - node.written.start) else {
            continue;
        };
        let mut names = super::usage::sources(hir, &node.id);
        names.insert(node.id.clone());
        for (other, _, call, _) in hir.flow.calls() {
            if !names.contains(&other.id) {
                continue;
            }
            let of_api = update.apis.get_mut(&call.api);
            let Some(operation) = of_api.and_then(|api| api.operations.get_mut(&call.operation)) else {
                continue;
            };
            if operation.standing != Standing::Untouched && operation.standing != Standing::New {
                operation.standing = Standing::Breaks;
                operation.falls.push(fall.clone());
                put = true;
            }
        }
    }
    // A call that could not be bound is no node.
    for (api, called) in flows.iter().filter(|_| in_flow).flat_map(|hir| &hir.flow.unbound) {
        let part = update.apis.get_mut(api).and_then(|api| api.operations.get_mut(&called.text));
        if let Some(part) =
            part.filter(|part| part.standing == Standing::Compatible || part.standing == Standing::Breaks)
            && called.span.start < span.end
            && span.start < called.span.end
        {
            part.standing = Standing::Breaks;
            part.falls.push(fall.clone());
            put = true;
        }
    }
    let changed = |part: &&mut PartUpdate| matches!(part.standing, Standing::Compatible | Standing::Breaks);
    let schemas = update.apis.values_mut().flat_map(|api| api.schemas.values_mut());
    for schema in schemas.filter(|_| in_flow && !put).filter(changed).collect::<Vec<_>>() {
        schema.standing = Standing::Breaks;
        schema.falls.push(fall.clone());
        put = true;
    }
    if !put {
        update.elsewhere.push(fall);
    }
}

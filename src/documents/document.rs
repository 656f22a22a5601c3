//! A document: read strictly, hashed, its operations listed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::families::{self, Heirs};
use super::json::shown;
use super::references::Reference;
use super::servers::ServerView;
use super::slice::{self, CutError, Slice, follow};
use super::tree::{Node, Tree};
use super::view::{Dialect, OperationView, ViewError};
use super::{json, operation, pointer, servers, yaml};
use crate::base::{Digest, Hasher, canonical_json, did_you_mean, limits};
use crate::diagnostics::{Diagnostic, Sink, codes::documents as codes};
use crate::source::{FileId, SourceMap, Span, Text};

/// An OpenAPI document (3.0, 3.1 or 3.2) that was read without an error. What its operations say is read where it is asked
/// for: what is wrong in one that nobody uses is no error.
#[derive(Debug, Clone)]
pub struct Document {
    file: FileId,
    tree: Arc<Tree>,
    dialect: Dialect,
    canonical_hash: Digest,
    operations: Vec<OperationEntry>,
    /// What was cut out so far, by the operation's pointer: rules ask for the same again.
    cuts: Arc<Mutex<BTreeMap<String, Arc<Value>>>>,
    heirs: Arc<OnceLock<Heirs>>,
    heirs_by_node: Arc<OnceLock<slice::HeirsByNode>>,
}

/// An operation in a document's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationEntry {
    /// What a flow calls it by: the `operationId`, else `METHOD /path`; also where another operation has the same id.
    pub key: String,
    /// `operationId`.
    pub operation_id: Option<String>,
    /// As it is sent: upper case, but for methods of the document's own (OpenAPI 3.2).
    pub method: String,
    /// The path template.
    pub path: String,
    /// JSON pointer of the operation.
    pub pointer: String,
    /// Where its method stands.
    pub span: Span,
}

/// A document has no operation of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no operation `{name}`")]
pub struct UnknownOperation {
    /// The name asked for.
    pub name: String,
    /// The name that may have been meant.
    pub suggestion: Option<String>,
    /// The names of all operations, in the order of the document's paths.
    pub known: Vec<String>,
}

/// Everything this room can say about some bytes: reads them, `x-ecz-id` and every operation, used or not.
pub fn check(bytes: &[u8], name: &str, sources: &mut SourceMap, sink: &mut Sink) -> Option<Document> {
    let document = Document::read(bytes, name, sources, sink)?;
    document.identity(sink);
    for entry in document.operations() {
        let again = entry.operation_id.as_deref().filter(|id| entry.key != *id);
        if let Some(finding) = again.and_then(|id| document.duplicate(id)) {
            sink.push(finding);
        }
        if let Err(finding) = document.view(entry) {
            sink.push(*finding);
        }
    }
    Some(document)
}

impl Document {
    /// Reads a document: JSON where the name ends in `.json`, YAML where it ends in `.yaml` or `.yml`, else JSON where
    /// it begins with a brace. Adds its text to the source map under `name`. `None` exactly where an error was reported.
    pub fn read(
        bytes: impl Into<Vec<u8>>,
        name: &str,
        sources: &mut SourceMap,
        sink: &mut Sink,
    ) -> Option<Document> {
        let tree = read_tree(bytes, name, sources, sink)?;
        let root = tree.root();
        if let Some(finding) = wrong_version(root) {
            sink.push(finding);
            return None;
        }
        let dialect = operation::dialect_of(root).ok()?;
        let (hash, operations) = (canonical_hash(root), list_operations(root, dialect));
        Some(Document::of_parts(tree, dialect, hash, operations))
    }

    pub(super) fn of_parts(
        tree: Tree,
        dialect: Dialect,
        canonical_hash: Digest,
        operations: Vec<OperationEntry>,
    ) -> Document {
        let file = tree.root().span().file;
        let (cuts, heirs, heirs_by_node) = (Arc::default(), Arc::default(), Arc::default());
        Document {
            file,
            dialect,
            canonical_hash,
            operations,
            tree: Arc::new(tree),
            cuts,
            heirs,
            heirs_by_node,
        }
    }

    /// The same document, of whose heirs this is known.
    pub(super) fn with_heirs(self, heirs: Heirs) -> Document {
        Document { heirs: Arc::new(OnceLock::from(heirs)), ..self }
    }

    /// What may stand for its schemas.
    pub(super) fn heirs(&self) -> &Heirs {
        self.heirs.get_or_init(|| families::heirs(self.root()))
    }

    fn heirs_by_node(&self) -> &slice::HeirsByNode {
        self.heirs_by_node.get_or_init(|| families::by_node(self.heirs(), self.root()))
    }

    /// The file in the source map.
    pub fn file(&self) -> FileId {
        self.file
    }

    pub(super) fn root(&self) -> Node<'_> {
        self.tree.root()
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The version of OpenAPI it follows.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A small document of one value and everything it refers to, each at its own pointer; `None` where there is no such
    /// value. The error is a finding at the place of a reference that leads nowhere.
    pub fn part(&self, json_pointer: &str) -> Result<Option<Arc<Value>>, Box<Diagnostic>> {
        if self.root().at(json_pointer).is_none() {
            return Ok(None);
        }
        let part = slice::cut_part(self.root(), self.heirs_by_node(), json_pointer)
            .map_err(|error| self.uncut(error))?;
        Ok(Some(Arc::new(part)))
    }

    /// The names of the members of the object at a JSON pointer, in the order of the text.
    pub fn names(&self, json_pointer: &str) -> Vec<&str> {
        let members = self.root().at(json_pointer).into_iter().flat_map(Node::members);
        members.filter_map(|(key, _)| key.as_str()).collect()
    }

    /// SHA-256 of the bytes.
    pub fn raw_hash(&self) -> Digest {
        Digest::of(self.tree.text())
    }

    /// `eczflow-c14n-1`: SHA-256 of the canonical text without `info.x-ecz-id.spec_hash`.
    pub fn canonical_hash(&self) -> Digest {
        self.canonical_hash
    }

    /// The canonical text of the whole document (RFC 8785).
    pub fn canonical_text(&self) -> String {
        let mut bytes = Vec::new();
        self.root().write_canonical(None, &mut |part| bytes.extend_from_slice(part));
        // Made of text and ASCII alone.
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// The canonical text of `info.x-ecz-id` without `spec_hash`; empty where there is none. What a lock keeps of it.
    pub fn identity_text(&self) -> String {
        let Some(identity) = self.root().at("/info/x-ecz-id") else { return String::new() };
        let mut identity = identity.to_value();
        if let Some(members) = identity.as_object_mut() {
            members.remove("spec_hash");
        }
        // Every number was read as one that has canonical text, so this does not fail.
        canonical_json(&identity).unwrap_or_default()
    }

    /// Where the value at a JSON pointer stands.
    pub fn span(&self, json_pointer: &str) -> Option<Span> {
        self.root().at(json_pointer).map(Node::span)
    }

    /// Where the value at a JSON pointer is named: its key where it is a member, else the value. Best for labels. A pointer
    /// into a slice leads through references.
    pub fn place(&self, json_pointer: &str) -> Option<Span> {
        let tokens = pointer::tokens(json_pointer)?;
        let mut place = self.root().span();
        let mut at = self.root();
        for token in &tokens {
            if at.child(token).is_none()
                && let Some(text) = at.get("$ref").and_then(Node::as_str)
                && let Reference::Local(target) = super::local_reference(text)
            {
                at = follow(self.root(), &target)?.1;
            }
            let key = at.member(token).map(|(key, _)| key.span());
            at = at.child(token)?;
            place = key.unwrap_or_else(|| at.span());
        }
        Some(place)
    }

    /// The operations, in the order of the text.
    pub fn operations(&self) -> &[OperationEntry] {
        &self.operations
    }

    /// The operation of an `operationId`, or of `METHOD /path`.
    pub fn operation(&self, name: &str) -> Result<&OperationEntry, UnknownOperation> {
        let route = |entry: &&OperationEntry| {
            name.split_once(' ').is_some_and(|(method, path)| entry.method == method && entry.path == path)
        };
        let found = self.operations.iter().find(|entry| entry.key == name);
        found.or_else(|| self.operations.iter().find(route)).ok_or_else(|| {
            let known: Vec<String> = self.operations.iter().map(|entry| entry.key.clone()).collect();
            let suggestion = did_you_mean(name, known.iter().map(String::as_str)).map(str::to_owned);
            UnknownOperation { name: name.to_owned(), suggestion, known }
        })
    }

    /// The finding that an id is that of several operations; `None` where it is not.
    pub fn duplicate(&self, operation_id: &str) -> Option<Diagnostic> {
        let same = self.operations.iter().filter(|entry| entry.operation_id.as_deref() == Some(operation_id));
        let same: Vec<&OperationEntry> = same.collect();
        let [first, second, ..] = same.as_slice() else { return None };
        let at = |entry: &OperationEntry| {
            self.span(&pointer::join(&entry.pointer, "operationId")).unwrap_or(entry.span)
        };
        let message = format!("two operations have the operationId `{}`", shown(operation_id));
        let routes: Vec<String> =
            same.iter().take(4).map(|entry| format!("`{} {}`", entry.method, shown(&entry.path))).collect();
        Some(
            Diagnostic::new(&codes::DUPLICATE_OPERATION, at(second), message)
                .and(at(first), "first here")
                .help(format!("call it by method and path: {}", routes.join(" or "))),
        )
    }

    /// What an operation says. The error is a finding at its place.
    pub fn view(&self, entry: &OperationEntry) -> Result<OperationView, Box<Diagnostic>> {
        operation::read(&self.cut(entry)?, &entry.method, &entry.path).map_err(|error| self.malformed(&error))
    }

    /// The slice of an operation. The error is a finding at its place.
    pub fn slice(&self, entry: &OperationEntry) -> Result<Slice, Box<Diagnostic>> {
        Slice::of_value(self.cut(entry)?.as_ref()).map_err(|error| self.malformed(&error))
    }

    /// The document's own servers.
    pub fn servers(&self) -> Vec<ServerView> {
        self.root().get("servers").map_or(Vec::new(), |given| servers::read(&given.to_value(), "/servers"))
    }

    fn cut(&self, entry: &OperationEntry) -> Result<Arc<Value>, Box<Diagnostic>> {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cut) = cuts.get(&entry.pointer) {
            return Ok(Arc::clone(cut));
        }
        let cut = slice::cut(self.root(), self.heirs_by_node(), &entry.method, &entry.path)
            .map_err(|error| self.uncut(error))?;
        let cut = Arc::new(cut);
        cuts.insert(entry.pointer.clone(), Arc::clone(&cut));
        Ok(cut)
    }

    fn uncut(&self, error: CutError<'_>) -> Box<Diagnostic> {
        let (found, reference) = match error {
            CutError::View(error) => return self.malformed(&error),
            CutError::Reference(found, reference) => (found, reference),
        };
        let (span, text) = (found.node.span(), shown(found.text));
        Box::new(match reference {
            Reference::Local(_) => {
                let message = format!("`{text}` leads nowhere in this document");
                let finding = Diagnostic::new(&codes::DANGLING_REFERENCE, span, message);
                let siblings = found.text.strip_prefix('#').and_then(|at| at.rsplit_once('/'));
                let near = siblings.and_then(|(around, name)| {
                    let node = self.root().at(around)?;
                    let known: Vec<&str> = node.members().filter_map(|(key, _)| key.as_str()).collect();
                    did_you_mean(name, known.iter().copied()).map(|near| format!("#{around}/{near}"))
                });
                finding.help(match near {
                    Some(near) => format!("did you mean `{}`?", shown(&near)),
                    None => "correct the pointer; inside it `~` is written `~0` and `/` is written `~1`"
                        .to_owned(),
                })
            }
            Reference::Other => {
                let message = format!("`{text}` is not the JSON pointer of a part of this document");
                Diagnostic::new(&codes::DANGLING_REFERENCE, span, message)
                    .help("write `#/` and the way to it, such as `#/components/schemas/Ticket`")
            }
            Reference::External => {
                let message = format!("`{text}` refers to another file");
                Diagnostic::new(&codes::EXTERNAL_REFERENCE, span, message)
                    .note("a pin covers one file, so what it refers to could change unseen")
                    .help("bundle it into one file with `eczflow vendor`")
            }
        })
    }

    /// A finding about an operation, at the place nearest to the pointer of the error.
    fn malformed(&self, error: &ViewError) -> Box<Diagnostic> {
        let mut at = error.pointer.as_str();
        let span = loop {
            match (self.place(at), at.rsplit_once('/')) {
                (Some(span), _) => break span,
                (None, Some((parent, _))) => at = parent,
                (None, None) => break self.root().span(),
            }
        };
        let place =
            shown(error.pointer.rsplit('/').next().unwrap_or("")).replace("~1", "/").replace("~0", "~");
        Box::new(
            Diagnostic::new(&codes::MALFORMED_OPERATION, span, format!("`{place}` {}", error.reason))
                .help("mend the document here, or ask its publisher to; what no flow calls is not looked at"),
        )
    }
}

/// Every operation that has a place in the document, well-formed or not.
fn list_operations(root: Node<'_>, dialect: Dialect) -> Vec<OperationEntry> {
    let mut operations: Vec<OperationEntry> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    let paths = root.get("paths").into_iter().flat_map(Node::members);
    for (key, item) in paths {
        let Some(path) = key.as_str().filter(|path| !path.starts_with("x-")) else { continue };
        let mut at = pointer::join("/paths", path);
        let mut item = item;
        if item.get("$ref").is_some() {
            let Some((target_at, target)) = follow(root, &at) else { continue };
            (at, item) = (target_at, target);
        }
        let mut found: Vec<(String, Node<'_>, Node<'_>)> = Vec::new();
        for (name, value) in item.members() {
            let Some(name) = name.as_str().map(|text| (text, name)) else { continue };
            match name {
                (text, key) if operation::is_method(text, dialect) && value.is_object() => {
                    found.push((text.to_ascii_uppercase(), key, value));
                }
                (operation::ADDITIONAL, _) if dialect >= Dialect::V32 => {
                    let others = value.members().filter(|(_, value)| value.is_object());
                    found.extend(
                        others.filter_map(|(key, value)| Some((key.as_str()?.to_owned(), key, value))),
                    );
                }
                _ => {}
            }
        }
        for (method, key, value) in found {
            let operation_id = value.get("operationId").and_then(Node::as_str);
            if let Some(id) = operation_id {
                *by_id.entry(id).or_default() += 1;
            }
            let member = operation::member_of(&method, dialect);
            operations.push(OperationEntry {
                key: String::new(),
                operation_id: operation_id.map(str::to_owned),
                pointer: member.iter().fold(at.clone(), |at, token| pointer::join(&at, token)),
                method,
                path: path.to_owned(),
                span: key.span(),
            });
        }
    }
    for entry in &mut operations {
        let unique = entry.operation_id.clone().filter(|id| by_id.get(id.as_str()) == Some(&1));
        entry.key = unique.unwrap_or_else(|| format!("{} {}", entry.method, entry.path));
    }
    operations
}

fn canonical_hash(root: Node<'_>) -> Digest {
    let identity = root.at("/info/x-ecz-id").filter(|identity| identity.is_object());
    let itself = identity.and_then(|identity| identity.member("spec_hash")).map(|(key, _)| key);
    let mut hasher = Hasher::default();
    let mut buffer: Vec<u8> = Vec::with_capacity(HASHED_AT_ONCE * 2);
    root.write_canonical(itself, &mut |part| {
        buffer.extend_from_slice(part);
        if buffer.len() >= HASHED_AT_ONCE {
            hasher.update(&buffer);
            buffer.clear();
        }
    });
    hasher.update(&buffer);
    hasher.digest()
}

/// Bytes that are gathered before they are hashed.
const HASHED_AT_ONCE: usize = 16 << 10;

fn wrong_version(root: Node<'_>) -> Option<Diagnostic> {
    let Some(version) = root.get("openapi") else {
        let (message, span) = match root.member("swagger") {
            Some((key, _)) => ("this is a Swagger 2 document", key.span()),
            None => {
                ("this document has no `openapi` version", Span { end: root.span().start, ..root.span() })
            }
        };
        let finding = Diagnostic::new(&codes::VERSION, span, message);
        return Some(finding.help("OpenAPI 3.0, 3.1 and 3.2 are read: convert the document"));
    };
    let Some(text) = version.as_str() else {
        let message = format!("`openapi` is a string, not {}", version.kind());
        let finding = Diagnostic::new(&codes::VERSION, version.span(), message);
        return Some(finding.help("put the version in quotes, such as `'3.1.1'`"));
    };
    if Dialect::of(text).is_some() {
        return None;
    }
    let message = format!("`{}` is no version of OpenAPI that is read", shown(text));
    let finding = Diagnostic::new(&codes::VERSION, version.span(), message);
    Some(finding.help("write the document in OpenAPI 3.0, 3.1 or 3.2, such as `3.1.1`"))
}

fn is_named(name: &str, ending: &str) -> bool {
    let start = name.len().checked_sub(ending.len());
    start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// Whether a document of this name is read as YAML whatever it begins with.
pub(super) fn is_named_yaml(name: &str) -> bool {
    is_named(name, ".yaml") || is_named(name, ".yml")
}

pub(super) fn read_tree(
    bytes: impl Into<Vec<u8>>,
    name: &str,
    sources: &mut SourceMap,
    sink: &mut Sink,
) -> Option<Tree> {
    let bytes = bytes.into();
    if bytes.len() > limits::DOCUMENT_BYTES {
        let file = sources.add(name, "");
        let message = format!("this document is larger than {} bytes", limits::DOCUMENT_BYTES);
        sink.push(Diagnostic::new(&codes::SYNTAX, Span::new(file, 0, 0), message));
        return None;
    }
    let text: Text = match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => {
            // What is valid before the place stays as it is, so that the place fits the text that is shown.
            let file = sources.add(name, String::from_utf8_lossy(error.as_bytes()).into_owned());
            let at = error.utf8_error().valid_up_to();
            let span = Span::new(file, at, at + char::REPLACEMENT_CHARACTER.len_utf8());
            sink.push(Diagnostic::new(&codes::ENCODING, span, "these bytes are not UTF-8"));
            return None;
        }
    };
    let file = sources.add(name, text.clone());
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        let span = Span::new(file, 0, text.len() - rest.len());
        let finding = Diagnostic::new(&codes::ENCODING, span, "this document begins with a byte-order mark");
        sink.push(finding.help("save it as UTF-8 without one"));
        return None;
    }
    let (json, yaml) = (is_named(name, ".json"), is_named_yaml(name));
    let braced = text.trim_start().starts_with('{');
    if text.trim().is_empty() {
        let finding = Diagnostic::new(&codes::SYNTAX, Span::new(file, 0, 0), "this document is empty");
        sink.push(finding.help("an OpenAPI document begins with its version: `openapi: 3.1.0`, or `{\"openapi\": \"3.1.0\"` in JSON"));
        return None;
    }
    let of_yaml = |line: &str| line.starts_with("openapi:") || line.starts_with("swagger:");
    if json && !braced && text.lines().any(of_yaml) {
        let finding = Diagnostic::new(&codes::SYNTAX, Span::new(file, 0, 0), "expected JSON, found YAML");
        sink.push(finding.help("this looks like YAML: name it `.yaml`"));
        return None;
    }
    let tree = if json || (!yaml && braced) {
        json::read(&text, file, sink)?
    } else {
        yaml::read(&text, file, sink)?
    };
    let root = tree.root();
    if !root.is_object() {
        let message = format!("an OpenAPI document is an object, not {}", root.kind());
        sink.push(Diagnostic::new(&codes::VERSION, root.span(), message));
        return None;
    }
    Some(tree)
}

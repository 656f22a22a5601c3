//! A document: read strictly, hashed, its operations listed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::json::shown;
use super::node::Node;
use super::references::{Reference, each_reference, local_reference};
use super::servers::ServerView;
use super::slice::{self, Slice, path_item};
use super::view::{Dialect, OperationView, ViewError};
use super::{json, operation, pointer, yaml};
use crate::base::{Digest, canonical_json, did_you_mean, limits};
use crate::diagnostics::{Diagnostic, Sink, codes::documents as codes};
use crate::source::{FileId, SourceMap, Span};

/// An OpenAPI 3.1 document that was read without an error.
#[derive(Debug, Clone)]
pub struct Document {
    file: FileId,
    node: Node,
    value: Arc<Value>,
    raw_hash: Digest,
    canonical_hash: Digest,
    operations: Vec<OperationEntry>,
}

/// An operation in a document's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationEntry {
    /// What a flow calls it by: the `operationId`, else `METHOD /path`.
    pub key: String,
    /// `operationId`.
    pub operation_id: Option<String>,
    /// Upper case.
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

/// Everything this room can say about some bytes: reads them, `x-ecz-id` and every operation.
pub fn check(bytes: &[u8], name: &str, sources: &mut SourceMap, sink: &mut Sink) -> Option<Document> {
    let document = Document::read(bytes, name, sources, sink)?;
    document.identity(sink);
    for entry in document.operations() {
        if let Err(finding) = document.view(entry) {
            sink.push(*finding);
        }
    }
    Some(document)
}

impl Document {
    /// Reads a document: JSON where the name ends in `.json`, YAML where it ends in `.yaml` or `.yml`, else JSON where
    /// it begins with a brace. Adds its text to the source map under `name`. `None` exactly where an error was reported.
    pub fn read(bytes: &[u8], name: &str, sources: &mut SourceMap, sink: &mut Sink) -> Option<Document> {
        let (file, node) = read_tree(bytes, name, sources, sink)?;
        let mut findings = Vec::new();
        check_version(&node, &mut findings);
        let value = Arc::new(node.to_value());
        let mut document = Document {
            file,
            raw_hash: Digest::of(bytes),
            canonical_hash: canonical_hash(&value)?,
            operations: Vec::new(),
            node,
            value,
        };
        // The rest judges by the rules of 3.1 and would only confuse the author of anything else.
        if findings.is_empty() {
            document.check_references(&mut findings);
            document.list_operations(&mut findings);
        }
        let failed = !findings.is_empty();
        findings.into_iter().for_each(|finding| sink.push(finding));
        (!failed).then_some(document)
    }

    /// The file in the source map.
    pub fn file(&self) -> FileId {
        self.file
    }

    /// The tree with places.
    pub fn root(&self) -> &Node {
        &self.node
    }

    /// The tree without places.
    pub fn value(&self) -> &Arc<Value> {
        &self.value
    }

    /// SHA-256 of the bytes.
    pub fn raw_hash(&self) -> Digest {
        self.raw_hash
    }

    /// `eczflow-c14n-1`: SHA-256 of the canonical text without `info.x-ecz-id.spec_hash`.
    pub fn canonical_hash(&self) -> Digest {
        self.canonical_hash
    }

    /// The canonical text of `info.x-ecz-id` without `spec_hash`; empty where there is none. What a lock keeps of it.
    pub fn identity_text(&self) -> String {
        let identity = self.value.pointer("/info/x-ecz-id").cloned();
        let Some(mut identity) = identity else { return String::new() };
        if let Some(members) = identity.as_object_mut() {
            members.remove("spec_hash");
        }
        // Every number was read as one that has canonical text, so this does not fail.
        canonical_json(&identity).unwrap_or_default()
    }

    /// Where the value at a JSON pointer stands.
    pub fn span(&self, json_pointer: &str) -> Option<Span> {
        self.node.at(json_pointer).map(|node| node.span)
    }

    /// Where the value at a JSON pointer is named: its key where it is a member, else the value. Best for labels.
    pub fn place(&self, json_pointer: &str) -> Option<Span> {
        self.node.place(json_pointer)
    }

    /// The operations, sorted by path.
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

    /// What an operation says. The error is a finding at its place.
    pub fn view(&self, entry: &OperationEntry) -> Result<OperationView, Box<Diagnostic>> {
        operation::read(&self.value, &entry.method, &entry.path).map_err(|error| self.malformed(error))
    }

    /// The slice of an operation. The error is a finding at its place.
    pub fn slice(&self, entry: &OperationEntry) -> Result<Slice, Box<Diagnostic>> {
        slice::cut(&self.value, &entry.method, &entry.path).map_err(|error| self.malformed(error))
    }

    /// The document's own servers.
    pub fn servers(&self) -> Vec<ServerView> {
        operation::document_servers(&self.value)
    }

    /// A finding about an operation, at the place nearest to the pointer of the error.
    fn malformed(&self, error: ViewError) -> Box<Diagnostic> {
        let mut at = error.pointer.as_str();
        let span = loop {
            match (self.place(at), at.rsplit_once('/')) {
                (Some(span), _) => break span,
                (None, Some((parent, _))) => at = parent,
                (None, None) => break self.node.span,
            }
        };
        let place =
            shown(error.pointer.rsplit('/').next().unwrap_or("")).replace("~1", "/").replace("~0", "~");
        Box::new(Diagnostic::new(&codes::MALFORMED_OPERATION, span, format!("`{place}` {}", error.reason)))
    }

    fn check_references(&self, findings: &mut Vec<Diagnostic>) {
        each_reference(&self.value, "", false, &mut |at, text| {
            let span = self.span(at).unwrap_or(self.node.span);
            let finding = match local_reference(text) {
                Reference::Local(target) if self.value.pointer(&target).is_some() => return,
                Reference::Local(_) => {
                    let message = format!("`{}` leads nowhere in this document", shown(text));
                    Diagnostic::new(&codes::DANGLING_REFERENCE, span, message)
                }
                Reference::Other => {
                    let message =
                        format!("`{}` is not the JSON pointer of a part of this document", shown(text));
                    Diagnostic::new(&codes::DANGLING_REFERENCE, span, message)
                        .help("write `#/` and the way to it, such as `#/components/schemas/Ticket`")
                }
                Reference::External => {
                    let message = format!("`{}` refers to another file", shown(text));
                    Diagnostic::new(&codes::EXTERNAL_REFERENCE, span, message)
                        .note("a pin covers one file, so what it refers to could change unseen")
                        .help("bundle the document into one file first")
                }
            };
            findings.push(finding);
        });
    }

    fn list_operations(&mut self, findings: &mut Vec<Diagnostic>) {
        let mut by_id: BTreeMap<String, Span> = BTreeMap::new();
        let empty = Map::new();
        let paths = match self.value.get("paths") {
            None => &empty,
            Some(Value::Object(paths)) => paths,
            Some(_) => {
                findings.push(*self.malformed(ViewError::new("/paths", "is not an object")));
                &empty
            }
        };
        for path in paths.keys().filter(|path| !path.starts_with("x-")) {
            let at = pointer::join("/paths", path);
            let item = match path_item(&self.value, path) {
                _ if !path.starts_with('/') => Err(ViewError::new(&at, "does not begin with `/`")),
                Ok((_, item)) if !item.is_object() => Err(ViewError::new(&at, "is not an object")),
                item => item,
            };
            let (item_at, item) = match item {
                Ok(item) => item,
                Err(error) => {
                    findings.push(*self.malformed(error));
                    continue;
                }
            };
            let dialect = operation::dialect(&self.value).unwrap_or(Dialect::V31);
            let additional = item.get(operation::ADDITIONAL).filter(|_| dialect >= Dialect::V32);
            let additional = additional.and_then(Value::as_object).into_iter().flat_map(Map::keys);
            let query = (dialect >= Dialect::V32).then_some("query");
            let fixed = operation::METHODS.into_iter().chain(query).map(str::to_ascii_uppercase);
            for method in fixed.chain(additional.cloned()).collect::<Vec<_>>() {
                let member = operation::member_of(&method, dialect);
                let Some(operation) = member.iter().try_fold(item, |at, token| at.get(token)) else {
                    continue;
                };
                let pointer = member.iter().fold(item_at.clone(), |at, token| pointer::join(&at, token));
                let span = self.node.place(&pointer).unwrap_or(self.node.span);
                let operation_id = operation.get("operationId").and_then(Value::as_str).map(str::to_owned);
                if let Some(id) = &operation_id {
                    let at = self.span(&pointer::join(&pointer, "operationId")).unwrap_or(span);
                    if let Some(first) = by_id.get(id) {
                        let message = format!("two operations have the operationId `{}`", shown(id));
                        let finding = Diagnostic::new(&codes::DUPLICATE_OPERATION, at, message);
                        findings.push(finding.and(*first, "first here"));
                        continue;
                    }
                    by_id.insert(id.clone(), at);
                }
                let key = operation_id.clone().unwrap_or_else(|| format!("{method} {path}"));
                self.operations.push(OperationEntry {
                    key,
                    operation_id,
                    method,
                    path: path.clone(),
                    pointer,
                    span,
                });
            }
        }
    }
}

fn canonical_hash(value: &Value) -> Option<Digest> {
    let mut value = value.clone();
    if let Some(identity) = value.pointer_mut("/info/x-ecz-id").and_then(Value::as_object_mut) {
        identity.remove("spec_hash");
    }
    // Every number was read as one that has canonical text, so this does not fail.
    canonical_json(&value).ok().map(Digest::of)
}

fn check_version(node: &Node, findings: &mut Vec<Diagnostic>) {
    let Some(version) = node.get("openapi") else {
        let swagger = node.get("swagger").is_some();
        let message =
            if swagger { "this is a Swagger 2 document" } else { "this document has no `openapi` version" };
        let span = node.place("/swagger").unwrap_or(Span { end: node.span.start, ..node.span });
        findings.push(
            Diagnostic::new(&codes::VERSION, span, message)
                .help("OpenAPI 3.0, 3.1 and 3.2 are read: convert the document"),
        );
        return;
    };
    let Some(text) = version.as_str() else {
        let message = format!("`openapi` is a string, not {}", version.kind());
        let finding = Diagnostic::new(&codes::VERSION, version.span, message);
        findings.push(finding.help("put the version in quotes, such as `'3.1.1'`"));
        return;
    };
    if Dialect::of(text).is_none() {
        let message = format!("`{}` is no version of OpenAPI that is read", shown(text));
        let finding = Diagnostic::new(&codes::VERSION, version.span, message);
        findings.push(finding.help("write the document in OpenAPI 3.0, 3.1 or 3.2, such as `3.1.1`"));
    }
}

fn read_tree(bytes: &[u8], name: &str, sources: &mut SourceMap, sink: &mut Sink) -> Option<(FileId, Node)> {
    if bytes.len() > limits::DOCUMENT_BYTES {
        let file = sources.add(name, "");
        let message = format!("this document is larger than {} bytes", limits::DOCUMENT_BYTES);
        sink.push(Diagnostic::new(&codes::SYNTAX, Span::new(file, 0, 0), message));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            // What is valid before the place stays as it is, so that the place fits the text that is shown.
            let file = sources.add(name, String::from_utf8_lossy(bytes));
            let at = error.valid_up_to();
            let span = Span::new(file, at, at + char::REPLACEMENT_CHARACTER.len_utf8());
            sink.push(Diagnostic::new(&codes::ENCODING, span, "these bytes are not UTF-8"));
            return None;
        }
    };
    let file = sources.add(name, text);
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        let span = Span::new(file, 0, text.len() - rest.len());
        let finding = Diagnostic::new(&codes::ENCODING, span, "this document begins with a byte-order mark");
        sink.push(finding.help("save it as UTF-8 without one"));
        return None;
    }
    let ends = |ending: &str| name.len() >= ending.len() && name.to_ascii_lowercase().ends_with(ending);
    let yaml = ends(".yaml") || ends(".yml");
    let node = if ends(".json") || (!yaml && text.trim_start().starts_with('{')) {
        json::read(text, file, sink)?
    } else {
        yaml::read(text, file, sink)?
    };
    if node.members().is_none() {
        let message = format!("an OpenAPI document is an object, not {}", node.kind());
        sink.push(Diagnostic::new(&codes::VERSION, node.span, message));
        return None;
    }
    Some((file, node))
}

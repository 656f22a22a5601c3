//! References into other files become references to components of the one document, named after their source.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::mend;
use super::{MOST_BYTES, MOST_FILES, MOST_HOPS, MOST_VALUES, ReadSource};
use crate::base::{Digest, limits};
use crate::diagnostics::codes::documents as codes;
use crate::diagnostics::{Code, Diagnostic, Sink};
use crate::documents::json::shown;
use crate::documents::pointer;
use crate::documents::tree::Tree;
use crate::source::SourceMap;

pub(super) struct Bundled {
    pub(super) root: Value,
    pub(super) sources: Vec<(String, Digest)>,
    pub(super) notes: Vec<String>,
}

/// What kind of value stands somewhere: which components it can become one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A value of this kind.
    Of(&'static str),
    /// An object whose members are of this kind.
    Named(&'static str),
    /// Data, where `$ref` means nothing.
    Data,
}

const SCHEMAS: &str = "schemas";
const PATH_ITEMS: &str = "pathItems";
const CALLBACKS: &str = "callbacks";

/// A part of a file, to become a component.
type Part = (usize, String, &'static str);

struct File {
    name: String,
    value: Value,
    tree: Tree,
    /// References from file to file that lead to it.
    hops: usize,
}

struct Bundling<'b, 'r> {
    read: &'b mut ReadSource<'r>,
    sources: &'b mut SourceMap,
    sink: &'b mut Sink,
    files: Vec<File>,
    by_name: BTreeMap<String, usize>,
    bytes: usize,
    hashes: Vec<(String, Digest)>,
    notes: Vec<String>,
    taken: BTreeMap<&'static str, BTreeSet<String>>,
    names: BTreeMap<Part, String>,
    queue: VecDeque<(Part, String)>,
    /// Values and bytes of text that may still be copied into the one document.
    room: Room,
    failed: bool,
}

/// What the parts of the one document may take together.
struct Room {
    values: usize,
    bytes: usize,
    /// Something had no room: told once, and nothing more is copied.
    exceeded: bool,
}

impl Room {
    /// Takes what a value needs; false where that is not left, and from then on.
    fn take(&mut self, value: &Value) -> bool {
        let mut pending = vec![value];
        while let Some(next) = pending.pop() {
            let bytes = match next {
                Value::String(text) => text.len(),
                Value::Array(items) => {
                    pending.extend(items);
                    0
                }
                Value::Object(members) => {
                    pending.extend(members.values());
                    members.keys().map(String::len).sum()
                }
                _ => 0,
            };
            match (self.values.checked_sub(1), self.bytes.checked_sub(bytes)) {
                (Some(values), Some(bytes)) => (self.values, self.bytes) = (values, bytes),
                _ => {
                    self.exceeded = true;
                    return false;
                }
            }
        }
        true
    }
}

pub(super) fn bundle(
    name: &str,
    read: &mut ReadSource<'_>,
    sources: &mut SourceMap,
    sink: &mut Sink,
) -> Option<Bundled> {
    let mut bundling = Bundling {
        read,
        sources,
        sink,
        files: Vec::new(),
        by_name: BTreeMap::new(),
        bytes: 0,
        hashes: Vec::new(),
        notes: Vec::new(),
        taken: BTreeMap::new(),
        names: BTreeMap::new(),
        queue: VecDeque::new(),
        room: Room { values: MOST_VALUES, bytes: limits::DOCUMENT_BYTES, exceeded: false },
        failed: false,
    };
    if let Err(reason) = bundling.load(name, 0) {
        // The reader of the file has told the rest with its place.
        if let Some(reason) = reason {
            let file = bundling.sources.add(name, "");
            let span = crate::source::Span::new(file, 0, 0);
            bundling.sink.push(Diagnostic::new(&codes::SYNTAX, span, reason));
        }
        return None;
    }
    let mut root = bundling.files.first()?.value.clone();
    for kind in KINDS {
        let own = root.pointer(&format!("/components/{kind}")).and_then(Value::as_object);
        bundling.taken.insert(kind, own.into_iter().flat_map(Map::keys).cloned().collect());
    }
    bundling.walk(&mut root, 0, Place::Of("document"), "", 0);
    let mut added: BTreeMap<&'static str, Map<String, Value>> = BTreeMap::new();
    while let Some(((file, at, kind), name)) = bundling.queue.pop_front() {
        // Parts within one another are each copied whole.
        let Some(mut value) = bundling.copy(file, &at, file, &at) else { continue };
        bundling.walk(&mut value, file, Place::Of(kind), &at, 0);
        added.entry(kind).or_default().insert(name, value);
    }
    if bundling.failed {
        return None;
    }
    for (kind, members) in added {
        let components =
            root.as_object_mut()?.entry("components").or_insert_with(|| Value::Object(Map::new()));
        let of_kind = components.as_object_mut()?.entry(kind).or_insert_with(|| Value::Object(Map::new()));
        of_kind.as_object_mut()?.extend(members);
    }
    Some(Bundled { root, sources: bundling.hashes, notes: bundling.notes })
}

const KINDS: [&str; 9] = [
    SCHEMAS,
    "responses",
    "parameters",
    "examples",
    "requestBodies",
    "headers",
    "securitySchemes",
    "links",
    CALLBACKS,
];

/// What stands under a key of a value of some kind.
fn below(kind: &'static str, key: &str, member: &Value) -> Place {
    match key {
        "example" | "default" | "const" | "enum" | "value" => Place::Data,
        _ if key.starts_with("x-") => Place::Data,
        "examples" if member.is_array() => Place::Data,
        "parameters" if member.is_array() => Place::Of("parameters"),
        "examples" => Place::Named("examples"),
        "parameters" => Place::Named("parameters"),
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" | "schemas" => {
            Place::Named(SCHEMAS)
        }
        "responses" => Place::Named("responses"),
        "requestBodies" => Place::Named("requestBodies"),
        "requestBody" => Place::Of("requestBodies"),
        "headers" => Place::Named("headers"),
        "securitySchemes" => Place::Named("securitySchemes"),
        "links" => Place::Named("links"),
        "callbacks" => Place::Named(CALLBACKS),
        "paths" | "webhooks" | "pathItems" => Place::Named(PATH_ITEMS),
        "content" | "encoding" | "variables" | "additionalOperations" => Place::Named("other"),
        // The members of a callback are expressions with path items.
        _ if kind == CALLBACKS => Place::Of(PATH_ITEMS),
        _ => Place::Of(SCHEMAS),
    }
}

impl Bundling<'_, '_> {
    /// Reads a file once. The error is in words, or was told already.
    fn load(&mut self, name: &str, hops: usize) -> Result<usize, Option<String>> {
        if let Some(known) = self.by_name.get(name) {
            return Ok(*known);
        }
        if self.files.len() >= MOST_FILES {
            return Err(Some(format!("there are more than {MOST_FILES} files")));
        }
        if hops > MOST_HOPS {
            return Err(Some(format!("it is more than {MOST_HOPS} files away from the document")));
        }
        let bytes = (self.read)(name).map_err(Some)?;
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > MOST_BYTES {
            return Err(Some(format!("the files are larger than {MOST_BYTES} bytes together")));
        }
        let mended = mend::read(&bytes, name, self.sources, self.sink).ok_or(None)?;
        self.notes.extend(mended.notes);
        self.hashes.push((name.to_owned(), Digest::of(&bytes)));
        let value = mended.tree.root().to_value();
        self.files.push(File { name: name.to_owned(), value, tree: mended.tree, hops });
        self.by_name.insert(name.to_owned(), self.files.len() - 1);
        Ok(self.files.len() - 1)
    }

    fn refuse(&mut self, file: usize, at: &str, code: &'static Code, message: String, help: &str) {
        self.failed = true;
        let Some(file) = self.files.get(file) else { return };
        let root = file.tree.root();
        let span = root.at(at).unwrap_or(root).span();
        let finding = Diagnostic::new(code, span, message);
        self.sink.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    /// Rewrites the references of a value that stands at `at` of a file. `inlined` counts path items put in place.
    fn walk(&mut self, value: &mut Value, file: usize, place: Place, at: &str, inlined: usize) {
        if place == Place::Data {
            return;
        }
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, file, place, &format!("{at}/{index}"), inlined);
                }
            }
            Value::Object(members) => {
                let kind = match place {
                    Place::Named(kind) => {
                        for (key, member) in members {
                            self.walk(member, file, Place::Of(kind), &pointer::join(at, key), inlined);
                        }
                        return;
                    }
                    Place::Of(kind) => kind,
                    Place::Data => return,
                };
                let target = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
                if let Some(text) = target {
                    let here = pointer::join(at, "$ref");
                    if kind == PATH_ITEMS {
                        self.put_in_place(members, file, &here, &text, inlined);
                        return;
                    }
                    if let Some(new) = self.referred(file, &here, &text, kind) {
                        members.insert("$ref".to_owned(), Value::String(new));
                    }
                }
                if let Some(Value::Object(mapping)) =
                    members.get_mut("discriminator").and_then(|found| found.get_mut("mapping"))
                {
                    let here = pointer::join(&pointer::join(at, "discriminator"), "mapping");
                    for (key, target) in mapping {
                        let Value::String(text) = target else { continue };
                        let names = !text.contains(['#', '/', '.']);
                        let text = if names { format!("#/components/schemas/{text}") } else { text.clone() };
                        if names && file == 0 {
                            continue;
                        }
                        if let Some(new) = self.referred(file, &pointer::join(&here, key), &text, SCHEMAS) {
                            *target = Value::String(new);
                        }
                    }
                }
                for (key, member) in members {
                    if key != "$ref" && key != "discriminator" {
                        let below = below(kind, key, member);
                        self.walk(member, file, below, &pointer::join(at, key), inlined);
                    }
                }
            }
            _ => {}
        }
    }

    /// A copy of a part of a file, for the reference at `here`; told once where it has no room.
    fn copy(&mut self, target: usize, to: &str, file: usize, here: &str) -> Option<Value> {
        let found = self.files.get(target)?.value.pointer(to)?;
        if self.room.exceeded {
            return None;
        }
        if self.room.take(found) {
            return Some(found.clone());
        }
        let message = format!(
            "the one document would be larger than {MOST_VALUES} values or {} bytes",
            limits::DOCUMENT_BYTES
        );
        self.refuse(
            file,
            here,
            &codes::EXTERNAL_REFERENCE,
            message,
            "refer to components, which are taken in once, rather than to path items",
        );
        None
    }

    /// A path item has no place among the components of every version: it is written where it is referred to.
    fn put_in_place(
        &mut self,
        members: &mut Map<String, Value>,
        file: usize,
        at: &str,
        text: &str,
        inlined: usize,
    ) {
        if file == 0 && text.starts_with('#') {
            return;
        }
        if inlined >= 16 {
            let message = format!("`{}` is referred to through too many path items", shown(text));
            self.refuse(file, at, &codes::DANGLING_REFERENCE, message, "");
            return;
        }
        let Some((target, to)) = self.target(file, at, text) else { return };
        let Some(mut item) = self.copy(target, &to, file, at) else { return };
        self.walk(&mut item, target, Place::Of(PATH_ITEMS), &to, inlined + 1);
        members.remove("$ref");
        // What stands beside the reference wins.
        for (key, member) in item.as_object_mut().map(std::mem::take).into_iter().flatten() {
            members.entry(key).or_insert(member);
        }
    }

    /// The reference as it is written in the one document; `None` where it stays, or was told to lead nowhere.
    fn referred(&mut self, file: usize, at: &str, text: &str, kind: &'static str) -> Option<String> {
        if file == 0 && text.starts_with('#') {
            return None;
        }
        let (target, to) = self.target(file, at, text)?;
        if target == 0 && !to.is_empty() {
            return Some(format!("#{}", fragment(&to)));
        }
        let kind = if KINDS.contains(&kind) { kind } else { SCHEMAS };
        let part = (target, to, kind);
        let name = match self.names.get(&part) {
            Some(name) => name.clone(),
            None => {
                let name = self.name(&part);
                self.names.insert(part.clone(), name.clone());
                self.queue.push_back((part, name.clone()));
                name
            }
        };
        Some(format!("#/components/{kind}/{name}"))
    }

    /// The last word of where it stands, or the file's name without its ending; numbered where that is taken.
    fn name(&mut self, (file, at, kind): &Part) -> String {
        let of_file = self.files.get(*file).map_or("", |file| file.name.as_str());
        let stem = of_file.rsplit('/').next().unwrap_or("").split('.').next().unwrap_or("");
        let last = pointer::tokens(at).and_then(|mut tokens| tokens.pop());
        let base: String = last
            .filter(|last| !last.is_empty() && pointer::index(last).is_none())
            .unwrap_or_else(|| stem.to_owned())
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() { character } else { '_' })
            .collect();
        let base = if base.is_empty() { "part".to_owned() } else { base };
        let taken = self.taken.entry(kind).or_default();
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        name
    }

    /// The file and the pointer that a reference names; told where there is none.
    fn target(&mut self, file: usize, at: &str, text: &str) -> Option<(usize, String)> {
        let (path, anchor) = text.split_once('#').unwrap_or((text, ""));
        let Some(to) = pointer::decode_fragment(anchor)
            .filter(|to| (to.is_empty() || to.starts_with('/')) && pointer::tokens(to).is_some())
        else {
            let message = format!("`{}` does not end in a JSON pointer", shown(text));
            self.refuse(file, at, &codes::DANGLING_REFERENCE, message, "");
            return None;
        };
        let target = if path.is_empty() {
            file
        } else {
            let (from, hops) = self.files.get(file).map(|file| (file.name.clone(), file.hops))?;
            match relative(&from, path).ok_or_else(|| Some("it lies outside the folder".to_owned())) {
                Ok(name) => self.load(&name, hops + 1),
                Err(reason) => Err(reason),
            }
            .map_err(|reason| {
                let reason = match reason {
                    _ if path.contains("://") => "nothing is fetched".to_owned(),
                    Some(reason) => reason,
                    None => "it cannot be read".to_owned(),
                };
                let message = format!("`{}` cannot be taken in: {reason}", shown(text));
                let help =
                    "put the file beside the document, or name the folder that holds all with `--root DIR`";
                self.refuse(file, at, &codes::EXTERNAL_REFERENCE, message, help);
            })
            .ok()?
        };
        let found = self.files.get(target).is_some_and(|file| file.value.pointer(&to).is_some());
        if !found {
            let message = format!("`{}` leads nowhere", shown(text));
            self.refuse(file, at, &codes::DANGLING_REFERENCE, message, "");
            return None;
        }
        Some((target, to))
    }
}

/// The name, relative to the common folder, of a path as a file of that folder writes it; `None` where it leaves the folder.
fn relative(from: &str, path: &str) -> Option<String> {
    let path = pointer::decode_fragment(path)?;
    if path.contains("://") || path.starts_with('/') || path.contains(['\\', '\0', '?']) {
        return None;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// A pointer as a URI fragment: what is not plain is percent-encoded.
fn fragment(to: &str) -> String {
    to.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

//! Slices: one operation with everything it refers to, as a small document with the same JSON pointers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::document::Document;
use super::families::{DATA_CLASS, is_bare_name, mapped};
use super::operation::{dialect_of, member_of};
use super::pointer;
use super::references::{Found, Reference, each_reference, is_named_at, reference_within};
use super::tree::Node;
use super::view::ViewError;
use crate::base::{Digest, canonical_json, json::read_strict};

/// The format's name, in the member `x-eczflow-slice` of every slice.
pub const SLICE_FORMAT: &str = "eczflow-slice-1";

/// One operation with everything it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Canonical text.
    pub text: String,
    /// SHA-256 of the text.
    pub digest: Digest,
}

impl Slice {
    /// A slice of a text; `None` where the text is not canonical JSON.
    pub fn of_text(text: String) -> Option<Slice> {
        let value = read_strict(text.as_bytes()).ok()?;
        let canonical = canonical_json(&value).ok()?;
        let digest = Digest::of(&text);
        (canonical == text).then_some(Slice { text, digest })
    }

    pub(super) fn of_value(value: &Value) -> Result<Slice, ViewError> {
        let text = canonical_json(value).map_err(|_| ViewError::new("", "has no canonical text"))?;
        let digest = Digest::of(&text);
        Ok(Slice { text, digest })
    }
}

impl Document {
    /// The slice of the operation of a key; `None` where there is none, or it cannot be cut out.
    pub fn operation_slice(&self, key: &str) -> Option<Slice> {
        self.slice(self.operation(key).ok()?).ok()
    }

    /// The slice of a schema of `components`; `None` where there is none, or it cannot be cut out.
    pub fn schema_slice(&self, name: &str) -> Option<Slice> {
        Slice::of_value(&*self.part(&pointer::of_schema(name)).ok()??).ok()
    }
}

/// Which operation a slice is of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) method: String,
    pub(super) path: String,
}

/// Why a part of a document can't be cut out.
#[derive(Debug)]
pub(super) enum CutError<'t> {
    /// It does not follow OpenAPI.
    View(ViewError),
    /// Something in it refers to nothing in this document.
    Reference(Found<'t>, Reference),
}

impl From<ViewError> for CutError<'_> {
    fn from(error: ViewError) -> Self {
        CutError::View(error)
    }
}

/// Cuts the slice of one operation (`method` as it is sent) out of a document.
pub(super) fn cut<'t>(
    root: Node<'t>,
    heirs: &HeirsByNode,
    method: &str,
    path: &str,
) -> Result<Value, CutError<'t>> {
    let (item_at, item) = path_item(root, path)?;
    let member = member_of(method, dialect_of(root)?);
    let operation = member.iter().try_fold(item, |at, token| at.get(token));
    let operation = operation.ok_or_else(|| ViewError::new(&item_at, "has no such method"))?;
    let header = Header { format: SLICE_FORMAT.into(), method: method.into(), path: path.into() };
    let header = serde_json::to_value(header).map_err(|_| ViewError::new("", "has no canonical text"))?;
    let mut cutting = Cutting::new(root, heirs);
    if let Some(parameters) = item.get("parameters") {
        cutting.references(parameters, false, true);
    }
    cutting.references(operation, false, true);
    let security = operation.get("security").or_else(|| root.get("security"));
    for (name, _) in security.into_iter().flat_map(Node::items).flat_map(Node::members) {
        let Some(scheme) = name.as_str() else { continue };
        let at = vec!["components".to_owned(), "securitySchemes".to_owned(), scheme.to_owned()];
        cutting.queue.push((at, true));
    }
    cutting.run()?;

    let mut slice = json!({ "x-eczflow-slice": header });
    // A word that is said of the whole document, or of a path, counts for nothing, and is told of each operation.
    for name in ["openapi", "jsonSchemaDialect", "servers", DATA_CLASS] {
        copy(root, &mut slice, &[name.to_owned()]);
    }
    for name in ["info", "paths", "components"] {
        copy(root, &mut slice, &[name.to_owned(), DATA_CLASS.to_owned()]);
    }
    if operation.get("security").is_none() {
        copy(root, &mut slice, &["security".to_owned()]);
    }
    // The operation stands under its own path even where the path item is a reference.
    let mut own = Map::new();
    let beside = root.at(&pointer::join("/paths", path)).filter(|beside| beside.id() != item.id());
    for name in ["parameters", "servers", DATA_CLASS] {
        let said = beside.filter(|_| name == DATA_CLASS).and_then(|beside| beside.get(name));
        if let Some(value) = item.get(name).or(said) {
            own.insert(name.to_owned(), value.to_value());
        }
    }
    let mut own = Value::Object(own);
    place(&mut own, &member, operation.to_value());
    place(&mut slice, &["paths".to_owned(), path.to_owned()], own);
    Ok(cutting.fill(slice))
}

/// Cuts out one value and everything it refers to.
pub(super) fn cut_part<'t>(root: Node<'t>, heirs: &HeirsByNode, at: &str) -> Result<Value, CutError<'t>> {
    let mut cutting = Cutting::new(root, heirs);
    let tokens = pointer::tokens(at).ok_or_else(|| ViewError::new(at, "leads nowhere"))?;
    cutting.queue.push((tokens, true));
    cutting.run()?;
    let mut part = json!({});
    for name in ["openapi", "jsonSchemaDialect"] {
        copy(root, &mut part, &[name.to_owned()]);
    }
    Ok(cutting.fill(part))
}

/// A chain of references longer than this leads nowhere.
const MOST_HOPS: usize = 32;

/// The value at the end of a chain of references, and its pointer. `None` where it leads nowhere, or in a circle.
pub(super) fn follow<'t>(root: Node<'t>, at: &str) -> Option<(String, Node<'t>)> {
    let own = own_address(root);
    let mut at = at.to_owned();
    for _ in 0..MOST_HOPS {
        let value = root.at(&at)?;
        match value.get("$ref").and_then(Node::as_str) {
            None => return Some((at, value)),
            Some(text) => match reference_within(own, text) {
                Reference::Local(next) => at = next,
                Reference::External | Reference::Other => return None,
            },
        }
    }
    None
}

/// The path item of a path, references followed.
fn path_item<'t>(root: Node<'t>, path: &str) -> Result<(String, Node<'t>), CutError<'t>> {
    let own = own_address(root);
    let at = pointer::join("/paths", path);
    if let Some(found) = follow(root, &at) {
        return Ok(found);
    }
    let refers = root.at(&at).and_then(|item| item.get("$ref"));
    Err(match refers.and_then(|node| Some((node, node.as_str()?))) {
        Some((node, text)) => CutError::Reference(
            Found { node, text, matters: true, mapped: false },
            reference_within(own, text),
        ),
        None => CutError::View(ViewError::new(&at, "leads nowhere")),
    })
}

/// The document's own address (`$self` of OpenAPI 3.2).
fn own_address(root: Node<'_>) -> Option<&str> {
    root.get("$self")?.as_str()
}

/// By where a schema stands, what may stand for it: that does not show in references.
pub(super) type HeirsByNode = BTreeMap<u32, Vec<Vec<String>>>;

struct Cutting<'t, 'h> {
    root: Node<'t>,
    heirs: &'h HeirsByNode,
    own: Option<&'t str>,
    /// Pointers still to be looked at, and whether a request or an answer depends on them.
    queue: Vec<(Vec<String>, bool)>,
    /// References met so far; those that matter, and all.
    met: [BTreeSet<(bool, &'t str)>; 2],
    /// Cells looked at: first, and one past the last; those that matter, and all.
    seen: [BTreeMap<u32, u32>; 2],
    kept: BTreeMap<Vec<String>, Node<'t>>,
    /// The first reference that matters and leads nowhere.
    broken: Option<(Found<'t>, Reference)>,
}

impl<'t, 'h> Cutting<'t, 'h> {
    fn new(root: Node<'t>, heirs: &'h HeirsByNode) -> Cutting<'t, 'h> {
        let (queue, kept) = (Vec::new(), BTreeMap::new());
        Cutting {
            root,
            heirs,
            own: own_address(root),
            queue,
            met: Default::default(),
            seen: Default::default(),
            kept,
            broken: None,
        }
    }

    fn references(&mut self, value: Node<'t>, named: bool, matters: bool) {
        let (root, own) = (self.root, self.own);
        for (_, heirs) in self.heirs.range(value.id()..value.end()) {
            self.queue.extend(heirs.iter().map(|heir| (heir.clone(), false)));
        }
        each_reference(value, named, matters, &mut |found| {
            let [important, all] = &mut self.met;
            // What was met where it matters needs no second look.
            let met = (found.mapped, found.text);
            if important.contains(&met) || !(if found.matters { important } else { all }).insert(met) {
                return;
            }
            let reference = match found.mapped && is_bare_name(found.text) {
                true => mapped(found.text),
                false => reference_within(own, found.text),
            };
            let tokens = match &reference {
                Reference::Local(target) => pointer::tokens(target),
                Reference::External | Reference::Other => None,
            };
            match tokens {
                Some(tokens) if tokens.iter().try_fold(root, |at, token| at.child(token)).is_some() => {
                    self.queue.push((tokens, found.matters));
                }
                None if !found.matters => self.queue.extend(anchored(root, found.text)),
                _ if found.matters && self.broken.is_none() => self.broken = Some((found, reference)),
                _ => {}
            }
        });
    }

    fn run(&mut self) -> Result<(), CutError<'t>> {
        while let Some((target, matters)) = self.queue.pop() {
            let Some((tokens, node)) = whole_arrays(self.root, target) else { continue };
            let [important, all] = &mut self.seen;
            let inside = |seen: &BTreeMap<u32, u32>| {
                seen.range(..=node.id()).next_back().is_some_and(|(_, end)| node.id() < *end)
            };
            if inside(important) || (!matters && inside(all)) {
                continue;
            }
            if matters { important } else { all }.insert(node.id(), node.end());
            let named = is_named_at(&tokens);
            self.references(node, named, matters);
            self.kept.insert(tokens, node);
        }
        self.broken.take().map_or(Ok(()), |(found, reference)| Err(CutError::Reference(found, reference)))
    }

    fn fill(self, mut slice: Value) -> Value {
        for (tokens, node) in &self.kept {
            place(&mut slice, tokens, node.to_value());
        }
        if let Some(own) = self.own {
            localise(&mut slice, own);
        }
        slice
    }
}

/// The component schemas that a dynamic reference by name may lead to, none of which a request or an answer depends on.
fn anchored(root: Node<'_>, text: &str) -> Vec<(Vec<String>, bool)> {
    let Some(name) = text.strip_prefix('#').filter(|name| !name.is_empty()) else { return Vec::new() };
    let schemas = ["components", "schemas"];
    let all = schemas.iter().try_fold(root, |at, token| at.get(token));
    let is = |schema: Node<'_>| {
        let anchors = ["$dynamicAnchor", "$anchor"].into_iter().filter_map(|keyword| schema.get(keyword));
        anchors.filter_map(Node::as_str).any(|anchor| anchor == name)
    };
    let members = all.into_iter().flat_map(Node::members).filter(|(_, schema)| is(*schema));
    let at = |key: &str| schemas.iter().map(|token| (*token).to_owned()).chain([key.to_owned()]).collect();
    members.filter_map(|(key, _)| Some((at(key.as_str()?), false))).collect()
}

/// A pointer cut off before the first array it leads through: half an array would shift the places of the rest. With the
/// value that is there.
fn whole_arrays(root: Node<'_>, tokens: Vec<String>) -> Option<(Vec<String>, Node<'_>)> {
    let mut at = root;
    for (depth, token) in tokens.iter().enumerate() {
        if at.is_array() {
            return Some((tokens.into_iter().take(depth).collect(), at));
        }
        at = at.get(token)?;
    }
    Some((tokens, at))
}

/// References to the document's own address stay valid in a slice, which has no address.
fn localise(value: &mut Value, own: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if let (true, Value::String(text)) = (key == "$ref", &mut *member)
                    && !text.starts_with('#')
                    && matches!(reference_within(Some(own), text), Reference::Local(_))
                {
                    *text = format!("#{}", text.split_once('#').map_or("", |(_, fragment)| fragment));
                } else {
                    localise(member, own);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localise(item, own)),
        _ => {}
    }
}

fn copy(root: Node<'_>, slice: &mut Value, tokens: &[String]) {
    if let Some(node) = tokens.iter().try_fold(root, |at, token| at.child(token)) {
        place(slice, tokens, node.to_value());
    }
}

/// Puts a value at a place, making the objects above it. What already stands there has come from the same document, so
/// the larger of the two is kept.
fn place(slice: &mut Value, tokens: &[String], value: Value) {
    let mut at = slice;
    for token in tokens {
        let Value::Object(members) = at else { return };
        at = members.entry(token.clone()).or_insert_with(|| Value::Object(Map::new()));
    }
    merge(at, value);
}

fn merge(into: &mut Value, value: Value) {
    match (into, value) {
        (Value::Object(into), Value::Object(value)) => {
            for (key, member) in value {
                match into.get_mut(&key) {
                    Some(there) => merge(there, member),
                    None => {
                        into.insert(key, member);
                    }
                }
            }
        }
        (into, value) => *into = value,
    }
}

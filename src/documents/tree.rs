//! The tree both readers yield: values with places, in one array of small cells over the document's text.
//!
//! A cell is 16 bytes, and strings stay where they stand in the text unless they were escaped, so a large document costs
//! little more than its bytes. Cells are in the order of the text: a container, then all that is in it; of an object the
//! key and the value of each member by turns.
//!
//! A tree that was remembered has cells of its large containers only; what is smaller is a part, which is read out of the
//! text when it is asked for ([`remembered`]).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Map, Number, Value};

use super::pointer;
use crate::source::{FileId, Span, Text};

pub(super) use builder::{Builder, Open, Written};

#[path = "tree_builder.rs"]
mod builder;
#[path = "tree_remembered.rs"]
mod remembered;

/// Objects with more members than this have an index of their sorted keys.
const SMALL: usize = 12;

/// One value, or one key.
#[derive(Debug, Clone, Copy)]
struct Cell {
    start: u32,
    end: u32,
    kind: Kind,
    /// Of a container, one past its last cell; of an owned string or number, its place in the table.
    data: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    False,
    True,
    /// A whole number that stands in the text as canonical text has it.
    Whole,
    Number,
    /// A string between quotes, which says what it is: nothing in it is or needs to be escaped.
    Quoted,
    /// A string that stands in the text as it is, without quotes.
    Plain,
    /// A string that stands between quotes as it is; canonical text may have to escape it.
    Inner,
    /// A string that had to be put together.
    Owned,
    Array,
    Object,
    /// A value or a key of a remembered tree that is read when it is asked for.
    Part,
}

/// A document's values.
#[derive(Debug)]
pub(super) struct Tree {
    file: FileId,
    text: Text,
    cells: Vec<Cell>,
    strings: Vec<String>,
    numbers: Vec<Number>,
    /// The keys of large objects, sorted as canonical text has them, by the object's cell.
    sorted: HashMap<u32, Box<[u32]>>,
    /// What was read of the parts of a remembered tree.
    parts: Vec<OnceLock<Tree>>,
    /// Whether a value's place tells it from all others, and lies within that of what it is in: so in JSON, and not where
    /// YAML repeats an anchor.
    nested: bool,
}

/// A value of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'t> {
    tree: &'t Tree,
    at: u32,
}

impl Tree {
    pub(super) fn root(&self) -> Node<'_> {
        self.node(0)
    }

    /// The value of a cell.
    fn node(&self, at: u32) -> Node<'_> {
        match self.part(at) {
            Some(part) => Node { tree: part, at: 0 },
            None => Node { tree: self, at },
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn cell(&self, at: u32) -> Cell {
        let nothing = Cell { start: 0, end: 0, kind: Kind::Null, data: 0 };
        usize::try_from(at).ok().and_then(|at| self.cells.get(at)).copied().unwrap_or(nothing)
    }

    fn after(&self, at: u32) -> u32 {
        let cell = self.cell(at);
        match cell.kind {
            // Never backwards, whatever a cell says.
            Kind::Array | Kind::Object => cell.data.max(at + 1),
            _ => at + 1,
        }
    }

    fn string(&self, at: u32) -> Option<&str> {
        let cell = self.cell(at);
        let (start, end) = (usize::try_from(cell.start).ok()?, usize::try_from(cell.end).ok()?);
        match cell.kind {
            Kind::Plain => self.text.get(start..end),
            Kind::Quoted | Kind::Inner => self.text.get(start + 1..end.checked_sub(1)?),
            Kind::Owned => self.strings.get(usize::try_from(cell.data).ok()?).map(String::as_str),
            Kind::Part => self.part(at)?.string(0),
            _ => None,
        }
    }

    fn key(&self, at: u32) -> &str {
        self.string(at).unwrap_or("")
    }
}

/// The order of keys in canonical text: UTF-16 code units (RFC 8785 section 3.2.3).
fn order(a: &str, b: &str) -> Ordering {
    let differing = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    match differing {
        None => a.len().cmp(&b.len()),
        // Characters beyond U+FFFF are surrogates there, which come before U+E000 to U+FFFF.
        Some((0xf0.., 0xee | 0xef)) => Ordering::Less,
        Some((0xee | 0xef, 0xf0..)) => Ordering::Greater,
        Some((a, b)) => a.cmp(&b),
    }
}

impl<'t> Node<'t> {
    /// What tells it from the other values of its document: equal for one and the same, and below [`Node::end`] of
    /// everything it is in.
    pub(super) fn id(self) -> u32 {
        if self.tree.nested { self.tree.cell(self.at).start } else { self.at }
    }

    /// Above the [`Node::id`] of everything in it, and not above that of what follows.
    pub(super) fn end(self) -> u32 {
        if self.tree.nested { self.tree.cell(self.at).end } else { self.tree.after(self.at) }
    }

    /// The text of the value.
    pub(super) fn span(self) -> Span {
        let cell = self.tree.cell(self.at);
        let byte = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        Span::new(self.tree.file, byte(cell.start), byte(cell.end))
    }

    pub(super) fn is_object(self) -> bool {
        self.tree.cell(self.at).kind == Kind::Object
    }

    pub(super) fn is_array(self) -> bool {
        self.tree.cell(self.at).kind == Kind::Array
    }

    /// The text of a string.
    pub(super) fn as_str(self) -> Option<&'t str> {
        self.tree.string(self.at)
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        match self.tree.cell(self.at).kind {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// The members of an object in the order of the text, each key and value; of anything else none.
    pub(super) fn members(self) -> impl Iterator<Item = (Node<'t>, Node<'t>)> + use<'t> {
        let tree = self.tree;
        self.keys().map(move |key| (tree.node(key), tree.node(key + 1)))
    }

    /// The cells of the keys of an object, each before that of its value.
    fn keys(self) -> impl Iterator<Item = u32> + use<'t> {
        let tree = self.tree;
        let end = if self.is_object() { tree.after(self.at) } else { 0 };
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            let key = next;
            next = tree.after(key + 1);
            (key < end).then_some(key)
        })
    }

    /// The items of an array; of anything else none.
    pub(super) fn items(self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let tree = self.tree;
        self.item_cells().map(move |at| tree.node(at))
    }

    fn item_cells(self) -> impl Iterator<Item = u32> + use<'t> {
        let tree = self.tree;
        let end = if self.is_array() { tree.after(self.at) } else { 0 };
        let mut next = self.at + 1;
        std::iter::from_fn(move || {
            let at = next;
            next = tree.after(at);
            (at < end).then_some(at)
        })
    }

    /// A member by name: its key and its value.
    pub(super) fn member(self, name: &str) -> Option<(Node<'t>, Node<'t>)> {
        let tree = self.tree;
        if let Some(sorted) = tree.sorted.get(&self.at) {
            let found = sorted.binary_search_by(|key| order(tree.key(*key), name)).ok()?;
            let key = *sorted.get(found)?;
            return Some((tree.node(key), tree.node(key + 1)));
        }
        let key = self.keys().find(|key| tree.string(*key) == Some(name))?;
        Some((tree.node(key), tree.node(key + 1)))
    }

    /// A member's value by name.
    pub(super) fn get(self, name: &str) -> Option<Node<'t>> {
        self.member(name).map(|(_, value)| value)
    }

    pub(super) fn child(self, token: &str) -> Option<Node<'t>> {
        if self.is_array() {
            Some(self.tree.node(self.item_cells().nth(pointer::index(token)?)?))
        } else {
            self.get(token)
        }
    }

    /// The value at a JSON pointer (RFC 6901).
    pub(super) fn at(self, json_pointer: &str) -> Option<Node<'t>> {
        pointer::tokens(json_pointer)?.iter().try_fold(self, |node, token| node.child(token))
    }

    /// The value without places.
    pub(super) fn to_value(self) -> Value {
        let cell = self.tree.cell(self.at);
        match cell.kind {
            Kind::Null | Kind::Part => Value::Null,
            Kind::False => Value::Bool(false),
            Kind::True => Value::Bool(true),
            Kind::Whole | Kind::Number => self.number().map_or(Value::Null, Value::Number),
            Kind::Quoted | Kind::Plain | Kind::Inner | Kind::Owned => {
                Value::String(self.as_str().unwrap_or("").to_owned())
            }
            Kind::Array => self.items().map(Node::to_value).collect(),
            Kind::Object => {
                let members = self
                    .members()
                    .map(|(key, value)| (key.as_str().unwrap_or("").to_owned(), value.to_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    fn number(self) -> Option<Number> {
        let cell = self.tree.cell(self.at);
        if cell.kind == Kind::Number {
            return self.tree.numbers.get(usize::try_from(cell.data).ok()?).cloned();
        }
        let text = self.tree.text.get(self.span().range())?;
        text.parse::<i64>().ok().map(Number::from)
    }

    /// What kind of value it is, in words.
    pub(super) fn kind(self) -> &'static str {
        match self.tree.cell(self.at).kind {
            Kind::Null => "null",
            Kind::False | Kind::True => "a boolean",
            Kind::Whole | Kind::Number => "a number",
            Kind::Quoted | Kind::Plain | Kind::Inner | Kind::Owned => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
            // A node is never of a part, but of what was read of it.
            Kind::Part => "a value",
        }
    }

    /// Writes its canonical text (RFC 8785), leaving out the member whose key is the node `without`.
    pub(super) fn write_canonical(self, without: Option<Node<'_>>, out: &mut impl FnMut(&[u8])) {
        Canonical { tree: self.tree, without: without.map(|key| key.at), keys: Vec::new(), out }
            .value(self.at);
    }
}

struct Canonical<'t, F> {
    tree: &'t Tree,
    without: Option<u32>,
    /// Sorted keys of the small objects that are being written.
    keys: Vec<u32>,
    out: F,
}

impl<F: FnMut(&[u8])> Canonical<'_, F> {
    fn value(&mut self, at: u32) {
        let cell = self.tree.cell(at);
        match cell.kind {
            Kind::Null => (self.out)(b"null"),
            Kind::False => (self.out)(b"false"),
            Kind::True => (self.out)(b"true"),
            Kind::Whole | Kind::Quoted => {
                let span = Node { tree: self.tree, at }.span();
                (self.out)(self.tree.text.get(span.range()).unwrap_or("").as_bytes());
            }
            Kind::Number => {
                let number = Node { tree: self.tree, at }.number();
                // Every number was read as one that has canonical text, so this does not fail.
                let text = number.and_then(|number| crate::base::canonical_json(&number).ok());
                (self.out)(text.unwrap_or_default().as_bytes());
            }
            Kind::Plain | Kind::Inner | Kind::Owned => {
                (self.out)(b"\"");
                escaped(self.tree.key(at), &mut self.out);
                (self.out)(b"\"");
            }
            Kind::Array => {
                (self.out)(b"[");
                let (mut next, end) = (at + 1, self.tree.after(at));
                while next < end {
                    if next > at + 1 {
                        (self.out)(b",");
                    }
                    self.value(next);
                    next = self.tree.after(next);
                }
                (self.out)(b"]");
            }
            Kind::Object => self.object(at),
            Kind::Part => {
                let out: &mut dyn FnMut(&[u8]) = &mut self.out;
                let Node { tree, at } = self.tree.node(at);
                Canonical { tree, without: None, keys: Vec::new(), out }.value(at);
            }
        }
    }

    fn object(&mut self, at: u32) {
        let tree = self.tree;
        (self.out)(b"{");
        let mut first = true;
        if let Some(sorted) = tree.sorted.get(&at) {
            for key in sorted {
                self.member(*key, &mut first);
            }
        } else {
            let from = self.keys.len();
            let (mut next, end) = (at + 1, tree.after(at));
            while next < end {
                self.keys.push(next);
                next = tree.after(next + 1);
            }
            if let Some(own) = self.keys.get_mut(from..) {
                own.sort_unstable_by(|a, b| order(tree.key(*a), tree.key(*b)));
            }
            let mut index = from;
            while let Some(key) = self.keys.get(index).copied() {
                // What lies deeper pushes and takes away behind this object's keys.
                self.member(key, &mut first);
                index += 1;
            }
            self.keys.truncate(from);
        }
        (self.out)(b"}");
    }

    fn member(&mut self, key: u32, first: &mut bool) {
        if self.without == Some(key) {
            return;
        }
        if !std::mem::replace(first, false) {
            (self.out)(b",");
        }
        self.value(key);
        (self.out)(b":");
        self.value(key + 1);
    }
}

/// A string as canonical text has it, without its quotes.
fn escaped(text: &str, out: &mut impl FnMut(&[u8])) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x09 => b"\\t",
            0x0a => b"\\n",
            0x0c => b"\\f",
            0x0d => b"\\r",
            0..0x20 => b"",
            _ => continue,
        };
        out(bytes.get(from..at).unwrap_or_default());
        from = at + 1;
        if short.is_empty() {
            out(format!("\\u{byte:04x}").as_bytes());
        } else {
            out(short);
        }
    }
    out(bytes.get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str, name: &str) -> String {
        let (mut sources, mut sink) = Default::default();
        let tree = super::super::document::read_tree(text.as_bytes(), name, &mut sources, &mut sink);
        let tree = tree.unwrap_or_else(|| panic!("{sink:?}"));
        let mut bytes = Vec::new();
        tree.root().write_canonical(None, &mut |part| bytes.extend_from_slice(part));
        let written = String::from_utf8(bytes).unwrap();
        assert_eq!(written, crate::base::canonical_json(&tree.root().to_value()).unwrap());
        written
    }

    #[test]
    fn canonical_text_is_what_the_library_writes() {
        let json = r#"{"b": [1, -0, 1.0, 0.10, 1e3, -5, 1e21, 9007199254740991, true, false, null, {}, []],
            "a\u0022\\\/\b\f\n\r\t\u0001\u007f\u00e9é": "é\u2028", "\ue000": 1, "😀": {"z": 1, "a": {"y": 2, "x": 3}},
            "k1": 1, "k0": 1, "k3": {"b": 1, "a": 2}, "k2": 1, "k5": 1, "k4": 1, "k7": 1, "k6": 1, "k9": 1, "k8": 1, "k": 1}"#;
        let written = canonical(json, "a.json");
        assert!(written.starts_with(r#"{"a\"\\/\b\f\n\r\t\u0001"#), "{written}");
        assert!(written.ends_with(",\"😀\":{\"a\":{\"x\":3,\"y\":2},\"z\":1},\"\u{e000}\":1}"), "{written}");
        let yaml = "b: 'it''s \"so\"'\na: \"x\\ty\"\nc: a \"plain\" \\ one\n200: {1.5.0: +7, 0x1F: 010a}\n'q': 'w'\nd: |\n  two\n  lines\n";
        assert_eq!(
            canonical(yaml, "a.yaml"),
            r#"{"200":{"1.5.0":7,"31":"010a"},"a":"x\ty","b":"it's \"so\"","c":"a \"plain\" \\ one","d":"two\nlines\n","q":"w"}"#
        );
    }

    #[test]
    fn values_are_found_where_they_are() {
        let many: Vec<String> = (0..40).map(|at| format!("\"k{at}\": [0, {{\"x\": {at}}}]")).collect();
        let text = format!("{{{}}}", many.join(", "));
        let (mut sources, mut sink) = Default::default();
        let tree =
            super::super::document::read_tree(text.as_bytes(), "a.json", &mut sources, &mut sink).unwrap();
        let root = tree.root();
        assert_eq!(root.at("/k33/1/x").map(Node::to_value), Some(33.into()));
        assert!(root.at("/k40").is_none() && root.at("/k1/2").is_none() && root.at("/k1/01").is_none());
        assert_eq!(root.members().count(), 40);
        assert_eq!(root.get("k7").unwrap().items().count(), 2);
        let inner = root.at("/k7/1").unwrap();
        let outer = root.get("k7").unwrap();
        assert!(outer.id() < inner.id() && inner.id() < outer.end() && inner.end() <= outer.end());
        assert_eq!(tree.text().get(inner.span().range()), Some("{\"x\": 7}"));
    }
}

//! The tree both readers yield: JSON values with places.

use indexmap::IndexMap;
use serde_json::{Map, Number, Value};

use super::pointer;
use crate::diagnostics::{Code, Diagnostic, Sink};
use crate::source::{FileId, Span};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The text of the value.
    pub span: Span,
    /// The value.
    pub value: NodeValue,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// null.
    Null,
    /// true or false.
    Bool(bool),
    /// A number that a double holds; whole numbers are kept as integers.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in the order of the text, each key once.
    Object(IndexMap<String, Member>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Where its key stands.
    pub key: Span,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The members of an object.
    pub fn members(&self) -> Option<&IndexMap<String, Member>> {
        match &self.value {
            NodeValue::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member's value by name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.members()?.get(name).map(|member| &member.value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value at a JSON pointer (RFC 6901).
    pub fn at(&self, json_pointer: &str) -> Option<&Node> {
        pointer::tokens(json_pointer)?.iter().try_fold(self, |node, token| node.child(token))
    }

    /// The place that names the value at a JSON pointer: its key where it is a member, else the value itself.
    pub fn place(&self, json_pointer: &str) -> Option<Span> {
        let tokens = pointer::tokens(json_pointer)?;
        let Some((last, parents)) = tokens.split_last() else { return Some(self.span) };
        let parent = parents.iter().try_fold(self, |node, token| node.child(token))?;
        match &parent.value {
            NodeValue::Object(members) => members.get(last).map(|member| member.key),
            _ => parent.child(last).map(|node| node.span),
        }
    }

    fn child(&self, token: &str) -> Option<&Node> {
        match &self.value {
            NodeValue::Object(members) => members.get(token).map(|member| &member.value),
            NodeValue::Array(items) => items.get(pointer::index(token)?),
            _ => None,
        }
    }

    /// The value without places.
    pub fn to_value(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Number(number) => Value::Number(number.clone()),
            NodeValue::String(text) => Value::String(text.clone()),
            NodeValue::Array(items) => items.iter().map(Node::to_value).collect(),
            NodeValue::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, member)| (key.clone(), member.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// What kind of value it is, in words.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "null",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Number(_) => "a number",
            NodeValue::String(_) => "a string",
            NodeValue::Array(_) => "an array",
            NodeValue::Object(_) => "an object",
        }
    }
}

/// Reading cannot go on; what is wrong has been reported.
#[derive(Debug)]
pub(super) struct Stop;

/// Reports findings of a reader, and stops it where there are too many.
pub(super) struct Report<'s> {
    pub(super) file: FileId,
    sink: &'s mut Sink,
    count: usize,
}

/// A reader gives up after so many findings.
const MOST_FINDINGS: usize = 50;

impl<'s> Report<'s> {
    pub(super) fn new(file: FileId, sink: &'s mut Sink) -> Report<'s> {
        Report { file, sink, count: 0 }
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    /// Reports something the reader can go on after.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) -> Result<(), Stop> {
        self.sink.push(diagnostic);
        self.count += 1;
        if self.count >= MOST_FINDINGS { Err(Stop) } else { Ok(()) }
    }

    /// Reports something it cannot.
    pub(super) fn stop(&mut self, code: &'static Code, span: Span, message: impl Into<String>) -> Stop {
        self.sink.push(Diagnostic::new(code, span, message));
        self.count += 1;
        Stop
    }

    pub(super) fn is_clean(&self) -> bool {
        self.count == 0
    }
}

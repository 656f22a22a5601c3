//! What an operation says, read from a document or from its slice alone: one implementation for both.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::operation;
use super::security::{Scheme, SchemeView};
use super::servers::ServerView;
use super::slice::{Header, SLICE_FORMAT};
use crate::base::json::read_strict;

/// Something in an operation that does not follow OpenAPI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}` {reason}")]
pub struct ViewError {
    /// JSON pointer of the place.
    pub pointer: String,
    /// What is wrong there, to be read after the pointer: `has no name`.
    pub reason: String,
}

impl ViewError {
    pub(super) fn new(pointer: &str, reason: impl Into<String>) -> ViewError {
        ViewError { pointer: pointer.to_owned(), reason: reason.into() }
    }
}

/// One operation. All pointers are JSON pointers into the document, and the same in its slice.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationView {
    pub(super) root: Arc<Value>,
    /// The version of OpenAPI its document follows.
    pub dialect: Dialect,
    /// Upper case.
    pub method: String,
    /// The path template.
    pub path: String,
    /// `operationId`.
    pub operation_id: Option<String>,
    /// Where the operation stands.
    pub pointer: String,
    /// Parameters of the path, then of the operation; the operation's replace the path's.
    pub parameters: Vec<ParameterView>,
    /// The request body.
    pub body: Option<BodyView>,
    /// Responses in the order exact, class, default.
    pub responses: Vec<ResponseView>,
    /// Alternatives, each a set of schemes by name that are due together. Empty: nothing is declared. An alternative
    /// without schemes means that none is due.
    pub security: Vec<BTreeMap<String, SchemeView>>,
    /// The operation's servers, else the path's, else the document's. Empty where none are given.
    pub servers: Vec<ServerView>,
}

/// A version of OpenAPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// 3.0: schemas are a dialect of their own.
    V30,
    /// 3.1: schemas are JSON Schema 2020-12.
    V31,
    /// 3.2.
    V32,
}

impl Dialect {
    /// Reads the value of `openapi`: `3.1.1`.
    pub fn of(version: &str) -> Option<Dialect> {
        let mut parts = version.split('.');
        let (major, minor, patch) = (parts.next()?, parts.next()?, parts.next()?);
        // Release candidates of a version are written as it was meant to become.
        let patch = patch.split('-').next()?;
        if patch.is_empty()
            || !patch.bytes().all(|byte| byte.is_ascii_digit())
            || (parts.next().is_some() && !version.contains('-'))
        {
            return None;
        }
        match (major, minor) {
            ("3", "0") => Some(Dialect::V30),
            ("3", "1") => Some(Dialect::V31),
            ("3", "2") => Some(Dialect::V32),
            _ => None,
        }
    }

    /// `3.0`, `3.1` or `3.2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::V30 => "3.0",
            Dialect::V31 => "3.1",
            Dialect::V32 => "3.2",
        }
    }
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// Into the path template.
    Path,
    /// Into the query.
    Query,
    /// Into a header.
    Header,
    /// Into a cookie.
    Cookie,
    /// The whole query (OpenAPI 3.2).
    QueryString,
}

impl Location {
    /// As documents and plans write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
            Location::Cookie => "cookie",
            Location::QueryString => "querystring",
        }
    }
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterView {
    /// Its name as declared.
    pub name: String,
    /// Where it goes.
    pub location: Location,
    /// Whether it must be given.
    pub required: bool,
    /// Where it is declared.
    pub pointer: String,
    /// Pointer of its schema; `None` where it has none (anything goes).
    pub schema: Option<String>,
    /// `style`, the default of its location where not given.
    pub style: String,
    /// `explode`, the default of its style where not given.
    pub explode: bool,
    /// Whether reserved characters are left as they are.
    pub allow_reserved: bool,
    /// The media type, where it is described by `content` instead of `schema`.
    pub media_type: Option<String>,
    /// Its examples.
    pub examples: Vec<Example>,
}

/// A named example; `example` without a name has the name `""`.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Value,
}

/// A media type of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaView {
    /// Where it stands.
    pub pointer: String,
    /// Pointer of its schema; `None` where it has none (anything goes).
    pub schema: Option<String>,
    /// Pointer of the schema of each item, where it is a sequence (OpenAPI 3.2).
    pub item_schema: Option<String>,
    /// How properties of a form or of parts are written, by name.
    pub encoding: BTreeMap<String, EncodingView>,
    /// Its examples.
    pub examples: Vec<Example>,
}

/// A request body.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyView {
    /// Where it is declared.
    pub pointer: String,
    /// Whether it must be given.
    pub required: bool,
    /// Media types by name, as written.
    pub content: BTreeMap<String, MediaView>,
}

/// The statuses a response stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusRange {
    /// One status.
    Exact(u16),
    /// `2XX`: the first digit.
    Class(u16),
    /// `default`.
    Default,
}

impl StatusRange {
    /// Whether a status is among them.
    pub fn holds(self, status: u16) -> bool {
        match self {
            StatusRange::Exact(exact) => exact == status,
            StatusRange::Class(class) => status / 100 == class,
            StatusRange::Default => true,
        }
    }

    pub(super) fn read(text: &str) -> Option<StatusRange> {
        if text == "default" {
            return Some(StatusRange::Default);
        }
        let first = text.chars().next()?.to_digit(10).and_then(|digit| u16::try_from(digit).ok())?;
        if !(1..=5).contains(&first) || text.len() != 3 {
            return None;
        }
        if text.get(1..) == Some("XX") {
            return Some(StatusRange::Class(first));
        }
        text.parse().ok().map(StatusRange::Exact)
    }
}

impl std::fmt::Display for StatusRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StatusRange::Exact(status) => write!(f, "{status}"),
            StatusRange::Class(class) => write!(f, "{class}XX"),
            StatusRange::Default => f.write_str("default"),
        }
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseView {
    /// The statuses it stands for.
    pub status: StatusRange,
    /// Where it is declared.
    pub pointer: String,
    /// Media types by name, as written. Empty: no body.
    pub content: BTreeMap<String, MediaView>,
    /// Headers by name, as written.
    pub headers: BTreeMap<String, HeaderView>,
}

/// A response header.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderView {
    /// Where it is declared.
    pub pointer: String,
    /// Whether it is always there.
    pub required: bool,
    /// Pointer of its schema.
    pub schema: Option<String>,
    /// Media types by name, for one that has these instead of a schema.
    pub content: BTreeMap<String, MediaView>,
}

/// How one property of a form or of parts is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodingView {
    /// The media type of its value, where given.
    pub content_type: Option<String>,
    /// As a query parameter's, where given.
    pub style: Option<String>,
    /// As a query parameter's, where given.
    pub explode: Option<bool>,
    /// Whether reserved characters are left as they are.
    pub allow_reserved: bool,
}

impl OperationView {
    /// Reads a slice's text. The text is foreign: read strictly, and nothing in it is taken for granted.
    pub fn from_slice(text: &str) -> Result<OperationView, ViewError> {
        let root = read_strict(text.as_bytes())
            .map_err(|error| ViewError::new("", format!("is no slice: {error}")))?;
        let header = root.get("x-eczflow-slice").cloned().unwrap_or_default();
        let header: Header = serde_json::from_value(header)
            .map_err(|_| ViewError::new("/x-eczflow-slice", "does not name the operation"))?;
        if header.format != SLICE_FORMAT {
            return Err(ViewError::new("/x-eczflow-slice/format", format!("is not `{SLICE_FORMAT}`")));
        }
        operation::read(&Arc::new(root), &header.method, &header.path)
    }

    /// The document or slice the pointers lead into, for schemas and their references.
    pub fn root(&self) -> &Arc<Value> {
        &self.root
    }

    /// The JSON at a pointer, such as a schema.
    pub fn json(&self, pointer: &str) -> Option<&Value> {
        self.root.pointer(pointer)
    }

    /// `METHOD /path`.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The `operationId`, else `METHOD /path`: the name a flow calls it by.
    pub fn key(&self) -> String {
        self.operation_id.clone().unwrap_or_else(|| self.route())
    }

    /// Whether the method is safe (GET, HEAD, OPTIONS, QUERY): everything else is an effect.
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "QUERY")
    }

    /// The parameter of a name and location. Names of headers are compared without case.
    pub fn parameter(&self, location: Location, name: &str) -> Option<&ParameterView> {
        self.parameters.iter().find(|parameter| {
            parameter.location == location
                && (parameter.name == name
                    || (location == Location::Header && parameter.name.eq_ignore_ascii_case(name)))
        })
    }

    /// The response that stands for a status: the exact one, else its class, else the default.
    pub fn response(&self, status: u16) -> Option<&ResponseView> {
        self.responses.iter().find(|response| response.status.holds(status))
    }

    /// Whether some alternative of its security is a bearer token and nothing else.
    pub fn takes_bearer(&self) -> bool {
        self.security.iter().any(|schemes| {
            schemes.len() == 1 && schemes.values().all(|scheme| scheme.scheme == Scheme::Bearer)
        })
    }
}

//! What an operation says, read from a document or from its slice alone: one implementation for both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::pointer::join;
use super::references::resolve;
use super::slice::{Header, SLICE_FORMAT, path_item};
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
    root: Arc<Value>,
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
}

impl Location {
    /// As documents and plans write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
            Location::Cookie => "cookie",
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

    fn read(text: &str) -> Option<StatusRange> {
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
}

/// How a security scheme works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// `http` with scheme `bearer`.
    Bearer,
    /// Anything else, in the document's words: `http basic`, `apiKey`, `oauth2`.
    Other(String),
}

/// A security scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeView {
    /// Where it is declared.
    pub pointer: String,
    /// How it works.
    pub scheme: Scheme,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// Absolute URL, variables replaced by their defaults, no trailing slash.
    pub url: String,
    /// Where it is declared.
    pub pointer: String,
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
        OperationView::read(&Arc::new(root), &header.method, &header.path)
    }

    /// Reads one operation (`method` in upper case) of a document.
    pub(super) fn read(root: &Arc<Value>, method: &str, path: &str) -> Result<OperationView, ViewError> {
        let (item_at, item) = path_item(root, path)?;
        let key = method.to_ascii_lowercase();
        let pointer = join(&item_at, &key);
        let operation = object(item.get(&key), &pointer)?;
        let reader = Reader { root };
        let own = operation.get("parameters");
        let parameters = reader.parameters(item.get("parameters"), &item_at, own, &pointer)?;
        check_template(path, &parameters, &pointer)?;
        let body =
            operation.get("requestBody").map(|_| reader.body(&join(&pointer, "requestBody"))).transpose()?;
        let servers = [(operation.get("servers"), &pointer), (item.get("servers"), &item_at)]
            .into_iter()
            .find_map(|(servers, at)| servers.map(|servers| (servers, at.clone())))
            .or_else(|| root.get("servers").map(|servers| (servers, String::new())));
        Ok(OperationView {
            method: method.to_owned(),
            path: path.to_owned(),
            operation_id: optional_text(operation, "operationId", &pointer)?,
            parameters,
            body,
            responses: reader.responses(operation.get("responses"), &join(&pointer, "responses"))?,
            security: reader.security(operation, &pointer)?,
            servers: servers
                .map_or(Ok(Vec::new()), |(servers, at)| read_servers(servers, &join(&at, "servers")))?,
            pointer,
            root: Arc::clone(root),
        })
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

    /// Whether the method is safe (GET, HEAD, OPTIONS): everything else is an effect.
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
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

type Object = serde_json::Map<String, Value>;

fn object<'v>(value: Option<&'v Value>, at: &str) -> Result<&'v Object, ViewError> {
    match value {
        None => Err(ViewError::new(at, "is missing")),
        Some(value) => value.as_object().ok_or_else(|| ViewError::new(at, "is not an object")),
    }
}

fn array<'v>(value: &'v Value, at: &str) -> Result<&'v Vec<Value>, ViewError> {
    value.as_array().ok_or_else(|| ViewError::new(at, "is not an array"))
}

fn optional_text(value: &Object, name: &str, at: &str) -> Result<Option<String>, ViewError> {
    match value.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ViewError::new(&join(at, name), "is not a string")),
    }
}

fn flag(value: &Object, name: &str, at: &str, otherwise: bool) -> Result<bool, ViewError> {
    match value.get(name) {
        None => Ok(otherwise),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ViewError::new(&join(at, name), "is not true or false")),
    }
}

/// Every name in the path template has a path parameter, and the other way round.
fn check_template(path: &str, parameters: &[ParameterView], at: &str) -> Result<(), ViewError> {
    let mut named = BTreeSet::new();
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| ViewError::new(at, format!("has `{{` without `}}` in `{path}`")))?;
        named.insert(name);
        rest = after;
    }
    let declared: BTreeSet<&str> = parameters
        .iter()
        .filter(|parameter| parameter.location == Location::Path)
        .map(|parameter| parameter.name.as_str())
        .collect();
    if let Some(name) = named.difference(&declared).next() {
        return Err(ViewError::new(at, format!("declares no path parameter `{name}`, which its path names")));
    }
    if let Some(name) = declared.difference(&named).next() {
        return Err(ViewError::new(
            at,
            format!("declares the path parameter `{name}`, which its path does not name"),
        ));
    }
    Ok(())
}

fn read_servers(servers: &Value, at: &str) -> Result<Vec<ServerView>, ViewError> {
    let mut read = Vec::new();
    for (index, server) in array(servers, at)?.iter().enumerate() {
        let at = format!("{at}/{index}");
        let server = object(Some(server), &at)?;
        let mut url = optional_text(server, "url", &at)?.ok_or_else(|| ViewError::new(&at, "has no url"))?;
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            if let Some(default) = variable.get("default").and_then(Value::as_str) {
                url = url.replace(&format!("{{{name}}}"), default);
            }
        }
        let parsed = url::Url::parse(&url).ok().filter(|parsed| parsed.has_host() && !url.contains('{'));
        let plain = parsed.filter(|parsed| {
            matches!(parsed.scheme(), "https" | "http")
                && parsed.query().is_none()
                && parsed.fragment().is_none()
                && parsed.username().is_empty()
                && parsed.password().is_none()
        });
        if plain.is_none() {
            return Err(ViewError::new(
                &join(&at, "url"),
                "is not an absolute URL of scheme, host and path alone",
            ));
        }
        read.push(ServerView { url: url.trim_end_matches('/').to_owned(), pointer: at });
    }
    Ok(read)
}

/// The servers of a whole document.
pub(super) fn document_servers(root: &Value) -> Result<Vec<ServerView>, ViewError> {
    root.get("servers").map_or(Ok(Vec::new()), |servers| read_servers(servers, "/servers"))
}

struct Reader<'v> {
    root: &'v Value,
}

impl<'v> Reader<'v> {
    fn object_at(&self, at: &str) -> Result<(String, &'v Object), ViewError> {
        let (at, value) = resolve(self.root, at).ok_or_else(|| ViewError::new(at, "leads nowhere"))?;
        let value = object(Some(value), &at)?;
        Ok((at, value))
    }

    fn parameters(
        &self,
        shared: Option<&Value>,
        shared_at: &str,
        own: Option<&Value>,
        own_at: &str,
    ) -> Result<Vec<ParameterView>, ViewError> {
        let mut all: Vec<ParameterView> = Vec::new();
        for (list, at) in [(shared, shared_at), (own, own_at)] {
            let Some(list) = list else { continue };
            let at = join(at, "parameters");
            let mut seen = BTreeSet::new();
            for index in 0..array(list, &at)?.len() {
                let Some(parameter) = self.parameter(&format!("{at}/{index}"))? else { continue };
                if !seen.insert((parameter.location, parameter.name.clone())) {
                    let reason = format!("repeats the parameter `{}`", parameter.name);
                    return Err(ViewError::new(&format!("{at}/{index}"), reason));
                }
                let same = |other: &&mut ParameterView| {
                    other.location == parameter.location && other.name == parameter.name
                };
                match all.iter_mut().find(same) {
                    Some(replaced) => *replaced = parameter,
                    None => all.push(parameter),
                }
            }
        }
        Ok(all)
    }

    /// `None` for the three headers that OpenAPI says are described elsewhere.
    fn parameter(&self, at: &str) -> Result<Option<ParameterView>, ViewError> {
        let (at, value) = self.object_at(at)?;
        let name = optional_text(value, "name", &at)?.ok_or_else(|| ViewError::new(&at, "has no name"))?;
        let location = match value.get("in").and_then(Value::as_str) {
            Some("path") => Location::Path,
            Some("query") => Location::Query,
            Some("header") => Location::Header,
            Some("cookie") => Location::Cookie,
            _ => {
                return Err(ViewError::new(&join(&at, "in"), "is not `path`, `query`, `header` or `cookie`"));
            }
        };
        let described_elsewhere = ["accept", "content-type", "authorization"];
        if location == Location::Header && described_elsewhere.contains(&name.to_ascii_lowercase().as_str()) {
            return Ok(None);
        }
        let required = flag(value, "required", &at, false)?;
        if location == Location::Path && !required {
            return Err(ViewError::new(&at, "is a path parameter and not `required: true`"));
        }
        let otherwise =
            if matches!(location, Location::Query | Location::Cookie) { "form" } else { "simple" };
        let style = optional_text(value, "style", &at)?.unwrap_or_else(|| otherwise.to_owned());
        let explode = flag(value, "explode", &at, style == "form")?;
        let mut schema = value.get("schema").map(|_| join(&at, "schema"));
        let mut examples = self.examples(value, &at)?;
        let mut media_type = None;
        if let Some(content) = value.get("content") {
            let content_at = join(&at, "content");
            let mut media = object(Some(content), &content_at)?.keys();
            let (Some(only), None) = (media.next(), media.next()) else {
                return Err(ViewError::new(&content_at, "does not have exactly one media type"));
            };
            let view = self.media(&join(&content_at, only))?;
            schema = view.schema;
            examples.extend(view.examples);
            media_type = Some(only.clone());
        }
        Ok(Some(ParameterView {
            name,
            location,
            required,
            pointer: at,
            schema,
            style,
            explode,
            media_type,
            examples,
        }))
    }

    fn examples(&self, value: &Object, at: &str) -> Result<Vec<Example>, ViewError> {
        let mut examples = Vec::new();
        if let Some(value) = value.get("example") {
            examples.push(Example { name: String::new(), value: value.clone() });
        }
        if let Some(named) = value.get("examples") {
            let at = join(at, "examples");
            for name in object(Some(named), &at)?.keys() {
                let (_, example) = self.object_at(&join(&at, name))?;
                if let Some(value) = example.get("value") {
                    examples.push(Example { name: name.clone(), value: value.clone() });
                }
            }
        }
        Ok(examples)
    }

    fn media(&self, at: &str) -> Result<MediaView, ViewError> {
        let (pointer, value) = self.object_at(at)?;
        let schema = value.get("schema").map(|_| join(&pointer, "schema"));
        let examples = self.examples(value, &pointer)?;
        Ok(MediaView { pointer, schema, examples })
    }

    fn content(&self, value: &Object, at: &str) -> Result<BTreeMap<String, MediaView>, ViewError> {
        let Some(content) = value.get("content") else { return Ok(BTreeMap::new()) };
        let at = join(at, "content");
        let names = object(Some(content), &at)?.keys();
        names.map(|name| Ok((name.clone(), self.media(&join(&at, name))?))).collect()
    }

    fn body(&self, at: &str) -> Result<BodyView, ViewError> {
        let (pointer, value) = self.object_at(at)?;
        let required = flag(value, "required", &pointer, false)?;
        let content = self.content(value, &pointer)?;
        if content.is_empty() {
            return Err(ViewError::new(&pointer, "has no media type"));
        }
        Ok(BodyView { pointer, required, content })
    }

    fn responses(&self, value: Option<&Value>, at: &str) -> Result<Vec<ResponseView>, ViewError> {
        let Some(value) = value else { return Ok(Vec::new()) };
        let mut responses = Vec::new();
        for name in object(Some(value), at)?.keys().filter(|name| !name.starts_with("x-")) {
            let here = join(at, name);
            let status = StatusRange::read(name)
                .ok_or_else(|| ViewError::new(&here, "is not a status, `2XX` or `default`"))?;
            let (pointer, response) = self.object_at(&here)?;
            let content = self.content(response, &pointer)?;
            let headers = self.headers(response, &pointer)?;
            responses.push(ResponseView { status, pointer, content, headers });
        }
        responses.sort_by_key(|response| response.status);
        Ok(responses)
    }

    fn headers(&self, response: &Object, at: &str) -> Result<BTreeMap<String, HeaderView>, ViewError> {
        let Some(headers) = response.get("headers") else { return Ok(BTreeMap::new()) };
        let at = join(at, "headers");
        let mut read = BTreeMap::new();
        for name in object(Some(headers), &at)?.keys() {
            let (pointer, header) = self.object_at(&join(&at, name))?;
            let required = flag(header, "required", &pointer, false)?;
            let schema = header.get("schema").map(|_| join(&pointer, "schema"));
            read.insert(name.clone(), HeaderView { pointer, required, schema });
        }
        Ok(read)
    }

    fn security(&self, operation: &Object, at: &str) -> Result<Vec<BTreeMap<String, SchemeView>>, ViewError> {
        let (value, at) = match (operation.get("security"), self.root.get("security")) {
            (Some(own), _) => (own, join(at, "security")),
            (None, Some(shared)) => (shared, "/security".to_owned()),
            (None, None) => return Ok(Vec::new()),
        };
        let mut alternatives = Vec::new();
        for (index, alternative) in array(value, &at)?.iter().enumerate() {
            let at = format!("{at}/{index}");
            let mut schemes = BTreeMap::new();
            for name in object(Some(alternative), &at)?.keys() {
                schemes.insert(name.clone(), self.scheme(name, &join(&at, name))?);
            }
            alternatives.push(schemes);
        }
        Ok(alternatives)
    }

    fn scheme(&self, name: &str, used_at: &str) -> Result<SchemeView, ViewError> {
        let at = join("/components/securitySchemes", name);
        let found = resolve(self.root, &at);
        let (pointer, value) =
            found.ok_or_else(|| ViewError::new(used_at, "names a security scheme that is not declared"))?;
        let value = object(Some(value), &pointer)?;
        let kind =
            optional_text(value, "type", &pointer)?.ok_or_else(|| ViewError::new(&pointer, "has no type"))?;
        let scheme = optional_text(value, "scheme", &pointer)?.unwrap_or_default();
        let scheme = match (kind.as_str(), scheme) {
            ("http", scheme) if scheme.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
            ("http", scheme) => Scheme::Other(format!("http {}", scheme.to_ascii_lowercase())),
            _ => Scheme::Other(kind),
        };
        Ok(SchemeView { pointer, scheme })
    }
}

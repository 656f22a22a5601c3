//! Reads one operation out of a document or slice. Everything in it is foreign: each shape is checked, references are
//! followed, and what does not follow OpenAPI 3.1 is an error with a pointer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::pointer::join;
use super::references::resolve;
use super::security;
use super::servers::{self, ServerView};
use super::tree::Node;
use super::view::{
    BodyView, Dialect, EncodingView, Example, HeaderView, Location, MediaView, OperationView, ParameterView,
    ResponseView, StatusRange, ViewError,
};

/// The methods of OpenAPI, as members of a path item.
pub(super) const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The member of a path item that holds operations of other methods (OpenAPI 3.2).
pub(super) const ADDITIONAL: &str = "additionalOperations";

/// The version of OpenAPI that a document or slice states.
fn dialect(stated: Option<&str>) -> Result<Dialect, ViewError> {
    let known = stated.and_then(Dialect::of);
    known.ok_or_else(|| ViewError::new("/openapi", "is no version of OpenAPI that is read"))
}

/// The version of OpenAPI that a document states.
pub(super) fn dialect_of(root: Node<'_>) -> Result<Dialect, ViewError> {
    dialect(root.get("openapi").and_then(Node::as_str))
}

/// Whether a member of a path item is an operation.
pub(super) fn is_method(name: &str, dialect: Dialect) -> bool {
    METHODS.contains(&name) || (name == "query" && dialect >= Dialect::V32)
}

/// The way from a path item to the operation of a method.
pub(super) fn member_of(method: &str, dialect: Dialect) -> Vec<String> {
    let key = method.to_ascii_lowercase();
    if is_method(&key, dialect) && method == key.to_ascii_uppercase() {
        vec![key]
    } else {
        vec![ADDITIONAL.to_owned(), method.to_owned()]
    }
}

/// Reads one operation (`method` as it is sent) of a slice.
pub(super) fn read(root: &Arc<Value>, method: &str, path: &str) -> Result<OperationView, ViewError> {
    let dialect = dialect(root.get("openapi").and_then(Value::as_str))?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let member = member_of(method, dialect);
    if method.is_empty() || !method.bytes().all(token) || (member.len() > 1 && dialect < Dialect::V32) {
        return Err(ViewError::new(&join("/paths", path), "is called with an unknown method"));
    }
    let item_at = join("/paths", path);
    if !path.starts_with('/') {
        return Err(ViewError::new(&item_at, "does not begin with `/`"));
    }
    let item = root.pointer(&item_at).ok_or_else(|| ViewError::new(&item_at, "leads nowhere"))?;
    let pointer = member.iter().fold(item_at.clone(), |at, token| join(&at, token));
    let operation = object(member.iter().try_fold(item, |at, token| at.get(token)), &pointer)?;
    let reader = Reader { root };
    let own = operation.get("parameters");
    let parameters = reader.parameters(item.get("parameters"), &item_at, own, &pointer)?;
    check_template(path, &parameters, &pointer)?;
    let body =
        operation.get("requestBody").map(|_| reader.body(&join(&pointer, "requestBody"))).transpose()?;
    let body = body.filter(|body| !body.content.is_empty());
    let given = [(operation.get("servers"), &pointer), (item.get("servers"), &item_at)]
        .into_iter()
        .find_map(|(given, at)| given.map(|given| servers::read(given, &join(at, "servers"))));
    let security = match (operation.get("security"), root.get("security")) {
        (Some(own), _) => security::read(root, own, &join(&pointer, "security"))?,
        (None, Some(shared)) => security::read(root, shared, "/security")?,
        (None, None) => Vec::new(),
    };
    Ok(OperationView {
        dialect,
        method: method.to_owned(),
        path: path.to_owned(),
        operation_id: optional_text(operation, "operationId", &pointer)?,
        parameters,
        body,
        responses: reader.responses(operation.get("responses"), &join(&pointer, "responses"))?,
        security,
        servers: given.unwrap_or_else(|| document_servers(root)),
        pointer,
        root: Arc::clone(root),
    })
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

/// Every name in the path template has a path parameter, and the other way round. What stands between them is a path.
fn check_template(path: &str, parameters: &[ParameterView], at: &str) -> Result<(), ViewError> {
    let mut named = BTreeSet::new();
    let mut rest = path;
    let mut filled = String::new();
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| ViewError::new(at, format!("has `{{` without `}}` in `{path}`")))?;
        named.insert(name);
        filled.extend([literal, "x"]);
        rest = after;
    }
    filled.push_str(rest);
    if let Some(what) = misread(&filled) {
        return Err(ViewError::new(
            at,
            format!("has {what} in its path `{path}`, which then is another one"),
        ));
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

/// What of a path would be taken for something else once it stands in a URL: a query, a fragment, a host, a way up.
fn misread(path: &str) -> Option<&'static str> {
    let dots =
        |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    let named = [('?', "`?`"), ('#', "`#`"), ('\\', "`\\`")];
    let listed = named.into_iter().find(|(character, _)| path.contains(*character)).map(|(_, what)| what);
    listed
        .or_else(|| path.contains("//").then_some("`//`"))
        .or_else(|| path.split('/').any(dots).then_some("a segment of dots"))
        .or_else(|| path.contains(|c: char| c.is_whitespace() || c.is_control()).then_some("a blank"))
}

/// The servers of a whole document, or those that its slices have of it.
pub(super) fn document_servers(root: &Value) -> Vec<ServerView> {
    root.get("servers").map_or(Vec::new(), |given| servers::read(given, "/servers"))
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
            Some("querystring") => Location::QueryString,
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
        let explode = flag(value, "explode", &at, style == "form" || style == "cookie")?;
        let allow_reserved = flag(value, "allowReserved", &at, false)?;
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
            allow_reserved,
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
        let item_schema = value.get("itemSchema").map(|_| join(&pointer, "itemSchema"));
        let examples = self.examples(value, &pointer)?;
        let mut encoding = BTreeMap::new();
        let encoding_at = join(&pointer, "encoding");
        for (name, one) in value.get("encoding").and_then(Value::as_object).into_iter().flatten() {
            let at = join(&encoding_at, name);
            let one = object(Some(one), &at)?;
            let explode = one.get("explode").map(|_| flag(one, "explode", &at, false)).transpose()?;
            let view = EncodingView {
                content_type: optional_text(one, "contentType", &at)?,
                style: optional_text(one, "style", &at)?,
                explode,
                allow_reserved: flag(one, "allowReserved", &at, false)?,
            };
            encoding.insert(name.clone(), view);
        }
        Ok(MediaView { pointer, schema, item_schema, encoding, examples })
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
        // Nothing can be sent where no type is named; where nothing must be, that is no harm.
        if content.is_empty() && required {
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
            let content = self.content(header, &pointer)?;
            read.insert(name.clone(), HeaderView { pointer, required, schema, content });
        }
        Ok(read)
    }
}

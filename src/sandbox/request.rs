//! Whether a request is what the document says it must be.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use super::flatten::resolve;
use super::problem::Problem;
use super::schemas::Schemas;
use super::surface::{Matched, is_json, json_content};
use crate::base::json::read_strict;
use crate::documents::{Location, ParameterView};

/// What a request says, read by the document.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    /// Path parameters by name.
    pub(crate) path: BTreeMap<String, Value>,
    /// Query parameters by name.
    pub(crate) query: BTreeMap<String, Value>,
    /// The JSON body.
    pub(crate) body: Option<Value>,
}

/// Everything wrong with a request, at most so many places.
const MOST_ERRORS: usize = 20;

struct Errors(Vec<Value>);

impl Errors {
    fn push(&mut self, place: String, why: String) {
        if self.0.len() < MOST_ERRORS {
            self.0.push(serde_json::json!({"place": place, "detail": why}));
        }
    }
}

/// Reads a request by its operation, or says what is wrong with it.
pub(crate) fn read_arguments(
    matched: &Matched<'_>,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Arguments, Problem> {
    let (view, schemas) = (&matched.operation.view, &matched.operation.schemas);
    let mut errors = Errors(Vec::new());
    let mut arguments = Arguments::default();
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    for (name, _) in &pairs {
        if view.parameter(Location::Query, name).is_none() {
            errors.push(format!("query `{name}`"), "the operation has no such parameter".into());
        }
    }
    for parameter in &view.parameters {
        let place = format!("{} `{}`", parameter.location.as_str(), parameter.name);
        let texts = match parameter.location {
            Location::Path => match matched.arguments.get(&parameter.name).map(|text| percent_decode(text)) {
                Some(Some(text)) => vec![text],
                Some(None) => {
                    errors.push(place, "is not percent-encoded UTF-8".into());
                    continue;
                }
                None => vec![],
            },
            Location::Query => pairs
                .iter()
                .filter(|(name, _)| *name == parameter.name)
                .map(|(_, text)| text.clone())
                .collect(),
            Location::Header if is_reserved(&parameter.name) => continue,
            Location::Header => headers
                .get_all(parameter.name.as_str())
                .iter()
                .filter_map(|value| value.to_str().ok().map(str::to_owned))
                .collect(),
            Location::Cookie | Location::QueryString => continue,
        };
        if texts.is_empty() {
            if parameter.required {
                errors.push(place, "is required".into());
            }
            continue;
        }
        match argument(schemas, parameter, &texts) {
            Err(why) => errors.push(place, why),
            Ok(value) => {
                if let Some(misfit) = schemas.misfit(parameter.schema.as_deref(), &value) {
                    errors.push(place, misfit);
                } else {
                    let into = match parameter.location {
                        Location::Path => &mut arguments.path,
                        Location::Query => &mut arguments.query,
                        Location::Header | Location::Cookie | Location::QueryString => continue,
                    };
                    into.insert(parameter.name.clone(), value);
                }
            }
        }
    }
    arguments.body = read_body(matched, headers, body, &mut errors)?;
    if errors.0.is_empty() {
        return Ok(arguments);
    }
    let first = errors.0.first().map(|error| format!("{}: {}", text(error, "place"), text(error, "detail")));
    let detail = first.unwrap_or_default();
    Err(Problem::new(400, "the request does not fit the document", detail).with("errors", errors.0))
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Header parameters of these names are ignored (OpenAPI 3.1, section 4.8.12).
fn is_reserved(name: &str) -> bool {
    [ACCEPT, CONTENT_TYPE, AUTHORIZATION].iter().any(|reserved| name.eq_ignore_ascii_case(reserved.as_str()))
}

fn read_body(
    matched: &Matched<'_>,
    headers: &HeaderMap,
    body: &[u8],
    errors: &mut Errors,
) -> Result<Option<Value>, Problem> {
    let schemas = &matched.operation.schemas;
    let Some(documented) = &matched.operation.view.body else {
        if !body.is_empty() {
            errors.push("body".into(), "the operation takes none".into());
        }
        return Ok(None);
    };
    if body.is_empty() {
        if documented.required {
            errors.push("body".into(), "is required".into());
        }
        return Ok(None);
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((_, media)) = json_content(&documented.content).filter(|_| is_json(content_type)) else {
        return Err(Problem::new(415, "the media type is not served", "the sandbox reads JSON bodies only"));
    };
    match read_strict(body) {
        Err(error) => errors.push("body".into(), format!("is no strict JSON: {error}")),
        Ok(value) => match schemas.misfit(media.schema.as_deref(), &value) {
            Some(misfit) => errors.push("body".into(), misfit),
            None => return Ok(Some(value)),
        },
    }
    Ok(None)
}

/// A parameter's value from its texts: lists by repetition or commas, other values by their schema's type.
fn argument(schemas: &Schemas, parameter: &ParameterView, texts: &[String]) -> Result<Value, String> {
    let root = schemas.root();
    let schema = resolve(root, schemas.get(parameter.schema.as_deref()));
    if has_type(schema, "array") {
        let items = schema.get("items").map_or(&Value::Null, |items| resolve(root, items));
        let parts: Vec<&str> = if parameter.explode && parameter.location == Location::Query {
            texts.iter().map(String::as_str).collect()
        } else {
            texts.iter().flat_map(|text| text.split(',')).collect()
        };
        return Ok(parts.into_iter().map(|part| scalar(items, part)).collect());
    }
    match texts {
        [text] => Ok(scalar(schema, text)),
        _ => Err("stands there more than once".into()),
    }
}

fn has_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(own)) => own == name,
        Some(Value::Array(types)) => types.iter().any(|own| own == name),
        _ => false,
    }
}

/// A text as what its schema says; text stays text where it is nothing else, and the schema then refuses it.
fn scalar(schema: &Value, text: &str) -> Value {
    let number = has_type(schema, "integer") || has_type(schema, "number");
    if number
        && let Ok(value) = read_strict(text.as_bytes())
        && value.is_number()
    {
        return value;
    }
    match text {
        "true" | "false" if has_type(schema, "boolean") => Value::Bool(text == "true"),
        _ => Value::String(text.to_owned()),
    }
}

/// Percent-decoding (RFC 3986, section 2.1); `None` for broken escapes or what is no UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::surface::surface;
    use super::*;
    use serde_json::json;

    fn read(path: &str, query: &str, body: &str) -> Result<Arguments, Problem> {
        let paths = json!({"/t/{n}": {"post": {
            "parameters": [
                {"name": "n", "in": "path", "required": true, "schema": {"type": "integer"}},
                {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                {"name": "deep", "in": "query", "schema": {"type": "boolean"}},
            ],
            "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Line"}}}},
            "responses": {"204": {"description": "done"}},
        }}});
        let schemas = json!({"Line": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}}});
        let surface = surface(paths, schemas);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
        let matched = surface.find("POST", path).unwrap();
        read_arguments(&matched, query, &headers, body.as_bytes())
    }

    #[test]
    fn requests_are_read_by_the_document() {
        let read = read("/t/7", "tag=a&tag=b%20c&deep=true", r#"{"sku":"S"}"#).unwrap();
        assert_eq!(read.path, BTreeMap::from([("n".into(), json!(7))]));
        assert_eq!(
            read.query,
            BTreeMap::from([("tag".into(), json!(["a", "b c"])), ("deep".into(), json!(true))])
        );
        assert_eq!(read.body, Some(json!({"sku": "S"})));
    }

    #[test]
    fn everything_wrong_is_named() {
        let detail = |path: &str, query: &str, body: &str| {
            let problem = read(path, query, body).unwrap_err();
            assert_eq!(problem.status, 400);
            problem.detail
        };
        assert!(detail("/t/x", "", r#"{"sku":"S"}"#).starts_with("path `n`"));
        assert!(detail("/t/7", "tga=a", r#"{"sku":"S"}"#).contains("no such parameter"));
        assert!(detail("/t/7", "deep=yes", r#"{"sku":"S"}"#).starts_with("query `deep`"));
        assert!(detail("/t/7", "", r#"{"sku":5}"#).starts_with("body"));
        assert!(detail("/t/7", "", r#"{"sku":"a","sku":"b"}"#).contains("strict JSON"));
        assert!(detail("/t/7", "", "").contains("required"));
        assert_eq!(percent_decode("a%2Fb%C3%A4"), Some("a/bä".into()));
        assert_eq!([percent_decode("%"), percent_decode("%ff"), percent_decode("%+1")], [None, None, None]);
    }
}

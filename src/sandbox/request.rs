//! Whether a request is what the document says it must be.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, COOKIE};
use serde_json::Value;

use super::problem::Problem;
use super::surface::{Matched, is_json};
use crate::base::json::read_strict;
use crate::documents::Location;
use crate::types::{Encoding, Misfit, Parameter, Schema};

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

/// Reads a request by its operation, or says what is wrong with it. `keys` are query parameters that are none of the
/// operation's: they authenticate.
pub(crate) fn read_arguments(
    matched: &Matched<'_>,
    query: &str,
    keys: &[&str],
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Arguments, Problem> {
    let contract = &matched.operation.contract;
    let mut errors = Errors(Vec::new());
    let mut arguments = Arguments::default();
    for (location, text) in [(Location::Query, query.to_owned()), (Location::Cookie, cookies(headers))] {
        let parameters: Vec<&Parameter> =
            contract.parameters.iter().filter(|parameter| parameter.location == location).collect();
        let sent = Parameter::read_sent(&parameters, location, &text);
        for name in
            sent.unknown.iter().filter(|name| location == Location::Query && !keys.contains(&name.as_str()))
        {
            errors.push(format!("query `{name}`"), "the operation has no such parameter".into());
        }
        for (parameter, value) in parameters.iter().zip(sent.values) {
            if let Some(value) = checked(parameter, value, &mut errors)
                && location == Location::Query
            {
                arguments.query.insert(parameter.name.clone(), value);
            }
        }
    }
    for parameter in &contract.parameters {
        let text = match parameter.location {
            Location::Path => matched.arguments.get(&parameter.name).cloned(),
            Location::Header => match single(headers, &parameter.name) {
                Ok(text) => text,
                Err(why) => {
                    errors.push(place(parameter), why.into());
                    continue;
                }
            },
            _ => continue,
        };
        let value = text.map(|text| parameter.read_text(&text)).transpose();
        if let Some(value) = checked(parameter, value, &mut errors)
            && parameter.location == Location::Path
        {
            arguments.path.insert(parameter.name.clone(), value);
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

fn place(parameter: &Parameter) -> String {
    format!("{} `{}`", parameter.location.as_str(), parameter.name)
}

/// A value that was read, where it is there and fits its schema.
fn checked(
    parameter: &Parameter,
    value: Result<Option<Value>, Misfit>,
    errors: &mut Errors,
) -> Option<Value> {
    let place = place(parameter);
    match value {
        Err(why) => errors.push(place, why.to_string()),
        Ok(None) if parameter.required => errors.push(place, "is required".into()),
        Ok(None) => {}
        Ok(Some(value)) => match parameter.check(&value) {
            Err(why) => errors.push(place, plainly(&parameter.schema, &value, why)),
            Ok(()) => return Some(value),
        },
    }
    None
}

/// A misfit in the type's own words, which are plainer, where it sees the misfit too.
fn plainly(schema: &Schema, value: &Value, misfit: Misfit) -> String {
    let plain = crate::types::Value::decode(&schema.ty, value).err();
    plain.unwrap_or(misfit).to_string()
}

/// All cookies of a request: HTTP/2 may send each in a header of its own.
fn cookies(headers: &HeaderMap) -> String {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.collect::<Vec<_>>().join("; ")
}

fn single(headers: &HeaderMap, name: &str) -> Result<Option<String>, &'static str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.to_owned())).map_err(|_| "is no text"),
        (Some(_), Some(_)) => Err("stands there more than once"),
    }
}

fn text<'v>(of: &'v Value, name: &str) -> &'v str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn read_body(
    matched: &Matched<'_>,
    headers: &HeaderMap,
    body: &[u8],
    errors: &mut Errors,
) -> Result<Option<Value>, Problem> {
    let operation = matched.operation;
    let Some(documented) = &operation.contract.body else {
        if !body.is_empty() && operation.view.body.is_none() {
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
    let read = match documented.encoding {
        Encoding::Json if is_json(content_type) => {
            read_strict(body).map_err(|error| format!("is no strict JSON: {error}"))
        }
        Encoding::Form if is_form(content_type) => match std::str::from_utf8(body) {
            Ok(text) => documented.read_form(text).map_err(|misfit| misfit.to_string()),
            Err(_) => Err("is no UTF-8".to_owned()),
        },
        _ => {
            let detail = format!("the operation takes `{}`", documented.media_type);
            return Err(Problem::new(415, "the media type is not served", detail));
        }
    };
    match read {
        Err(why) => errors.push("body".into(), why),
        Ok(value) => match operation.contract.check_body(&value) {
            Err(misfit) => errors.push("body".into(), plainly(&documented.schema, &value, misfit)),
            Ok(()) => return Ok(Some(value)),
        },
    }
    Ok(None)
}

fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
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
        read_arguments(&matched, query, &[], &headers, body.as_bytes())
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
    fn forms_are_read_as_they_are_written() {
        let customer = json!({"type": "object", "properties": {
            "name": {"type": "string"}, "age": {"type": "integer"},
            "address": {"type": "object", "properties": {"city": {"type": "string"}}}}});
        let media =
            json!({"schema": customer, "encoding": {"address": {"style": "deepObject", "explode": true}}});
        let paths = json!({"/customers": {"post": {
            "requestBody": {"content": {"application/x-www-form-urlencoded": media}},
            "responses": {"204": {"description": "done"}},
        }}});
        let surface = surface(paths, json!({}));
        let matched = surface.find("POST", "/customers").unwrap();
        let read = |content_type: &str, body: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
            read_arguments(&matched, "", &[], &headers, body.as_bytes()).map(|read| read.body.unwrap())
        };
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(
            read(form, "name=A+B&age=7&address%5Bcity%5D=%C3%9Cb").unwrap(),
            json!({"name": "A B", "age": 7, "address": {"city": "Üb"}})
        );
        assert_eq!(read(form, "age=old").unwrap_err().status, 400);
        assert_eq!(read("application/json", "{}").unwrap_err().status, 415);
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
    }
}

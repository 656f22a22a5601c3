//! What one operation takes and answers, as types and as guards.

use std::fmt;

use serde_json::Value as Json;

use super::guard::{Guard, GuardError};
use super::{Header, Misfit, Parameter, Schema, Type, Value};
use crate::base::json::read_strict;
use crate::documents::{Location, MediaView, OperationView, ResponseView, StatusRange};

/// The header that a document declares where it honours idempotency keys; compared without case.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Headers that the runtime alone sets, whatever a document declares as parameter. Lower case.
const RUNTIME_HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "baggage",
    "connection",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "ecz-handoff",
    "expect",
    "host",
    "idempotency-key",
    "proxy-authorization",
    "signature",
    "signature-input",
    "te",
    "trailer",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Something a document asks for that is not built yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// JSON pointer of the place.
    pub pointer: String,
    /// What it is, to be read before "is not supported": `the media type text/csv`.
    pub what: String,
}

/// One operation's contract. Compiled once, shared by threads.
#[derive(Debug)]
pub struct Contract {
    /// Upper case.
    pub method: String,
    /// The path template.
    pub path: String,
    /// Parameters that a flow may give, in the document's order. Without the headers that the runtime sets itself.
    pub parameters: Vec<Parameter>,
    /// The JSON body, where one may be sent.
    pub body: Option<Body>,
    /// Responses in the order exact, class, default.
    pub responses: Vec<Response>,
    /// The declared name of the idempotency header, where the operation documents one.
    pub idempotency_header: Option<String>,
    /// What makes every call impossible for now: a required parameter or body, or a success that can't be read.
    pub unsupported: Vec<Unsupported>,
}

/// A JSON request body.
#[derive(Debug)]
pub struct Body {
    /// Whether it must be sent.
    pub required: bool,
    /// What it takes.
    pub schema: Schema,
    /// The content type to send.
    pub media_type: String,
    /// JSON pointer of the schema, or of the body without one.
    pub pointer: String,
    guard: Guard,
}

/// A documented response.
#[derive(Debug)]
pub struct Response {
    /// The statuses it stands for.
    pub status: StatusRange,
    /// The decoded body: null where none is documented, unknown where it is not JSON.
    pub ty: Type,
    /// JSON pointer of its declaration.
    pub pointer: String,
    /// Documented headers of a success; without those whose schema can't be checked.
    pub headers: Vec<Header>,
    media: Vec<Media>,
    /// Whether content is documented, JSON or not.
    has_content: bool,
}

#[derive(Debug)]
struct Media {
    name: String,
    ty: Type,
    guard: Guard,
}

impl Contract {
    /// Reads the contract of an operation and compiles its schemas. An error names a schema that can't be checked at run
    /// time: a reference out of the document, a broken pattern, references that multiply.
    pub fn from_view(view: &OperationView) -> Result<Contract, GuardError> {
        let mut unsupported = Vec::new();
        let mut parameters = Vec::new();
        let mut idempotency_header = None;
        for parameter in &view.parameters {
            let header = parameter.location == Location::Header;
            if header && parameter.name.eq_ignore_ascii_case(IDEMPOTENCY_KEY) {
                idempotency_header = Some(parameter.name.clone());
            }
            let reserved = RUNTIME_HEADERS.contains(&parameter.name.to_ascii_lowercase().as_str());
            if header && (reserved || parameter.name.to_ascii_lowercase().starts_with("ecz-")) {
                continue;
            }
            let parameter = Parameter::read(view, parameter)?;
            unsupported.extend(parameter.unsupported.clone().filter(|_| parameter.required));
            parameters.push(parameter);
        }
        let body = match &view.body {
            None => None,
            Some(body) => match json_media(&body.content) {
                Some((name, media)) => {
                    let (schema, guard) = compile(view, media.schema.as_deref())?;
                    let pointer = media.schema.clone().unwrap_or_else(|| body.pointer.clone());
                    let exact = !name.contains('*');
                    let media_type = if exact { name.to_owned() } else { "application/json".to_owned() };
                    Some(Body { required: body.required, schema, media_type, pointer, guard })
                }
                None => {
                    if body.required {
                        let names: Vec<&str> = body.content.keys().map(String::as_str).collect();
                        let what = format!("a request body of type {}", names.join(", "));
                        unsupported.push(Unsupported { pointer: body.pointer.clone(), what });
                    }
                    None
                }
            },
        };
        let mut responses = Vec::new();
        for response in &view.responses {
            let read = Response::read(view, response)?;
            let success = matches!(read.status, StatusRange::Exact(200..=299) | StatusRange::Class(2));
            if success && read.has_content && read.media.is_empty() {
                let names: Vec<&str> = response.content.keys().map(String::as_str).collect();
                let what = format!("a response of type {}", names.join(", "));
                unsupported.push(Unsupported { pointer: response.pointer.clone(), what });
            }
            responses.push(read);
        }
        Ok(Contract {
            method: view.method.clone(),
            path: view.path.clone(),
            parameters,
            body,
            responses,
            idempotency_header,
            unsupported,
        })
    }

    /// Reads the contract of a slice's text.
    pub fn from_slice(text: &str) -> Result<Contract, GuardError> {
        let view = OperationView::from_slice(text)
            .map_err(|error| GuardError { pointer: error.pointer, reason: error.reason })?;
        Contract::from_view(&view)
    }

    /// A parameter by location and name; headers without case.
    pub fn parameter(&self, location: Location, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| {
            parameter.location == location
                && (parameter.name == name
                    || location == Location::Header && parameter.name.eq_ignore_ascii_case(name))
        })
    }

    /// Parameters of a name, in any location: more than one must be told apart as `query.id`.
    pub fn parameters_named(&self, name: &str) -> Vec<&Parameter> {
        self.parameters.iter().filter(|parameter| parameter.name == name).collect()
    }

    /// The response that stands for a status. Where a success is documented by status or as `2XX`, `default` stands for
    /// failures only.
    pub fn response(&self, status: u16) -> Option<&Response> {
        let success = (200..300).contains(&status);
        let documented = self.documents_success();
        self.responses.iter().find(|response| {
            response.status.holds(status)
                && !(success && documented && response.status == StatusRange::Default)
        })
    }

    fn documents_success(&self) -> bool {
        self.responses
            .iter()
            .any(|response| matches!(response.status, StatusRange::Exact(200..=299) | StatusRange::Class(2)))
    }

    /// The type of a step's value: the union over the documented successes, `default` where there is no other.
    /// `Never` where no success is documented at all.
    pub fn success_type(&self) -> Type {
        Type::union(self.successes().map(|response| response.ty.clone()).collect())
    }

    /// The responses that stand for successes: `default` where there is no other.
    pub(super) fn successes(&self) -> impl Iterator<Item = &Response> {
        let documented = self.documents_success();
        self.responses.iter().filter(move |response| match response.status {
            StatusRange::Exact(status) => (200..300).contains(&status),
            StatusRange::Class(class) => class == 2,
            StatusRange::Default => !documented,
        })
    }

    /// Reads an answer: documented status, documented content type, strict JSON, the full schema, then the type.
    pub fn decode_response(
        &self,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Value, Misfit> {
        let response = self.documented(status)?;
        if response.media.is_empty() || self.method == "HEAD" {
            return Ok(Value::Null);
        }
        let media = response.media_for(content_type)?;
        if body.is_empty() {
            return Err(Misfit::whole("the body is empty"));
        }
        let json = read_strict(body).map_err(|error| {
            Misfit::whole(format!(
                "the body is not strict JSON: line {}, column {}",
                error.line, error.column
            ))
        })?;
        media.decode(&json)
    }

    /// As [`Contract::decode_response`], from JSON that was read before (a journal's payload). Null where no body counts.
    pub fn decode_json(&self, status: u16, content_type: Option<&str>, json: &Json) -> Result<Value, Misfit> {
        let response = self.documented(status)?;
        if response.media.is_empty() || self.method == "HEAD" {
            return Ok(Value::Null);
        }
        response.media_for(content_type)?.decode(json)
    }

    fn documented(&self, status: u16) -> Result<&Response, Misfit> {
        self.response(status).ok_or_else(|| Misfit::whole(format!("the status {status} is not documented")))
    }

    /// The guard of the request body: the full schema.
    pub fn check_body(&self, json: &Json) -> Result<(), Misfit> {
        match &self.body {
            Some(body) => body.guard.check(json),
            None => Err(Misfit::whole("the operation takes no JSON body")),
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Response {
    fn read(view: &OperationView, response: &ResponseView) -> Result<Response, GuardError> {
        let mut media = Vec::new();
        for (name, content) in response.content.iter().filter(|(name, _)| is_json(&essence(name))) {
            let (schema, guard) = compile(view, content.schema.as_deref())?;
            media.push(Media { name: essence(name), ty: schema.ty, guard });
        }
        // The exact name is looked for before a wildcard.
        media.sort_by_key(|media| media.name.matches('*').count());
        let has_content = !response.content.is_empty() && view.method != "HEAD";
        let ty = match (has_content, media.is_empty()) {
            (false, _) => Type::Null,
            (true, true) => Type::unknown("not JSON"),
            (true, false) => Type::union(media.iter().map(|media| media.ty.clone()).collect()),
        };
        // A header that no flow reads must not stand in the way of the call.
        let named = response.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let headers = named.filter_map(|(name, header)| Header::read(view, name, header).ok()).collect();
        let pointer = response.pointer.clone();
        Ok(Response { status: response.status, ty, pointer, headers, media, has_content })
    }

    fn media_for(&self, content_type: Option<&str>) -> Result<&Media, Misfit> {
        let content_type = content_type.ok_or_else(|| Misfit::whole("the answer has no content type"))?;
        let actual = essence(content_type);
        if !is_json(&actual) || actual.contains('*') {
            return Err(Misfit::whole("the content type is not JSON"));
        }
        let charset = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        for (name, value) in charset {
            let utf8 = value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8");
            if name.trim().eq_ignore_ascii_case("charset") && !utf8 {
                return Err(Misfit::whole("the charset of the answer is not UTF-8"));
            }
        }
        self.media
            .iter()
            .find(|media| media.name == actual || covers(&media.name, &actual))
            .ok_or_else(|| Misfit::whole("the content type is not documented for this status"))
    }
}

impl Media {
    fn decode(&self, json: &Json) -> Result<Value, Misfit> {
        self.guard.check(json)?;
        Value::decode(&self.ty, json)
    }
}

pub(super) fn compile(view: &OperationView, pointer: Option<&str>) -> Result<(Schema, Guard), GuardError> {
    match pointer {
        None => Ok((Schema::any(), Guard::open())),
        Some(pointer) => Ok((Schema::read(view.root(), pointer), Guard::compile(view.root(), pointer)?)),
    }
}

/// Type and subtype in lower case, without parameters.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type, or a range of them, is JSON.
fn is_json(essence: &str) -> bool {
    let structured = essence
        .split_once('/')
        .is_some_and(|(kind, sub)| !kind.is_empty() && sub.len() > 5 && sub.ends_with("+json"));
    structured || matches!(essence, "application/json" | "application/*" | "*/*")
}

fn covers(range: &str, actual: &str) -> bool {
    match range {
        "*/*" => true,
        "application/*" => actual.starts_with("application/"),
        "application/*+json" => actual.starts_with("application/") && actual.ends_with("+json"),
        _ => false,
    }
}

/// The JSON media type of a request body: `application/json` first, then `+json`, then a range.
fn json_media(content: &std::collections::BTreeMap<String, MediaView>) -> Option<(&str, &MediaView)> {
    let rank = |name: &str| {
        let essence = essence(name);
        if essence == "application/json" { 0 } else { 1 + essence.matches('*').count() }
    };
    let json = content.iter().filter(|(name, _)| is_json(&essence(name)));
    json.min_by_key(|(name, _)| rank(name)).map(|(name, media)| (name.as_str(), media))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contract(operation: Json) -> Result<Contract, GuardError> {
        let slice = json!({
            "openapi": "3.1.0",
            "x-eczflow-slice": {"format": crate::documents::SLICE_FORMAT, "method": "POST", "path": "/t/{id}"},
            "paths": {"/t/{id}": {"post": operation}},
            "components": {"schemas": {"Refund": {
                "type": "object", "required": ["id", "amount"],
                "properties": {"id": {"type": "string"}, "amount": {"type": "number", "multipleOf": 0.01}}
            }}}
        });
        Contract::from_slice(&crate::base::canonical_json(&slice).unwrap())
    }

    fn refund() -> Json {
        let json_of = |schema: Json| json!({"application/json": {"schema": schema}});
        json!({
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
                {"name": "tag", "in": "query", "schema": {"type": "array", "items": {"type": "string", "maxLength": 3}}},
                {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                {"name": "idempotency-key", "in": "header", "required": true, "schema": {"type": "string"}},
                {"name": "X-Note", "in": "header", "schema": {"type": "string"}},
                {"name": "ECZ-Handoff", "in": "header", "required": true, "schema": {"type": "string"}}
            ],
            "requestBody": {"required": true, "content": json_of(json!({"$ref": "#/components/schemas/Refund"}))},
            "responses": {
                "201": {"description": "", "content": json_of(json!({"$ref": "#/components/schemas/Refund"}))},
                "204": {"description": ""},
                "404": {"description": "", "content": {"text/plain": {}}},
                "default": {"description": "", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
            }
        })
    }

    #[test]
    fn an_operation_is_read() {
        let contract = contract(refund()).unwrap();
        let names: Vec<&str> = contract.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["id", "tag", "filter", "X-Note"]);
        assert_eq!(contract.idempotency_header.as_deref(), Some("idempotency-key"));
        assert_eq!(contract.success_type().to_string(), "{ amount: decimal, id: string, … } | null");
        assert_eq!(contract.body.as_ref().unwrap().schema.undecided, ["amount: multipleOf"]);
        assert!(contract.unsupported.is_empty());
        assert!(contract.parameter(Location::Query, "filter").unwrap().unsupported.is_some());
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&contract);
    }

    #[test]
    fn answers_are_decoded_only_as_documented() {
        let contract = contract(refund()).unwrap();
        let json = Some("application/json; charset=UTF-8");
        let value = contract.decode_response(201, json, br#"{"id":"R1","amount":19.99}"#).unwrap();
        assert_eq!(value.member("amount"), Some(&Value::Decimal("19.99".parse().unwrap())));
        assert_eq!(contract.decode_response(204, None, b""), Ok(Value::Null));
        assert_eq!(contract.decode_response(404, Some("text/plain"), b"gone"), Ok(Value::Null));
        assert!(contract.decode_response(500, Some("application/problem+json"), b"{}").is_ok());
        let good = br#"{"id":"R1","amount":19.99}"#.as_slice();
        for (status, content_type, body) in [
            (200, json, good),
            (201, None, good),
            (201, Some("text/html"), good),
            (201, Some("application/problem+json"), good),
            (201, Some("application/json;charset=latin-1"), good),
            (201, json, b"".as_slice()),
            (201, json, br#"{"id":"R1","amount":19.999}"#),
            (201, json, br#"{"id":"R1","id":"R2","amount":1}"#),
            (201, json, br#"{"id":"R1"}"#),
        ] {
            let misfit = contract.decode_response(status, content_type, body).unwrap_err();
            assert!(!misfit.to_string().contains("R1"), "{misfit}");
        }
        assert!(contract.check_body(&json!({"id": "R1", "amount": 0.005})).is_err());
        assert!(contract.check_body(&json!({"id": "R1", "amount": 5, "more": 1})).is_ok());
    }

    #[test]
    fn parameters_are_written_and_can_not_break_out() {
        let contract = contract(refund()).unwrap();
        let text = |text: &str| Value::String(text.to_owned());
        let id = contract.parameter(Location::Path, "id").unwrap();
        assert_eq!(id.texts(&text("a/b?c")), Ok(vec!["a/b?c".to_owned()]));
        for bad in [text(""), text("."), text(".."), Value::Absent, Value::Null, Value::Int(1)] {
            assert!(id.texts(&bad).is_err(), "{bad:?}");
        }
        let tag = contract.parameter(Location::Query, "tag").unwrap();
        assert_eq!(tag.texts(&Value::List(vec![text("a"), text("b")])).unwrap(), ["a", "b"]);
        assert_eq!(tag.texts(&Value::Absent), Ok(vec![]));
        assert!(tag.texts(&Value::List(vec![text("long")])).is_err());
        let note = contract.parameter(Location::Header, "x-note").unwrap();
        for bad in ["a\r\nb: c", "ž", " a", ""] {
            assert!(note.texts(&text(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_built_yet_is_named() {
        let mut operation = refund();
        operation["requestBody"]["content"] = json!({"text/csv": {}});
        operation["responses"]["200"] = json!({"description": "", "content": {"application/pdf": {}}});
        operation["parameters"][2]["required"] = json!(true);
        let contract = contract(operation).unwrap();
        let named: Vec<&str> = contract.unsupported.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(
            named,
            [
                "the parameter style deepObject",
                "a request body of type text/csv",
                "a response of type application/pdf"
            ]
        );
    }

    #[test]
    fn a_default_alone_stands_for_success() {
        let mut operation = refund();
        operation["responses"] =
            json!({"default": {"description": "", "content": {"*/*": {"schema": {"type": "integer"}}}}});
        let contract = contract(operation).unwrap();
        assert_eq!(contract.success_type(), Type::int());
        assert_eq!(contract.decode_response(200, Some("application/json"), b"4"), Ok(Value::Int(4)));
    }
}

//! What one operation takes and answers, as types and as guards.

use std::fmt;

use serde_json::Value as Json;

use super::guard::GuardError;
use super::response::is_success;
use super::{Body, Misfit, Parameter, Provenance, RequestBody, Response, Type, Value};
use crate::documents::{Location, OperationView, StatusRange};

/// The header that a document declares where it honours idempotency keys; compared without case.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Headers that the runtime alone sets, whatever a document declares as parameter. Lower case.
const RUNTIME_HEADERS: &[&str] = &[
    "accept",
    "accept-encoding",
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
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
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

/// Whether the runtime alone sets a header: no parameter and no key may go there.
pub fn is_runtime_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RUNTIME_HEADERS.contains(&name.as_str()) || name.starts_with("ecz-")
}

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
    /// The body, where one may be sent.
    pub body: Option<Body>,
    /// Responses in the order exact, class, default.
    pub responses: Vec<Response>,
    /// The declared name of the idempotency header, where the operation documents one.
    pub idempotency_header: Option<String>,
    /// That header as a parameter.
    pub(super) key: Option<Parameter>,
    /// What describes a step's value.
    answer: Provenance,
    /// What makes every call impossible for now: a required parameter or body, or a success that can't be read.
    pub unsupported: Vec<Unsupported>,
}

impl Contract {
    /// Reads the contract of an operation and compiles its schemas. An error names a schema that can't be checked at run
    /// time: a reference out of the document, a broken pattern, more schemas than are checked in reasonable time.
    pub fn from_view(view: &OperationView) -> Result<Contract, GuardError> {
        let mut unsupported = Vec::new();
        let mut parameters = Vec::new();
        let mut key = None;
        for parameter in &view.parameters {
            let header = parameter.location == Location::Header;
            let keyed = header && parameter.name.eq_ignore_ascii_case(IDEMPOTENCY_KEY);
            // The runtime makes keys for effects; where a read asks for one, the flow gives it as any other header.
            if keyed && !view.is_safe() {
                key = Some(Parameter::read(view, parameter)?);
                continue;
            }
            if header && !keyed && is_runtime_header(&parameter.name) {
                continue;
            }
            let parameter = Parameter::read(view, parameter)?;
            unsupported.extend(parameter.unsupported.clone().filter(|_| parameter.required));
            parameters.push(parameter);
        }
        let mut body = None;
        if let Some(documented) = &view.body {
            match Body::read(view, documented)? {
                Ok(read) => body = Some(read),
                Err(reason) if documented.required => unsupported.push(reason),
                Err(_) => {}
            }
        }
        let mut responses = Vec::new();
        for response in &view.responses {
            let read = Response::read(view, response)?;
            if is_success(read.status) && read.is_unreadable() {
                let names: Vec<&str> = response.content.keys().map(String::as_str).collect();
                let what = format!("a response of type {}", names.join(", "));
                unsupported.push(Unsupported { pointer: response.pointer.clone(), what });
            }
            responses.push(read);
        }
        let mut contract = Contract {
            method: view.method.clone(),
            path: view.path.clone(),
            parameters,
            body,
            responses,
            idempotency_header: key.as_ref().map(|key| key.name.clone()),
            key,
            answer: Provenance::Own,
            unsupported,
        };
        contract.answer = Provenance::answer(contract.successes().flat_map(Response::schemas).collect());
        Ok(contract)
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
        self.responses.iter().any(|response| is_success(response.status))
    }

    /// The documented successes; `default` where there is no other.
    pub fn successes(&self) -> impl Iterator<Item = &Response> {
        let documented = self.documents_success();
        self.responses.iter().filter(move |response| {
            is_success(response.status) || !documented && response.status == StatusRange::Default
        })
    }

    /// The type of a step's value: the union over the documented successes. `Never` where no success is documented at all.
    pub fn success_type(&self) -> Type {
        Type::union(self.successes().map(|response| response.ty.clone()).collect())
    }

    /// The type of the body of one documented status: null where none is documented, unknown where it is not read.
    pub fn answer_type(&self, status: u16) -> Type {
        self.response(status).map_or(Type::Never, |response| response.body_type(self.is_bare(status)))
    }

    /// What describes a step's value: [`Contract::success_type`] says less.
    pub fn provenance(&self) -> &Provenance {
        &self.answer
    }

    /// What describes the body of one documented status.
    pub fn provenance_of(&self, status: u16) -> Provenance {
        let documented = self.response(status).filter(|_| !self.is_bare(status));
        documented.map_or(Provenance::Own, |response| Provenance::answer(response.schemas()))
    }

    /// The value of `accept`: exactly the media types of documented successes that can be read.
    pub fn accept(&self) -> String {
        let mut names: Vec<&str> = self.successes().flat_map(Response::accepted).collect();
        names.sort_by_key(|name| (*name != "application/json", *name));
        names.dedup();
        // Where a success has no content, a failure is told in JSON.
        if names.is_empty() { "application/json".to_owned() } else { names.join(", ") }
    }

    /// Reads an answer: documented status, documented content type, strict JSON, the full schema, then the type.
    pub fn decode_response(
        &self,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Value, Misfit> {
        let response = self.documented(status)?;
        if self.is_bare(status) { Ok(Value::Null) } else { response.decode(content_type, body) }
    }

    /// As [`Contract::decode_response`], from JSON that was read before (a journal's payload). Null where no body counts.
    pub fn decode_json(&self, status: u16, content_type: Option<&str>, json: &Json) -> Result<Value, Misfit> {
        let response = self.documented(status)?;
        if self.is_bare(status) { Ok(Value::Null) } else { response.decode_json(content_type, json) }
    }

    fn is_bare(&self, status: u16) -> bool {
        self.method == "HEAD" || matches!(status, 204 | 205)
    }

    fn documented(&self, status: u16) -> Result<&Response, Misfit> {
        self.response(status).ok_or_else(|| Misfit::whole(format!("the status {status} is not documented")))
    }

    /// The guard of the request body: the full schema.
    pub fn check_body(&self, json: &Json) -> Result<(), Misfit> {
        self.taken_body()?.check(json)
    }

    /// Checks a request body by the full schema and writes it in the media type that is sent.
    pub fn encode_body(&self, json: &Json) -> Result<RequestBody, Misfit> {
        let body = self.taken_body()?;
        body.check(json)?;
        body.encode(json)
    }

    fn taken_body(&self) -> Result<&Body, Misfit> {
        self.body.as_ref().ok_or_else(|| Misfit::whole("the operation takes no body"))
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use serde_json::json;

    fn contract(operation: Json) -> Result<Contract, GuardError> {
        contract_of("post", operation)
    }

    fn contract_of(method: &str, operation: Json) -> Result<Contract, GuardError> {
        let format = crate::documents::SLICE_FORMAT;
        let slice = json!({
            "openapi": "3.1.0",
            "x-eczflow-slice": {"format": format, "method": method.to_uppercase(), "path": "/t/{id}"},
            "paths": {"/t/{id}": {method: operation}},
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
    fn a_key_of_a_read_is_a_header_as_any_other() {
        let mut read = refund();
        read.as_object_mut().unwrap().remove("requestBody");
        let contract = contract_of("get", read).unwrap();
        let names: Vec<&str> = contract.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["id", "tag", "filter", "idempotency-key", "X-Note"]);
        assert_eq!(contract.idempotency_header, None);
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
        assert!(contract.parameter(Location::Query, "filter").unwrap().unsupported.is_none());
        assert_eq!(contract.accept(), "application/json");
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
        assert_eq!(
            contract.decode_response(404, Some("text/plain"), b"gone"),
            Ok(Value::String("gone".into()))
        );
        assert!(contract.decode_response(500, Some("application/problem+json"), b"{}").is_ok());
        let good = br#"{"id":"R1","amount":19.99}"#.as_slice();
        contract.decode_response(201, Some("application/json;charset=latin-1"), good).unwrap();
        for (status, content_type, body) in [
            (200, json, good),
            (201, None, good),
            (201, Some("text/html"), good),
            (201, Some("application/problem+json"), good),
            (201, Some("application/json;charset=latin-1"), "{\"id\":\"R1é\",\"amount\":1}".as_bytes()),
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
        assert_eq!(id.write(&text("a/b?c é~")), Ok(Some("a%2Fb%3Fc%20%C3%A9~".to_owned())));
        for bad in [text(""), text("."), text(".."), Value::Absent, Value::Null, Value::Int(1)] {
            assert!(id.write(&bad).is_err(), "{bad:?}");
        }
        let tag = contract.parameter(Location::Query, "tag").unwrap();
        let tags = Value::List(vec![text("a"), text("&b")]);
        assert_eq!(tag.write(&tags).unwrap().as_deref(), Some("tag=a&tag=%26b"));
        assert_eq!(tag.write(&Value::Absent), Ok(None));
        assert!(tag.write(&Value::List(vec![text("long")])).is_err());
        let note = contract.parameter(Location::Header, "x-note").unwrap();
        for bad in ["a\r\nb: c", "ž", " a", ""] {
            assert!(note.write(&text(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_built_yet_is_named() {
        let mut operation = refund();
        operation["requestBody"]["content"] = json!({"text/csv": {}});
        operation["responses"]["200"] = json!({"description": "", "content": {"application/pdf": {}}});
        operation["parameters"][2]["required"] = json!(true);
        operation["parameters"][2]["style"] = json!("matrix");
        let contract = contract(operation).unwrap();
        let named: Vec<&str> = contract.unsupported.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(
            named,
            [
                "the style matrix for a query parameter",
                "a request body of type text/csv",
                "a response of type application/pdf"
            ]
        );
    }

    #[test]
    fn headers_of_answers_are_typed() {
        let mut operation = refund();
        operation["responses"]["201"]["headers"] = json!({
            "X-Total": {"required": true, "schema": {"type": "integer"}},
            "Links": {"schema": {"type": "array", "items": {"type": "string"}}},
            "X-Pair": {"explode": true, "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            "Set-Cookie": {"schema": {"type": "string"}},
            "content-type": {"schema": {"type": "string"}}
        });
        let contract = contract(operation).unwrap();
        // The other success, 200, documents none.
        let known = contract.success_headers();
        assert!(known.values().all(|field| !field.required));
        let names: Vec<String> = known.keys().cloned().collect();
        assert_eq!(names, ["Links", "X-Pair", "X-Total"]);
        let types: Vec<String> = known.values().map(|field| field.ty.to_string()).collect();
        assert_eq!(types, ["[string]", "{ n: int?, … }", "int"]);
        let headers = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        let read = contract.decode_headers(
            201,
            &names,
            &headers(&[("x-total", "7"), ("links", "a, b"), ("x-pair", "n=2")]),
        );
        assert_eq!(
            read.unwrap().to_json().unwrap(),
            json!({"Links": ["a", "b"], "X-Pair": {"n": 2}, "X-Total": 7})
        );
        let whether = |names: &[String], pairs: &[(&str, &str)]| {
            contract.decode_headers(201, names, &headers(pairs)).map(|value| value.to_json().unwrap())
        };
        assert!(whether(&names, &[("x-total", "seven")]).is_err());
        assert!(whether(&names, &[]).unwrap_err().why.contains("`X-Total` is missing"));
        // What the flow does not use is not looked at.
        assert_eq!(whether(&["Links".to_owned()], &[("x-total", "seven")]), Ok(json!({})));
        let long = "a,".repeat(super::super::HEADER_BYTES);
        assert!(whether(&["Links".to_owned()], &[("links", &long)]).is_err());
    }

    #[test]
    fn plain_text_is_a_string_where_no_json_is_documented() {
        let mut operation = refund();
        operation["responses"] =
            json!({"200": {"description": "", "content": {"text/plain": {"schema": {"type": "string"}}}}});
        let contract = contract(operation).unwrap();
        assert_eq!((contract.accept().as_str(), contract.success_type()), ("text/plain", Type::string()));
        let read = contract.decode_response(200, Some("text/plain; charset=utf-8"), "héllo".as_bytes());
        assert_eq!(read, Ok(Value::String("héllo".to_owned())));
        assert!(contract.decode_response(200, Some("text/plain"), &[0xff]).is_err());
        assert!(contract.decode_response(200, Some("application/json"), b"1").is_err());
    }

    #[test]
    fn schemas_of_openapi_3_0_are_translated() {
        let charge = json!({
            "type": "object", "required": ["id", "amount", "secret"], "additionalProperties": false,
            "properties": {
                "id": {"type": "string", "readOnly": true},
                "secret": {"type": "string", "writeOnly": true},
                "amount": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
                "note": {"type": "string", "nullable": true, "example": {"$ref": "#/nowhere"}},
                "kind": {"type": "string", "enum": ["a"], "nullable": true},
                "parent": {"nullable": true, "allOf": [{"$ref": "#/components/schemas/Charge"}]},
                "next": {"$ref": "#/components/schemas/Charge", "type": "integer"},
                "code": {"type": "string", "pattern": "^(?<=a)(?<!"}
            }
        });
        let content = json!({"application/json": {"schema": {"$ref": "#/components/schemas/Charge"}}});
        let slice = json!({
            "openapi": "3.0.3",
            "x-eczflow-slice": {"format": crate::documents::SLICE_FORMAT, "method": "POST", "path": "/c"},
            "paths": {"/c": {"post": {
                "requestBody": {"content": content},
                "responses": {"200": {"description": "", "content": content}}
            }}},
            "components": {"schemas": {"Charge": charge}}
        });
        let contract = Contract::from_slice(&crate::base::canonical_json(&slice).unwrap()).unwrap();
        assert_eq!(
            contract.success_type().to_string(),
            r#"{ amount: int(1..), code: string?, id: string, kind: (null | "a")?, next: unknown?, note: (string | null)?, parent: (null | unknown)?, secret: string? }"#
        );
        let body = contract.body.as_ref().unwrap();
        assert!(body.schema.undecided.iter().any(|one| one == "code: pattern (which is not checked)"));
        let good =
            json!({"amount": 1, "secret": "s", "note": null, "kind": null, "parent": null, "code": "b"});
        assert_eq!(contract.check_body(&good), Ok(()));
        // References in a circle are checked as deep as the value goes.
        let deep =
            |amount: i64| json!({"amount": 1, "secret": "s", "next": {"amount": amount, "secret": "s"}});
        assert!(contract.check_body(&deep(2)).is_ok() && contract.check_body(&deep(0)).is_err());
        let answer = Some("application/json");
        assert!(contract.decode_json(200, answer, &json!({"id": "c", "amount": 1})).is_ok());
        for bad in [json!({"amount": 1}), json!({"id": "c", "amount": 0}), json!({"id": null, "amount": 1})] {
            assert!(contract.decode_json(200, answer, &bad).is_err(), "{bad}");
        }
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

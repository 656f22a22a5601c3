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

/// Something a document asks for that is not built yet, or that nothing can fulfil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// JSON pointer of the place.
    pub pointer: String,
    /// What it is: `the media type text/csv`.
    pub what: String,
    /// Why no call comes to an end that is documented, where it is not only unsupported.
    pub never: Option<&'static str>,
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
                unsupported.push(Unsupported { pointer: response.pointer.clone(), what, never: None });
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
        contract.unsupported.extend(contract.impossible(view.is_safe()));
        contract.answer = Provenance::answer(contract.successes().flat_map(Response::schemas).collect());
        Ok(contract)
    }

    /// What is documented so that no call can be made, or none can be done.
    fn impossible(&self, safe: bool) -> Option<Unsupported> {
        let body = self.body.as_ref().filter(|body| body.required && body.schema.ty == Type::Never);
        if let Some(body) = body {
            let (pointer, what) = (body.pointer.clone(), "no body can fit its schema".to_owned());
            return Some(Unsupported { pointer, what, never: Some("so no call can be made") });
        }
        let first = self.successes().next().filter(|_| self.success_type() == Type::Never)?;
        let never = if safe { "so every call fails" } else { "so every call ends in doubt" };
        let what = format!("no answer can fit what is documented for {}", first.status);
        Some(Unsupported { pointer: first.described().to_owned(), what, never: Some(never) })
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
        match self.never {
            None => write!(f, "{} is not supported", self.what),
            Some(never) => write!(f, "{}, {never}", self.what),
        }
    }
}

#[cfg(test)]
#[path = "contract_tests.rs"]
mod tests;

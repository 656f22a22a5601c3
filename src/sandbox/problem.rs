//! Refusals as RFC 9457 problem details.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use serde_json::{Map, Value};

use super::listener::response;

/// A refusal: what a counterparty answers instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    /// More members.
    pub(crate) members: Map<String, Value>,
    /// `WWW-Authenticate`.
    pub(crate) challenge: Option<&'static str>,
}

impl Problem {
    /// A problem of its title and detail alone.
    pub(crate) fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, title, detail: detail.into(), members: Map::new(), challenge: None }
    }

    /// Adds a member.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Says how to authenticate (RFC 9110, section 11.6.1).
    pub(crate) fn challenging(self, challenge: &'static str) -> Problem {
        Problem { challenge: Some(challenge), ..self }
    }

    /// The answer.
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut body = self.members;
        body.insert("title".into(), self.title.into());
        body.insert("status".into(), self.status.into());
        body.insert("detail".into(), self.detail.into());
        let mut answer = response(self.status, "application/problem+json", Value::Object(body).to_string());
        if let Some(challenge) = self.challenge {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        answer
    }
}

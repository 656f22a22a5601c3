//! What events tell: requests and answers, signatures, verdicts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::{Digest, Timestamp};
use crate::ecz::{Asked, Decision, EczId, Observation};
use crate::types::{IDEMPOTENCY_KEY, RequestBody};

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendFailure {
    /// The name did not resolve.
    Resolve,
    /// The connection was refused or timed out.
    Connect,
    /// TLS failed.
    Tls,
    /// The address is not allowed.
    Address,
    /// HTTP/2: the callee's transport says that it took nothing of the request.
    Unprocessed,
    /// No access token could be had, for a reason that may pass.
    Token,
    /// The signer, a secret or the request itself failed before sending.
    Local,
    /// The attempt's time was up after sending had begun.
    TimedOut,
    /// The connection broke after sending had begun.
    Reset,
    /// The process ended before an outcome was recorded.
    Interrupted,
}

impl SendFailure {
    /// Whether it is provably without effect: no byte of the request was sent, or the callee took none of it.
    pub fn not_sent(self) -> bool {
        matches!(
            self,
            SendFailure::Resolve
                | SendFailure::Connect
                | SendFailure::Tls
                | SendFailure::Address
                | SendFailure::Unprocessed
                | SendFailure::Token
                | SendFailure::Local
        )
    }
}

/// What is sent, without authorization and signature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// The whole target.
    pub url: String,
    /// Header parameters, `accept`, the `content-type` of a body and the `cookie` of cookie parameters; lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RequestBody>,
    /// The idempotency header's name and value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<(String, String)>,
}

impl Request {
    /// The idempotency header as it is sent, which signatures cover: the key, or what the flow itself gives a read.
    pub fn idempotency(&self) -> Option<(&str, &str)> {
        let given = || self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
        let sent = self.key.as_ref().map(|(name, value)| (name, value)).or_else(given);
        sent.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// An answer as it is journalled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The media type, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Headers kept by the policy, and `retry-after`; lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: AnswerBody,
}

/// A body as it is journalled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerBody {
    /// None.
    Empty,
    /// Strict JSON.
    Json(Json),
    /// Anything else, base64.
    Bytes(String),
    /// More bytes than this limit: nothing was kept.
    TooLarge(u64),
    /// It cannot be decoded, for this reason: nothing was kept.
    Unreadable(String),
}

/// A signature as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentSignature {
    /// The nonce.
    pub nonce: String,
    /// The signer's key, RFC 7638 thumbprint.
    pub key_id: String,
    /// The RFC 9421 signature base.
    pub base: String,
    /// The signature, base64.
    pub signature: String,
    /// The `ECZ-Handoff` field.
    pub handoff: String,
}

/// Why a handoff's callee was not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unverified {
    /// The flow says that it has no passport.
    NoPassport,
}

/// What an identity was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The exact ID asked for.
    pub ecz_id: EczId,
    /// The projected state, `not_found`, `no_endpoint`, `unavailable` or `malformed`.
    pub state: String,
    /// What the policy makes of it.
    pub decision: Decision,
    /// When it was observed.
    pub observed: Timestamp,
    /// How old the observation was when used, milliseconds.
    pub age_ms: u64,
    /// Whether it was made for an earlier handoff.
    pub reused: bool,
    /// SHA-256 of the raw answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_digest: Option<Digest>,
}

/// An observation and what it was judged against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// What was asked.
    pub asked: Asked,
    /// What was observed.
    pub observation: Observation,
}

/// What a breaker knew when it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerFacts {
    /// The api's name.
    pub api: String,
    /// Calls in the window.
    pub calls: u32,
    /// Failed ones among them.
    pub failures: u32,
    /// Slow ones among them.
    pub slow: u32,
    /// How often it opened without closing, this time included.
    pub openings: u32,
    /// Open until, where it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

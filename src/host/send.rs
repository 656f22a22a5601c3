//! Sending one intended request: trust context, signature, authorization; and what came back as an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::credentials::{Authorization, Credentials};
use super::{Host, HostError};
use crate::base::{
    Clock, Digest, Explained as _, Random, decode_base64url, encode_base64, encode_base64url, json, limits,
};
use crate::engine::{
    Answer, AnswerBody, Engine, Event, Path, Request, SendFailure, SentSignature, State, What, judge_answer,
    judge_failure,
};
use crate::plan::{AnswerUse, Call, Plan, Verified};
use crate::types::HEADER_BYTES;
use crate::wire::handoff::{Audience, RunSecret, TrustContext};
use crate::wire::signature::{self, Message, Target};
use crate::wire::{self, Connector, Credential, NotSent, SendError, Unknown};

/// Everything one send needs.
pub(super) struct Task {
    plan: Arc<Verified<Plan>>,
    connector: Arc<Connector>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    credentials: Arc<Credentials>,
    path: Path,
    call: Call,
    /// What the flow uses of the answer beside its body.
    used: Option<AnswerUse>,
    attempt: u32,
    request: Request,
    leaf: Digest,
    secret: RunSecret,
}

impl Task {
    pub(super) fn new(
        host: &Host,
        engine: &Engine<'_>,
        plan: &Arc<Verified<Plan>>,
        state: &State,
        credentials: &Arc<Credentials>,
        path: Path,
        attempt: u32,
    ) -> Result<Task, HostError> {
        let missing = |what: &str| HostError::Event(format!("`{path}` has no {what}"));
        let request = state.request(&path).cloned().ok_or_else(|| missing("request"))?;
        let call = engine.call(&path).cloned().ok_or_else(|| missing("call"))?;
        let leaf = state.attempt_leaf(&path).ok_or_else(|| missing("intended record"))?;
        let secret = state.opening.as_ref().and_then(|opening| decode_base64url(&opening.run_secret));
        let secret = secret.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| missing("run secret"))?;
        Ok(Task {
            plan: plan.clone(),
            connector: host.connector.clone(),
            clock: host.parts.clock.clone(),
            random: host.parts.random.clone(),
            credentials: credentials.clone(),
            used: engine.answer_use(&path).cloned(),
            path,
            call,
            attempt,
            request,
            leaf,
            secret: RunSecret::new(secret),
        })
    }

    /// Sends once and reports what came of it.
    pub(super) async fn run(self) -> Result<Event, HostError> {
        let started = self.clock.now();
        let (signature, outcome) = self.attempt().await;
        let elapsed_ms = self.clock.now().since(started);
        let what = match outcome {
            Ok(answer) => self.answered(&answer, None, elapsed_ms, signature)?,
            Err(SendError::TooLarge { answer, limit }) => {
                let body = AnswerBody::TooLarge(u64::try_from(limit).unwrap_or(u64::MAX));
                self.answered(&answer, Some(body), elapsed_ms, signature)?
            }
            Err(SendError::Unreadable { answer, reason }) => {
                self.answered(&answer, Some(AnswerBody::Unreadable(reason)), elapsed_ms, signature)?
            }
            Err(error) => {
                let cause = cause_of(&error);
                let detail = format!("{} [{}]", error.reason(), error.code());
                What::AttemptFailed {
                    cause,
                    outcome: judge_failure(cause, &detail).kind,
                    elapsed_ms,
                    detail,
                    signature: signature.filter(|_| !cause.not_sent() || cause == SendFailure::Unprocessed),
                }
            }
        };
        Ok(Event { path: Some(self.path), attempt: Some(self.attempt), what })
    }

    /// Authorizes, signs and sends, all within the time of one attempt.
    async fn attempt(&self) -> (Option<Box<SentSignature>>, Result<wire::Answer, SendError>) {
        let refused = |reason: String| SendError::NotSent { cause: NotSent::Request, reason };
        let call = &self.call;
        let Some(api) = self.plan.apis.get(&call.api) else {
            return (None, Err(refused("the plan has no such api".into())));
        };
        let started = Instant::now();
        let authorized = self.credentials.authorize(&call.api, api, &self.connector, self.clock.as_ref());
        let Authorization { credentials, certificate, token } = match authorized.await {
            Ok(authorization) => authorization,
            Err(error) => return (None, Err(error)),
        };
        let (mut request, signature) = match self.prepare(&credentials) {
            Ok(prepared) => prepared,
            Err(reason) => return (None, Err(refused(reason))),
        };
        let spent = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        request.attempt_ms = request.attempt_ms.saturating_sub(spent).max(1);
        request.credentials = credentials;
        request.certificate = certificate;
        let outcome = self.connector.send(request).await;
        if let (Ok(answer), Some(token)) = (&outcome, &token)
            && answer.status == 401
        {
            self.credentials.forget(&call.api, token).await;
        }
        (Some(Box::new(signature)), outcome)
    }

    /// The request without its credentials, and the signature, which is journalled.
    fn prepare(&self, credentials: &[Credential]) -> Result<(wire::Request, SentSignature), String> {
        let call = &self.call;
        let api = self.plan.apis.get(&call.api).ok_or("the plan has no such api")?;
        let signer =
            self.credentials.signers.get(&call.present).ok_or("there is no key for the presented agent")?;
        let audience = Audience::parse(&api.audience()).ok_or("the api has no origin")?;
        let context = TrustContext {
            operator: call.present.parent(),
            agent: call.present.clone(),
            run: self.secret.run_id(&audience),
            handoff: self.secret.handoff_id(&audience, &self.path.to_string()),
            attempt: self.attempt,
            leaf: self.leaf,
            trace: self.secret.trace_id((!call.handoff.trace_shared).then_some(&audience)),
            parent: None,
            audience,
        };
        let handoff = context.to_field().map_err(|error| error.to_string())?;
        let body = match &self.request.body {
            None => Vec::new(),
            Some(body) => body.to_bytes().map_err(|error| error.to_string())?,
        };
        let content_type = self.request.headers.get("content-type").map(String::as_str);
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        let nonce = encode_base64url(&nonce);
        let url: url::Url = self.request.url.parse().map_err(|_| "the target is no URL")?;
        let message = Message {
            target: Target::of(&self.request.method, &url)
                .hiding(credentials.iter().filter_map(Credential::query)),
            content_type,
            idempotency: self.request.idempotency(),
            handoff: Some(&handoff),
            body: &body,
        };
        let signed = signature::sign(&message, signer.as_ref(), self.clock.now(), &nonce)
            .map_err(|error| error.to_string())?;

        let mut headers: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| headers.push((name.to_ascii_lowercase(), value.to_owned()));
        for (name, value) in &self.request.headers {
            set(name, value);
        }
        if let Some((name, value)) = &self.request.key {
            set(name, value);
        }
        set("ecz-handoff", &handoff);
        set("traceparent", &context.traceparent());
        for (name, value) in signed.headers() {
            set(&name, &value);
        }
        let request = wire::Request {
            headers,
            compressed: true,
            body: self.request.body.is_some().then_some(body),
            connect_ms: api.timeout.connect_ms,
            attempt_ms: api.timeout.attempt_ms,
            response_bytes: usize::try_from(api.timeout.response_bytes).unwrap_or(usize::MAX),
            // A reused connection may die under a request: only what may be sent twice takes that chance.
            fresh_connection: !call.is_resendable(),
            ..wire::Request::new(self.request.method.clone(), url)
        };
        let signature = SentSignature {
            nonce: signed.nonce.clone(),
            key_id: signed.keyid.clone(),
            base: signed.base.clone(),
            signature: signed.signature.clone(),
            handoff,
        };
        Ok((request, signature))
    }

    fn answered(
        &self,
        answer: &wire::Answer,
        instead: Option<AnswerBody>,
        elapsed_ms: u64,
        signature: Option<Box<SentSignature>>,
    ) -> Result<What, HostError> {
        let call = &self.call;
        let contract = self
            .plan
            .contract(&call.api, &call.operation)
            .ok_or_else(|| HostError::Event("the plan has no such operation".into()))?;
        let header = |name: &str| {
            answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let kept = call.handoff.attest.headers.iter().map(String::as_str).chain(["retry-after"]);
        let mut headers: BTreeMap<String, String> =
            kept.filter_map(|name| header(name).map(|value| (name.to_owned(), value))).collect();
        let used = self.used.as_ref();
        for name in used.into_iter().flat_map(|used| &used.headers) {
            let name = name.to_ascii_lowercase();
            if let Some(value) = used_header(&answer.headers, &name) {
                headers.insert(name, value);
            }
        }
        let content_type = header("content-type");
        let body = match (&answer.body, instead) {
            (_, Some(body)) => body,
            (bytes, _) if bytes.is_empty() => AnswerBody::Empty,
            (bytes, _) if let Some(reason) = foreign_text(content_type.as_deref(), bytes) => {
                AnswerBody::Unreadable(reason)
            }
            (bytes, _) if content_type.as_deref().is_some_and(is_json) => match json::read_strict(bytes) {
                Ok(value) if !is_deeper_than(&value, limits::VALUE_DEPTH) => AnswerBody::Json(value),
                _ => AnswerBody::Bytes(encode_base64(bytes)),
            },
            (bytes, _) => AnswerBody::Bytes(encode_base64(bytes)),
        };
        let answer = Answer { status: answer.status, content_type, headers, body };
        let outcome = judge_answer(contract, used, &answer).kind;
        Ok(What::AttemptAnswered {
            status: answer.status,
            outcome,
            elapsed_ms,
            answer: Box::new(answer),
            signature,
        })
    }
}

/// Whether JSON nests deeper than some levels. Bounded by the reader's own limit.
fn is_deeper_than(value: &serde_json::Value, levels: usize) -> bool {
    let deeper = |value: &serde_json::Value| levels == 0 || is_deeper_than(value, levels - 1);
    match value {
        serde_json::Value::Array(items) => items.iter().any(deeper),
        serde_json::Value::Object(members) => members.values().any(deeper),
        _ => false,
    }
}

/// Why a text cannot be read, where it is in another charset than UTF-8 and any byte of it tells the two apart. A JSON
/// text has none but UTF-8 (RFC 8259 section 8.1), and what a server says of it besides means nothing while it is ASCII.
fn foreign_text(content_type: Option<&str>, bytes: &[u8]) -> Option<String> {
    let content_type = content_type.filter(|content_type| is_json(content_type) || is_text(content_type))?;
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut named = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let charset = named.next().map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase());
    match charset.as_deref() {
        _ if bytes.is_ascii() && !bytes.contains(&0) => None,
        Some("utf-8" | "utf8") | None => {
            std::str::from_utf8(bytes).is_err().then(|| "is not UTF-8, and nothing else is read".to_owned())
        }
        Some(other) => {
            let shown: String = other.chars().filter(char::is_ascii_graphic).take(40).collect();
            Some(format!("is in the charset `{shown}`; only UTF-8 is read"))
        }
    }
}

/// A header that the flow uses: its lines joined as RFC 9110 section 5.3 says. Of one that is too long to be read, so much is
/// kept that whoever judges the record sees it.
fn used_header(headers: &[(String, String)], name: &str) -> Option<String> {
    let lines: Vec<&str> =
        headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
    let mut text = (!lines.is_empty()).then(|| lines.join(", "))?;
    if text.len() > HEADER_BYTES {
        let end = (HEADER_BYTES + 1..=text.len()).find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(text.len()));
    }
    Some(text)
}

fn is_text(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/plain")
}

fn is_json(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

fn cause_of(error: &SendError) -> SendFailure {
    match error {
        SendError::NotSent { cause, .. } => match cause {
            NotSent::Request | NotSent::TokenRefused | NotSent::Credential => SendFailure::Local,
            NotSent::Unprocessed => SendFailure::Unprocessed,
            NotSent::Token => SendFailure::Token,
            NotSent::Resolve => SendFailure::Resolve,
            NotSent::RefusedAddress => SendFailure::Address,
            NotSent::Connect => SendFailure::Connect,
            NotSent::Tls => SendFailure::Tls,
        },
        SendError::Unknown { cause: Unknown::Timeout, .. } => SendFailure::TimedOut,
        SendError::Unknown { cause: Unknown::Reset, .. }
        | SendError::TooLarge { .. }
        | SendError::Unreadable { .. } => SendFailure::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_used_header_are_joined_and_bounded() {
        let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [line("x-tags", "a"), line("etag", "e"), line("x-tags", "b, c")];
        assert_eq!(used_header(&headers, "x-tags").as_deref(), Some("a, b, c"));
        assert_eq!(used_header(&headers, "x-total"), None);
        let long = used_header(&[line("x", &"ä".repeat(HEADER_BYTES))], "x").unwrap();
        assert!(long.len() > HEADER_BYTES && long.len() < HEADER_BYTES + 4);
    }
}

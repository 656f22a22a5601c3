//! Sending one intended request: trust context, signature, authorization; and what came back as an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Credentials, Host, HostError};
use crate::base::{Clock, Digest, Random, decode_base64url, encode_base64, encode_base64url, json, limits};
use crate::engine::{
    Answer, AnswerBody, Engine, Event, Path, Request, SendFailure, SentSignature, State, What, judge_answer,
    judge_failure,
};
use crate::plan::{Auth, Plan, Verified};
use crate::wire::handoff::{Audience, RunSecret, TrustContext};
use crate::wire::signature::{self, Message, Target};
use crate::wire::{self, Connector, NotSent, SendError, Unknown};

/// Everything one send needs.
pub(super) struct Task {
    plan: Arc<Verified<Plan>>,
    connector: Arc<Connector>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    credentials: Arc<Credentials>,
    path: Path,
    attempt: u32,
    request: Request,
    leaf: Digest,
    secret: RunSecret,
}

impl Task {
    pub(super) fn new(
        host: &Host,
        plan: &Arc<Verified<Plan>>,
        state: &State,
        credentials: &Arc<Credentials>,
        path: Path,
        attempt: u32,
    ) -> Result<Task, HostError> {
        let missing = |what: &str| HostError::Event(format!("`{path}` has no {what}"));
        let request = state.request(&path).cloned().ok_or_else(|| missing("request"))?;
        let leaf = state.attempt_leaf(&path).ok_or_else(|| missing("intended record"))?;
        let secret = state.opening.as_ref().and_then(|opening| decode_base64url(&opening.run_secret));
        let secret = secret.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| missing("run secret"))?;
        Ok(Task {
            plan: plan.clone(),
            connector: host.connector.clone(),
            clock: host.parts.clock.clone(),
            random: host.parts.random.clone(),
            credentials: credentials.clone(),
            path,
            attempt,
            request,
            leaf,
            secret: RunSecret::new(secret),
        })
    }

    /// Sends once and reports what came of it.
    pub(super) async fn run(self) -> Result<Event, HostError> {
        let started = self.clock.now();
        let (signature, outcome) = match self.prepare() {
            Ok((request, signature)) => (Some(Box::new(signature)), self.connector.send(request).await),
            Err(reason) => (None, Err(SendError::NotSent { cause: NotSent::Request, reason })),
        };
        let elapsed_ms = self.clock.now().since(started);
        let what = match outcome {
            Ok(answer) => self.answered(&answer, None, elapsed_ms, signature)?,
            Err(SendError::TooLarge { answer, limit }) => {
                self.answered(&answer, Some(limit), elapsed_ms, signature)?
            }
            Err(error) => {
                let cause = cause_of(&error);
                What::AttemptFailed {
                    cause,
                    outcome: judge_failure(cause).kind,
                    elapsed_ms,
                    detail: error.to_string(),
                    signature: signature.filter(|_| !cause.not_sent()),
                }
            }
        };
        Ok(Event { path: Some(self.path), attempt: Some(self.attempt), what })
    }

    /// The request with everything that is never journalled in clear, and the signature that is.
    fn prepare(&self) -> Result<(wire::Request, SentSignature), String> {
        let engine = Engine::new(&self.plan);
        let call = engine.call(&self.path).ok_or("the plan has no such call")?;
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
            target: Target::of(&self.request.method, &url),
            content_type,
            idempotency: self.request.key.as_ref().map(|(name, value)| (name.as_str(), value.as_str())),
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
        for auth in &api.auth {
            match auth {
                Auth::Bearer { secret } => {
                    let secret = self.credentials.secrets.get(secret).ok_or("the secret is not mapped")?;
                    set("authorization", &Zeroizing::new(format!("Bearer {}", secret.expose())));
                }
                other => return Err(format!("`auth {}` cannot be sent yet", other.words())),
            }
        }
        let request = wire::Request {
            method: self.request.method.clone(),
            url,
            headers,
            body: self.request.body.is_some().then_some(body),
            connect_ms: api.timeout.connect_ms,
            attempt_ms: api.timeout.attempt_ms,
            response_bytes: usize::try_from(api.timeout.response_bytes).unwrap_or(usize::MAX),
            // A reused connection may die under a request: only what may be sent twice takes that chance.
            fresh_connection: !call.is_resendable(),
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
        too_large: Option<usize>,
        elapsed_ms: u64,
        signature: Option<Box<SentSignature>>,
    ) -> Result<What, HostError> {
        let engine = Engine::new(&self.plan);
        let call =
            engine.call(&self.path).ok_or_else(|| HostError::Event("the plan has no such call".into()))?;
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
        for name in contract.documented_headers(answer.status) {
            let values = answer.headers.iter().filter(|(known, _)| *known == name);
            let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
            if !values.is_empty() {
                headers.entry(name).or_insert_with(|| values.join(", "));
            }
        }
        let content_type = header("content-type");
        let body = match (&answer.body, too_large) {
            (_, Some(limit)) => AnswerBody::TooLarge(u64::try_from(limit).unwrap_or(u64::MAX)),
            (bytes, _) if bytes.is_empty() => AnswerBody::Empty,
            (bytes, _) if content_type.as_deref().is_some_and(is_json) => match json::read_strict(bytes) {
                // The journal's own members stand around it.
                Ok(value) if !is_deeper_than(&value, limits::PAYLOAD_DEPTH - 8) => AnswerBody::Json(value),
                _ => AnswerBody::Bytes(encode_base64(bytes)),
            },
            (bytes, _) => AnswerBody::Bytes(encode_base64(bytes)),
        };
        let answer = Answer { status: answer.status, content_type, headers, body };
        let outcome = judge_answer(contract, &answer).kind;
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

fn is_json(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

fn cause_of(error: &SendError) -> SendFailure {
    match error {
        SendError::NotSent { cause, .. } => match cause {
            NotSent::Request => SendFailure::Local,
            NotSent::Resolve => SendFailure::Resolve,
            NotSent::RefusedAddress => SendFailure::Address,
            NotSent::Connect => SendFailure::Connect,
            NotSent::Tls => SendFailure::Tls,
        },
        SendError::Unknown { cause: Unknown::Timeout, .. } => SendFailure::TimedOut,
        SendError::Unknown { cause: Unknown::Reset, .. } | SendError::TooLarge { .. } => SendFailure::Reset,
    }
}

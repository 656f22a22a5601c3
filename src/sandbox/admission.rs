//! Who may come in: digest, signature and trust context of a request, held against what the resolver projects, the agent's
//! manifest and its key set — the same texts that the sandbox's servers answer with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::HeaderName;
use hyper::http::request::Parts;
use serde_json::Value;

use super::counterparty::ServedApi;
use super::problem::Problem;
use super::registry::Registry;
use crate::base::{Clock, PublicKey};
use crate::ecz::EczId;
use crate::wire::handoff::TrustContext;
use crate::wire::keys::{AgentManifest, KeySet, KeysError};
use crate::wire::signature::{Received, Target, verify};

/// Verifies callers, and refuses to hear a nonce twice.
pub(crate) struct Admission {
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    /// Until when each key's nonces are remembered, seconds since 1970.
    nonces: Mutex<Nonces>,
}

/// The nonces that were heard, and when the forgotten ones were last looked for.
#[derive(Debug, Default)]
struct Nonces {
    until: BTreeMap<(String, String), i64>,
    swept: i64,
}

/// What is known of a caller.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Caller {
    pub(crate) signed: bool,
    pub(crate) nonce: Option<String>,
    pub(crate) run: Option<String>,
    pub(crate) handoff: Option<String>,
    pub(crate) attempt: Option<u32>,
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(401, "the handoff is refused", detail)
}

impl Admission {
    pub(crate) fn new(registry: Arc<Registry>, clock: Arc<dyn Clock>) -> Admission {
        Admission { registry, clock, nonces: Mutex::default() }
    }

    /// Verifies a request that is meant for an api. `host` is the server's own, checked before.
    pub(crate) fn admit(
        &self,
        head: &Parts,
        body: &[u8],
        host: &str,
        api: &ServedApi,
        idempotency: Option<&HeaderName>,
        accept_unsigned: bool,
    ) -> Result<Caller, Problem> {
        if !head.headers.contains_key("signature-input") {
            if accept_unsigned {
                return Ok(Caller::default());
            }
            return Err(refused(
                "the request is not signed (RFC 9421, profile `eczflow-handoff-1`); start the sandbox with `--accept-unsigned` to try it by hand",
            ));
        }
        let headers: Vec<(String, String)> = head
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let context = headers.iter().find(|(name, _)| name == "ecz-handoff");
        let context = context.ok_or_else(|| refused("the request has no `ecz-handoff` field"))?;
        let context = TrustContext::parse(&context.1).map_err(|error| refused(error.to_string()))?;
        if context.audience != api.audience {
            return Err(refused("the handoff is meant for somebody else"));
        }
        let keys = self.keys(&context)?;
        let received = Received {
            target: Target::received(
                head.method.as_str(),
                host,
                head.uri.path_and_query().map_or("/", |target| target.as_str()),
            )
            .hiding(api.query_keys()),
            headers: &headers,
            body,
            idempotency_header: idempotency.map(HeaderName::as_str),
        };
        let find = |thumbprint: &str| -> Option<PublicKey> { keys.find(thumbprint) };
        let now = self.clock.now();
        let verified = verify(&received, &find, now).map_err(|error| refused(error.to_string()))?;
        // The signature holds: only now is the nonce worth remembering.
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        // Once a second: a sweep a request would make the thousandth a thousand times as dear.
        if nonces.swept != now.seconds() {
            nonces.swept = now.seconds();
            nonces.until.retain(|_, expires| *expires > now.seconds());
        }
        if nonces.until.insert((verified.keyid, verified.nonce.clone()), verified.expires).is_some() {
            return Err(refused("the nonce was used before: every attempt needs its own"));
        }
        Ok(Caller {
            signed: true,
            nonce: Some(verified.nonce),
            run: Some(context.run),
            handoff: Some(context.handoff),
            attempt: Some(context.attempt),
        })
    }

    /// Projection, manifest, key set: each must lead to the next.
    fn keys(&self, context: &TrustContext) -> Result<KeySet, Problem> {
        self.bound(&context.operator)?;
        let projected = self.bound(&context.agent)?;
        let text = |name: &str| projected.get(name).and_then(|value| value.as_str());
        let agent = self.registry.agent(&context.agent);
        let agent = agent.ok_or_else(|| refused(format!("`{}` has no key set here", context.agent)))?;
        let unusable = |error: KeysError| refused(error.to_string());
        let manifest = AgentManifest::parse(agent.manifest.as_bytes()).map_err(unusable)?;
        let origin = text("authorised_origin").unwrap_or_default();
        manifest.check(&context.agent, origin, text("manifest_hash")).map_err(unusable)?;
        KeySet::parse(agent.key_set.as_bytes()).map_err(unusable)
    }

    /// The projection of an ID that is projected BOUND.
    fn bound(&self, id: &EczId) -> Result<Value, Problem> {
        let projected = self.registry.project(id);
        let body = projected.ok_or_else(|| refused(format!("the resolver has no record of `{id}`")))?.body;
        match body.get("state").and_then(Value::as_str) {
            Some("BOUND") => Ok(body),
            state => {
                Err(refused(format!("the resolver projects {} for `{id}`", state.unwrap_or("no state"))))
            }
        }
    }
}

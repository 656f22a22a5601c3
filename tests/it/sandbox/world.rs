//! A sandbox of the example's documents, and a client that signs like a runner.

use std::sync::atomic::{AtomicU64, Ordering};

use camino::Utf8Path;
use eczflow::base::{Clock as _, Digest, Ed25519Key, SystemClock};
use eczflow::plan::Plan;
use eczflow::sandbox::{Faults, Options, Sandbox};
use eczflow::wire::handoff::{Audience, TrustContext};
use eczflow::wire::signature::{Message, Target, sign};
use serde_json::{Value, json};

use crate::flows;

pub(super) const AGENT: &str = "ECZ-GB-A1B2C3::AGENT-7QK2M9";
pub(super) const PAYMENTS: &str = "ECZ-GB-PAYM01::API-REFD01";

/// The example's plan.
pub(super) fn plan() -> Plan {
    (*flows::refund()).clone()
}

/// A sandbox and a client that signs like a runner.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) client: reqwest::Client,
    pub(super) key: Ed25519Key,
    pub(super) token: String,
    pub(super) _folder: tempfile::TempDir,
}

#[derive(Clone)]
pub(super) struct Sent {
    pub(super) url: String,
    pub(super) method: &'static str,
    pub(super) audience: String,
    pub(super) body: Vec<u8>,
    pub(super) key: Option<String>,
    pub(super) handoff: String,
    pub(super) nonce: Option<String>,
    pub(super) token: Option<String>,
    pub(super) unsigned: bool,
    /// The body that really goes out.
    pub(super) tampered: Option<Vec<u8>>,
}

static NONCE: AtomicU64 = AtomicU64::new(0);

impl World {
    pub(super) async fn start(options: Options) -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("sandbox");
        let plan = plan();
        let sandbox = Sandbox::start(&plan, options, &path).await.unwrap();
        let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
        // The first installs it; the provider is the process's.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let ca = reqwest::Certificate::from_pem(read("ca.pem").as_bytes()).unwrap();
        let mut client = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        for (origin, address) in sandbox.origins() {
            client = client.resolve(origin.strip_prefix("https://").unwrap(), *address);
        }
        let client = client.build().unwrap();
        let key = Ed25519Key::from_pem(&read("agent.key")).unwrap();
        World { sandbox, client, key, token: read("payments_token.token"), _folder: folder }
    }

    /// With faults as the command line has them.
    pub(super) async fn with(faults: &[&str]) -> World {
        let (mut answers, mut revoked, mut drifted, mut hold) = (vec![], vec![], vec![], None);
        for fault in faults {
            match fault.split_once(' ') {
                Some(("hold", n)) => hold = n.parse().ok(),
                Some(("drift", api)) => drifted.push(api.to_owned()),
                Some(("revoke", text)) => revoked.push(text.to_owned()),
                _ => answers.push(fault.to_string()),
            }
        }
        let faults = Faults::parse(&answers, &revoked, &drifted, hold).unwrap();
        let options = Options { faults, ..Options::default() };
        World::start(options).await
    }

    /// The real port stands in the URL: `resolve` maps names only.
    pub(super) fn url(&self, origin: &str, path: &str) -> String {
        format!("{origin}:{}{path}", self.sandbox.origins()[origin].port())
    }

    pub(super) fn ticket(&self, id: &str) -> Sent {
        Sent {
            url: format!("https://support.example/tickets/{id}"),
            method: "GET",
            audience: "ECZ-GB-SUPP01::API-TICK01".into(),
            body: vec![],
            key: None,
            handoff: format!("ticket-{id}"),
            nonce: None,
            token: None,
            unsigned: false,
            tampered: None,
        }
    }

    pub(super) fn refund(&self, key: &str, amount: u32) -> Sent {
        Sent {
            url: "https://eu.payments.example/refunds".into(),
            method: "POST",
            audience: PAYMENTS.into(),
            body: json!({"charge": "C1", "amount": amount}).to_string().into_bytes(),
            key: Some(key.into()),
            handoff: format!("refund-{key}"),
            token: Some(self.token.clone()),
            ..self.ticket("")
        }
    }

    pub(super) fn give_back(&self, sku: &str) -> Sent {
        Sent {
            url: format!("https://warehouse.example/returns/{sku}"),
            method: "POST",
            audience: "ECZ-GB-WARE01::API-RETN01".into(),
            body: br#"{"quantity":2}"#.to_vec(),
            key: Some(format!("key-of-returning-{sku}")),
            handoff: format!("return-{sku}"),
            ..self.ticket("")
        }
    }

    pub(super) async fn send(&self, sent: &Sent) -> Result<(u16, Value), reqwest::Error> {
        let target = url::Url::parse(&sent.url).unwrap();
        let address = self.sandbox.origins()[&target.origin().ascii_serialization()];
        let mut real = target.clone();
        real.set_port(Some(address.port())).unwrap();
        let mut request = self.client.request(sent.method.parse().unwrap(), real);
        // What a runner's connector does by dialling the address itself.
        request = request.header("host", target.host_str().unwrap());
        let content_type = (!sent.body.is_empty()).then_some("application/json");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        if let Some(key) = &sent.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(token) = &sent.token {
            request = request.bearer_auth(token);
        }
        if !sent.unsigned {
            let context = TrustContext {
                operator: "ECZ-GB-A1B2C3".parse().unwrap(),
                agent: AGENT.parse().unwrap(),
                audience: Audience::parse(&sent.audience).unwrap(),
                run: "run-1".into(),
                handoff: sent.handoff.clone(),
                attempt: 1,
                leaf: Digest::of("leaf"),
                trace: "0af7651916cd43dd8448eb211c80319c".into(),
                parent: None,
            };
            let handoff = context.to_field().unwrap();
            let fresh = || format!("nonce-{:016}", NONCE.fetch_add(1, Ordering::SeqCst));
            let message = Message {
                target: Target::of(sent.method, &target),
                content_type,
                idempotency: sent.key.as_deref().map(|key| ("Idempotency-Key", key)),
                handoff: Some(&handoff),
                body: &sent.body,
            };
            let nonce = sent.nonce.clone().unwrap_or_else(fresh);
            let signed = sign(&message, &self.key, SystemClock.now(), &nonce).unwrap();
            request = request.header("ecz-handoff", &handoff);
            for (name, value) in signed.headers() {
                request = request.header(name, value);
            }
        }
        let body = sent.tampered.as_ref().unwrap_or(&sent.body);
        let response = if body.is_empty() { request } else { request.body(body.clone()) }.send().await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// The status and the problem's detail, or the body.
    pub(super) async fn answer(&self, sent: &Sent) -> (u16, Value) {
        let (status, body) = self.send(sent).await.unwrap();
        (status, body.get("detail").cloned().unwrap_or(body))
    }

    pub(super) async fn projected(&self, id: &str) -> (Value, String) {
        let url = self.url("https://resolver.sandbox.example", &format!("/projections/{id}"));
        let response = self.client.get(url).send().await.unwrap();
        let cache = response.headers()["cache-control"].to_str().unwrap().to_owned();
        (serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(), cache)
    }

    pub(super) fn effects(&self, api: &str) -> Vec<String> {
        self.sandbox.ledger().report().effects[api].iter().map(|effect| effect.path.clone()).collect()
    }

    pub(super) fn last(&self) -> eczflow::sandbox::Entry {
        self.sandbox.ledger().report().requests.last().cloned().unwrap()
    }
}

//! The servers beside the counterparties: the resolver, the agent's origin, and the control address.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, HOST, HeaderValue};

use super::ledger::Ledger;
use super::listener::{Body, Ending, Handler, Received, response};
use super::problem::Problem;
use super::registry::{KEY_SET_PATH, Registry};
use crate::ecz::EczId;
use crate::types::percent_decode;
use crate::wire::keys::MANIFEST_PATH;

/// Where projections are, by ID.
pub(crate) const PROJECTIONS: &str = "/projections/";

/// A response whose body may be kept for some seconds, or not at all.
fn cached(mut response: Response<Full<Bytes>>, max_age_s: Option<u64>) -> Response<Full<Bytes>> {
    let value = max_age_s.map_or_else(|| "no-store".to_owned(), |seconds| format!("max-age={seconds}"));
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    response
}

fn not_found(what: &str) -> Response<Full<Bytes>> {
    cached(Problem::new(404, "not found", what).into_response(), None)
}

fn entered(
    ledger: &Ledger,
    server: &str,
    received: &Received,
    answer: impl FnOnce() -> Response<Full<Bytes>>,
) -> Ending {
    let head = &received.head;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let bytes = if let Body::Whole(body) = &received.body { body.len() } else { 0 };
    let open = ledger.enter(server, false, head.method.as_str(), path, bytes);
    let answer = if head.method == "GET" {
        answer()
    } else {
        Problem::new(405, "not allowed", "this server answers GET only").into_response()
    };
    open.answered(answer.status().as_u16(), None);
    Ending::Answer(answer)
}

/// The resolver: projections by exact ID.
pub(crate) struct Resolver {
    pub(crate) registry: Arc<Registry>,
    pub(crate) ledger: Ledger,
}

impl Resolver {
    /// The ledger's name for it.
    pub(crate) const NAME: &str = "resolver";

    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let id = path
            .strip_prefix(PROJECTIONS)
            .and_then(|id| percent_decode(id, false))
            .and_then(|id| id.parse::<EczId>().ok());
        match id.and_then(|id| self.registry.project(&id)) {
            None => not_found("no record of this ID; that says nothing about who bears it"),
            Some(projected) => {
                let body = projected.body.to_string();
                cached(response(200, "application/json", body), projected.max_age_s)
            }
        }
    }
}

impl Handler for Resolver {
    async fn handle(self: Arc<Self>, received: Received) -> Ending {
        entered(&self.ledger, Resolver::NAME, &received, || self.answer(received.head.uri.path()))
    }
}

/// The origins of the runner's agents: manifest and key set.
pub(crate) struct AgentOrigin {
    pub(crate) registry: Arc<Registry>,
    pub(crate) ledger: Ledger,
}

impl AgentOrigin {
    /// The ledger's name for it.
    pub(crate) const NAME: &str = "agent";
}

impl Handler for AgentOrigin {
    async fn handle(self: Arc<Self>, received: Received) -> Ending {
        let host = received.head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        entered(&self.ledger, AgentOrigin::NAME, &received, || {
            match (self.registry.agent_at(host), received.head.uri.path()) {
                (Some(agent), MANIFEST_PATH) => response(200, "application/json", agent.manifest.clone()),
                (Some(agent), KEY_SET_PATH) => {
                    response(200, "application/jwk-set+json", agent.key_set.clone())
                }
                _ => not_found("an agent's origin has a manifest and a key set"),
            }
        })
    }
}

/// The control address: the ledger for other processes.
pub(crate) struct Control {
    pub(crate) ledger: Ledger,
}

impl Handler for Control {
    async fn handle(self: Arc<Self>, received: Received) -> Ending {
        let uri = &received.head.uri;
        if received.head.method != "GET" || uri.path() != "/ledger" {
            return Ending::Answer(not_found(
                "there is `GET /ledger`, and with `?requests=N` it waits for the N-th request",
            ));
        }
        let wanted = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "requests")
            .and_then(|(_, count)| count.parse().ok());
        if let Some(requests) = wanted {
            self.ledger.reached(requests).await;
        }
        Ending::Answer(match serde_json::to_string(&self.ledger.report()) {
            Ok(report) => cached(response(200, "application/json", report), None),
            Err(_) => {
                Problem::new(500, "no report", "the ledger could not be written as JSON").into_response()
            }
        })
    }
}

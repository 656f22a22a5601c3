//! What reached the sandbox's servers, in order: the counters that tests and faults judge by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::base::{Clock, Timestamp};

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not yet: the answer is being made, or is withheld until the caller goes away.
    Open,
    /// With an answer.
    Answered,
    /// With a TCP reset.
    Reset,
    /// With a closed connection.
    Closed,
    /// The caller went away before an answer.
    Abandoned,
}

/// One request that reached a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1-based, over all servers.
    pub seq: u64,
    /// 1-based over the counterparties' requests; absent for the resolver and the agent's origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// `resolver`, `agent`, or the api that listens there.
    pub server: String,
    /// When it was read.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `api.operation`, where one of the document was meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The signature's nonce, once the signature was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The run as this counterparty knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The handoff within the run: the same for every attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<String>,
    /// The attempt's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Whether a valid signature was on it.
    pub signed: bool,
    /// Bytes of its body.
    pub bytes: u64,
    /// The status answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it changed something at the counterparty. A repeated key changes nothing.
    pub effect: bool,
    /// Why it was refused, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A server's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Bytes received, TLS handshakes included.
    pub bytes: u64,
    /// Most requests that were under way at once.
    pub at_once: u64,
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The entry that caused it.
    pub seq: u64,
    /// The operation's key in its document.
    pub operation: String,
    /// Path and query.
    pub path: String,
    /// The idempotency key, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The whole ledger as data: what `GET /ledger` answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Every request in order.
    pub requests: Vec<Entry>,
    /// Counters by server.
    pub servers: BTreeMap<String, Counters>,
    /// Effects in order, by api; an api without effects is there too.
    pub effects: BTreeMap<String, Vec<Effect>>,
}

/// Counts of one server.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    connections: AtomicU64,
    bytes: AtomicU64,
    open: AtomicU64,
    at_once: AtomicU64,
}

impl Traffic {
    fn opened(&self) {
        let open = self.open.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.at_once.fetch_max(open, Ordering::SeqCst);
    }

    fn closed(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    fn counters(&self) -> Counters {
        Counters {
            connections: self.connections.load(Ordering::SeqCst),
            bytes: self.bytes.load(Ordering::SeqCst),
            at_once: self.at_once.load(Ordering::SeqCst),
        }
    }
}

/// The ledger of a running sandbox; clones share it.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    seen: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    answers: BTreeMap<u64, Value>,
    effects: BTreeMap<String, Vec<Effect>>,
    traffic: BTreeMap<String, Arc<Traffic>>,
    requests: u64,
}

impl Ledger {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Ledger {
        Ledger(Arc::new(Shared { clock, state: Mutex::default(), seen: watch::Sender::new(0) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave these plain lists half changed.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names a server and gives it its counters.
    pub(crate) fn server(&self, name: &str) -> Arc<Traffic> {
        self.state().traffic.entry(name.to_owned()).or_default().clone()
    }

    /// Names an api, so that it stands among the effects from the start.
    pub(crate) fn api(&self, name: &str) {
        self.state().effects.entry(name.to_owned()).or_default();
    }

    /// Enters a request that was read; the guard closes the entry.
    pub(crate) fn enter(
        &self,
        server: &str,
        counterparty: bool,
        method: &str,
        path: &str,
        bytes: usize,
    ) -> Open {
        let at = self.0.clock.now();
        let mut state = self.state();
        let seq = u64::try_from(state.entries.len()).unwrap_or(u64::MAX).saturating_add(1);
        let request = counterparty.then(|| {
            state.requests += 1;
            state.requests
        });
        state.entries.push(Entry {
            seq,
            request,
            server: server.to_owned(),
            at,
            method: method.to_owned(),
            path: path.to_owned(),
            operation: None,
            key: None,
            nonce: None,
            run: None,
            handoff: None,
            attempt: None,
            signed: false,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            status: None,
            outcome: Outcome::Open,
            effect: false,
            refused: None,
        });
        let traffic = state.traffic.entry(server.to_owned()).or_default().clone();
        traffic.opened();
        Open { ledger: self.clone(), seq, request, traffic }
    }

    /// Everything so far.
    pub fn report(&self) -> Report {
        let state = self.state();
        Report {
            requests: state.entries.clone(),
            servers: state.traffic.iter().map(|(name, traffic)| (name.clone(), traffic.counters())).collect(),
            effects: state.effects.clone(),
        }
    }

    /// Returns once the counterparties have received this many requests and done what those ask for.
    pub async fn reached(&self, requests: u64) {
        let mut seen = self.0.seen.subscribe();
        // The sender lives in this ledger: waiting can only end by the count.
        let _count = seen.wait_for(|count| *count >= requests).await;
    }

    /// What is known of one operation's calls, told apart by run and handoff: attempts of one call count once.
    pub(crate) fn calls(&self, operation: &str) -> Calls {
        let state = self.state();
        let mut calls = Calls::default();
        for entry in state.entries.iter().filter(|entry| entry.operation.as_deref() == Some(operation)) {
            let name = match (&entry.run, &entry.handoff) {
                (Some(run), Some(handoff)) => format!("{run} {handoff}"),
                _ => format!("#{}", entry.seq),
            };
            match (entry.outcome, entry.status) {
                (Outcome::Open, _) => calls.open += 1,
                (Outcome::Answered, Some(status)) if is_final(status) => {
                    calls.finished.insert(name);
                    if let Some(answer) = state.answers.get(&entry.seq) {
                        calls.latest = Some(answer.clone());
                    }
                }
                _ => {}
            }
        }
        calls
    }
}

/// Whether a status ends a call: not one that a retry would follow.
fn is_final(status: u16) -> bool {
    status < 500 && !matches!(status, 408 | 425 | 429)
}

/// Calls of one operation.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// Requests in flight.
    pub(crate) open: u64,
    /// Calls with a final answer.
    pub(crate) finished: BTreeSet<String>,
    /// The latest final answer's body.
    pub(crate) latest: Option<Value>,
}

/// An entry that is not closed yet. Dropped unclosed, the caller went away.
pub(crate) struct Open {
    ledger: Ledger,
    seq: u64,
    /// Its number among the counterparties' requests.
    pub(crate) request: Option<u64>,
    traffic: Arc<Traffic>,
}

impl Open {
    /// Changes the entry.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Entry)) {
        let at = usize::try_from(self.seq.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(entry) = self.ledger.state().entries.get_mut(at) {
            change(entry);
        }
    }

    /// Records an effect.
    pub(crate) fn effect(&self, api: &str, operation: &str, path: &str, key: Option<&str>) {
        self.note(|entry| entry.effect = true);
        let effect = Effect {
            seq: self.seq,
            operation: operation.to_owned(),
            path: path.to_owned(),
            key: key.map(str::to_owned),
        };
        self.ledger.state().effects.entry(api.to_owned()).or_default().push(effect);
    }

    /// Tells those who wait that this request has been received and done.
    pub(crate) fn done(&self) {
        if let Some(request) = self.request {
            self.ledger.0.seen.send_modify(|count| *count = (*count).max(request));
        }
    }

    /// Closes it with an answer.
    pub(crate) fn answered(self, status: u16, body: Option<Value>) {
        if let Some(body) = body {
            self.ledger.state().answers.insert(self.seq, body);
        }
        self.note(|entry| {
            entry.status = Some(status);
            entry.outcome = Outcome::Answered;
        });
    }

    /// Closes it without an answer.
    pub(crate) fn ended(self, outcome: Outcome) {
        self.note(|entry| entry.outcome = outcome);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.traffic.closed();
        self.note(|entry| {
            if entry.outcome == Outcome::Open {
                entry.outcome = Outcome::Abandoned;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::VirtualClock;

    #[test]
    fn attempts_of_one_call_count_once_and_a_lost_caller_is_noted() {
        let ledger = Ledger::new(Arc::new(VirtualClock::default()));
        for (handoff, status) in [(1, 503), (1, 201), (1, 201), (2, 201)] {
            let open = ledger.enter("shop", true, "POST", "/x", 0);
            open.note(|entry| {
                entry.operation = Some("shop.buy".into());
                (entry.run, entry.handoff) = (Some("r".into()), Some(handoff.to_string()));
            });
            open.answered(status, Some(Value::from(handoff)));
        }
        let other = ledger.enter("shop", true, "GET", "/y", 0);
        let pending = ledger.enter("shop", true, "POST", "/x", 0);
        pending.note(|entry| entry.operation = Some("shop.buy".into()));
        let calls = ledger.calls("shop.buy");
        assert_eq!((calls.open, calls.finished.len(), calls.latest), (1, 2, Some(Value::from(2))));
        drop((pending, other));
        let report = ledger.report();
        assert_eq!(report.requests.last().map(|entry| entry.outcome), Some(Outcome::Abandoned));
        assert_eq!(ledger.calls("shop.buy").open, 0);
        assert_eq!(
            report.requests.iter().map(|entry| entry.request).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6].map(Some)
        );
        assert_eq!(report.servers["shop"].at_once, 2);
    }
}

//! Asking over HTTP, within a bound of attempts and time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::binding_projection::{BindingProjection, max_age_of};
use super::{Adapter, Observed, Observing, Resolver};
use crate::base::{Clock, Digest, limits};
use crate::config::{EndpointKind, ResolverConfig};
use crate::ecz::{EczId, Observation};
use crate::wire::{Answer, Connector, NotSent, Request, SendError};

/// Bounds of one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most attempts.
    pub attempts: u32,
    /// One attempt, milliseconds.
    pub attempt_ms: u64,
    /// Everything together, milliseconds.
    pub total_ms: u64,
    /// Before the second attempt, milliseconds; doubled before each further one.
    pub pause_ms: u64,
}

impl Budget {
    /// The official clients' bounds.
    pub const STANDARD: Budget = Budget { attempts: 3, attempt_ms: 10_000, total_ms: 32_000, pause_ms: 250 };
}

/// A resolver asked over HTTP with an adapter of the configuration.
pub struct HttpResolver {
    connector: Arc<Connector>,
    config: ResolverConfig,
    adapter: Box<dyn Adapter>,
    clock: Arc<dyn Clock>,
    budget: Budget,
}

/// What one attempt led to.
enum Outcome {
    Settled(Observation, Option<Digest>),
    Again(String),
}

impl HttpResolver {
    /// A resolver by configuration.
    pub fn new(connector: Arc<Connector>, config: ResolverConfig, clock: Arc<dyn Clock>) -> HttpResolver {
        HttpResolver {
            connector,
            config,
            adapter: Box::new(BindingProjection),
            clock,
            budget: Budget::STANDARD,
        }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> HttpResolver {
        HttpResolver { budget, ..self }
    }

    async fn ask(&self, id: &EczId) -> Observed {
        let now = self.clock.now();
        let observed = |observation| Observed { observation, observed_at: now, raw_digest: None };
        let Some(template) = self.config.machine.get(&EndpointKind::of(id)) else {
            return observed(Observation::NoEndpoint);
        };
        let Ok(url) = Url::parse(&format!("{}{}", self.config.base, template.fill(id))) else {
            return observed(Observation::Unavailable("the configured address is no URL".into()));
        };
        let end = Instant::now() + Duration::from_millis(self.budget.total_ms);
        let mut last = "no attempt was made".to_owned();
        for attempt in 0..self.budget.attempts {
            if attempt > 0 {
                let pause = self.budget.pause_ms.saturating_mul(1 << attempt.saturating_sub(1).min(16));
                if Instant::now() + Duration::from_millis(pause) >= end {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            let left = end.saturating_duration_since(Instant::now()).as_millis();
            let attempt_ms = u64::try_from(left).unwrap_or(u64::MAX).min(self.budget.attempt_ms);
            if attempt_ms == 0 {
                break;
            }
            let observed_at = self.clock.now();
            match self.attempt(id, url.clone(), attempt_ms).await {
                Outcome::Settled(observation, raw_digest) => {
                    return Observed { observation, observed_at, raw_digest };
                }
                Outcome::Again(words) => last = words,
            }
        }
        Observed {
            observation: Observation::Unavailable(last),
            observed_at: self.clock.now(),
            raw_digest: None,
        }
    }

    async fn attempt(&self, id: &EczId, url: Url, attempt_ms: u64) -> Outcome {
        let request = Request {
            headers: vec![("accept".into(), "application/json".into())],
            connect_ms: attempt_ms,
            attempt_ms,
            response_bytes: limits::RESOLVER_BYTES,
            // Its digest is that of the bytes as they came.
            ..Request::new("GET", url)
        };
        match self.connector.send(request).await {
            Ok(answer) => self.judge(id, &answer),
            Err(SendError::TooLarge { limit, .. }) => {
                Outcome::Settled(Observation::Malformed(format!("it is larger than {limit} bytes")), None)
            }
            Err(SendError::Unreadable { reason, .. }) => {
                Outcome::Settled(Observation::Malformed(format!("it {reason}")), None)
            }
            // Asking again could not change these.
            Err(SendError::NotSent { cause: NotSent::Request | NotSent::RefusedAddress, reason }) => {
                Outcome::Settled(Observation::Unavailable(reason), None)
            }
            Err(SendError::NotSent { reason, .. } | SendError::Unknown { reason, .. }) => {
                Outcome::Again(reason)
            }
        }
    }

    fn judge(&self, id: &EczId, answer: &Answer) -> Outcome {
        let raw = Some(Digest::of(&answer.body));
        let malformed = |words: String| Outcome::Settled(Observation::Malformed(words), raw);
        match answer.status {
            200 => {}
            404 => return Outcome::Settled(Observation::NotFound, raw),
            status @ (429 | 502 | 503 | 504) => {
                return Outcome::Again(format!("the resolver answered {status}"));
            }
            status => {
                let words = format!("the resolver answered {status}");
                return Outcome::Settled(Observation::Unavailable(words), raw);
            }
        }
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
            return malformed("its content type is not JSON".into());
        }
        match self.adapter.read(id, &answer.body) {
            Ok(mut projection) => {
                projection.max_age_s = projection.max_age_s.min(left_by_http(answer));
                Outcome::Settled(Observation::Projected(Box::new(projection)), raw)
            }
            Err(words) => malformed(words),
        }
    }
}

/// How long HTTP itself allows reuse, seconds (RFC 9111): without a word of it, as long as the projection says.
fn left_by_http(answer: &Answer) -> u64 {
    let fields = answer.headers.iter().filter(|(name, _)| name == "cache-control");
    let control: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
    let control = control.join(", ");
    let forbids = ["no-store", "no-cache", "max-age"];
    let speaks = forbids.iter().any(|word| control.to_ascii_lowercase().contains(word));
    let most = if speaks { max_age_of(&control) } else { u64::MAX };
    let age = answer.header("age").map_or(0, |age| age.trim().parse().unwrap_or(u64::MAX));
    // A projection that spent its time in some cache on the way is that much older.
    if age == 0 { most } else { most.min(60).saturating_sub(age) }
}

impl Resolver for HttpResolver {
    fn observe<'a>(&'a self, id: &'a EczId) -> Observing<'a> {
        Box::pin(self.ask(id))
    }
}

impl std::fmt::Debug for HttpResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpResolver").field("base", &self.config.base).finish_non_exhaustive()
    }
}

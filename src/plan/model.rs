//! The shapes of a plan (`eczflow-plan-1`). Canonical JSON of [`Plan`] is what `plan_digest` names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::class::{Classified, Clearance, Received};
use super::pace::Rate;
use super::party::{Auth, Party};
use super::steps::Flow;
use crate::base::{Digest, Timestamp};
use crate::ecz::{EczId, IdempotencyStatement};
use crate::expr::Definitions;

/// The format's name, the first member of every plan.
pub const FORMAT: &str = "eczflow-plan-1";

/// A compiled flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: String,
    /// The language version of the source's first line.
    pub language: u32,
    /// `eczflow` and its version.
    pub compiler: String,
    /// The source it was made from.
    pub source: Source,
    /// Operators by name.
    pub operators: BTreeMap<String, Operator>,
    /// Secrets by name: their audience only.
    pub secrets: BTreeMap<String, Secret>,
    /// The used APIs by name.
    pub apis: BTreeMap<String, Api>,
    /// The functions that the flow's expressions call, directly or not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: Definitions,
    /// The flows that this one calls, by name: each a whole plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flows: BTreeMap<String, Plan>,
    /// The flow.
    pub flow: Flow,
    /// Which organisation receives what of whose. Sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<Received>,
    /// What the compiler found to hold.
    pub proof: Proof,
}

/// The source text of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// File name without folders.
    pub file: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Parent ECZ-ID.
    pub passport: EczId,
    /// Agent Credential ID, for the operator that runs the flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<EczId>,
}

/// A secret's name and audience. Its source stands in the runner's configuration, its value nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The one api that may receive it.
    pub audience: String,
}

/// One authorised API surface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The document's path, relative to the flow, with `/`.
    pub document: String,
    /// Canonical hash of the document (`eczflow-c14n-1`): the pin.
    pub pin: Digest,
    /// Who answers: a passport, or nobody that has one.
    pub identity: Party,
    /// The origin and base path requests go to: a server of the document, or the region's alias. No trailing slash.
    pub base_url: String,
    /// The server that the flow chose among the document's, an absolute https URL without trailing slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The regional alias in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// How requests authenticate: schemes that are due together. Empty: not at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auth: Vec<Auth>,
    /// Bounds of one attempt.
    pub timeout: Timeout,
    /// Most requests in a length of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Most requests at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// The breaker of this api.
    pub breaker: Breaker,
    /// What it may receive beside `internal` and its operator's own. Sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<Clearance>,
    /// What its operator states of a header, where a call relies on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
    /// What is classified in its answers, by operation; sorted, each path once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classified: BTreeMap<String, Vec<Classified>>,
    /// Used operations by key (`getTicket`, or `GET /tickets/{ticketId}`).
    pub operations: BTreeMap<String, Slice>,
}

/// A regional alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name in the flow.
    pub name: String,
    /// Its origin.
    pub origin: String,
}

/// Bounds of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeout {
    /// Resolve, connect and TLS, milliseconds.
    pub connect_ms: u64,
    /// The whole attempt, milliseconds.
    pub attempt_ms: u64,
    /// Largest response body, bytes.
    pub response_bytes: u64,
}

/// One operation with everything it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Canonical text of the slice.
    pub text: String,
    /// SHA-256 of the text.
    pub digest: Digest,
}

/// A counterparty's signed statement, as the flow pins it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its text (docs/formats/idempotency-statement.md).
    pub text: String,
    /// SHA-256 of the text: the pin.
    pub digest: Digest,
}

impl Statement {
    /// What it says, or why it is no statement: it is one in every verified plan.
    pub fn read(&self) -> Result<IdempotencyStatement, String> {
        IdempotencyStatement::read(self.text.as_bytes())
    }

    /// What is told of it to whoever is to look at it.
    pub fn told(&self) -> Option<StatedBy> {
        let statement = self.read().ok()?;
        Some(StatedBy { issuer: statement.issuer, digest: self.digest, not_after: statement.not_after })
    }
}

/// Who states something of an API's idempotency, in which statement, and until when a run may begin on the strength of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatedBy {
    /// Who states it. A run needs a key of theirs in its configuration.
    pub issuer: EczId,
    /// SHA-256 of the statement: its pin.
    pub digest: Digest,
    /// No run begins later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// The fact that lets an effect be retried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case", deny_unknown_fields)]
pub enum Idempotency {
    /// The pinned operation declares the header as a parameter.
    Documented {
        /// The header's declared name.
        header: String,
    },
    /// A named operator takes it for granted.
    Assumed {
        /// The header's name.
        header: String,
        /// The operator's name.
        by: String,
        /// The reason given.
        because: String,
    },
    /// The counterparty states it, in the statement that the api carries.
    Stated {
        /// The header's name.
        header: String,
        /// Who states it: the api's operator or its API Passport.
        by: EczId,
    },
}

impl Idempotency {
    /// The header that carries the key.
    pub fn header(&self) -> &str {
        match self {
            Idempotency::Documented { header }
            | Idempotency::Assumed { header, .. }
            | Idempotency::Stated { header, .. } => header,
        }
    }
}

/// A retry policy. Delays are exponential with full jitter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// The policy's name.
    pub name: String,
    /// Most attempts, the first included; at least 1.
    pub attempts: u32,
    /// The first delay's upper end, milliseconds.
    pub base_ms: u64,
    /// Every delay's upper end, milliseconds.
    pub cap_ms: u64,
    /// No attempt starts later than this after the first one started, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
}

/// A circuit breaker's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// The policy's name.
    pub name: String,
    /// Calls older than this don't count, milliseconds.
    pub window_ms: u64,
    /// Fewer calls than this in the window open nothing.
    pub minimum_calls: u32,
    /// Failed calls that open it, percent.
    pub failure_percent: u32,
    /// A call that takes longer is slow, milliseconds.
    pub slow_ms: u64,
    /// Slow calls that open it, percent.
    pub slow_percent: u32,
    /// The first opening, milliseconds; later ones double, with jitter.
    pub open_ms: u64,
    /// The longest opening, milliseconds.
    pub open_cap_ms: u64,
    /// Calls let through while half open; all must succeed to close it.
    pub probes: u32,
}

/// What the compiler found to hold: one entry an obligation and place, sorted. Recomputed before a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The obligations met.
    pub obligations: Vec<Obligation>,
    /// What was taken for granted, by whom and why.
    pub assumptions: Vec<String>,
    /// Positions that the checker could not decide: checked at run time instead.
    pub guards: Vec<String>,
}

/// One obligation met at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// `P1` to `P10`.
    pub name: String,
    /// A node id, `NODE/undo`, an api's name, or `flow`.
    pub subject: String,
    /// What makes it hold, in a few words.
    pub holds_by: String,
}

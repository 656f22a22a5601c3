//! The shapes of a plan (`eczflow-plan-1`). Canonical JSON of [`Plan`] is what `plan_digest` names.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::called::{Signal, SubFlow};
use super::class::{Classified, Clearance, Received, Release};
use super::pace::Rate;
use super::party::{Auth, Party};
use crate::base::Digest;
use crate::ecz::{EczId, HandoffPolicy, IdempotencyStatement};
use crate::expr::{Definitions, Expr};
use crate::types::Type;

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

/// A flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// Name of the operator that runs it.
    pub operator: String,
    /// The Agent Credential that presents itself.
    pub agent: EczId,
    /// Inputs in order of declaration.
    pub inputs: Vec<Input>,
    /// The returned record's type.
    pub output: Type,
    /// The whole run's bound, milliseconds; undos are outside it.
    pub deadline_ms: u64,
    /// The policy of its calls that have none of their own; present where a flow that it calls takes a weaker one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<HandoffPolicy>,
    /// What its outputs and messages may hold beside `internal` and its operator's own. Sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<Clearance>,
    /// Its body.
    pub body: Block,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Its default; absent where the caller must give it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Expr>,
    /// What is classified in it; sorted, each path once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classified: Vec<Classified>,
}

/// Nodes in source order. Order of execution is only what `after` says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// One thing that happens in a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Unique in the flow; a step's, value's or loop's name, or made up (`ensure_1`) for the nameless.
    pub id: String,
    /// 1-based line in the source.
    pub line: u32,
    /// Nodes of the same block that must be finished (done or skipped) before: data, barriers and `after` together.
    /// Sorted, each once. References out of a loop's body are edges of the loop itself.
    pub after: Vec<String>,
    /// What happens.
    pub kind: NodeKind,
}

/// The kinds of nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum NodeKind {
    /// `step x = api.op(…)`.
    Call(Box<Step>),
    /// `step x = call flow(…)`.
    SubFlow(Box<SubFlow>),
    /// `signal s: T from … within d else e`.
    Signal(Box<Signal>),
    /// `let v = e`.
    Let {
        /// The value.
        value: Expr,
        /// For whom it counts as of a lower class.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release: Option<Release>,
    },
    /// `wait 5m`, `wait until t`: begins where everything above it is finished; everything below waits for it.
    Wait(Wait),
    /// `ensure c else "…"`: false fails the run.
    Ensure {
        /// The condition, a bool.
        condition: Expr,
        /// The message, a string.
        message: Expr,
    },
    /// `fail "…" when c`.
    Fail {
        /// Fails where true; always where absent.
        condition: Option<Expr>,
        /// The message, a string.
        message: Expr,
    },
    /// `for v in list …`.
    For(Box<Loop>),
    /// `return e`: waits for every node of the flow's body.
    Return {
        /// The outputs, a record.
        value: Expr,
    },
}

/// A timer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Whether `value` is the moment, not how long.
    pub until: bool,
    /// A duration, or a timestamp.
    pub value: Expr,
}

/// A step: a call with its policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The call.
    pub call: Call,
    /// The same call again until an answer is the one that is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Poll>,
    /// The same call for each page of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
    /// The read that settles an unknown outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconcile: Option<Reconcile>,
    /// `when`: false skips the step, and its value is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Expr>,
    /// `on STATUS fail "…"`, by status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "by_status")]
    pub on: BTreeMap<u16, Expr>,
    /// The compensation; evaluated with the step's own name in scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Call>,
    /// `irreversible because "…"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
    /// What the flow uses of its answer beside the body; absent where it is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerUse>,
}

/// `poll … until c every 5s at most 60`, of a safe call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// A bool, evaluated over each answer with the step's own name in scope: true ends it.
    pub until: Expr,
    /// Time between two polls, milliseconds.
    pub every_ms: u64,
    /// Most polls.
    pub at_most: u64,
}

/// `reconcile api.op(…) when c absent after d`, of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// The read; it sees what the step's own call sees.
    pub call: Call,
    /// A bool, evaluated over what was read with the step's own name in scope: true says that the effect happened, and that
    /// this is the step's value.
    pub when: Expr,
    /// How long after a first read an effect that is not found has not happened, milliseconds; absent where it is in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_after_ms: Option<u64>,
}

impl Reconcile {
    /// How often it reads at most, retries left out.
    pub fn rounds(&self) -> u64 {
        1 + u64::from(self.absent_after_ms.is_some())
    }
}

/// `pages … next e items e at most 20`, of a safe call: the step's value is the list of all pages' items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// What `next` is where it is there.
    pub cursor: Type,
    /// Where the next page begins, absent or null after the last one; evaluated over each page with the step's own name in
    /// scope.
    pub next: Expr,
    /// The page's list, evaluated likewise.
    pub items: Expr,
    /// Most pages.
    pub at_most: u64,
}

impl Pages {
    /// The type of `next`, by what it is where it is there: absent of the first page.
    pub fn asked(cursor: &Type) -> Type {
        cursor.clone().optional()
    }

    /// The type of what says where the next page begins.
    pub fn follows(cursor: &Type) -> Type {
        Type::union(vec![cursor.clone(), Type::Null]).optional()
    }

    /// Whether something of this type may say that there is no next page.
    pub fn may_end(next: &Type) -> bool {
        *next == Type::Never || next.is_optional() || next.takes_null()
    }

    /// What is evaluated over each page.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        [&self.next, &self.items].into_iter()
    }
}

impl Step {
    /// How often its call is made at most, retries left out.
    pub fn rounds(&self) -> u64 {
        let pages = self.pages.as_ref().map(|pages| pages.at_most);
        self.poll.as_ref().map(|poll| poll.at_most).or(pages).unwrap_or(1)
    }
}

/// What a flow uses of a step's answer beside its body: kept in the run's state, and recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerUse {
    /// `status(x)`.
    pub status: bool,
    /// `headers(x)`: the documented headers that are used, as the document spells them. Sorted, each once.
    pub headers: Vec<String>,
    /// The refusals that a `match` has an arm for: each is an ordinary end of the step, without an effect. Sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<u16>,
}

/// Keys of JSON are strings, and inside a tagged node serde does not read numbers out of them.
fn by_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u16, Expr>, D::Error> {
    let named = BTreeMap::<String, Expr>::deserialize(deserializer)?;
    let status = |name: String| {
        let status: Option<u16> = name.parse().ok();
        status.ok_or_else(|| serde::de::Error::custom("a status is a number"))
    };
    named.into_iter().map(|(name, value)| Ok((status(name)?, value))).collect()
}

/// One call and what governs it; an undo is one too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The api's name.
    pub api: String,
    /// The operation's key among the api's slices.
    pub operation: String,
    /// Upper case.
    pub method: String,
    /// The document's path template.
    pub path: String,
    /// Arguments in the document's order of parameters.
    pub arguments: Vec<Argument>,
    /// The JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Expr>,
    /// The idempotency fact, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// `key once per E`; absent for the default key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once_per: Option<Expr>,
    /// The retry policy; absent for a single attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// The handoff policy, all four parts.
    pub handoff: HandoffPolicy,
    /// `present`: the Agent Credential that signs.
    pub present: EczId,
    /// The policy that this weaker one stands for, and why; absent where none is stronger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weakened: Option<Box<Weakening>>,
}

/// `weaken handoff … because "…"`: what a call's handoff policy is weaker than.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weakening {
    /// The policy that would be in force.
    pub instead_of: HandoffPolicy,
    /// Who would present itself under it.
    pub present: EczId,
    /// The reason given.
    pub because: String,
}

impl Weakening {
    /// In what a call's policy is weaker.
    pub fn parts(&self, call: &Call) -> Vec<&'static str> {
        let mut parts = call.handoff.weaker_than(&self.instead_of);
        if call.present != self.present {
            parts.push("present");
        }
        parts
    }
}

impl Node {
    /// Whether everything below it in its block waits for it.
    pub fn is_barrier(&self) -> bool {
        matches!(self.kind, NodeKind::Ensure { .. } | NodeKind::Fail { .. } | NodeKind::Wait(_))
    }

    /// Why there is no compensation, where the flow says so.
    pub fn irreversible(&self) -> Option<&String> {
        match &self.kind {
            NodeKind::Call(step) => step.irreversible.as_ref(),
            NodeKind::SubFlow(call) => call.irreversible.as_ref(),
            _ => None,
        }
    }

    /// The expressions that see the node's own value: its undo's, and what a poll or pages make of each answer.
    pub fn on_answer(&self) -> impl Iterator<Item = &Expr> {
        let step = match &self.kind {
            NodeKind::Call(step) => Some(step),
            _ => None,
        };
        let poll = step.and_then(|step| step.poll.as_ref()).map(|poll| &poll.until);
        let pages = step.and_then(|step| step.pages.as_ref()).into_iter().flat_map(Pages::expressions);
        let read = self.reconcile().map(|reconcile| &reconcile.when);
        self.undo().into_iter().flat_map(Call::expressions).chain(poll).chain(pages).chain(read)
    }

    /// The read that settles an unknown outcome, where it has one.
    pub fn reconcile(&self) -> Option<&Reconcile> {
        match &self.kind {
            NodeKind::Call(step) => step.reconcile.as_ref(),
            _ => None,
        }
    }

    /// The compensation, where it has one.
    pub fn undo(&self) -> Option<&Call> {
        match &self.kind {
            NodeKind::Call(step) => step.undo.as_ref(),
            NodeKind::SubFlow(call) => call.undo.as_ref(),
            _ => None,
        }
    }
}

impl Call {
    /// Whether the method is safe (GET, HEAD, OPTIONS, QUERY): everything else is an effect.
    pub fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "QUERY")
    }

    /// Whether a request whose outcome is unknown may be sent again: safe, idempotent by method (PUT, DELETE), or keyed.
    pub fn is_resendable(&self) -> bool {
        self.is_safe() || matches!(self.method.as_str(), "PUT" | "DELETE") || self.idempotency.is_some()
    }

    /// Most attempts of one instance.
    pub fn attempts(&self) -> u32 {
        self.retry.as_ref().map_or(1, |retry| retry.attempts.max(1))
    }

    /// `api.operation`.
    pub fn operation_name(&self) -> String {
        format!("{}.{}", self.api, self.operation)
    }
}

/// An argument of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// The parameter's name.
    pub name: String,
    /// Where it goes: `path`, `query` or `header`.
    pub location: String,
    /// The value; absent (`T?`) leaves an optional parameter out.
    pub value: Expr,
}

/// `let xs = for v in list at most N parallel K when c { … yield e }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loop {
    /// The item's name in the body.
    pub variable: String,
    /// The list.
    pub list: Expr,
    /// More items fail before the first iteration.
    pub at_most: u64,
    /// Iterations that may run at once, at least 1.
    pub parallel: u64,
    /// False skips the loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Expr>,
    /// The body of one iteration.
    pub body: Block,
    /// `yield`: the value of one iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Expr>,
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

//! A flow of a plan: its inputs, blocks, nodes and calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::called::{Signal, SubFlow};
use super::class::{Classified, Clearance, Release};
use super::model::{Idempotency, Retry};
use super::names::free_names;
use crate::ecz::{EczId, HandoffPolicy};
use crate::expr::Expr;
use crate::types::Type;

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

impl Poll {
    /// Whether the condition says anything of the answer of the step that polls.
    pub fn reads(&self, step: &str) -> bool {
        free_names(&self.until).contains(step)
    }
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

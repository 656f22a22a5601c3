//! Flows and their statements.

use crate::source::Span;

use super::{Agent, Broken, Cleared, Count, Expr, Millis, Name, Path, Spanned, Text, TypeExpr, UseHandoff};

/// A flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Inputs.
    pub inputs: Vec<Input>,
    /// The returned type.
    pub output: TypeExpr,
    /// `as acme.agent`.
    pub agent: Option<Agent>,
    /// Default handoff policy.
    pub handoff: Option<Path>,
    /// Bound of the whole run.
    pub deadline: Option<Millis>,
    /// What outputs and messages may hold beside `internal`.
    pub cleared: Vec<Cleared>,
    /// What happens.
    pub body: Block,
}

/// `limit: decimal = 500`.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// Its default.
    pub default: Option<Expr>,
}

/// Statements in braces. The span covers the braces.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its place.
    pub span: Span,
    /// Statements in source order.
    pub statements: Vec<Statement>,
}

/// One thing in a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `step x = api.op(…)`.
    Step(Box<Step>),
    /// `step x = call flow(…)`.
    SubFlow(Box<SubFlow>),
    /// `signal s: T from … within d else e`.
    Signal(Box<Signal>),
    /// `let v = e`.
    Let(Let),
    /// `ensure c else "…"`.
    Ensure(Ensure),
    /// `fail "…" when c`.
    Fail(Fail),
    /// `wait 5m`, `wait until t`.
    Wait(Wait),
    /// `for v in list at most N { … }`, perhaps bound by `let`.
    For(Box<For>),
    /// `after a, b`, `after all`: a barrier for what follows.
    After(After),
    /// `return e`.
    Return(Return),
    /// Something that did not parse or is not built yet; reported.
    Broken(Broken),
}

impl Statement {
    /// Its place.
    pub fn span(&self) -> Span {
        match self {
            Statement::Step(step) => step.span,
            Statement::SubFlow(call) => call.span,
            Statement::Signal(signal) => signal.span,
            Statement::Let(value) => value.span,
            Statement::Wait(wait) => wait.span,
            Statement::Ensure(ensure) => ensure.span,
            Statement::Fail(fail) => fail.span,
            Statement::For(each) => each.span,
            Statement::After(after) => after.span,
            Statement::Return(value) => value.span,
            Statement::Broken(broken) => broken.span,
        }
    }
}

/// A call with its clauses.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its place, clauses included.
    pub span: Span,
    /// The name of its result.
    pub name: Name,
    /// The call.
    pub call: Call,
    /// `poll … until c every 5s at most 60`.
    pub poll: Option<Box<Poll>>,
    /// `pages … next c at most 60`.
    pub pages: Option<Box<Pages>>,
    /// `when c`.
    pub when: Option<Expr>,
    /// `after a, b`.
    pub after: Option<After>,
    /// `on 404 fail "…"`; statuses may repeat, which the checker reports.
    pub on: Vec<OnStatus>,
    /// `retry careful`.
    pub retry: Option<Path>,
    /// `handoff strict`.
    pub handoff: Option<UseHandoff>,
    /// `key once per e`.
    pub key: Option<Key>,
    /// `reconcile api.op(…) when c`.
    pub reconcile: Option<Box<Reconcile>>,
    /// `undo api.op(…)`.
    pub undo: Option<Box<Undo>>,
    /// `irreversible because "…"`.
    pub irreversible: Option<Irreversible>,
}

/// `reconcile api.op(…) when c absent after d`: a read that settles an unknown outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconcile {
    /// Its place.
    pub span: Span,
    /// The read.
    pub call: Call,
    /// Whether what was read is the effect; the step's name stands for it.
    pub when: Expr,
    /// How long after a first read an effect that is not found has not happened.
    pub absent_after: Option<Millis>,
    /// `retry` in its block.
    pub retry: Option<Path>,
    /// `handoff` in its block.
    pub handoff: Option<UseHandoff>,
}

/// `poll CALL until c every 5s at most 60`: the call again and again, until its answer is the one that is waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// Its place, the call included.
    pub span: Span,
    /// The condition; the step's name stands for the newest answer.
    pub until: Expr,
    /// Time between two polls.
    pub every: Millis,
    /// Most polls; a poll without is reported.
    pub at_most: Option<Count>,
}

/// `pages CALL next e items e at most 20`: the call again for each next page, and the items of all pages as one list.
#[derive(Debug, Clone, PartialEq)]
pub struct Pages {
    /// Its place, the call included.
    pub span: Span,
    /// Where the next page begins, absent or null after the last one; the step's name stands for the newest page.
    pub next: Expr,
    /// The page's list; the page itself where it is left out.
    pub items: Option<Expr>,
    /// Most pages; pages without are reported.
    pub at_most: Option<Count>,
}

impl Pages {
    /// The place of the word `pages`.
    pub fn keyword(&self) -> Span {
        Span::new(self.span.file, self.span.start, self.span.start + "pages".len())
    }
}

/// `api.op(a: e, query.id: e, { body })`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its place.
    pub span: Span,
    /// The api.
    pub api: Name,
    /// `operationId`, or `GET /path` where `quoted`.
    pub operation: Name,
    /// Whether the operation is written in quotes: method and path.
    pub quoted: bool,
    /// Named arguments.
    pub arguments: Vec<Argument>,
    /// The one positional argument: the body.
    pub body: Option<Expr>,
}

/// `ticketId: e`, `query.id: e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its place.
    pub span: Span,
    /// `path`, `query` or `header`, where written; the checker admits no other.
    pub location: Option<Name>,
    /// The parameter's name.
    pub name: Name,
    /// The value.
    pub value: Expr,
}

/// `on 404 fail "…"`.
#[derive(Debug, Clone, PartialEq)]
pub struct OnStatus {
    /// Its place.
    pub span: Span,
    /// The status, 100 to 599.
    pub status: Spanned<u16>,
    /// The message.
    pub message: Expr,
}

/// `key once per e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its place.
    pub span: Span,
    /// What it is once per.
    pub once_per: Expr,
}

/// `undo api.op(…) { retry NAME  handoff NAME }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// Its place.
    pub span: Span,
    /// The call.
    pub call: Call,
    /// Its own retry policy.
    pub retry: Option<Path>,
    /// Its own handoff policy.
    pub handoff: Option<UseHandoff>,
}

/// `irreversible because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Irreversible {
    /// Its place.
    pub span: Span,
    /// The reason.
    pub because: Text,
}

/// A call of another flow with its clauses.
#[derive(Debug, Clone, PartialEq)]
pub struct SubFlow {
    /// Its place, clauses included.
    pub span: Span,
    /// The name of its result.
    pub name: Name,
    /// The call.
    pub call: FlowCall,
    /// `when c`.
    pub when: Option<Expr>,
    /// `after a, b`.
    pub after: Option<After>,
    /// `undo api.op(…)`.
    pub undo: Option<Box<Undo>>,
    /// `irreversible because "…"`.
    pub irreversible: Option<Irreversible>,
}

/// `call flow(a: e)`.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowCall {
    /// Its place.
    pub span: Span,
    /// The flow.
    pub flow: Name,
    /// Inputs by name.
    pub arguments: Vec<Argument>,
}

/// `wait 5m`, `wait until t`.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// Its place.
    pub span: Span,
    /// Whether `value` is the moment, not how long.
    pub until: bool,
    /// A duration, or a timestamp.
    pub value: Expr,
}

/// What a step calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An operation of an api, perhaps again and again.
    Operation(Box<Call>, Option<Box<Poll>>),
    /// An operation of an api, for each page of a list.
    Paged(Box<Call>, Box<Pages>),
    /// Another flow.
    Flow(FlowCall),
}

/// `signal s: T when c from acme.agent within 24h else e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its place, clauses included.
    pub span: Span,
    /// The name of what comes in.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// `when c`.
    pub when: Option<Expr>,
    /// `after a, b`.
    pub after: Option<After>,
    /// `from …`.
    pub from: Option<Senders>,
    /// `within d else e`.
    pub within: Option<Within>,
}

/// `from local`, or `from acme.agent, ECZ-…`.
#[derive(Debug, Clone, PartialEq)]
pub struct Senders {
    /// Its place.
    pub span: Span,
    /// The agents; empty for `local`.
    pub agents: Vec<Sender>,
}

/// Who may send a signal.
#[derive(Debug, Clone, PartialEq)]
pub enum Sender {
    /// `acme.agent`.
    Agent(Agent),
    /// An Agent Credential ID.
    Id(Text),
}

/// `within 24h else e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    /// Its place.
    pub span: Span,
    /// How long to wait.
    pub wait: Millis,
    /// What stands for a signal that did not come.
    pub otherwise: Expr,
}

/// `let v = e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Expr,
    /// `release … to … as …`.
    pub release: Option<Release>,
}

/// `release e to api as class because "…"`, beside the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its place, the value included.
    pub span: Span,
    /// Apis, or the flow's own operator; at least one.
    pub to: Vec<Name>,
    /// The class as written.
    pub class: Name,
    /// The reason.
    pub because: Text,
}

/// `ensure c else "…"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensure {
    /// Its place.
    pub span: Span,
    /// The condition.
    pub condition: Expr,
    /// The message.
    pub message: Expr,
}

/// `fail "…" when c`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fail {
    /// Its place.
    pub span: Span,
    /// The message.
    pub message: Expr,
    /// The condition; always where absent.
    pub when: Option<Expr>,
}

/// `let xs = for v in list at most N parallel K when c { … yield e }`.
#[derive(Debug, Clone, PartialEq)]
pub struct For {
    /// Its place, `let` included.
    pub span: Span,
    /// `xs`.
    pub binding: Option<Name>,
    /// `v`.
    pub variable: Name,
    /// The list.
    pub list: Expr,
    /// `at most N`.
    pub at_most: Count,
    /// `parallel K`; one at a time where absent.
    pub parallel: Option<Count>,
    /// `when c`.
    pub when: Option<Expr>,
    /// The body of one iteration, without `yield`.
    pub body: Block,
    /// `yield e`.
    pub result: Option<Return>,
}

/// `after a, b`, or `after all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Its place.
    pub span: Span,
    /// The names; `None` for `all`.
    pub names: Option<Vec<Name>>,
}

/// `return e`, or `yield e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Return {
    /// Its place.
    pub span: Span,
    /// The value.
    pub value: Expr,
}

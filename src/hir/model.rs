//! The resolved flow: names bound, types known, expressions lowered, every part with its place.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::parties::NoPassport;
use super::policies::{Handoff, NamedRetry};
use super::statement::Statement;
use crate::documents::{Document, Identity, OperationView};
use crate::ecz::EczId;
use crate::expr::{Definitions, Expr};
use crate::plan::{
    Breaker, Class, Clearance, Declared, Idempotency, Pages, Poll, Rate, Release, Retry, Timeout, Wait,
};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Answer, Field, Type};

/// A flow with everything it names.
#[derive(Debug)]
pub struct Hir {
    /// The language version.
    pub language: u32,
    /// Operators by name: those declared or used in the flow's file.
    pub operators: BTreeMap<String, Operator>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Apis by name; those the flow never calls too.
    pub apis: BTreeMap<String, Api>,
    /// The functions that were asked for.
    pub functions: Definitions,
    /// The names of declared types.
    pub types: TypeNames,
    /// The flow.
    pub flow: Flow,
    /// The flows it calls, by name, each with those that it calls.
    pub callees: BTreeMap<String, Arc<Hir>>,
    /// Whether it has too many nodes with those of the flows that it calls, which was told: nothing is judged of it.
    pub is_too_large: bool,
}

impl Hir {
    /// This flow and those that it calls, each once.
    pub fn with_callees(&self) -> Vec<&Hir> {
        let mut found = vec![self];
        let mut names = BTreeSet::new();
        let mut at = 0;
        while let Some(hir) = found.get(at) {
            let new: Vec<&Hir> = hir
                .callees
                .iter()
                .filter(|(name, _)| names.insert(name.as_str()))
                .map(|(_, hir)| &**hir)
                .collect();
            found.extend(new);
            at += 1;
        }
        found
    }
}

/// Declared types and their names, to show the name where a type is shown.
#[derive(Debug, Clone, Default)]
pub struct TypeNames(pub(super) Vec<(Type, String)>);

impl TypeNames {
    /// A type as users know it.
    pub fn show(&self, ty: &Type) -> String {
        if let Some((_, name)) = self.0.iter().find(|(known, _)| known == ty) {
            return name.clone();
        }
        match ty {
            Type::List { of } => format!("[{}]", self.show(of)),
            Type::Map { of } => format!("{{string: {}}}", self.show(of)),
            Type::Optional { of } if self.0.iter().any(|(known, _)| *known == **of) => {
                format!("{}?", self.show(of))
            }
            other => other.to_string(),
        }
    }
}

/// An organisation.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Where it is declared.
    pub span: Span,
    /// Parent ECZ-ID.
    pub passport: EczId,
    /// Agent Credential ID.
    pub agent: Option<EczId>,
}

/// A secret.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Where it is declared.
    pub span: Span,
    /// The api that may receive it.
    pub audience: String,
    /// Where the audience is named.
    pub audience_span: Span,
}

/// An API surface.
#[derive(Debug)]
pub struct Api {
    /// Its name's place.
    pub span: Span,
    /// The document's path, relative to the flow, as written but without `./`.
    pub path: String,
    /// The whole of `openapi("…")`: a missing pin is inserted after it.
    pub source_span: Span,
    /// The pin: its hex digits and where its value stands.
    pub pin: Option<(String, Span)>,
    /// The document, where it could be read.
    pub document: Option<Arc<Document>>,
    /// Its identity, as the document or the `api` block states it, where it is whole.
    pub identity: Option<Identity>,
    /// Who states the identity; absent where nobody does.
    pub declared: Option<Declared>,
    /// `no passport`, where the flow says so.
    pub no_passport: Option<NoPassport>,
    /// The server that the flow names, and where.
    pub server: Option<(String, Span)>,
    /// The regional alias: name, origin and where that stands.
    pub region: Option<(String, String, Span)>,
    /// How requests authenticate, as declared.
    pub auth: Vec<Auth>,
    /// The idempotency header that is assumed or stated, as the flow says it.
    pub promised: Option<Idempotency>,
    /// The statement behind it, where it could be read.
    pub statement: Option<Statement>,
    /// Where an api without a passport is said to be spoken for; whatever the file says, nobody's word counts there.
    pub unspoken: Option<Span>,
    /// Bounds of one attempt.
    pub timeout: Timeout,
    /// Most requests in a length of time, and where that stands.
    pub rate: Option<(Rate, Span)>,
    /// Most requests at once.
    pub concurrency: Option<u32>,
    /// Default retry policy.
    pub retry: Option<NamedRetry>,
    /// The breaker; `None` where it could not be resolved.
    pub breaker: Option<Breaker>,
    /// Default handoff policy.
    pub handoff: Option<Arc<Handoff>>,
    /// What it may receive beside `internal` and its operator's own.
    pub cleared: Vec<Cleared>,
}

/// `cleared CLASS from …`.
#[derive(Debug, Clone)]
pub struct Cleared {
    /// What it allows.
    pub clearance: Clearance,
    /// Its place.
    pub span: Span,
}

/// A field with a class.
#[derive(Debug, Clone)]
pub struct ClassifiedField {
    /// What it is part of.
    pub of: ClassifiedIn,
    /// Members from the outside in, lists in between not named.
    pub path: Vec<String>,
    /// Its class.
    pub class: Class,
    /// The place of the `classify`.
    pub span: Span,
}

/// What a classified field is part of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClassifiedIn {
    /// An input of the flow.
    Input(String),
    /// The answers of an operation.
    Answer {
        /// The api.
        api: String,
        /// The operation's key.
        operation: String,
    },
}

/// `release … to … as …`.
#[derive(Debug, Clone)]
pub struct Released {
    /// What it says.
    pub release: Release,
    /// Its place, the value included.
    pub span: Span,
}

/// One `auth` as declared.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Its place.
    pub span: Span,
    /// What it is.
    pub form: AuthForm,
    /// Its secrets in order: names, and where they are named.
    pub secrets: Vec<(String, Span)>,
}

/// The forms of `auth`, with what stands in the flow.
#[derive(Debug, Clone)]
pub enum AuthForm {
    /// A bearer token.
    Bearer,
    /// User and password.
    Basic,
    /// A key.
    Key {
        /// The scheme's name in the document.
        scheme: Option<(String, Span)>,
        /// `header`, `query` or `cookie`, and the name there.
        place: Option<(String, (String, Span))>,
    },
    /// OAuth 2.0 client credentials.
    OAuth2 {
        /// The token endpoint's origin.
        token: Option<(String, Span)>,
        /// The scopes to ask for.
        scopes: Vec<(String, Span)>,
        /// The audience to ask for.
        audience: Option<(String, Span)>,
    },
    /// A client certificate.
    Certificate,
}

/// A flow.
#[derive(Debug)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// Its name's place.
    pub span: Span,
    /// The operator that runs it and its Agent Credential.
    pub agent: Option<(String, EczId)>,
    /// Where `as` stands.
    pub agent_span: Option<Span>,
    /// Inputs in order.
    pub inputs: Vec<Input>,
    /// The declared output.
    pub output: Type,
    /// Default handoff policy.
    pub handoff: Option<Arc<Handoff>>,
    /// The run's bound, milliseconds.
    pub deadline_ms: u64,
    /// Where the deadline stands.
    pub deadline_span: Option<Span>,
    /// What its outputs and messages may hold beside `internal` and its operator's own.
    pub cleared: Vec<Cleared>,
    /// What is classified in its inputs and in answers.
    pub classified: Vec<ClassifiedField>,
    /// What is released, by the name of the value.
    pub releases: BTreeMap<String, Released>,
    /// The body.
    pub body: Block,
    /// Where the members of a returned record that is written out stand; the whole value has no name.
    pub output_spans: Vec<(String, Span)>,
    /// Places where a value is put that does not fit, or may not.
    pub positions: Vec<Position>,
    /// The calls that could not be bound to an operation, which was reported: api and operation as written.
    pub unbound: Vec<(String, ast::Name)>,
}

/// An input.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its name's place.
    pub span: Span,
    /// Its type.
    pub ty: Type,
    /// Its default.
    pub default: Option<Expr>,
}

/// A value put somewhere: the question of P3 and its answer.
#[derive(Debug)]
pub struct Position {
    /// The node it belongs to, or `NODE/undo`.
    pub node: String,
    /// What the place is, in words: `argument \`sku\``.
    pub place: String,
    /// Where the value stands.
    pub span: Span,
    /// The value's type.
    pub found: Type,
    /// The type of what stands at `span`, where that is a part of the value only.
    pub part: Option<Type>,
    /// What may stand there.
    pub wanted: Field,
    /// Whether it fits.
    pub answer: Answer,
    /// Where the place is declared in a document.
    pub declared_at: Option<Span>,
    /// Whether it is the idempotency key, which the runtime makes.
    pub key: bool,
}

/// Nodes in source order.
#[derive(Debug, Default)]
pub struct Block {
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// One thing that happens.
#[derive(Debug)]
pub struct Node {
    /// Unique in the flow.
    pub id: String,
    /// The place of its name, or of its keyword.
    pub span: Span,
    /// The whole statement, clauses included.
    pub written: Span,
    /// 1-based line in the source.
    pub line: u32,
    /// Names of `after` clauses and statements that apply to it, with their places.
    pub after: Vec<(String, Span)>,
    /// What happens.
    pub kind: NodeKind,
}

/// The kinds of nodes.
#[derive(Debug)]
pub enum NodeKind {
    /// A call with its clauses.
    Step(Box<Step>),
    /// A call of another flow.
    SubFlow(Box<SubFlow>),
    /// An event from outside.
    Signal(Box<Signal>),
    /// A named value.
    Let(Expr),
    /// A timer.
    Wait(Wait),
    /// A business rule.
    Ensure {
        /// A bool.
        condition: Expr,
        /// A string.
        message: Expr,
    },
    /// Ends the run as failed.
    Fail {
        /// A bool; always where absent.
        condition: Option<Expr>,
        /// A string.
        message: Expr,
    },
    /// A bounded fan-out.
    For(Box<Loop>),
    /// The outputs.
    Return(Expr),
}

/// A step.
#[derive(Debug)]
pub struct Step {
    /// The call.
    pub call: Call,
    /// The same call again until an answer is the one that is waited for, and where that stands.
    pub poll: Option<(Poll, Span)>,
    /// The same call for each page of a list, and where that stands.
    pub pages: Option<(Pages, Span)>,
    /// The read that settles an unknown outcome.
    pub reconcile: Option<Box<Reconcile>>,
    /// `when` and its place.
    pub guard: Option<(Expr, Span)>,
    /// `on STATUS fail`, with the status's place.
    pub on: Vec<(u16, Span, Expr)>,
    /// The compensation.
    pub undo: Option<Box<Call>>,
    /// `irreversible` and its place.
    pub irreversible: Option<(String, Span)>,
    /// The documented headers of its success answers.
    pub headers: Vec<String>,
}

/// A read that settles an unknown outcome.
#[derive(Debug)]
pub struct Reconcile {
    /// The read.
    pub call: Call,
    /// A bool over what was read.
    pub when: Expr,
    /// How long after a first read what is not found has not happened, milliseconds.
    pub absent_after_ms: Option<u64>,
}

/// A call of another flow.
#[derive(Debug)]
pub struct SubFlow {
    /// The flow's name.
    pub flow: String,
    /// Where it is named.
    pub span: Span,
    /// Inputs that are given, in the flow's order of inputs.
    pub arguments: Vec<(String, Expr)>,
    /// `when` and its place.
    pub guard: Option<(Expr, Span)>,
    /// The compensation.
    pub undo: Option<Box<Call>>,
    /// `irreversible` and its place.
    pub irreversible: Option<(String, Span)>,
    /// Whether every call that the flow can make is safe.
    pub safe: bool,
}

/// An event from outside.
#[derive(Debug)]
pub struct Signal {
    /// The record that is sent; its value has `sender` beside.
    pub ty: Type,
    /// The agents that may send it; none for the store's own operator.
    pub from: Vec<EczId>,
    /// How long it is waited for, milliseconds.
    pub within_ms: u64,
    /// What stands for one that did not come.
    pub otherwise: Expr,
    /// `when` and its place.
    pub guard: Option<(Expr, Span)>,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// Its place.
    pub span: Span,
    /// The api's name.
    pub api: String,
    /// What the operation says.
    pub view: Arc<OperationView>,
    /// The operation's key.
    pub operation: String,
    /// Arguments: name, location, value, in the document's order.
    pub arguments: Vec<(String, String, Expr)>,
    /// Where the arguments are written, in the same order.
    pub argument_spans: Vec<Span>,
    /// The body.
    pub body: Option<Expr>,
    /// Where the members of a body that is written out stand; the whole body has no name.
    pub body_spans: Vec<(String, Span)>,
    /// The idempotency fact.
    pub idempotency: Option<Idempotency>,
    /// `key once per` and its place.
    pub key: Option<(Expr, Span)>,
    /// The retry policy in force and where it is named.
    pub retry: Option<NamedRetry>,
    /// Handoff policies that apply, the nearest first: `step`, `api`, `flow`.
    pub handoffs: Vec<(&'static str, Arc<Handoff>)>,
}

impl Call {
    /// The retry policy in force.
    pub fn retry(&self) -> Option<&Retry> {
        self.retry.as_ref().map(|retry| &retry.policy)
    }

    /// The handoff policy in force.
    pub fn handoff(&self) -> Option<&Handoff> {
        self.handoffs.first().map(|(_, handoff)| handoff.as_ref())
    }

    /// Whether the method is safe (GET, HEAD, OPTIONS).
    pub fn is_safe(&self) -> bool {
        self.view.is_safe()
    }
}

/// A loop.
#[derive(Debug)]
pub struct Loop {
    /// The item's name.
    pub variable: String,
    /// The list.
    pub list: Expr,
    /// Most items.
    pub at_most: (u64, Span),
    /// Iterations at once.
    pub parallel: u64,
    /// `when` and its place.
    pub guard: Option<(Expr, Span)>,
    /// One iteration.
    pub body: Block,
    /// `yield`.
    pub result: Option<Expr>,
}

impl Node {
    /// The expressions that see the node's own value: its undo's, and what a poll or pages make of each answer.
    pub fn on_answer(&self) -> impl Iterator<Item = &Expr> {
        let step = match &self.kind {
            NodeKind::Step(step) => Some(step),
            _ => None,
        };
        let poll = step.and_then(|step| step.poll.as_ref()).map(|(poll, _)| &poll.until);
        let pages = step.and_then(|step| step.pages.as_ref()).into_iter();
        let pages = pages.flat_map(|(pages, _)| pages.expressions());
        let read = step.and_then(|step| step.reconcile.as_ref()).map(|read| &read.when);
        self.undo().into_iter().flat_map(Call::expressions).chain(poll).chain(pages).chain(read)
    }

    /// Whether everything below it in its block waits for it.
    pub fn is_barrier(&self) -> bool {
        matches!(self.kind, NodeKind::Ensure { .. } | NodeKind::Fail { .. } | NodeKind::Wait(_))
    }

    /// The compensation, where it has one.
    pub fn undo(&self) -> Option<&Call> {
        match &self.kind {
            NodeKind::Step(step) => step.undo.as_deref(),
            NodeKind::SubFlow(call) => call.undo.as_deref(),
            _ => None,
        }
    }

    /// Whether an unknown outcome of it is read back.
    pub fn is_read_back(&self) -> bool {
        matches!(&self.kind, NodeKind::Step(step) if step.reconcile.is_some())
    }

    /// Whether counterparties may have changed once it is done.
    pub fn is_effect(&self) -> bool {
        match &self.kind {
            NodeKind::Step(step) => !step.call.is_safe(),
            NodeKind::SubFlow(call) => !call.safe,
            _ => false,
        }
    }

    /// `irreversible` and its place.
    pub fn irreversible(&self) -> Option<&(String, Span)> {
        match &self.kind {
            NodeKind::Step(step) => step.irreversible.as_ref(),
            NodeKind::SubFlow(call) => call.irreversible.as_ref(),
            _ => None,
        }
    }
}

impl Block {
    /// Calls `visit` on every node, those in loops after their loop.
    pub fn each_node<'b>(&'b self, visit: &mut dyn FnMut(&'b Node, Option<&'b Loop>)) {
        self.each_inside(None, visit);
    }

    fn each_inside<'b>(
        &'b self,
        inside: Option<&'b Loop>,
        visit: &mut dyn FnMut(&'b Node, Option<&'b Loop>),
    ) {
        for node in &self.nodes {
            visit(node, inside);
            if let NodeKind::For(repeat) = &node.kind {
                repeat.body.each_inside(Some(repeat), visit);
            }
        }
    }
}

impl Flow {
    /// Every call: the node, `NODE`, `NODE/reconcile` or `NODE/undo`, the call, and the innermost loop it stands in.
    pub fn calls(&self) -> Vec<(&Node, Cow<'_, str>, &Call, Option<&Loop>)> {
        let mut calls = Vec::new();
        self.body.each_node(&mut |node, inside| {
            if let NodeKind::Step(step) = &node.kind {
                calls.push((node, Cow::Borrowed(node.id.as_str()), &step.call, inside));
                let read = step.reconcile.as_ref();
                let subject = || Cow::Owned(format!("{}/reconcile", node.id));
                calls.extend(read.map(|read| (node, subject(), &read.call, inside)));
            }
            if let Some(undo) = node.undo() {
                calls.push((node, Cow::Owned(format!("{}/undo", node.id)), undo, inside));
            }
        });
        calls
    }
}

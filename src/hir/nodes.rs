//! What a resolved flow does: blocks of nodes, calls and their parts.

use std::borrow::Cow;
use std::sync::Arc;

use super::model::Flow;
use super::policies::{Handoff, NamedRetry};
use crate::documents::OperationView;
use crate::ecz::EczId;
use crate::expr::Expr;
use crate::plan::{Idempotency, Pages, Poll, Retry, Wait};
use crate::source::Span;
use crate::types::Type;

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

//! The resolved flow as P8 and P9 judge it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use crate::expr::Expr;
use crate::graph::Graph;
use crate::hir::{Block, Call, Hir, Node, NodeKind};
use crate::plan::{CallTime, Digits, Does, Failing, Item, ReadBack, can_fail, waiting};
use crate::types::Answer;

/// The flow's outline: what the plan's own check makes of the plan.
pub(super) fn outline<'c>(context: &'c Context<'_>) -> Vec<Item<'c>> {
    Outlined { hir: context.hir, graph: context.graph, graphs: context.graphs }.flow()
}

/// A flow that is outlined: the one that is checked, or one that it calls.
struct Outlined<'c> {
    hir: &'c Hir,
    graph: &'c Graph,
    graphs: &'c BTreeMap<String, Arc<Graph>>,
}

impl<'c> Outlined<'c> {
    fn flow(&self) -> Vec<Item<'c>> {
        let mut digits = Digits::new(&self.hir.functions);
        name_values(&self.hir.flow.body, &mut digits);
        self.items(&self.hir.flow.body, &mut digits)
    }

    /// A flow that this one calls; nothing where it is none.
    fn called(&self, flow: &str) -> Option<Vec<Item<'c>>> {
        let (hir, graph) = (self.hir.callees.get(flow)?, self.graphs.get(flow)?);
        Some(Outlined { hir, graph, graphs: self.graphs }.flow())
    }

    fn items(&self, block: &'c Block, digits: &mut Digits<'c>) -> Vec<Item<'c>> {
        block.nodes.iter().map(|node| self.item(node, digits)).collect()
    }

    fn item(&self, node: &'c Node, digits: &mut Digits<'c>) -> Item<'c> {
        let (hir, functions) = (self.hir, &self.hir.functions);
        let value =
            |value: &Expr, failing: Failing| (can_fail(value, functions).then_some(failing), Does::Compute);
        let (fails, does) = match &node.kind {
            NodeKind::Step(step) => {
                let time = |call: &Call| {
                    let attempt_ms = hir.apis.get(&call.api).map_or(0, |api| api.timeout.attempt_ms);
                    CallTime::of(call.retry(), attempt_ms, hir.flow.deadline_ms)
                };
                let read = step.reconcile.as_ref().map(|read| ReadBack {
                    api: &read.call.api,
                    time: time(&read.call),
                    absent_after_ms: read.absent_after_ms,
                });
                let (poll, pages) = (step.poll.as_ref(), step.pages.as_ref());
                let time =
                    time(&step.call).repeated(poll.map(|(poll, _)| poll), pages.map(|(pages, _)| pages));
                let time = time.read_back(read);
                let (effect, undone) = (!step.call.is_safe(), step.undo.is_some());
                (Some(Failing::Call), Does::Call { api: &step.call.api, effect, undone, time, read })
            }
            NodeKind::SubFlow(call) => {
                let (effect, undone) = (!call.safe, call.undo.is_some());
                let deadline_ms = hir.callees.get(&call.flow).map_or(0, |callee| callee.flow.deadline_ms);
                let body = self.called(&call.flow).unwrap_or_default();
                (Some(Failing::Call), Does::Flow { effect, undone, deadline_ms, body })
            }
            NodeKind::Signal(signal) => {
                let fails = waiting(&signal.otherwise, functions);
                (Some(fails), Does::Wait { least_ms: 0, most_ms: signal.within_ms })
            }
            NodeKind::Wait(wait) => {
                let (fails, does) = wait.outline(functions, hir.flow.deadline_ms);
                (Some(fails), does)
            }
            NodeKind::Let(given) => value(given, Failing::Value),
            NodeKind::Return(given) => {
                let mut positions = hir.flow.positions.iter().filter(|position| position.node == node.id);
                if positions.any(|position| matches!(position.answer, Answer::Unknown(_))) {
                    (Some(Failing::Result), Does::Compute)
                } else if digits.may_be_unwritable(given, &hir.flow.output) {
                    (Some(Failing::Digits), Does::Compute)
                } else {
                    value(given, Failing::Result)
                }
            }
            NodeKind::Ensure { .. } => (Some(Failing::Ensure), Does::Compute),
            NodeKind::Fail { .. } => (Some(Failing::Fail), Does::Compute),
            NodeKind::For(repeat) => {
                let yield_fails = repeat.result.as_ref().is_some_and(|result| can_fail(result, functions));
                let (at_most, parallel) = (repeat.at_most.0, repeat.parallel);
                let body = self.items(&repeat.body, digits);
                (Some(Failing::TooLong), Does::Repeat { at_most, parallel, yield_fails, body })
            }
        };
        Item { id: &node.id, after: self.graph.after(&node.id), fails, does }
    }
}

fn name_values<'c>(block: &'c Block, digits: &mut Digits<'c>) {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Let(value) => digits.name(&node.id, value),
            NodeKind::Signal(signal) => digits.name(&node.id, &signal.otherwise),
            NodeKind::For(repeat) => {
                digits.name(&repeat.variable, &repeat.list);
                name_values(&repeat.body, digits);
                repeat.result.iter().for_each(|result| digits.name(&node.id, result));
            }
            _ => {}
        }
    }
}

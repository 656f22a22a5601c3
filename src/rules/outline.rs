//! The resolved flow as P8 and P9 judge it.

use super::Context;
use crate::expr::Expr;
use crate::hir::{Block, Call, Node, NodeKind};
use crate::plan::{CallTime, Does, Failing, Item, can_fail};

/// The flow's outline: what the plan's own check makes of the plan.
pub(super) fn outline<'c>(context: &'c Context<'_>) -> Vec<Item<'c>> {
    items(context, &context.hir.flow.body)
}

fn items<'c>(context: &'c Context<'_>, block: &'c Block) -> Vec<Item<'c>> {
    block.nodes.iter().map(|node| item(context, node)).collect()
}

fn item<'c>(context: &'c Context<'_>, node: &'c Node) -> Item<'c> {
    let (hir, functions) = (context.hir, &context.hir.functions);
    let value =
        |value: &Expr, failing: Failing| (can_fail(value, functions).then_some(failing), Does::Compute);
    let (fails, does) = match &node.kind {
        NodeKind::Step(step) => {
            let time = |call: &Call| {
                let attempt_ms = hir.apis.get(&call.api).map_or(0, |api| api.timeout.attempt_ms);
                CallTime::of(call.retry(), attempt_ms, hir.flow.deadline_ms)
            };
            let read = step.reconcile.as_ref().map(|read| (time(&read.call), read.absent_after_ms));
            let (poll, pages) = (step.poll.as_ref(), step.pages.as_ref());
            let time = time(&step.call).repeated(poll.map(|(poll, _)| poll), pages.map(|(pages, _)| pages));
            let time = time.read_back(read);
            let (effect, undone) = (!step.call.is_safe(), step.undo.is_some());
            (Some(Failing::Call), Does::Call { effect, undone, time })
        }
        NodeKind::SubFlow(call) => {
            // How long it takes is known of its plan; here nobody asks.
            let time = CallTime { single_ms: 0, worst_ms: 0 };
            let (effect, undone) = (!call.safe, call.undo.is_some());
            (Some(Failing::Call), Does::Call { effect, undone, time })
        }
        NodeKind::Signal(signal) => {
            let fails = can_fail(&signal.otherwise, functions).then_some(Failing::Value);
            (fails, Does::Wait { least_ms: 0, most_ms: signal.within_ms })
        }
        NodeKind::Wait(wait) => wait.outline(functions, hir.flow.deadline_ms),
        NodeKind::Let(given) => value(given, Failing::Value),
        NodeKind::Return(given) => value(given, Failing::Result),
        NodeKind::Ensure { .. } => (Some(Failing::Ensure), Does::Compute),
        NodeKind::Fail { .. } => (Some(Failing::Fail), Does::Compute),
        NodeKind::For(repeat) => {
            let yield_fails = repeat.result.as_ref().is_some_and(|result| can_fail(result, functions));
            let (at_most, parallel) = (repeat.at_most.0, repeat.parallel);
            let body = items(context, &repeat.body);
            (Some(Failing::TooLong), Does::Repeat { at_most, parallel, yield_fails, body })
        }
    };
    Item { id: &node.id, after: context.graph.after(&node.id), fails, does }
}

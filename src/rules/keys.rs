//! The resolved flow as its keys are judged.

use crate::expr::Expr;
use crate::hir::{Block, Call, Hir, NodeKind};
use crate::plan::{KeyDoes, KeyFlow, KeyNode, is_anew};

/// The flow as the plan's own check sees the plan.
pub(super) fn shown(hir: &Hir) -> KeyFlow<'_> {
    let inputs = hir.flow.inputs.iter().map(|input| (input.name.as_str(), input.default.as_ref()));
    KeyFlow { inputs: inputs.collect(), functions: &hir.functions, body: nodes(&hir.flow.body) }
}

fn nodes(block: &Block) -> Vec<KeyNode<'_>> {
    block.nodes.iter().map(|node| KeyNode { id: &node.id, does: does(&node.kind) }).collect()
}

fn does(kind: &NodeKind) -> KeyDoes<'_> {
    match kind {
        NodeKind::Step(step) => KeyDoes::Call {
            sent: sent(&step.call),
            anew: is_anew(&step.call.view.method),
            key: step.call.key.as_ref().map(|(key, _)| key),
        },
        NodeKind::SubFlow(call) => KeyDoes::SubFlow {
            flow: &call.flow,
            given: call.arguments.iter().map(|(name, value)| (name.as_str(), value)).collect(),
            guarded: call.guard.is_some(),
        },
        NodeKind::Signal(signal) => KeyDoes::Signal(&signal.otherwise),
        NodeKind::Let(value) => KeyDoes::Let(value),
        NodeKind::For(repeat) => KeyDoes::For {
            variable: &repeat.variable,
            list: &repeat.list,
            at_most: repeat.at_most.0,
            body: nodes(&repeat.body),
            result: repeat.result.as_ref(),
        },
        NodeKind::Return(value) => KeyDoes::Return(value),
        _ => KeyDoes::Other,
    }
}

fn sent(call: &Call) -> Vec<&Expr> {
    call.arguments.iter().map(|(_, _, value)| value).chain(&call.body).collect()
}

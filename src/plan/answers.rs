//! What a flow uses of its steps' answers beside their bodies.

use std::collections::{BTreeMap, BTreeSet};

use super::matches::is_refusal;
use super::names::each_child;
use super::steps::{AnswerUse, Block, NodeKind};
use crate::expr::Expr;

/// What expressions use of one step's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uses {
    status: bool,
    /// Headers that are named.
    named: BTreeSet<String>,
    /// The record of all headers, as a value.
    whole: bool,
    /// Refusals that a `match` has an arm for.
    refusals: BTreeSet<u16>,
}

impl Uses {
    /// What a plan says of it; `documented` are the headers of the operation's success answers.
    pub fn of(&self, documented: impl IntoIterator<Item = String>) -> AnswerUse {
        let headers = if self.whole { documented.into_iter().collect() } else { self.named.clone() };
        let refusals = self.refusals.iter().copied().collect();
        AnswerUse { status: self.status, headers: headers.into_iter().collect(), refusals }
    }
}

/// Adds what an expression uses, by step.
pub fn answer_uses(expression: &Expr, uses: &mut BTreeMap<String, Uses>) {
    match expression {
        Expr::Status { of } => uses.entry(of.clone()).or_default().status = true,
        Expr::Headers { of } => uses.entry(of.clone()).or_default().whole = true,
        Expr::Field { of, name, .. } if matches!(&**of, Expr::Headers { .. }) => {
            if let Expr::Headers { of } = &**of {
                uses.entry(of.clone()).or_default().named.insert(name.clone());
            }
        }
        Expr::Match { of, arms, .. } => {
            let used = uses.entry(of.clone()).or_default();
            used.status = true;
            used.refusals.extend(arms.iter().map(|arm| arm.status).filter(|status| is_refusal(*status)));
            each_child(expression, &mut |child| answer_uses(child, uses));
        }
        other => each_child(other, &mut |child| answer_uses(child, uses)),
    }
}

/// Every expression of a block, those of undos and inner blocks included.
pub fn each_expression<'p>(block: &'p Block, visit: &mut dyn FnMut(&'p Expr)) {
    for node in &block.nodes {
        node.on_answer().for_each(&mut *visit);
        match &node.kind {
            NodeKind::Call(step) => {
                step.call.expressions().for_each(&mut *visit);
                let read = step.reconcile.iter().flat_map(|reconcile| reconcile.call.expressions());
                read.for_each(&mut *visit);
                step.guard.iter().chain(step.on.values()).for_each(&mut *visit);
            }
            NodeKind::SubFlow(call) => {
                call.inputs.iter().map(|given| &given.value).chain(&call.guard).for_each(&mut *visit);
            }
            NodeKind::Wait(wait) => visit(&wait.value),
            NodeKind::Signal(signal) => {
                signal.guard.iter().chain([&signal.otherwise]).for_each(&mut *visit);
            }
            NodeKind::Let { value, .. } | NodeKind::Return { value } => visit(value),
            NodeKind::Ensure { condition, message } => {
                visit(condition);
                visit(message);
            }
            NodeKind::Fail { condition, message } => {
                condition.iter().for_each(&mut *visit);
                visit(message);
            }
            NodeKind::For(repeat) => {
                visit(&repeat.list);
                repeat.guard.iter().chain(&repeat.result).for_each(&mut *visit);
                each_expression(&repeat.body, visit);
            }
        }
    }
}

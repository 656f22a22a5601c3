//! The names that nodes refer to.

use std::collections::BTreeSet;

use super::nodes::{Call, Node, NodeKind};
use crate::expr::Expr;
use crate::plan::free_names;

impl Call {
    /// Every expression of the call: arguments, body, key.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let arguments = self.arguments.iter().map(|(_, _, value)| value);
        arguments.chain(&self.body).chain(self.key.as_ref().map(|(key, _)| key))
    }
}

impl Node {
    /// The expressions of the node itself, those of a loop's body left out, of an undo too.
    pub fn expressions(&self) -> Vec<&Expr> {
        match &self.kind {
            NodeKind::Step(step) => {
                let guard = step.guard.as_ref().map(|(guard, _)| guard);
                let read = step.reconcile.iter().flat_map(|read| read.call.expressions());
                step.call
                    .expressions()
                    .chain(read)
                    .chain(guard)
                    .chain(step.on.iter().map(|(_, _, message)| message))
                    .collect()
            }
            NodeKind::SubFlow(call) => {
                let guard = call.guard.as_ref().map(|(guard, _)| guard);
                call.arguments.iter().map(|(_, value)| value).chain(guard).collect()
            }
            NodeKind::Wait(wait) => vec![&wait.value],
            NodeKind::Signal(signal) => {
                let guard = signal.guard.as_ref().map(|(guard, _)| guard);
                guard.into_iter().chain([&signal.otherwise]).collect()
            }
            NodeKind::Let(value) | NodeKind::Return(value) => vec![value],
            NodeKind::Ensure { condition, message } => vec![condition, message],
            NodeKind::Fail { condition, message } => condition.iter().chain([message]).collect(),
            NodeKind::For(repeat) => {
                let guard = repeat.guard.as_ref().map(|(guard, _)| guard);
                [&repeat.list].into_iter().chain(guard).chain(&repeat.result).collect()
            }
        }
    }

    /// The names a node needs, those that its loop body or its undo takes from outside included.
    pub fn needs(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.expressions().into_iter().flat_map(free_names).collect();
        let later = self.on_answer().flat_map(free_names);
        names.extend(later.filter(|name| *name != self.id));
        if let NodeKind::For(repeat) = &self.kind {
            for node in &repeat.body.nodes {
                names.extend(node.needs());
                names.extend(node.after.iter().map(|(name, _)| name.clone()));
            }
            for node in &repeat.body.nodes {
                names.remove(&node.id);
            }
            names.remove(&repeat.variable);
        }
        names
    }
}

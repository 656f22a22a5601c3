//! The names that expressions and nodes refer to.

use std::collections::BTreeSet;

use super::steps::{Call, Node, NodeKind};
use crate::expr::{Expr, Part};

/// The names an expression needs from outside: those it binds itself are left out.
pub fn free_names(expression: &Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(expression, &mut Vec::new(), &mut names);
    names
}

fn collect(expression: &Expr, bound: &mut Vec<String>, names: &mut BTreeSet<String>) {
    match expression {
        Expr::Name { name } => {
            if !bound.contains(name) {
                names.insert(name.clone());
            }
        }
        // A step, whatever a comprehension calls its items.
        Expr::Status { of } | Expr::Headers { of } => {
            names.insert(of.clone());
        }
        Expr::Comprehension { variable, list, condition, item } => {
            collect(list, bound, names);
            bound.push(variable.clone());
            if let Some(condition) = condition {
                collect(condition, bound, names);
            }
            collect(item, bound, names);
            bound.pop();
        }
        Expr::Match { of, arms, otherwise } => {
            names.insert(of.clone());
            for arm in arms {
                bound.extend(arm.variable.clone());
                collect(&arm.value, bound, names);
                bound.truncate(bound.len() - usize::from(arm.variable.is_some()));
            }
            otherwise.iter().for_each(|otherwise| collect(otherwise, bound, names));
        }
        other => each_child(other, &mut |child| collect(child, bound, names)),
    }
}

/// Whether `next` stands in an expression.
pub fn names_next(expression: &Expr) -> bool {
    let mut found = matches!(expression, Expr::Next);
    each_child(expression, &mut |child| found = found || names_next(child));
    found
}

/// Calls `visit` on each direct part of an expression, in source order.
pub fn each_child<'e>(expression: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    match expression {
        Expr::Null
        | Expr::Bool { .. }
        | Expr::Int { .. }
        | Expr::Number { .. }
        | Expr::Decimal { .. }
        | Expr::String { .. }
        | Expr::Duration { .. }
        | Expr::Timestamp { .. }
        | Expr::Name { .. }
        | Expr::Run { .. }
        | Expr::Next
        | Expr::Status { .. }
        | Expr::Headers { .. } => {}
        Expr::Interpolate { parts } => {
            for part in parts {
                if let Part::Value(value) = part {
                    visit(value);
                }
            }
        }
        Expr::Field { of, .. } | Expr::Unary { of, .. } | Expr::Widen { of, .. } => visit(of),
        Expr::Index { of, index, .. } => {
            visit(of);
            visit(index);
        }
        Expr::Binary { left, right, .. } => {
            visit(left);
            visit(right);
        }
        Expr::If { condition, then, otherwise } => {
            visit(condition);
            visit(then);
            visit(otherwise);
        }
        Expr::Match { arms, otherwise, .. } => {
            arms.iter().map(|arm| &arm.value).for_each(&mut *visit);
            otherwise.iter().for_each(|otherwise| visit(otherwise));
        }
        Expr::List { items } => items.iter().for_each(visit),
        Expr::Record { members } => members.iter().for_each(|(_, value)| visit(value)),
        Expr::Comprehension { list, condition, item, .. } => {
            visit(list);
            if let Some(condition) = condition {
                visit(condition);
            }
            visit(item);
        }
        Expr::Call { arguments, .. } | Expr::Apply { arguments, .. } => arguments.iter().for_each(visit),
    }
}

impl Call {
    /// Every expression of the call: arguments, body, key.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.arguments.iter().map(|argument| &argument.value).chain(&self.body).chain(&self.once_per)
    }
}

impl Node {
    /// The names a node needs before it can start or be judged, those of its loop body's outer references included.
    /// An undo may name the step itself, which is left out.
    pub fn needs(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut add = |expression: &Expr| names.extend(free_names(expression));
        match &self.kind {
            NodeKind::Call(step) => {
                step.call.expressions().for_each(&mut add);
                step.guard.iter().for_each(&mut add);
                step.on.values().for_each(&mut add);
                step.reconcile.iter().flat_map(|reconcile| reconcile.call.expressions()).for_each(&mut add);
            }
            NodeKind::SubFlow(call) => {
                call.inputs.iter().for_each(|given| add(&given.value));
                call.guard.iter().for_each(&mut add);
            }
            NodeKind::Wait(wait) => add(&wait.value),
            NodeKind::Signal(signal) => {
                add(&signal.otherwise);
                signal.guard.iter().for_each(&mut add);
            }
            NodeKind::Let { value, .. } | NodeKind::Return { value } => add(value),
            NodeKind::Ensure { condition, message } => {
                add(condition);
                add(message);
            }
            NodeKind::Fail { condition, message } => {
                condition.iter().for_each(&mut add);
                add(message);
            }
            NodeKind::For(repeat) => {
                let mut inner = BTreeSet::new();
                inner.extend(repeat.result.iter().flat_map(free_names));
                inner.extend(repeat.body.nodes.iter().flat_map(Node::needs));
                for node in &repeat.body.nodes {
                    inner.remove(&node.id);
                }
                inner.remove(&repeat.variable);
                names.extend(inner);
                names.extend(free_names(&repeat.list));
                names.extend(repeat.guard.iter().flat_map(free_names));
            }
        }
        // Only what follows the answer may name the step itself.
        names.extend(self.on_answer().flat_map(free_names).filter(|name| *name != self.id));
        names
    }
}

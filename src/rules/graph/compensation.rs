//! P8: every effect that a failure can follow has an undo, or is irreversible and comes after everything that can fail.

use crate::diagnostics::codes::graph::{IRREVERSIBLE_NOT_LAST, MISSING_UNDO};
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::{BinaryOperator, Definitions, Expr, UnaryOperator};
use crate::hir::{Flow, Node, NodeKind};
use crate::plan::{applied, each_child, reached};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "graph/compensation", codes: &[&MISSING_UNDO, &IRREVERSIBLE_NOT_LAST], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let flow = &context.hir.flow;
    let mut effects: Vec<&Node> = Vec::new();
    flow.body.each_node(&mut |node, _| {
        if node.is_effect() && node.undo().is_none() {
            effects.push(node);
        }
    });
    for effect in effects {
        let Some((follower, why)) = possible_failure(context, flow, effect) else { continue };
        let place = if follower.id == effect.id {
            "another iteration of the loop can fail after it".to_owned()
        } else {
            format!("{why} after it, or at the same time")
        };
        sink.push(match effect.irreversible() {
            Some((_, span)) => {
                let message = format!("`{}` is irreversible, but something that can fail is not done before it", effect.id);
                Diagnostic::new(&IRREVERSIBLE_NOT_LAST, *span, message)
                    .and(follower.span, place)
                    .help("order everything that can fail before it with `after all`, or give it an `undo`")
            }
            None => {
                let message = format!("`{}` has an effect but no `undo`", effect.id);
                Diagnostic::new(&MISSING_UNDO, effect.span, message)
                    .and(follower.span, place)
                    .note("when the run fails later, what it did would stay")
                    .help("add `undo api.operation(…)`, or order everything that can fail before it and say `irreversible because \"…\"`")
            }
        });
    }
}

/// A node that can fail and is not finished before the effect starts.
fn possible_failure<'f>(context: &Context<'_>, flow: &'f Flow, effect: &Node) -> Option<(&'f Node, String)> {
    let mut once: Vec<&str> = Vec::new();
    flow.body.each_node(&mut |node, _| {
        if let NodeKind::For(repeat) = &node.kind
            && repeat.at_most.0 == 1
        {
            once.push(node.id.as_str());
        }
    });
    let runs_once = |id: &str| once.contains(&id);
    let around = context.graph.loops_of(&effect.id);
    let mut found = None;
    flow.body.each_node(&mut |node, _| {
        if found.is_some() {
            return;
        }
        if node.id == effect.id {
            // Another iteration of its own loop is another call.
            if !around.iter().all(|id| runs_once(id)) {
                found = Some((node, String::new()));
            }
            return;
        }
        // A loop around the effect was entered before it; only what it yields comes later.
        let words = if around.contains(&node.id.as_str()) {
            match &node.kind {
                NodeKind::For(repeat) => repeat
                    .result
                    .as_ref()
                    .filter(|result| can_fail(result, &context.hir.functions))
                    .map(|_| "what the loop yields can fail".to_owned()),
                _ => None,
            }
        } else if context.graph.is_before(&node.id, &effect.id, &runs_once) {
            None
        } else {
            failure(node, &context.hir.functions)
        };
        if let Some(words) = words {
            found = Some((node, words));
        }
    });
    found
}

/// How a node can fail, in words.
fn failure(node: &Node, functions: &Definitions) -> Option<String> {
    match &node.kind {
        NodeKind::Step(_) | NodeKind::SubFlow(_) => Some(format!("`{}` can fail", node.id)),
        NodeKind::Ensure { .. } => Some("this `ensure` can fail".into()),
        NodeKind::Fail { .. } => Some("this `fail` can end the run".into()),
        NodeKind::For(_) => Some("the list can be longer than `at most`".into()),
        NodeKind::Signal(signal) => can_fail(&signal.otherwise, functions)
            .then(|| format!("computing what stands for `{}` can fail", node.id)),
        NodeKind::Let(value) => {
            can_fail(value, functions).then(|| format!("computing `{}` can fail", node.id))
        }
        NodeKind::Return(value) => {
            can_fail(value, functions).then(|| "computing what is returned can fail".into())
        }
    }
}

/// Whether evaluating can fail, in itself or in a function that it calls.
fn can_fail(expression: &Expr, functions: &Definitions) -> bool {
    let called = reached(applied(expression), functions);
    let mut bodies = called.iter().filter_map(|name| functions.get(name));
    fails(expression) || bodies.any(|function| fails(&function.body))
}

/// Whether an expression itself can fail: arithmetic overflows, divisors are zero, indices lie outside, functions refuse.
fn fails(expression: &Expr) -> bool {
    use BinaryOperator as Op;
    let itself = match expression {
        Expr::Binary { operator, .. } => {
            matches!(operator, Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder)
        }
        Expr::Unary { operator, .. } => *operator == UnaryOperator::Negate,
        Expr::Index { optional, .. } => !optional,
        Expr::Call { .. } => true,
        _ => false,
    };
    let mut inner = false;
    each_child(expression, &mut |child| inner = inner || fails(child));
    itself || inner
}

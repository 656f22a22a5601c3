//! P1: every flow returns or fails, every node can run for some input, and what is polled for can come.

use std::collections::BTreeMap;

use crate::diagnostics::codes::graph::{BLIND_POLL, FALSE_GUARD, NO_END, UNREACHABLE};
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::Expr;
use crate::hir::{Block, Hir, Node, NodeKind};
use crate::plan::Constants;
use crate::rules::{Context, Rule};
use crate::source::Span;

pub(in crate::rules) const RULE: Rule =
    Rule { name: "graph/end", codes: &[&NO_END, &UNREACHABLE, &FALSE_GUARD, &BLIND_POLL], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let flow = &context.hir.flow;
    let ends = |kind: &NodeKind| matches!(kind, NodeKind::Return(_) | NodeKind::Fail { condition: None, .. });
    if !flow.body.nodes.iter().any(|node| ends(&node.kind)) {
        let message = format!("`{}` neither returns nor fails", flow.name);
        sink.push(
            Diagnostic::new(&NO_END, flow.span, message)
                .help("end it with `return`, or with `fail` without `when`"),
        );
    }
    block(&flow.body, &mut Constants::default(), sink);
    if let Some(Failed { call: Some(call), at }) = always_fails(context.hir, &mut BTreeMap::new()) {
        let message =
            format!("nothing after `{}` can ever run: the flow that it calls always fails", call.id);
        sink.push(
            Diagnostic::new(&UNREACHABLE, call.span, message)
                .and(at, "this ends it")
                .help("say when it fails, `fail \"…\" when …`, or when it is called, `when …`"),
        );
    }
}

/// Why a flow never returns.
#[derive(Clone, Copy)]
struct Failed<'h> {
    /// The call of a flow that never does; none where it is a statement of its own.
    call: Option<&'h Node>,
    /// The statement.
    at: Span,
}

/// Whether a flow fails whatever it is given; `known` is what was found of those that it calls.
fn always_fails<'h>(hir: &'h Hir, known: &mut BTreeMap<&'h str, Option<Failed<'h>>>) -> Option<Failed<'h>> {
    let mut constants = Constants::default();
    for node in &hir.flow.body.nodes {
        match &node.kind {
            NodeKind::Return(_) => return None,
            NodeKind::Let(value) => constants.define(&node.id, value),
            NodeKind::SubFlow(call) if call.guard.is_none() => {
                let Some((name, callee)) = hir.callees.get_key_value(&call.flow) else { continue };
                let found = match known.get(name.as_str()) {
                    Some(found) => *found,
                    None => {
                        let found = always_fails(callee, known);
                        known.insert(name, found);
                        found
                    }
                };
                if let Some(Failed { at, .. }) = found {
                    return Some(Failed { call: Some(node), at });
                }
            }
            kind if ends(kind, &constants).is_some() => return Some(Failed { call: None, at: node.span }),
            _ => {}
        }
    }
    None
}

/// The word of a statement that ends every run that comes to it.
fn ends(kind: &NodeKind, constants: &Constants) -> Option<&'static str> {
    match kind {
        NodeKind::Return(_) => Some("return"),
        NodeKind::Fail { condition, .. } => {
            let fails = condition.as_ref().is_none_or(|when| constants.condition(when) == Some(true));
            fails.then_some("fail")
        }
        NodeKind::Ensure { condition, .. } => {
            (constants.condition(condition) == Some(false)).then_some("ensure")
        }
        _ => None,
    }
}

/// A node as the flow has it where it stands: by its name, or by its word where it has none.
fn shown(node: &Node) -> String {
    node.word().map_or_else(|| format!("`{}`", node.id), |word| format!("this `{word}`"))
}

fn blind(step: &str, span: Span) -> Diagnostic {
    let message = format!("the condition of this poll is the same after every answer of `{step}`");
    Diagnostic::new(&BLIND_POLL, span, message)
        .note("the first answer ends it, or none does and it fails at its bound")
        .help(format!("say what the answer holds at the end, as in `until {step}.… == …`"))
}

fn block(block: &Block, constants: &mut Constants, sink: &mut Sink) {
    let mut end = None;
    for node in &block.nodes {
        if let Some((span, word)) = end {
            let found = Diagnostic::new(&UNREACHABLE, node.span, format!("{} can never run", shown(node)))
                .and(span, format!("this `{word}` ends the run"));
            sink.push(match (&node.kind, word) {
                (NodeKind::Return(_) | NodeKind::Fail { condition: None, .. }, "fail") => {
                    found.help("say when it fails, `fail \"…\" when …`, or remove one of the two")
                }
                (NodeKind::Fail { condition: None, .. }, _) => found.help(
                    "say above the `return` when it fails, `fail \"…\" when …`, or remove one of the two",
                ),
                (NodeKind::Return(_), _) => found.help("a flow returns once: remove one of the two"),
                _ => found.help(format!("move it above the `{word}`, or remove it")),
            });
            break;
        }
        let never = |guard: &Option<(Expr, Span)>| match guard {
            Some((guard, span)) if constants.condition(guard) == Some(false) => Some(*span),
            _ => None,
        };
        let guard = match &node.kind {
            NodeKind::Step(step) => never(&step.guard),
            NodeKind::SubFlow(call) => never(&call.guard),
            NodeKind::Signal(signal) => never(&signal.guard),
            NodeKind::For(repeat) => never(&repeat.guard),
            _ => None,
        };
        if let Some(span) = guard {
            let message = format!("{} can never run: its guard is always false", shown(node));
            sink.push(
                Diagnostic::new(&FALSE_GUARD, span, message).help("remove the step, or say when it runs"),
            );
        }
        if let NodeKind::Step(step) = &node.kind
            && let Some((poll, span)) = &step.poll
            && (!poll.reads(&node.id) || constants.condition(&poll.until).is_some())
        {
            sink.push(blind(&node.id, *span));
        }
        match &node.kind {
            NodeKind::Let(value) => constants.define(&node.id, value),
            NodeKind::For(repeat) => self::block(&repeat.body, constants, sink),
            kind => end = ends(kind, constants).map(|word| (node.span, word)),
        }
    }
}

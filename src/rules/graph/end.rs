//! P1: every flow returns or fails, every node can run for some input, and what is polled for can come.

use crate::diagnostics::codes::graph::{BLIND_POLL, FALSE_GUARD, NO_END, UNREACHABLE};
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::Expr;
use crate::hir::{Block, Node, NodeKind};
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
            NodeKind::Return(_) => end = Some((node.span, "return")),
            NodeKind::Fail { condition: None, .. } => end = Some((node.span, "fail")),
            NodeKind::Fail { condition: Some(when), .. } if constants.condition(when) == Some(true) => {
                end = Some((node.span, "fail"));
            }
            NodeKind::Ensure { condition, .. } if constants.condition(condition) == Some(false) => {
                end = Some((node.span, "ensure"));
            }
            NodeKind::Let(value) => constants.define(&node.id, value),
            NodeKind::For(repeat) => self::block(&repeat.body, constants, sink),
            _ => {}
        }
    }
}

//! P9: a deadline that ends before one attempt of each call may have ended.

use std::collections::BTreeMap;

use crate::base::length;
use crate::diagnostics::codes::retry::DEADLINE_TOO_SHORT;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Node, NodeKind};
use crate::plan::{Does, Rounds, longest};
use crate::rules::outline::outline;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/deadline", codes: &[&DEADLINE_TOO_SHORT], check };

/// Calls that are named; a longer path is cut.
const NAMED: usize = 5;

fn check(context: &Context<'_>, sink: &mut Sink) {
    let flow = &context.hir.flow;
    let items = outline(context);
    let (total, path) = longest(&items, Rounds::One);
    if total <= flow.deadline_ms {
        return;
    }
    let mut nodes: BTreeMap<&str, &Node> = BTreeMap::new();
    flow.body.each_node(&mut |node, _| {
        nodes.insert(&node.id, node);
    });
    let attempts =
        if path.len() == 1 { "one attempt" } else { "one attempt of each call on its longest path" };
    let unwritten = if flow.deadline_span.is_some() { "" } else { ", which stands for none," };
    let message =
        format!("the deadline of {}{unwritten} is shorter than {attempts}", length(flow.deadline_ms));
    let span = flow.deadline_span.unwrap_or(flow.span);
    let mut found = Diagnostic::new(&DEADLINE_TOO_SHORT, span, message);
    for item in items.iter().filter(|item| path.contains(&item.id)).take(NAMED) {
        let Some(node) = nodes.get(item.id) else { continue };
        found = match (&item.does, &node.kind) {
            (Does::Call { time, .. }, NodeKind::Step(step)) => {
                let words = format!("an attempt of `{}` may take {}", node.id, length(time.single_ms));
                let found = found.and(node.span, words);
                match context.hir.apis.get(&step.call.api).filter(|_| path.len() == 1) {
                    Some(api) => {
                        found.and(api.span, "its api's `timeout` says so, or the 30s that stand for none")
                    }
                    None => found,
                }
            }
            (Does::Flow { .. }, _) => {
                found.and(node.span, "one attempt of each call of this flow is on the path")
            }
            (_, NodeKind::Wait(_)) => found.and(node.span, "the run waits here"),
            _ => found.and(node.span, "one round of this loop is on the path"),
        };
    }
    if path.len() > 1 {
        found = found.note(format!("together they may take {}, without a single retry", length(total)));
    }
    sink.push(found.help(format!(
        "write `deadline {}` or more, or a shorter `timeout {{ attempt … }}` in the api's block",
        length(total)
    )));
}

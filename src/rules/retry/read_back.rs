//! P7: what `reconcile` reads is what its own step did. Whether the read shows that is the author's word; that it asks for
//! something else, or takes no answer for a yes, can be seen.

use std::collections::BTreeSet;

use crate::diagnostics::codes::retry::BLIND_RECONCILE;
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::Expr;
use crate::hir::{NodeKind, Step};
use crate::plan::Constants;
use crate::rules::told::{leaves, sent, unresolved};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/read_back", codes: &[&BLIND_RECONCILE], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    context.hir.flow.body.each_node(&mut |node, _| {
        let NodeKind::Step(step) = &node.kind else { return };
        let Some(read) = step.reconcile.as_ref().filter(|_| node.is_effect()) else { return };
        let id = &node.id;
        if Constants::default().condition(&read.when) == Some(false) {
            let message = format!("the condition of this `reconcile` never holds, whatever `{id}` did");
            sink.push(blind(message, step, read.call.span).help(format!(
                "say what the answer holds where it happened, as in `when {id}.… == …`; `when true` takes every answer for a yes"
            )));
        } else if !asks_for_it(step, &read.when) {
            let message = format!("what this `reconcile` reads hangs on nothing that `{id}` sends");
            sink.push(blind(message, step, read.call.span).help(format!(
                "ask for what the step sends, as its reference or its key, or hold the answer against it in `when {id}.… == …`"
            )));
        }
    });
}

fn blind(message: String, step: &Step, read: crate::source::Span) -> Diagnostic {
    Diagnostic::new(&BLIND_RECONCILE, read, message)
        .and(step.call.span, "the outcome of this is to be found out")
        .note("the run would take it as done where it is not, or as not done where it is, and a next run would do it again")
}

/// Whether the read, or what its answer is held against, hangs on anything that the step sends or is keyed by. Where that is
/// the same in every run, nothing can be said.
fn asks_for_it(step: &Step, when: &Expr) -> bool {
    let Some(read) = &step.reconcile else { return true };
    let mut known = BTreeSet::new();
    sent(&step.call).into_iter().for_each(|value| leaves(value, &mut known));
    step.call.key.iter().for_each(|(key, _)| leaves(key, &mut known));
    if known.is_empty() || sent(&read.call).into_iter().chain([when]).any(unresolved) {
        return true;
    }
    let mut used = BTreeSet::new();
    sent(&read.call).into_iter().chain([when]).for_each(|value| leaves(value, &mut used));
    !known.is_disjoint(&used)
}

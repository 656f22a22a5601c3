//! P4: a handoff policy on every edge, undos included, all four parts resolved.

use crate::diagnostics::codes::identity::NO_HANDOFF_POLICY;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule, who};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/handoff_policy", codes: &[&NO_HANDOFF_POLICY], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (node, subject, call, _) in context.hir.flow.calls() {
        let what = who(&subject);
        let undo = subject.ends_with("/undo");
        let span = if subject != node.id { call.span } else { node.span };
        let Some(handoff) = call.handoff() else {
            let found = Diagnostic::new(&NO_HANDOFF_POLICY, span, format!("{what} has no handoff policy"));
            sink.push(match undo {
                true => found
                    .note("a step's own `handoff` is not that of its undo")
                    .help("write it in the undo's braces, `undo … { handoff strict }`, or at the flow or the api"),
                false => found
                    .note("every call hands something to another party: who is verified, and what is kept of it, is never left open")
                    .help("write `handoff strict` at the flow, the api or the step, after `use std.handoff.{ strict }`"),
            });
            continue;
        };
        if handoff.policy.is_some() {
            continue;
        }
        let diagnostic = if handoff.missing.is_empty() {
            let message = format!("the handoff policy `{}` of {what} could not be resolved", handoff.name);
            Diagnostic::new(&NO_HANDOFF_POLICY, span, message)
                .note("the finding that says why stands where it is named or declared")
        } else {
            let message = format!(
                "the handoff policy `{}` of {what} does not say `{}`",
                handoff.name,
                handoff.missing.join("`, `")
            );
            Diagnostic::new(&NO_HANDOFF_POLICY, span, message).help(format!(
                "add `{}` to the policy; `eczflow explain {}` shows a whole one",
                handoff.missing.join("`, `"),
                NO_HANDOFF_POLICY.number
            ))
        };
        let diagnostic = diagnostic.and(handoff.named_at, "named here");
        sink.push(match handoff.declared_at {
            Some(span) => diagnostic.and(span, "declared here"),
            None => diagnostic,
        });
    }
}

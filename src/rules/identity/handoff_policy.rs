//! P4: a handoff policy on every edge, undos included, all four parts resolved.

use std::collections::BTreeMap;

use crate::diagnostics::codes::identity::NO_HANDOFF_POLICY;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Handoff, Node, NodeKind};
use crate::rules::{Context, Rule, who};
use crate::source::Span;

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/handoff_policy", codes: &[&NO_HANDOFF_POLICY], check };

/// A call in words, and where it stands.
type Place = (String, Span);

/// Calls that are marked; the others are counted.
const NAMED: usize = 5;

fn check(context: &Context<'_>, sink: &mut Sink) {
    // One finding for the calls that one change mends: those without any policy, and those of one policy, by its place.
    let mut groups: BTreeMap<Option<Span>, (Option<&Handoff>, Vec<Place>)> = BTreeMap::new();
    for (node, subject, call, _) in context.hir.flow.calls() {
        let span = if subject != node.id { call.span } else { node.span };
        let handoff = call.handoff();
        let place = match handoff {
            None if has_own(node) => {
                sink.push(of_undo(&subject, span));
                continue;
            }
            None => None,
            // What else is wrong with a policy was told where it is named or declared.
            Some(handoff) if handoff.policy.is_some() || !(handoff.lost || handoff.is_incomplete()) => {
                continue;
            }
            Some(handoff) => Some(handoff.declared_at.unwrap_or(handoff.named_at)),
        };
        let (_, calls) = groups.entry(place).or_insert((handoff, Vec::new()));
        calls.push((who(&subject), span));
    }
    for (handoff, calls) in groups.into_values() {
        if let Some(found) = finding(handoff, &calls) {
            sink.push(found);
        }
    }
}

/// Whether the call of a step has a policy: then what has none is its undo.
fn has_own(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Step(step) if step.call.handoff().is_some())
}

fn of_undo(subject: &str, span: Span) -> Diagnostic {
    Diagnostic::new(&NO_HANDOFF_POLICY, span, format!("{} has no handoff policy", who(subject)))
        .note("a step's own `handoff` is not that of its undo")
        .help("write it in the undo's braces, `undo … { handoff strict }`, or at the flow or the api")
}

/// The finding at the first of the calls; the others are marked.
fn finding(handoff: Option<&Handoff>, calls: &[Place]) -> Option<Diagnostic> {
    let ((first, span), more) = calls.split_first()?;
    let who = match more {
        [] => first.clone(),
        [(second, _)] => format!("{first} and {second}"),
        more => format!("{first} and {} more calls", more.len()),
    };
    let have = if more.is_empty() { "has" } else { "have" };
    let new = |message: String| {
        let found = Diagnostic::new(&NO_HANDOFF_POLICY, *span, message);
        more.iter().take(NAMED).fold(found, |found, (who, span)| found.and(*span, format!("{who} as well")))
    };
    Some(match handoff {
        None => new(format!("{who} {have} no handoff policy"))
            .note("every call hands something to another party: who is verified, and what is kept of it, is never left open")
            .help("write `handoff strict` at the flow, the api or the step, after `use std.handoff.{ strict }`"),
        Some(handoff) if handoff.lost => {
            new(format!("{who} {have} no handoff policy: nothing declares `{}`", handoff.name))
                .and(handoff.named_at, "named here")
                .help("declare it where it is looked for, or name another, such as `std.handoff.strict`")
        }
        Some(handoff) => {
            let missing = handoff.missing.join("`, `");
            new(format!("the handoff policy `{}` of {who} does not say `{missing}`", handoff.name))
                .and(handoff.declared_at.unwrap_or(handoff.named_at), "declared here")
                .help(format!(
                    "add `{missing}` to it; `eczflow explain {}` shows a whole one",
                    NO_HANDOFF_POLICY.number
                ))
        }
    })
}

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

/// A policy, the calls that need it, and whether one of them is to a party without a passport.
type Group<'h> = (Option<&'h Handoff>, Vec<Place>, bool);

/// Calls that are marked; the others are counted.
const NAMED: usize = 5;

fn check(context: &Context<'_>, sink: &mut Sink) {
    // One finding for the calls that one change mends: those without any policy, and those of one policy, by its place.
    let mut groups: BTreeMap<Option<Span>, Group<'_>> = BTreeMap::new();
    for (node, subject, call, _) in context.hir.flow.calls() {
        let span = if subject != node.id { call.span } else { node.span };
        let handoff = call.handoff();
        let unverified = context.hir.apis.get(&call.api).is_some_and(|api| api.no_passport.is_some());
        let place = match handoff {
            None if has_own(node) => {
                sink.push(of_undo(&subject, span, unverified));
                continue;
            }
            None => None,
            // What else is wrong with a policy was told where it is named or declared.
            Some(handoff) if handoff.policy.is_some() || !(handoff.lost || handoff.is_incomplete()) => {
                continue;
            }
            Some(handoff) => Some(handoff.declared_at.unwrap_or(handoff.named_at)),
        };
        let (_, calls, any) = groups.entry(place).or_insert((handoff, Vec::new(), unverified));
        calls.push((who(&subject), span));
        *any |= unverified;
    }
    for (handoff, calls, unverified) in groups.into_values() {
        if let Some(found) = finding(handoff, &calls, unverified) {
            sink.push(found);
        }
    }
}

/// Whether the call of a step has a policy: then what has none is its undo.
fn has_own(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Step(step) if step.call.handoff().is_some())
}

/// Where a policy can be named that verifies: for a party without a passport only where it is asked of everybody.
fn where_to(unverified: bool, near: &str) -> String {
    match unverified {
        true => "at the flow, where `no passport` relaxes it".to_owned(),
        false => format!("at the flow, the api or {near}"),
    }
}

fn of_undo(subject: &str, span: Span, unverified: bool) -> Diagnostic {
    let place = where_to(unverified, "in the undo's braces, `undo … { handoff strict }`");
    Diagnostic::new(&NO_HANDOFF_POLICY, span, format!("{} has no handoff policy", who(subject)))
        .note("a step's own `handoff` is not that of its undo")
        .help(format!("write `handoff strict` {place}"))
}

/// The finding at the first of the calls; the others are marked.
fn finding(handoff: Option<&Handoff>, calls: &[Place], unverified: bool) -> Option<Diagnostic> {
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
            .help(format!(
                "write `handoff strict` {}, after `use std.handoff.{{ strict }}`",
                where_to(unverified, "the step")
            )),
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

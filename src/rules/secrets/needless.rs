//! Clearances and releases that allow what never happens.

use super::subject;
use crate::diagnostics::codes::secrets::{NEEDLESS_CLEARANCE, NEEDLESS_RELEASE};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Cleared, Hir};
use crate::plan::secrecy::{Analysis, Subject};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "secrets/needless", codes: &[&NEEDLESS_RELEASE, &NEEDLESS_CLEARANCE], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    of_flow(context, sink);
    if context.whole && context.flows.last().is_some_and(|last| last.flow.name == context.hir.flow.name) {
        of_apis(context, sink);
    }
}

fn of_flow(context: &Context<'_>, sink: &mut Sink) {
    let flow = &context.hir.flow;
    if flow.releases.is_empty() && flow.cleared.is_empty() {
        return;
    }
    let subject = subject(context, context.hir);
    let analysis = Analysis::of(&subject);
    for (node, name, gets) in analysis.needless_releases() {
        let Some(released) = flow.releases.get(node) else { continue };
        let message = match gets {
            true => format!("`{name}` may have what `{node}` releases as it is"),
            false => format!("`{name}` never gets what `{node}` releases to it"),
        };
        let finding = Diagnostic::new(&NEEDLESS_RELEASE, released.span, message);
        sink.push(match released.release.to.len() {
            1 => finding.help("write the value without `release`"),
            _ => finding.help(format!("leave `{name}` out")),
        });
    }
    // What could not be bound may need it.
    for (at, written) in flow.cleared.iter().enumerate().filter(|_| flow.unbound.is_empty()) {
        if analysis.is_needless(None, at) {
            sink.push(clearance("outputs and messages hold nothing", written));
        }
    }
}

/// An api is cleared for all flows of its file: a clearance is needless where none of them needs it.
fn of_apis(context: &Context<'_>, sink: &mut Sink) {
    let (apis, flows) = (&context.hir.apis, context.flows);
    let cleared = apis.values().any(|api| !api.cleared.is_empty());
    if !cleared || flows.iter().any(|hir| !hir.flow.unbound.is_empty()) {
        return;
    }
    let subjects: Vec<Subject<'_>> = flows.iter().map(|hir| subject(context, hir)).collect();
    let analyses: Vec<Analysis<'_, '_>> = subjects.iter().map(Analysis::of).collect();
    let used = |name: &str| flows.iter().any(|hir: &&Hir| !hir.used_views(name).is_empty());
    for (name, api) in apis.iter().filter(|(name, _)| used(name)) {
        for (at, written) in api.cleared.iter().enumerate() {
            if analyses.iter().all(|analysis| analysis.is_needless(Some(name), at)) {
                sink.push(clearance(&format!("`{name}` gets nothing"), written));
            }
        }
    }
}

fn clearance(who: &str, written: &Cleared) -> Diagnostic {
    let message = format!("{who} that `cleared {}` is needed for", written.clearance.class);
    Diagnostic::new(&NEEDLESS_CLEARANCE, written.span, message)
        .help("remove it: a clearance allows what a later change may send")
}

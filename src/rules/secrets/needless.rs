//! Clearances and releases that allow what never happens.

use std::collections::BTreeSet;

use super::subject;
use crate::diagnostics::codes::secrets::{NEEDLESS_CLEARANCE, NEEDLESS_RELEASE};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Cleared, Hir};
use crate::plan::secrecy::{Analysis, Released, Subject};
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
    let own = analysis.releases().into_iter().filter(|found| found.flow.is_none() && !found.is_needed);
    let needless: Vec<Released<'_>> = own.collect();
    let elsewhere = if needless.is_empty() { BTreeSet::new() } else { needed_by_callers(context) };
    for Released { node, to: name, gets, .. } in needless {
        let Some(released) = flow.releases.get(node) else { continue };
        if elsewhere.contains(&(node.to_owned(), name.clone())) {
            continue;
        }
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

/// The releases of a flow, by node and receiver, that flows calling it need: there its inputs are other data, and what it
/// returns goes further.
fn needed_by_callers(context: &Context<'_>) -> BTreeSet<(String, String)> {
    let name = context.hir.flow.name.as_str();
    let mut found = BTreeSet::new();
    for hir in context
        .flows
        .iter()
        .chain(context.callers)
        .filter(|hir| !hir.callees.is_empty() && hir.flow.name != name)
    {
        let subject = subject(context, hir);
        let analysis = Analysis::of(&subject);
        let needed = analysis.releases().into_iter().filter(|one| one.flow == Some(name) && one.is_needed);
        found.extend(needed.map(|one| (one.node.to_owned(), one.to)));
    }
    found
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

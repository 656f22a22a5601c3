//! P7: `key once per` needs a fact that says the key is honoured, is the same in each run, and another for each call.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::diagnostics::codes::retry::{AMBIGUOUS_KEY, KEY_WITHOUT_FACT, SHARED_KEY, UNSTABLE_KEY};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Hir, Node, NodeKind, Step, SubFlow};
use crate::plan::{FlowKeys, KeyFault, judge_keys};
use crate::rules::keys::shown;
use crate::rules::{Context, Rule};
use crate::source::Span;

pub(in crate::rules) const RULE: Rule = Rule {
    name: "retry/key",
    codes: &[&KEY_WITHOUT_FACT, &SHARED_KEY, &UNSTABLE_KEY, &AMBIGUOUS_KEY],
    check,
};

/// Keys of a called flow that are marked.
const NAMED: usize = 3;

fn check(context: &Context<'_>, sink: &mut Sink) {
    let hir = context.hir;
    let mut known = BTreeMap::new();
    let called = called(hir, &mut known);
    let mut faults: BTreeMap<&str, KeyFault> = judge_keys(&shown(hir), &called).faults.into_iter().collect();
    hir.flow.body.each_node(&mut |node, _| {
        let fault = faults.remove(node.id.as_str());
        match (&node.kind, fault) {
            (NodeKind::Step(step), fault) => judge(hir, node, step, fault, sink),
            (NodeKind::SubFlow(call), Some(fault)) => sink.push(called_finding(hir, &fault, &node.id, call)),
            _ => {}
        }
    });
}

/// What the keys of the flows that a flow calls are made of; each flow of the file is read once.
fn called<'h>(hir: &'h Hir, known: &mut BTreeMap<&'h str, Rc<FlowKeys>>) -> BTreeMap<&'h str, Rc<FlowKeys>> {
    let mut found = BTreeMap::new();
    for (name, callee) in &hir.callees {
        let keys = match known.get(name.as_str()) {
            Some(keys) => Rc::clone(keys),
            None => {
                let inner = called(callee, known);
                Rc::new(judge_keys(&shown(callee), &inner).keys)
            }
        };
        known.insert(name, Rc::clone(&keys));
        found.insert(name.as_str(), keys);
    }
    found
}

fn judge(hir: &Hir, node: &Node, step: &Step, fault: Option<KeyFault>, sink: &mut Sink) {
    let call = &step.call;
    let Some((_, span)) = &call.key else { return };
    let document = hir.apis.get(&call.api).and_then(|api| api.document.as_ref());
    let place = document.and_then(|document| document.place(&call.view.pointer));
    if call.is_safe() {
        let message = format!("`{}` only reads: a key means nothing", node.id);
        let finding = Diagnostic::new(&KEY_WITHOUT_FACT, *span, message);
        sink.push(finding.and_at(place, "the operation").help("remove the key"));
        return;
    }
    if call.idempotency.is_none() {
        let message = format!("nothing says that `{}.{}` honours a key", call.api, call.operation);
        sink.push(
            Diagnostic::new(&KEY_WITHOUT_FACT, *span, message)
                .and_at(place, "it declares no `Idempotency-Key` header")
                .help(
                    "say it in the api's block: `idempotency header \"…\"`, then `assumed by OPERATOR because \"…\"`, or `stated by ECZ-… in file(\"…\")` with what its operator signed",
                ),
        );
    }
    if let Some(fault) = fault {
        sink.push(finding(&fault, &node.id, *span));
    }
}

/// The finding where a called flow makes the key.
fn called_finding(hir: &Hir, fault: &KeyFault, step: &str, call: &SubFlow) -> Diagnostic {
    let flow = &call.flow;
    let (message, help) = match fault {
        KeyFault::Shared { variable, .. } => (
            format!("every `{variable}` makes the same key in `{flow}`"),
            format!("give `{flow}` something of `{variable}`, and name the input that takes it in the key"),
        ),
        KeyFault::Twice { first } => (
            format!("`{first}` and `{step}` make the same key in `{flow}`"),
            format!("give `{flow}` something else in each call, in an input that the key names"),
        ),
        _ => {
            let within = format!("a `key once per` of `{flow}` is made of what it is given here");
            return finding(fault, step, call.span).note(within);
        }
    };
    let mut found = Diagnostic::new(&SHARED_KEY, call.span, message)
        .note(format!(
            "in the second run of `{flow}` the counterparty would take a step with that key for a resend of the first"
        ))
        .help(help);
    for span in keys(hir, flow).into_iter().take(NAMED) {
        found = found.and(span, format!("a key that `{flow}` makes"));
    }
    found
}

/// The keys of a called flow, and of those that it calls where it has none.
fn keys(hir: &Hir, flow: &str) -> Vec<Span> {
    let Some(callee) = hir.callees.get(flow) else { return Vec::new() };
    let calls = callee.flow.calls();
    let own: Vec<Span> = calls.iter().filter_map(|(_, _, call, _)| Some(call.key.as_ref()?.1)).collect();
    if own.is_empty() { callee.callees.keys().flat_map(|inner| keys(callee, inner)).collect() } else { own }
}

/// The finding, with the two calls that it is about.
fn finding(fault: &KeyFault, step: &str, span: Span) -> Diagnostic {
    match fault {
        KeyFault::Unstable { member } => {
            let example = match member.as_str() {
                "started" => "`2026-01-01T09:00:00Z` in one run and `2026-01-01T09:00:05Z` in the next",
                _ => "`run-1` in one run and `run-2` in the next",
            };
            Diagnostic::new(&UNSTABLE_KEY, span, format!("the key hangs on `run.{member}`: it is another in each run"))
                .note(format!("`run.{member}` is {example}: both runs would do `{step}`, though it says `once`"))
                .help("name what is to happen once, such as an order's number; for once a run, leave the clause out")
        }
        KeyFault::Adjoining { left, right } => {
            Diagnostic::new(&AMBIGUOUS_KEY, span, format!("`{left}` and `{right}` run together in this key"))
                .note(format!(
                    "`{left}` \"1\" with `{right}` \"12\", and `{left}` \"11\" with `{right}` \"2\", both make `112`: the second `{step}` would be taken for a resend of the first"
                ))
                .help(format!("put something between the values: `{{{left}}}/{{{right}}}`"))
        }
        KeyFault::Twice { first } => {
            Diagnostic::new(&SHARED_KEY, span, format!("`{first}` and `{step}` make the same key"))
                .help("name something else in each of the two")
        }
        KeyFault::Shared { variable, inner, answered } => {
            let (message, note) = if *inner {
                let message = format!("calls for different `{variable}` can have one key");
                let note = format!(
                    "the first `{variable}` and the second one, with the same inner item, make one key: the second `{step}` would be taken for a resend of the first"
                );
                (message, note)
            } else {
                let note = format!(
                    "the first `{variable}` and the second one make one key, and duplicates are refused before the first iteration: the loop runs with one item at most"
                );
                ("every iteration has the same key".to_owned(), note)
            };
            Diagnostic::new(&SHARED_KEY, span, message)
                .note(note)
                .help(format!("name something of `{variable}` in the key{}", if *answered { ", or ask for something of it: whoever is asked the same may answer the same" } else { "" }))
        }
    }
}

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

fn check(context: &Context<'_>, sink: &mut Sink) {
    let hir = context.hir;
    let mut known = BTreeMap::new();
    let called = called(hir, &mut known);
    let mut faults: BTreeMap<&str, KeyFault> = judge_keys(&shown(hir), &called).faults.into_iter().collect();
    hir.flow.body.each_node(&mut |node, _| {
        let fault = faults.remove(node.id.as_str());
        match (&node.kind, fault) {
            (NodeKind::Step(step), fault) => judge(hir, node, step, fault, sink),
            (NodeKind::SubFlow(call), Some(fault)) => sink.push(called_finding(&fault, &node.id, call)),
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
fn called_finding(fault: &KeyFault, step: &str, call: &SubFlow) -> Diagnostic {
    let flow = &call.flow;
    let (message, help) = match fault {
        KeyFault::Shared { variable, .. } => (
            format!("every `{variable}` makes the same key in `{flow}`"),
            format!("give it something of `{variable}` that its key names"),
        ),
        KeyFault::Twice { first } => (
            format!("`{first}` and `{step}` make the same key in `{flow}`"),
            "give each something else that its key names".to_owned(),
        ),
        _ => {
            let within = format!("a `key once per` of `{flow}` is made of what it is given here");
            return finding(fault, step, call.span).note(within);
        }
    };
    Diagnostic::new(&SHARED_KEY, call.span, message)
        .note(format!(
            "a step of `{flow}` has a `key once per`: in the second run of it the counterparty would take that step for a resend of the first"
        ))
        .help(help)
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
            Diagnostic::new(&AMBIGUOUS_KEY, span, "two different things have one key")
                .note(format!(
                    "`{left}` 1 with `{right}` 12, and `{left}` 11 with `{right}` 2, both make `112`: the second `{step}` would be taken for a resend of the first"
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

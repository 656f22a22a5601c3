//! P7: `key once per` needs a fact that says the key is honoured, is the same in each run, and another for each call.

use std::collections::BTreeSet;

use crate::diagnostics::codes::retry::{AMBIGUOUS_KEY, KEY_WITHOUT_FACT, SHARED_KEY, UNSTABLE_KEY};
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::Expr;
use crate::hir::{Block, Hir, Node, NodeKind, Step, SubFlow};
use crate::plan::{KeyFault, KeyInputs, KeyLoop, KeyScope, called_fault, key_fault, key_inputs, parts_given};
use crate::rules::{Context, Rule};
use crate::source::Span;

pub(in crate::rules) const RULE: Rule = Rule {
    name: "retry/key",
    codes: &[&KEY_WITHOUT_FACT, &SHARED_KEY, &UNSTABLE_KEY, &AMBIGUOUS_KEY],
    check,
};

fn check(context: &Context<'_>, sink: &mut Sink) {
    block(context.hir, &context.hir.flow.body, &mut KeyScope::default(), sink);
}

fn block<'c>(hir: &'c Hir, nodes: &'c Block, scope: &mut KeyScope<'c>, sink: &mut Sink) {
    for node in &nodes.nodes {
        match &node.kind {
            NodeKind::Let(value) => {
                scope.values.insert(&node.id, value);
            }
            NodeKind::Step(step) => judge(hir, node, step, scope, sink),
            NodeKind::SubFlow(call) => {
                let keys = hir.callees.get(&call.flow).map(|callee| keys_of(callee)).unwrap_or_default();
                if let Some(fault) = called_fault(&keys, &given(call), scope) {
                    sink.push(called_finding(&fault, &node.id, call));
                }
            }
            NodeKind::For(repeat) => {
                let mut steps = BTreeSet::new();
                repeat.body.each_node(&mut |node, _| {
                    if is_answered(&node.kind) {
                        steps.insert(node.id.as_str());
                    }
                });
                let (variable, list, at_most) = (repeat.variable.as_str(), &repeat.list, repeat.at_most.0);
                scope.loops.push(KeyLoop { variable, list, at_most, steps });
                block(hir, &repeat.body, scope, sink);
                scope.loops.pop();
            }
            _ => {}
        }
    }
}

/// Whether what a node stands for comes from outside.
fn is_answered(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::Step(_) | NodeKind::SubFlow(_) | NodeKind::Signal(_))
}

fn given(call: &SubFlow) -> Vec<(&str, &Expr)> {
    call.arguments.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

/// What a called flow's keys are made of.
fn keys_of(hir: &Hir) -> KeyInputs {
    let inputs = hir.flow.inputs.iter().map(|input| input.name.as_str()).collect();
    let mut answers = BTreeSet::new();
    hir.flow.body.each_node(&mut |node, _| {
        if is_answered(&node.kind) {
            answers.insert(node.id.as_str());
        }
    });
    let mut found = Vec::new();
    collect(hir, &hir.flow.body, &mut KeyScope::default(), &mut |parts, scope| {
        found.extend(key_inputs(parts, scope, &inputs, &answers));
    });
    found
}

/// Each key's parts, with what is in scope.
fn collect<'h>(
    hir: &'h Hir,
    nodes: &'h Block,
    scope: &mut KeyScope<'h>,
    visit: &mut dyn FnMut(&[&'h Expr], &KeyScope<'h>),
) {
    for node in &nodes.nodes {
        match &node.kind {
            NodeKind::Let(value) => {
                scope.values.insert(&node.id, value);
            }
            NodeKind::Step(step) => {
                step.call.key.iter().for_each(|(key, _)| visit(&[key], scope));
            }
            NodeKind::SubFlow(call) => {
                let keys = hir.callees.get(&call.flow).map(|callee| keys_of(callee)).unwrap_or_default();
                keys.iter().for_each(|keys| visit(&parts_given(keys, &given(call)), scope));
            }
            NodeKind::For(repeat) => {
                let (variable, list, at_most) = (repeat.variable.as_str(), &repeat.list, repeat.at_most.0);
                scope.loops.push(KeyLoop { variable, list, at_most, steps: BTreeSet::new() });
                collect(hir, &repeat.body, scope, visit);
                scope.loops.pop();
            }
            _ => {}
        }
    }
}

fn judge(hir: &Hir, node: &Node, step: &Step, scope: &KeyScope<'_>, sink: &mut Sink) {
    let call = &step.call;
    let Some((key, span)) = &call.key else { return };
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
                    "say it in the api's block: `idempotency header \"…\" assumed by OPERATOR because \"…\"`",
                ),
        );
    }
    if let Some(fault) = key_fault(key, scope) {
        sink.push(finding(&fault, &node.id, *span));
    }
}

/// The finding where a called flow makes the key.
fn called_finding(fault: &KeyFault, step: &str, call: &SubFlow) -> Diagnostic {
    let flow = &call.flow;
    let KeyFault::Shared { variable, .. } = fault else {
        let within = format!("a `key once per` of `{flow}` is made of what it is given here");
        return finding(fault, step, call.span).note(within);
    };
    let message = format!("every `{variable}` makes the same key in `{flow}`");
    Diagnostic::new(&SHARED_KEY, call.span, message)
        .note(format!(
            "a step of `{flow}` has a `key once per` of what it is given: in the second run of it the counterparty would take that step for a resend of the first"
        ))
        .help(format!("give it something of `{variable}` that its key names"))
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
        KeyFault::Shared { variable, inner } => {
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
                .help(format!("name something of `{variable}` in the key"))
        }
    }
}

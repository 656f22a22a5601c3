//! P8: an undo names what its own step did. Whether it takes that back is the author's word; that it names something else
//! can be seen.

use crate::base::folded;
use crate::diagnostics::codes::graph::{BLIND_UNDO, IMPOSSIBLE_ARM};
use crate::diagnostics::{Diagnostic, Sink};
use crate::expr::Expr;
use crate::hir::{Call, Node, NodeKind};
use crate::plan::{each_child, free_names, is_refusal};
use crate::rules::told::{sent, told, unresolved};
use crate::rules::{Context, Rule};
use crate::source::Span;
use crate::types::{Contract, Type};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "graph/undo", codes: &[&BLIND_UNDO, &IMPOSSIBLE_ARM], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    context.hir.flow.body.each_node(&mut |node, _| {
        let Some(undo) = node.undo().filter(|undo| node.is_effect() && !undo.is_safe()) else { return };
        for status in undo.expressions().flat_map(|value| refusals_of(value, &node.id)) {
            let message = format!(
                "a {status} of `{}` is no effect: there is nothing to undo, and this arm is never taken",
                node.id
            );
            sink.push(
                Diagnostic::new(&IMPOSSIBLE_ARM, undo.span, message)
                    .and(node.span, "an arm for a refusal lets this end well")
                    .note("an undo is made for what happened, with the answer that said so")
                    .help("read the answer itself, or match its successes only"),
            );
        }
        let reads = undo.expressions().any(|value| free_names(value).contains(&node.id));
        if reads || undo.expressions().any(unresolved) {
            return;
        }
        match &node.kind {
            NodeKind::Step(step) => {
                of_step(node, &step.call, undo).into_iter().for_each(|finding| sink.push(finding))
            }
            NodeKind::SubFlow(call) => {
                let given: Vec<&Expr> = call.arguments.iter().map(|(_, value)| value).collect();
                if !given.is_empty() && !told(undo, given) {
                    sink.push(finding(node, undo.span, "nothing of what is called goes into it", None));
                }
            }
            _ => {}
        }
    });
}

/// The refusals of a step that a value has arms for.
fn refusals_of(value: &Expr, step: &str) -> Vec<u16> {
    let mut found = Vec::new();
    if let Expr::Match { of, arms, .. } = value
        && of == step
    {
        found.extend(arms.iter().map(|arm| arm.status).filter(|status| is_refusal(*status)));
    }
    each_child(value, &mut |child| found.extend(refusals_of(child, step)));
    found
}

/// What is wrong with an undo that reads nothing of its step's answer.
fn of_step(node: &Node, call: &Call, undo: &Call) -> Option<Diagnostic> {
    let same_operation = undo.api == call.api && undo.operation == call.operation;
    if same_operation && undo.arguments == call.arguments && undo.body == call.body {
        return Some(
            finding(node, undo.span, "this does the same once more", None)
                .help("name the operation that takes it back"),
        );
    }
    if undo.view.path == call.view.path && undo.api == call.api && !names_a_thing(undo) {
        return None;
    }
    match last_parameter(undo) {
        Some((name, value, span)) => {
            if sent_as(call, &name, value) {
                return None;
            }
            let member = answered(call, &name).map(|member| format!("{}.{member}", node.id));
            let place = format!("`{name}` is the same whatever `{}` did", node.id);
            Some(finding(node, span, place, member))
        }
        None if undo.view.path.contains('{') || sent(call).is_empty() || told(undo, sent(call)) => None,
        None => {
            Some(finding(node, undo.span, format!("nothing of what `{}` did goes into it", node.id), None))
        }
    }
}

fn finding(node: &Node, span: Span, place: impl Into<String>, member: Option<String>) -> Diagnostic {
    let message = format!("the `undo` of `{}` names nothing that the step made", node.id);
    let from = member.map_or_else(String::new, |member| format!(": `{member}`"));
    Diagnostic::new(&BLIND_UNDO, span, message)
        .at(place)
        .and(node.span, "this is what it would have to take back")
        .note("what the step did would stay, and the run would say that it is undone")
        .help(format!(
            "take it from the step's own answer{from}, or from what the step itself sends by that name"
        ))
}

fn names_a_thing(call: &Call) -> bool {
    call.arguments.iter().any(|(_, location, _)| location == "path")
}

/// The last parameter of a call's path, which says what of all that lies there is meant.
fn last_parameter(call: &Call) -> Option<(String, &Expr, Span)> {
    let path =
        call.arguments.iter().zip(&call.argument_spans).filter(|((_, location, _), _)| location == "path");
    let place = |name: &str| call.view.path.rfind(&format!("{{{name}}}"));
    let ((name, _, value), span) = path.max_by_key(|((name, ..), _)| place(name))?;
    Some((name.clone(), value, *span))
}

/// Whether a step itself sends a value as what a parameter names: by its name, or, beside the path, by the end of it
/// (`reference` for `orderReference`), or, but in a `POST`, as what its own path ends with.
fn sent_as(call: &Call, parameter: &str, value: &Expr) -> bool {
    let wanted = folded(parameter);
    let ends = |name: &str| name.len() > 1 && wanted.ends_with(&folded(name));
    let last = last_parameter(call).filter(|_| call.view.method != "POST" && call.view.path.ends_with('}'));
    let members = match &call.body {
        Some(Expr::Record { members }) => members.as_slice(),
        _ => &[],
    };
    last.is_some_and(|(_, own, _)| own == value)
        || members.iter().any(|(name, own)| ends(name) && own == value)
        || call.arguments.iter().any(|(name, location, own)| {
            own == value && if location == "path" { folded(name) == wanted } else { ends(name) }
        })
}

/// The member of a call's answer that a parameter means: the longest whose name ends its own, else `id`.
fn answered(call: &Call, parameter: &str) -> Option<String> {
    let Type::Record(record) = Contract::from_view(&call.view).ok()?.success_type() else { return None };
    let wanted = folded(parameter);
    let ends = record.fields.keys().filter(|name| name.len() > 1 && wanted.ends_with(&folded(name)));
    ends.max_by_key(|name| name.len())
        .cloned()
        .or_else(|| record.fields.contains_key("id").then(|| "id".to_owned()))
}

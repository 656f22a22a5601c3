//! P6: data goes only to who is cleared for its class, in a request or by what decides about it.

use std::collections::BTreeMap;

use super::words::{data, help, place, shown};
use super::written::Written;
use super::{class_place, subject};
use crate::diagnostics::codes::secrets::{CLASS_DECIDES, CLASS_SENT, CLASS_TOLD};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{ClassifiedIn, Hir};
use crate::plan::secrecy::{Analysis, Leak, Mark, Origin, Way, is_labelled};
use crate::rules::{Context, Rule};
use crate::types::Answer;

pub(in crate::rules) const RULE: Rule =
    Rule { name: "secrets/classes", codes: &[&CLASS_SENT, &CLASS_DECIDES, &CLASS_TOLD], check };

/// Labels of one finding.
const LABELS: usize = 8;

fn check(context: &Context<'_>, sink: &mut Sink) {
    let hir = context.hir;
    if !says(hir) {
        return;
    }
    let subject = subject(context, hir);
    let analysis = Analysis::of(&subject);
    let written = Written::of(hir);
    // What may end the run decides about every call after it: one finding for a decision and a receiver.
    let mut decisions: BTreeMap<_, usize> = BTreeMap::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    for leak in analysis.leaks() {
        if let (Way::Ends(node), false) = (leak.way, leak.subject.ends_with("/undo")) {
            let decision = (node, leak.call.map(|(api, _)| api), leak.origin.to_string(), leak.field.clone());
            if let Some(first) = decisions.get(&decision).and_then(|at| found.get_mut(*at)) {
                if first.labels.len() < LABELS {
                    *first = first.clone().and(written.of_leak(&leak), "it shows in this call too");
                }
                continue;
            }
            decisions.insert(decision, found.len());
        }
        found.push(finding(context, &written, &leak));
    }
    found.into_iter().for_each(|found| sink.push(found));
}

/// Whether a flow, or one that it calls, says anything of classes.
fn says(hir: &Hir) -> bool {
    !hir.flow.classified.is_empty()
        || !hir.flow.releases.is_empty()
        || hir.apis.keys().any(|name| hir.used_views(name).iter().any(|view| is_labelled(view)))
        || hir.callees.values().any(|callee| says(callee))
}

fn finding(context: &Context<'_>, written: &Written<'_>, leak: &Leak<'_>) -> Diagnostic {
    let data = data(leak);
    let class = leak.class;
    let to = leak.call.map(|(api, _)| api);
    let who =
        to.map_or_else(|| "the flow's outputs and messages are".to_owned(), |api| format!("`{api}` is"));
    let not_cleared = format!("{who} not cleared for {class} data of {}", leak.owner);
    let (code, message) = match (leak.way, to) {
        (Way::Sent, _) => (&CLASS_SENT, format!("{data} is sent in {}, and {not_cleared}", place(leak))),
        (Way::Chooses, _) => {
            (&CLASS_DECIDES, format!("{data} decides what {} holds, and {not_cleared}", place(leak)))
        }
        (Way::Guards, _) => {
            (&CLASS_DECIDES, format!("{data} decides whether this call is made, and {not_cleared}"))
        }
        (Way::Ends(_), _) if leak.subject.ends_with("/undo") => {
            (&CLASS_DECIDES, format!("{data} decides whether this is undone, and {not_cleared}"))
        }
        (Way::Ends(node), _) => {
            let node = shown(written, node);
            (&CLASS_DECIDES, format!("{data} decides at {node} whether the run gets here, and {not_cleared}"))
        }
        (Way::Told, _) => (&CLASS_TOLD, format!("{data} shows in {}, and {not_cleared}", place(leak))),
    };
    let mut found = Diagnostic::new(code, written.of_leak(leak), message);
    found = marked(context, leak, found);
    if let Way::Ends(node) = leak.way
        && let Some(at) = written.node(node)
    {
        found =
            found.and(at.span, "this may end the run, which shows in what is sent after it, or beside it");
    }
    if let Some((subject, words)) = &leak.misfit
        && let Some(guarded) = context.hir.guarded_at(subject, words)
        && let Answer::Unknown(why) = &guarded.answer
    {
        let words = format!("whether this fits is seen only at run time: {}: {why}", guarded.place);
        found = found.and(guarded.span, words);
    }
    if let Some((at, flow)) = context.hir.inside(&leak.subject) {
        found = found.and(at, format!("here, in `{flow}`"));
    }
    for name in &leak.through {
        if let Some(released) = context.hir.flow.releases.get(name)
            && !released.release.to.iter().any(|receiver| Some(receiver.as_str()) == to)
        {
            let receivers = released.release.to.join("`, `");
            found = found.and(released.span, format!("released to `{receivers}` only"));
        }
    }
    if leak.through.len() > 1 {
        let way: Vec<String> = leak.through.iter().map(|name| shown(written, name)).collect();
        found = found.note(format!("the way it takes: {}", way.join(", then ")));
    }
    found = match leak.others {
        0 => found,
        1 => found.note("one more field that it is not cleared for takes the same way"),
        others => found.note(format!("{others} more fields that it is not cleared for take the same way")),
    };
    found.help(help(context, leak, to))
}

/// Where it got its class.
fn marked(context: &Context<'_>, leak: &Leak<'_>, found: Diagnostic) -> Diagnostic {
    let hir = context.hir;
    let class = leak.class;
    match &leak.mark {
        Mark::None => found,
        Mark::Flow(path) => {
            let of = match leak.origin {
                Origin::Input(name) => ClassifiedIn::Input(name.to_owned()),
                Origin::Answer { api, operation } => {
                    ClassifiedIn::Answer { api: api.to_owned(), operation: operation.to_owned() }
                }
                Origin::Released(_) | Origin::Given { .. } => return found,
            };
            let field = hir.flow.classified.iter().find(|field| field.of == of && field.path == *path);
            match field {
                Some(field) if field.by_document => {
                    found.and(field.span, format!("{class} by this document"))
                }
                Some(field) => found.and(field.span, format!("{class} by this")),
                None => found,
            }
        }
        Mark::Document(pointer) => {
            let Origin::Answer { api, .. } = leak.origin else { return found };
            let document = hir.apis.get(api).and_then(|api| api.document.as_ref());
            match document.and_then(|document| class_place(document, pointer)) {
                Some((span, by)) => found.and(span, format!("{class} {by}")),
                None => found,
            }
        }
    }
}

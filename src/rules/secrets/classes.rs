//! P6: data goes only to who is cleared for its class, in a request or by what decides about it.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{data, further, help, named, place, shown};
use super::written::{Written, told};
use super::{class_place, subject};
use crate::diagnostics::codes::secrets::{CLASS_DECIDES, CLASS_SENT, CLASS_TOLD};
use crate::diagnostics::{Code, Diagnostic, Sink};
use crate::hir::{ClassifiedIn, Hir};
use crate::plan::secrecy::{Analysis, Leak, Mark, Origin, Way, is_labelled};
use crate::rules::{Context, Rule};
use crate::types::Answer;

pub(in crate::rules) const RULE: Rule =
    Rule { name: "secrets/classes", codes: &[&CLASS_SENT, &CLASS_DECIDES, &CLASS_TOLD], check };

/// Most receivers of one decision that a help names.
const RECEIVERS: usize = 8;

fn check(context: &Context<'_>, sink: &mut Sink) {
    let hir = context.hir;
    if !says(hir) {
        return;
    }
    let subject = subject(context, hir);
    let analysis = Analysis::of(&subject);
    let written = Written::of(hir);
    let leaks = analysis.leaks();
    // One clearance mends all that one receiver gets of one organisation's data of one class: that is one finding.
    let mut groups: BTreeMap<_, Vec<&Leak<'_>>> = BTreeMap::new();
    for leak in &leaks {
        let remedy = (code(leak).number, leak.call.map(|(api, _)| api), leak.class, &leak.owner);
        groups.entry(remedy).or_default().push(leak);
    }
    for group in groups.into_values() {
        let Some((first, others)) = group.split_first() else { continue };
        let mut found = finding(context, &written, first, &receivers(&leaks, first));
        // What is sent is another thing at each place; what decides need be told once.
        let mut decide: BTreeSet<_> =
            first.also.iter().map(|also| (also.origin, also.field.as_str())).collect();
        for leak in others {
            found = found.and(written.of_leak(leak), further(&written, leak, first));
            found = places(context, &written, leak, found);
            for also in &leak.also {
                let is_sent = matches!(leak.way, Way::Sent | Way::Told);
                if is_sent || decide.insert((also.origin, also.field.as_str())) {
                    let words = named(also.origin, &also.field, also.class, also.released);
                    found = found.and(written.place_of(leak, &also.place), format!("{words} as well"));
                }
            }
        }
        let others: usize = group.iter().map(|leak| leak.others).sum();
        found = match others {
            0 => found,
            1 => found.note("one more field that it is not cleared for takes the same way"),
            others => {
                found.note(format!("{others} more fields that it is not cleared for take the same way"))
            }
        };
        let mut told = BTreeSet::new();
        found.labels.retain(|label| told.insert((label.span, label.message.clone())));
        sink.push(found);
    }
}

fn code(leak: &Leak<'_>) -> &'static Code {
    match leak.way {
        Way::Sent => &CLASS_SENT,
        Way::Chooses | Way::Guards | Way::Ends(_) if leak.call.is_some() => &CLASS_DECIDES,
        Way::Chooses | Way::Guards | Way::Ends(_) | Way::Told => &CLASS_TOLD,
    }
}

/// Whether a flow, or one that it calls, says anything of classes.
fn says(hir: &Hir) -> bool {
    !hir.flow.classified.is_empty()
        || !hir.flow.releases.is_empty()
        || hir.apis.keys().any(|name| hir.used_views(name).iter().any(|view| is_labelled(view)))
        || hir.callees.values().any(|callee| says(callee))
}

/// The apis that a leak shows data to; of what may end the run all that the same decision shows to.
fn receivers<'a>(leaks: &[Leak<'a>], leak: &Leak<'a>) -> Vec<&'a str> {
    let mut found: Vec<&str> = leak.call.iter().map(|(api, _)| *api).collect();
    if !matches!(leak.way, Way::Ends(_)) || found.is_empty() {
        return found;
    }
    let same = |other: &&Leak<'_>| {
        (other.way, other.origin, &other.field) == (leak.way, leak.origin, &leak.field)
            && other.class == leak.class
    };
    let apis: BTreeSet<&str> = leaks.iter().filter(same).filter_map(|other| Some(other.call?.0)).collect();
    found.extend(apis.into_iter().filter(|api| leak.call.is_none_or(|(own, _)| own != *api)).take(RECEIVERS));
    found
}

fn finding(context: &Context<'_>, written: &Written<'_>, leak: &Leak<'_>, receivers: &[&str]) -> Diagnostic {
    let data = data(leak);
    let class = leak.class;
    let to = leak.call.map(|(api, _)| api);
    let inside = context.hir.inside(&leak.subject);
    let who = to.map_or_else(
        || format!("the outputs and messages of `{}` are", context.hir.flow.name),
        |api| format!("`{api}` is"),
    );
    let not_cleared = format!("{who} not cleared for {class} data of {}", leak.owner);
    let message = match (leak.way, to) {
        (Way::Sent, _) => format!("{data} is sent in {}, and {not_cleared}", place(leak)),
        (Way::Chooses, _) => format!("{data} decides what {} holds, and {not_cleared}", place(leak)),
        (Way::Guards, _) => format!("{data} decides whether this call is made, and {not_cleared}"),
        (Way::Ends(_), _) if leak.subject.ends_with("/undo") => {
            format!("{data} decides whether this is undone, and {not_cleared}")
        }
        (Way::Ends(node), _) => {
            let node = shown(written, node);
            format!("{data} decides at {node} whether the run gets here, and {not_cleared}")
        }
        (Way::Told, _) => {
            let of = inside.map_or(String::new(), |(_, flow)| format!(" in `{flow}`"));
            format!("{data} shows in {}{of}, and {not_cleared}", place(leak))
        }
    };
    let found = Diagnostic::new(code(leak), written.of_leak(leak), message);
    let mut found = places(context, written, leak, found);
    if leak.through.len() > 1 {
        let way: Vec<String> = leak.through.iter().map(|name| shown(written, name)).collect();
        found = found.note(format!("the way it takes: {}", way.join(", then ")));
    }
    let (here, there): (Vec<_>, Vec<_>) =
        leak.also.iter().partition(|also| written.place_of(leak, &also.place) == found.span());
    for also in there {
        let words = format!("{} as well", named(also.origin, &also.field, also.class, also.released));
        found = found.and(written.place_of(leak, &also.place), words);
    }
    if !here.is_empty() {
        let fields = here.iter().map(|also| named(also.origin, &also.field, also.class, also.released));
        let fields: Vec<String> = fields.map(|words| words.trim_end_matches(',').to_owned()).collect();
        found = found.note(format!("here as well: {}", fields.join("; ")));
    }
    if leak.call.is_none() && inside.is_some() {
        found = found.note("what a called flow says is told to whoever runs the flow that calls it");
    }
    found.help(help(context, leak, receivers))
}

/// What a leak hangs on: where it got its class, what ends the run, where it is in a called flow, what released it to others.
fn places(context: &Context<'_>, written: &Written<'_>, leak: &Leak<'_>, found: Diagnostic) -> Diagnostic {
    let to = leak.call.map(|(api, _)| api);
    let mut found = marked(context, leak, found);
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
        if let Some(place) = guarded.declared_at {
            found = found.and(place, "what fits is said here");
        }
    }
    if let Some((node, flow)) = context.hir.inside(&leak.subject) {
        let at = if leak.call.is_some() { node.span } else { told(node, &leak.place) };
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
    found
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

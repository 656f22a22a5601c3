//! P6: data goes only to who is cleared for its class, in a request or by what decides about it.

use super::subject;
use super::written::Written;
use crate::diagnostics::codes::secrets::{CLASS_DECIDES, CLASS_SENT, CLASS_TOLD};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{ClassifiedIn, Hir};
use crate::plan::secrecy::{Analysis, Leak, Mark, Origin, Way, is_labelled};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "secrets/classes", codes: &[&CLASS_SENT, &CLASS_DECIDES, &CLASS_TOLD], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let hir = context.hir;
    if !says(hir) {
        return;
    }
    let subject = subject(context, hir);
    let analysis = Analysis::of(&subject);
    let written = Written::of(hir);
    for leak in analysis.leaks() {
        sink.push(finding(context, &written, &leak));
    }
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
        (Way::Ends(node), _) => (
            &CLASS_DECIDES,
            format!("{data} decides at `{node}` whether the run gets here, and {not_cleared}"),
        ),
        (Way::Told, _) => (&CLASS_TOLD, format!("{data} shows in {}, and {not_cleared}", place(leak))),
    };
    let mut found = Diagnostic::new(code, written.of_leak(leak), message);
    found = marked(context, leak, found);
    if let Way::Ends(node) = leak.way
        && let Some(at) = written.node(node)
    {
        found = found.and(at, "this may end the run, which shows in what is sent after it, or beside it");
    }
    if let Some((_, inner)) =
        leak.subject.split_once('/').filter(|(_, inner)| !matches!(*inner, "undo" | "reconcile"))
    {
        found = found.note(format!("inside the called flow, at `{inner}`"));
    }
    if leak.through.len() > 1 {
        found = found.note(format!("the way it takes: {}", leak.through.join(" -> ")));
    }
    if leak.others > 0 {
        found = found.note(format!("and {} more of what it may not have", leak.others));
    }
    found.help(help(context, leak, to))
}

/// The data in words: `customer.email` of `support.getTicket`, personal.
fn data(leak: &Leak<'_>) -> String {
    let class = leak.class;
    let released = leak.released.map_or(String::new(), |node| format!(", released by `{node}` as {class},"));
    match leak.origin {
        Origin::Given { flow, input } if leak.field.is_empty() => {
            format!("the {class} input `{input}` of `{flow}`{released}")
        }
        Origin::Given { flow, input } => format!("`{input}.{}` of `{flow}`, {class},", leak.field),
        Origin::Input(name) if leak.field.is_empty() => format!("the {class} input `{name}`{released}"),
        Origin::Input(name) => format!("`{name}.{}`, {class},", leak.field),
        origin if leak.field.is_empty() => format!("the answer of `{origin}`, {class},"),
        origin => format!("`{}` of `{origin}`, {class},", leak.field),
    }
}

fn place(leak: &Leak<'_>) -> String {
    match leak.place.split_once('.') {
        Some((whole @ ("body" | "the output"), member)) => {
            format!("the {}'s `{member}`", whole.trim_start_matches("the "))
        }
        Some((location @ ("path" | "query"), name)) => format!("the {location} parameter `{name}`"),
        Some((location, name)) => format!("the {location} `{name}`"),
        None if leak.place == "key" => "the idempotency key".to_owned(),
        None if leak.place == "body" => "the body".to_owned(),
        None => leak.place.clone(),
    }
}

/// What may be done, the least first.
fn help(context: &Context<'_>, leak: &Leak<'_>, to: Option<&str>) -> String {
    let class = leak.class;
    let own = context.hir.flow.agent.as_ref().map(|(name, _)| name.as_str());
    let from = match leak.origin {
        Origin::Answer { api, .. } => format!(" from {api}"),
        Origin::Input(_) => own.map(|own| format!(" from {own}")).unwrap_or_default(),
        Origin::Released(_) | Origin::Given { .. } => String::new(),
    };
    let receiver = to.or(own).unwrap_or("OPERATOR");
    let first = match leak.way {
        Way::Sent | Way::Told => "leave it out",
        Way::Chooses | Way::Guards => "decide by something else",
        Way::Ends(_) if leak.subject.ends_with("/undo") => "fail by something else",
        Way::Ends(_) => {
            "let it end before that, above it and with `after` in between, or fail by something else"
        }
    };
    let clearance = match to {
        Some(api) => format!("`cleared {class}{from}` in the block of `{api}`"),
        None => format!("`cleared {class}{from}` at the top of the flow"),
    };
    format!(
        "{first}; or write {clearance}; or release it for a reason: `let NAME = release VALUE to {receiver} as internal because \"…\"`"
    )
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
                Some(field) => found.and(field.span, format!("{class} by this")),
                None => found,
            }
        }
        Mark::Document(pointer) => {
            let Origin::Answer { api, .. } = leak.origin else { return found };
            let document = hir.apis.get(api).and_then(|api| api.document.as_ref());
            let at = format!("{pointer}/x-data-class");
            match document.and_then(|document| document.place(&at).or_else(|| document.place(pointer))) {
                Some(span) => found.and(span, format!("{class} by this document")),
                None => found,
            }
        }
    }
}

//! What is said of data that reaches somebody who is not cleared for it.

use super::written::Written;
use crate::hir::Node;
use crate::plan::Class;
use crate::plan::secrecy::{Leak, Origin, Way};
use crate::rules::Context;

/// The data in words: `customer.email` of `support.getTicket`, personal.
pub(super) fn data(leak: &Leak<'_>) -> String {
    named(leak.origin, &leak.field, leak.class, leak.released)
}

/// A field in such words.
pub(super) fn named(origin: Origin<'_>, field: &str, class: Class, released: Option<&str>) -> String {
    let released = released.map_or(String::new(), |node| format!(", released by `{node}` as {class},"));
    match origin {
        Origin::Given { flow, input } if field.is_empty() => {
            format!("the {class} input `{input}` of `{flow}`{released}")
        }
        Origin::Given { flow, input } => {
            format!("`{}` of the input `{input}` of `{flow}`, {class},", field)
        }
        Origin::Input(name) if field.is_empty() => format!("the {class} input `{name}`{released}"),
        Origin::Input(name) => format!("`{}` of the input `{name}`, {class},", field),
        origin if field.is_empty() => format!("the answer of `{origin}`, {class},"),
        origin => format!("`{}` of `{origin}`, {class},", field),
    }
}

pub(super) fn place(leak: &Leak<'_>) -> String {
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

/// What a further leak is, told at its place: `first` is the one that the finding speaks of.
pub(super) fn further(written: &Written<'_>, leak: &Leak<'_>, first: &Leak<'_>) -> String {
    if matches!(leak.way, Way::Ends(_))
        && (leak.way, leak.origin, &leak.field) == (first.way, first.origin, &first.field)
    {
        return "it shows in this call too".to_owned();
    }
    let data = data(leak);
    match leak.way {
        Way::Sent => format!("{data} is sent here too"),
        Way::Chooses => format!("{data} decides what is sent here too"),
        Way::Guards => format!("{data} decides whether this call is made too"),
        Way::Ends(_) if leak.subject.ends_with("/undo") => {
            format!("{data} decides whether this is undone too")
        }
        Way::Ends(node) => format!("{data} decides at {} whether the run gets here", shown(written, node)),
        Way::Told => format!("{data} shows here too"),
    }
}

/// What may be done, the least first. `receivers`: the apis that the same decision shows to, for which one release does.
pub(super) fn help(context: &Context<'_>, leak: &Leak<'_>, receivers: &[&str]) -> String {
    let class = leak.class;
    let own = context.hir.flow.agent.as_ref().map(|(name, _)| name.as_str());
    let from = match leak.origin {
        Origin::Answer { api, .. } => format!(" from {api}"),
        Origin::Input(_) => own.map(|own| format!(" from {own}")).unwrap_or_default(),
        Origin::Released(_) | Origin::Given { .. } => String::new(),
    };
    let first = match leak.way {
        Way::Sent | Way::Told => "leave it out",
        Way::Chooses | Way::Guards => "decide by something else",
        // An undo is sent whenever the run ends, so no order helps.
        Way::Ends(_) if leak.misfit.is_some() => "leave the value out where it may not fit",
        Way::Ends(_) => "let the run end by something else",
    };
    let clearance = match receivers {
        [] => format!("`cleared {class}{from}` at the top of `{}`", context.hir.flow.name),
        apis => format!("`cleared {class}{from}` in the block of `{}`", apis.join("` and of `")),
    };
    let to = if receivers.is_empty() { own.unwrap_or("OPERATOR").to_owned() } else { receivers.join(", ") };
    let release = format!("`let NAME = release VALUE to {to} as internal because \"…\"`");
    let then = match leak.way {
        Way::Sent | Way::Told => "",
        Way::Ends(_) if leak.misfit.is_some() => ", and `NAME` where it may not fit",
        Way::Chooses | Way::Guards | Way::Ends(_) => ", and `NAME` where it decides",
    };
    format!("{first}; or write {clearance}; or release it for a reason: {release}{then}")
}

/// A node in words; an input has its name.
pub(super) fn shown(written: &Written<'_>, id: &str) -> String {
    written.node(id).map_or_else(|| format!("`{id}`"), Node::shown)
}

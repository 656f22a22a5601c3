//! What is said of data that reaches somebody who is not cleared for it.

use super::written::Written;
use crate::hir::Node;
use crate::plan::secrecy::{Leak, Origin, Way};
use crate::rules::Context;

/// The data in words: `customer.email` of `support.getTicket`, personal.
pub(super) fn data(leak: &Leak<'_>) -> String {
    let class = leak.class;
    let released = leak.released.map_or(String::new(), |node| format!(", released by `{node}` as {class},"));
    match leak.origin {
        Origin::Given { flow, input } if leak.field.is_empty() => {
            format!("the {class} input `{input}` of `{flow}`{released}")
        }
        Origin::Given { flow, input } => {
            format!("`{}` of the input `{input}` of `{flow}`, {class},", leak.field)
        }
        Origin::Input(name) if leak.field.is_empty() => format!("the {class} input `{name}`{released}"),
        Origin::Input(name) => format!("`{}` of the input `{name}`, {class},", leak.field),
        origin if leak.field.is_empty() => format!("the answer of `{origin}`, {class},"),
        origin => format!("`{}` of `{origin}`, {class},", leak.field),
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

/// What may be done, the least first.
pub(super) fn help(context: &Context<'_>, leak: &Leak<'_>, to: Option<&str>) -> String {
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

/// A node in words; an input has its name.
pub(super) fn shown(written: &Written<'_>, id: &str) -> String {
    written.node(id).map_or_else(|| format!("`{id}`"), Node::shown)
}

//! A trust map in words.

use std::fmt::Write as _;

use super::shown::harmless_line;
use crate::plan::{Declared, StatedBy, describe};
use crate::trust::{Edge, MappedApi, MappedOperator, TrustMap};

/// Operators with what stands for them; below each of their apis every handoff to it.
pub fn trustmap(map: &TrustMap) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}  {}", harmless_line(&map.flow), map.plan_digest);
    for operator in &map.operators {
        let _ = writeln!(text, "\n{}", titled(operator, &map.runner));
        for agent in &operator.agents {
            let _ = writeln!(text, "  Agent Credential {agent}");
        }
        for api in &operator.apis {
            let _ = writeln!(text, "  {}: {}", harmless_line(&api.name), surface(api));
            if let Some(stated) = &api.statement {
                let _ = writeln!(text, "    {}", statement(stated));
            }
            for edge in map.edges_to(&api.name) {
                let _ = writeln!(text, "    {}", handed_over(edge));
            }
        }
    }
    let unverified = map.edges.iter().filter(|edge| edge.unverified).count();
    let _ = writeln!(text, "\nhandoffs {}, unverified {unverified}", map.edges.len());
    text.push_str("what documents and flows state is discovery, never proof: re-check before reliance\n");
    text
}

fn titled(operator: &MappedOperator, runner: &str) -> String {
    let passport = match &operator.passport {
        Some(passport) if passport.as_str() == operator.name => String::new(),
        Some(passport) => format!(", Business Passport {passport}"),
        None => ", no Business Passport is named".to_owned(),
    };
    let runs = if operator.key == runner { ", runs the flow" } else { "" };
    format!("{}{passport}{runs}", harmless_line(&operator.name))
}

/// A statement that retries rest on.
pub fn statement(stated: &StatedBy) -> String {
    let until = stated.not_after.map(|until| format!(", for runs that begin by {until}"));
    format!(
        "retries rest on a statement by {}, {}{}",
        stated.issuer,
        stated.digest,
        until.unwrap_or_default()
    )
}

/// What stands for an api, and where it is.
pub(super) fn surface(api: &MappedApi) -> String {
    let stands = match (&api.passport, &api.unverified_because) {
        (Some(passport), _) => {
            let by = if api.declared == Some(Declared::Flow) { "the flow" } else { "its document" };
            format!("API Passport {passport}, stated by {by}")
        }
        (None, because) => {
            format!("unverified, no passport: {}", harmless_line(because.as_deref().unwrap_or_default()))
        }
    };
    let region = api.region.as_ref().map(|name| format!(" (region {})", harmless_line(name)));
    format!("{stands}; {}{}", harmless_line(&api.origin), region.unwrap_or_default())
}

fn handed_over(edge: &Edge) -> String {
    let mut given: Vec<String> = edge.gives.parameters.iter().map(|name| harmless_line(name)).collect();
    given.extend(edge.gives.body.then(|| "a body".to_owned()));
    let given = if given.is_empty() { "nothing".to_owned() } else { given.join(", ") };
    let effect = if edge.effect { "effect" } else { "read" };
    format!(
        "{}: {} ({effect}), gives {given}; {}",
        harmless_line(&edge.step),
        harmless_line(&edge.operation),
        harmless_line(&describe(&edge.policy))
    )
}

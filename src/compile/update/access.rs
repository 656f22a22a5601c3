//! Where requests of an operation go and how they authenticate: what changed between two versions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::Change;
use crate::documents::{OperationView, SchemeView, ServerView, resolve};

/// Most levels of a scheme that are told one by one.
const DEPTH: usize = 8;

/// Every such change breaks P5: a secret, or a request with data in it, would go elsewhere or otherwise than was looked at
/// when the document was pinned.
pub(super) fn changes(old: &OperationView, new: &OperationView) -> Vec<Change> {
    let mut found = Vec::new();
    let mut tell = |place: String, what: String| {
        found.push(Change { place, what, used: true, breaks: "P5" });
    };
    for (place, before, now) in [
        ("servers", servers(&old.servers), servers(&new.servers)),
        ("security", alternatives(old), alternatives(new)),
    ] {
        if before != now {
            tell(place.to_owned(), format!("{before} -> {now}"));
        }
    }
    let (before, now) = (schemes(old), schemes(new));
    // A scheme that only one of them names shows in the alternatives.
    for (name, before) in &before {
        let Some(now) = now.get(name) else { continue };
        let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for key in keys {
            let said = |says: &BTreeMap<String, String>| {
                says.get(key).cloned().unwrap_or_else(|| "not said".to_owned())
            };
            let (before, now) = (said(before), said(now));
            if before != now {
                tell(format!("security scheme `{name}`"), format!("{key} {before} -> {now}"));
            }
        }
    }
    found
}

fn listed(mut parts: Vec<String>, none: &str, between: &str) -> String {
    parts.retain(|part| !part.is_empty());
    if parts.is_empty() { none.to_owned() } else { parts.join(between) }
}

/// In their order: the first may be the one that is used.
fn servers(servers: &[ServerView]) -> String {
    let told = |server: &ServerView| {
        let variables = server.variables.iter().map(|variable| {
            let values = listed(variable.values.clone(), "anything", "|");
            format!(" {{{}}}={} of {values}", variable.name, variable.default)
        });
        format!("`{}`{}", server.url, variables.collect::<String>())
    };
    listed(servers.iter().map(told).collect(), "none named", ", ")
}

/// The alternatives by the names of their schemes and the scopes due; their order means nothing.
fn alternatives(view: &OperationView) -> String {
    let one = |schemes: &BTreeMap<String, SchemeView>| {
        let told = schemes.iter().map(|(name, scheme)| {
            let mut scopes = scheme.scopes.clone();
            scopes.sort();
            if scopes.is_empty() { format!("`{name}`") } else { format!("`{name}` ({})", scopes.join(" ")) }
        });
        listed(told.collect(), "nothing", " and ")
    };
    let mut told: Vec<String> = view.security.iter().map(one).collect();
    told.sort();
    listed(told, "not declared", " or ")
}

/// What each named scheme says, leaf by leaf, without its words.
fn schemes(view: &OperationView) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (name, scheme) in view.security.iter().flatten() {
        let says: &mut BTreeMap<String, String> = found.entry(name.clone()).or_default();
        if let Some((_, value)) = resolve(view.root(), &scheme.pointer) {
            leaves(value, "", says, 0);
        }
    }
    found
}

fn leaves(value: &Value, at: &str, says: &mut BTreeMap<String, String>, depth: usize) {
    match value {
        Value::Object(members) if depth < DEPTH => {
            for (key, value) in members {
                let inner = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                match value {
                    // The values of scopes are words about them.
                    Value::Object(scopes) if key == "scopes" => {
                        let names: Vec<&str> = scopes.keys().map(String::as_str).collect();
                        says.insert(inner, names.join(" "));
                    }
                    _ if key == "description" || key == "deprecated" || key.starts_with("x-") => {}
                    _ => leaves(value, &inner, says, depth + 1),
                }
            }
        }
        Value::String(text) => {
            says.insert(at.to_owned(), text.clone());
        }
        other => {
            says.insert(at.to_owned(), other.to_string());
        }
    }
}

//! What changed between two versions of an operation: parameters, fields of requests, fields of answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::usage::Usage;
use super::access;
use crate::documents::{
    DATA_CLASS, MediaView, OperationView, ResponseView, StatusRange, of_schema as pointer_of, resolve,
};

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Where: `query parameter \`page\``, `request field \`amount\``, `field \`state\` of 201`; empty for the operation.
    pub place: String,
    /// What: `added`, `removed`, or the keywords with their old and new values.
    pub what: String,
    /// Whether the flow uses it.
    pub used: bool,
    /// The obligation that falls with it at every call, whatever the flow uses: where requests go, how they authenticate,
    /// and what answers are made of. Empty where none does.
    pub breaks: &'static str,
}

impl Change {
    pub(super) fn gone(noun: &str) -> Change {
        Change { place: String::new(), what: format!("the {noun} is gone"), used: true, breaks: "" }
    }
}

/// Deepest member and most members that are compared.
const DEPTH: usize = 8;
const MOST: usize = 2_000;

/// Keywords by name: what a member says of its own value.
type Says = BTreeMap<String, String>;

pub(super) fn changes(old: &OperationView, new: &OperationView, usage: &Usage) -> Vec<Change> {
    let mut found = access::changes(old, new);
    let route = |view: &OperationView| Says::from([("route".to_owned(), view.route())]);
    differences(&one("", route(old)), &one("", route(new)), &mut found, &|_| "route".to_owned(), &|_| true);
    differences(&parameters(old), &parameters(new), &mut found, &|name| format!("{name}`"), &|name| {
        name.split_once('`').is_some_and(|(_, name)| usage.parameters.contains(name))
    });
    let body = |view: &OperationView| {
        let content = view.body.as_ref().map(|body| &body.content);
        let mut says = members(view, content);
        if let Some(body) = &view.body {
            let media: Vec<&str> = body.content.keys().map(String::as_str).collect();
            let whole = says.entry(String::new()).or_default();
            whole.insert("media types".to_owned(), media.join(", "));
            whole.insert("required".to_owned(), body.required.to_string());
        }
        says
    };
    let named = |name: &str| {
        if name.is_empty() { "request body".to_owned() } else { format!("request field `{name}`") }
    };
    differences(&body(old), &body(new), &mut found, &named, &|name| touches(&usage.sent, name));
    let statuses: BTreeSet<StatusRange> =
        old.responses.iter().chain(&new.responses).map(|response| response.status).collect();
    for status in statuses {
        let of = |view: &OperationView| -> BTreeMap<String, Says> {
            let Some(response) = view.responses.iter().find(|response| response.status == status) else {
                return BTreeMap::new();
            };
            let mut says = members(view, Some(&response.content));
            says.entry(String::new()).or_default().insert("media types".to_owned(), media_types(response));
            for (name, header) in &response.headers {
                let mut own =
                    says_of(header.schema.as_deref().and_then(|at| view.json(at)).unwrap_or(&Value::Null));
                own.insert("required".to_owned(), header.required.to_string());
                says.insert(format!("header {name}"), own);
            }
            says
        };
        let good =
            matches!(status, StatusRange::Exact(200..=299) | StatusRange::Class(2) | StatusRange::Default);
        let named = |name: &str| {
            if name.is_empty() { format!("answer {status}") } else { format!("field `{name}` of {status}") }
        };
        let (mut before, mut now) = (of(old), of(new));
        if good {
            // Told by itself: what is asked for by `Accept` and what is taken hang on it.
            let types = |says: &mut BTreeMap<String, Says>| says.get_mut("")?.remove("media types");
            if let (Some(before), Some(now)) = (types(&mut before), types(&mut now))
                && before != now
            {
                let place = format!("content types of {status}");
                found.push(Change { place, what: format!("{before} -> {now}"), used: true, breaks: "P3" });
            }
        }
        differences(&before, &now, &mut found, &named, &|name| good && touches(&usage.read, name));
    }
    // What is used first: it is what the reader must judge.
    found.sort_by(|one, other| {
        let rank = |change: &Change| (change.breaks.is_empty(), !change.used);
        (rank(one), &one.place, &one.what).cmp(&(rank(other), &other.place, &other.what))
    });
    found
}

/// What changed between two slices of one schema.
pub(super) fn of_schema(old: &str, new: &str, name: &str) -> Vec<Change> {
    let members = |text: &str| {
        let root = crate::base::json::read_strict(text.as_bytes()).unwrap_or_default();
        let mut found = BTreeMap::new();
        Walk { root: &root, found: &mut found }.schema(&pointer_of(name), "", None, 0);
        found
    };
    let named = |name: &str| if name.is_empty() { String::new() } else { format!("field `{name}`") };
    let mut found = Vec::new();
    differences(&members(old), &members(new), &mut found, &named, &|_| true);
    found
}

fn media_types(response: &ResponseView) -> String {
    let media: Vec<&str> = response.content.keys().map(String::as_str).collect();
    if media.is_empty() { "none".to_owned() } else { media.join(", ") }
}

fn one(name: &str, says: Says) -> BTreeMap<String, Says> {
    BTreeMap::from([(name.to_owned(), says)])
}

/// Whether a member, one it stands in, or one below it is among those used. The whole is used where anything is.
fn touches(used: &BTreeSet<String>, name: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        outer.is_empty()
            || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    used.iter().any(|used| within(used, name) || within(name, used))
}

fn parameters(view: &OperationView) -> BTreeMap<String, Says> {
    let said = |parameter: &crate::documents::ParameterView| {
        let schema =
            parameter.schema.as_deref().and_then(|at| resolve(view.root(), at)).map(|(_, schema)| schema);
        let mut says = says_of(schema.unwrap_or(&Value::Null));
        says.insert("required".to_owned(), parameter.required.to_string());
        says.insert("style".to_owned(), format!("{}, explode {}", parameter.style, parameter.explode));
        says
    };
    let named = |parameter: &crate::documents::ParameterView| {
        format!("{} parameter `{}", parameter.location.as_str(), parameter.name)
    };
    view.parameters.iter().map(|parameter| (named(parameter), said(parameter))).collect()
}

/// The members of every media type's schema, by their way from the body.
fn members(view: &OperationView, content: Option<&BTreeMap<String, MediaView>>) -> BTreeMap<String, Says> {
    let mut found = BTreeMap::new();
    for media in content.into_iter().flat_map(BTreeMap::values) {
        if let Some(at) = &media.schema {
            let mut walk = Walk { root: view.root(), found: &mut found };
            walk.schema(at, "", None, 0);
        }
    }
    found
}

struct Walk<'w> {
    root: &'w Value,
    found: &'w mut BTreeMap<String, Says>,
}

impl Walk<'_> {
    fn schema(&mut self, at: &str, name: &str, required: Option<bool>, depth: usize) {
        if depth > DEPTH || self.found.len() >= MOST {
            return;
        }
        let Some((at, schema)) = resolve(self.root, at) else { return };
        let own = self.found.entry(name.to_owned()).or_default();
        own.extend(says_of(schema));
        if let Some(required) = required {
            own.insert("required".to_owned(), required.to_string());
        }
        let listed = schema.get("required").and_then(Value::as_array);
        let listed: BTreeSet<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
        for key in
            schema.get("properties").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys)
        {
            let inner = crate::documents::join(&format!("{at}/properties"), key);
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            self.schema(&inner, &name, Some(listed.contains(key.as_str())), depth + 1);
        }
        for (keyword, ending) in [("items", "[]"), ("additionalProperties", "[]")] {
            if schema.get(keyword).is_some_and(Value::is_object) {
                self.schema(&format!("{at}/{keyword}"), &format!("{name}{ending}"), None, depth + 1);
            }
        }
        for keyword in ["allOf", "oneOf", "anyOf"] {
            let count = schema.get(keyword).and_then(Value::as_array).map_or(0, Vec::len);
            for index in 0..count {
                self.schema(&format!("{at}/{keyword}/{index}"), name, None, depth + 1);
            }
        }
    }
}

/// What a schema says of its own value; what describes it in words, and its members, stand for themselves.
fn says_of(schema: &Value) -> Says {
    let words = [
        "title",
        "description",
        "example",
        "examples",
        "properties",
        "items",
        "required",
        "allOf",
        "$ref",
        "externalDocs",
        "xml",
        "deprecated",
    ];
    let mut says = Says::new();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        if words.contains(&keyword.as_str()) || (keyword.starts_with("x-") && keyword != DATA_CLASS) {
            continue;
        }
        let text = match value {
            Value::Array(alternatives) if matches!(keyword.as_str(), "oneOf" | "anyOf") => {
                format!("{} alternatives", alternatives.len())
            }
            Value::Object(_) => "a schema".to_owned(),
            other => other.to_string(),
        };
        says.insert(keyword.clone(), text);
    }
    says
}

fn differences(
    old: &BTreeMap<String, Says>,
    new: &BTreeMap<String, Says>,
    found: &mut Vec<Change>,
    named: &dyn Fn(&str) -> String,
    used: &dyn Fn(&str) -> bool,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let what = match (old.get(name), new.get(name)) {
            (Some(before), Some(now)) if before == now => continue,
            (Some(before), Some(now)) => keywords(before, now),
            (None, Some(now)) => {
                let required = now.get("required").is_some_and(|required| required == "true");
                if required { "added, required" } else { "added" }.to_owned()
            }
            (_, None) => "removed".to_owned(),
        };
        found.push(Change { place: named(name), what, used: used(name), breaks: "" });
    }
}

fn keywords(before: &Says, now: &Says) -> String {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let short = |text: Option<&String>| match text {
        Some(text) if text.chars().count() > 60 => format!("{}…", text.chars().take(60).collect::<String>()),
        Some(text) => text.clone(),
        None => "not said".to_owned(),
    };
    let differ = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
    let told: Vec<String> = differ
        .map(|name| format!("{name} {} -> {}", short(before.get(name)), short(now.get(name))))
        .collect();
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_touched_by_what_it_holds_and_what_holds_it() {
        let used = BTreeSet::from(["lines[].sku".to_owned(), "customer".to_owned()]);
        for name in ["", "lines", "lines[]", "lines[].sku", "customer", "customer.email"] {
            assert!(touches(&used, name), "{name}");
        }
        for name in ["line", "lines[].skus", "lines[].price", "amount"] {
            assert!(!touches(&used, name), "{name}");
        }
        assert!(!touches(&BTreeSet::new(), ""));
    }
}

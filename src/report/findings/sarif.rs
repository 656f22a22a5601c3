//! Findings as a SARIF 2.1.0 log (OASIS), with the pages of `eczflow explain` as help and with fixes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{fitting, positions, severity_word};
use crate::diagnostics::{Code, Diagnostic, Fix};
use crate::report::pages::find_page;
use crate::report::shown::harmless_json;
use crate::source::{SourceMap, Span};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The results of one run, and the codes that occur in them.
#[derive(Debug, Default)]
pub(super) struct Results {
    rules: Vec<&'static Code>,
    results: Vec<Value>,
}

impl Results {
    /// Adds a finding.
    pub(super) fn add(&mut self, map: &SourceMap, finding: &Diagnostic) {
        let known = self.rules.iter().position(|code| code.number == finding.code.number);
        let index = known.unwrap_or_else(|| {
            self.rules.push(finding.code);
            self.rules.len() - 1
        });
        let mut lines = vec![finding.message.clone()];
        lines.extend(finding.notes.iter().map(|note| format!("note: {note}")));
        lines.extend(finding.help.iter().map(|help| format!("help: {help}")));
        let mut result = json!({
            "ruleId": finding.code.number,
            "ruleIndex": index,
            "level": severity_word(finding.severity),
            "message": { "text": lines.join("\n") },
        });
        let (mut locations, mut related) = (Vec::new(), Vec::new());
        for label in &finding.labels {
            let Some(place) = physical(map, label.span) else { continue };
            let mut location = json!({ "physicalLocation": place });
            if !label.message.is_empty() {
                put(&mut location, "message", json!({ "text": label.message }));
            }
            if label.primary {
                locations.push(location);
            } else {
                put(&mut location, "id", related.len().into());
                related.push(location);
            }
        }
        put(&mut result, "locations", locations.into());
        if !related.is_empty() {
            put(&mut result, "relatedLocations", related.into());
        }
        if let Some(fix) = finding.fix.as_ref().and_then(|fix| written(map, fix)) {
            put(&mut result, "fixes", json!([fix]));
        }
        self.results.push(result);
    }

    /// The log.
    pub(super) fn finish(self) -> String {
        let rules: Vec<Value> = self.rules.iter().map(|code| rule(code)).collect();
        let driver =
            json!({ "name": "eczflow", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules });
        let log = json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": driver },
                // Columns count characters as everywhere else here, not UTF-16 units.
                "columnKind": "unicodeCodePoints",
                "results": self.results,
            }],
        });
        harmless_json(&serde_json::to_string_pretty(&log).unwrap_or_default()) + "\n"
    }
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// A code with its page.
fn rule(code: &Code) -> Value {
    let level = severity_word(code.severity);
    let mut rule =
        json!({ "id": code.number, "name": code.name, "defaultConfiguration": { "level": level } });
    if let Ok(page) = find_page(code.number) {
        let body = page.text.split_once('\n').map_or("", |(_, body)| body).trim_start();
        let first = body.split("\n\n").next().unwrap_or("").replace('\n', " ");
        put(&mut rule, "shortDescription", json!({ "text": first }));
        put(&mut rule, "help", json!({ "text": page.text, "markdown": page.text }));
    }
    rule
}

/// A place; nothing where its file is not in the map.
fn physical(map: &SourceMap, span: Span) -> Option<Value> {
    let name = map.file(span.file)?.name();
    Some(json!({ "artifactLocation": { "uri": uri(name) }, "region": region(map, span)? }))
}

fn region(map: &SourceMap, span: Span) -> Option<Value> {
    let [(line, column), (end_line, end_column)] = positions(map, fitting(map, span)?);
    Some(json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column }))
}

fn written(map: &SourceMap, fix: &Fix) -> Option<Value> {
    let mut changes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (span, text) in &fix.edits {
        let replacement =
            json!({ "deletedRegion": region(map, *span)?, "insertedContent": { "text": text } });
        changes.entry(map.file(span.file)?.name()).or_default().push(replacement);
    }
    let changes: Vec<Value> = changes
        .into_iter()
        .map(|(file, replacements)| {
            json!({ "artifactLocation": { "uri": uri(file) }, "replacements": replacements })
        })
        .collect();
    Some(json!({ "description": { "text": fix.title }, "artifactChanges": changes }))
}

/// A path as a URI reference (RFC 3986): as the user wrote it, relative where it was, without a leading `./`.
fn uri(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    // A colon in the first part of a relative path would be taken for a scheme's.
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uri_references() {
        for (path, expected) in [
            ("a/b.eczflow", "a/b.eczflow"),
            ("./a.eczflow", "a.eczflow"),
            ("/x/ä b.eczflow", "file:///x/%C3%A4%20b.eczflow"),
            ("c:d#e%.eczflow", "c%3Ad%23e%25.eczflow"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}

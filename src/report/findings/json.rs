//! Findings as one JSON object: `docs/formats/findings.schema.json`. Version 1 is frozen: members are only ever added.

use serde::Serialize;

use super::{fitting, positions, severity_word};
use crate::diagnostics::{Diagnostic, Severity};
use crate::report::shown::harmless_json;
use crate::source::{SourceMap, Span};

/// The object.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: u32,
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
}

#[derive(Debug, Serialize)]
struct Finding {
    code: &'static str,
    name: &'static str,
    severity: &'static str,
    message: String,
    labels: Vec<Label>,
    notes: Vec<String>,
    help: Option<String>,
    fix: Option<Fix>,
}

#[derive(Debug, Serialize)]
struct Label {
    primary: bool,
    message: String,
    #[serde(flatten)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct Place {
    file: String,
    start: Position,
    end: Position,
}

/// Line and column from 1, the column in characters; the byte from 0.
#[derive(Debug, Serialize)]
struct Position {
    line: usize,
    column: usize,
    byte: usize,
}

#[derive(Debug, Serialize)]
struct Fix {
    title: String,
    edits: Vec<Edit>,
}

#[derive(Debug, Serialize)]
struct Edit {
    text: String,
    #[serde(flatten)]
    place: Place,
}

impl Default for Report {
    fn default() -> Report {
        Report { version: 1, findings: Vec::new(), errors: 0, warnings: 0 }
    }
}

impl Report {
    /// Adds a finding.
    pub(super) fn add(&mut self, map: &SourceMap, finding: &Diagnostic) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        let labels = finding.labels.iter().map(|label| Label {
            primary: label.primary,
            message: label.message.clone(),
            place: place(map, label.span),
        });
        let fix = finding.fix.as_ref().map(|fix| Fix {
            title: fix.title.clone(),
            edits: fix
                .edits
                .iter()
                .map(|(span, text)| Edit { text: text.clone(), place: place(map, *span) })
                .collect(),
        });
        self.findings.push(Finding {
            code: finding.code.number,
            name: finding.code.name,
            severity: severity_word(finding.severity),
            message: finding.message.clone(),
            labels: labels.collect(),
            notes: finding.notes.clone(),
            help: finding.help.clone(),
            fix,
        });
    }

    /// The text.
    pub(super) fn finish(&self) -> String {
        harmless_json(&serde_json::to_string_pretty(self).unwrap_or_default()) + "\n"
    }
}

fn place(map: &SourceMap, span: Span) -> Place {
    let span = fitting(map, span).unwrap_or(span);
    let file = map.file(span.file).map_or("?", |file| file.name()).to_owned();
    let [start, end] = positions(map, span);
    let position = |(line, column), byte| Position { line, column, byte };
    Place { file, start: position(start, span.start), end: position(end, span.end) }
}

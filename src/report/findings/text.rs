//! Findings drawn with their source, and as one line each.

use codespan_reporting::diagnostic as drawn;
use codespan_reporting::files::Files as _;
use codespan_reporting::term::{self, Config, DisplayStyle, StylesWriter, termcolor::Ansi};

use super::{fitting, severity_word, shown_places};
use crate::diagnostics::{Diagnostic, Severity};
use crate::report::shown::{Shown, harmless, harmless_line};
use crate::source::{SourceMap, Span};

/// Lines longer than this are not drawn (a document may be one line); their places are named instead.
const LINE_BYTES: usize = 400;
/// What is shown of such a line's place, characters.
const EXCERPT: usize = 60;

/// `FILE:LINE:COLUMN`.
fn place(map: &SourceMap, span: Span) -> String {
    let (line, column) = map.line_column(span);
    let name = map.file(span.file).map_or("?", |file| file.name());
    format!("{}:{line}:{column}", harmless_line(name))
}

fn has_long_line(map: &SourceMap, span: Span) -> bool {
    [span.start, span.end].into_iter().any(|byte| {
        map.line_index(span.file, byte)
            .and_then(|line| map.line_range(span.file, line))
            .is_ok_and(|range| range.len() > LINE_BYTES)
    })
}

/// Drawn, with ANSI colours.
pub(super) fn drawn(map: &SourceMap, finding: &Diagnostic) -> String {
    let severity = match finding.severity {
        Severity::Error => drawn::Severity::Error,
        Severity::Warning => drawn::Severity::Warning,
    };
    let mut labels = Vec::new();
    let mut notes = Vec::new();
    let (places, left) = shown_places(finding);
    for label in places {
        let message = harmless_line(&label.message);
        match fitting(map, label.span) {
            Some(span) if !has_long_line(map, span) => {
                let style =
                    if label.primary { drawn::LabelStyle::Primary } else { drawn::LabelStyle::Secondary };
                labels.push(drawn::Label::new(style, span.file, span.range()).with_message(message));
            }
            Some(span) => {
                let excerpt: String = harmless_line(map.slice(span)).chars().take(EXCERPT).collect();
                let words = if message.is_empty() { String::new() } else { format!(": {message}") };
                notes.push(format!("at {}: `{excerpt}`{words}", place(map, span)));
            }
            None => {}
        }
    }
    notes.extend(left);
    notes.extend(finding.notes.iter().map(|note| format!("note: {}", harmless(note))));
    notes.extend(finding.help.iter().map(|help| format!("help: {}", harmless(help))));
    if let Some(fix) = &finding.fix {
        let mut lines = vec![format!("fix: {}", harmless(&fix.title))];
        for (span, new) in &fix.edits {
            // Of whole lines that go, what stands on them.
            let text = map.slice(*span);
            let old = text.strip_suffix('\n').map_or(text, str::trim);
            let indent = text.strip_suffix('\n').map_or(0, |line| line.len() - line.trim_start().len());
            let span = Span { start: span.start + indent, ..*span };
            let (at, old, new) = (place(map, span), harmless_line(old), harmless_line(new));
            lines.push(match (old.is_empty(), new.is_empty()) {
                (true, _) => format!("at {at}: insert `{new}`"),
                (_, true) => format!("at {at}: remove `{old}`"),
                _ => format!("at {at}: `{new}` for `{old}`"),
            });
        }
        notes.push(lines.join("\n"));
    }
    let diagnostic = drawn::Diagnostic::new(severity)
        .with_code(finding.code.number)
        .with_message(harmless_line(&finding.message))
        .with_labels(labels)
        .with_notes(notes);
    let files = Shown::new(map, finding.labels.iter().map(|label| label.span.file));
    let config = Config { display_style: DisplayStyle::Rich, ..Config::default() };
    let styles = term::Styles::default();
    let mut ansi = Ansi::new(Vec::new());
    let mut writer = StylesWriter::new(&mut ansi, &styles);
    match term::emit_to_write_style(&mut writer, &config, &files, &diagnostic) {
        Ok(()) => String::from_utf8_lossy(&ansi.into_inner()).into_owned(),
        Err(_) => line(map, finding),
    }
}

/// One line.
pub(super) fn line(map: &SourceMap, finding: &Diagnostic) -> String {
    format!(
        "{}: {}[{}] {}: {}\n",
        place(map, finding.span()),
        severity_word(finding.severity),
        finding.code.number,
        finding.code.name,
        harmless_line(&finding.message)
    )
}

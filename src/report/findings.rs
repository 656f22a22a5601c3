//! Findings drawn as text, as one line each, and as JSON.

use codespan_reporting::diagnostic as drawn;
use codespan_reporting::files::Files as _;
use codespan_reporting::term::{self, Config, DisplayStyle, StylesWriter, termcolor::Ansi};
use serde::Serialize;

use super::shown::{Shown, harmless, harmless_line};
use crate::diagnostics::{Diagnostic, Severity};
use crate::source::{SourceMap, Span};

/// Lines longer than this are not drawn (a document may be one line); their places are named instead.
const LINE_BYTES: usize = 400;
/// What is shown of such a line's place, characters.
const EXCERPT: usize = 60;

/// Findings drawn with their source; each drawing reads the whole text again, so those after it are told in a line each.
const DRAWN: usize = 100;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Drawn with the source, for people.
    Text,
    /// `FILE:LINE:COLUMN: SEVERITY[CODE] NAME: MESSAGE`, one line each.
    Concise,
    /// One JSON object, version 1.
    Json,
}

/// The findings in a format, with ANSI colours where the format has any; ends with a new line unless empty.
pub fn findings(map: &SourceMap, findings: &[Diagnostic], format: Format) -> String {
    match format {
        Format::Text => {
            let (drawn, rest) = findings.split_at(findings.len().min(DRAWN));
            let drawn = drawn.iter().map(|finding| text(map, finding));
            drawn.chain(rest.iter().map(|finding| concise(map, finding))).collect()
        }
        Format::Concise => findings.iter().map(|finding| concise(map, finding)).collect(),
        Format::Json => json(map, findings),
    }
}

/// `2 errors, 1 warning`; nothing where nothing was found.
pub fn summary(findings: &[Diagnostic]) -> Option<String> {
    let (errors, warnings) = counts(findings);
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => None,
        (errors, 0) => Some(plural(errors, "error")),
        (0, warnings) => Some(plural(warnings, "warning")),
        (errors, warnings) => Some(format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"))),
    }
}

/// How many of a flow's handoffs go to parties without a passport; nothing where none does.
pub fn unverified(without: usize, handoffs: usize) -> Option<String> {
    let plural = |count: usize, one: &'static str, many: &'static str| if count == 1 { one } else { many };
    (without > 0).then(|| {
        format!(
            "{without} of {handoffs} {} {} to {} without a passport: nothing of them is verified",
            plural(handoffs, "handoff", "handoffs"),
            plural(without, "is", "are"),
            plural(without, "a party", "parties"),
        )
    })
}

/// Where to read on: one `eczflow explain` for each code that occurs, at most three.
pub fn further_reading(findings: &[Diagnostic]) -> Option<String> {
    let mut codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_by_key(|code| (code.severity, code.number));
    codes.dedup();
    let listed: Vec<_> = codes
        .iter()
        .take(3)
        .map(|code| format!("`eczflow explain {}` ({})", code.number, code.name))
        .collect();
    (!listed.is_empty()).then(|| format!("read on with {}", listed.join(", ")))
}

fn counts(findings: &[Diagnostic]) -> (usize, usize) {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    (errors, findings.len() - errors)
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `FILE:LINE:COLUMN`.
fn place(map: &SourceMap, span: Span) -> String {
    let (line, column) = map.line_column(span);
    let name = map.file(span.file).map_or("?", |file| file.name());
    format!("{}:{line}:{column}", harmless_line(name))
}

/// The span cut to its file's text and to whole characters; `None` where the file is not in the map.
fn fitting(map: &SourceMap, span: Span) -> Option<Span> {
    let text = map.file(span.file)?.text();
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    Some(Span::new(span.file, start, end))
}

fn has_long_line(map: &SourceMap, span: Span) -> bool {
    [span.start, span.end].into_iter().any(|byte| {
        map.line_index(span.file, byte)
            .and_then(|line| map.line_range(span.file, line))
            .is_ok_and(|range| range.len() > LINE_BYTES)
    })
}

fn text(map: &SourceMap, finding: &Diagnostic) -> String {
    let severity = match finding.severity {
        Severity::Error => drawn::Severity::Error,
        Severity::Warning => drawn::Severity::Warning,
    };
    let mut labels = Vec::new();
    let mut notes = Vec::new();
    for label in &finding.labels {
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
    notes.extend(finding.notes.iter().map(|note| format!("note: {}", harmless(note))));
    notes.extend(finding.help.iter().map(|help| format!("help: {}", harmless(help))));
    if let Some(fix) = &finding.fix {
        let mut lines = vec![format!("fix: {}", harmless(&fix.title))];
        for (span, new) in &fix.edits {
            let (at, old, new) = (place(map, *span), harmless_line(map.slice(*span)), harmless_line(new));
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
        Err(_) => concise(map, finding),
    }
}

fn concise(map: &SourceMap, finding: &Diagnostic) -> String {
    format!(
        "{}: {}[{}] {}: {}\n",
        place(map, finding.span()),
        severity_word(finding.severity),
        finding.code.number,
        finding.code.name,
        harmless_line(&finding.message)
    )
}

/// The findings' JSON form, version 1: members are only ever added.
#[derive(Serialize)]
struct JsonReport<'a> {
    version: u32,
    findings: Vec<JsonFinding<'a>>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    code: &'a str,
    name: &'a str,
    severity: &'a str,
    message: &'a str,
    labels: Vec<JsonLabel<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
    fix: Option<JsonFix<'a>>,
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    primary: bool,
    message: &'a str,
    #[serde(flatten)]
    place: JsonPlace<'a>,
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    start: JsonPosition,
    end: JsonPosition,
}

/// Line and column from 1, the column in characters; the byte from 0.
#[derive(Serialize)]
struct JsonPosition {
    line: usize,
    column: usize,
    byte: usize,
}

#[derive(Serialize)]
struct JsonFix<'a> {
    title: &'a str,
    edits: Vec<JsonEdit<'a>>,
}

#[derive(Serialize)]
struct JsonEdit<'a> {
    text: &'a str,
    #[serde(flatten)]
    place: JsonPlace<'a>,
}

fn json(map: &SourceMap, findings: &[Diagnostic]) -> String {
    let place = |span: Span| {
        let position = |byte: usize| {
            let (line, column) = map.line_column(Span::new(span.file, byte, byte));
            JsonPosition { line, column, byte }
        };
        let file = map.file(span.file).map_or("?", |file| file.name());
        JsonPlace { file, start: position(span.start), end: position(span.end) }
    };
    let (errors, warnings) = counts(findings);
    let report = JsonReport {
        version: 1,
        findings: findings
            .iter()
            .map(|finding| JsonFinding {
                code: finding.code.number,
                name: finding.code.name,
                severity: severity_word(finding.severity),
                message: &finding.message,
                labels: finding
                    .labels
                    .iter()
                    .map(|label| JsonLabel {
                        primary: label.primary,
                        message: &label.message,
                        place: place(label.span),
                    })
                    .collect(),
                notes: &finding.notes,
                help: finding.help.as_deref(),
                fix: finding.fix.as_ref().map(|fix| JsonFix {
                    title: &fix.title,
                    edits: fix
                        .edits
                        .iter()
                        .map(|(span, text)| JsonEdit { text, place: place(*span) })
                        .collect(),
                }),
            })
            .collect(),
        errors,
        warnings,
    };
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Code;

    static BROKEN: Code = Code::error("EF9998", "broken-thing");
    static ODD: Code = Code::warning("EF9999", "odd-thing");

    fn case() -> (SourceMap, Vec<Diagnostic>) {
        let mut map = SourceMap::default();
        let flow = map.add("a.eczflow", "step x = support.getTiket()\n");
        let document = map.add("api.json", format!("{{{}\"getTicket\": {{}}}}", " ".repeat(1000)));
        let finding = Diagnostic::new(&BROKEN, Span::new(flow, 17, 25), "no operation `getTiket`")
            .at("not in the document")
            .and(Span::new(document, 1001, 1012), "this one is near")
            .note("operations are named by their `operationId`")
            .help("write `getTicket`")
            .fix("write `getTicket`", vec![(Span::new(flow, 17, 25), "getTicket".into())]);
        (map, vec![finding, Diagnostic::new(&ODD, Span::new(flow, 5, 6), "`x` is\u{1b}[2J not used")])
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn text_shows_both_sides_and_says_what_to_do() {
        let (map, list) = case();
        let drawn = plain(&findings(&map, &list, Format::Text));
        insta::assert_snapshot!(drawn, @r##"
        error[EF9998]: no operation `getTiket`
          ┌─ a.eczflow:1:18
          │
        1 │ step x = support.getTiket()
          │                  ^^^^^^^^ not in the document
          │
          = at api.json:1:1002: `"getTicket"`: this one is near
          = note: operations are named by their `operationId`
          = help: write `getTicket`
          = fix: write `getTicket`
            at a.eczflow:1:18: `getTicket` for `getTiket`

        warning[EF9999]: `x` is?[2J not used
          ┌─ a.eczflow:1:6
          │
        1 │ step x = support.getTiket()
          │      ^
        "##);
    }

    #[test]
    fn concise_is_one_harmless_line_each() {
        let (map, list) = case();
        let lines = findings(&map, &list, Format::Concise);
        assert_eq!(
            lines,
            "a.eczflow:1:18: error[EF9998] broken-thing: no operation `getTiket`\n\
             a.eczflow:1:6: warning[EF9999] odd-thing: `x` is?[2J not used\n"
        );
    }

    #[test]
    fn json_counts_and_places() {
        let (map, list) = case();
        let value: serde_json::Value = serde_json::from_str(&findings(&map, &list, Format::Json)).unwrap();
        assert_eq!(
            (&value["version"], &value["errors"], &value["warnings"]),
            (&1.into(), &1.into(), &1.into())
        );
        assert_eq!(value["findings"][0]["labels"][1]["file"], "api.json");
        assert_eq!(value["findings"][0]["fix"]["edits"][0]["text"], "getTicket");
        assert_eq!(value["findings"][0]["labels"][0]["start"]["column"], 18);
    }

    #[test]
    fn spans_that_fit_nothing_are_cut_not_fatal() {
        let mut map = SourceMap::default();
        let file = map.add("é.eczflow", "é");
        for (start, end) in [(1, 1), (0, 99), (50, 60), (1, 0)] {
            let finding = Diagnostic::new(&BROKEN, Span::new(file, start, end), "m");
            assert!(plain(&findings(&map, &[finding], Format::Text)).contains("error[EF9998]: m"));
        }
    }

    #[test]
    fn after_many_drawings_come_lines() {
        let (map, list) = case();
        let odd = list[1].clone();
        let many: Vec<Diagnostic> = std::iter::repeat_n(odd, DRAWN + 2).collect();
        let shown = plain(&findings(&map, &many, Format::Text));
        assert_eq!(shown.matches("a.eczflow:1:6: warning[EF9999]").count(), 2, "{shown}");
        assert_eq!(shown.matches("EF9999").count(), DRAWN + 2);
    }

    #[test]
    fn summaries_count() {
        let (_, list) = case();
        assert_eq!(summary(&list).as_deref(), Some("1 error, 1 warning"));
        assert_eq!(summary(&[]), None);
        assert_eq!(
            further_reading(&list).unwrap(),
            "read on with `eczflow explain EF9998` (broken-thing), `eczflow explain EF9999` (odd-thing)"
        );
    }
}

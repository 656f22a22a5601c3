//! Findings as text for people and as data for other programs.

mod github;
mod json;
mod sarif;
mod text;

use crate::diagnostics::{Diagnostic, Label, Severity};
use crate::source::{SourceMap, Span};

/// Findings drawn with their source; each drawing reads the whole text again, so those after it are told in a line each.
const DRAWN: usize = 100;
/// Other places of one finding that people are shown; programs have them all.
const PLACES: usize = 12;

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Drawn with the source, for people.
    Text,
    /// `FILE:LINE:COLUMN: SEVERITY[CODE] NAME: MESSAGE`, one line each.
    Concise,
    /// One JSON object, version 1.
    Json,
    /// One SARIF 2.1.0 log.
    Sarif,
    /// Workflow commands of GitHub Actions, one line each.
    Github,
}

/// Findings of several files, each written as soon as the format allows.
#[derive(Debug)]
pub struct Findings {
    format: Format,
    json: json::Report,
    sarif: sarif::Results,
}

impl Findings {
    /// None yet.
    pub fn new(format: Format) -> Findings {
        Findings { format, json: json::Report::default(), sarif: sarif::Results::default() }
    }

    /// Adds the findings of one compilation; answers what can be written of them already, with ANSI colours where the
    /// format has any. It ends with a new line unless empty.
    pub fn add(&mut self, map: &SourceMap, findings: &[Diagnostic]) -> String {
        match self.format {
            Format::Text => {
                let (drawn, rest) = findings.split_at(findings.len().min(DRAWN));
                let drawn = drawn.iter().map(|finding| text::drawn(map, finding));
                drawn.chain(rest.iter().map(|finding| text::line(map, finding))).collect()
            }
            Format::Concise => findings.iter().map(|finding| text::line(map, finding)).collect(),
            Format::Github => findings.iter().map(|finding| github::command(map, finding)).collect(),
            Format::Json => {
                findings.iter().for_each(|finding| self.json.add(map, finding));
                String::new()
            }
            Format::Sarif => {
                findings.iter().for_each(|finding| self.sarif.add(map, finding));
                String::new()
            }
        }
    }

    /// What stands at the end: the whole of a format that is one object.
    pub fn finish(self) -> String {
        match self.format {
            Format::Text | Format::Concise | Format::Github => String::new(),
            Format::Json => self.json.finish(),
            Format::Sarif => self.sarif.finish(),
        }
    }
}

/// The places of a finding that people are shown, and the words for those that are left.
fn shown_places(finding: &Diagnostic) -> (&[Label], Option<String>) {
    let (shown, left) = finding.labels.split_at(finding.labels.len().min(PLACES + 1));
    let words = match left.len() {
        0 => None,
        1 => Some("note: one more place; `--format json` has it".to_owned()),
        more => Some(format!("note: {more} more places; `--format json` has them")),
    };
    (shown, words)
}

/// The findings of one compilation in a format.
pub fn findings(map: &SourceMap, findings: &[Diagnostic], format: Format) -> String {
    let mut all = Findings::new(format);
    let begun = all.add(map, findings);
    begun + &all.finish()
}

/// `2 errors, 1 warning`; nothing where nothing was found.
pub fn summary(findings: &[Diagnostic]) -> Option<String> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
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

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The span cut to its file's text and to whole characters; `None` where the file is not in the map.
fn fitting(map: &SourceMap, span: Span) -> Option<Span> {
    let text = map.file(span.file)?.text();
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    Some(Span::new(span.file, start, end))
}

/// Line and column of both ends of a span, from 1; columns count characters.
fn positions(map: &SourceMap, span: Span) -> [(usize, usize); 2] {
    [span.start, span.end].map(|byte| map.line_column(Span::new(span.file, byte, byte)))
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
    fn of_many_places_people_are_shown_the_first() {
        let (map, list) = case();
        let place = list[1].span();
        let many = (0..PLACES + 3).fold(list[1].clone(), |found, _| found.and(place, "too"));
        for format in [Format::Text, Format::Github] {
            let shown = plain(&findings(&map, std::slice::from_ref(&many), format));
            assert_eq!(shown.matches("too").count(), PLACES, "{shown}");
            assert!(shown.contains("note: 3 more places; `--format json` has them"), "{shown}");
        }
        for format in [Format::Json, Format::Sarif] {
            let all = findings(&map, std::slice::from_ref(&many), format);
            assert_eq!(all.matches("\"too\"").count(), PLACES + 3);
        }
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

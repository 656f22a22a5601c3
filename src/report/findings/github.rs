//! Findings as workflow commands of GitHub Actions, which shows them at their lines:
//! `::error file=F,line=L,endLine=L,col=C,endColumn=C,title=T::MESSAGE`.

use super::{fitting, positions, severity_word, shown_places};
use crate::diagnostics::Diagnostic;
use crate::report::shown::harmless;
use crate::source::SourceMap;

/// One line: the finding at its primary place, with its other places, notes and help as lines of the message.
pub(super) fn command(map: &SourceMap, finding: &Diagnostic) -> String {
    let mut properties = Vec::new();
    let span = finding.span();
    if let (Some(file), Some(span)) = (map.file(span.file), fitting(map, span)) {
        let [start, end] = positions(map, span);
        properties.push(format!("file={}", property(file.name())));
        properties.push(format!("line={},endLine={}", start.0, end.0));
        // Columns are taken only where both are of one line.
        if start.0 == end.0 {
            properties.push(format!("col={},endColumn={}", start.1, end.1));
        }
    }
    let title = format!("{} {}", finding.code.number, finding.code.name);
    properties.push(format!("title={}", property(&title)));
    let mut lines = vec![finding.message.clone()];
    let (places, left) = shown_places(finding);
    for label in places.iter().filter(|label| !label.primary) {
        if let Some(file) = map.file(label.span.file) {
            let (line, column) = map.line_column(label.span);
            lines.push(format!("at {}:{line}:{column}: {}", file.name(), label.message));
        }
    }
    lines.extend(left);
    lines.extend(finding.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(finding.help.iter().map(|help| format!("help: {help}")));
    let severity = severity_word(finding.severity);
    format!("::{severity} {}::{}\n", properties.join(","), data(&lines.join("\n")))
}

/// What would end the line, and the sign that all escapes begin with. A carriage return is gone with what is harmful.
fn data(text: &str) -> String {
    harmless(text).replace('%', "%25").replace('\n', "%0A")
}

/// In a property colons and commas mean something too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Code;
    use crate::source::Span;

    static BROKEN: Code = Code::error("EF9998", "broken-thing");

    #[test]
    fn nothing_of_a_finding_ends_its_line_or_begins_a_command() {
        let mut map = SourceMap::default();
        let file = map.add("a,b:c%.eczflow", "flow é\nx\n");
        let finding = Diagnostic::new(&BROKEN, Span::new(file, 5, 7), "100 % odd\n::warning::no")
            .and(Span::new(file, 8, 9), "and here")
            .help("mend\r\nit");
        assert_eq!(
            command(&map, &finding),
            "::error file=a%2Cb%3Ac%25.eczflow,line=1,endLine=1,col=6,endColumn=7,title=EF9998 broken-thing\
             ::100 %25 odd%0A::warning::no%0Aat a,b:c%25.eczflow:2:1: and here%0Ahelp: mend?%0Ait\n"
        );
        let long = Diagnostic::new(&BROKEN, Span::new(file, 0, 9), "m");
        assert_eq!(
            command(&map, &long),
            "::error file=a%2Cb%3Ac%25.eczflow,line=1,endLine=2,title=EF9998 broken-thing::m\n"
        );
    }
}

//! `allow(NAME)`: which warnings are not told, and whether each of them has something to silence.

use crate::base::did_you_mean;
use crate::diagnostics::codes::{self, style};
use crate::diagnostics::{Diagnostic, Severity, Sink};
use crate::source::{FileId, Span};
use crate::syntax::ast::{Allow, Name};

/// Takes away the warnings that are allowed, and adds what is wrong with each `allow`. That one silences nothing is judged
/// in the file `judged`, which was checked as a whole.
pub(super) fn silence(
    allows: &[Allow],
    judged: Option<FileId>,
    findings: Vec<Diagnostic>,
) -> Vec<Diagnostic> {
    if allows.is_empty() {
        return findings;
    }
    let named = allows.iter().flat_map(|allow| allow.names.iter().map(move |name| (allow, name)));
    let named: Vec<(&Allow, &Name, &str)> =
        named.map(|(allow, name)| (allow, name, meant(name).unwrap_or(&name.text))).collect();
    let silences = |allow: &Allow, name: &str, finding: &Diagnostic| {
        finding.severity == Severity::Warning && finding.code.name == name && lies_in(allow.scope, finding)
    };
    let mut told: Vec<Diagnostic> = named.iter().filter_map(|(_, name, _)| refused(name)).collect();
    // An error hides what else is found, so nothing can be said about what was silenced.
    let whole = !findings.iter().chain(&told).any(|finding| finding.severity == Severity::Error);
    if let Some(file) = judged.filter(|_| whole) {
        for (allow, name, silenced) in named.iter().filter(|(allow, ..)| allow.span.file == file) {
            if !findings.iter().any(|finding| silences(allow, silenced, finding)) {
                told.push(unused(allow, name));
            }
        }
    }
    let kept = |finding: &Diagnostic| !named.iter().any(|(allow, _, name)| silences(allow, name, finding));
    let mut sink = Sink::default();
    told.into_iter().chain(findings.into_iter().filter(kept)).for_each(|finding| sink.push(finding));
    sink.into_sorted()
}

/// Whether a finding's place in the allow's file lies in a scope. What is found in a document is judged by the place in the flow.
fn lies_in(scope: Span, finding: &Diagnostic) -> bool {
    let own = finding.labels.iter().find(|label| label.span.file == scope.file);
    own.is_some_and(|label| scope.start <= label.span.start && label.span.end <= scope.end)
}

/// The warning that a misspelt name means: what it should silence is not told beside the misspelling.
fn meant(name: &Name) -> Option<&'static str> {
    let known = codes::all();
    if known.iter().any(|code| code.name == name.text) {
        return None;
    }
    let warnings = known.into_iter().filter(|code| code.severity == Severity::Warning);
    did_you_mean(&name.text, warnings.map(|code| code.name))
}

fn refused(name: &Name) -> Option<Diagnostic> {
    let known = codes::all();
    match known.iter().find(|code| code.name == name.text) {
        Some(code) if code.severity == Severity::Warning => None,
        Some(code) => {
            let message = format!("`{}` is an error, and errors can't be silenced", name.text);
            Some(
                Diagnostic::new(&style::ALLOWED_ERROR, name.span, message)
                    .note("what it refuses has not been shown to hold, and nothing runs without that")
                    .help(format!("`eczflow explain {}` says how it is mended", code.number)),
            )
        }
        None => {
            let finding = Diagnostic::new(
                &style::UNKNOWN_RULE,
                name.span,
                format!("no rule is called `{}`", name.text),
            );
            Some(match meant(name) {
                Some(near) => finding.meant(name.span, &name.text, near, Some(near.to_owned())),
                None => finding.help("`eczflow explain` lists every rule with its name"),
            })
        }
    }
}

fn unused(allow: &Allow, name: &Name) -> Diagnostic {
    let message = format!("this `allow` silences nothing: there is no `{}` below it", name.text);
    let mut finding = Diagnostic::new(&style::UNUSED_ALLOW, name.span, message);
    finding = match allow.scope.start == allow.scope.end {
        true => finding
            .note("an `allow` holds for the declaration, setting or statement below it, and there is none"),
        false => finding.and(Span { end: allow.scope.start, ..allow.scope }, "it holds for what begins here"),
    };
    let finding = finding.help("remove it: left behind, it would silence what nobody has looked at");
    match allow.names.as_slice() {
        [_] => finding.fix("remove the `allow`", vec![(allow.span, String::new())]),
        _ => finding,
    }
}

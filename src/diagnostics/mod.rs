//! Findings as data: a diagnostic has a code, a message, labels on both sides, notes, help, and a fix where one is safe.
//!
//! May import: base, source. Draws nothing. Wording: lower case, one line, no final stop, user text in back-ticks.

pub mod codes;

use std::collections::BTreeMap;

use crate::base::meant;
use crate::source::Span;

/// A stable number and name of one finding. Numbers are never reused.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    /// `EF` and four digits.
    pub number: &'static str,
    /// Kebab-case, used to configure and to suppress.
    pub name: &'static str,
    /// What it is unless configured otherwise.
    pub severity: Severity,
}

impl Code {
    /// A code that stops compilation.
    pub const fn error(number: &'static str, name: &'static str) -> Code {
        Code { number, name, severity: Severity::Error }
    }

    /// A code that does not.
    pub const fn warning(number: &'static str, name: &'static str) -> Code {
        Code { number, name, severity: Severity::Warning }
    }
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is emitted or run.
    Error,
    /// Shown; compilation goes on.
    Warning,
}

/// A place with a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What stands there; may be empty.
    pub message: String,
    /// Whether it is the place the finding is about.
    pub primary: bool,
}

/// A replacement of text that mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, imperative.
    pub title: String,
    /// Replacements, none overlapping.
    pub edits: Vec<(Span, String)>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code.
    pub code: &'static Code,
    /// Its severity, as configured.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where; the primary label first.
    pub labels: Vec<Label>,
    /// Why.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// A change that mends it.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A finding at a place.
    pub fn new(code: &'static Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: code.severity,
            message: message.into(),
            labels: vec![Label { span, message: String::new(), primary: true }],
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Words at the primary place.
    #[must_use]
    pub fn at(mut self, message: impl Into<String>) -> Diagnostic {
        if let Some(label) = self.labels.first_mut() {
            label.message = message.into();
        }
        self
    }

    /// A second place.
    #[must_use]
    pub fn and(mut self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, message: message.into(), primary: false });
        self
    }

    /// A second place, where there is one.
    #[must_use]
    pub fn and_at(self, span: Option<Span>, message: impl Into<String>) -> Diagnostic {
        match span {
            Some(span) => self.and(span, message),
            None => self,
        }
    }

    /// Why.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// A change that mends it.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<(Span, String)>) -> Diagnostic {
        self.fix = Some(Fix { title: title.into(), edits });
        self
    }

    /// What may have been meant: the near word as help, and as it is spelled, as a change.
    #[must_use]
    pub fn meant(self, span: Span, name: &str, near: &str, spelled: Option<String>) -> Diagnostic {
        let found = self.help(meant(name, near));
        match spelled {
            Some(text) => found.fix(format!("write `{near}`"), vec![(span, text)]),
            None => found,
        }
    }

    /// The primary place.
    pub fn span(&self) -> Span {
        self.labels.first().map(|label| label.span).unwrap_or_default()
    }
}

/// Most findings of one code that are kept: a hostile text could have one at every byte. None keeps those of another code
/// from being told.
const MOST: usize = 10_000;

/// Collects findings.
#[derive(Debug, Default)]
pub struct Sink {
    findings: Vec<Diagnostic>,
    /// How many there were of each code.
    counts: BTreeMap<&'static str, usize>,
    errors: bool,
}

impl Sink {
    /// Adds a finding. Beyond 10,000 of its code they are only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors |= diagnostic.severity == Severity::Error;
        let count = self.counts.entry(diagnostic.code.number).or_default();
        *count += 1;
        if *count <= MOST {
            self.findings.push(diagnostic);
        }
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.errors
    }

    /// The findings as they came.
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// The findings in order of place, then code. What is said of a place is said once, whoever came upon it.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.findings.sort_by(|a, b| {
            (a.span(), a.code.number, &a.message).cmp(&(b.span(), b.code.number, &b.message))
        });
        let said = |found: &Diagnostic| (found.span(), found.code.number, found.message.clone());
        self.findings.dedup_by_key(|found| said(found));
        for (code, count) in self.counts.iter().filter(|(_, count)| **count > MOST) {
            if let Some(last) = self.findings.iter_mut().rev().find(|found| found.code.number == *code) {
                last.notes.push(format!("{} more of these are left out", count - MOST));
            }
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;

    #[test]
    fn many_warnings_hide_no_error() {
        let span = |at| Span::new(FileId::default(), at, at + 1);
        let mut sink = Sink::default();
        for at in 0..MOST + 5 {
            sink.push(Diagnostic::new(&codes::names::UNUSED_NAME, span(at), "unused"));
        }
        assert!(!sink.has_errors());
        sink.push(Diagnostic::new(&codes::documents::DANGLING_REFERENCE, span(0), "an error"));
        assert!(sink.has_errors());
        let told = sink.into_sorted();
        assert_eq!(told.len(), MOST + 1);
        assert_eq!(told.iter().filter(|found| found.severity == Severity::Error).count(), 1);
        assert_eq!(told.last().unwrap().notes, ["5 more of these are left out"]);
    }

    #[test]
    fn what_two_callers_come_upon_is_told_once() {
        let span = |at| Span::new(FileId::default(), at, at + 1);
        let found =
            |at, message: &str| Diagnostic::new(&codes::documents::DANGLING_REFERENCE, span(at), message);
        let mut sink = Sink::default();
        sink.push(found(5, "a").and(span(9), "called here"));
        sink.push(found(5, "b"));
        sink.push(found(7, "a"));
        sink.push(found(5, "a").and(span(2), "called here"));
        let told: Vec<_> =
            sink.into_sorted().into_iter().map(|one| (one.span().start, one.message)).collect();
        assert_eq!(told, [(5, "a".to_owned()), (5, "b".to_owned()), (7, "a".to_owned())]);
    }
}

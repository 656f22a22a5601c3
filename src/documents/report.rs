//! Findings of a reader.

use crate::diagnostics::{Code, Diagnostic, Sink};
use crate::source::{FileId, Span};

/// Reading cannot go on; what is wrong has been reported.
#[derive(Debug)]
pub(super) struct Stop;

/// Reports findings of a reader, and stops it where there are too many.
pub(super) struct Report<'s> {
    pub(super) file: FileId,
    sink: &'s mut Sink,
    count: usize,
}

/// A reader gives up after so many findings.
const MOST_FINDINGS: usize = 50;

impl<'s> Report<'s> {
    pub(super) fn new(file: FileId, sink: &'s mut Sink) -> Report<'s> {
        Report { file, sink, count: 0 }
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    /// Reports something the reader can go on after.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) -> Result<(), Stop> {
        self.sink.push(diagnostic);
        self.count += 1;
        if self.count >= MOST_FINDINGS { Err(Stop) } else { Ok(()) }
    }

    /// Reports something it cannot.
    pub(super) fn stop(&mut self, code: &'static Code, span: Span, message: impl Into<String>) -> Stop {
        self.sink.push(Diagnostic::new(code, span, message));
        self.count += 1;
        Stop
    }

    /// As [`Report::stop`], with what to do.
    pub(super) fn stop_and(
        &mut self,
        code: &'static Code,
        span: Span,
        message: impl Into<String>,
        help: &str,
    ) -> Stop {
        self.sink.push(Diagnostic::new(code, span, message).help(help));
        self.count += 1;
        Stop
    }

    pub(super) fn is_clean(&self) -> bool {
        self.count == 0
    }
}

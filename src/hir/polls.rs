//! `poll CALL until c every 5s at most 60`.

use super::flow::FlowLowering;
use super::nodes::Call;
use super::policies::BOUNDS;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{graph, retry};
use crate::plan::{Poll, ranges};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;

impl FlowLowering<'_, '_> {
    /// What is made again and again has no effect.
    pub(super) fn check_rounds(&mut self, keyword: Span, what: &str, call: &Call) {
        if call.is_safe() {
            return;
        }
        let message = format!("{what} would repeat the effect of `{}`", call.operation);
        self.sink.push(
            Diagnostic::new(&retry::POLLED_EFFECT, keyword, message)
                .note(format!("it is a {}", call.view.method))
                .help("take a call that only reads: GET, HEAD or OPTIONS"),
        );
    }

    /// A poll of a call; `None` where it has no bound, which is reported.
    pub(super) fn poll(
        &mut self,
        poll: &ast::Poll,
        name: &ast::Name,
        call: &Call,
        answer: &Type,
    ) -> Option<(Poll, Span)> {
        // It is asked of an answer that came: there, it is present.
        let before = self.scope.retype(&name.text, answer.clone());
        let until = self.condition(&poll.until).expr;
        if let Some(before) = before {
            self.scope.retype(&name.text, before);
        }
        let keyword = Span::new(poll.span.file, poll.span.start, poll.span.start + "poll".len());
        self.check_rounds(keyword, "a poll", call);
        let every = &poll.every;
        if !(1..=ranges::DELAY_MS).contains(&every.value) {
            let message = "the time between two polls is between 1ms and 1d";
            self.sink.push(Diagnostic::new(&retry::OUT_OF_RANGE, every.span, message).help(BOUNDS));
        }
        let Some(at_most) = &poll.at_most else {
            let message = "this poll has no bound: it would go on for as long as its condition is false";
            self.sink.push(
                Diagnostic::new(&graph::ENDLESS_POLL, keyword, message)
                    .help("say how often at the end: `at most 60`"),
            );
            return None;
        };
        if !(1..=ranges::POLLS).contains(&at_most.value) {
            let message = format!("`at most` of a poll is between 1 and {}", ranges::POLLS);
            self.sink.push(Diagnostic::new(&retry::OUT_OF_RANGE, at_most.span, message).help(BOUNDS));
        }
        let (every_ms, at_most) = (every.value, at_most.value);
        Some((Poll { until, every_ms, at_most }, poll.span))
    }
}

//! `reconcile api.op(…) when c absent after d`.

use super::calls::Answering;
use super::flow::FlowLowering;
use super::nodes::{Call, Reconcile};
use super::policies::BOUNDS;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{retry, types as codes};
use crate::plan::{ranges, reads_back};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;

/// A read with its clause.
pub(super) type Read<'a> = (&'a ast::Reconcile, Answering);

impl FlowLowering<'_, '_> {
    /// The read: it sees what the step's own call sees, so it is bound before the step's name is.
    pub(super) fn read<'a>(&mut self, written: &'a ast::Reconcile, name: &ast::Name) -> Option<Read<'a>> {
        self.node = format!("{}/reconcile", name.text);
        let read = self.call(&written.call, None, written.retry.as_ref(), written.handoff.as_ref());
        self.node.clone_from(&name.text);
        Some((written, read?))
    }

    /// What is read stands for the answer of a step's call.
    pub(super) fn reconcile(
        &mut self,
        written: &ast::Reconcile,
        name: &ast::Name,
        call: &Call,
        answer: &Type,
        read: Answering,
    ) -> Option<Reconcile> {
        let keyword =
            Span::new(written.span.file, written.span.start, written.span.start + "reconcile".len());
        let before = self.scope.retype(&name.text, read.value.clone());
        let when = self.condition(&written.when).expr;
        if let Some(before) = before {
            self.scope.retype(&name.text, before);
        }
        if call.is_safe() {
            let message = format!("`{}` only reads, so there is no outcome to read back", call.operation);
            self.sink.push(
                Diagnostic::new(&retry::NEEDLESS_RECONCILE, keyword, message)
                    .note(format!("it is a {}", call.view.method))
                    .help("leave `reconcile` out: a safe call is simply made again, as `retry` says"),
            );
        }
        if !read.call.is_safe() {
            let message = format!("`{}` would have an effect itself", read.call.operation);
            self.sink.push(
                Diagnostic::new(&retry::RECONCILING_EFFECT, written.call.span, message)
                    .note(format!("it is a {}", read.call.view.method))
                    .help("read the outcome back with a GET, HEAD or OPTIONS"),
            );
        }
        if !reads_back(&read.value, answer) {
            let names = self.declared.type_names();
            let (found, wanted) = (names.show(&read.value), names.show(answer));
            let message = format!("what is read back does not stand for the answer of `{}`", name.text);
            self.sink.push(
                Diagnostic::new(&codes::TYPE_MISMATCH, written.call.span, message)
                    .at(format!("this is `{found}`"))
                    .and(call.span, format!("this answers `{wanted}`"))
                    .help("read it with an operation that answers the same"),
            );
        }
        if let Some(after) = &written.absent_after
            && !(1..=ranges::DELAY_MS).contains(&after.value)
        {
            let message = "`absent after` is between 1ms and 1d";
            self.sink.push(Diagnostic::new(&retry::OUT_OF_RANGE, after.span, message).help(BOUNDS));
        }
        let absent_after_ms = written.absent_after.as_ref().map(|after| after.value);
        Some(Reconcile { call: read.call, when, absent_after_ms })
    }
}

//! How a step is undone, or why it is not.

use super::flow::FlowLowering;
use super::nodes::Call;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::graph;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;

impl FlowLowering<'_, '_> {
    /// How a step, whose answer has a type, is undone, or why it is not.
    pub(super) fn compensation(
        &mut self,
        name: &ast::Name,
        answer: Type,
        undo: Option<&ast::Undo>,
        irreversible: Option<&ast::Irreversible>,
    ) -> (Option<Box<Call>>, Option<(String, Span)>) {
        if let (Some(undo), Some(irreversible)) = (undo, irreversible) {
            let message = "a step has an undo or is irreversible, not both";
            self.sink.push(
                Diagnostic::new(&graph::IRREVERSIBLE_NOT_LAST, irreversible.span, message)
                    .and(undo.span, "the undo stands here")
                    .help("keep the `undo` where what was done can be taken back, else the `irreversible`"),
            );
        }
        let undo = undo.and_then(|undo| {
            // An undo exists only where the step was done: there, its answer is present.
            let before = self.scope.retype(&name.text, answer);
            self.node = format!("{}/undo", name.text);
            self.scope.undoing = true;
            let call = self.call(&undo.call, None, undo.retry.as_ref(), undo.handoff.as_ref());
            self.scope.undoing = false;
            self.node.clone_from(&name.text);
            if let Some(before) = before {
                self.scope.retype(&name.text, before);
            }
            call.map(|answering| Box::new(answering.call))
        });
        (undo, irreversible.map(|clause| (clause.because.value.clone(), clause.span)))
    }
}

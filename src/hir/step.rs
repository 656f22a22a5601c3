//! Steps: a call with its clauses, and what stands for its answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calls::Answering;
use super::flow::FlowLowering;
use super::functions::StepAnswer;
use super::nodes::{NodeKind, Step};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;

impl FlowLowering<'_, '_> {
    pub(super) fn step(&mut self, step: &ast::Step) -> Option<NodeKind> {
        self.scope.unanswered = Some(step.name.text.clone());
        let kind = self.step_parts(step);
        self.scope.unanswered = None;
        kind
    }

    fn step_parts(&mut self, step: &ast::Step) -> Option<NodeKind> {
        let guard = self.guard(step.when.as_ref());
        let call = self.call(&step.call, Some(step), step.retry.as_ref(), step.handoff.as_ref());
        let Some(Answering { call, value: answer, beside: headers, pages }) = call else {
            let others = step.undo.iter().map(|undo| &undo.call);
            let others = others.chain(step.reconcile.iter().map(|read| &read.call));
            self.unbound.extend(others.map(|call| (call.api.text.clone(), call.operation.clone())));
            // The name stands for something, only nobody knows what.
            self.scope.define(&step.name, Type::Never, true, self.sink);
            return None;
        };
        let read = step.reconcile.as_ref().and_then(|written| self.read(written, &step.name));
        let mut on = Vec::new();
        for clause in &step.on {
            let message = self.message(&clause.message);
            on.push((clause.status.value, clause.status.span, message.expr));
        }
        // Reading without using the answer is most likely a mistake; an effect is wanted for itself.
        let needless = !call.is_safe();
        let refusals = self.matches.get(&step.name.text).cloned().unwrap_or_default();
        let maybe = step.when.is_some() || !refusals.is_empty();
        let ty = if maybe { answer.clone().optional() } else { answer.clone() };
        self.scope.define(&step.name, ty, needless, self.sink);
        if self.scope.first_place(&step.name.text) == Some(step.name.span) {
            let fails: BTreeMap<u16, Span> =
                step.on.iter().map(|on| (on.status.value, on.status.span)).collect();
            let reconciled = step.reconcile.is_some();
            let known = if maybe || !fails.is_empty() || reconciled {
                let guard = guard.as_ref().map(|(_, span)| *span);
                Arc::new(StepAnswer { refusals, fails, guard, reconciled, ..(*headers).clone() })
            } else {
                Arc::clone(&headers)
            };
            self.scope.answers(&step.name.text, known);
        }
        let reconcile =
            read.and_then(|(written, read)| self.reconcile(written, &step.name, &call, &answer, read));
        let poll = step.poll.as_ref().and_then(|poll| self.poll(poll, &step.name, &call, &answer));
        let (undo, irreversible) =
            self.compensation(&step.name, answer, step.undo.as_deref(), step.irreversible.as_ref());
        // How it is undone is not known: whether all can be is no question.
        if step.undo.is_some() && undo.is_none() {
            return None;
        }
        Some(NodeKind::Step(Box::new(Step {
            call,
            poll,
            pages: step.pages.as_ref().and_then(|written| Some((pages?, written.span))),
            reconcile: reconcile.map(Box::new),
            guard,
            on,
            undo,
            irreversible,
            headers: headers.headers.keys().cloned().collect(),
        })))
    }
}

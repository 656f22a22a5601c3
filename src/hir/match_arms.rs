//! `match x { 200 t => …, 404 => …, else => … }`: one arm for each way the step can end.

use std::collections::{BTreeMap, BTreeSet};

use super::expressions::{Lowering, Typed, widen};
use super::functions::StepAnswer;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{graph, names, types as codes};
use crate::expr::{Arm, Expr, Names};
use crate::plan::{ArmFault, arm_fault, unmatched};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Literal, Type};

impl Lowering<'_, '_> {
    pub(super) fn match_arms(
        &mut self,
        step: &ast::Name,
        arms: &[ast::MatchArm],
        span: Span,
        wanted: Option<&Type>,
    ) -> Typed {
        let Some(ty) = self.scope.look_up(step, self.sink) else { return self.poison(span) };
        let Some(answer) = self.scope.answer(&step.text) else {
            if ty != Type::Never {
                let message = format!("`{}` is not a step: only a step's answer can be matched", step.text);
                self.report(
                    Diagnostic::new(&names::WRONG_KIND, step.span, message)
                        .help("name the step itself; its body stands in the arm, as in `200 found => …`"),
                );
            }
            return self.poison(span);
        };
        self.answered_itself(&answer, step);
        self.check_arms(step, arms, &answer, span);
        let mut lowered: Vec<(&ast::MatchArm, Typed)> = Vec::new();
        for arm in arms {
            let wanted = wanted.cloned().or_else(|| lowered.first().map(|(_, first)| first.ty.clone()));
            let bound = arm.binding.as_ref().map(|name| {
                let body = arm.status.as_ref().map(|status| answer.body(status.value));
                let status = arm.status.as_ref().map(|status| status.value);
                let from = status.map(|status| Names::answer(self.scope, &step.text, status));
                self.scope.bind(name, body.unwrap_or(Type::Never), self.sink);
                self.scope.comes_from(&name.text, from.unwrap_or_default(), Literal::default());
            });
            lowered.push((arm, self.lower(&arm.value, wanted.as_ref())));
            if bound.is_some() {
                self.scope.unbind();
            }
        }
        let mut types = lowered.iter().map(|(_, typed)| typed.ty.clone());
        let first = types.next().unwrap_or(Type::Never);
        let ty = types.fold(first, |ty, other| Type::join(&ty, &other).capped());
        // Of an arm in which something was reported nobody knows what it gives.
        let ty = if lowered.iter().any(|(_, typed)| typed.ty == Type::Never) { Type::Never } else { ty };
        lowered.iter_mut().for_each(|(_, typed)| widen(typed, &ty));
        let literals = lowered.iter().map(|(_, typed)| typed.literal.clone());
        let literal = literals.fold(Literal::default(), Literal::or).of(&ty);
        let (mut found, mut otherwise) = (Vec::new(), None);
        for (arm, typed) in lowered {
            let variable = arm.binding.as_ref().map(|name| name.text.clone());
            match &arm.status {
                Some(status) => found.push(Arm { status: status.value, variable, value: typed.expr }),
                None => otherwise = Some(Box::new(typed.expr)),
            }
        }
        let expr = Expr::Match { of: step.text.clone(), arms: found, otherwise };
        Typed { expr, ty: if answer.guard.is_some() { ty.optional() } else { ty }, span, literal }
    }

    /// Reports arms that can never be taken, and ends of the step without one.
    fn check_arms(&mut self, step: &ast::Name, arms: &[ast::MatchArm], answer: &StepAnswer, span: Span) {
        let name = &step.text;
        let mut seen: BTreeMap<u16, Span> = BTreeMap::new();
        let mut rest: Option<Span> = None;
        for arm in arms {
            let status = arm.status.as_ref();
            let at = status.map_or(Span::new(arm.span.file, arm.span.start, arm.span.start + 4), |s| s.span);
            let word = status.map_or_else(|| "else".to_owned(), |status| status.value.to_string());
            let impossible = |message: String| Diagnostic::new(&graph::IMPOSSIBLE_ARM, at, message);
            if let Some(before) = rest {
                let message = "this arm is never taken: `else` before it takes everything".to_owned();
                self.report(impossible(message).and(before, "this `else`").help("make `else` the last arm"));
                continue;
            }
            let Some(status) = status else {
                rest = Some(arm.span);
                continue;
            };
            if let Some(before) = seen.insert(status.value, at) {
                let message = format!("this arm is never taken: {word} has one above");
                self.report(impossible(message).and(before, "the first one").help("remove one of them"));
                continue;
            }
            let fails = answer.fails.keys().copied().collect();
            let impossible = |why: String| impossible(format!("this arm is never taken: {why}"));
            self.report(match arm_fault(&answer.contract, &fails, status.value) {
                None => continue,
                Some(ArmFault::NoEnd) => impossible(format!("a {word} makes `{name}` fail"))
                    .note("arms are for successes, and for refusals: 400 to 499 but 408, 425 and 429")
                    .help("remove the arm; `retry` calls again, and `on … fail` says what failing with it means"),
                Some(ArmFault::Undocumented) => {
                    let known: Vec<String> =
                        answer.contract.responses.iter().map(|known| known.status.to_string()).collect();
                    impossible(format!("the operation of `{name}` does not document the status {word}"))
                        .note(format!("the operation of `{name}` documents {}", known.join(", ")))
                        .help("match what its document lists, or take the rest with `else`")
                }
                Some(ArmFault::Fails) => {
                    impossible(format!("`on {word} fail` of `{name}` ends the run first"))
                        .and_at(answer.fails.get(&status.value).copied(), "this ends the run")
                        .help("remove the arm, or the `on`")
                }
            });
        }
        let refusals = answer.refusals.keys().copied().collect();
        let open = unmatched(&answer.contract, &refusals, &seen.keys().copied().collect::<BTreeSet<_>>());
        match rest {
            Some(rest) if open.is_empty() => {
                let at = Span::new(rest.file, rest.start, rest.start + 4);
                let message = "this arm is never taken: every way the step can end has an arm of its own";
                self.report(Diagnostic::new(&graph::IMPOSSIBLE_ARM, at, message).help("remove `else`"));
            }
            None if !open.is_empty() => {
                let message = format!("no arm for `{name}` when it ends with {}", open.join(", "));
                let at = Span::new(span.file, span.start, step.span.end);
                let other = answer.refusals.iter().find(|(status, _)| !seen.contains_key(status));
                self.report(
                    Diagnostic::new(&codes::UNMATCHED_STATUS, at, message)
                        .and_at(other.map(|(_, arm)| *arm), "this arm lets it end so")
                        .help("add an arm for it, or `else => …` for whatever is left"),
                );
            }
            _ => {}
        }
    }
}

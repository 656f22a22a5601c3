//! P3: every value fits where it is put.

use crate::diagnostics::Sink;
use crate::diagnostics::codes::retry::UNFIT_KEY;
use crate::diagnostics::codes::types::{
    OPTIONAL_NOT_HANDLED, TYPE_MISMATCH, UNDECLARED_MEMBER, UNFIT_LITERAL,
};
use crate::hir::misfit;
use crate::rules::{Context, Rule};
use crate::types::Answer;

pub(in crate::rules) const RULE: Rule = Rule {
    name: "types/positions",
    codes: &[&TYPE_MISMATCH, &OPTIONAL_NOT_HANDLED, &UNDECLARED_MEMBER, &UNFIT_LITERAL, &UNFIT_KEY],
    check,
};

fn check(context: &Context<'_>, sink: &mut Sink) {
    for position in &context.hir.flow.positions {
        if let Answer::No(wrong) = &position.answer {
            sink.push(misfit(position, wrong, &context.hir.types));
        }
    }
}

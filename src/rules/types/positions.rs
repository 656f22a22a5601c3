//! P3: every value fits where it is put.

use crate::diagnostics::codes::retry::UNFIT_KEY;
use crate::diagnostics::codes::types::{
    OPTIONAL_NOT_HANDLED, TYPE_MISMATCH, UNDECLARED_MEMBER, UNFIT_LITERAL,
};
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule};
use crate::types::{Answer, UNDECLARED};

pub(in crate::rules) const RULE: Rule = Rule {
    name: "types/positions",
    codes: &[&TYPE_MISMATCH, &OPTIONAL_NOT_HANDLED, &UNDECLARED_MEMBER, &UNFIT_LITERAL, &UNFIT_KEY],
    check,
};

/// Longest counterexample shown, characters.
const SHOWN: usize = 200;

fn check(context: &Context<'_>, sink: &mut Sink) {
    for position in &context.hir.flow.positions {
        let Answer::No(counterexample) = &position.answer else { continue };
        let absent = position.found.is_optional() && counterexample.value.is_none();
        let code = match counterexample.why.as_str() {
            _ if position.key => &UNFIT_KEY,
            _ if absent => &OPTIONAL_NOT_HANDLED,
            _ if counterexample.declared.is_some() => &UNFIT_LITERAL,
            UNDECLARED => &UNDECLARED_MEMBER,
            _ => &TYPE_MISMATCH,
        };
        let inside = match counterexample.path.as_str() {
            "" => String::new(),
            path => format!(" at `{path}`"),
        };
        let message = format!("{} does not fit{inside}: {}", position.place, counterexample.why);
        let here = match position.key {
            true => "a key of the runtime goes with it".to_owned(),
            false => format!("this is `{}`", context.hir.types.show(&position.found)),
        };
        let mut diagnostic = Diagnostic::new(code, position.span, message).at(here);
        if position.key {
            diagnostic = diagnostic.and_at(position.declared_at, "the document declares the header here");
        } else if counterexample.declared.is_some() {
            diagnostic = diagnostic.and_at(position.declared_at, "the document says so here");
        } else if let Some(span) = position.declared_at {
            diagnostic = diagnostic
                .and(span, format!("`{}` is needed here", context.hir.types.show(&position.wanted.ty)));
        } else {
            diagnostic =
                diagnostic.note(format!("`{}` is needed", context.hir.types.show(&position.wanted.ty)));
        }
        if let Some(value) = &counterexample.value {
            let text: String = value.to_string().chars().take(SHOWN).collect();
            diagnostic = diagnostic.note(format!("a value that shows it: `{text}`"));
        }
        if let Some(help) = &counterexample.help {
            diagnostic = diagnostic.help(help);
        }
        if absent {
            diagnostic = diagnostic.help("say what stands for an absent value with `??`");
        }
        sink.push(diagnostic);
    }
}

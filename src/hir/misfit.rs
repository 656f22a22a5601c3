//! A value that does not fit where it is put, in words.

use super::model::{Position, TypeNames};
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::retry::UNFIT_KEY;
use crate::diagnostics::codes::types::{
    OPTIONAL_NOT_HANDLED, TYPE_MISMATCH, UNDECLARED_MEMBER, UNFIT_LITERAL,
};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Counterexample, FieldAccess, MAY_BE_MISSING, Type, UNDECLARED};

/// Longest counterexample shown, characters.
const SHOWN: usize = 200;

/// The finding about a value that does not fit.
pub fn misfit(position: &Position, wrong: &Counterexample, types: &TypeNames) -> Diagnostic {
    let absent = wrong.why == MAY_BE_MISSING || (position.found.is_optional() && wrong.value.is_none());
    let code = match wrong.why.as_str() {
        _ if position.key => &UNFIT_KEY,
        _ if absent => &OPTIONAL_NOT_HANDLED,
        _ if wrong.declared.is_some() => &UNFIT_LITERAL,
        UNDECLARED => &UNDECLARED_MEMBER,
        _ => &TYPE_MISMATCH,
    };
    let inside = match wrong.path.as_str() {
        "" => String::new(),
        path => format!(" at `{path}`"),
    };
    let message = format!("{} does not fit{inside}: {}", position.place, wrong.why);
    let here = position.part.as_ref().unwrap_or(&position.found);
    let (span, put) = match wrong.written {
        Some(written)
            if written.file != position.span.file
                || written.start < position.span.start
                || written.end > position.span.end =>
        {
            (written, Some(position.span))
        }
        written => (written.unwrap_or(position.span), None),
    };
    let mut found = Diagnostic::new(code, span, message).and_at(put, "it is put here");
    // What is written out is seen already.
    let seen = here.is_one_value() || wrong.written.is_some();
    if position.key {
        found = found.at("a key of the runtime goes with it");
    } else if !seen {
        found = found.at(format!("this is `{}`", types.show(here)));
    }
    let wanted = types.show(&position.wanted.ty);
    found = match position.declared_at {
        place if position.key => found.and_at(place, "the document declares the header here"),
        place if wrong.declared.is_some() => found.and_at(place, "the document says so here"),
        Some(place) => found.and(place, format!("`{wanted}` is needed here")),
        None => found.note(format!("`{wanted}` is needed")),
    };
    if let Some(value) = wrong.value.as_ref().filter(|_| wrong.declared.is_none() && !seen) {
        let text: String = value.to_string().chars().take(SHOWN).collect();
        found = found.note(format!("a value that shows it: `{text}`"));
    }
    if let Some(alternative) = &wrong.alternative {
        found = found.note(alternative.clone());
    }
    match &wrong.help {
        // A member of a whole that stands here by its name has a help of its own.
        Some(help) if !absent || position.part.is_none() => found.help(help),
        _ if absent => found.help("say what stands for an absent value with `??`"),
        _ => found,
    }
}

/// Where a part of a value stands in the literal that writes it, as far as one does, and its type.
pub(super) fn part(written: &ast::Expr, whole: &Type, path: &str) -> Option<(Span, Type)> {
    let (mut at, mut ty, mut found) = (written, whole.clone(), None);
    // `lines[0].sku`
    for step in path.split(['.', '[']) {
        let (span, inner, of) = match &at.kind {
            ast::ExprKind::Record(members) => {
                let Some(member) = members.iter().find(|member| member.name.text == step) else { break };
                let FieldAccess::Type(of) = ty.field(step) else { break };
                (member.span, &member.value, of)
            }
            ast::ExprKind::List(items) => {
                let index = step.strip_suffix(']').and_then(|index| index.parse::<usize>().ok());
                let Some(item) = index.and_then(|index| items.get(index)) else { break };
                let Some(of) = ty.items() else { break };
                (item.span, item, of)
            }
            _ => break,
        };
        (at, ty) = (inner, of);
        found = Some(span);
    }
    found.map(|span| (span, ty))
}

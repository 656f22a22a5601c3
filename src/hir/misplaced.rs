//! A body, or members of one, that were given as arguments with names.

use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::types as codes;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Contract, FieldAccess};

/// What was given with a name that has none.
pub(super) enum Misplaced<'c> {
    /// Members of the body, where no body is given.
    Members(Vec<&'c ast::Argument>),
    /// The body itself, under a name that many give it.
    Body(&'c ast::Argument),
}

impl<'c> Misplaced<'c> {
    pub(super) fn of(call: &'c ast::Call, contract: &Contract) -> Misplaced<'c> {
        let Some(body) = contract.body.as_ref().filter(|_| call.body.is_none()) else {
            return Misplaced::Members(Vec::new());
        };
        let ty = body.schema.ty.without_nothing();
        let is_parameter = |name: &str| {
            contract.parameters.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(name))
        };
        let (members, others): (Vec<_>, Vec<_>) = call
            .arguments
            .iter()
            .filter(|argument| argument.location.is_none() && !is_parameter(&argument.name.text))
            .partition(|argument| matches!(ty.field(&argument.name.text), FieldAccess::Type(_)));
        match others.into_iter().find(|argument| argument.name.text.eq_ignore_ascii_case("body")) {
            Some(body) => Misplaced::Body(body),
            None => Misplaced::Members(members),
        }
    }

    pub(super) fn arguments(&self) -> &[&'c ast::Argument] {
        match self {
            Misplaced::Members(members) => members,
            Misplaced::Body(body) => std::slice::from_ref(body),
        }
    }

    /// One finding for all of them, with the change that mends it.
    pub(super) fn finding(&self, call: &ast::Call) -> Option<Diagnostic> {
        match self {
            Misplaced::Members(members) => members_named(call, members),
            Misplaced::Body(body) => Some(body_named(body)),
        }
    }
}

fn body_named(body: &ast::Argument) -> Diagnostic {
    let name = &body.name.text;
    let label = Span::new(body.span.file, body.span.start, body.value.span.start);
    Diagnostic::new(&codes::UNKNOWN_ARGUMENT, body.name.span, "the body stands without a name")
        .help(format!("remove `{name}:`"))
        .fix(format!("remove `{name}:`"), vec![(label, String::new())])
}

/// The change makes them a body where they stand together.
fn members_named(call: &ast::Call, members: &[&ast::Argument]) -> Option<Diagnostic> {
    let (first, rest) = members.split_first()?;
    let names: Vec<&str> = members.iter().map(|member| member.name.text.as_str()).collect();
    let message = match rest {
        [] => format!("`{}` is a member of the body, not a parameter", first.name.text),
        _ => format!("`{}` are members of the body, not parameters", names.join("`, `")),
    };
    let finding = Diagnostic::new(&codes::UNKNOWN_ARGUMENT, first.name.span, message);
    let finding = rest.iter().fold(finding, |finding, member| finding.and(member.name.span, ""));
    let help =
        format!("write them as a record, which stands without a name: `{{ {}: … }}`", names.join(": …, "));
    let finding = finding.help(match rest {
        [] => help.replacen("them as", "it as", 1),
        _ => help,
    });
    let last = rest.last().unwrap_or(first);
    let within = |argument: &&ast::Argument| {
        argument.span.start >= first.span.start && argument.span.end <= last.span.end
    };
    if call.arguments.iter().filter(within).count() > members.len() {
        return Some(finding);
    }
    let at = |offset: usize| Span::new(first.span.file, offset, offset);
    let braces = vec![(at(first.span.start), "{ ".to_owned()), (at(last.span.end), " }".to_owned())];
    Some(finding.fix("put braces around", braces))
}

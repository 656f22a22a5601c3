//! Members of a body that were given as arguments with names.

use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::types as codes;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Contract, FieldAccess};

/// The arguments that are no parameters but members of the body, where no body is given.
pub(super) fn members<'c>(call: &'c ast::Call, contract: &Contract) -> Vec<&'c ast::Argument> {
    let Some(body) = contract.body.as_ref().filter(|_| call.body.is_none()) else { return Vec::new() };
    let ty = body.schema.ty.without_nothing();
    let is_parameter =
        |name: &str| contract.parameters.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(name));
    call.arguments
        .iter()
        .filter(|argument| argument.location.is_none() && !is_parameter(&argument.name.text))
        .filter(|argument| matches!(ty.field(&argument.name.text), FieldAccess::Type(_)))
        .collect()
}

/// One finding for all of them, with the change that makes them a body where they stand together.
pub(super) fn finding(call: &ast::Call, members: &[&ast::Argument]) -> Option<Diagnostic> {
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

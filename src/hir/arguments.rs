//! What a call is given: arguments to parameters, and the body, held against the document.

use serde_json::Value as Json;

use super::bound::Bound;
use super::expressions::convert;
use super::flow::FlowLowering;
use super::misplaced::Misplaced;
use super::modules::given_twice;
use crate::base::did_you_mean;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::types as codes;
use crate::documents::{Document, Location};
use crate::expr::{Expr, written};
use crate::plan::Idempotency;
use crate::plan::secrecy::member_of;
use crate::source::Span;
use crate::syntax::{as_written, ast};
use crate::types::{Answer, Field, Parameter, Taken};

/// Where the keyword stands that refuses what the flow writes.
fn keyword_place(document: &Document, answer: &Answer) -> Option<Span> {
    let Answer::No(counterexample) = answer else { return None };
    document.place(counterexample.declared.as_ref()?)
}

impl FlowLowering<'_, '_> {
    pub(super) fn arguments(
        &mut self,
        call: &ast::Call,
        document: &Document,
        bound: &Bound,
        fact: Option<&Idempotency>,
    ) -> (Vec<(String, String, Expr)>, Vec<Span>) {
        let contract = &*bound.contract;
        let key = fact.map(Idempotency::header).or(contract.idempotency_header.as_deref());
        let is_key = |parameter: &Parameter| {
            parameter.location == Location::Header
                && key.is_some_and(|key| parameter.name.eq_ignore_ascii_case(key))
        };
        let misplaced = self.body_by_name(call, document, bound);
        // By parameter; there are few.
        let mut given: Vec<(usize, Expr, Span)> = Vec::new();
        for argument in &call.arguments {
            let by_runtime = key.is_some_and(|key| argument.name.text.eq_ignore_ascii_case(key));
            if by_runtime {
                let message = format!("`{}` is set by the runtime", argument.name.text);
                let declared = bound.view.parameter(Location::Header, &argument.name.text);
                let place = declared.and_then(|parameter| document.place(&parameter.pointer));
                self.sink.push(
                    Diagnostic::new(&codes::UNKNOWN_ARGUMENT, argument.name.span, message)
                        .and_at(place, "declared here")
                        .help("say below the call what is to happen once: `key once per …`"),
                );
                continue;
            }
            let found = match misplaced.contains(&argument.name.span) {
                true => None,
                false => self.parameter(argument, call, document, bound),
            };
            let Some((index, parameter)) = found else {
                let _ = self.expression(&argument.value, None);
                continue;
            };
            if let Some((.., first)) = given.iter().find(|(known, ..)| *known == index) {
                self.sink.push(given_twice(&argument.name, *first));
                continue;
            }
            if let Some(unsupported) = &parameter.unsupported {
                let message = format!("`{}` cannot be given: {unsupported}", parameter.name);
                self.sink.push(
                    Diagnostic::new(&codes::UNSUPPORTED_OPERATION, argument.name.span, message)
                        .and_at(document.place(&parameter.pointer), "this is the reason")
                        .help("leave it out where it may be absent, or call another operation"),
                );
            }
            let field = Field { ty: parameter.schema.ty.clone(), required: parameter.required };
            let mut value = self.expression(&argument.value, Some(&parameter.schema.ty));
            let answer = parameter.takes(&value.ty, &written(&value.expr, &value.ty), &value.literal);
            let declared = keyword_place(document, &answer);
            let takes = |json: &Json| parameter.takes_to_the_letter(json);
            let told = self.record(&value, answer, &takes, || {
                let place = format!("argument `{}` of `{}`", parameter.name, bound.key);
                (place, field.clone(), declared.or_else(|| document.place(&parameter.pointer)))
            });
            if told {
                self.point_at_member(&argument.value);
            }
            convert(&mut value, &field);
            given.push((index, value.expr, argument.span));
        }
        for (index, parameter) in contract.parameters.iter().enumerate() {
            // One that was given under a name like it was told already.
            let misspelt = call.arguments.iter().any(|argument| {
                let given = argument.name.text.as_str();
                let known = contract.parameters.iter().any(|other| other.name == given);
                given == parameter.name
                    || (!known && did_you_mean(given, [parameter.name.as_str()]).is_some())
            });
            if parameter.required
                && !is_key(parameter)
                && !given.iter().any(|(known, ..)| *known == index)
                && !misspelt
            {
                let location = parameter.location.as_str();
                let message =
                    format!("`{}` needs the {location} parameter `{}`", call.operation.text, parameter.name);
                let name = as_written(&parameter.name).unwrap_or_else(|| parameter.name.clone());
                let mut diagnostic = Diagnostic::new(&codes::MISSING_ARGUMENT, call.operation.span, message)
                    .help(format!("add `{name}: …`"));
                if let Some(span) = document.place(&parameter.pointer) {
                    diagnostic = diagnostic.and(span, "required here");
                }
                self.sink.push(diagnostic);
            }
        }
        given.sort_by_key(|(index, ..)| *index);
        let value = |(index, value, span): (usize, Expr, Span)| {
            let parameter = contract.parameters.get(index)?;
            Some(((parameter.name.clone(), parameter.location.as_str().to_owned(), value), span))
        };
        given.into_iter().filter_map(value).unzip()
    }

    /// The body or members of it that stand as arguments with names where the body is missing: they are told as one mistake.
    fn body_by_name(&mut self, call: &ast::Call, document: &Document, bound: &Bound) -> Vec<Span> {
        let misplaced = Misplaced::of(call, &bound.contract);
        if let Some(finding) = misplaced.finding(call) {
            let body = bound.contract.body.as_ref().and_then(|body| document.place(&body.pointer));
            self.sink.push(finding.and_at(body, "the body"));
        }
        misplaced.arguments().iter().map(|argument| argument.name.span).collect()
    }

    /// Which parameter an argument is for.
    fn parameter<'c>(
        &mut self,
        argument: &ast::Argument,
        call: &ast::Call,
        document: &Document,
        bound: &'c Bound,
    ) -> Option<(usize, &'c Parameter)> {
        let contract = &*bound.contract;
        let wanted = &argument.name.text;
        let location = argument.location.as_ref().map(|location| location.text.as_str());
        let matches = |parameter: &&Parameter| {
            let same = parameter.name == *wanted
                || (parameter.location == Location::Header && parameter.name.eq_ignore_ascii_case(wanted));
            same && location.is_none_or(|location| parameter.location.as_str() == location)
        };
        let found: Vec<(usize, &Parameter)> =
            contract.parameters.iter().enumerate().filter(|(_, parameter)| matches(parameter)).collect();
        match found.as_slice() {
            [one] => Some(*one),
            [] => {
                let known: Vec<&str> =
                    contract.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                let message = format!("`{}` has no parameter `{wanted}`", call.operation.text);
                let mut diagnostic = Diagnostic::new(&codes::UNKNOWN_ARGUMENT, argument.name.span, message);
                diagnostic = match did_you_mean(wanted, known.iter().copied()) {
                    Some(near) => diagnostic.meant(argument.name.span, wanted, near, as_written(near)),
                    None if known.is_empty() => {
                        diagnostic.note("it has no parameters").help(format!("remove `{wanted}`"))
                    }
                    None => diagnostic
                        .note(format!("its parameters are `{}`", known.join("`, `")))
                        .help(format!("remove `{wanted}`, or name one of these")),
                };
                let of = &bound.view.pointer;
                let place = document.place(&format!("{of}/parameters")).or_else(|| document.place(of));
                self.sink.push(diagnostic.and_at(place, "what it takes is declared here"));
                None
            }
            several => {
                let places: Vec<&str> =
                    several.iter().map(|(_, parameter)| parameter.location.as_str()).collect();
                let message = format!("`{wanted}` is the name of several parameters");
                let help = format!("write `{}.{wanted}`", places.join(&format!(".{wanted}` or `")));
                let finding =
                    Diagnostic::new(&codes::UNKNOWN_ARGUMENT, argument.name.span, message).help(help);
                self.sink.push(several.iter().fold(finding, |finding, (_, parameter)| {
                    let label = format!("the {} parameter", parameter.location.as_str());
                    finding.and_at(document.place(&parameter.pointer), label)
                }));
                None
            }
        }
    }

    pub(super) fn body(&mut self, call: &ast::Call, document: &Document, bound: &Bound) -> Option<Expr> {
        let contract = &*bound.contract;
        match (&call.body, &contract.body) {
            (None, None) => None,
            (None, Some(body)) => {
                if body.required && Misplaced::of(call, contract).arguments().is_empty() {
                    let message = format!("`{}` needs a body", call.operation.text);
                    let mut diagnostic =
                        Diagnostic::new(&codes::MISSING_ARGUMENT, call.operation.span, message)
                            .help("give it as the one argument without a name");
                    if let Some(span) = document.place(&body.pointer) {
                        diagnostic = diagnostic.and(span, "required here");
                    }
                    self.sink.push(diagnostic);
                }
                None
            }
            (Some(given), None) => {
                let message = format!("`{}` takes no body", call.operation.text);
                self.sink.push(
                    Diagnostic::new(&codes::UNKNOWN_ARGUMENT, given.span, message)
                        .and_at(document.place(&bound.view.pointer), "it declares no `requestBody`")
                        .help("arguments of parameters have names: `name: value`"),
                );
                let _ = self.expression(given, None);
                None
            }
            (Some(given), Some(body)) => {
                let mut value = self.expression(given, Some(&body.schema.ty));
                let field = Field { ty: body.schema.ty.clone(), required: body.required };
                let Taken { answer, members } =
                    body.takes(&value.ty, &written(&value.expr, &value.ty), &value.literal);
                let declared = keyword_place(document, &answer).or_else(|| document.place(&body.pointer));
                let place = format!("the body of `{}`", bound.key);
                let takes = |json: &Json| body.takes_to_the_letter(json);
                let mut told = false;
                if members.is_empty() {
                    told = self.record(&value, answer, &takes, || (place.clone(), field.clone(), declared));
                }
                for (name, answer) in members {
                    let about = || (member_of(&place, &name), field.clone(), declared);
                    self.record(&value, answer, &|_| false, about);
                }
                if told {
                    self.point_at_member(given);
                }
                convert(&mut value, &field);
                Some(value.expr)
            }
        }
    }
}

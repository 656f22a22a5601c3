//! Calls of functions: those of the language, those that files declare, and `status(x)` and `headers(x)`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::declared::Declared;
use super::expressions::{Lowering, Typed, convert};
use super::misfit::part;
use super::model::Position;
use super::modules::{Found, kind, unknown};
use super::scope::Scope;
use crate::base::did_you_mean;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{names, types as codes};
use crate::documents::Document;
use crate::expr::{Expr, confirmed, functions};
use crate::source::Span;
use crate::syntax::as_written;
use crate::syntax::ast::{self, ExprKind};
use crate::types::{
    Answer, Contract, Field, Literal, Members, Provenance, RecordType, Type, assignable_to_field,
};

/// What a declared function takes and gives.
#[derive(Debug)]
pub(crate) struct Signature {
    /// Its name in the plan.
    pub(super) plan_name: String,
    /// Where it is declared.
    pub(super) name: ast::Name,
    /// Names, types, and where these are written.
    pub(super) parameters: Vec<(String, Type, Span)>,
    pub(super) result: Type,
    pub(super) result_span: Span,
}

/// What is known of a step's answer beside its body.
#[derive(Debug, Clone)]
pub(crate) struct StepAnswer {
    /// The documented success statuses.
    pub(crate) status: Type,
    /// The documented headers of successes.
    pub(crate) headers: BTreeMap<String, Field>,
    /// What the operation documents.
    pub(crate) contract: Arc<Contract>,
    /// Refusals that are ordinary ends of the step, each with an arm that makes it one.
    pub(crate) refusals: BTreeMap<u16, Span>,
    /// Statuses of `on STATUS fail`, with their places.
    pub(crate) fails: BTreeMap<u16, Span>,
    /// The guard, where the step may be skipped.
    pub(crate) guard: Option<Span>,
    /// The document that the operation is in.
    pub(crate) document: Arc<Document>,
    /// Where the body of a success is described in it, else the success.
    pub(crate) described: String,
    /// Whether an unknown outcome of it is read back.
    pub(crate) reconciled: bool,
    /// What the step is when it was done, where that is not the body of its answer.
    pub(crate) value: Option<Type>,
    /// Where that comes from.
    pub(crate) provenance: Provenance,
}

impl StepAnswer {
    /// What lets the step be done without an answer, where something does.
    pub(super) fn why_absent(&self) -> Option<(Span, &'static str)> {
        let arm = self.refusals.values().next().map(|arm| (*arm, "this arm lets it end without that answer"));
        self.guard.map(|guard| (guard, "where this does not hold, it is not called")).or(arm)
    }

    /// What can be written where a member of an answer is read that a `match` lets the step end without.
    pub(super) fn instead_of_absence(&self, step: &str, member: &str) -> Option<String> {
        let refused = self.refusals.keys().next().filter(|_| self.guard.is_none())?;
        Some(format!(
            "where the run is to end then, write `on {refused} fail \"…\"` at `{step}` and take the arm away; else read it in the arm of a `match` that has the answer, as in `200 found => found.{member}`, or write `?.{member}`, which is absent where the answer is"
        ))
    }

    /// Where the document describes what an expression reads of this answer, or the answer, where it says no more.
    pub(super) fn place(&self, members: &str) -> Option<Span> {
        let inside = || self.document.place(&format!("{}{members}", self.described));
        let whole = || self.document.place(&self.described);
        if self.value.is_none() { inside().or_else(whole) } else { whole() }
    }

    /// What stands in an arm of a `match` for the step's end with a status.
    pub(super) fn body(&self, status: u16) -> Type {
        match &self.value {
            Some(value) if (200..=299).contains(&status) => value.clone(),
            _ => self.contract.answer_type(status),
        }
    }
}

/// A value that does not fit a type which the flow's files write; `None` where it fits, or where that can't be decided.
pub(super) fn misfit(
    value: &Typed,
    written: &ast::Expr,
    wanted: &Field,
    place: &str,
    declared_at: Span,
    scope: &Scope,
    declared: &Declared<'_>,
) -> Option<Diagnostic> {
    if value.ty == Type::Never {
        return None;
    }
    let answer = assignable_to_field(&value.ty, wanted, &value.literal);
    let answer = confirmed(answer, &value.expr, &wanted.ty, scope);
    let Answer::No(wrong) = &answer else { return None };
    let (span, part) = match part(written, &value.ty, &wrong.path) {
        Some((span, ty)) => (span, Some(ty)),
        None => (value.span, None),
    };
    let position = Position {
        node: String::new(),
        place: place.to_owned(),
        span,
        found: value.ty.clone(),
        part,
        wanted: wanted.clone(),
        answer: answer.clone(),
        declared_at: Some(declared_at),
        key: false,
    };
    Some(super::misfit::misfit(&position, wrong, &declared.type_names()))
}

impl Lowering<'_, '_> {
    /// `f(a, b)`.
    pub(super) fn call(&mut self, function: &ast::Name, arguments: &[ast::Expr], span: Span) -> Typed {
        if matches!(function.text.as_str(), "status" | "headers") {
            return self.answer(function, arguments, span);
        }
        if let Some(signature) = functions::signature(&function.text) {
            return self.builtin(signature, arguments, span);
        }
        let modules = self.declared.modules;
        match modules.find(self.from, &function.text) {
            Some(Found { module, item: ast::Item::Function(item) }) => {
                let signature = self.declared.signature(module, item, self.sink);
                return self.apply(&signature, function, arguments, span);
            }
            Some(other) => {
                let message = format!("`{}` is {}, not a function", function.text, kind(other.item));
                self.report(
                    Diagnostic::new(&names::WRONG_KIND, function.span, message)
                        .help("call a function here: `fn NAME(…) -> TYPE = …` declares one"),
                );
            }
            None if modules.is_broken(self.from, &function.text) => {}
            None => {
                let declared = modules.candidates(self.from, "a function");
                let known = functions::FUNCTIONS.iter().map(|known| known.name).chain(["status", "headers"]);
                let near = did_you_mean(&function.text, known.chain(declared.iter().map(String::as_str)));
                self.report(unknown(function, format!("no function `{}`", function.text), near));
            }
        }
        for argument in arguments {
            let _ = self.lower(argument, None);
        }
        self.poison(span)
    }

    fn builtin(&mut self, signature: &functions::Function, arguments: &[ast::Expr], span: Span) -> Typed {
        let lowered: Vec<Typed> = arguments.iter().map(|argument| self.lower(argument, None)).collect();
        if lowered.iter().any(|argument| argument.ty == Type::Never) {
            return self.poison(span);
        }
        let types: Vec<Type> = lowered.iter().map(|argument| argument.ty.clone()).collect();
        let ty = match signature.result(&types) {
            Ok(ty) => ty,
            Err(error) => {
                self.bad_argument(signature, &error, &lowered, span);
                return self.poison(span);
            }
        };
        let arguments = lowered.into_iter().map(|argument| argument.expr).collect();
        let mut expr = Expr::Call { function: signature.name.to_owned(), arguments };
        if let Some(to) = signature.widens(&ty) {
            expr = Expr::Widen { to: to.to_owned(), of: Box::new(expr) };
        }
        Typed { expr, ty, span, literal: Literal::default() }
    }

    fn bad_argument(
        &mut self,
        signature: &functions::Function,
        error: &functions::ArgumentError,
        arguments: &[Typed],
        span: Span,
    ) {
        let usage =
            format!("`{}({})`: {}", signature.name, signature.parameters.join(", "), signature.summary);
        let argument = arguments.get(error.index).filter(|_| !error.found.is_empty());
        let diagnostic = match argument {
            Some(argument) => {
                let message =
                    format!("`{}` takes {}, but this is `{}`", signature.name, error.expected, error.found);
                let present = argument.ty.without_nothing();
                if present != argument.ty {
                    Diagnostic::new(&codes::OPTIONAL_NOT_HANDLED, argument.span, message)
                        .help("say what stands for it with `??`")
                } else {
                    let found = Diagnostic::new(&codes::BAD_OPERANDS, argument.span, message);
                    match present {
                        Type::String { .. } if error.expected.contains("decimal") => {
                            found.help("`decimal(x)` makes a decimal of text")
                        }
                        ty if ty.is_numeric() && error.expected.contains("string") => {
                            found.help("`string(x)` makes text of a number")
                        }
                        _ => found,
                    }
                }
            }
            None => {
                let message =
                    format!("`{}` takes {}, not {}", signature.name, error.expected, arguments.len());
                Diagnostic::new(&codes::BAD_OPERANDS, span, message)
            }
        };
        self.report(diagnostic.note(usage));
    }

    fn apply(
        &mut self,
        signature: &Signature,
        function: &ast::Name,
        arguments: &[ast::Expr],
        span: Span,
    ) -> Typed {
        let mut lowered = Vec::new();
        let mut fits = true;
        for (at, argument) in arguments.iter().enumerate() {
            let Some((name, ty, written)) = signature.parameters.get(at) else {
                let _ = self.lower(argument, None);
                continue;
            };
            let field = Field::of(ty.clone());
            let mut value = self.lower(argument, Some(ty));
            fits &= value.ty != Type::Never;
            let place = format!("argument `{name}` of `{}`", function.text);
            if let Some(found) = misfit(&value, argument, &field, &place, *written, self.scope, self.declared)
            {
                self.report(found);
                fits = false;
            }
            convert(&mut value, &field);
            lowered.push(value.expr);
        }
        if arguments.len() != signature.parameters.len() {
            let names: Vec<&str> = signature.parameters.iter().map(|(name, ..)| name.as_str()).collect();
            let message =
                format!("`{}` takes {} arguments, not {}", function.text, names.len(), arguments.len());
            self.report(
                Diagnostic::new(&codes::BAD_OPERANDS, span, message)
                    .and(signature.name.span, "declared here")
                    .help(format!("write `{}({})`", function.text, names.join(", "))),
            );
            fits = false;
        }
        if !fits {
            // What it gives is known all the same; errors in its arguments were told.
            return Typed {
                expr: Expr::Null,
                ty: signature.result.clone(),
                span,
                literal: Literal::default(),
            };
        }
        let expr = Expr::Apply { function: signature.plan_name.clone(), arguments: lowered };
        Typed { expr, ty: signature.result.clone(), span, literal: Literal::default() }
    }

    /// `status(x)`, `headers(x)`.
    fn answer(&mut self, function: &ast::Name, arguments: &[ast::Expr], span: Span) -> Typed {
        let word = function.text.as_str();
        let [ast::Expr { kind: ExprKind::Name(name), .. }] = arguments else {
            for argument in arguments {
                let _ = self.lower(argument, None);
            }
            let message = format!("`{word}` takes the name of one step");
            self.report(
                Diagnostic::new(&codes::BAD_OPERANDS, span, message).help(format!("write `{word}(STEP)`")),
            );
            return self.poison(span);
        };
        let Some(ty) = self.scope.look_up(name, self.sink) else { return self.poison(span) };
        let Some(answer) = self.scope.answer(&name.text) else {
            if ty != Type::Never {
                let message = format!(
                    "`{}` is not a step: only the answer of a step has a {}",
                    name.text,
                    word_of(word)
                );
                let mut found = Diagnostic::new(&names::WRONG_KIND, name.span, message);
                found = found.help(match self.pure {
                    true => {
                        format!("a function sees its parameters only: give it `{word}(STEP)` as an argument")
                    }
                    false => format!("name a step: `{word}(STEP)`"),
                });
                self.report(found);
            }
            return self.poison(span);
        };
        self.answered_itself(&answer, name);
        let of = name.text.clone();
        let (expr, part) = match word {
            "status" => (Expr::Status { of }, answer.status.clone()),
            _ => {
                let fields = answer.headers.clone();
                (Expr::Headers { of }, Type::Record(RecordType { fields, others: Members::Closed }))
            }
        };
        let part = if ty.is_optional() { part.optional() } else { part };
        Typed { expr, ty: part, span, literal: Literal::default() }
    }

    /// What is used beside the body must be known however the step ended.
    pub(super) fn answered_itself(&mut self, answer: &StepAnswer, name: &ast::Name) {
        if answer.reconciled {
            let message = format!("`{}` may be read back, and then there is no answer of its own", name.text);
            self.report(
                Diagnostic::new(&codes::NO_OWN_ANSWER, name.span, message)
                    .note("`status`, `headers` and `match` are about the answer of the step's own call")
                    .help("use what is in its body, which is there in both cases; or leave out `reconcile`"),
            );
        }
    }

    /// The name of a header as its document spells it; `None` where it is not documented, which is reported.
    pub(super) fn header(&mut self, step: &str, name: &ast::Name) -> Option<ast::Name> {
        let answer = self.scope.answer(step)?;
        let known: Vec<&str> = answer.headers.keys().map(String::as_str).collect();
        if let Some(spelled) = known.iter().find(|known| known.eq_ignore_ascii_case(&name.text)) {
            return Some(ast::Name { text: (*spelled).to_owned(), span: name.span });
        }
        let message = format!("no success of `{step}` documents a header `{}`", name.text);
        let mut found = Diagnostic::new(&codes::UNDOCUMENTED_HEADER, name.span, message);
        let lower: Vec<String> = known.iter().map(|known| known.to_ascii_lowercase()).collect();
        let near = did_you_mean(&name.text.to_ascii_lowercase(), lower.iter().map(String::as_str));
        if let Some(near) = near.and_then(|near| known.iter().find(|known| known.eq_ignore_ascii_case(near)))
        {
            found = found.meant(name.span, &name.text, near, as_written(near));
        }
        found = match known.as_slice() {
            [] => found
                .note("its document names no response headers")
                .help("do without it, or ask the publisher to document it"),
            known if found.help.is_none() => {
                found.note(format!("documented are `{}`", known.join("`, `"))).help("name one of these")
            }
            known => found.note(format!("documented are `{}`", known.join("`, `"))),
        };
        self.report(found.and_at(answer.place(""), "the answer is described here"));
        None
    }
}

fn word_of(function: &str) -> &'static str {
    if function == "status" { "status" } else { "header" }
}

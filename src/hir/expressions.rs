//! Expressions: their types, and their lowering to the expression IR. A literal takes the type that is needed.

use std::collections::BTreeMap;

use super::declared::Declared;
use super::scope::Scope;
use crate::base::did_you_mean;
use crate::diagnostics::codes::{names, types as codes};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::escape;
use crate::expr::{BinaryOperator, Expr, Part, provenance};
use crate::source::Span;
use crate::syntax::as_written;
use crate::syntax::ast::{self, ExprKind};
use crate::types::{FieldAccess, Literal, Parts, Type, widening};

/// A lowered expression. The type is `Never` where something was reported: it fits everywhere and says no more.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) ty: Type,
    pub(crate) span: Span,
    /// The members that the flow writes: they must be declared where the value is put.
    pub(crate) literal: Literal,
}

pub(crate) struct Lowering<'a, 'd> {
    pub(crate) scope: &'a mut Scope,
    pub(crate) sink: &'a mut Sink,
    pub(crate) declared: &'a mut Declared<'d>,
    /// The file the expression stands in.
    pub(crate) from: usize,
    /// Inside a function: its parameters are all it sees.
    pub(crate) pure: bool,
}

/// Which of int, decimal and number a literal becomes where a type is needed.
#[derive(Clone, Copy, PartialEq)]
enum Numeric {
    Int,
    Decimal,
    Number,
}

fn needed_numeric(wanted: Option<&Type>) -> Option<Numeric> {
    let wanted = wanted?.without_nothing();
    let alternatives = match &wanted {
        Type::Union { of } => of.as_slice(),
        one => std::slice::from_ref(one),
    };
    let any = |test: fn(&Type) -> bool| alternatives.iter().any(test);
    if any(|ty| matches!(ty, Type::Int { .. })) {
        Some(Numeric::Int)
    } else if any(|ty| matches!(ty, Type::Decimal)) {
        Some(Numeric::Decimal)
    } else if any(|ty| matches!(ty, Type::Number)) {
        Some(Numeric::Number)
    } else {
        None
    }
}

/// Whether text would not do, and a moment does.
fn wants_moment(wanted: &Type) -> bool {
    match wanted {
        Type::Timestamp => true,
        Type::Optional { of } => wants_moment(of),
        Type::Union { of } => {
            let text = |ty: &Type| matches!(ty, Type::String { .. } | Type::Unknown { .. });
            of.contains(&Type::Timestamp) && !of.iter().any(text)
        }
        _ => false,
    }
}

impl Lowering<'_, '_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    pub(super) fn poison(&self, span: Span) -> Typed {
        Typed { expr: Expr::Null, ty: Type::Never, span, literal: Literal::default() }
    }

    /// The type and IR of an expression; `wanted` guides literals and is not checked here.
    pub(crate) fn lower(&mut self, expression: &ast::Expr, wanted: Option<&Type>) -> Typed {
        let typed = self.kind(expression, wanted);
        // Nothing more is said of a value whose type could not be read.
        let reported = typed.ty.without_nothing().is_reported();
        if reported { Typed { ty: Type::Never, ..typed } } else { typed }
    }

    fn kind(&mut self, expression: &ast::Expr, wanted: Option<&Type>) -> Typed {
        let span = expression.span;
        let typed = |expr: Expr, ty: Type| Typed { expr, ty, span, literal: Literal::default() };
        match &expression.kind {
            ExprKind::Null => typed(Expr::Null, Type::Null),
            ExprKind::Bool(value) => typed(Expr::Bool { value: *value }, Type::Bool),
            ExprKind::Int(value) => self.integer(*value, span, wanted),
            ExprKind::Decimal(text) => self.decimal(text, span, wanted),
            ExprKind::String(value) => {
                let moment = wanted.filter(|wanted| wants_moment(wanted)).and_then(|_| value.parse().ok());
                match moment {
                    Some(at) => typed(Expr::Timestamp { at }, Type::Timestamp),
                    None => typed(Expr::String { value: value.clone() }, Type::strings([value.as_str()])),
                }
            }
            ExprKind::Duration(milliseconds) => {
                typed(Expr::Duration { milliseconds: *milliseconds }, Type::Duration)
            }
            ExprKind::Interpolation(parts) => self.interpolation(parts, span),
            ExprKind::Name(name) => match name.text.as_str() {
                "run" => {
                    let message = "`run` is not a value by itself";
                    let help = "write `run.id` or `run.started`";
                    self.report(Diagnostic::new(&codes::BAD_OPERANDS, span, message).help(help));
                    self.poison(span)
                }
                "next" if let Some(ty) = &self.scope.next => typed(Expr::Next, ty.clone()),
                _ => match self.scope.look_up(name, self.sink) {
                    Some(ty) => {
                        let literal = self.scope.literal(&name.text).of(&ty);
                        Typed { literal, ..typed(Expr::Name { name: name.text.clone() }, ty) }
                    }
                    None => self.poison(span),
                },
            },
            ExprKind::Field { of, name, optional } => self.field(of, name, *optional, span),
            ExprKind::Index { of, index, optional } => self.index(of, index, *optional, span),
            ExprKind::Call { function, arguments } => self.call(function, arguments, span),
            ExprKind::Unary { operator, of } => self.unary(operator, of, span, wanted),
            ExprKind::Binary { operator, left, right } => self.binary(operator, left, right, span, wanted),
            ExprKind::If { condition, then, otherwise } => {
                let condition = self.condition(condition);
                let mut then = self.lower(then, wanted);
                let mut otherwise = self.lower(otherwise, wanted.or(Some(&then.ty.clone())));
                let ty = Type::join(&then.ty, &otherwise.ty).capped();
                widen(&mut then, &ty);
                widen(&mut otherwise, &ty);
                let literal = then.literal.or(otherwise.literal).of(&ty);
                let expr = Expr::If {
                    condition: Box::new(condition.expr),
                    then: Box::new(then.expr),
                    otherwise: Box::new(otherwise.expr),
                };
                Typed { expr, ty, span, literal }
            }
            ExprKind::Match { step, arms } => self.match_arms(step, arms, span, wanted),
            ExprKind::List(items) => self.list(items, span, wanted),
            ExprKind::Record(fields) => self.record(fields, span, wanted),
            ExprKind::Comprehension { item, variable, list, condition } => {
                let list = self.items(list);
                let from = provenance(&list.0.expr, self.scope).item();
                self.scope.bind(variable, list.1, self.sink);
                self.scope.comes_from(&variable.text, from, list.0.literal.item());
                let condition = condition.as_ref().map(|condition| Box::new(self.condition(condition).expr));
                let wanted = wanted.and_then(item_type);
                let item = self.lower(item, wanted.as_ref());
                self.scope.unbind();
                let expr = Expr::Comprehension {
                    variable: variable.text.clone(),
                    list: Box::new(list.0.expr),
                    condition,
                    item: Box::new(item.expr),
                };
                let ty = Type::list(item.ty).capped();
                Typed { literal: Literal::list(item.literal).of(&ty), expr, ty, span }
            }
        }
    }

    pub(super) fn integer(&mut self, value: i64, span: Span, wanted: Option<&Type>) -> Typed {
        let (expr, ty) = match needed_numeric(wanted) {
            Some(Numeric::Decimal) => (Expr::Decimal { value: value.to_string() }, Type::Decimal),
            #[expect(clippy::cast_precision_loss, reason = "integers of the language are within ±(2^53 − 1)")]
            Some(Numeric::Number) => (Expr::Number { value: value as f64 }, Type::Number),
            _ => (Expr::Int { value }, Type::int_value(value)),
        };
        Typed { expr, ty, span, literal: Literal::default() }
    }

    pub(super) fn decimal(&mut self, text: &str, span: Span, wanted: Option<&Type>) -> Typed {
        if needed_numeric(wanted) == Some(Numeric::Number)
            && let Ok(value) = text.parse::<f64>()
            && value.is_finite()
        {
            return Typed {
                expr: Expr::Number { value },
                ty: Type::Number,
                span,
                literal: Literal::default(),
            };
        }
        if rust_decimal::Decimal::from_str_exact(text).is_err() {
            let message = format!("`{text}` has more digits than a decimal holds");
            self.report(
                Diagnostic::new(&codes::LITERAL_OUT_OF_RANGE, span, message).help("at most 28 digits"),
            );
            return self.poison(span);
        }
        Typed {
            expr: Expr::Decimal { value: text.to_owned() },
            ty: Type::Decimal,
            span,
            literal: Literal::default(),
        }
    }

    fn interpolation(&mut self, parts: &[ast::Part], span: Span) -> Typed {
        let mut lowered = Vec::new();
        for part in parts {
            lowered.push(match part {
                ast::Part::Text(text) => Part::Text(text.clone()),
                ast::Part::Value(value) => {
                    let typed = self.lower(value, None);
                    let allowed = [Type::string(), Type::int(), Type::Bool, Type::Decimal, Type::EczId];
                    let what = "a string, int, bool, decimal or EczId can stand in a string";
                    // An int would pass as decimal: the exact list matters only for what is none of them.
                    let help = match &typed.ty {
                        Type::Record(_) | Type::Map { .. } => "name a member of it",
                        Type::List { .. } => "`join(xs, \", \")` makes text of a list of strings",
                        _ => "`string(x)` makes text of it",
                    };
                    self.expect(&typed, &allowed, what, Some(help));
                    Part::Value(typed.expr)
                }
            });
        }
        Typed {
            expr: Expr::Interpolate { parts: lowered },
            ty: Type::string(),
            span,
            literal: Literal::default(),
        }
    }

    fn field(&mut self, of: &ast::Expr, name: &ast::Name, optional: bool, span: Span) -> Typed {
        if let ExprKind::Name(base) = &of.kind
            && !self.scope.knows(&base.text)
        {
            match (base.text.as_str(), name.text.as_str()) {
                ("run", "id" | "started") if self.pure => {
                    let message = format!("a function does not see `run.{}`", name.text);
                    let help = "give it to the function as an argument";
                    self.report(Diagnostic::new(&codes::BAD_OPERANDS, span, message).help(help));
                    return self.poison(span);
                }
                ("run", "id") => return self.run_member("id", Type::string(), span),
                ("run", "started") => return self.run_member("started", Type::Timestamp, span),
                ("run", _) => {
                    let message = format!("`run` has no member `{}`", name.text);
                    let help = "it has `run.id` and `run.started`";
                    self.report(Diagnostic::new(&codes::UNKNOWN_MEMBER, name.span, message).help(help));
                    return self.poison(span);
                }
                ("secret", _) => {
                    let message = "a secret cannot stand in an expression";
                    let help = "name it in `auth` of the api that is its audience";
                    self.report(Diagnostic::new(&names::UNKNOWN_NAME, span, message).help(help));
                    return self.poison(span);
                }
                _ => {}
            }
        }
        let of = self.lower(of, None);
        if of.ty == Type::Never {
            return self.wrong_field(of, name, optional, span);
        }
        let spelled = match &of.expr {
            Expr::Headers { of } => match self.header(of, name) {
                None => return self.poison(span),
                spelled => spelled,
            },
            _ => None,
        };
        let name = spelled.as_ref().unwrap_or(name);
        let (base, nothing) = match of.ty.field(&name.text) {
            FieldAccess::MayBeNothing(base) => (base, true),
            _ => (of.ty.clone(), false),
        };
        if nothing && !optional {
            let message = format!("`.{}` of a value that may be absent or null", name.text);
            let step = if let Expr::Name { name } = &of.expr {
                self.scope.answer(name).zip(Some(name))
            } else {
                None
            };
            let (why, words) = step.as_ref().and_then(|(answer, _)| answer.why_absent()).unzip();
            let instead =
                step.as_ref().and_then(|(answer, step)| answer.instead_of_absence(step, &name.text));
            self.report(
                Diagnostic::new(&codes::OPTIONAL_NOT_HANDLED, name.span, message)
                    .and(of.span, format!("`{}`", of.ty))
                    .and_at(why, words.unwrap_or_default())
                    .help(instead.unwrap_or_else(|| format!(
                        "write `?.{name}`, which is absent where the value is, and `?.{name} ?? …` where something must stand instead",
                        name = name.text
                    ))),
            );
            // One cause, one finding: what is read of the answer elsewhere is mended with it.
            if let Some((_, step)) = step {
                self.scope.retype(step, base);
            }
            return self.wrong_field(of, name, optional, span);
        }
        let found = match base.field(&name.text) {
            FieldAccess::Type(ty) => ty,
            FieldAccess::Missing { candidates } => {
                let message = format!("no member `{}` here", name.text);
                let near = did_you_mean(&name.text, candidates.iter().map(String::as_str));
                let mut diagnostic = Diagnostic::new(&codes::UNKNOWN_MEMBER, name.span, message);
                let beside = self.beside_the_body(&of.expr, &name.text);
                diagnostic = match near {
                    _ if beside.is_some() => diagnostic,
                    Some(near) => diagnostic.meant(name.span, &name.text, near, as_written(near)),
                    None if candidates.is_empty() => diagnostic.note("the record has no members"),
                    None => diagnostic
                        .note(format!("its members are `{}`", candidates.join("`, `")))
                        .help("name one of these"),
                };
                diagnostic.help = beside.or(diagnostic.help);
                self.report(self.with_description(diagnostic, &of.expr));
                return self.wrong_field(of, name, optional, span);
            }
            FieldAccess::NotARecord(_) | FieldAccess::MayBeNothing(_) => {
                let message = format!("`{base}` has no members");
                let help = self.beside_the_body(&of.expr, &name.text).unwrap_or_else(|| {
                    match &base {
                        Type::List { .. } => "take an item of it, `x[0]`, or each, `[x.… for x in xs]`",
                        _ => "write the value itself, without the member",
                    }
                    .to_owned()
                });
                let diagnostic = Diagnostic::new(&codes::UNKNOWN_MEMBER, name.span, message).help(help);
                self.report(self.with_description(diagnostic, &of.expr));
                return self.poison(span);
            }
        };
        let ty = if nothing { found.optional() } else { found };
        let literal = of.literal.member(&name.text);
        let expr = Expr::Field { of: Box::new(of.expr), name: name.text.clone(), optional };
        Typed { expr, ty, span, literal }
    }

    /// What is written for the status or the headers of a step's answer, whose members are those of the body.
    fn beside_the_body(&self, of: &Expr, member: &str) -> Option<String> {
        let Expr::Name { name } = of else { return None };
        self.scope.answer(name).filter(|_| matches!(member, "status" | "headers"))?;
        let (is, of_it) = if member == "headers" { ("are", ".NAME") } else { ("is", "") };
        Some(format!("the {member} of the answer {is} written `{member}({name}){of_it}`"))
    }

    /// Labels what an expression reads of a step's answer where the document describes it.
    fn with_description(&self, finding: Diagnostic, read: &Expr) -> Diagnostic {
        let (mut members, mut at) = (String::new(), read);
        let step = loop {
            at = match at {
                Expr::Field { of, name, .. } => {
                    members.insert_str(0, &format!("/properties/{}", escape(name)));
                    of
                }
                Expr::Index { of, .. } => {
                    members.insert_str(0, "/items");
                    of
                }
                Expr::Name { name } => break name,
                _ => return finding,
            }
        };
        let place = self.scope.answer(step).and_then(|answer| answer.place(&members));
        finding.and_at(place, "it is described here")
    }

    /// A member that was reported: of no type, but still what is wanted of the step it belongs to.
    fn wrong_field(&self, of: Typed, name: &ast::Name, optional: bool, span: Span) -> Typed {
        let expr = Expr::Field { of: Box::new(of.expr), name: name.text.clone(), optional };
        Typed { expr, ..self.poison(span) }
    }

    fn run_member(&self, member: &str, ty: Type, span: Span) -> Typed {
        Typed { expr: Expr::Run { member: member.to_owned() }, ty, span, literal: Literal::default() }
    }

    fn index(&mut self, of: &ast::Expr, index: &ast::Expr, optional: bool, span: Span) -> Typed {
        let (of, item) = self.items(of);
        let index = self.lower(index, Some(&Type::int()));
        self.expect(&index, &[Type::int()], "an index is an int", None);
        // Nobody knows what it would be: not even that it may be absent.
        if of.ty == Type::Never {
            return self.poison(span);
        }
        let ty = if optional { item.optional() } else { item };
        let literal = of.literal.item();
        let expr = Expr::Index { of: Box::new(of.expr), index: Box::new(index.expr), optional };
        Typed { expr, ty, span, literal }
    }

    fn list(&mut self, items: &[ast::Expr], span: Span, wanted: Option<&Type>) -> Typed {
        let wanted = wanted.and_then(item_type);
        let mut parts = Parts::default();
        let mut lowered: Vec<Typed> = Vec::new();
        for item in items {
            let item = self.lower(item, wanted.as_ref());
            lowered.push(Typed { ty: parts.add(item.ty), ..item });
        }
        let ty = parts.whole(|| Type::join_all(lowered.iter().map(|item| item.ty.clone())));
        if let Some(absent) =
            lowered.iter().find(|item| item.ty.is_optional()).map(|item| (item.span, item.ty.clone()))
        {
            self.unfit(absent.0, &absent.1, "an item of a list is a value", None);
        }
        lowered.iter_mut().for_each(|item| widen(item, &ty));
        let ty = Type::list(ty.present()).capped();
        let literals = lowered.iter_mut().map(|item| std::mem::take(&mut item.literal));
        let literal = Literal::list(literals.fold(Literal::default(), Literal::or)).of(&ty);
        let items = lowered.into_iter().map(|item| item.expr).collect();
        Typed { expr: Expr::List { items }, ty, span, literal }
    }

    fn record(&mut self, fields: &[ast::RecordField], span: Span, wanted: Option<&Type>) -> Typed {
        let mut members: Vec<(String, Expr)> = Vec::new();
        let mut types: Vec<(String, Type)> = Vec::new();
        let mut parts = Parts::default();
        let mut firsts: BTreeMap<&str, Span> = BTreeMap::new();
        let mut literals: Vec<(String, (Span, Literal))> = Vec::new();
        for field in fields {
            let wanted = wanted.and_then(|wanted| match wanted.without_nothing().field(&field.name.text) {
                FieldAccess::Type(ty) => Some(ty),
                _ => None,
            });
            let mut value = self.lower(&field.value, wanted.as_ref());
            let first = *firsts.entry(&field.name.text).or_insert(field.name.span);
            if first != field.name.span {
                self.report(super::modules::given_twice(&field.name, first));
                continue;
            }
            if let Some(wanted) = &wanted {
                let to = crate::types::Field::of(wanted.clone());
                convert(&mut value, &to);
            }
            literals.push((field.name.text.clone(), (field.span, value.literal)));
            members.push((field.name.text.clone(), value.expr));
            types.push((field.name.text.clone(), parts.add(value.ty)));
        }
        let ty = parts.whole(|| Type::closed_record(types));
        let literal = Literal::record(literals).of(&ty);
        Typed { expr: Expr::Record { members }, ty, span, literal }
    }
}

fn item_type(list: &Type) -> Option<Type> {
    match list.without_nothing() {
        Type::List { of } => Some(*of),
        Type::Union { of } => of.iter().find_map(item_type),
        _ => None,
    }
}

/// Inserts the conversion from int to decimal or number that a target type needs.
pub(crate) fn widen(typed: &mut Typed, target: &Type) {
    if let Some(to) = widening(&typed.ty, target) {
        let of = Box::new(std::mem::replace(&mut typed.expr, Expr::Null));
        typed.expr = Expr::Widen { to: to.to_owned(), of };
        let wide = if to == "decimal" { Type::Decimal } else { Type::Number };
        typed.ty = if typed.ty.is_optional() { wide.optional() } else { wide };
    }
}

/// Does to a value what its place needs: widening, and null where an absent value is put into a required nullable place.
pub(crate) fn convert(typed: &mut Typed, to: &crate::types::Field) {
    let conversion = crate::types::conversion(&typed.ty, to);
    widen(typed, &to.ty);
    if conversion.absent_as_null {
        let left = Box::new(std::mem::replace(&mut typed.expr, Expr::Null));
        typed.expr = Expr::Binary { operator: BinaryOperator::Coalesce, left, right: Box::new(Expr::Null) };
        typed.ty = Type::union(vec![typed.ty.clone().present(), Type::Null]);
    }
}

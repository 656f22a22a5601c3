//! Prefix and infix operators.

use std::collections::BTreeSet;

use super::expressions::{Lowering, Typed, widen};
use crate::base::{did_you_mean, meant};
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::types as codes;
use crate::expr::{BinaryOperator, Expr, UnaryOperator};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::types::{Literal, Type, arithmetic, comparable, ordered};

impl Lowering<'_, '_> {
    pub(super) fn unary(
        &mut self,
        operator: &ast::Spanned<ast::UnaryOperator>,
        of: &ast::Expr,
        span: Span,
        wanted: Option<&Type>,
    ) -> Typed {
        match operator.value {
            ast::UnaryOperator::Not => {
                let of = self.condition(of);
                let expr = Expr::Unary { operator: UnaryOperator::Not, of: Box::new(of.expr) };
                Typed { expr, ty: Type::Bool, span, literal: Literal::default() }
            }
            ast::UnaryOperator::Negate => {
                let of = match &of.kind {
                    ExprKind::Int(value) => return self.integer(value.saturating_neg(), span, wanted),
                    ExprKind::Decimal(text) => return self.decimal(&format!("-{text}"), span, wanted),
                    _ => self.lower(of, wanted),
                };
                if of.ty == Type::Never {
                    return self.poison(span);
                }
                if !of.ty.is_numeric() {
                    self.unfit(of.span, &of.ty.clone(), "`-` takes a number", None);
                    return self.poison(span);
                }
                let ty = of.ty.general();
                let expr = Expr::Unary { operator: UnaryOperator::Negate, of: Box::new(of.expr) };
                Typed { expr, ty, span, literal: Literal::default() }
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        operator: &ast::Spanned<ast::BinaryOperator>,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
        wanted: Option<&Type>,
    ) -> Typed {
        use ast::BinaryOperator as Op;
        let word = operator.value.word();
        let ir = ir_operator(operator.value);
        let build = |left: Typed, right: Typed, ty: Type| Typed {
            expr: Expr::Binary { operator: ir, left: Box::new(left.expr), right: Box::new(right.expr) },
            ty,
            span,
            literal: Literal::default(),
        };
        match operator.value {
            Op::And | Op::Or => {
                let (left, right) = (self.condition(left), self.condition(right));
                build(left, right, Type::Bool)
            }
            Op::Coalesce => {
                let (written, default) = (left, right.span);
                let mut left = self.lower(left, wanted);
                let present = left.ty.without_nothing();
                let hint = if present == Type::Never { wanted } else { Some(&present) };
                let mut right = self.lower(right, hint);
                if left.ty == Type::Never || right.ty == Type::Never {
                    return self.poison(span);
                }
                if present == left.ty && !left.ty.takes_null() {
                    self.needless_default(written, default);
                }
                let ty = Type::join(&present, &right.ty).capped();
                widen(&mut left, &ty);
                widen(&mut right, &ty);
                let literal = left.literal.clone().or(right.literal.clone()).of(&ty);
                Typed { literal, ..build(left, right, ty) }
            }
            Op::Equal | Op::NotEqual | Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual => {
                let (mut left, mut right) = self.operands(left, right, None);
                if left.ty == Type::Never || right.ty == Type::Never {
                    return self.poison(span);
                }
                let equality = matches!(operator.value, Op::Equal | Op::NotEqual);
                let fits =
                    if equality { comparable(&left.ty, &right.ty) } else { ordered(&left.ty, &right.ty) };
                if !fits {
                    self.bad_operands(word, operator.span, &left, &right);
                    return self.poison(span);
                }
                let joined = Type::join(&left.ty, &right.ty);
                widen(&mut left, &joined);
                widen(&mut right, &joined);
                build(left, right, Type::Bool)
            }
            Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder => {
                let (mut left, mut right) = self.operands(left, right, wanted);
                if left.ty == Type::Never || right.ty == Type::Never {
                    return self.poison(span);
                }
                let ty = ir_operator(operator.value).arithmetic();
                let Some(ty) = ty.and_then(|operator| arithmetic(operator, &left.ty, &right.ty)) else {
                    self.bad_operands(word, operator.span, &left, &right);
                    return self.poison(span);
                };
                widen(&mut left, &ty);
                widen(&mut right, &ty);
                build(left, right, ty)
            }
        }
    }

    /// Two operands: a literal takes the other's type.
    fn operands(&mut self, left: &ast::Expr, right: &ast::Expr, wanted: Option<&Type>) -> (Typed, Typed) {
        let is_literal = |expression: &ast::Expr| {
            matches!(
                expression.kind,
                ExprKind::Int(_)
                    | ExprKind::Decimal(_)
                    | ExprKind::String(_)
                    | ExprKind::Unary { .. }
                    | ExprKind::List(_)
            )
        };
        if is_literal(left) && !is_literal(right) {
            let right = self.lower(right, wanted);
            let left = self.lower(left, Some(&right.ty));
            (left, right)
        } else {
            let left = self.lower(left, wanted);
            let other = left.ty.general();
            // Between two literals only what is needed outside counts: `1 + 0.5`.
            let hint =
                if is_literal(right) && !matches!(other, Type::Int { .. }) { Some(&other) } else { wanted };
            let right = self.lower(right, hint);
            (left, right)
        }
    }

    /// A `??` whose left side is always there.
    fn needless_default(&mut self, left: &ast::Expr, default: Span) {
        let message = "what stands before this `??` is never absent or null";
        let found = Diagnostic::new(&codes::NEEDLESS_DEFAULT, default, message)
            .and(left.span, "this is always there");
        self.report(match outermost_index(left) {
            Some(index) => {
                let after = Span::new(index.file, index.end, index.end);
                found
                    .note("an item outside the list fails the expression")
                    .help("write `?` after the index: outside the list the item is absent then")
                    .fix("write `?` after the index", vec![(after, "?".to_owned())])
            }
            None => found.help("leave out `??` and what follows it"),
        });
    }

    fn bad_operands(&mut self, word: &str, span: Span, left: &Typed, right: &Typed) {
        let nothing = [left, right].into_iter().find(|side| {
            side.ty != Type::Null && side.ty.without_nothing() != side.ty && !matches!(word, "==" | "!=")
        });
        if let Some(side) = nothing {
            self.unfit(side.span, &side.ty.clone(), &format!("`{word}` needs a value"), None);
            return;
        }
        let shown = self.declared.type_names();
        let mut found =
            Diagnostic::new(&codes::BAD_OPERANDS, span, format!("`{word}` does not take these types"))
                .and(left.span, format!("`{}`", shown.show(&left.ty)))
                .and(right.span, format!("`{}`", shown.show(&right.ty)));
        if let Some((written, words)) = never_equal(word, left, right) {
            found.message =
                format!("these are never equal: `\"{written}\"` is none of the words of the other");
            let near = did_you_mean(&written, words.iter().map(String::as_str));
            found =
                found.help(near.map_or_else(|| "write one of them".to_owned(), |near| meant(&written, near)));
        } else {
            found = found.help(operands_help(word, left, right));
        }
        self.report(found);
    }
}

/// The words of a string that has no others.
fn words(side: &Typed) -> Option<BTreeSet<String>> {
    match side.ty.without_nothing() {
        Type::String { values } => values,
        _ => None,
    }
}

/// A literal beside an enumeration that it is none of, and the words of that.
fn never_equal(word: &str, left: &Typed, right: &Typed) -> Option<(String, BTreeSet<String>)> {
    let equality = matches!(word, "==" | "!=");
    let (left, right) = (words(left).filter(|_| equality)?, words(right)?);
    let (literal, words) = if right.len() == 1 { (right, left) } else { (left, right) };
    let [literal] = <[String; 1]>::try_from(literal.into_iter().collect::<Vec<_>>()).ok()?;
    Some((literal, words))
}

fn operands_help(word: &str, left: &Typed, right: &Typed) -> String {
    let types = [left.ty.without_nothing(), right.ty.without_nothing()];
    let any = |test: fn(&Type) -> bool| types.iter().any(test);
    let text = |ty: &Type| matches!(ty, Type::String { .. });
    let literal = [left, right].into_iter().find_map(|side| match &side.expr {
        Expr::Int { value } => Some(*value),
        _ => None,
    });
    let help = match word {
        "+" if any(text) && any(Type::is_numeric) => {
            "text is joined in a string: `\"{a}{b}\"`; to add, `decimal(x)` makes a decimal of text"
        }
        "+" if any(text) => "text is joined in a string: `\"{a}{b}\"`",
        "==" | "!=" | "<" | "<=" | ">" | ">=" if any(text) && any(Type::is_numeric) => {
            return match literal {
                Some(number) => {
                    format!("text is no number: write `\"{number}\"`, or `decimal(x)` of the text")
                }
                None => {
                    "text is no number: `string(x)` makes text of one, `decimal(x)` makes a decimal of text"
                        .to_owned()
                }
            };
        }
        _ if any(|ty| *ty == Type::Decimal) && any(|ty| *ty == Type::Number) => {
            "convert one of them: `decimal(x)` or `number(x)`"
        }
        "+" | "-" if any(|ty| *ty == Type::Timestamp) => {
            "a moment takes `+` and `-` with a length of time behind it: `run.started + 30m`; between two moments `-` gives one"
        }
        "*" | "/" | "%" if any(|ty| *ty == Type::Duration) => {
            "a length of time takes `*` with an int behind it: `5m * 2`"
        }
        "+" | "-" | "*" | "/" | "%" => "it takes numbers: an int, decimal or number on each side",
        "<" | "<=" | ">" | ">=" => {
            "it orders two values of one kind: numbers, texts, moments or lengths of time"
        }
        _ => "compare two values of one kind",
    };
    help.to_owned()
}

fn ir_operator(operator: ast::BinaryOperator) -> BinaryOperator {
    use ast::BinaryOperator as Op;
    match operator {
        Op::Add => BinaryOperator::Add,
        Op::Subtract => BinaryOperator::Subtract,
        Op::Multiply => BinaryOperator::Multiply,
        Op::Divide => BinaryOperator::Divide,
        Op::Remainder => BinaryOperator::Remainder,
        Op::Equal => BinaryOperator::Equal,
        Op::NotEqual => BinaryOperator::NotEqual,
        Op::Less => BinaryOperator::Less,
        Op::LessOrEqual => BinaryOperator::LessOrEqual,
        Op::Greater => BinaryOperator::Greater,
        Op::GreaterOrEqual => BinaryOperator::GreaterOrEqual,
        Op::And => BinaryOperator::And,
        Op::Or => BinaryOperator::Or,
        Op::Coalesce => BinaryOperator::Coalesce,
    }
}

/// Where the last index of a path of members and items stands that fails outside its list.
fn outermost_index(expression: &ast::Expr) -> Option<Span> {
    match &expression.kind {
        ExprKind::Index { optional: false, .. } => Some(expression.span),
        ExprKind::Index { of, .. } | ExprKind::Field { of, .. } => outermost_index(of),
        _ => None,
    }
}

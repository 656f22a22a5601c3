//! Prefix and infix operators.

use super::expressions::{Lowering, Typed, widen};
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::types as codes;
use crate::expr::{BinaryOperator, Expr, UnaryOperator};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};
use crate::types::{Type, arithmetic, comparable, ordered};

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
                Typed { expr, ty: Type::Bool, span, literal: false }
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
                    self.unfit(of.span, &of.ty.clone(), "`-` takes a number");
                    return self.poison(span);
                }
                let ty = of.ty.general();
                let expr = Expr::Unary { operator: UnaryOperator::Negate, of: Box::new(of.expr) };
                Typed { expr, ty, span, literal: false }
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
            literal: false,
        };
        match operator.value {
            Op::And | Op::Or => {
                let (left, right) = (self.condition(left), self.condition(right));
                build(left, right, Type::Bool)
            }
            Op::Coalesce => {
                let mut left = self.lower(left, wanted);
                let present = left.ty.without_nothing();
                let hint = if present == Type::Never { wanted } else { Some(&present) };
                let mut right = self.lower(right, hint);
                if left.ty == Type::Never || right.ty == Type::Never {
                    return self.poison(span);
                }
                let ty = Type::join(&present, &right.ty).capped();
                widen(&mut left, &ty);
                widen(&mut right, &ty);
                build(left, right, ty)
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
                ExprKind::Int(_) | ExprKind::Decimal(_) | ExprKind::Unary { .. } | ExprKind::List(_)
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

    fn bad_operands(&mut self, word: &str, span: Span, left: &Typed, right: &Typed) {
        let nothing = [left, right].into_iter().find(|side| {
            side.ty != Type::Null && side.ty.without_nothing() != side.ty && !matches!(word, "==" | "!=")
        });
        if let Some(side) = nothing {
            self.unfit(side.span, &side.ty.clone(), &format!("`{word}` needs a value"));
            return;
        }
        let shown = self.declared.type_names();
        let message = format!("`{word}` does not take these types");
        let mixed = |a: &Type, b: &Type| {
            matches!((a, b), (Type::Decimal, Type::Number) | (Type::Number, Type::Decimal))
        };
        let mut diagnostic = Diagnostic::new(&codes::BAD_OPERANDS, span, message)
            .and(left.span, format!("`{}`", shown.show(&left.ty)))
            .and(right.span, format!("`{}`", shown.show(&right.ty)));
        let text = |ty: &Type| matches!(ty.general(), Type::String { .. });
        if word == "+" && (text(&left.ty) || text(&right.ty)) {
            diagnostic = diagnostic.help("text is joined in a string: `\"{a}{b}\"`");
        } else if mixed(&left.ty, &right.ty) {
            diagnostic = diagnostic.help("convert one of them: `decimal(x)` or `number(x)`");
        } else if left.ty == Type::Timestamp || right.ty == Type::Timestamp {
            diagnostic = diagnostic
                .help("a moment takes `+` and `-` with a length of time behind it: `run.started + 30m`; between two moments `-` gives one");
        } else if matches!(word, "==" | "!=") {
            diagnostic =
                diagnostic.help("compare two values of one kind; where one is a literal, it may be misspelt");
        }
        self.report(diagnostic);
    }
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

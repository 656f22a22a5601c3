//! Types and expressions.

use crate::base::limits;
use crate::diagnostics::codes::syntax as codes;
use crate::source::Span;
use crate::syntax::ast::{
    BinaryOperator, Builtin, Expr, ExprKind, MatchArm, Name, Part, RecordField, Spanned, TypeExpr, TypeField,
    TypeKind, UnaryOperator,
};
use crate::syntax::grammar::{Node, Rule};

use super::{Lower, child, children};

/// Links of one chain (`a + b + …`, `a.b.…`, `!!…`) and levels below: an expression is a tree that others walk recursively.
const DEPTH: usize = 4 * limits::SYNTAX_DEPTH;

/// An expression with the height of its tree.
struct Built {
    expr: Expr,
    height: usize,
}

impl Lower<'_> {
    pub(super) fn expr(&mut self, node: Node<'_>) -> Option<Expr> {
        self.built(node).map(|built| built.expr)
    }

    fn built(&mut self, node: Node<'_>) -> Option<Built> {
        let mut operands = Vec::new();
        let mut flat = Vec::new();
        // Operands are lowered first, in order, so that findings come in the order of the text.
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::unary => {
                    let operand = self.unary(part)?;
                    operands.push(operand);
                }
                _ => flat.push(part),
            }
        }
        self.climb(operands, flat)
    }

    /// Precedence climbing over operands and the operators between them.
    fn climb(&mut self, operands: Vec<Built>, operators: Vec<Node<'_>>) -> Option<Built> {
        let mut operands = operands.into_iter();
        let mut values = vec![operands.next()?];
        let mut waiting: Vec<(Spanned<BinaryOperator>, u8)> = Vec::new();
        for (operator, operand) in operators.iter().zip(operands) {
            let (operator, strength) = self.infix(operator)?;
            while waiting.last().is_some_and(|(_, before)| *before >= strength) {
                self.join(&mut values, &mut waiting)?;
            }
            waiting.push((operator, strength));
            values.push(operand);
        }
        while !waiting.is_empty() {
            self.join(&mut values, &mut waiting)?;
        }
        values.pop()
    }

    fn join(
        &mut self,
        values: &mut Vec<Built>,
        waiting: &mut Vec<(Spanned<BinaryOperator>, u8)>,
    ) -> Option<()> {
        let ((operator, _), right, left) = (waiting.pop()?, values.pop()?, values.pop()?);
        let height = left.height.max(right.height) + 1;
        let span = left.expr.span.to(right.expr.span);
        let kind = ExprKind::Binary { operator, left: Box::new(left.expr), right: Box::new(right.expr) };
        values.push(self.node(kind, span, height));
        Some(())
    }

    /// An infix operator and how tightly it binds. `??` binds tighter than comparison, so that `x ?? 0 > 5` compares
    /// what `x` falls back to.
    fn infix(&self, node: &Node<'_>) -> Option<(Spanned<BinaryOperator>, u8)> {
        let (value, strength) = match node.as_rule() {
            Rule::or => (BinaryOperator::Or, 1),
            Rule::and => (BinaryOperator::And, 2),
            Rule::equal => (BinaryOperator::Equal, 3),
            Rule::not_equal => (BinaryOperator::NotEqual, 3),
            Rule::less => (BinaryOperator::Less, 4),
            Rule::at_most_operator => (BinaryOperator::LessOrEqual, 4),
            Rule::greater => (BinaryOperator::Greater, 4),
            Rule::at_least => (BinaryOperator::GreaterOrEqual, 4),
            Rule::coalesce => (BinaryOperator::Coalesce, 5),
            Rule::add => (BinaryOperator::Add, 6),
            Rule::subtract => (BinaryOperator::Subtract, 6),
            Rule::multiply => (BinaryOperator::Multiply, 7),
            Rule::divide => (BinaryOperator::Divide, 7),
            Rule::remainder => (BinaryOperator::Remainder, 7),
            _ => return None,
        };
        Some((Spanned { value, span: self.span(node) }, strength))
    }

    /// A node of the tree; one that is too high is reported and replaced, so that no tree can exhaust a walker's stack.
    fn node(&mut self, kind: ExprKind, span: Span, height: usize) -> Built {
        if height <= DEPTH {
            return Built { expr: Expr { span, kind }, height };
        }
        if !std::mem::replace(&mut self.deep, true) {
            let message = format!("this expression chains more than {DEPTH} operations");
            self.report(&codes::TOO_DEEP, span, message, "give parts of it names with `let`");
        }
        Built { expr: Expr { span, kind: ExprKind::Null }, height: 1 }
    }

    /// Prefixes, a primary, postfixes.
    fn unary(&mut self, node: Node<'_>) -> Option<Built> {
        let mut prefixes = Vec::new();
        let mut built: Option<Built> = None;
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::not => prefixes.push(Spanned { value: UnaryOperator::Not, span: at }),
                Rule::negate => prefixes.push(Spanned { value: UnaryOperator::Negate, span: at }),
                Rule::open_paren | Rule::close_paren => {}
                Rule::field | Rule::optional_field | Rule::index => built = Some(self.postfix(built?, part)?),
                _ => built = Some(self.primary(part)?),
            }
        }
        let mut built = built?;
        for operator in prefixes.into_iter().rev() {
            let span = operator.span.to(built.expr.span);
            let height = built.height + 1;
            built = self.node(ExprKind::Unary { operator, of: Box::new(built.expr) }, span, height);
        }
        Some(built)
    }

    fn postfix(&mut self, of: Built, node: Node<'_>) -> Option<Built> {
        let at = self.span(&node);
        let span = of.expr.span.to(at);
        let optional_field = node.as_rule() == Rule::optional_field;
        if node.as_rule() == Rule::index {
            let optional = child(node.clone(), Rule::index_optional).is_some();
            let index = self.built(child(node, Rule::expr)?)?;
            let height = of.height.max(index.height) + 1;
            let kind = ExprKind::Index { of: Box::new(of.expr), index: Box::new(index.expr), optional };
            return Some(self.node(kind, span, height));
        }
        let name = self.member_name(node)?;
        // `xs[i]?.f` reads as `xs[i]?` and `?.f` at once: neither a missing item nor what follows may fail.
        let touches = self.scan.clean.get(..at.start).is_some_and(|before| before.ends_with('?'));
        let after_index = matches!(of.expr.kind, ExprKind::Index { optional: true, .. });
        let optional = optional_field || (touches && after_index);
        Some(self.node(ExprKind::Field { of: Box::new(of.expr), name, optional }, span, of.height + 1))
    }

    /// A member's name: a word or a string.
    pub(super) fn member_name(&mut self, node: Node<'_>) -> Option<Name> {
        let part =
            node.into_inner().find(|part| matches!(part.as_rule(), Rule::member | Rule::plain_string))?;
        match part.as_rule() {
            Rule::member => Some(self.name(part)),
            _ => self.text(part).map(|text| Name { text: text.value, span: text.span }),
        }
    }

    fn primary(&mut self, node: Node<'_>) -> Option<Built> {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            // In brackets: its own place, so that a fix can put something around it.
            Rule::expr => return self.built(node),
            Rule::true_literal => ExprKind::Bool(true),
            Rule::false_literal => ExprKind::Bool(false),
            Rule::null_literal => ExprKind::Null,
            Rule::integer => ExprKind::Int(self.integer(&node)),
            Rule::decimal => ExprKind::Decimal(node.as_str().to_owned()),
            Rule::duration => ExprKind::Duration(self.millis(node).value),
            Rule::name_expr => ExprKind::Name(self.name(child(node, Rule::name)?)),
            Rule::string => return self.string(node),
            Rule::if_expr => {
                let mut parts = self.all(children(node, Rule::expr))?;
                let height = parts.height + 1;
                let (otherwise, then) = (parts.exprs.pop()?, parts.exprs.pop()?);
                let condition = parts.exprs.pop()?;
                let kind = ExprKind::If {
                    condition: Box::new(condition),
                    then: Box::new(then),
                    otherwise: Box::new(otherwise),
                };
                return Some(self.node(kind, span, height));
            }
            Rule::match_expr => {
                let step = self.name(child(node.clone(), Rule::name)?);
                let mut arms = Vec::new();
                let mut height = 0;
                for arm in children(node, Rule::match_arm) {
                    let at = self.span(&arm);
                    let status = child(arm.clone(), Rule::integer).map(|status| self.status(status));
                    let binding = child(arm.clone(), Rule::binding).map(|binding| self.name(binding));
                    let value = self.built(child(arm, Rule::expr)?)?;
                    height = height.max(value.height);
                    arms.push(MatchArm { span: at, status, binding, value: value.expr });
                }
                return Some(self.node(ExprKind::Match { step, arms }, span, height + 1));
            }
            Rule::function_call => {
                let function = self.name(child(node.clone(), Rule::function_name)?);
                let arguments = self.all(children(node, Rule::expr))?;
                let kind = ExprKind::Call { function, arguments: arguments.exprs };
                return Some(self.node(kind, span, arguments.height + 1));
            }
            Rule::list_expr => return self.list(node),
            Rule::record_expr => {
                let mut fields = Vec::new();
                let mut height = 0;
                for field in children(node, Rule::record_field) {
                    let at = self.span(&field);
                    let name = self.member_name(field.clone())?;
                    let value = self.built(child(field, Rule::expr)?)?;
                    height = height.max(value.height);
                    fields.push(RecordField { span: at, name, value: value.expr });
                }
                return Some(self.node(ExprKind::Record(fields), span, height + 1));
            }
            _ => return None,
        };
        Some(self.node(kind, span, 1))
    }

    fn all<'n>(&mut self, nodes: impl Iterator<Item = Node<'n>>) -> Option<Many> {
        let mut many = Many { exprs: Vec::new(), height: 0 };
        for node in nodes {
            let built = self.built(node)?;
            many.height = many.height.max(built.height);
            many.exprs.push(built.expr);
        }
        Some(many)
    }

    fn list(&mut self, node: Node<'_>) -> Option<Built> {
        let span = self.span(&node);
        let comprehension = child(node.clone(), Rule::comprehension);
        let mut items = self.all(children(node, Rule::expr))?;
        let Some(comprehension) = comprehension else {
            return Some(self.node(ExprKind::List(items.exprs), span, items.height + 1));
        };
        let variable = self.name(child(comprehension.clone(), Rule::binding)?);
        let list = self.built(child(comprehension.clone(), Rule::expr)?)?;
        let condition = match child(comprehension, Rule::when_clause) {
            Some(when) => Some(self.built(child(when, Rule::expr)?)?),
            None => None,
        };
        let below = condition.as_ref().map_or(0, |condition| condition.height);
        let height = items.height.max(list.height).max(below) + 1;
        let kind = ExprKind::Comprehension {
            item: Box::new(items.exprs.pop()?),
            variable,
            list: Box::new(list.expr),
            condition: condition.map(|condition| Box::new(condition.expr)),
        };
        Some(self.node(kind, span, height))
    }

    fn string(&mut self, node: Node<'_>) -> Option<Built> {
        let span = self.span(&node);
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut height = 0;
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::string_text => text.push_str(part.as_str()),
                Rule::escape => self.escape(&part, &mut text),
                Rule::hole => {
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    let value = self.built(child(part, Rule::expr)?)?;
                    height = height.max(value.height);
                    parts.push(Part::Value(value.expr));
                }
                _ => {}
            }
        }
        if parts.is_empty() {
            return Some(self.node(ExprKind::String(text), span, 1));
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Some(self.node(ExprKind::Interpolation(parts), span, height + 1))
    }

    pub(super) fn type_expr(&mut self, node: Node<'_>) -> Option<TypeExpr> {
        let span = self.span(&node);
        let mut parts = Vec::new();
        for part in children(node, Rule::type_part) {
            parts.push(self.type_part(part)?);
        }
        match parts.len() {
            1 => parts.pop(),
            _ => Some(TypeExpr { span, kind: TypeKind::Union(parts) }),
        }
    }

    fn type_part(&mut self, node: Node<'_>) -> Option<TypeExpr> {
        let span = self.span(&node);
        let mut ty = None;
        for part in node.into_inner() {
            match part.as_rule() {
                Rule::open_paren | Rule::close_paren => {}
                Rule::optional_mark => ty = Some(TypeExpr { span, kind: TypeKind::Optional(Box::new(ty?)) }),
                Rule::type_expr => ty = self.type_expr(part),
                _ => ty = self.type_primary(part),
            }
        }
        ty
    }

    fn type_primary(&mut self, node: Node<'_>) -> Option<TypeExpr> {
        let span = self.span(&node);
        let kind = match node.as_rule() {
            Rule::list_type => TypeKind::List(Box::new(self.type_expr(child(node, Rule::type_expr)?)?)),
            Rule::null_type => TypeKind::Builtin(Builtin::Null),
            Rule::literal_type => TypeKind::Literal(self.text(child(node, Rule::plain_string)?)?.value),
            Rule::schema_type => {
                let api = self.name(child(node.clone(), Rule::name)?);
                TypeKind::Schema { api, schema: self.member_name(node)? }
            }
            Rule::type_name => {
                let name = self.name(child(node, Rule::name)?);
                match Builtin::ALL.into_iter().find(|builtin| builtin.word() == name.text) {
                    Some(builtin) => TypeKind::Builtin(builtin),
                    None => TypeKind::Named(name),
                }
            }
            Rule::record_type => {
                let mut fields = Vec::new();
                let mut quoted = false;
                for field in children(node, Rule::type_field) {
                    quoted |= child(field.clone(), Rule::plain_string).is_some();
                    let at = self.span(&field);
                    let name = self.member_name(field.clone())?;
                    let ty = self.type_expr(child(field, Rule::type_expr)?)?;
                    fields.push(TypeField { span: at, name, ty });
                }
                match (fields.pop(), fields.is_empty()) {
                    (Some(only), true) if only.name.text == "string" && !quoted => {
                        TypeKind::Map(Box::new(only.ty))
                    }
                    (last, _) => {
                        fields.extend(last);
                        TypeKind::Record(fields)
                    }
                }
            }
            _ => return None,
        };
        Some(TypeExpr { span, kind })
    }
}

/// Expressions with the height of the highest.
struct Many {
    exprs: Vec<Expr>,
    height: usize,
}

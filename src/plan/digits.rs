//! Which values may hold a decimal of more digits than a JSON number keeps: they cannot be written where they are due.
//!
//! What comes from outside was read from a JSON number, and a result of `round` was held against it; other arithmetic makes
//! digits.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Block, NodeKind};
use crate::expr::{BinaryOperator, Definitions, Expr, UnaryOperator};
use crate::types::{Members, RecordType, Type, has_too_many_digits};

/// The names of a flow whose values may hold such a decimal.
#[derive(Debug)]
pub struct Digits<'a> {
    names: BTreeSet<&'a str>,
    functions: &'a Definitions,
    /// Of each function, whether its result may, whatever it is given.
    known: BTreeMap<&'a str, bool>,
}

/// Names of a function or a comprehension: whether the value of each may.
type Locals<'a> = Vec<(&'a str, bool)>;

impl<'a> Digits<'a> {
    /// No names yet; [`Digits::name`] adds them, in the order of the source.
    pub fn new(functions: &'a Definitions) -> Digits<'a> {
        Digits { names: BTreeSet::new(), functions, known: BTreeMap::new() }
    }

    /// Of a plan's flow.
    pub(super) fn of(block: &'a Block, functions: &'a Definitions) -> Digits<'a> {
        let mut digits = Digits::new(functions);
        digits.block(block);
        digits
    }

    fn block(&mut self, block: &'a Block) {
        for node in &block.nodes {
            match &node.kind {
                NodeKind::Let { value, .. } => self.name(&node.id, value),
                NodeKind::Signal(signal) => self.name(&node.id, &signal.otherwise),
                NodeKind::For(repeat) => {
                    self.name(&repeat.variable, &repeat.list);
                    self.block(&repeat.body);
                    repeat.result.iter().for_each(|result| self.name(&node.id, result));
                }
                _ => {}
            }
        }
    }

    /// A name and its value.
    pub fn name(&mut self, name: &'a str, value: &'a Expr) {
        if self.may(value, &mut Vec::new()) {
            self.names.insert(name);
        }
    }

    /// Whether a value may hold such a decimal where one of this type is due.
    pub fn may_be_unwritable(&mut self, value: &'a Expr, due: &Type) -> bool {
        match (value, due) {
            (Expr::Record { members }, Type::Record(record)) => {
                members.iter().any(|(name, value)| match record.fields.get(name) {
                    Some(field) => self.may_be_unwritable(value, &field.ty),
                    None => self.may(value, &mut Vec::new()),
                })
            }
            _ => takes_decimals(due) && self.may(value, &mut Vec::new()),
        }
    }

    fn may(&mut self, value: &'a Expr, locals: &mut Locals<'a>) -> bool {
        use BinaryOperator as Op;
        match value {
            Expr::Decimal { value } => has_too_many_digits(value),
            Expr::Name { name } => match locals.iter().rev().find(|(local, _)| local == name) {
                Some((_, may)) => *may,
                None => self.names.contains(name.as_str()),
            },
            Expr::Binary { operator, left, right } => match operator {
                Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder => true,
                Op::Coalesce => self.may(left, locals) || self.may(right, locals),
                _ => false,
            },
            Expr::Unary { operator, of } => *operator == UnaryOperator::Negate && self.may(of, locals),
            Expr::If { then, otherwise, .. } => self.may(then, locals) || self.may(otherwise, locals),
            Expr::Match { arms, otherwise, .. } => {
                let mut arms = arms.iter();
                arms.any(|arm| {
                    let before = locals.len();
                    // An answer's body.
                    locals.extend(arm.variable.as_deref().map(|variable| (variable, false)));
                    let may = self.may(&arm.value, locals);
                    locals.truncate(before);
                    may
                }) || otherwise.as_ref().is_some_and(|otherwise| self.may(otherwise, locals))
            }
            Expr::List { items } => items.iter().any(|item| self.may(item, locals)),
            Expr::Record { members } => members.iter().any(|(_, value)| self.may(value, locals)),
            Expr::Comprehension { variable, list, item, .. } => {
                let items = self.may(list, locals);
                locals.push((variable, items));
                let may = self.may(item, locals);
                locals.pop();
                may
            }
            Expr::Field { of, .. } | Expr::Index { of, .. } | Expr::Widen { of, .. } => self.may(of, locals),
            Expr::Call { function, arguments } => match function.as_str() {
                "abs" | "max" | "min" => arguments.iter().any(|argument| self.may(argument, locals)),
                "decimal" | "sum" => true,
                // `round` fails where its result has too many digits; the others give no decimal.
                _ => false,
            },
            Expr::Apply { function, arguments } => {
                arguments.iter().any(|argument| self.may(argument, locals)) || self.gives(function)
            }
            Expr::Null
            | Expr::Bool { .. }
            | Expr::Int { .. }
            | Expr::Number { .. }
            | Expr::String { .. }
            | Expr::Duration { .. }
            | Expr::Timestamp { .. }
            | Expr::Interpolate { .. }
            | Expr::Run { .. }
            | Expr::Next
            | Expr::Status { .. }
            | Expr::Headers { .. } => false,
        }
    }

    /// Whether a function makes such a decimal of arguments that hold none.
    fn gives(&mut self, function: &str) -> bool {
        let Some((name, definition)) = self.functions.get_key_value(function) else { return true };
        if let Some(known) = self.known.get(name.as_str()) {
            return *known;
        }
        // Until it is known: functions do not call themselves, and one that does in an edited plan was refused.
        self.known.insert(name, true);
        let mut parameters = definition.parameters.iter().map(|name| (name.as_str(), false)).collect();
        let may = self.may(&definition.body, &mut parameters);
        self.known.insert(name, may);
        may
    }
}

/// Whether decimals may stand in values of a type.
fn takes_decimals(ty: &Type) -> bool {
    match ty {
        Type::Decimal | Type::Unknown { .. } => true,
        Type::List { of } | Type::Map { of } | Type::Optional { of } => takes_decimals(of),
        Type::Union { of } => of.iter().any(takes_decimals),
        Type::Record(RecordType { fields, others }) => {
            fields.values().any(|field| takes_decimals(&field.ty))
                || match others {
                    Members::Closed => false,
                    Members::Open => true,
                    Members::Of(ty) => takes_decimals(ty),
                }
        }
        _ => false,
    }
}

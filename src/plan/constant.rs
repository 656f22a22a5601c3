//! Conditions that are the same in every run.

use std::collections::BTreeMap;

use super::names::each_child;
use crate::base::Timestamp;
use crate::expr::{BinaryOperator, Expr, Scope, UnaryOperator, evaluate};
use crate::types::Value;

/// Named values that are the same in every run, and small.
#[derive(Debug, Default)]
pub struct Constants(BTreeMap<String, Value>);

/// The longest text that is kept.
const TEXT_BYTES: usize = 256;

impl Constants {
    /// Keeps a named value where it is one.
    pub fn define(&mut self, name: &str, value: &Expr) {
        let small = |value: &Value| match value {
            Value::String(text) => text.len() <= TEXT_BYTES,
            value => matches!(value, Value::Bool(_) | Value::Int(_) | Value::Decimal(_)),
        };
        if let Some(value) = self.value(value).filter(small) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// What a condition always is; `None` where that hangs on the run.
    pub fn condition(&self, condition: &Expr) -> Option<bool> {
        match condition {
            Expr::Binary { operator: operator @ (BinaryOperator::And | BinaryOperator::Or), left, right } => {
                let ends = *operator == BinaryOperator::Or;
                match (self.condition(left), self.condition(right)) {
                    (Some(left), _) if left == ends => Some(ends),
                    // What stands on the left may fail first: then nothing that follows runs either.
                    (_, Some(right)) if right == ends => Some(ends),
                    (Some(_), Some(_)) => Some(!ends),
                    _ => None,
                }
            }
            Expr::Unary { operator: UnaryOperator::Not, of } => self.condition(of).map(|of| !of),
            _ => match self.value(condition)? {
                Value::Bool(value) => Some(value),
                _ => None,
            },
        }
    }

    fn value(&self, expression: &Expr) -> Option<Value> {
        self.is_closed(expression).then(|| evaluate(expression, self).ok()).flatten()
    }

    /// Whether nothing in it hangs on the run. Functions may take long, and are not followed.
    fn is_closed(&self, expression: &Expr) -> bool {
        let own = match expression {
            Expr::Name { name } => self.0.contains_key(name),
            Expr::Null
            | Expr::Bool { .. }
            | Expr::Int { .. }
            | Expr::Decimal { .. }
            | Expr::Number { .. }
            | Expr::String { .. }
            | Expr::Duration { .. }
            | Expr::Widen { .. }
            | Expr::Unary { .. }
            | Expr::Binary { .. }
            | Expr::If { .. } => true,
            _ => false,
        };
        let mut closed = own;
        if own {
            each_child(expression, &mut |child| closed = closed && self.is_closed(child));
        }
        closed
    }
}

impl Scope for Constants {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn run_id(&self) -> &str {
        ""
    }

    fn run_started(&self) -> Timestamp {
        Timestamp(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_literals_and_constants_are_known() {
        let yes = || Box::new(Expr::Bool { value: true });
        let no = || Box::new(Expr::Bool { value: false });
        let open = || Box::new(Expr::Name { name: "b".into() });
        let binary = |operator, left, right| Expr::Binary { operator, left, right };
        let mut constants = Constants::default();
        constants.define("never", &no());
        let never = || Box::new(Expr::Name { name: "never".into() });
        for (condition, is) in [
            (binary(BinaryOperator::And, open(), no()), Some(false)),
            (binary(BinaryOperator::And, open(), yes()), None),
            (binary(BinaryOperator::Or, open(), yes()), Some(true)),
            (binary(BinaryOperator::Or, never(), no()), Some(false)),
            (Expr::Unary { operator: UnaryOperator::Not, of: never() }, Some(true)),
            (
                binary(
                    BinaryOperator::Equal,
                    Box::new(Expr::Int { value: 1 }),
                    Box::new(Expr::Int { value: 2 }),
                ),
                Some(false),
            ),
            (Expr::Run { member: "id".into() }, None),
        ] {
            assert_eq!(constants.condition(&condition), is, "{condition:?}");
        }
    }
}

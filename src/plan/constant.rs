//! Conditions that are the same in every run.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::names::each_child;
use crate::base::Timestamp;
use crate::expr::{BinaryOperator, Expr, Scope, UnaryOperator, compare, equal, evaluate};
use crate::types::Value;

/// Named values that are the same in every run, and small.
#[derive(Debug, Default)]
pub struct Constants(BTreeMap<String, Value>);

/// The longest text that is kept.
const TEXT_BYTES: usize = 256;

/// Most parts of one condition that are held against each other.
const PARTS: usize = 32;

impl Constants {
    /// Keeps a named value where it is one.
    pub fn define(&mut self, name: &str, value: &Expr) {
        let small = |value: &Value| match value {
            Value::String(text) => text.len() <= TEXT_BYTES,
            value => matches!(value, Value::Bool(_) | Value::Int(_) | Value::Decimal(_)),
        };
        let value = self.value(value).or_else(|| self.condition(value).map(Value::Bool));
        if let Some(value) = value.filter(small) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// What a condition always is; `None` where that hangs on the run.
    pub fn condition(&self, condition: &Expr) -> Option<bool> {
        let never = |holds| self.contradicts(condition, holds).then_some(!holds);
        self.folded(condition).or_else(|| never(true)).or_else(|| never(false))
    }

    fn folded(&self, condition: &Expr) -> Option<bool> {
        match condition {
            Expr::Binary { operator: operator @ (BinaryOperator::And | BinaryOperator::Or), left, right } => {
                let ends = *operator == BinaryOperator::Or;
                match (self.folded(left), self.folded(right)) {
                    (Some(left), _) if left == ends => Some(ends),
                    // What stands on the left may fail first: then nothing that follows runs either.
                    (_, Some(right)) if right == ends => Some(ends),
                    (Some(_), Some(_)) => Some(!ends),
                    _ => None,
                }
            }
            Expr::Unary { operator: UnaryOperator::Not, of } => self.folded(of).map(|of| !of),
            Expr::If { condition, then, otherwise } => match self.folded(condition) {
                Some(holds) => self.folded(if holds { then } else { otherwise }),
                None => self.folded(then).filter(|then| self.folded(otherwise) == Some(*then)),
            },
            Expr::Binary { operator, left, right } if left == right => admits(*operator, Ordering::Equal),
            _ => match self.value(condition)? {
                Value::Bool(value) => Some(value),
                _ => None,
            },
        }
    }

    /// Whether a condition cannot be what `holds` says, since two of its parts then exclude each other.
    fn contradicts(&self, condition: &Expr, holds: bool) -> bool {
        let mut parts = Vec::new();
        collect(condition, holds, &mut parts);
        let parts: Vec<_> =
            parts.into_iter().map(|(part, holds)| (part, holds, self.compared(part, holds))).collect();
        parts.iter().enumerate().any(|(at, (part, holds, compared))| {
            parts.iter().take(at).any(|(other, other_holds, other_compared)| {
                (holds != other_holds && part == other)
                    || matches!((compared, other_compared), (Some(one), Some(other)) if one.excludes(other))
            })
        })
    }

    /// A comparison with a value that is known.
    fn compared<'e>(&self, part: &'e Expr, holds: bool) -> Option<Compared<'e>> {
        let Expr::Binary { operator, left, right } = part else { return None };
        let (of, value, turned) = match (self.value(left), self.value(right)) {
            (None, Some(value)) => (left, value, false),
            (Some(value), None) => (right, value, true),
            _ => return None,
        };
        let orders = [Ordering::Less, Ordering::Equal, Ordering::Greater].map(|order| {
            let order = if turned { order.reverse() } else { order };
            admits(*operator, order).map(|admits| admits == holds)
        });
        match orders {
            [Some(less), Some(equal), Some(greater)] => {
                Some(Compared { of, value, orders: [less, equal, greater] })
            }
            _ => None,
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
            | Expr::Timestamp { .. }
            | Expr::Widen { .. }
            | Expr::Unary { .. }
            | Expr::Binary { .. }
            | Expr::If { .. }
            | Expr::List { .. } => true,
            Expr::Call { function, .. } => {
                matches!(
                    function.as_str(),
                    "length" | "contains" | "starts_with" | "ends_with" | "lower" | "upper"
                )
            }
            _ => false,
        };
        let mut closed = own;
        if own {
            each_child(expression, &mut |child| closed = closed && self.is_closed(child));
        }
        closed
    }
}

/// A comparison of something with a known value: whether it holds of what is less than that, equal to it, greater.
struct Compared<'e> {
    of: &'e Expr,
    value: Value,
    orders: [bool; 3],
}

impl Compared<'_> {
    /// Whether nothing is as both say.
    fn excludes(&self, other: &Compared<'_>) -> bool {
        if self.of != other.of {
            return false;
        }
        let order = match compare(&self.value, &other.value) {
            Ok(order) => order,
            // Of what has no order, only that it is the same.
            Err(_) => match equal(&self.value, &other.value) {
                Ok(true) => Ordering::Equal,
                Ok(false) => Ordering::Less,
                Err(_) => return false,
            },
        };
        let (low, high) = if order.is_gt() { (other, self) } else { (self, other) };
        let [[below, at_low, above], [under, at_high, over]] = [low.orders, high.orders];
        let both = if order.is_eq() {
            (below && under) || (at_low && at_high) || (above && over)
        } else {
            (under && (below || at_low || above)) || (above && (at_high || over))
        };
        !both
    }
}

/// Whether a comparison holds of two values in an order; `None` of what is no comparison.
fn admits(operator: BinaryOperator, order: Ordering) -> Option<bool> {
    Some(match operator {
        BinaryOperator::Equal => order.is_eq(),
        BinaryOperator::NotEqual => order.is_ne(),
        BinaryOperator::Less => order.is_lt(),
        BinaryOperator::LessOrEqual => order.is_le(),
        BinaryOperator::Greater => order.is_gt(),
        BinaryOperator::GreaterOrEqual => order.is_ge(),
        _ => return None,
    })
}

/// What all holds where a condition is what `holds` says, each with whether it is true then.
fn collect<'e>(condition: &'e Expr, holds: bool, parts: &mut Vec<(&'e Expr, bool)>) {
    match condition {
        Expr::Binary { operator: BinaryOperator::And, left, right } if holds => {
            collect(left, holds, parts);
            collect(right, holds, parts);
        }
        Expr::Binary { operator: BinaryOperator::Or, left, right } if !holds => {
            collect(left, holds, parts);
            collect(right, holds, parts);
        }
        Expr::Unary { operator: UnaryOperator::Not, of } => collect(of, !holds, parts),
        other if parts.len() < PARTS => parts.push((other, holds)),
        _ => {}
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
            (
                binary(
                    BinaryOperator::And,
                    open(),
                    Box::new(Expr::Unary { operator: UnaryOperator::Not, of: open() }),
                ),
                Some(false),
            ),
            (
                binary(
                    BinaryOperator::Or,
                    Box::new(Expr::Unary { operator: UnaryOperator::Not, of: open() }),
                    open(),
                ),
                Some(true),
            ),
            (binary(BinaryOperator::LessOrEqual, open(), open()), Some(true)),
            (Expr::If { condition: yes(), then: no(), otherwise: open() }, Some(false)),
            (Expr::If { condition: open(), then: no(), otherwise: no() }, Some(false)),
            (Expr::If { condition: open(), then: no(), otherwise: yes() }, None),
        ] {
            assert_eq!(constants.condition(&condition), is, "{condition:?}");
        }
    }

    /// Every two comparisons of a name with 3 and 5, against what they are for 2 to 6.
    #[test]
    fn comparisons_with_literals_exclude_each_other_where_no_value_is_as_both_say() {
        use BinaryOperator::{And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual, Or};
        let operators = [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];
        let decimal = |value: i64| Box::new(Expr::Decimal { value: format!("{value}.0") });
        let name = || Box::new(Expr::Name { name: "g".into() });
        let side = |operator, value: i64, turned: bool| {
            let (left, right) = if turned { (decimal(value), name()) } else { (name(), decimal(value)) };
            Box::new(Expr::Binary { operator, left, right })
        };
        let is = |operator, value: i64, g: i64, turned: bool| {
            admits(operator, if turned { value.cmp(&g) } else { g.cmp(&value) }).unwrap()
        };
        let constants = Constants::default();
        for first in operators {
            for second in operators {
                for (a, b) in [(3, 5), (5, 3), (3, 3)] {
                    for turned in [false, true] {
                        let of = |both| Expr::Binary {
                            operator: both,
                            left: side(first, a, turned),
                            right: side(second, b, false),
                        };
                        let sides = |g| (is(first, a, g, turned), is(second, b, g, false));
                        let never = (2..=6).all(|g| sides(g) != (true, true));
                        assert_eq!(constants.condition(&of(And)), never.then_some(false), "{:?}", of(And));
                        let always = (2..=6).all(|g| sides(g) != (false, false));
                        assert_eq!(constants.condition(&of(Or)), always.then_some(true), "{:?}", of(Or));
                    }
                }
            }
        }
    }
}

//! Where an expression's value comes from, for what its type does not say.

use serde_json::Value as Json;

use super::{BinaryOperator, Expr, written};
use crate::types::{Answer, Counterexample, Provenance, Type};

/// What the names in scope stand for.
pub trait Names {
    /// Where a name's value comes from.
    fn of(&self, name: &str) -> Provenance;
    /// Where a step's answer of one status comes from, in an arm of a `match`.
    fn answer(&self, step: &str, status: u16) -> Provenance;
}

/// Where an expression's value comes from.
pub fn provenance(expression: &Expr, names: &dyn Names) -> Provenance {
    match expression {
        Expr::Name { name } => names.of(name),
        Expr::Field { of, name, .. } => provenance(of, names).member(name),
        Expr::Index { of, .. } => provenance(of, names).item(),
        Expr::If { then, otherwise, .. } => {
            Provenance::one_of(vec![provenance(then, names), provenance(otherwise, names)])
        }
        Expr::Binary { operator: BinaryOperator::Coalesce, left, right } => {
            Provenance::one_of(vec![provenance(left, names), provenance(right, names)])
        }
        Expr::Match { of, arms, otherwise } => {
            let arms = arms.iter().map(|arm| match &arm.variable {
                Some(variable) => {
                    let bound =
                        Bound { name: variable, provenance: names.answer(of, arm.status), outside: names };
                    provenance(&arm.value, &bound)
                }
                None => provenance(&arm.value, names),
            });
            let otherwise = otherwise.iter().map(|otherwise| provenance(otherwise, names));
            Provenance::one_of(arms.chain(otherwise).collect())
        }
        Expr::List { items } => Provenance::items(items.iter().map(|item| provenance(item, names)).collect()),
        Expr::Record { members } => {
            let members = members.iter().map(|(name, value)| (name.clone(), provenance(value, names)));
            Provenance::record(members.collect())
        }
        Expr::Comprehension { variable, list, item, .. } => {
            let bound = Bound { name: variable, provenance: provenance(list, names).item(), outside: names };
            provenance(item, &bound).each()
        }
        // What is written stands for itself; what is made is of the language.
        other => written(other, &Type::any()).whole().map_or(Provenance::Own, Provenance::Exactly),
    }
}

/// Holds an answer about an expression's value against where the value comes from: a no stands only with a value that can be.
pub fn confirmed(answer: Answer, expression: &Expr, to: &Type, names: &dyn Names) -> Answer {
    confirmed_by(answer, expression, to, &|_| false, names)
}

/// The same, where a schema describes the place: a value that it takes to the letter, and its type does not, is not shown.
pub fn confirmed_by(
    answer: Answer,
    expression: &Expr,
    to: &Type,
    takes: &dyn Fn(&Json) -> bool,
    names: &dyn Names,
) -> Answer {
    match answer {
        // Of what is computed the type knows less than what it can be: a value of the type shows nothing.
        Answer::No(wrong) if is_computed(expression) => Answer::No(Counterexample { value: None, ..wrong }),
        Answer::No(_) => provenance(expression, names).confirmed(answer, to, takes),
        other => other,
    }
}

fn is_computed(expression: &Expr) -> bool {
    match expression {
        Expr::Call { .. } | Expr::Unary { .. } => true,
        Expr::Binary { operator, .. } => operator.arithmetic().is_some(),
        _ => false,
    }
}

/// One more name in scope.
struct Bound<'a> {
    name: &'a str,
    provenance: Provenance,
    outside: &'a dyn Names,
}

impl Names for Bound<'_> {
    fn of(&self, name: &str) -> Provenance {
        if name == self.name { self.provenance.clone() } else { self.outside.of(name) }
    }

    fn answer(&self, step: &str, status: u16) -> Provenance {
        self.outside.answer(step, status)
    }
}

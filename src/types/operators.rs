//! What the operators of the language take and give. The compiler reports what they refuse; a plan is held against the same.

use super::{Answer, Type, assignable};

impl Type {
    /// Whether arithmetic takes it: int, decimal or number. A union of integer ranges is an integer.
    pub fn is_numeric(&self) -> bool {
        matches!(self, Type::Decimal | Type::Number) || self.is_int()
    }

    /// Whether a key may be made of it.
    pub fn is_key(&self) -> bool {
        matches!(
            self,
            Type::String { .. } | Type::Int { .. } | Type::Decimal | Type::Bool | Type::EczId | Type::Never
        )
    }

    /// The type of results of arithmetic: a literal's own range is lost.
    pub fn general(&self) -> Type {
        if self.is_int() { Type::int() } else { self.clone() }
    }
}

/// The operators of arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
}

/// The type of `a + b` and of the other four; `None` where they do not take these. One int beside a decimal or a number
/// counts as that, and must be widened. Moments and lengths of time have an arithmetic of their own.
pub fn arithmetic(operator: Arithmetic, left: &Type, right: &Type) -> Option<Type> {
    use Arithmetic::{Add, Multiply, Subtract};
    match (left, operator, right) {
        (Type::Timestamp, Add | Subtract, Type::Duration) => return Some(Type::Timestamp),
        (Type::Timestamp, Subtract, Type::Timestamp) | (Type::Duration, Add | Subtract, Type::Duration) => {
            return Some(Type::Duration);
        }
        (Type::Duration, Multiply, times) if times.is_int() => return Some(Type::Duration),
        _ => {}
    }
    let ty = Type::join(&left.general(), &right.general());
    let mixed = matches!(ty, Type::Union { .. });
    (left.is_numeric() && right.is_numeric() && !mixed).then_some(ty)
}

/// Whether `==` can be true and can be false of two such values.
pub fn comparable(left: &Type, right: &Type) -> bool {
    // What is never null has nothing to compare with it.
    if *left == Type::Null || *right == Type::Null {
        let other = if *left == Type::Null { right } else { left };
        let open = other.is_any() || matches!(other, Type::Unknown { .. });
        return open || *other == Type::Null || other.without_nothing() != *other;
    }
    let (left, right) = (left.without_nothing(), right.without_nothing());
    let no = |from: &Type, to: &Type| matches!(assignable(from, to), Answer::No(_));
    let (a, b) = (left.general(), right.general());
    if is_text(&a) && is_text(&b) {
        // Two enumerations without a common value are never equal: most likely a misspelt literal.
        return match (&a, &b) {
            (Type::String { values: Some(a) }, Type::String { values: Some(b) }) => !a.is_disjoint(b),
            _ => true,
        };
    }
    !(no(&a, &b) && no(&b, &a))
}

/// Whether `<` and the other three take two such values.
pub fn ordered(left: &Type, right: &Type) -> bool {
    let mixed = matches!((left, right), (Type::Decimal, Type::Number) | (Type::Number, Type::Decimal));
    (left.is_numeric() && right.is_numeric() && !mixed)
        || (is_text(left) && is_text(right))
        || (left == right && matches!(left, Type::Timestamp | Type::Duration))
}

fn is_text(ty: &Type) -> bool {
    matches!(ty, Type::String { .. })
}

//! Building types, asking them for members, and writing them as the language spells them.

use std::fmt;

use super::{Field, Members, RecordType, Type};

/// Alternatives of one union; of more the type is unknown.
const MOST_ALTERNATIVES: usize = 512;

const ANY: &str = "any value is allowed";
const REPORTED: &str = "an error was reported";

impl Type {
    /// Any JSON value at all, as the schemas `true` and `{}` say. Unlike other unknowns it takes every value.
    pub fn any() -> Type {
        Type::Unknown { why: ANY.to_owned() }
    }

    /// Whether it is [`Type::any`], or takes every value as that does.
    pub fn is_any(&self) -> bool {
        matches!(self, Type::Unknown { why } if why == ANY || why == REPORTED)
    }

    /// What stands for a type that could not be read: it takes every value, and nothing more is said of a value of it.
    pub fn reported() -> Type {
        Type::unknown(REPORTED)
    }

    /// Whether it is [`Type::reported`].
    pub fn is_reported(&self) -> bool {
        matches!(self, Type::Unknown { why } if why == REPORTED)
    }

    /// A value the checker can't say anything about, and why.
    pub fn unknown(why: impl Into<String>) -> Type {
        Type::Unknown { why: why.into() }
    }

    /// Any string.
    pub fn string() -> Type {
        Type::String { values: None }
    }

    /// Strings of an enumeration; a literal's own type has one value.
    pub fn strings<'a>(values: impl IntoIterator<Item = &'a str>) -> Type {
        Type::String { values: Some(values.into_iter().map(str::to_owned).collect()) }
    }

    /// Any integer.
    pub fn int() -> Type {
        Type::Int { minimum: None, maximum: None }
    }

    /// One integer: a literal's own type.
    pub fn int_value(value: i64) -> Type {
        Type::Int { minimum: Some(value), maximum: Some(value) }
    }

    /// A list.
    pub fn list(of: Type) -> Type {
        Type::List { of: Box::new(of) }
    }

    /// A record without other members, as the flow writes them; an `Optional` type makes an optional member.
    pub fn closed_record<N: Into<String>>(members: impl IntoIterator<Item = (N, Type)>) -> Type {
        let fields = members.into_iter().map(|(name, ty)| (name.into(), Field::of(ty))).collect();
        Type::Record(RecordType { fields, others: Members::Closed })
    }

    /// `T?`. Already optional types stay as they are.
    pub fn optional(self) -> Type {
        match self {
            Type::Optional { .. } => self,
            of => Type::Optional { of: Box::new(of) },
        }
    }

    /// `T` of `T?`; itself otherwise.
    pub fn present(self) -> Type {
        match self {
            Type::Optional { of } => *of,
            other => other,
        }
    }

    /// Whether it may be absent.
    pub fn is_optional(&self) -> bool {
        matches!(self, Type::Optional { .. })
    }

    /// The alternatives of a union; itself otherwise.
    pub fn alternatives(&self) -> &[Type] {
        match self {
            Type::Union { of } => of,
            one => std::slice::from_ref(one),
        }
    }

    /// The one range around all integers of an int, or of a union of ints (`1 | 9`); `None` for any other type.
    pub fn int_range(&self) -> Option<Type> {
        let mut ends: Option<(Option<i64>, Option<i64>)> = None;
        for alternative in self.alternatives() {
            let Type::Int { minimum, maximum } = alternative else { return None };
            ends = Some(match ends {
                None => (*minimum, *maximum),
                Some((low, high)) => {
                    (low.zip(*minimum).map(|(a, b)| a.min(b)), high.zip(*maximum).map(|(a, b)| a.max(b)))
                }
            });
        }
        ends.map(|(minimum, maximum)| Type::Int { minimum, maximum })
    }

    /// What the items of a list are, or of one of several lists: `[int] | [string]` has items of both. `None` for what need
    /// not be a list.
    pub fn items(&self) -> Option<Type> {
        match self {
            Type::Never => Some(Type::Never),
            Type::List { of } => Some((**of).clone()),
            Type::Union { of } => Some(Type::union(of.iter().map(Type::items).collect::<Option<_>>()?)),
            _ => None,
        }
    }

    /// Whether every value is an int, for sure.
    pub fn is_int(&self) -> bool {
        self.int_range().is_some()
    }

    /// Whether null is one of its values for sure.
    pub fn takes_null(&self) -> bool {
        match self {
            Type::Null => true,
            Type::Union { of } => of.iter().any(Type::takes_null),
            Type::Optional { of } => of.takes_null(),
            other => other.is_any(),
        }
    }

    /// The type without absent and null: what `??` leaves of its left side, and `?.` of its record.
    pub fn without_nothing(&self) -> Type {
        match self {
            Type::Optional { of } => of.without_nothing(),
            Type::Null => Type::Never,
            Type::Union { of } => Type::union(of.iter().map(Type::without_nothing).collect()),
            other => other.clone(),
        }
    }

    /// How many types it is made of, itself included: what a copy or a comparison of it costs.
    pub fn weight(&self) -> usize {
        1 + match self {
            Type::List { of } | Type::Map { of } | Type::Optional { of } => of.weight(),
            Type::Union { of } => of.iter().map(Type::weight).sum(),
            Type::String { values: Some(values) } => values.len(),
            Type::Record(record) => {
                let others = if let Members::Of(of) = &record.others { of.weight() } else { 0 };
                others + record.fields.values().map(|field| field.ty.weight()).sum::<usize>()
            }
            _ => 0,
        }
    }

    /// One of several, normalised: flat, without repetition, optional as a whole where one is; enumerations and integer
    /// ranges that meet are merged, and the list without items is one of any list's. No alternative makes `Never`, one makes itself, more than 512 an
    /// unknown.
    pub fn union(alternatives: Vec<Type>) -> Type {
        let mut flat: Vec<Type> = Vec::new();
        let (mut optional, mut many) = (false, false);
        let mut pending: Vec<Type> = alternatives.into_iter().rev().collect();
        while let Some(next) = pending.pop() {
            match next {
                Type::Union { of } => pending.extend(of.into_iter().rev()),
                Type::Optional { of } => {
                    optional = true;
                    pending.push(*of);
                }
                Type::Never => {}
                // Each is compared with all before it.
                other if many && !other.is_any() => {}
                other => {
                    add_alternative(&mut flat, other);
                    many = flat.len() > MOST_ALTERNATIVES;
                }
            }
        }
        if flat.iter().any(Type::is_any) {
            flat = vec![Type::any()];
        } else if many {
            flat = vec![Type::unknown("there are too many alternatives")];
        }
        let union = match flat.len() {
            0 => Type::Never,
            1 => flat.pop().unwrap_or(Type::Never),
            _ => Type::Union { of: flat },
        };
        if optional { union.optional() } else { union }
    }

    /// The type of a value that comes from either branch: int beside decimal or number widens, all else is a union.
    pub fn join(a: &Type, b: &Type) -> Type {
        let optional = a.is_optional() || b.is_optional();
        let widened = match (a.clone().present(), b.clone().present()) {
            (Type::Int { .. }, wide @ (Type::Decimal | Type::Number))
            | (wide @ (Type::Decimal | Type::Number), Type::Int { .. }) => Some(wide),
            _ => None,
        };
        match widened {
            Some(wide) if optional => wide.optional(),
            Some(wide) => wide,
            None => Type::union(vec![a.clone(), b.clone()]),
        }
    }

    /// As [`Type::join`] of any number: `Never` of none.
    pub fn join_all(types: impl IntoIterator<Item = Type>) -> Type {
        let types: Vec<Type> = types.into_iter().collect();
        let wide =
            types.iter().map(|ty| ty.clone().present()).find(|ty| matches!(ty, Type::Decimal | Type::Number));
        let optional = types.iter().any(Type::is_optional);
        match wide {
            Some(wide)
                if types.iter().all(|ty| {
                    let ty = ty.clone().present();
                    matches!(ty, Type::Int { .. } | Type::Never) || ty == wide
                }) =>
            {
                if optional {
                    wide.optional()
                } else {
                    wide
                }
            }
            _ => Type::union(types),
        }
    }
}

impl Field {
    /// A member of a type: optional where the type is.
    pub fn of(ty: Type) -> Field {
        Field { required: !ty.is_optional(), ty: ty.present() }
    }

    /// Its type as an access yields it.
    pub fn as_type(&self) -> Type {
        if self.required { self.ty.clone() } else { self.ty.clone().optional() }
    }
}

fn add_alternative(flat: &mut Vec<Type>, new: Type) {
    for existing in flat.iter_mut() {
        match (&mut *existing, &new) {
            (Type::String { values }, Type::String { values: more }) => {
                match (values.as_mut(), more) {
                    (Some(values), Some(more)) => values.extend(more.iter().cloned()),
                    _ => *values = None,
                }
                return;
            }
            (Type::Int { minimum, maximum }, Type::Int { minimum: low, maximum: high }) => {
                let (a, b) = (range(*minimum, *maximum), range(*low, *high));
                if a.0 <= b.1.saturating_add(1) && b.0 <= a.1.saturating_add(1) {
                    *minimum = minimum.zip(*low).map(|(a, b)| a.min(b));
                    *maximum = maximum.zip(*high).map(|(a, b)| a.max(b));
                    return;
                }
            }
            (Type::List { of }, Type::List { of: more }) if **of == Type::Never || **more == Type::Never => {
                if **of == Type::Never {
                    *of = more.clone();
                }
                return;
            }
            (existing, new) if existing == new => return,
            _ => {}
        }
    }
    flat.push(new);
}

/// A range's ends, the open ones as far as integers go.
pub(crate) fn range(minimum: Option<i64>, maximum: Option<i64>) -> (i64, i64) {
    let max = crate::base::limits::MAX_SAFE_INTEGER;
    (minimum.unwrap_or(-max), maximum.unwrap_or(max))
}

/// Most characters of a spelled type; the rest is `…`.
const SPELLING: usize = 400;

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        spell(self, &mut text);
        if let Some((cut, _)) = text.char_indices().nth(SPELLING) {
            text.truncate(cut);
            text.push('…');
        }
        f.write_str(&text)
    }
}

fn spell(ty: &Type, text: &mut String) {
    if text.len() > SPELLING * 4 {
        return;
    }
    match ty {
        Type::Never => text.push_str("never"),
        Type::Unknown { .. } if ty.is_any() => text.push_str("any"),
        Type::Unknown { .. } => text.push_str("unknown"),
        Type::Null => text.push_str("null"),
        Type::Bool => text.push_str("bool"),
        Type::Int { minimum: None, maximum: None } => text.push_str("int"),
        Type::Int { minimum, maximum } => match (minimum, maximum) {
            (Some(low), Some(high)) if low == high => text.push_str(&low.to_string()),
            (low, high) => {
                let end = |end: &Option<i64>| end.map_or(String::new(), |end| end.to_string());
                text.push_str(&format!("int({}..{})", end(low), end(high)));
            }
        },
        Type::Number => text.push_str("number"),
        Type::Decimal => text.push_str("decimal"),
        Type::String { values: None } => text.push_str("string"),
        Type::String { values: Some(values) } => {
            let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            text.push_str(if quoted.is_empty() { "never" } else { "" });
            text.push_str(&quoted.join(" | "));
        }
        Type::Timestamp => text.push_str("timestamp"),
        Type::Duration => text.push_str("duration"),
        Type::Bytes => text.push_str("bytes"),
        Type::EczId => text.push_str("EczId"),
        Type::List { of } => {
            text.push('[');
            spell(of, text);
            text.push(']');
        }
        Type::Map { of } => {
            text.push_str("{string: ");
            spell(of, text);
            text.push('}');
        }
        Type::Record(record) => spell_record(record, text),
        Type::Union { of } => {
            for (index, alternative) in of.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { " | " });
                spell(alternative, text);
            }
        }
        Type::Optional { of } => {
            let several = match &**of {
                Type::Union { .. } => true,
                Type::String { values: Some(values) } => values.len() > 1,
                _ => false,
            };
            text.push_str(if several { "(" } else { "" });
            spell(of, text);
            text.push_str(if several { ")?" } else { "?" });
        }
    }
}

fn spell_record(record: &RecordType, text: &mut String) {
    if record.fields.is_empty() && record.others == Members::Closed {
        text.push_str("{}");
        return;
    }
    text.push_str("{ ");
    for (index, (name, field)) in record.fields.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { ", " });
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty();
        text.push_str(&if plain { name.clone() } else { format!("{name:?}") });
        text.push_str(": ");
        spell(&field.as_type(), text);
    }
    let comma = if record.fields.is_empty() { "" } else { ", " };
    match &record.others {
        Members::Closed => {}
        Members::Open => text.push_str(&format!("{comma}…")),
        Members::Of(of) => {
            text.push_str(&format!("{comma}string: "));
            spell(of, text);
        }
    }
    text.push_str(" }");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unions_are_flat_and_merged() {
        let union = Type::union(vec![
            Type::strings(["b"]),
            Type::Union { of: vec![Type::Null, Type::strings(["a"])] },
            Type::Never,
            Type::int_value(3),
            Type::Int { minimum: Some(4), maximum: None },
            Type::Bool.optional(),
        ]);
        assert_eq!(union.to_string(), r#"("a" | "b" | null | int(3..) | bool)?"#);
        assert_eq!(Type::union(vec![Type::int_value(1), Type::int_value(9)]).to_string(), "1 | 9");
        assert_eq!(Type::union(vec![Type::Null, Type::any()]), Type::any());
        assert_eq!(Type::union(vec![]), Type::Never);
        let (ints, none) = (Type::list(Type::int()), Type::list(Type::Never));
        assert_eq!(Type::union(vec![none.clone(), Type::Null, ints.clone()]).to_string(), "[int] | null");
        assert_eq!(Type::join(&ints, &none), ints);
        let several = Type::union(vec![ints, Type::list(Type::strings(["a"])), none]);
        assert_eq!(several.to_string(), r#"[int] | ["a"]"#);
        assert_eq!(several.items().unwrap().to_string(), r#"int | "a""#);
        assert_eq!(Type::union(vec![several, Type::Null]).items(), None);
        assert_eq!(Type::join(&Type::int(), &Type::Decimal.optional()), Type::Decimal.optional());
        assert_eq!(union.without_nothing().to_string(), r#""a" | "b" | int(3..) | bool"#);
    }

    #[test]
    fn types_are_spelled_as_written() {
        let ty = Type::closed_record([
            ("id", Type::string()),
            ("n", Type::int().optional()),
            ("tags", Type::list(Type::union(vec![Type::Null, Type::string()]))),
            ("x-y", Type::Map { of: Box::new(Type::Decimal) }),
        ]);
        assert_eq!(
            ty.to_string(),
            r#"{ id: string, n: int?, tags: [null | string], "x-y": {string: decimal} }"#
        );
    }
}

//! What two schemas say together, and whether two types exclude each other.

use super::algebra::range;
use super::schema::Reader;
use super::{Field, Members, RecordType, Type};

/// Pairs of alternatives that are looked at where two unions meet; past them the type is unknown.
pub(super) const MOST_PAIRS: usize = 64;
/// Why it is unknown then.
pub(super) const TOO_MANY_PAIRS: &str = "too many alternatives together";

/// The type of values of both types; where it can't be told exactly, a wider one, and a note.
pub(super) fn intersect(reader: &mut Reader<'_>, a: Type, b: Type, path: &str) -> Type {
    if !reader.charge() {
        return Type::unknown("the schema is too large");
    }
    match (a, b) {
        (any, other) | (other, any) if any.is_any() => other,
        (a, b) if a == b => a,
        (Type::Unknown { why }, other) | (other, Type::Unknown { why }) => {
            reader.note(path, &why);
            other
        }
        // The pairs of several unions multiply with every further one.
        (Type::Union { of: a }, Type::Union { of: b }) if a.len().saturating_mul(b.len()) > MOST_PAIRS => {
            Type::unknown(TOO_MANY_PAIRS)
        }
        (Type::Union { of }, other) | (other, Type::Union { of }) => {
            let weight = other.weight();
            let mut parts = Vec::new();
            for one in of {
                // Each alternative takes a copy.
                if !reader.spend(weight) {
                    return Type::unknown("the schema is too large");
                }
                parts.push(intersect(reader, one, other.clone(), path));
            }
            Type::union(parts)
        }
        (Type::Int { minimum: a, maximum: b }, Type::Int { minimum: c, maximum: d }) => {
            let ((low, high), (min, max)) = (range(a, b), range(c, d));
            if low.max(min) > high.min(max) {
                return Type::Never;
            }
            let tighter = |a: Option<i64>, b: Option<i64>, pick: fn(i64, i64) -> i64| match (a, b) {
                (Some(a), Some(b)) => Some(pick(a, b)),
                (one, other) => one.or(other),
            };
            Type::Int { minimum: tighter(a, c, i64::max), maximum: tighter(b, d, i64::min) }
        }
        (int @ Type::Int { .. }, Type::Number | Type::Decimal)
        | (Type::Number | Type::Decimal, int @ Type::Int { .. }) => int,
        (Type::Decimal, Type::Number) | (Type::Number, Type::Decimal) => Type::Decimal,
        (Type::String { values: Some(a) }, Type::String { values: Some(b) }) => {
            let both: std::collections::BTreeSet<String> = a.intersection(&b).cloned().collect();
            if both.is_empty() { Type::Never } else { Type::String { values: Some(both) } }
        }
        (narrow @ Type::String { values: Some(_) }, Type::String { values: None })
        | (Type::String { values: None }, narrow @ Type::String { values: Some(_) }) => narrow,
        (Type::String { values }, special @ (Type::Timestamp | Type::Bytes))
        | (special @ (Type::Timestamp | Type::Bytes), Type::String { values }) => {
            if values.is_some() {
                reader.note(path, "enum");
            }
            special
        }
        (Type::List { of: a }, Type::List { of: b }) => {
            Type::list(intersect(reader, *a, *b, &format!("{path}[]")))
        }
        (a @ (Type::Record(_) | Type::Map { .. }), b @ (Type::Record(_) | Type::Map { .. })) => {
            records(reader, as_record(a), as_record(b), path)
        }
        _ => Type::Never,
    }
}

fn as_record(ty: Type) -> RecordType {
    match ty {
        Type::Record(record) => record,
        Type::Map { of } => RecordType { fields: Default::default(), others: Members::Of(of) },
        _ => RecordType::default(),
    }
}

fn records(reader: &mut Reader<'_>, a: RecordType, mut b: RecordType, path: &str) -> Type {
    let mut fields = std::collections::BTreeMap::new();
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let mut pairs: Vec<(String, Field, Option<Field>, bool)> = Vec::new();
    for (name, field) in a.fields {
        let other = b.fields.remove(&name);
        pairs.push((name, field, other, true));
    }
    pairs.extend(b.fields.into_iter().map(|(name, field)| (name, field, None, false)));
    for (name, field, other, first) in pairs {
        let field = match (other, if first { &b.others } else { &a.others }) {
            (Some(other), _) => Field {
                required: field.required || other.required,
                ty: intersect(reader, field.ty, other.ty, &inner(&name)),
            },
            (None, Members::Open) => field,
            (None, Members::Closed) => Field { ty: Type::Never, ..field },
            (None, Members::Of(of)) => {
                Field { ty: intersect(reader, field.ty, (**of).clone(), &inner(&name)), ..field }
            }
        };
        match field {
            Field { ty: Type::Never, required: true } => return Type::Never,
            field => fields.insert(name, field),
        };
    }
    let others = match (a.others, b.others) {
        (Members::Open, others) | (others, Members::Open) => others,
        (Members::Closed, _) | (_, Members::Closed) => Members::Closed,
        (Members::Of(a), Members::Of(b)) => Members::Of(Box::new(intersect(reader, *a, *b, &inner("{}")))),
    };
    match others {
        Members::Of(of) if fields.is_empty() => Type::Map { of },
        others => Type::Record(RecordType { fields, others }),
    }
}

/// JSON's kinds.
fn json_kind(ty: &Type) -> Option<u8> {
    Some(match ty {
        Type::Null => 0,
        Type::Bool => 1,
        Type::Int { .. } | Type::Number | Type::Decimal => 2,
        Type::String { .. } | Type::Timestamp | Type::Duration | Type::Bytes | Type::EczId => 3,
        Type::List { .. } => 4,
        Type::Map { .. } | Type::Record(_) => 5,
        Type::Never | Type::Unknown { .. } | Type::Union { .. } | Type::Optional { .. } => return None,
    })
}

/// Whether no JSON value is of both types, for sure; `spend` takes units of work, and is false where they are used up.
pub(super) fn disjoint(spend: &mut dyn FnMut(usize) -> bool, a: &Type, b: &Type) -> bool {
    if !spend(1) {
        return false;
    }
    match (a, b) {
        (Type::Never, _) | (_, Type::Never) => true,
        (Type::Union { of }, other) | (other, Type::Union { of }) => {
            of.iter().all(|one| disjoint(spend, one, other))
        }
        (Type::Int { minimum: a, maximum: b }, Type::Int { minimum: c, maximum: d }) => {
            let ((low, high), (min, max)) = (range(*a, *b), range(*c, *d));
            low.max(min) > high.min(max)
        }
        (Type::String { values: Some(a) }, Type::String { values: Some(b) }) => a.is_disjoint(b),
        (Type::Record(a), Type::Record(b)) => {
            a.fields.iter().any(|(name, field)| match b.fields.get(name) {
                Some(other) => (field.required || other.required) && disjoint(spend, &field.ty, &other.ty),
                None => field.required && b.others == Members::Closed,
            }) || b.fields.iter().any(|(name, field)| {
                field.required && a.others == Members::Closed && !a.fields.contains_key(name)
            })
        }
        (a, b) => matches!((json_kind(a), json_kind(b)), (Some(a), Some(b)) if a != b),
    }
}

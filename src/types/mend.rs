//! What is said of a value that does not fit, and what it may be made into.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Members, Type, assignable};
use crate::base::{did_you_mean, folded, meant};

/// Most members that are listed.
const SHOWN: usize = 12;

/// How one kind is made into another, where the flow can say so.
pub(super) fn conversion_help(from: &Type, to: &Type) -> Option<String> {
    let of = |test: fn(&Type) -> bool| to.alternatives().iter().any(test);
    let text = match from {
        Type::String { values: Some(values) } if values.len() == 1 => values.first(),
        _ => None,
    };
    let number = text.filter(|text| text.parse::<i64>().is_ok());
    let help = match from {
        Type::Int { minimum: Some(low), maximum: Some(high) } if low == high && of(is_free_text) => {
            format!("write `\"{low}\"`")
        }
        _ if from.is_numeric() && of(is_free_text) => "`string(x)` makes text of a number".to_owned(),
        Type::Bool if of(is_free_text) => "`string(x)` makes text of a bool".to_owned(),
        Type::String { .. } if of(|ty| ty.is_numeric()) => match number {
            Some(number) => format!("write `{number}`"),
            None if of(|ty| *ty == Type::Decimal) => "`decimal(x)` makes a decimal of text".to_owned(),
            None if of(Type::is_int) => "`int(decimal(x))` makes an int of text".to_owned(),
            None => "`number(decimal(x))` makes a number of text".to_owned(),
        },
        Type::Decimal | Type::Number if of(Type::is_int) => {
            "`int(x)` makes an int of a number without a fraction, `round(x, 0)` takes that off".to_owned()
        }
        _ if of(|ty| matches!(ty, Type::List { .. })) && of_one(from, to) => {
            "a list of one item is written `[x]`".to_owned()
        }
        _ => return None,
    };
    Some(help)
}

fn is_free_text(ty: &Type) -> bool {
    matches!(ty, Type::String { values: None })
}

/// Whether a list of one such item would do; asked of plain values only, which cost little.
fn of_one(from: &Type, to: &Type) -> bool {
    let plain = !matches!(from, Type::Record(_) | Type::Map { .. } | Type::List { .. } | Type::Union { .. });
    plain
        && to.alternatives().iter().any(|list| match list {
            Type::List { of } => assignable(from, of) == Answer::Yes,
            _ => false,
        })
}

/// Two kinds in words.
pub(super) fn kinds(from: &Type, to: &Type) -> String {
    format!("expected `{to}`, found `{from}`")
}

/// What was most likely meant by a word that is none of those that are taken.
pub(super) fn other_word(word: &str, taken: &BTreeSet<String>) -> Option<String> {
    let same = |taken: &&String| folded(taken) == folded(word);
    let near = taken.iter().find(same).map(String::as_str);
    let near = near.or_else(|| did_you_mean(word, taken.iter().map(String::as_str)));
    near.map(|near| format!("did you mean `\"{near}\"`?"))
}

/// What to write instead of a member that nothing takes; `free` are those that are declared and not given, and whether they
/// must be.
pub(super) fn misspelt(name: &str, free: &BTreeMap<&str, bool>) -> String {
    if let Some(known) = did_you_mean(name, free.keys().copied()) {
        return meant(name, known);
    }
    let listed = |of: Vec<&str>| of.into_iter().take(SHOWN).collect::<Vec<_>>().join("`, `");
    let missing: Vec<&str> = free.iter().filter(|(_, required)| **required).map(|(name, _)| *name).collect();
    match missing.as_slice() {
        [] => {}
        [one] => return format!("name it `{one}`, which is required and not given, or remove it"),
        _ => {
            let missing = listed(missing);
            return format!(
                "name it as one of those that are required and not given, or remove it: `{missing}`"
            );
        }
    }
    match free.is_empty() {
        true => "remove it".to_owned(),
        false => {
            let left = listed(free.keys().copied().collect());
            format!("remove it, or name one of those that are left: `{left}`")
        }
    }
}

impl Type {
    /// Whether there is one value of the type: a value that is written out says no more than its type does.
    pub fn is_one_value(&self) -> bool {
        match self {
            Type::Null => true,
            Type::Int { minimum: Some(low), maximum: Some(high) } => low == high,
            Type::String { values: Some(values) } => values.len() == 1,
            Type::List { of } => **of == Type::Never,
            Type::Record(record) => {
                let mut fields = record.fields.values();
                matches!(record.others, Members::Closed)
                    && fields.all(|field| field.required && field.ty.is_one_value())
            }
            _ => false,
        }
    }
}

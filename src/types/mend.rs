//! What is said of a value that does not fit, and what it may be made into.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Field, Members, Type, assignable};
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
        Type::String { .. } if of(|ty| *ty == Type::Bool) => {
            "compare it with something, as in `x == \"yes\"`".to_owned()
        }
        _ if from.is_numeric() && of(|ty| *ty == Type::Bool) => {
            "compare it with something, as in `x > 0`".to_owned()
        }
        Type::Bool if of(|ty| ty.is_numeric()) => "`if x then 1 else 0` makes a number of a bool".to_owned(),
        Type::String { .. } | Type::Duration if of(|ty| *ty == Type::Timestamp) => {
            "a moment is written `\"2026-01-31T09:00:00Z\"`, is an input of type `timestamp` or a member of an answer, or is reckoned from one: `run.started + 5m`"
                .to_owned()
        }
        _ if of(|ty| *ty == Type::Duration) => "a length of time is written `90s`, `5m`, `2h30m`".to_owned(),
        Type::List { of: items } if **items == Type::string() && of(is_free_text) => {
            "`join(x, \", \")` makes one text of several, `x[0]` is the first of them".to_owned()
        }
        Type::List { of: items } if is_plain(to) && assignable(items, to) == Answer::Yes => {
            "name one of its items: `x[0]` is the first".to_owned()
        }
        Type::Record(record) if is_plain(to) => {
            let fits = |field: &Field| field.required && assignable(&field.ty, to) == Answer::Yes;
            let fitting = record.fields.iter().filter(|(_, field)| fits(field)).map(|(name, _)| name.as_str());
            match fitting.take(SHOWN).collect::<Vec<_>>().as_slice() {
                [] => return None,
                [one] => format!("name a member of it: `.{one}`"),
                several => format!("name a member of it, such as `.{}`", several.join("`, `.")),
            }
        }
        _ => return None,
    };
    Some(help)
}

/// What to do about a member that may be missing where it is required.
pub(super) fn missing_help(name: &str) -> Option<String> {
    Some(format!("write the record member by member, with `{name}: x.{name} ?? …`"))
}

/// What to do about null where it is not taken: in a member that may be absent, and as one of several.
pub(super) fn null_help(optional: bool) -> Option<String> {
    let help = match optional {
        true => "leave it out: it may be absent, and not null",
        false => "say what stands for null with `??`",
    };
    Some(help.to_owned())
}

/// What to do about text that may be none of a few; `found` are the texts it may be, where they are known. Of text that is
/// written there it is said which was meant.
pub(super) fn one_of_help(found: Option<&BTreeSet<String>>, allowed: &BTreeSet<String>) -> Option<String> {
    if let Some(written) = found.filter(|found| found.len() == 1).and_then(|found| found.first()) {
        return Some(other_word(written, allowed).unwrap_or_else(|| {
            let known: Vec<String> = allowed.iter().map(|text| quoted(text)).collect();
            format!("write one of `{}`", shortened(&known, "`, `"))
        }));
    }
    let fitting = |text: &&String| found.is_none_or(|found| found.contains(*text));
    let fit: Vec<String> = allowed.iter().filter(fitting).map(|text| quoted(text)).collect();
    let (last, rest) = fit.split_last()?;
    let (rule, kept) = match fit.as_slice() {
        [one, two, _, _, ..] => (
            format!("contains([{}], x)", shortened(&fit, ", ")),
            format!("if x == {one} then {one} else if x == {two} then {two} else …"),
        ),
        few => {
            let rule: Vec<String> = few.iter().map(|text| format!("x == {text}")).collect();
            let kept: String = rest.iter().map(|text| format!("if x == {text} then {text} else ")).collect();
            (rule.join(" || "), format!("{kept}{last}"))
        }
    };
    let declare = match found {
        None => format!("an input can be declared as `{}`; else ", shortened(&fit, " | ")),
        Some(_) => String::new(),
    };
    Some(format!(
        "{declare}write a rule before it, `ensure {rule} else \"…\"`, and give `{kept}`: without the rule it would send another value in silence"
    ))
}

/// The first of several, and a sign that there are more.
fn shortened(several: &[String], by: &str) -> String {
    let mut shown: Vec<&str> = several.iter().take(SHOWN).map(String::as_str).collect();
    if several.len() > SHOWN {
        shown.push("…");
    }
    shown.join(by)
}

/// A text as a flow writes it.
fn quoted(text: &str) -> String {
    let inner = text.chars().flat_map(|c| match c {
        '"' | '\\' | '{' | '}' => vec!['\\', c],
        c if c.is_control() => c.escape_debug().collect(),
        c => vec![c],
    });
    format!("\"{}\"", inner.collect::<String>())
}

fn is_plain(ty: &Type) -> bool {
    !matches!(ty, Type::Record(_) | Type::Map { .. } | Type::List { .. } | Type::Union { .. })
}

fn is_free_text(ty: &Type) -> bool {
    matches!(ty, Type::String { values: None })
}

/// Whether a list of one such item would do; asked of plain values only, which cost little.
fn of_one(from: &Type, to: &Type) -> bool {
    is_plain(from)
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

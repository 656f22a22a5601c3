//! What a flow writes itself, held against the whole schema before anything runs: the keywords that a type does not know, and
//! formats.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::assign::sendable;
use super::case::{Case, Part};
use super::checked::Checked;
use super::guard::{Guard, MOST_REFUSALS, Refusal};
use super::sample::{Sampler, Size, to_json};
use super::{Answer, Counterexample, Field, Literal, Members, Type};

/// Values of a leaf that are tried one by one.
const MOST_VALUES: usize = 64;
/// Longest value shown in a message, characters.
const SHOWN: usize = 80;

/// A value as far as the flow's text says it.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// Known in a run only.
    Open,
    /// Exactly this.
    Value(Json),
    /// One of these.
    OneOf(Vec<Json>),
    /// A list of so many items.
    List(Vec<Written>),
    /// A record with these members; open ones may be absent.
    Record(Vec<(String, Written)>),
}

impl Written {
    /// What a type says of a value that is not written: an enumeration's values.
    pub fn of_type(ty: &Type) -> Written {
        match ty {
            Type::String { values: Some(values) } if (1..=MOST_VALUES).contains(&values.len()) => {
                Written::OneOf(values.iter().map(|value| Json::from(value.as_str())).collect())
            }
            Type::Int { minimum: Some(low), maximum: Some(high) } if low == high => {
                Written::Value(Json::from(*low))
            }
            _ => Written::Open,
        }
    }

    /// Whether nothing of it is left open.
    pub fn is_whole(&self) -> bool {
        match self {
            Written::Open | Written::OneOf(_) => false,
            Written::Value(_) => true,
            Written::List(items) => items.iter().all(Written::is_whole),
            Written::Record(members) => members.iter().all(|(_, member)| member.is_whole()),
        }
    }

    /// All of it, where nothing is left open.
    pub fn whole(&self) -> Option<Json> {
        self.is_whole().then(|| self.json())
    }

    /// Whether nothing at all of it is known.
    fn is_open(&self) -> bool {
        match self {
            Written::Record(members) => members.iter().all(|(_, member)| member.is_open()),
            other => *other == Written::Open,
        }
    }

    /// A value of it; null stands for what is open.
    fn json(&self) -> Json {
        match self {
            Written::Open => Json::Null,
            Written::Value(value) => value.clone(),
            Written::OneOf(values) => values.first().cloned().unwrap_or_default(),
            Written::List(items) => Json::Array(items.iter().map(Written::json).collect()),
            Written::Record(members) => {
                Json::Object(members.iter().map(|(name, member)| (name.clone(), member.json())).collect())
            }
        }
    }

    /// What stands at a place inside.
    fn at(&self, segments: &[String]) -> Option<&Written> {
        let Some((first, rest)) = segments.split_first() else { return Some(self) };
        let inner = match self {
            Written::List(items) => items.get(first.parse::<usize>().ok()?)?,
            Written::Record(members) => members.iter().find(|(name, _)| name == first).map(|(_, one)| one)?,
            Written::Open | Written::Value(_) | Written::OneOf(_) => return None,
        };
        inner.at(rest)
    }

    /// A place as flows write it: `lines[0].sku`.
    fn path(&self, segments: &[String]) -> String {
        let (mut path, mut at) = (String::new(), Some(self));
        for (index, segment) in segments.iter().enumerate() {
            if matches!(at, Some(Written::List(_))) {
                path.push_str(&format!("[{segment}]"));
            } else {
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(segment);
            }
            at = self.at(segments.get(..=index).unwrap_or_default());
        }
        path
    }
}

/// Whether a value can be put somewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The answer.
    pub answer: Answer,
    /// Where it is unknown and only so by single members: those, and what is not known of each.
    pub members: BTreeMap<String, Answer>,
}

impl From<Answer> for Taken {
    fn from(answer: Answer) -> Taken {
        Taken { answer, members: BTreeMap::new() }
    }
}

fn also(undecided: &[String]) -> Answer {
    Answer::Unknown(format!("the schema also says {}", undecided.join(", ")))
}

/// Whether values of a type may have a member.
fn may_hold(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Record(record) => record.fields.contains_key(name) || record.others != Members::Closed,
        _ => true,
    }
}

impl Checked {
    /// Whether a value of a type can be put here: by the type, and by the whole schema as far as the value is written.
    pub fn takes(&self, from: &Type, required: bool, written: &Written, literal: &Literal) -> Taken {
        let Ok(schema) = self.schema() else {
            return Answer::Unknown("its schema cannot be checked".to_owned()).into();
        };
        let field = Field { ty: schema.ty.clone(), required };
        let by_type = sendable(from, &field, literal);
        let guessed = by_type == Answer::Yes && !schema.undecided.is_empty();
        let decided = by_type == Answer::Yes && !guessed && !schema.has_formats;
        if decided {
            return by_type.into();
        }
        if let Answer::No(mut wrong) = by_type {
            // A schema without `type` takes other kinds to the letter, which nobody means: that shows no value.
            wrong.value = wrong.value.filter(|value| self.check_strictly(value).is_err());
            return Answer::No(wrong).into();
        }
        let mut refusals = None;
        if !written.is_open()
            && let Ok(Some((normal, guard))) = self.strict()
        {
            let found = guard.refusals(&written.json());
            if let Some(refused) = self.refused(normal, guard, written, &found) {
                return Answer::No(refused).into();
            }
            if written.is_whole() {
                return Answer::Yes.into();
            }
            // Of a list that was cut nobody knows what else is refused.
            refusals = Some(found).filter(|found| found.len() < MOST_REFUSALS);
        }
        if !guessed {
            return by_type.into();
        }
        let Some(by_member) = &schema.by_member else { return also(&schema.undecided).into() };
        // A member whose value is written was held against the schema already, if it was refused nowhere.
        let settled = |name: &String| {
            let whole = written.at(std::slice::from_ref(name)).is_some_and(Written::is_whole);
            let inside = |refusal: &Refusal| tokens(&refusal.instance).first() == Some(name);
            whole && refusals.as_ref().is_some_and(|found: &Vec<Refusal>| !found.iter().any(inside))
        };
        let open = by_member.iter().filter(|(name, _)| may_hold(from, name) && !settled(name));
        let members: BTreeMap<String, Answer> =
            open.map(|(name, undecided)| (name.clone(), also(undecided))).collect();
        match members.is_empty() {
            true => Answer::Yes.into(),
            false => Taken { answer: also(&schema.undecided), members },
        }
    }

    /// What the schema refuses of a value, whatever becomes of its open parts.
    fn refused(
        &self,
        normal: &Json,
        guard: &Guard,
        written: &Written,
        refusals: &[Refusal],
    ) -> Option<Counterexample> {
        let value = written.json();
        let refusal = refusals.iter().find(|refusal| self.is_settled(guard, written, refusal))?;
        let (refusal, several) = refusal.innermost();
        let segments = tokens(&refusal.instance);
        let inside = value.pointer(&refusal.instance)?;
        let path = written.path(&segments);
        let why = why(normal, refusal, inside);
        let help = match fitting(normal, guard, refusal, &value) {
            Some(fits) => format!("what would fit: `{fits}`"),
            None => format!("write what the document's `{}` takes", refusal.keyword()),
        };
        let declared = self.pointer().map(|pointer| format!("{pointer}{}", refusal.below()));
        // What is open has no value to show.
        let value = written.is_whole().then_some(value);
        let alternative =
            several.map(|count| format!("it may be one of {count}; this is said of the nearest one"));
        Some(Counterexample {
            path,
            value,
            help: Some(help),
            declared,
            alternative,
            ..Counterexample::unseen(why)
        })
    }

    fn is_settled(&self, guard: &Guard, written: &Written, refusal: &Refusal) -> bool {
        if !refusal.is_unconditional() && !written.is_whole() {
            return false;
        }
        match written.at(&tokens(&refusal.instance)) {
            None => true,
            Some(Written::List(_)) if matches!(refusal.keyword(), "minItems" | "maxItems") => true,
            Some(Written::OneOf(values)) => values.iter().all(|value| {
                let mut whole = written.json();
                let Some(place) = whole.pointer_mut(&refusal.instance) else { return false };
                *place = value.clone();
                guard.refusals(&whole).iter().any(|other| other.instance == refusal.instance)
            }),
            Some(inside) => inside.is_whole(),
        }
    }
}

fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// What is wrong, as a clause.
fn why(normal: &Json, refusal: &Refusal, value: &Json) -> String {
    let limit = normal.pointer(&refusal.schema).cloned().unwrap_or_default();
    let shown = |value: &Json| {
        let text = value.as_f64().map_or_else(|| value.to_string(), |number| to_json(number).to_string());
        match text.char_indices().nth(SHOWN) {
            Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
            None => text,
        }
    };
    // The document's own text stands as it is there.
    let limit = limit.as_str().map_or_else(|| shown(&limit), str::to_owned);
    let (own, limit) = (format!("`{}`", shown(value)), format!("`{limit}`"));
    match refusal.keyword() {
        "minLength" => format!("{own} has fewer characters than {limit}"),
        "maxLength" => format!("{own} has more characters than {limit}"),
        "pattern" => format!("{own} does not match the pattern {limit}"),
        "format" => format!("{own} is no {limit}"),
        "minimum" => format!("{own} is below {limit}"),
        "maximum" => format!("{own} is above {limit}"),
        "exclusiveMinimum" => format!("{own} is not above {limit}"),
        "exclusiveMaximum" => format!("{own} is not below {limit}"),
        "multipleOf" => format!("{own} is no multiple of {limit}"),
        "minItems" => format!("it has fewer items than {limit}"),
        "maxItems" => format!("it has more items than {limit}"),
        "uniqueItems" => "it has an item twice".to_owned(),
        "minProperties" => format!("it has fewer members than {limit}"),
        "maxProperties" => format!("it has more members than {limit}"),
        "const" => format!("{own} is not {limit}"),
        "enum" => format!("{own} is none of {limit}"),
        "oneOf" => "it fits none or several of the alternatives of `oneOf`".to_owned(),
        "anyOf" => "it fits none of the alternatives of `anyOf`".to_owned(),
        "required" => {
            let demanded = normal.pointer(&refusal.schema).and_then(Json::as_array).into_iter().flatten();
            let mut missing = demanded.filter_map(Json::as_str).filter(|name| value.get(*name).is_none());
            match missing.next() {
                Some(name) => format!("the required member `{name}` is missing"),
                None => "a required member is missing".to_owned(),
            }
        }
        keyword => format!("it does not meet the schema's `{keyword}`"),
    }
}

/// A value that would fit at the refused place.
fn fitting(normal: &Json, guard: &Guard, refusal: &Refusal, whole: &Json) -> Option<String> {
    let (schema, _) = refusal.schema.rsplit_once('/')?;
    let part = Part { root: normal, schema: normal.pointer(schema)? };
    let before = guard.refusals(whole).len();
    (1..=12).find_map(|seed| {
        let size = if seed == 1 { Size::Least } else { Size::Any };
        let value = Sampler::new(seed, size).value(Case::of([part]), 0)?;
        let mut mended = whole.clone();
        *mended.pointer_mut(&refusal.instance)? = value.clone();
        let text = value.to_string();
        let still = guard.refusals(&mended);
        let here = |other: &Refusal| other.instance.starts_with(&refusal.instance);
        (text.len() <= SHOWN && still.len() < before && !still.iter().any(here)).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::Direction;
    use serde_json::json;

    fn takes(schema: &Json, ty: &Type, written: &Written) -> Answer {
        Checked::new(&Arc::new(schema.clone()), Some(""), Direction::Request)
            .takes(ty, true, written, &Literal::default())
            .answer
    }

    fn record(members: &[(&str, Written)]) -> (Type, Written) {
        let types = members.iter().map(|(name, member)| match member {
            Written::Value(Json::Number(_)) => (*name, Type::Number),
            _ => (*name, Type::string()),
        });
        let ty = Type::closed_record(types);
        (
            ty,
            Written::Record(
                members.iter().map(|(name, member)| ((*name).to_owned(), member.clone())).collect(),
            ),
        )
    }

    #[test]
    fn what_hangs_on_an_open_part_is_left_open() {
        let schema = json!({"type": "object", "properties": {"kind": {"type": "string"}, "n": {"type": "number"}},
            "if": {"properties": {"kind": {"const": "a"}}}, "then": {"properties": {"n": {"maximum": 3}}}});
        let n = || ("n", Written::Value(json!(5)));
        let (ty, open) = record(&[("kind", Written::Open), n()]);
        assert!(matches!(takes(&schema, &ty, &open), Answer::Unknown(_)));
        let (ty, refused) = record(&[("kind", Written::Value(json!("a"))), n()]);
        let Answer::No(shown) = takes(&schema, &ty, &refused) else { panic!() };
        assert_eq!((shown.path.as_str(), shown.why.as_str()), ("n", "`5` is above `3`"));
        assert_eq!(shown.value, Some(json!({"kind": "a", "n": 5})));
        let (ty, fits) = record(&[("kind", Written::Value(json!("b"))), n()]);
        assert_eq!(takes(&schema, &ty, &fits), Answer::Yes);
        // Whatever the other is, this one is too large.
        let limited =
            json!({"type": "object", "properties": {"n": {"type": "number", "maximum": 3}, "kind": {}}});
        let (ty, open) = record(&[("kind", Written::Open), n()]);
        let Answer::No(shown) = takes(&limited, &ty, &open) else { panic!() };
        assert_eq!((shown.value, shown.declared.as_deref()), (None, Some("/properties/n/maximum")));
    }

    #[test]
    fn one_of_several_is_refused_where_all_are() {
        let schema = json!({"type": "string", "pattern": "^a"});
        let of = |values: &[&str]| Written::OneOf(values.iter().map(|value| json!(value)).collect());
        assert!(matches!(takes(&schema, &Type::strings(["b", "c"]), &of(&["b", "c"])), Answer::No(_)));
        assert!(matches!(takes(&schema, &Type::strings(["a", "b"]), &of(&["b", "a"])), Answer::Unknown(_)));
    }

    #[test]
    fn lists_have_the_length_that_is_written() {
        let schema =
            json!({"type": "array", "items": {"type": "string"}, "maxItems": 1, "uniqueItems": true});
        let open = |many: usize| Written::List(vec![Written::Open; many]);
        let ty = Type::list(Type::string());
        assert!(matches!(takes(&schema, &ty, &open(2)), Answer::No(_)));
        assert!(matches!(takes(&schema, &ty, &open(1)), Answer::Unknown(_)));
    }
}

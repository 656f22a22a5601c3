//! Is every value of one type a value of another? Yes, no with a counterexample, or unknown.
//!
//! A type stands for the set of JSON values it accepts, apart from kinds that look alike on the wire (decimal and number,
//! timestamp and string): those are converted only where the flow says so.

use serde_json::{Map, Value as Json};

use super::algebra::range;
use super::counterexample::{Counterexample, at, no, unseen, with_help, wrap};
use super::literal::Literal;
use super::mend::{conversion_help, kinds, missing_help, null_help, one_of_help};
use super::{Field, Members, RecordType, Type};

/// The answer to an assignability question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Every value fits.
    Yes,
    /// Some value does not.
    No(Counterexample),
    /// Undecided, and why: checked by a guard at run time.
    Unknown(String),
}

/// What has to be done to a value that is assignable, because types alone don't do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conversion {
    /// `Expr::Widen` to this: `decimal` or `number`.
    pub widen: Option<&'static str>,
    /// Send null where the value is absent (`e ?? null`): the member is required and nullable.
    pub absent_as_null: bool,
}

/// Why a member is refused that nothing declares.
pub const UNDECLARED: &str = "no such member is declared";

/// Why a record is refused of which a member may be absent.
pub const MAY_BE_MISSING: &str = "it may be missing where it is required";

/// Why a value is refused that lacks a member.
const MISSING: &str = "a required member is missing";

/// Comparisons of one question; past them the answer is unknown.
const STEPS: u32 = 200_000;

/// Whether every value of `from` is accepted by `to`. Undeclared members of open records count as undecided where the
/// target would refuse or constrain them.
pub fn assignable(from: &Type, to: &Type) -> Answer {
    Question::new(false).ask(from, to)
}

/// Whether a value can be put into a member, a parameter or a body: `T?` fits an optional one (omitted) and a required
/// nullable one (sent as null). Members that the flow writes and that the target does not declare are refused, also where
/// its schema is open.
pub fn assignable_to_field(from: &Type, to: &Field, literal: &Literal) -> Answer {
    Question::new(false).field(from, to, literal)
}

/// As [`assignable_to_field`], for what is sent: there a whole number is an integer, of whatever kind it was here.
pub(super) fn sendable(from: &Type, to: &Field, literal: &Literal) -> Answer {
    Question::new(true).field(from, to, literal)
}

/// What must be done to a value of `from` that is put into `to`. Meaningful where it is assignable.
pub fn conversion(from: &Type, to: &Field) -> Conversion {
    Conversion {
        widen: widening(from, &to.ty),
        absent_as_null: from.is_optional() && to.required && to.ty.takes_null(),
    }
}

/// `decimal` or `number`, where `from` has ints (perhaps optional, null, or beside that very type) and `to` takes that but
/// no int.
pub fn widening(from: &Type, to: &Type) -> Option<&'static str> {
    let (from, to) = (from.clone().present(), to.clone().present());
    let takes = |wanted: fn(&Type) -> bool| to.alternatives().iter().any(wanted);
    if takes(|ty| matches!(ty, Type::Int { .. } | Type::Unknown { .. })) {
        return None;
    }
    let wide = if takes(|ty| *ty == Type::Decimal) {
        Type::Decimal
    } else if takes(|ty| *ty == Type::Number) {
        Type::Number
    } else {
        return None;
    };
    let ints = from.alternatives().iter().any(|ty| matches!(ty, Type::Int { .. }));
    let fits = |ty: &Type| matches!(ty, Type::Int { .. } | Type::Null) || *ty == wide;
    let name = if wide == Type::Decimal { "decimal" } else { "number" };
    (ints && from.alternatives().iter().all(fits)).then_some(name)
}

/// A member that the target does not declare and refuses: harmless where it has no value.
fn undeclared(ty: &Type, around: impl FnOnce(Json) -> Option<Json>) -> Answer {
    match ty.witness() {
        Some(value) => no(around(value), UNDECLARED),
        None if ty.is_empty() => Answer::Yes,
        None => Answer::Unknown("such a member of the source would be refused".to_owned()),
    }
}

impl Type {
    /// Whether it surely has no value.
    fn is_empty(&self) -> bool {
        match self {
            Type::Never => true,
            Type::Int { minimum, maximum } => {
                let (low, high) = range(*minimum, *maximum);
                low > high
            }
            Type::String { values: Some(values) } => values.is_empty(),
            Type::Record(record) => record.fields.values().any(|field| field.required && field.ty.is_empty()),
            Type::Union { of } => of.iter().all(Type::is_empty),
            Type::Optional { of } => of.is_empty(),
            _ => false,
        }
    }

    /// The smallest value of the type that is easy to find; `None` where none is found (`Never`, an unknown).
    pub fn witness(&self) -> Option<Json> {
        Some(match self {
            Type::Never => return None,
            Type::Unknown { .. } if !self.is_any() => return None,
            Type::Unknown { .. } | Type::Null => Json::Null,
            Type::Bool => Json::Bool(true),
            Type::Int { minimum, maximum } => {
                let (low, high) = range(*minimum, *maximum);
                if low > high {
                    return None;
                }
                Json::from(0.clamp(low, high))
            }
            Type::Number | Type::Decimal => Json::from(0.5),
            Type::String { values: None } => Json::from("text"),
            Type::String { values: Some(values) } => Json::from(values.first()?.as_str()),
            Type::Timestamp => Json::from("2026-01-01T00:00:00Z"),
            Type::Duration => Json::from("PT1S"),
            Type::Bytes => Json::from(""),
            Type::EczId => Json::from("ECZ-GB-A1B2C3"),
            Type::List { .. } => Json::Array(Vec::new()),
            Type::Map { .. } => Json::Object(Map::new()),
            Type::Record(record) => {
                let mut members = Map::new();
                for (name, field) in record.fields.iter().filter(|(_, field)| field.required) {
                    members.insert(name.clone(), field.ty.witness()?);
                }
                Json::Object(members)
            }
            Type::Union { of } => return of.iter().find_map(Type::witness),
            Type::Optional { of } => return of.witness(),
        })
    }
}

fn too_large() -> Answer {
    Answer::Unknown("the types are too large to compare".to_owned())
}

/// An int that may lie below the least value, above the greatest, or both. `max` and `min` would send another value in
/// silence, so that a rule of the flow is advised before them.
fn outside(low: Option<i64>, high: Option<i64>, shown: i64, varies: bool) -> Answer {
    let is = if varies { "may be" } else { "is" };
    let (why, rule, kept) = match (low, high) {
        (Some(low), Some(high)) => (
            format!("it {is} below {low} or above {high}"),
            format!("x >= {low} && x <= {high}"),
            format!("max(min(x, {high}), {low})"),
        ),
        (Some(low), None) => {
            (format!("it {is} below {low}"), format!("x >= {low}"), format!("max(x, {low})"))
        }
        (None, high) => {
            let high = high.unwrap_or(i64::MAX);
            (format!("it {is} above {high}"), format!("x <= {high}"), format!("min(x, {high})"))
        }
    };
    // A number that is written there is simply the wrong one.
    let help = varies.then(|| format!(
        "write a rule before it, `ensure {rule} else \"…\"`, and give `{kept}`: without the rule it would send another value in silence"
    ));
    with_help(no(Some(Json::from(shown)), why), || help)
}

/// One question, and how much more may be looked at for it.
pub(super) struct Question {
    steps: u32,
    sent: bool,
}

impl Question {
    fn new(sent: bool) -> Question {
        Question { steps: STEPS, sent }
    }

    /// Takes some steps; false where they are used up.
    pub(super) fn goes_on(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_sub(u32::try_from(steps).unwrap_or(u32::MAX));
        self.steps > 0
    }

    fn field(&mut self, from: &Type, to: &Field, literal: &Literal) -> Answer {
        // A misspelt member first: the one that was meant would only be told as missing.
        if let Some(wrong) = self.undeclared(&[from], literal, &[&to.ty]) {
            return Answer::No(wrong);
        }
        let Type::Optional { of } = from else { return self.ask(from, &to.ty) };
        if to.required && !to.ty.takes_null() {
            return unseen("it may be absent where a value is required");
        }
        self.ask(of, &to.ty)
    }

    pub(super) fn ask(&mut self, from: &Type, to: &Type) -> Answer {
        if !self.goes_on(1) {
            return too_large();
        }
        match (from, to) {
            (Type::Never, _) => Answer::Yes,
            (_, to) if to.is_any() => Answer::Yes,
            (_, Type::Unknown { why }) => Answer::Unknown(why.clone()),
            (from, _) if from.is_any() => Answer::Unknown("the value may be anything".to_owned()),
            (Type::Unknown { why }, _) => Answer::Unknown(why.clone()),
            (Type::Optional { of }, Type::Optional { of: to }) => self.ask(of, to),
            (from, Type::Optional { of: to }) => self.ask(from, to),
            (Type::Optional { .. }, _) => unseen("it may be absent where a value is due"),
            (Type::Union { of }, _) => self.every_alternative(of, to),
            (_, Type::Union { of }) => self.some_alternative(from, of, to),
            (Type::Int { minimum, maximum }, Type::Int { minimum: low, maximum: high }) => {
                let ((a, b), (low, high)) = (range(*minimum, *maximum), range(*low, *high));
                // The value nearest to the bound says most.
                let shown =
                    if a < low { low.saturating_sub(1).min(b) } else { high.saturating_add(1).max(a) };
                if a > b || (a >= low && b <= high) {
                    Answer::Yes
                } else {
                    outside((a < low).then_some(low), (b > high).then_some(high), shown, a < b)
                }
            }
            (Type::Int { .. }, Type::Decimal | Type::Number) => Answer::Yes,
            (Type::String { values }, Type::String { values: allowed }) => match (values, allowed) {
                (_, None) => Answer::Yes,
                (None, Some(allowed)) => {
                    let other =
                        std::iter::successors(Some("text".to_owned()), |text| Some(format!("{text}_")))
                            .find(|text| !allowed.contains(text));
                    let answer = no(other.map(Json::from), format!("it may be something else than `{to}`"));
                    with_help(answer, || one_of_help(None, allowed))
                }
                (Some(values), Some(allowed)) => match values.difference(allowed).next() {
                    None => Answer::Yes,
                    Some(other) => {
                        let is = if values.len() == 1 { "is" } else { "may be" };
                        let answer = no(Some(Json::from(other.as_str())), format!("it {is} none of `{to}`"));
                        with_help(answer, || one_of_help(Some(values), allowed))
                    }
                },
            },
            (Type::List { of }, Type::List { of: to }) => {
                let answer = self.ask(of, to);
                wrap(answer, "[0]", |item| Some(Json::Array(vec![item])))
            }
            (Type::Map { of }, Type::Map { of: to }) => {
                let answer = self.ask(of, to);
                wrap(answer, "{}", |value| Some(Json::Object(Map::from_iter([("key".to_owned(), value)]))))
            }
            (Type::Map { .. } | Type::Record(_), Type::Map { .. } | Type::Record(_)) => {
                let record = |ty: &Type| match ty {
                    Type::Record(record) => record.clone(),
                    Type::Map { of } => {
                        RecordType { fields: Default::default(), others: Members::Of(of.clone()) }
                    }
                    _ => RecordType::default(),
                };
                self.record(from, &record(from), &record(to))
            }
            (from, to) if from == to => Answer::Yes,
            (Type::Decimal, Type::Number) => unseen("a `decimal` becomes a `number` only by `number(x)`"),
            (Type::Number, Type::Decimal) => unseen("a `number` becomes a `decimal` only by `decimal(x)`"),
            (Type::Timestamp | Type::Duration | Type::Bytes | Type::EczId, Type::String { values: None }) => {
                unseen(format!("`{from}` becomes a `string` only by `string(x)`"))
            }
            _ => {
                let why = kinds(from, to);
                let fraction = matches!(from, Type::Number | Type::Decimal);
                let answer = match from.witness() {
                    // Inside a flow not even a whole one is an int.
                    Some(_) if fraction && matches!(to, Type::Int { .. }) && !self.sent => unseen(why),
                    // The empty string is base64, "text" is not; what the target happens to accept shows nothing.
                    Some(value) if to.accepts(&value) => unseen(why),
                    value => no(value, why),
                };
                with_help(answer, || conversion_help(from, to))
            }
        }
    }

    fn every_alternative(&mut self, of: &[Type], to: &Type) -> Answer {
        let mut unknown = None;
        for alternative in of {
            match self.ask(alternative, to) {
                Answer::Yes => {}
                no @ Answer::No(_) if *alternative == Type::Null => {
                    return with_help(no, || null_help(false));
                }
                no @ Answer::No(_) => return no,
                Answer::Unknown(why) => unknown = Some(why),
            }
        }
        unknown.map_or(Answer::Yes, Answer::Unknown)
    }

    fn some_alternative(&mut self, from: &Type, of: &[Type], to: &Type) -> Answer {
        let mut unknown = None;
        let mut refusals = Vec::new();
        for alternative in of {
            match self.ask(from, alternative) {
                Answer::Yes => return Answer::Yes,
                Answer::No(counterexample) => refusals.push((alternative, counterexample)),
                Answer::Unknown(why) => unknown = Some(why),
            }
        }
        if let Some(why) = unknown {
            return Answer::Unknown(why);
        }
        // Each refused value is put to every alternative, which costs as much as asking them.
        if !self.goes_on(refusals.len().saturating_mul(of.len())) {
            return too_large();
        }
        // The alternatives may cover the type together: only a value that the whole union refuses counts.
        let shows = |refusal: &Counterexample| refusal.value.as_ref().is_some_and(|value| !to.accepts(value));
        let Some((_, first)) = refusals.iter().find(|(_, refusal)| shows(refusal)) else {
            if refusals.iter().all(|(_, refusal)| refusal.value.is_none()) {
                return unseen(kinds(from, to));
            }
            return Answer::Unknown("no single alternative takes every value".to_owned());
        };
        let all: Vec<&Type> = of.iter().collect();
        if let Some(tag) = self.unknown_tag(from, &all).filter(shows) {
            return Answer::No(tag);
        }
        // Said of the alternative that was most likely meant.
        if let Some(nearest) = self.nearest(&[from], &all)
            && let Some((_, refusal)) =
                refusals.iter().find(|(one, refusal)| std::ptr::eq(*one, nearest) && shows(refusal))
        {
            return Answer::No(self.of_several(refusal.clone(), nearest, &all));
        }
        // Where one alternative alone was of the right kind, its own place says most.
        let shown = refusals.iter().map(|(_, refusal)| refusal).filter(|refusal| shows(refusal));
        let shown = shown.max_by_key(|refusal| refusal.path.len()).unwrap_or(first);
        if !shown.path.is_empty() {
            return Answer::No(shown.clone());
        }
        let whole = Counterexample { path: String::new(), why: kinds(from, to), help: None, ..shown.clone() };
        with_help(Answer::No(whole), || conversion_help(from, to))
    }

    fn record(&mut self, whole: &Type, from: &RecordType, to: &RecordType) -> Answer {
        let mut unknown = None;
        // The whole value that shows a member's counterexample.
        let around = |name: &str, value: Json| {
            let Some(Json::Object(mut members)) = whole.witness() else { return None };
            members.insert(name.to_owned(), value);
            Some(Json::Object(members))
        };
        for (name, target) in &to.fields {
            let answer = match (from.fields.get(name), &from.others) {
                (Some(field), _) if target.required && !field.required => {
                    let answer = no(whole.witness(), MAY_BE_MISSING);
                    with_help(answer, || missing_help(name))
                }
                (Some(field), _) if field.ty == Type::Null && !target.required => {
                    let answer = with_help(self.ask(&field.ty, &target.ty), || null_help(true));
                    wrap(answer, "", |value| around(name, value))
                }
                (Some(field), _) => {
                    let answer = self.ask(&field.ty, &target.ty);
                    // An optional member of a type without values is simply never there.
                    wrap(answer, "", |value| around(name, value))
                }
                (None, Members::Closed) if target.required => {
                    with_help(no(whole.witness(), MISSING), || Some(format!("give `{name}: …`")))
                }
                (None, Members::Closed) => Answer::Yes,
                (None, _) if target.required => {
                    no(whole.witness(), "a required member is not declared by the source")
                }
                (None, Members::Open) if target.ty.is_any() => Answer::Yes,
                (None, Members::Open) => {
                    Answer::Unknown(format!("`{name}` may stand among the source's undeclared members"))
                }
                (None, Members::Of(of)) => {
                    let of = (**of).clone();
                    wrap(self.ask(&of, &target.ty), "", |value| around(name, value))
                }
            };
            match at(answer, name) {
                Answer::Yes => {}
                no @ Answer::No(_) => return no,
                Answer::Unknown(why) => unknown = unknown.or(Some(why)),
            }
        }
        for (name, field) in from.fields.iter().filter(|(name, _)| !to.fields.contains_key(*name)) {
            let answer = match &to.others {
                Members::Of(of) => wrap(self.ask(&field.ty, of), "", |value| around(name, value)),
                Members::Open => Answer::Yes,
                Members::Closed => undeclared(&field.ty, |value| around(name, value)),
            };
            match at(answer, name) {
                Answer::Yes => {}
                no @ Answer::No(_) => return no,
                Answer::Unknown(why) => unknown = unknown.or(Some(why)),
            }
        }
        let others = match (&from.others, &to.others) {
            (Members::Closed, _) | (_, Members::Open) => Answer::Yes,
            (Members::Open, Members::Closed) => {
                Answer::Unknown("the source's undeclared members would be refused".to_owned())
            }
            (Members::Open, Members::Of(of)) if of.is_any() => Answer::Yes,
            (Members::Open, Members::Of(_)) => {
                Answer::Unknown("the source's undeclared members may not fit".to_owned())
            }
            (Members::Of(of), Members::Closed) => at(undeclared(of, |value| around("key", value)), "{}"),
            (Members::Of(from), Members::Of(to)) => {
                wrap(self.ask(from, to), "{}", |value| around("key", value))
            }
        };
        match (others, unknown) {
            (Answer::Yes, Some(why)) => Answer::Unknown(why),
            (others, _) => others,
        }
    }
}

//! The evaluator: total, deterministic, bounded in depth, work and memory. Fails rather than guesses.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::arithmetic;
use super::compare::{compare, equal};
use super::functions;
use super::{Arm, BinaryOperator, Definition, Expr, Part, UnaryOperator};
use crate::base::{Timestamp, limits};
use crate::types::Value;

/// Nesting of expressions that is evaluated. More than a plan file can hold.
pub const EVALUATION_DEPTH: usize = 160;
/// Work of one evaluation: expressions evaluated, and bytes of values built or copied.
pub const EVALUATION_WORK: usize = 32 << 20;

/// How a step ended, for `match`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answered<'a> {
    /// It was skipped.
    Skipped,
    /// By an answer: its status and its body.
    With(u16, &'a Value),
}

/// What an expression can see.
pub trait Scope {
    /// The value of an input, step, value or loop variable. A skipped step is `Value::Absent`, not `None`.
    fn get(&self, name: &str) -> Option<&Value>;
    /// A function that expressions may apply.
    fn definition(&self, _name: &str) -> Option<&Definition> {
        None
    }
    /// The status of a step's answer. Of a skipped step it is `Value::Absent`, not `None`.
    fn status(&self, _step: &str) -> Option<&Value> {
        None
    }
    /// The recorded headers of a step's answer, a record. Of a skipped step it is `Value::Absent`, not `None`.
    fn headers(&self, _step: &str) -> Option<&Value> {
        None
    }
    /// How a step ended.
    fn answered(&self, _step: &str) -> Option<Answered<'_>> {
        None
    }
    /// Where the page that is asked for begins. Of the first one it is `Value::Absent`, not `None`.
    fn next(&self) -> Option<&Value> {
        None
    }
    /// `run.id`.
    fn run_id(&self) -> &str;
    /// `run.started`.
    fn run_started(&self) -> Timestamp;
}

/// Kinds of failures, stable names for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalErrorKind {
    /// An integer, duration or decimal left its range, or a double stopped being finite.
    Overflow,
    /// Division by zero.
    DivisionByZero,
    /// An index outside a list.
    OutOfRange,
    /// A value that is absent or null where one is due.
    Nothing,
    /// A value of the wrong kind: the expression was not checked.
    Kind,
    /// A name, member or function that is not there: the expression was not checked.
    Unresolved,
    /// A function's argument that it can't take.
    Argument,
    /// Too much depth, work or memory.
    Limit,
}

impl EvalErrorKind {
    /// A stable name, such as `division_by_zero`.
    pub fn name(self) -> &'static str {
        match self {
            EvalErrorKind::Overflow => "overflow",
            EvalErrorKind::DivisionByZero => "division_by_zero",
            EvalErrorKind::OutOfRange => "out_of_range",
            EvalErrorKind::Nothing => "nothing",
            EvalErrorKind::Kind => "kind",
            EvalErrorKind::Unresolved => "unresolved",
            EvalErrorKind::Argument => "argument",
            EvalErrorKind::Limit => "limit",
        }
    }
}

/// An expression that failed. The message names kinds and names, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvalError {
    /// What kind of failure.
    pub kind: EvalErrorKind,
    /// What happened, lower case, one line.
    pub message: String,
}

impl EvalError {
    pub(crate) fn new(kind: EvalErrorKind, message: impl Into<String>) -> EvalError {
        EvalError { kind, message: message.into() }
    }

    pub(crate) fn kind(message: impl Into<String>) -> EvalError {
        EvalError::new(EvalErrorKind::Kind, message)
    }
}

/// Evaluates an expression. `Value::Absent` is a lawful result (`T?`).
pub fn evaluate(expr: &Expr, scope: &dyn Scope) -> Result<Value, EvalError> {
    let work = Work(Cell::new(EVALUATION_WORK));
    let value = evaluate_in(expr, &Frame { outer: scope, local: None, closed: false }, &work, 0)?;
    let value = work.own(value)?;
    // One expression adds few levels; value upon value could otherwise become deeper than the journal holds.
    if value.is_deeper_than(limits::VALUE_DEPTH) {
        return Err(EvalError::new(EvalErrorKind::Limit, "the value is nested too deep"));
    }
    Ok(value)
}

/// What is left of the work.
pub(crate) struct Work(Cell<usize>);

impl Work {
    pub(crate) fn charge(&self, amount: usize) -> Result<(), EvalError> {
        let left = self.0.get().checked_sub(amount);
        self.0.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(|| {
            EvalError::new(EvalErrorKind::Limit, "the expression needs more work or memory than is allowed")
        })
    }

    fn own(&self, value: Cow<'_, Value>) -> Result<Value, EvalError> {
        self.charge(value.weight())?;
        Ok(value.into_owned())
    }
}

/// The scope, and the variables of the comprehensions around, or the parameters of the function that is applied.
#[derive(Clone, Copy)]
struct Frame<'a> {
    outer: &'a dyn Scope,
    local: Option<&'a Local<'a>>,
    /// Inside a function: of the scope, only its functions can be seen.
    closed: bool,
}

struct Local<'a> {
    name: &'a str,
    value: &'a Value,
    next: Option<&'a Local<'a>>,
}

impl<'a> Frame<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        let mut local = self.local;
        while let Some(here) = local {
            if here.name == name {
                return Some(here.value);
            }
            local = here.next;
        }
        if self.closed { None } else { self.outer.get(name) }
    }
}

type Evaluated<'a> = Result<Cow<'a, Value>, EvalError>;

fn owned<'a>(value: Value) -> Evaluated<'a> {
    Ok(Cow::Owned(value))
}

fn evaluate_in<'a>(expr: &'a Expr, frame: &Frame<'a>, work: &Work, depth: usize) -> Evaluated<'a> {
    if depth >= EVALUATION_DEPTH {
        return Err(EvalError::new(EvalErrorKind::Limit, "the expression is nested too deep"));
    }
    work.charge(1)?;
    let depth = depth + 1;
    match expr {
        Expr::Null => owned(Value::Null),
        Expr::Bool { value } => owned(Value::Bool(*value)),
        Expr::Int { value } => arithmetic::int(*value).map(Cow::Owned),
        Expr::Number { value } => arithmetic::number(*value).map(Cow::Owned),
        Expr::Decimal { value } => value
            .parse()
            .map(|value| Cow::Owned(Value::Decimal(value)))
            .map_err(|_| EvalError::kind("a decimal literal can't be read")),
        Expr::String { value } => {
            work.charge(value.len())?;
            owned(Value::String(value.clone()))
        }
        Expr::Duration { milliseconds } => owned(Value::Duration(*milliseconds)),
        Expr::Timestamp { at } => owned(Value::Timestamp(*at)),
        Expr::Interpolate { parts } => interpolate(parts, frame, work, depth),
        Expr::Name { name } => frame
            .get(name)
            .map(Cow::Borrowed)
            .ok_or_else(|| EvalError::new(EvalErrorKind::Unresolved, format!("`{name}` has no value here"))),
        Expr::Status { of } | Expr::Headers { of } => {
            let found = match expr {
                _ if frame.closed => None,
                Expr::Status { .. } => frame.outer.status(of),
                _ => frame.outer.headers(of),
            };
            let missing = || {
                let message = format!("of the answer of `{of}` this is not recorded");
                EvalError::new(EvalErrorKind::Unresolved, message)
            };
            found.map(Cow::Borrowed).ok_or_else(missing)
        }
        Expr::Next => {
            let found = if frame.closed { None } else { frame.outer.next() };
            let missing = || EvalError::new(EvalErrorKind::Unresolved, "`next` has no value here");
            found.map(Cow::Borrowed).ok_or_else(missing)
        }
        Expr::Run { .. } if frame.closed => {
            Err(EvalError::new(EvalErrorKind::Unresolved, "a function does not see `run`"))
        }
        Expr::Run { member } => match member.as_str() {
            "id" => owned(Value::String(frame.outer.run_id().to_owned())),
            "started" => {
                let moment =
                    frame.outer.run_started().moment().ok_or_else(|| arithmetic::overflow("timestamp"))?;
                owned(Value::Timestamp(moment))
            }
            other => Err(EvalError::new(EvalErrorKind::Unresolved, format!("`run` has no `{other}`"))),
        },
        Expr::Field { of, name, optional } => {
            let of = evaluate_in(of, frame, work, depth)?;
            field(of, name, *optional, work)
        }
        Expr::Index { of, index, optional } => {
            let list = evaluate_in(of, frame, work, depth)?;
            let index = evaluate_in(index, frame, work, depth)?;
            element(list, &index, *optional, work)
        }
        Expr::Unary { operator, of } => {
            let of = evaluate_in(of, frame, work, depth)?;
            match operator {
                UnaryOperator::Not => owned(Value::Bool(!truth(&of, "`!`")?)),
                UnaryOperator::Negate => arithmetic::negate(&of).map(Cow::Owned),
            }
        }
        Expr::Binary { operator, left, right } => binary(*operator, left, right, frame, work, depth),
        Expr::If { condition, then, otherwise } => {
            let condition = truth(&*evaluate_in(condition, frame, work, depth)?, "`if`")?;
            evaluate_in(if condition { then } else { otherwise }, frame, work, depth)
        }
        Expr::Match { of, arms, otherwise } => {
            let answered = if frame.closed { None } else { frame.outer.answered(of) };
            let unknown = |what: &str| EvalError::new(EvalErrorKind::Unresolved, format!("`{of}` {what}"));
            let (status, body) = match answered {
                None => return Err(unknown("has no recorded answer")),
                Some(Answered::Skipped) => return owned(Value::Absent),
                Some(Answered::With(status, body)) => (status, body),
            };
            match (arms.iter().find(|arm| arm.status == status), otherwise) {
                (Some(Arm { variable: Some(name), value, .. }), _) => {
                    let local = Local { name, value: body, next: frame.local };
                    let frame = Frame { local: Some(&local), ..*frame };
                    work.own(evaluate_in(value, &frame, work, depth)?).map(Cow::Owned)
                }
                (Some(arm), _) => evaluate_in(&arm.value, frame, work, depth),
                (None, Some(otherwise)) => evaluate_in(otherwise, frame, work, depth),
                (None, None) => Err(unknown("ended in a way that no arm is for")),
            }
        }
        Expr::List { items } => {
            let mut values = Vec::new();
            for item in items {
                values.push(present(evaluate_in(item, frame, work, depth)?, "an item of a list", work)?);
            }
            owned(Value::List(values))
        }
        Expr::Record { members } => {
            let mut values = BTreeMap::new();
            for (name, member) in members {
                let value = work.own(evaluate_in(member, frame, work, depth)?)?;
                work.charge(name.len())?;
                // A name that stands twice is refused by the checker; here the first one stays.
                if !value.is_absent() {
                    values.entry(name.clone()).or_insert(value);
                }
            }
            owned(Value::Record(values))
        }
        Expr::Comprehension { variable, list, condition, item } => {
            let list = evaluate_in(list, frame, work, depth)?;
            let Value::List(items) = &*list else {
                return Err(wrong("a list comprehension", "a list", &list));
            };
            let mut values = Vec::new();
            for value in items {
                let local = Local { name: variable, value, next: frame.local };
                values.extend(iteration(&local, condition.as_deref(), item, frame, work, depth)?);
            }
            owned(Value::List(values))
        }
        Expr::Call { function, arguments } => {
            let mut values = Vec::new();
            for argument in arguments {
                values.push(work.own(evaluate_in(argument, frame, work, depth)?)?);
            }
            let value = functions::call(function, &values)?;
            work.charge(value.weight())?;
            owned(value)
        }
        Expr::Apply { function, arguments } => {
            let mut values = Vec::new();
            for argument in arguments {
                values.push(evaluate_in(argument, frame, work, depth)?);
            }
            let definition = frame.outer.definition(function).ok_or_else(|| {
                EvalError::new(EvalErrorKind::Unresolved, format!("there is no function `{function}`"))
            })?;
            if definition.parameters.len() != values.len() {
                let message = format!("`{function}` takes another number of arguments");
                return Err(EvalError::new(EvalErrorKind::Argument, message));
            }
            let parameters: Vec<(&str, &Value)> = definition
                .parameters
                .iter()
                .map(String::as_str)
                .zip(values.iter().map(|value| &**value))
                .collect();
            apply(definition, &parameters, None, frame.outer, work, depth).map(Cow::Owned)
        }
        Expr::Widen { to, of } => {
            let of = evaluate_in(of, frame, work, depth)?;
            match (to.as_str(), &*of) {
                (_, Value::Absent | Value::Null) => Ok(of),
                ("decimal", Value::Int(value)) => owned(Value::Decimal((*value).into())),
                ("number", Value::Int(value)) => arithmetic::number(*value as f64).map(Cow::Owned),
                ("decimal", Value::Decimal(_)) | ("number", Value::Number(_)) => Ok(of),
                _ => Err(wrong("widening", "an int", &of)),
            }
        }
    }
}

/// A function's body over its parameters: each becomes a variable around the next.
fn apply(
    definition: &Definition,
    parameters: &[(&str, &Value)],
    local: Option<&Local<'_>>,
    outer: &dyn Scope,
    work: &Work,
    depth: usize,
) -> Result<Value, EvalError> {
    match parameters.split_first() {
        Some(((name, value), rest)) => {
            let local = Local { name, value, next: local };
            apply(definition, rest, Some(&local), outer, work, depth)
        }
        None => {
            let frame = Frame { outer, local, closed: true };
            work.own(evaluate_in(&definition.body, &frame, work, depth)?)
        }
    }
}

/// One iteration of a comprehension. Apart, because its variable lives shorter than the expression.
fn iteration(
    local: &Local<'_>,
    condition: Option<&Expr>,
    item: &Expr,
    around: &Frame<'_>,
    work: &Work,
    depth: usize,
) -> Result<Option<Value>, EvalError> {
    let frame = Frame { local: Some(local), ..*around };
    if let Some(condition) = condition
        && !truth(&*evaluate_in(condition, &frame, work, depth)?, "`when`")?
    {
        return Ok(None);
    }
    present(evaluate_in(item, &frame, work, depth)?, "an item of a list", work).map(Some)
}

fn wrong(place: &str, wanted: &str, found: &Value) -> EvalError {
    let kind = if found.is_nothing() { EvalErrorKind::Nothing } else { EvalErrorKind::Kind };
    EvalError::new(kind, format!("{place} takes {wanted}, found {}", found.kind()))
}

fn truth(value: &Value, place: &str) -> Result<bool, EvalError> {
    value.as_bool().ok_or_else(|| wrong(place, "a bool", value))
}

fn present(value: Cow<'_, Value>, what: &str, work: &Work) -> Result<Value, EvalError> {
    if value.is_absent() {
        return Err(EvalError::new(EvalErrorKind::Nothing, format!("{what} is absent")));
    }
    work.own(value)
}

fn interpolate<'a>(parts: &'a [Part], frame: &Frame<'a>, work: &Work, depth: usize) -> Evaluated<'a> {
    let mut text = String::new();
    for part in parts {
        let before = text.len();
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Value(expr) => {
                let value = evaluate_in(expr, frame, work, depth)?;
                match &*value {
                    Value::String(inner) => text.push_str(inner),
                    Value::EczId(id) => text.push_str(id.as_str()),
                    Value::Int(_) | Value::Bool(_) | Value::Decimal(_) => {
                        text.push_str(&value.to_text().map_err(|error| EvalError::kind(error.to_string()))?)
                    }
                    other => {
                        return Err(wrong("a string", "a string, int, bool, decimal or EczId", other));
                    }
                }
            }
        }
        work.charge(text.len().saturating_sub(before))?;
    }
    owned(Value::String(text))
}

fn field<'a>(of: Cow<'a, Value>, name: &str, optional: bool, work: &Work) -> Evaluated<'a> {
    match of {
        Cow::Borrowed(Value::Record(members)) => {
            Ok(members.get(name).map_or(Cow::Owned(Value::Absent), Cow::Borrowed))
        }
        Cow::Owned(Value::Record(mut members)) => {
            work.charge(1)?;
            owned(members.remove(name).unwrap_or(Value::Absent))
        }
        of if of.is_nothing() && optional => owned(Value::Absent),
        of if of.is_nothing() => Err(EvalError::new(
            EvalErrorKind::Nothing,
            format!("`.{name}` of a value that is {}: `?.{name}` takes that", of.kind()),
        )),
        of => Err(wrong(&format!("`.{name}`"), "a record", &of)),
    }
}

fn element<'a>(list: Cow<'a, Value>, index: &Value, optional: bool, work: &Work) -> Evaluated<'a> {
    if optional && list.is_nothing() {
        return owned(Value::Absent);
    }
    let Value::List(items) = &*list else { return Err(wrong("an index", "a list", &list)) };
    let Value::Int(at) = index else { return Err(wrong("an index", "an int inside the brackets", index)) };
    let length = items.len();
    let position = usize::try_from(*at).ok().filter(|position| *position < length);
    match (position, list) {
        (Some(position), Cow::Borrowed(Value::List(items))) => {
            Ok(items.get(position).map_or(Cow::Owned(Value::Absent), Cow::Borrowed))
        }
        (Some(position), list) => {
            work.charge(1)?;
            match list.into_owned() {
                Value::List(mut items) if position < items.len() => owned(items.swap_remove(position)),
                _ => owned(Value::Absent),
            }
        }
        (None, _) if optional => owned(Value::Absent),
        // Neither may be told to whoever reads what a run failed with.
        (None, _) => Err(EvalError::new(EvalErrorKind::OutOfRange, "the index is outside the list")),
    }
}

fn binary<'a>(
    operator: BinaryOperator,
    left: &'a Expr,
    right: &'a Expr,
    frame: &Frame<'a>,
    work: &Work,
    depth: usize,
) -> Evaluated<'a> {
    let left = evaluate_in(left, frame, work, depth)?;
    match operator {
        BinaryOperator::And if !truth(&left, "`&&`")? => return owned(Value::Bool(false)),
        BinaryOperator::Or if truth(&left, "`||`")? => return owned(Value::Bool(true)),
        BinaryOperator::Coalesce if !left.is_nothing() => return Ok(left),
        _ => {}
    }
    let right = evaluate_in(right, frame, work, depth)?;
    match operator {
        BinaryOperator::And => owned(Value::Bool(truth(&right, "`&&`")?)),
        BinaryOperator::Or => owned(Value::Bool(truth(&right, "`||`")?)),
        BinaryOperator::Coalesce => Ok(right),
        BinaryOperator::Equal | BinaryOperator::NotEqual => {
            work.charge(left.weight().min(right.weight()))?;
            let equal = equal(&left, &right)?;
            owned(Value::Bool(equal == (operator == BinaryOperator::Equal)))
        }
        BinaryOperator::Less
        | BinaryOperator::LessOrEqual
        | BinaryOperator::Greater
        | BinaryOperator::GreaterOrEqual => {
            let order = compare(&left, &right)?;
            owned(Value::Bool(match operator {
                BinaryOperator::Less => order == Ordering::Less,
                BinaryOperator::LessOrEqual => order != Ordering::Greater,
                BinaryOperator::Greater => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }))
        }
        BinaryOperator::Add
        | BinaryOperator::Subtract
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Remainder => arithmetic::binary(operator, &left, &right).map(Cow::Owned),
    }
}

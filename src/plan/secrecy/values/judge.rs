//! Expressions judged by where their values come from: what is in a value, and what decided which value it is.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::sources::{Origin, Part, Sources};
use super::{Label, Shape, Value};
use crate::expr::{BinaryOperator, Definitions, EVALUATION_DEPTH, Expr, Part as Text};
use crate::plan::bits::Bits;
use crate::plan::compensation::fails_itself;

/// Expressions inside functions that are judged call by call. Beyond it a result counts as made of all arguments.
const STEPS: usize = 4 << 20;

/// Judges the expressions of one flow.
pub(in crate::plan::secrecy) struct Judge<'s, 'a> {
    pub(in crate::plan::secrecy) sources: Sources<'s, 'a>,
    pub(in crate::plan::secrecy) functions: &'a Definitions,
    /// The flow's names.
    pub(in crate::plan::secrecy) names: BTreeMap<&'a str, Value<'a>>,
    /// The answers of its steps: what they say beside what the steps' names stand for.
    pub(in crate::plan::secrecy) answers: BTreeMap<&'a str, Value<'a>>,
    /// `next`, where the pages of a step are read.
    pub(in crate::plan::secrecy) next: Option<Value<'a>>,
    /// What may make an expression fail, since this was last taken.
    pub(in crate::plan::secrecy) fails: Bits,
    steps: usize,
    depth: usize,
}

type Locals<'a> = Vec<(&'a str, Value<'a>)>;

impl<'s, 'a> Judge<'s, 'a> {
    pub(in crate::plan::secrecy) fn new(
        sources: Sources<'s, 'a>,
        functions: &'a Definitions,
    ) -> Judge<'s, 'a> {
        let (names, answers) = (BTreeMap::new(), BTreeMap::new());
        Judge { sources, functions, names, answers, next: None, fails: Bits::default(), steps: 0, depth: 0 }
    }

    /// An input or the body of an answer.
    pub(in crate::plan::secrecy) fn source(
        &mut self,
        origin: Origin<'a>,
        path: Vec<&'a str>,
        label: Label,
    ) -> Value<'a> {
        let owned = path.iter().map(|name| (*name).to_owned()).collect();
        let number = self.sources.number(origin, Part::Whole(owned));
        let mut whole = label.clone();
        whole.data.add(number);
        let levels = path.len() + 1;
        Value { label, whole: Rc::new(whole), shape: Shape::Source(origin, path), parts: 1, levels }.bounded()
    }

    /// A value of the flow itself.
    pub(in crate::plan::secrecy) fn value(&mut self, expression: &'a Expr) -> Value<'a> {
        self.judge(expression, &mut Vec::new(), &Bits::default())
    }

    /// What is known of how many items a list has, or whether something is there.
    pub(in crate::plan::secrecy) fn count(&mut self, value: &Value<'a>) -> Label {
        let mut label = value.label.clone();
        match &value.shape {
            Shape::Plain => label.join(&value.whole),
            Shape::Source(origin, path) => {
                let path = path.iter().map(|name| (*name).to_owned()).collect();
                label.data.add(self.sources.number(*origin, Part::Count(path)));
            }
            Shape::Both(both) => {
                label.join(&self.count(&both.0));
                label.join(&self.count(&both.1));
            }
            Shape::Record(_) | Shape::List(_) => {}
        }
        label
    }

    /// An item of a list.
    pub(in crate::plan::secrecy) fn item(&self, list: &Value<'a>) -> Value<'a> {
        match &list.shape {
            Shape::List(item) => (**item).clone().under(&list.label),
            // Lists in documents are not named in paths.
            Shape::Source(..) | Shape::Plain => list.clone(),
            Shape::Both(both) => Value::both(self.item(&both.0), self.item(&both.1)).under(&list.label),
            Shape::Record(_) => Value::plain((*list.whole).clone()),
        }
    }

    pub(in crate::plan::secrecy) fn member(&mut self, of: &Value<'a>, name: &'a str) -> Value<'a> {
        match &of.shape {
            Shape::Plain => of.clone(),
            Shape::Record(members) => match members.get(name) {
                Some(member) => member.clone().under(&of.label),
                None => Value::plain(of.label.clone()),
            },
            Shape::Both(both) => {
                let (one, other) = (self.member(&both.0, name), self.member(&both.1, name));
                Value::both(one, other).under(&of.label)
            }
            Shape::List(_) => Value::plain((*of.whole).clone()),
            Shape::Source(origin, path) => {
                let mut path = path.clone();
                path.push(name);
                self.source(*origin, path, of.label.clone())
            }
        }
    }

    /// One value or the other.
    fn either(&self, one: Value<'a>, other: Value<'a>) -> Value<'a> {
        let mut label = one.label.clone();
        label.join(&other.label);
        // What comes from nowhere, null above all, leaves the parts of the other what they are.
        let is_written = |value: &Value<'a>| {
            matches!(value.shape, Shape::Plain)
                && value.whole.data.is_empty()
                && value.whole.control.is_empty()
        };
        if is_written(&one) || is_written(&other) {
            return if is_written(&one) { other } else { one };
        }
        let both = match (&one.shape, &other.shape) {
            (Shape::Record(mine), Shape::Record(theirs)) => {
                let mut members = (**mine).clone();
                for (name, member) in theirs.iter() {
                    let joined = match members.remove(name) {
                        Some(mine) => self.either(mine, member.clone()),
                        None => member.clone(),
                    };
                    members.insert(name, joined);
                }
                Value::record(members)
            }
            (Shape::List(mine), Shape::List(theirs)) => {
                Value::list(Label::default(), self.either((**mine).clone(), (**theirs).clone()))
            }
            (Shape::Source(..), Shape::Source(..)) if one.whole.data == other.whole.data => one.clone(),
            _ => {
                let mut whole = (*one.whole).clone();
                whole.join(&other.whole);
                Value::plain(whole)
            }
        };
        both.under(&label)
    }

    fn all_of(
        &mut self,
        parts: impl Iterator<Item = &'a Expr>,
        locals: &mut Locals<'a>,
        under: &Bits,
    ) -> Label {
        let mut label = Label::default();
        for part in parts {
            label.join(self.judge(part, locals, under).whole());
        }
        label
    }

    /// Notes that an operation on these operands may fail.
    fn may_fail(&mut self, operands: &Label, under: &Bits) {
        self.fails.union(&operands.all());
        self.fails.union(under);
    }

    /// `under`: what decided that the expression is evaluated at all.
    fn judge(&mut self, expression: &'a Expr, locals: &mut Locals<'a>, under: &Bits) -> Value<'a> {
        // Deeper ones are refused elsewhere; here nothing is known of them but all that they name.
        if self.depth >= EVALUATION_DEPTH {
            let names = crate::plan::free_names(expression);
            let mut label = Label::default();
            let known = names.iter().filter_map(|name| {
                let local = locals.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value);
                local.or_else(|| self.names.get(name.as_str()))
            });
            known.chain(&self.next).for_each(|value| label.join(value.whole()));
            return Value::plain(label);
        }
        self.depth += 1;
        let value = self.judged(expression, locals, under);
        self.depth -= 1;
        value
    }

    fn judged(&mut self, expression: &'a Expr, locals: &mut Locals<'a>, under: &Bits) -> Value<'a> {
        match expression {
            Expr::Null
            | Expr::Bool { .. }
            | Expr::Int { .. }
            | Expr::Number { .. }
            | Expr::Decimal { .. }
            | Expr::String { .. }
            | Expr::Duration { .. }
            | Expr::Timestamp { .. }
            | Expr::Run { .. } => Value::plain(Label::default()),
            Expr::Name { name } => {
                let local = locals.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value);
                let known = local.or_else(|| self.names.get(name.as_str())).cloned();
                known.unwrap_or_else(|| Value::plain(Label::default()))
            }
            Expr::Next => self.next.clone().unwrap_or_else(|| Value::plain(Label::default())),
            Expr::Status { of } => self.beside(of, Part::Status),
            Expr::Headers { of } => self.beside(of, Part::Header(None)),
            Expr::Field { of, name, .. } => match &**of {
                Expr::Headers { of } => self.beside(of, Part::Header(Some(name.clone()))),
                _ => {
                    let of = self.judge(of, locals, under);
                    self.member(&of, name)
                }
            },
            Expr::Index { of, index, optional } => {
                let list = self.judge(of, locals, under);
                let index = self.judge(index, locals, under);
                let mut chosen = index.whole().deciding();
                let count = self.count(&list);
                if *optional {
                    chosen.join(&count.deciding());
                } else {
                    self.may_fail(&count, under);
                    self.may_fail(index.whole(), under);
                }
                self.item(&list).under(&chosen)
            }
            Expr::Unary { of, .. } | Expr::Widen { of, .. } => {
                let of = self.judge(of, locals, under);
                if fails_itself(expression) {
                    self.may_fail(of.whole(), under);
                }
                Value::plain(of.whole().clone())
            }
            Expr::Binary { operator: BinaryOperator::Coalesce, left, right } => {
                let left = self.judge(left, locals, under);
                let there = self.count(&left).all();
                let mut inner = under.clone();
                inner.union(&there);
                let right = self.judge(right, locals, &inner);
                self.either(left, right).decided(&there)
            }
            Expr::Binary { operator, left, right } => {
                let left = self.judge(left, locals, under);
                let short = matches!(operator, BinaryOperator::And | BinaryOperator::Or);
                let mut inner = under.clone();
                if short {
                    inner.union(&left.whole().all());
                }
                let right = self.judge(right, locals, &inner);
                let mut label = left.whole().clone();
                label.join(right.whole());
                if fails_itself(expression) {
                    self.may_fail(&label, under);
                }
                Value::plain(label)
            }
            Expr::If { condition, then, otherwise } => {
                let condition = self.judge(condition, locals, under).whole().all();
                let mut inner = under.clone();
                inner.union(&condition);
                let then = self.judge(then, locals, &inner);
                let otherwise = self.judge(otherwise, locals, &inner);
                self.either(then, otherwise).decided(&condition)
            }
            Expr::Interpolate { parts } => {
                let parts = parts.iter().filter_map(|part| match part {
                    Text::Value(value) => Some(value),
                    Text::Text(_) => None,
                });
                Value::plain(self.all_of(parts, locals, under))
            }
            Expr::List { items } => {
                let mut joined: Option<Value<'a>> = None;
                for item in items {
                    let item = self.judge(item, locals, under);
                    joined = Some(match joined {
                        Some(before) => self.either(before, item),
                        None => item,
                    });
                }
                let item = joined.unwrap_or_else(|| Value::plain(Label::default()));
                Value::list(Label::default(), item)
            }
            Expr::Match { of, arms, otherwise } => {
                let status = self.beside(of, Part::Status).whole().all();
                let mut inner = under.clone();
                inner.union(&status);
                let mut joined: Option<Value<'a>> = None;
                let values =
                    arms.iter().map(|arm| (arm.variable.as_deref().zip(Some(arm.status)), &arm.value));
                for (bound, value) in values.chain(otherwise.as_deref().map(|value| (None, value))) {
                    // Of pages the name stands for their items; a refusal is the call's own answer.
                    let bound = bound.and_then(|(variable, status)| {
                        let bodies = if (200..300).contains(&status) { &self.names } else { &self.answers };
                        Some((variable, bodies.get(of.as_str())?.clone()))
                    });
                    let depth = locals.len();
                    locals.extend(bound);
                    let value = self.judge(value, locals, &inner);
                    locals.truncate(depth);
                    joined = Some(match joined {
                        Some(before) => self.either(before, value),
                        None => value,
                    });
                }
                joined.unwrap_or_else(|| Value::plain(Label::default())).decided(&status)
            }
            Expr::Record { members } => {
                let mut judged: BTreeMap<&'a str, Value<'a>> = BTreeMap::new();
                for (name, value) in members {
                    let value = self.judge(value, locals, under);
                    let value = match judged.remove(name.as_str()) {
                        Some(before) => self.either(before, value),
                        None => value,
                    };
                    judged.insert(name, value);
                }
                Value::record(judged)
            }
            Expr::Comprehension { variable, list, condition, item } => {
                let list = self.judge(list, locals, under);
                let mut count = self.count(&list);
                let mut inner = under.clone();
                inner.union(&count.all());
                locals.push((variable, self.item(&list)));
                if let Some(condition) = condition {
                    let condition = self.judge(condition, locals, &inner).whole().all();
                    inner.union(&condition);
                    count.control.union(&condition);
                }
                let item = self.judge(item, locals, &inner);
                locals.pop();
                Value::list(count, item)
            }
            Expr::Call { function, arguments } => {
                if let ("length", [list]) = (function.as_str(), arguments.as_slice()) {
                    let list = self.judge(list, locals, under);
                    return Value::plain(self.count(&list));
                }
                let label = self.all_of(arguments.iter(), locals, under);
                self.may_fail(&label, under);
                Value::plain(label)
            }
            Expr::Apply { function, arguments } => self.apply(function, arguments, locals, under),
        }
    }

    /// The status or headers of a step's answer.
    fn beside(&mut self, step: &'a str, part: Part) -> Value<'a> {
        let Some(Value { label, shape: Shape::Source(origin, _), .. }) = self.answers.get(step).cloned()
        else {
            return Value::plain(Label::default());
        };
        let mut label = label;
        label.data.add(self.sources.number(origin, part));
        Value::plain(label)
    }

    fn apply(
        &mut self,
        function: &str,
        arguments: &'a [Expr],
        locals: &mut Locals<'a>,
        under: &Bits,
    ) -> Value<'a> {
        let given: Vec<Value<'a>> =
            arguments.iter().map(|argument| self.judge(argument, locals, under)).collect();
        let mut all = Label::default();
        given.iter().for_each(|argument| all.join(argument.whole()));
        let Some(definition) = self.functions.get(function) else { return Value::plain(all) };
        if self.steps >= STEPS {
            self.may_fail(&all, under);
            return Value::plain(all);
        }
        self.steps += size(&definition.body);
        let mut inner: Locals<'a> = definition.parameters.iter().map(String::as_str).zip(given).collect();
        self.judge(&definition.body, &mut inner, under)
    }
}

/// Expressions in an expression.
fn size(expression: &Expr) -> usize {
    let mut count = 1;
    crate::plan::each_child(expression, &mut |child| count += size(child));
    count
}

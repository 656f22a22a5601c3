//! Expressions judged by where their values come from: what is in a value, and what decided which value it is.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::sources::{Origin, Part, Sources};
use crate::expr::{BinaryOperator, Definitions, EVALUATION_DEPTH, Expr, Part as Text};
use crate::plan::bits::Bits;
use crate::plan::compensation::fails_itself;

/// Parts of a value that are told apart; one with more counts as one.
const PARTS: usize = 1024;
/// Levels of a value that are told apart.
const LEVELS: usize = 32;
/// Expressions inside functions that are judged call by call. Beyond it a result counts as made of all arguments.
const STEPS: usize = 4 << 20;

/// Where something comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Label {
    /// The sources that are in it.
    pub(super) data: Bits,
    /// The sources that decided what it is, or whether it is there.
    pub(super) control: Bits,
}

impl Label {
    /// What is in something, and nothing that decided.
    pub(super) fn data(data: &Bits) -> Label {
        Label { data: data.clone(), control: Bits::default() }
    }

    /// What only decides.
    pub(super) fn control(control: &Bits) -> Label {
        Label { data: Bits::default(), control: control.clone() }
    }

    pub(super) fn join(&mut self, other: &Label) {
        self.data.union(&other.data);
        self.control.union(&other.control);
    }

    /// Both together.
    pub(super) fn all(&self) -> Bits {
        let mut all = self.data.clone();
        all.union(&self.control);
        all
    }

    /// As what only decides.
    fn deciding(&self) -> Label {
        Label::control(&self.all())
    }
}

/// A value: what is known of its parts.
#[derive(Debug, Clone)]
pub(super) struct Value<'a> {
    /// Of its being there, its length, the choice of it.
    label: Label,
    /// Of all of it.
    whole: Rc<Label>,
    shape: Shape<'a>,
    parts: usize,
    levels: usize,
}

#[derive(Debug, Clone)]
enum Shape<'a> {
    /// Nothing is known of its parts: each is as the whole.
    Plain,
    Record(Rc<BTreeMap<&'a str, Value<'a>>>),
    /// The items are as one.
    List(Rc<Value<'a>>),
    /// A part of an answer or an input.
    Source(Origin<'a>, Vec<&'a str>),
    /// One value by two names: as it was given, and as what a called flow classifies of it.
    Both(Rc<(Value<'a>, Value<'a>)>),
}

impl<'a> Value<'a> {
    pub(super) fn plain(label: Label) -> Value<'a> {
        Value { whole: Rc::new(label.clone()), label, shape: Shape::Plain, parts: 1, levels: 1 }
    }

    fn record(members: BTreeMap<&'a str, Value<'a>>) -> Value<'a> {
        let mut whole = Label::default();
        members.values().for_each(|member| whole.join(&member.whole));
        let parts = members.values().map(|member| member.parts).sum::<usize>() + 1;
        let levels = members.values().map(|member| member.levels).max().unwrap_or_default() + 1;
        Value {
            label: Label::default(),
            whole: Rc::new(whole),
            shape: Shape::Record(Rc::new(members)),
            parts,
            levels,
        }
        .bounded()
    }

    pub(super) fn list(label: Label, item: Value<'a>) -> Value<'a> {
        let mut whole = label.clone();
        whole.join(&item.whole);
        let (parts, levels) = (item.parts + 1, item.levels + 1);
        Value { label, whole: Rc::new(whole), shape: Shape::List(Rc::new(item)), parts, levels }.bounded()
    }

    /// A value under a second name.
    pub(super) fn both(one: Value<'a>, other: Value<'a>) -> Value<'a> {
        let (mut label, mut whole) = (one.label.clone(), (*one.whole).clone());
        label.join(&other.label);
        whole.join(&other.whole);
        let (parts, levels) = (one.parts + other.parts, one.levels.max(other.levels) + 1);
        let shape = Shape::Both(Rc::new((one, other)));
        Value { label, whole: Rc::new(whole), shape, parts, levels }.bounded()
    }

    fn bounded(self) -> Value<'a> {
        if self.parts > PARTS || self.levels > LEVELS { Value::plain((*self.whole).clone()) } else { self }
    }

    /// Everything in it and everything that decided it.
    pub(super) fn whole(&self) -> &Label {
        &self.whole
    }

    /// Whether a source may be in the value, or in a part of it.
    pub(super) fn may_hold(&self, number: usize, origin: Origin<'a>) -> bool {
        let of_it = match &self.shape {
            Shape::Source(from, _) => *from == origin,
            Shape::Both(both) => both.0.may_hold(number, origin) || both.1.may_hold(number, origin),
            Shape::Plain | Shape::Record(_) | Shape::List(_) => false,
        };
        of_it || self.whole.data.has(number) || self.whole.control.has(number)
    }

    /// The value where something decided about it.
    pub(super) fn under(mut self, label: &Label) -> Value<'a> {
        if label.data.is_empty() && label.control.is_empty() {
            return self;
        }
        self.label.join(label);
        Rc::make_mut(&mut self.whole).join(label);
        self
    }

    /// The value where a condition decided about it.
    pub(super) fn decided(self, by: &Bits) -> Value<'a> {
        self.under(&Label::control(by))
    }

    /// Its parts with their places below `place`, as `body.a.b`; the parts of one that is not written out are one.
    pub(super) fn each_part(&self, place: &str, visit: &mut dyn FnMut(&str, &Label)) {
        match &self.shape {
            Shape::Record(members) => {
                if members.is_empty() || !self.label.all().is_empty() {
                    visit(place, &self.label);
                }
                members.iter().for_each(|(name, member)| member.each_part(&format!("{place}.{name}"), visit));
            }
            Shape::List(item) => {
                visit(place, &self.label);
                item.each_part(place, visit);
            }
            Shape::Plain | Shape::Source(..) | Shape::Both(_) => visit(place, &self.whole),
        }
    }
}

/// Judges the expressions of one flow.
pub(super) struct Judge<'s, 'a> {
    pub(super) sources: Sources<'s, 'a>,
    pub(super) functions: &'a Definitions,
    /// The flow's names.
    pub(super) names: BTreeMap<&'a str, Value<'a>>,
    /// The answers of its steps: what they say beside what the steps' names stand for.
    pub(super) answers: BTreeMap<&'a str, Value<'a>>,
    /// `next`, where the pages of a step are read.
    pub(super) next: Option<Value<'a>>,
    /// What may make an expression fail, since this was last taken.
    pub(super) fails: Bits,
    steps: usize,
    depth: usize,
}

type Locals<'a> = Vec<(&'a str, Value<'a>)>;

impl<'s, 'a> Judge<'s, 'a> {
    pub(super) fn new(sources: Sources<'s, 'a>, functions: &'a Definitions) -> Judge<'s, 'a> {
        let (names, answers) = (BTreeMap::new(), BTreeMap::new());
        Judge { sources, functions, names, answers, next: None, fails: Bits::default(), steps: 0, depth: 0 }
    }

    /// An input or the body of an answer.
    pub(super) fn source(&mut self, origin: Origin<'a>, path: Vec<&'a str>, label: Label) -> Value<'a> {
        let owned = path.iter().map(|name| (*name).to_owned()).collect();
        let number = self.sources.number(origin, Part::Whole(owned));
        let mut whole = label.clone();
        whole.data.add(number);
        let levels = path.len() + 1;
        Value { label, whole: Rc::new(whole), shape: Shape::Source(origin, path), parts: 1, levels }.bounded()
    }

    /// A value of the flow itself.
    pub(super) fn value(&mut self, expression: &'a Expr) -> Value<'a> {
        self.judge(expression, &mut Vec::new(), &Bits::default())
    }

    /// What is known of how many items a list has, or whether something is there.
    pub(super) fn count(&mut self, value: &Value<'a>) -> Label {
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
    pub(super) fn item(&self, list: &Value<'a>) -> Value<'a> {
        match &list.shape {
            Shape::List(item) => (**item).clone().under(&list.label),
            // Lists in documents are not named in paths.
            Shape::Source(..) | Shape::Plain => list.clone(),
            Shape::Both(both) => Value::both(self.item(&both.0), self.item(&both.1)).under(&list.label),
            Shape::Record(_) => Value::plain((*list.whole).clone()),
        }
    }

    pub(super) fn member(&mut self, of: &Value<'a>, name: &'a str) -> Value<'a> {
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

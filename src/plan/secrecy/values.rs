//! Values by where they and their parts come from.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::sources::Origin;
use crate::plan::bits::Bits;

mod judge;
pub(super) use judge::Judge;

/// Parts of a value that are told apart; one with more counts as one.
const PARTS: usize = 1024;
/// Levels of a value that are told apart.
const LEVELS: usize = 32;

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

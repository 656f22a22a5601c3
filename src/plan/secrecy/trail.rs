//! The way that data takes through a flow's names, for people who read a finding.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::subject::{Item, Subject, What};
use super::{Origin, Way};
use crate::expr::Expr;
use crate::plan::free_names;
use crate::plan::secrecy::walk::Walked;

/// What each name of a flow is made of.
pub(super) struct Trails<'a> {
    index: BTreeMap<&'a str, Entry<'a>>,
    /// Ways that were looked for: many findings go one way.
    known: BTreeMap<(String, usize), Vec<String>>,
}

/// What one name is made of.
struct Entry<'a> {
    expressions: Vec<&'a Expr>,
    calls: Vec<(&'a str, &'a str)>,
}

impl<'a> Trails<'a> {
    pub(super) fn of(subject: &Subject<'a>) -> Trails<'a> {
        let mut index = BTreeMap::new();
        collect(&subject.body, &mut Vec::new(), &mut index);
        Trails { index, known: BTreeMap::new() }
    }

    /// The names on a shortest way from a source to a node: the first is where it comes from.
    pub(super) fn through(
        &mut self,
        walked: &Walked<'_, 'a>,
        subject: &str,
        way: Way<'a>,
        number: usize,
    ) -> Vec<String> {
        let start =
            if let Way::Ends(node) = way { node } else { subject.split('/').next().unwrap_or(subject) };
        let key = (start.to_owned(), number);
        let mut through = match self.known.get(&key) {
            Some(known) => known.clone(),
            None => {
                let found = self.names_between(walked, start, number);
                self.known.insert(key, found.clone());
                found
            }
        };
        if let Way::Ends(node) = way {
            through.push(node.to_owned());
        }
        through
    }

    fn names_between(&self, walked: &Walked<'_, 'a>, start: &str, number: usize) -> Vec<String> {
        let Some(source) = walked.judge.sources.all.get(number) else { return Vec::new() };
        // By name, the name after it on the way; the names in reach, the nearest first.
        let mut next: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut open = VecDeque::from([(start.to_owned(), None)]);
        let mut last = None;
        while let Some((name, from)) = open.pop_front() {
            if self.begins(&name, source.origin) {
                last = Some(name);
                break;
            }
            for needed in self.needs(&name) {
                let value = walked.judge.names.get(needed.as_str());
                let holds = value.is_some_and(|value| value.may_hold(number, source.origin));
                if holds && !next.contains_key(&needed) {
                    next.insert(needed.clone(), from.clone());
                    open.push_back((needed.clone(), Some(needed)));
                }
            }
        }
        let mut through = Vec::new();
        while let Some(name) = last {
            last = next.get(&name).cloned().flatten();
            through.push(name);
        }
        through
    }

    /// Whether a name is where a source comes from.
    fn begins(&self, name: &str, origin: Origin<'_>) -> bool {
        match origin {
            Origin::Input(input) => input == name,
            Origin::Released(node) => node == name,
            Origin::Given { .. } => false,
            Origin::Answer { api, operation } => {
                self.index.get(name).is_some_and(|entry| entry.calls.contains(&(api, operation)))
            }
        }
    }

    fn needs(&self, name: &str) -> BTreeSet<String> {
        let expressions = self.index.get(name).into_iter().flat_map(|entry| &entry.expressions);
        expressions.flat_map(|expression| free_names(expression)).collect()
    }
}

/// `around`: guards and lists of the loops that a block stands in.
fn collect<'a>(items: &[Item<'a>], around: &mut Vec<&'a Expr>, index: &mut BTreeMap<&'a str, Entry<'a>>) {
    for item in items {
        let mut expressions = around.clone();
        let mut called = Vec::new();
        match &item.what {
            What::Step { call, guard, on, until, pages, read, undo } => {
                called.push((call.api, call.operation));
                called.extend(read.iter().map(|(read, _)| (read.api, read.operation)));
                expressions.extend(read.iter().map(|(_, when)| *when));
                expressions.extend(guard.iter().chain(on.iter().map(|(_, message)| message)).chain(until));
                expressions.extend(pages.iter().flat_map(|pages| pages.expressions()));
                let others = undo.iter().chain(read.iter().map(|(read, _)| read));
                let parts = call.parts.iter().chain(others.flat_map(|other| &other.parts));
                expressions.extend(parts.map(|(_, value)| *value));
            }
            What::Flow { given, guard, undo, .. } => {
                expressions.extend(guard.iter().copied().chain(given.iter().map(|(_, value)| *value)));
                expressions.extend(undo.iter().flat_map(|undo| &undo.parts).map(|(_, value)| *value));
            }
            What::Signal { guard, otherwise, .. } => {
                expressions.extend(guard.iter().copied().chain([*otherwise]))
            }
            What::Let(value, _) | What::Wait(value) | What::Return(value, _) => expressions.push(value),
            What::Barrier { condition, message } => {
                expressions.extend(condition);
                expressions.push(message);
            }
            What::For { variable, list, guard, body, result } => {
                expressions.extend(guard.iter().chain([list]));
                let count = around.len();
                around.extend(guard.iter().chain([list]));
                collect(body, around, index);
                around.truncate(count);
                index.insert(variable, Entry { expressions: vec![list], calls: Vec::new() });
                expressions.extend(result);
            }
        }
        index.insert(item.id, Entry { expressions, calls: called });
    }
}

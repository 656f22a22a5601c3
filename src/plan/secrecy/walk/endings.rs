//! What may end the run before something is sent.

use std::collections::BTreeMap;

use super::{Done, Ending, Walk};
use crate::plan::bits::Bits;
use crate::plan::order::reached_before;

/// Different things that may end one block's run and are told apart. More count as one.
const ENDINGS: usize = 64;

/// An ending of a block.
struct Ordered {
    number: usize,
    /// The nodes that are finished before any of it.
    first: Bits,
    /// Its one node, where it has no other.
    only: Option<usize>,
}

impl<'a> Walk<'_, 'a> {
    /// Says of each sending what may end the run before it: all that is not known to come after it. An undo is sent
    /// where anything ends the run, earlier or later.
    pub(super) fn order(&mut self, block: &[Done<'a>]) {
        let endings = self.endings_of(block);
        let undone: Vec<usize> = endings.iter().map(|ending| ending.number).collect();
        for (at, done) in block.iter().enumerate() {
            let before = endings.iter().filter(|ending| !ending.first.has(at));
            let before: Vec<usize> = before
                .filter_map(|ending| match &done.entered {
                    Some(entered) if ending.only == Some(at) => self.ending(entered, done.node),
                    _ => Some(ending.number),
                })
                .collect();
            self.order_one(done, &before, &undone);
        }
    }

    /// An effect whose answer does not fit is in doubt where its undo can't be written, and then nothing is undone: what
    /// decides about that decides about every other undo.
    pub(super) fn hold_back_undos(&mut self) {
        let mut held = std::mem::take(&mut self.unwritten);
        let undos: Vec<usize> = held.iter().map(|(at, ..)| *at).collect();
        held.retain(|(_, by, _)| !by.common(&self.judge.sources.sensitive).is_empty());
        if held.len() > ENDINGS {
            let mut all = Bits::default();
            held.iter().for_each(|(_, by, _)| all.union(by));
            held.truncate(1);
            held.iter_mut().for_each(|(at, by, _)| (*at, *by) = (usize::MAX, all.clone()));
        }
        for (at, by, node) in held {
            let Some(number) = self.ending(&by, node) else { continue };
            for undo in undos.iter().filter(|undo| **undo != at) {
                if let Some(sending) = self.sendings.get_mut(*undo) {
                    sending.endings.push(number);
                }
            }
        }
    }

    /// In a loop every iteration counts as before every other: what ends the loop is in `before` already.
    fn order_one(&mut self, done: &Done<'a>, before: &[usize], undone: &[usize]) {
        for (numbers, endings) in [(&done.calls, before), (&done.undos, undone)] {
            for number in numbers {
                if let Some(sending) = self.sendings.get_mut(*number) {
                    sending.endings.extend_from_slice(endings);
                }
            }
        }
        done.body.iter().for_each(|inner| self.order_one(inner, before, undone));
    }

    /// The number of a new ending, where it is by anything sensitive.
    fn ending(&mut self, by: &Bits, node: &'a str) -> Option<usize> {
        let by = by.common(&self.judge.sources.sensitive);
        if by.is_empty() {
            return None;
        }
        self.endings.push(Ending { by, node });
        Some(self.endings.len() - 1)
    }

    /// What may end a block's run, equal ones once.
    fn endings_of(&mut self, block: &[Done<'a>]) -> Vec<Ordered> {
        let sensitive = self.judge.sources.sensitive.clone();
        let mut groups: BTreeMap<Bits, Vec<usize>> = BTreeMap::new();
        for (at, done) in block.iter().enumerate() {
            let by = done.ends.common(&sensitive);
            if !by.is_empty() {
                groups.entry(by).or_default().push(at);
            }
        }
        if groups.is_empty() {
            return Vec::new();
        }
        if groups.len() > ENDINGS {
            let mut all = Bits::default();
            groups.keys().for_each(|by| all.union(by));
            let mut nodes: Vec<usize> = groups.into_values().flatten().collect();
            nodes.sort_unstable();
            groups = BTreeMap::from([(all, nodes)]);
        }
        let edges: Vec<Vec<usize>> = block.iter().map(|done| done.after.clone()).collect();
        // A circle was reported; nothing is known to come first then.
        let earlier = reached_before(&edges).unwrap_or_else(|_| vec![Bits::default(); block.len()]);
        let mut found = Vec::new();
        for (by, nodes) in groups {
            let mut first: Option<Bits> = None;
            for bits in nodes.iter().filter_map(|at| earlier.get(*at)) {
                first = Some(first.map_or_else(|| bits.clone(), |first| first.common(bits)));
            }
            let node = nodes.first().and_then(|at| block.get(*at)).map_or("", |done| done.node);
            let Some(number) = self.ending(&by, node) else { continue };
            let only = <[usize; 1]>::try_from(nodes).ok().map(|[at]| at);
            found.push(Ordered { number, first: first.unwrap_or_default(), only });
        }
        found
    }
}

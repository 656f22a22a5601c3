//! A flow as P8 and P9 see it: what may fail, what has an effect, how long it takes, and what is finished before what.
//!
//! The compiler outlines the resolved flow for its rules, the plan's check outlines the plan: what is judged of an outline
//! is written once.

use std::collections::BTreeMap;

use super::bounds::CallTime;
use super::compensation::can_fail;
use super::model::{Block, Node, NodeKind, Plan, Wait};
use crate::expr::{Definitions, Expr};

/// A node.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    /// Its id.
    pub id: &'a str,
    /// The nodes of its own block that it waits for.
    pub after: Vec<String>,
    /// How it can fail, where it can.
    pub fails: Option<Failing>,
    /// What it does.
    pub does: Does<'a>,
}

/// How a node can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// A call can.
    Call,
    /// `ensure`.
    Ensure,
    /// `fail`.
    Fail,
    /// A list can be longer than `at most`.
    TooLong,
    /// A value cannot always be computed.
    Value,
    /// What is returned cannot always be computed.
    Result,
}

/// What a node does, as far as it matters here.
#[derive(Debug, Clone)]
pub enum Does<'a> {
    /// Nothing that is seen outside.
    Compute,
    /// A call.
    Call {
        /// Whether it is no safe one.
        effect: bool,
        /// Whether it has an `undo`.
        undone: bool,
        /// How long it takes.
        time: CallTime,
    },
    /// Waits for an event from outside, or for a moment.
    Wait {
        /// How long at least, milliseconds.
        least_ms: u64,
        /// How long at most.
        most_ms: u64,
    },
    /// Iterations of a body.
    Repeat {
        /// Most of them.
        at_most: u64,
        /// At once.
        parallel: u64,
        /// Whether what an iteration yields cannot always be computed.
        yield_fails: bool,
        /// One of them.
        body: Vec<Item<'a>>,
    },
}

impl Wait {
    /// How it can fail and how long it takes; the flow's deadline ends every wait.
    pub fn outline(&self, functions: &Definitions, deadline_ms: u64) -> (Option<Failing>, Does<'static>) {
        let fails = can_fail(&self.value, functions).then_some(Failing::Value);
        let (least_ms, most_ms) = match self.value {
            Expr::Duration { milliseconds } if !self.until => (milliseconds, milliseconds),
            _ => (0, deadline_ms),
        };
        (fails, Does::Wait { least_ms, most_ms })
    }
}

impl Does<'_> {
    /// Whether it is an effect without an `undo`.
    pub(super) fn stands(&self) -> bool {
        matches!(self, Does::Call { effect: true, undone: false, .. })
    }
}

/// A plan's outline.
pub(super) fn of(plan: &Plan) -> Vec<Item<'_>> {
    items(&plan.flow.body, plan)
}

fn items<'p>(block: &'p Block, plan: &'p Plan) -> Vec<Item<'p>> {
    let value =
        |value: &Expr, failing: Failing| (can_fail(value, &plan.functions).then_some(failing), Does::Compute);
    let item = |node: &'p Node| {
        let (fails, does) = match &node.kind {
            NodeKind::Call(step) => {
                let (effect, undone) = (!step.call.is_safe(), step.undo.is_some());
                (
                    Some(Failing::Call),
                    Does::Call {
                        effect,
                        undone,
                        time: CallTime::in_plan(&step.call, plan)
                            .repeated(step.poll.as_ref(), step.pages.as_ref())
                            .read_back(
                                step.reconcile
                                    .as_ref()
                                    .map(|read| (CallTime::in_plan(&read.call, plan), read.absent_after_ms)),
                            ),
                    },
                )
            }
            NodeKind::SubFlow(call) => (Some(Failing::Call), plan.called(call)),
            NodeKind::Signal(signal) => {
                let fails = can_fail(&signal.otherwise, &plan.functions).then_some(Failing::Value);
                (fails, Does::Wait { least_ms: 0, most_ms: signal.within_ms })
            }
            NodeKind::Wait(wait) => wait.outline(&plan.functions, plan.flow.deadline_ms),
            NodeKind::Let { value: given, .. } => value(given, Failing::Value),
            NodeKind::Return { value: given } => value(given, Failing::Result),
            NodeKind::Ensure { .. } => (Some(Failing::Ensure), Does::Compute),
            NodeKind::Fail { .. } => (Some(Failing::Fail), Does::Compute),
            NodeKind::For(repeat) => {
                let yield_fails =
                    repeat.result.as_ref().is_some_and(|result| can_fail(result, &plan.functions));
                let (at_most, parallel) = (repeat.at_most, repeat.parallel);
                let body = items(&repeat.body, plan);
                (Some(Failing::TooLong), Does::Repeat { at_most, parallel, yield_fails, body })
            }
        };
        Item { id: &node.id, after: node.after.clone(), fails, does }
    };
    block.nodes.iter().map(item).collect()
}

/// The nodes of an outline in source order, each loop before its body, and their order.
pub(super) struct Outline<'o> {
    pub(super) entries: Vec<Entry<'o>>,
}

/// One node of an [`Outline`].
pub(super) struct Entry<'o> {
    pub(super) item: &'o Item<'o>,
    /// The loop it stands in.
    pub(super) around: Option<usize>,
    /// Nodes of its block that it waits for.
    earlier: Vec<usize>,
    /// Nodes of its block that wait for it.
    later: Vec<usize>,
    /// Whether its block runs once at most: no loop around it has several iterations.
    pub(super) once: bool,
}

impl<'o> Outline<'o> {
    pub(super) fn new(items: &'o [Item<'o>]) -> Outline<'o> {
        let mut outline = Outline { entries: Vec::new() };
        outline.add(items, None, true);
        outline
    }

    fn add(&mut self, items: &'o [Item<'o>], around: Option<usize>, once: bool) {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for item in items {
            let at = self.entries.len();
            places.insert(item.id, at);
            self.entries.push(Entry { item, around, earlier: Vec::new(), later: Vec::new(), once });
            if let Does::Repeat { at_most, body, .. } = &item.does {
                self.add(body, Some(at), once && *at_most <= 1);
            }
        }
        for item in items {
            let Some(at) = places.get(item.id).copied() else { continue };
            for other in item.after.iter().filter_map(|name| places.get(name.as_str()).copied()) {
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.earlier.push(other);
                }
                if let Some(entry) = self.entries.get_mut(other) {
                    entry.later.push(at);
                }
            }
        }
    }

    /// The loops around a node, the innermost first.
    pub(super) fn around(&self, at: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut next = self.entries.get(at).and_then(|entry| entry.around);
        while let Some(outer) = next {
            found.push(outer);
            next = self.entries.get(outer).and_then(|entry| entry.around);
        }
        found
    }

    /// By node: whether it is finished before one starts. Nodes of one loop are ordered within an iteration only, which
    /// does not count where `every` iteration is asked for.
    pub(super) fn before(&self, at: usize, every: bool) -> Vec<bool> {
        self.reach(at, every, |entry| &entry.earlier)
    }

    /// By node: whether it starts only when one is finished, in each of its iterations.
    pub(super) fn after(&self, at: usize) -> Vec<bool> {
        self.reach(at, true, |entry| &entry.later)
    }

    fn reach(&self, at: usize, every: bool, next: for<'e> fn(&'e Entry<'o>) -> &'e [usize]) -> Vec<bool> {
        let mut marked = vec![false; self.entries.len()];
        for level in std::iter::once(at).chain(self.around(at)) {
            let mut open: Vec<usize> = vec![level];
            while let Some(entry) = open.pop().and_then(|at| self.entries.get(at)) {
                if every && !entry.once {
                    continue;
                }
                for other in next(entry) {
                    if let Some(mark) = marked.get_mut(*other).filter(|mark| !**mark) {
                        *mark = true;
                        open.push(*other);
                    }
                }
            }
        }
        // What stands in a loop is finished with it; loops come before their bodies.
        for (at, entry) in self.entries.iter().enumerate() {
            let inside = entry.around.and_then(|outer| marked.get(outer)).is_some_and(|mark| *mark);
            if inside && let Some(mark) = marked.get_mut(at) {
                *mark = true;
            }
        }
        marked
    }
}

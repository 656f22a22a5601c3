//! A flow as P8 and P9 see it: what may fail, what has an effect, how long it takes, and what is finished before what.
//!
//! The compiler outlines the resolved flow for its rules, the plan's check outlines the plan: what is judged of an outline
//! is written once.

use std::collections::BTreeMap;

use super::bounds::{CallTime, ReadBack};
use super::compensation::can_fail;
use super::digits::Digits;
use super::model::Plan;
use super::steps::{Block, Node, NodeKind, Wait};
use super::typed::guards_of;
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
    /// The run's deadline can come while it waits.
    Late,
    /// A value cannot always be computed.
    Value,
    /// What is returned cannot always be computed.
    Result,
    /// What is returned may hold a decimal of more digits than a JSON number keeps.
    Digits,
}

/// What a node does, as far as it matters here.
#[derive(Debug, Clone)]
pub enum Does<'a> {
    /// Nothing that is seen outside.
    Compute,
    /// A call.
    Call {
        /// The api.
        api: &'a str,
        /// Whether it is no safe one.
        effect: bool,
        /// Whether it has an `undo`.
        undone: bool,
        /// How long it takes.
        time: CallTime,
        /// What reads an unknown outcome back.
        read: Option<ReadBack<'a>>,
    },
    /// A call of another flow.
    Flow {
        /// Whether it can change anything.
        effect: bool,
        /// Whether it has an `undo`.
        undone: bool,
        /// Its own deadline, milliseconds.
        deadline_ms: u64,
        /// That flow.
        body: Vec<Item<'a>>,
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
    /// How it can fail and how long it takes; the flow's deadline ends every wait, and may be near when a short one begins.
    pub fn outline(&self, functions: &Definitions, deadline_ms: u64) -> (Failing, Does<'static>) {
        let fails = waiting(&self.value, functions);
        let (least_ms, most_ms) = match self.value {
            Expr::Duration { milliseconds } if !self.until => (milliseconds, milliseconds),
            _ => (0, deadline_ms),
        };
        (fails, Does::Wait { least_ms, most_ms })
    }
}

/// How what waits can fail, where it computes a value.
pub fn waiting(value: &Expr, functions: &Definitions) -> Failing {
    if can_fail(value, functions) { Failing::Value } else { Failing::Late }
}

impl Does<'_> {
    /// Whether it is an effect.
    pub(super) fn is_effect(&self) -> bool {
        matches!(self, Does::Call { effect: true, .. } | Does::Flow { effect: true, .. })
    }

    /// Whether it is an effect without an `undo`.
    pub(super) fn stands(&self) -> bool {
        self.is_effect()
            && matches!(self, Does::Call { undone: false, .. } | Does::Flow { undone: false, .. })
    }
}

/// A plan's outline.
pub(super) fn of(plan: &Plan) -> Vec<Item<'_>> {
    let mut digits = Digits::of(&plan.flow.body, &plan.functions);
    items(&plan.flow.body, plan, &mut digits)
}

/// Whether the proof lists a guard at a node: its value may not fit at run time. The proof is held against what is found.
fn guarded(node: &str, plan: &Plan) -> bool {
    guards_of(&plan.proof.guards, node).next().is_some()
}

fn items<'p>(block: &'p Block, plan: &'p Plan, digits: &mut Digits<'p>) -> Vec<Item<'p>> {
    let value =
        |value: &Expr, failing: Failing| (can_fail(value, &plan.functions).then_some(failing), Does::Compute);
    let mut item = |node: &'p Node| {
        let (fails, does) = match &node.kind {
            NodeKind::Call(step) => {
                let (effect, undone) = (!step.call.is_safe(), step.undo.is_some());
                let read = step.reconcile.as_ref().map(|read| ReadBack {
                    api: &read.call.api,
                    time: CallTime::in_plan(&read.call, plan),
                    absent_after_ms: read.absent_after_ms,
                });
                let time = CallTime::in_plan(&step.call, plan);
                let time = time.repeated(step.poll.as_ref(), step.pages.as_ref()).read_back(read);
                (Some(Failing::Call), Does::Call { api: &step.call.api, effect, undone, time, read })
            }
            NodeKind::SubFlow(call) => {
                let (effect, undone) = (plan.is_effect(call), call.undo.is_some());
                let callee = plan.flows.get(&call.flow);
                let deadline_ms = callee.map_or(0, |callee| callee.flow.deadline_ms);
                let body = callee.map(of).unwrap_or_default();
                (Some(Failing::Call), Does::Flow { effect, undone, deadline_ms, body })
            }
            NodeKind::Signal(signal) => {
                let fails = waiting(&signal.otherwise, &plan.functions);
                (Some(fails), Does::Wait { least_ms: 0, most_ms: signal.within_ms })
            }
            NodeKind::Wait(wait) => {
                let (fails, does) = wait.outline(&plan.functions, plan.flow.deadline_ms);
                (Some(fails), does)
            }
            NodeKind::Let { value: given, .. } => value(given, Failing::Value),
            NodeKind::Return { value: given } => {
                if guarded(&node.id, plan) {
                    (Some(Failing::Result), Does::Compute)
                } else if digits.may_be_unwritable(given, &plan.flow.output) {
                    (Some(Failing::Digits), Does::Compute)
                } else {
                    value(given, Failing::Result)
                }
            }
            NodeKind::Ensure { .. } => (Some(Failing::Ensure), Does::Compute),
            NodeKind::Fail { .. } => (Some(Failing::Fail), Does::Compute),
            NodeKind::For(repeat) => {
                let yield_fails =
                    repeat.result.as_ref().is_some_and(|result| can_fail(result, &plan.functions));
                let (at_most, parallel) = (repeat.at_most, repeat.parallel);
                let body = items(&repeat.body, plan, digits);
                (Some(Failing::TooLong), Does::Repeat { at_most, parallel, yield_fails, body })
            }
        };
        Item { id: &node.id, after: node.after.clone(), fails, does }
    };
    block.nodes.iter().map(&mut item).collect()
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

    /// Whether a node may be under way when another fails, or is that one.
    pub(super) fn under_way(&self, failing: usize, other: usize) -> bool {
        let parallel = |at: &usize| {
            let does = self.entries.get(*at).map(|entry| &entry.item.does);
            matches!(does, Some(Does::Repeat { at_most, parallel, .. }) if *at_most.min(parallel) > 1)
        };
        let outer = self.around(other);
        let mut shared = self.around(failing);
        shared.push(failing);
        shared.retain(|at| outer.contains(at));
        // Iterations beside each other know no order; of those one after another the earlier is finished, and so is the
        // one whose value a loop yields.
        if other == failing || shared.iter().any(parallel) {
            return true;
        }
        let marked = |marks: Vec<bool>| marks.get(other).is_some_and(|mark| *mark);
        !outer.contains(&failing)
            && !marked(self.before(failing, false))
            && !marked(self.reach(failing, false, |entry| &entry.later))
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

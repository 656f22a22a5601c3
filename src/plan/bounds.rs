//! P9: how much a run may do at most, and how long it may take.
//!
//! Counted are a flow's calls with all attempts that their policies allow, resends after a crash among them, and waits for
//! an api's `rate` and `concurrency`. Not counted is time spent waiting for an open breaker or for what other runs of the
//! process ask of an api, and what an operator does: pauses, resumptions, decisions.

use std::collections::BTreeMap;

use serde::Serialize;

use super::model::{Obligation, Plan, Retry};
use super::outline::{self, Does, Item};
use super::pace::{self, Paced};
use super::records::records;
use super::steps::{Block, Call, NodeKind, Pages, Poll};

/// The longest time a resolver check takes before an attempt, milliseconds. All identities of an attempt are asked for at
/// the same time.
pub const RESOLVER_MS: u64 = 32_000;

/// How long a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTime {
    /// One attempt as slow as its api's `timeout` allows, milliseconds.
    pub single_ms: u64,
    /// All attempts that are allowed, each as slow as that, with verdicts and waits between them, milliseconds.
    pub worst_ms: u64,
    /// Requests where none is sent twice and a poll is over at once.
    pub requests: u64,
    /// Requests with all polls and attempts.
    pub attempts: u64,
}

/// The read that settles an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBack<'a> {
    /// Its api.
    pub api: &'a str,
    /// How long it takes.
    pub time: CallTime,
    /// How long after a first read a second one follows, milliseconds; absent where none does.
    pub absent_after_ms: Option<u64>,
}

impl ReadBack<'_> {
    /// Reads at most.
    pub fn rounds(&self) -> u64 {
        1 + u64::from(self.absent_after_ms.is_some())
    }
}

impl CallTime {
    /// Of a call's policies. `deadline_ms` ends every wait that a counterparty asks for by `Retry-After`.
    pub fn of(retry: Option<&Retry>, attempt_ms: u64, deadline_ms: u64) -> CallTime {
        let each = RESOLVER_MS.saturating_add(attempt_ms);
        let worst_ms = match retry {
            Some(retry) if retry.attempts > 1 => {
                let waits = retry.within_ms.unwrap_or(deadline_ms);
                let attempts = u64::from(retry.attempts);
                let all = each.saturating_mul(attempts).saturating_add(waits.saturating_mul(attempts - 1));
                // No attempt starts later than `within` after the first one.
                retry.within_ms.map_or(all, |within| all.min(each.saturating_add(within)))
            }
            _ => each,
        };
        let attempts = retry.map_or(1, |retry| u64::from(retry.attempts.max(1)));
        CallTime { single_ms: attempt_ms, worst_ms, requests: 1, attempts }
    }

    /// The same, where the call is polled or goes through pages: as often as it may be, with the time between two polls.
    #[must_use]
    pub fn repeated(self, poll: Option<&Poll>, pages: Option<&Pages>) -> CallTime {
        let (rounds, every_ms) = match (poll, pages) {
            (Some(poll), _) => (poll.at_most, poll.every_ms),
            (None, Some(pages)) => (pages.at_most, 0),
            (None, None) => return self,
        };
        let between = every_ms.saturating_mul(rounds.saturating_sub(1));
        let worst_ms = self.worst_ms.saturating_mul(rounds).saturating_add(between);
        let attempts = self.attempts.saturating_mul(rounds);
        let requests = pages.map_or(1, |pages| pages.at_most);
        CallTime { single_ms: self.single_ms, worst_ms, requests, attempts }
    }

    /// The same, where an unknown outcome is read back.
    #[must_use]
    pub fn read_back(self, read: Option<ReadBack<'_>>) -> CallTime {
        let Some(read) = read else { return self };
        let reads = read.time.worst_ms.saturating_mul(read.rounds());
        let reads = reads.saturating_add(read.absent_after_ms.unwrap_or(0));
        CallTime { worst_ms: self.worst_ms.saturating_add(reads), ..self }
    }

    pub(super) fn in_plan(call: &Call, plan: &Plan) -> CallTime {
        let attempt_ms = plan.apis.get(&call.api).map_or(0, |api| api.timeout.attempt_ms);
        CallTime::of(call.retry.as_ref(), attempt_ms, plan.flow.deadline_ms)
    }
}

/// What a run comes to at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// The flow's name.
    pub flow: String,
    /// Its deadline, milliseconds: the run fails then, wherever it is.
    pub deadline_ms: u64,
    /// The nodes of the path that takes longest, in order.
    pub longest_path: Vec<String>,
    /// That path where each call is answered at its first attempt as slowly as its `timeout` allows, and each loop has one
    /// round, milliseconds.
    pub single_ms: u64,
    /// What the rates of apis make of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Paced>,
    /// Whether what a `reconcile` reads back may go on after the deadline.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reads_on: bool,
    /// Forward.
    pub steps: Phase,
    /// Compensation after a failure, outside the deadline.
    pub undos: Phase,
}

/// One direction of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Phase {
    /// Calls.
    pub calls: u64,
    /// Requests sent.
    pub attempts: u64,
    /// Time, milliseconds.
    pub wall_clock_ms: u64,
    /// Records of the audit log.
    pub leaves: u64,
    /// By counterparty.
    pub counterparties: Vec<Load>,
}

/// What one counterparty is asked for at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Its API Passport, else its origin.
    pub counterparty: String,
    /// The apis that lead there.
    pub apis: Vec<String>,
    /// Calls.
    pub calls: u64,
    /// Requests sent.
    pub attempts: u64,
}

/// How often a loop's body follows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounds {
    /// Once.
    One,
    /// As often as a list of `at most` items makes it, `parallel` at a time.
    All,
}

/// The longest path through an outline, and its length in milliseconds.
pub fn longest<'o>(items: &[Item<'o>], rounds: Rounds) -> (u64, Vec<&'o str>) {
    let places: BTreeMap<&str, usize> = items.iter().enumerate().map(|(at, item)| (item.id, at)).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); items.len()];
    let mut waiting = vec![0usize; items.len()];
    for (at, item) in items.iter().enumerate() {
        for other in item.after.iter().filter_map(|name| places.get(name.as_str())) {
            if let (Some(list), Some(count)) = (followers.get_mut(*other), waiting.get_mut(at)) {
                list.push(at);
                *count += 1;
            }
        }
    }
    // Once each: what stands in loops is as deep as they are.
    let times: Vec<u64> = items.iter().map(|item| takes(item, rounds)).collect();
    // By node: the time until it starts, and whom it waits for longest.
    let mut starts: Vec<(u64, Option<usize>)> = vec![(0, None); items.len()];
    let mut last: Option<(u64, usize)> = None;
    let mut ready: Vec<usize> =
        waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).rev().collect();
    while let Some(at) = ready.pop() {
        let (Some(time), Some((start, _))) = (times.get(at), starts.get(at).copied()) else { continue };
        let end = start.saturating_add(*time);
        if last.is_none_or(|(longest, _)| end > longest) {
            last = Some((end, at));
        }
        for follower in followers.get(at).into_iter().flatten() {
            if let Some(slot) = starts.get_mut(*follower).filter(|(known, _)| end > *known) {
                *slot = (end, Some(at));
            }
            if let Some(count) = waiting.get_mut(*follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*follower);
                }
            }
        }
    }
    let Some((total, mut at)) = last else { return (0, Vec::new()) };
    let mut path = Vec::new();
    while let (Some(item), Some(time)) = (items.get(at), times.get(at)) {
        if *time > 0 {
            path.push(item.id);
        }
        match starts.get(at) {
            Some((_, Some(earlier))) => at = *earlier,
            _ => break,
        }
    }
    path.reverse();
    (total, path)
}

fn takes(item: &Item<'_>, rounds: Rounds) -> u64 {
    match &item.does {
        Does::Compute => 0,
        Does::Wait { least_ms, most_ms } => match rounds {
            Rounds::One => *least_ms,
            Rounds::All => *most_ms,
        },
        Does::Call { time, .. } => match rounds {
            Rounds::One => time.single_ms,
            Rounds::All => time.worst_ms,
        },
        Does::Flow { body, .. } => longest(body, rounds).0,
        Does::Repeat { at_most, parallel, body, .. } => {
            let (one, _) = longest(body, rounds);
            match rounds {
                Rounds::One => one,
                Rounds::All => one.saturating_mul(at_most.div_ceil((*parallel).max(1))),
            }
        }
    }
}

/// What a run of a plan comes to at most.
pub fn bounds(plan: &Plan) -> Bounds {
    let items = outline::of(plan);
    let mut bounds = without_records(plan, &items);
    let attempts = |audience: &str| {
        let phases = [&bounds.steps, &bounds.undos].into_iter().flat_map(|phase| &phase.counterparties);
        phases
            .filter(|load| load.counterparty == audience)
            .map(|load| load.attempts)
            .fold(0, u64::saturating_add)
    };
    let records = records(plan, &items, attempts);
    (bounds.steps.leaves, bounds.undos.leaves) = (records.steps, records.undos);
    bounds
}

fn without_records(plan: &Plan, items: &[Item<'_>]) -> Bounds {
    let (calling_ms, path) = longest(items, Rounds::All);
    let wall_clock_ms = calling_ms.saturating_add(pace::waits_ms(plan, items));
    let mut steps = Phase { wall_clock_ms, ..Phase::default() };
    let mut undos = Phase::default();
    let (mut forward, mut back) = (BTreeMap::new(), BTreeMap::new());
    each_node(&plan.flow.body, 1, &mut |kind, times| match kind {
        NodeKind::Call(step) => {
            steps.add(&step.call, plan, times.saturating_mul(step.rounds()), &mut forward);
            if let Some(read) = &step.reconcile {
                steps.add(&read.call, plan, times.saturating_mul(read.rounds()), &mut forward);
            }
            if let Some(undo) = &step.undo {
                undos.add_undo(undo, plan, times, &mut back);
            }
        }
        NodeKind::SubFlow(call) => {
            if let Some(callee) = plan.flows.get(&call.flow) {
                let inner = without_records(callee, &outline::of(callee));
                steps.add_all(&inner.steps, times, &mut forward);
                undos.add_all(&inner.undos, times, &mut back);
                undos.wall_clock_ms =
                    undos.wall_clock_ms.saturating_add(inner.undos.wall_clock_ms.saturating_mul(times));
            }
            if let Some(undo) = &call.undo {
                undos.add_undo(undo, plan, times, &mut back);
            }
        }
        _ => {}
    });
    steps.counterparties = forward.into_values().collect();
    undos.counterparties = back.into_values().collect();
    Bounds {
        flow: plan.flow.name.clone(),
        deadline_ms: plan.flow.deadline_ms,
        longest_path: path.into_iter().map(str::to_owned).collect(),
        single_ms: longest(items, Rounds::One).0,
        rates: pace::in_plan(plan, items),
        reads_on: reads_on(items),
        steps,
        undos,
    }
}

/// Whether an outline reads anything back: that is not ended by a deadline.
fn reads_on(items: &[Item<'_>]) -> bool {
    items.iter().any(|item| match &item.does {
        Does::Call { read, .. } => read.is_some(),
        Does::Flow { body, .. } | Does::Repeat { body, .. } => reads_on(body),
        Does::Compute | Does::Wait { .. } => false,
    })
}

impl Phase {
    fn add_undo(&mut self, undo: &Call, plan: &Plan, times: u64, loads: &mut BTreeMap<String, Load>) {
        self.add(undo, plan, times, loads);
        // Undos run one at a time.
        let all = CallTime::in_plan(undo, plan).worst_ms.saturating_mul(times);
        self.wall_clock_ms = self.wall_clock_ms.saturating_add(all);
        let attempts = u64::from(undo.attempts()).saturating_mul(times);
        let rate = plan.apis.get(&undo.api).and_then(|api| api.rate);
        let waits = rate.map_or(0, |rate| rate.most_ms(attempts));
        self.wall_clock_ms = self.wall_clock_ms.saturating_add(waits);
    }

    /// What another flow comes to, but for its time and its records.
    fn add_all(&mut self, other: &Phase, times: u64, loads: &mut BTreeMap<String, Load>) {
        self.calls = self.calls.saturating_add(other.calls.saturating_mul(times));
        self.attempts = self.attempts.saturating_add(other.attempts.saturating_mul(times));
        for more in &other.counterparties {
            let load = loads.entry(more.counterparty.clone()).or_insert_with(|| Load {
                calls: 0,
                attempts: 0,
                ..more.clone()
            });
            load.apis.extend(more.apis.iter().cloned());
            load.apis.sort();
            load.apis.dedup();
            load.calls = load.calls.saturating_add(more.calls.saturating_mul(times));
            load.attempts = load.attempts.saturating_add(more.attempts.saturating_mul(times));
        }
    }

    fn add(&mut self, call: &Call, plan: &Plan, times: u64, loads: &mut BTreeMap<String, Load>) {
        let attempts = u64::from(call.attempts()).saturating_mul(times);
        self.calls = self.calls.saturating_add(times);
        self.attempts = self.attempts.saturating_add(attempts);
        let counterparty = plan.apis.get(&call.api).map_or_else(|| call.api.clone(), |api| api.audience());
        let load = loads.entry(counterparty.clone()).or_insert(Load {
            counterparty,
            apis: Vec::new(),
            calls: 0,
            attempts: 0,
        });
        if let Err(at) = load.apis.binary_search(&call.api) {
            load.apis.insert(at, call.api.clone());
        }
        load.calls = load.calls.saturating_add(times);
        load.attempts = load.attempts.saturating_add(attempts);
    }

    fn words(&self) -> String {
        let each: Vec<String> = self
            .counterparties
            .iter()
            .map(|load| format!("{} calls {} attempts {}", load.counterparty, load.calls, load.attempts))
            .collect();
        let each = if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) };
        format!(
            "calls {}, attempts {}{each}, {} ms, leaves {}",
            self.calls, self.attempts, self.wall_clock_ms, self.leaves
        )
    }
}

/// Every node with how often it comes at most.
pub(super) fn each_node<'p>(block: &'p Block, times: u64, visit: &mut dyn FnMut(&'p NodeKind, u64)) {
    for node in &block.nodes {
        visit(&node.kind, times);
        if let NodeKind::For(repeat) = &node.kind {
            each_node(&repeat.body, times.saturating_mul(repeat.at_most), visit);
        }
    }
}

/// P9 in words.
pub(super) fn bounded(plan: &Plan) -> Obligation {
    let bounds = bounds(plan);
    let (steps, undos) = (bounds.steps.words(), bounds.undos.words());
    let holds_by = format!(
        "at most: steps {steps}; undos {undos}; the deadline ends it after {} ms",
        bounds.deadline_ms
    );
    Obligation { name: "P9".into(), subject: "flow".into(), holds_by }
}

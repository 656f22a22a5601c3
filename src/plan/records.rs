//! P9: how many records a run's log comes to at most.
//!
//! Counted for a run that has its counterparties to itself: a breaker that other runs of the process opened holds it up too.

use std::collections::BTreeMap;

use super::bounds::each_node;
use super::limits::{self, Counterparty};
use super::model::{Api, Plan};
use super::outline::Item;
use super::pace;
use super::steps::{Call, NodeKind};

/// Records of a run itself: its opening, its end, the deadline.
const RUN: u64 = 3;
/// Records of an attempt at most: the verdict, the intent, the outcome, and the retry or the end that follows.
const ATTEMPT: u64 = 4;
/// Records of an attempt whose breaker changes: it lets the attempt through as a probe, and opens or closes after it.
const BREAKER: u64 = 2;
/// Records of a wait for a rate or a breaker: the timer, and the verdict that is due again after it.
const WAIT: u64 = 2;
/// Records of what begins and ends: a loop, a wait, a called flow, a read-back.
const BOTH_ENDS: u64 = 2;

/// Records by direction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Records {
    pub(super) steps: u64,
    pub(super) undos: u64,
}

/// What goes on at the counterparties of a run.
type Traffic = BTreeMap<Counterparty, Party>;

#[derive(Default)]
struct Party {
    /// Calls that may be under way at once.
    at_once: u64,
    /// Whether the breaker can open.
    opens: bool,
}

/// The records of a plan's run; `attempts` is how many there are at an audience, undos included.
pub(super) fn records(plan: &Plan, items: &[Item<'_>], attempts: impl Fn(&str) -> u64) -> Records {
    let at_once = pace::at_once(items, &limits::of(plan));
    let mut traffic = Traffic::new();
    for (name, api) in plan.all_apis().into_iter().collect::<BTreeMap<&str, &Api>>() {
        let party = traffic.entry(api.counterparty()).or_default();
        party.at_once = party.at_once.saturating_add(at_once.get(name).copied().unwrap_or_default());
        // A breaker judges no fewer calls than its least number.
        party.opens |= attempts(&api.audience()) >= u64::from(api.breaker.minimum_calls);
    }
    of_flow(plan, &traffic)
}

fn of_flow(plan: &Plan, traffic: &Traffic) -> Records {
    let mut found = Records { steps: RUN, undos: 0 };
    each_node(&plan.flow.body, 1, &mut |kind, times| {
        let (mut one, mut undo) = (Records::default(), None);
        match kind {
            NodeKind::Call(step) => {
                one.steps = of_call(plan, traffic, &step.call, false).saturating_mul(step.rounds());
                if let Some(read) = &step.reconcile {
                    let reads = of_call(plan, traffic, &read.call, false).saturating_mul(read.rounds());
                    one.steps = one.steps.saturating_add(reads).saturating_add(BOTH_ENDS);
                }
                undo = step.undo.as_ref();
            }
            // What the called flow comes to, and its start and end in this log.
            NodeKind::SubFlow(call) => {
                one.steps = BOTH_ENDS;
                if let Some(callee) = plan.flows.get(&call.flow) {
                    let inner = of_flow(callee, traffic);
                    one.steps = one.steps.saturating_add(inner.steps);
                    one.undos = inner.undos;
                }
                undo = call.undo.as_ref();
            }
            NodeKind::For(_) | NodeKind::Wait(_) => one.steps = BOTH_ENDS,
            // Whether it held, or that it failed.
            _ => one.steps = 1,
        }
        if let Some(undo) = undo {
            let records = of_call(plan, traffic, undo, true).saturating_add(1);
            one.undos = one.undos.saturating_add(records);
        }
        found.steps = found.steps.saturating_add(one.steps.saturating_mul(times));
        found.undos = found.undos.saturating_add(one.undos.saturating_mul(times));
    });
    found
}

/// Records of one call; `alone` where no other call is under way, as beside an undo.
fn of_call(plan: &Plan, traffic: &Traffic, call: &Call, alone: bool) -> u64 {
    let Some(api) = plan.apis.get(&call.api) else { return 0 };
    let party = traffic.get(&api.counterparty());
    let others = party.filter(|_| !alone).map_or(0, |party| party.at_once.saturating_sub(1));
    let opens = party.is_some_and(|party| party.opens);
    // Until the breaker lets a probe through; and for each attempt of another call twice: until that probe is answered,
    // and where its answer opened the breaker again.
    let held = if opens { others.saturating_mul(2).saturating_add(1) } else { 0 };
    // Once for its turn, and again where those before it were late, others went meanwhile, or the breaker held it up.
    let paced = if api.rate.is_some() { others.saturating_add(held).saturating_add(2) } else { 0 };
    let waits = WAIT.saturating_mul(held.saturating_add(paced));
    let each = waits.saturating_add(ATTEMPT + if opens { BREAKER } else { 0 });
    each.saturating_mul(u64::from(call.attempts()))
}

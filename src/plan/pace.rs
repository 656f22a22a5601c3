//! An api's `rate` and `concurrency` in P9: how often a flow asks it, and how long that takes at least and at most.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::PlanError;
use super::bounds::{CallTime, RESOLVER_MS};
use super::lanes::Lanes;
use super::limits::{self, First, Limits, LimitsByApi};
use super::model::Plan;
use super::outline::{self, Does, Item};

/// `rate 600 per 1m`: so many requests begin in any such length of time at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many requests.
    pub requests: u32,
    /// In how many milliseconds.
    pub per_ms: u64,
}

/// How much closer to each other requests may arrive than they were let go: so much longer than stated is the window that
/// a runtime keeps, milliseconds.
const JITTER_MS: u64 = 50;

impl Rate {
    /// The length of time that its requests are kept within, milliseconds.
    pub fn window_ms(self) -> u64 {
        self.per_ms.saturating_add(JITTER_MS)
    }

    /// How long after the first of some requests the last one can begin, milliseconds.
    pub fn least_ms(self, requests: u64) -> u64 {
        let windows = requests.saturating_sub(1) / u64::from(self.requests.max(1));
        windows.saturating_mul(self.window_ms())
    }

    /// How long some requests wait at most where others have used the rate up before, milliseconds.
    pub(super) fn most_ms(self, requests: u64) -> u64 {
        requests.div_ceil(u64::from(self.requests.max(1))).saturating_mul(self.window_ms())
    }
}

/// What a flow asks of one api.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Demand {
    /// Requests where every loop has all its items and every list all its pages, and nothing is polled or tried twice.
    requests: u64,
    /// Requests with all polls and attempts.
    attempts: u64,
    /// How long those are under way, one after another, milliseconds.
    busy_ms: u64,
    /// Calls that may be under way at once.
    at_once: u64,
}

impl Demand {
    fn of(time: CallTime, requests: u64) -> Demand {
        let busy_ms = RESOLVER_MS.saturating_add(time.single_ms).saturating_mul(time.attempts);
        Demand { requests, attempts: time.attempts, busy_ms, at_once: 1 }
    }

    fn add(&mut self, other: Demand, times: u64, at_once: u64) {
        self.requests = self.requests.saturating_add(other.requests.saturating_mul(times));
        self.attempts = self.attempts.saturating_add(other.attempts.saturating_mul(times));
        self.busy_ms = self.busy_ms.saturating_add(other.busy_ms.saturating_mul(times));
        self.at_once = self.at_once.saturating_add(other.at_once.saturating_mul(at_once));
    }

    /// How long calls wait at most for a rate and for places, in a run that nobody shares them with.
    fn waits_ms(&self, limits: &Limits) -> u64 {
        let rate = limits.rate.map_or(0, |rate| rate.least_ms(self.attempts));
        // While one waits for a place all of them are taken, by calls that are then over.
        let places = limits.concurrency.map(u64::from).filter(|most| self.at_once > *most);
        rate.saturating_add(places.map_or(0, |most| self.busy_ms / most.max(1)))
    }
}

/// What an outline asks of each counterparty, by its first api, flows that it calls with it.
fn demands<'o>(items: &[Item<'o>], first: &First<'o>) -> BTreeMap<&'o str, Demand> {
    let mut found: BTreeMap<&str, Demand> = BTreeMap::new();
    let mut lanes = Lanes::of(items);
    for (at, item) in items.iter().enumerate() {
        let own = demand(item, first);
        lanes.put(at, own.iter().map(|(api, demand)| (*api, demand.at_once)).collect());
        for (api, demand) in own {
            found.entry(api).or_default().add(demand, 1, 0);
        }
    }
    for (api, demand) in &mut found {
        demand.at_once = lanes.at_once(api);
    }
    found
}

/// What one item asks of each counterparty.
fn demand<'o>(item: &Item<'o>, first: &First<'o>) -> BTreeMap<&'o str, Demand> {
    let of = |api: &'o str| first.get(api).copied().unwrap_or(api);
    let mut found: BTreeMap<&str, Demand> = BTreeMap::new();
    match &item.does {
        Does::Call { api, time, read, .. } => {
            found.entry(of(api)).or_default().add(Demand::of(*time, time.requests), 1, 1);
            if let Some(read) = read {
                // Only where an outcome is unknown, like a retry.
                let rounds = read.rounds();
                found.entry(of(read.api)).or_default().add(Demand::of(read.time, 0), rounds, 1);
            }
        }
        Does::Flow { body, .. } => found = demands(body, first),
        Does::Repeat { at_most, parallel, body, .. } => {
            for (api, inner) in demands(body, first) {
                found.entry(api).or_default().add(inner, *at_most, *at_most.min(parallel));
            }
        }
        Does::Compute | Does::Wait { .. } => {}
    }
    found
}

/// How many calls of each counterparty may be under way at once, at most, by its first api.
pub(super) fn at_once<'o>(items: &[Item<'o>], limits: &LimitsByApi<'o>) -> BTreeMap<&'o str, u64> {
    let demands = demands(items, &limits::first(limits));
    demands.into_iter().map(|(api, demand)| (api, demand.at_once)).collect()
}

/// How often an outline asks some apis where every loop has all its items, and nothing is polled or tried twice.
pub fn requests(items: &[Item<'_>], apis: &[String]) -> u64 {
    let asked = demands(items, &First::new()).into_iter();
    let asked = asked.filter(|(api, _)| apis.iter().any(|name| name == api));
    asked.fold(0, |sum, (_, demand)| sum.saturating_add(demand.requests))
}

/// What a rate makes of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paced {
    /// The apis of one counterparty: what they are asked for counts together.
    pub apis: Vec<String>,
    /// Their rate.
    pub rate: Rate,
    /// Requests of the flow where every loop has all its items, and nothing is polled or tried twice.
    pub requests: u64,
    /// How long after the first of them the last one can begin, milliseconds.
    pub least_ms: u64,
}

/// What the rates of a flow's apis make of it.
pub fn paced<'o>(items: &[Item<'o>], limits: &LimitsByApi<'o>) -> Vec<Paced> {
    let first = limits::first(limits);
    let mut names = BTreeSet::new();
    apis(items, &mut names);
    let paced = |(api, demand): (&str, Demand)| {
        let (rate, requests) = (limits.get(api)?.rate?, demand.requests);
        let same = names.iter().filter(|name| first.get(*name) == Some(&api));
        let apis = same.map(|name| (*name).to_owned()).collect();
        Some(Paced { apis, rate, requests, least_ms: rate.least_ms(requests) })
    };
    demands(items, &first).into_iter().filter_map(paced).collect()
}

/// The apis that an outline asks.
fn apis<'o>(items: &[Item<'o>], found: &mut BTreeSet<&'o str>) {
    for item in items {
        match &item.does {
            Does::Call { api, read, .. } => found.extend([*api].into_iter().chain(read.map(|read| read.api))),
            Does::Flow { body, .. } | Does::Repeat { body, .. } => apis(body, found),
            Does::Compute | Does::Wait { .. } => {}
        }
    }
}

/// A called flow that a rate keeps waiting beyond its own deadline where its caller calls it again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldUp<'a> {
    /// The node that calls it.
    pub node: &'a str,
    /// What the rate makes of all its runs.
    pub paced: Paced,
    /// Its deadline, milliseconds.
    pub deadline_ms: u64,
    /// The deadline that would do, milliseconds.
    pub enough_ms: u64,
}

/// The flows that loops of an outline call and that a rate holds up too long.
///
/// Judged where answers come at once, and where nothing else in the loop takes time: neither a wait nor what is asked at
/// another rate. Then each request is let go at a multiple of the rate's length, so each run begins and ends at one. Runs
/// that last `windows` of them at most are over after `rounds` times as many, whatever their order.
pub fn held_up<'i>(items: &'i [Item<'i>], limits: &LimitsByApi<'i>) -> Vec<HeldUp<'i>> {
    let loops = items.iter().filter(|item| matches!(item.does, Does::Repeat { .. }));
    loops.filter_map(|looping| called_again(looping, limits)).collect()
}

fn called_again<'i>(looping: &'i Item<'i>, limits: &LimitsByApi<'i>) -> Option<HeldUp<'i>> {
    let mut called = Vec::new();
    let at_once = repeated(looping, (1, 1), limits, &mut called);
    let mut paced_calls = called.into_iter().filter(|call| !paced(call.body, limits).is_empty());
    let (Some(call), None, true) = (paced_calls.next(), paced_calls.next(), at_once) else { return None };
    let own = paced(call.body, limits);
    let [Paced { apis, rate, requests, .. }] = own.as_slice() else { return None };
    let (rate, requests) = (*rate, requests.saturating_mul(call.runs));
    let least_ms = rate.least_ms(requests);
    let windows = call.deadline_ms / rate.window_ms();
    if least_ms / rate.window_ms() <= windows.saturating_mul(call.rounds) {
        return None;
    }
    let enough = (least_ms / rate.window_ms()).div_ceil(call.rounds.max(1));
    Some(HeldUp {
        node: call.node,
        paced: Paced { apis: apis.clone(), rate, requests, least_ms },
        deadline_ms: call.deadline_ms,
        enough_ms: enough.saturating_mul(rate.window_ms()),
    })
}

/// A call of a flow in a loop.
struct Called<'i> {
    node: &'i str,
    deadline_ms: u64,
    body: &'i [Item<'i>],
    /// How often it is called.
    runs: u64,
    /// How many of these follow each other.
    rounds: u64,
}

/// Collects the calls of flows in an item; whether nothing but them takes time there.
fn repeated<'i>(
    item: &'i Item<'i>,
    (runs, rounds): (u64, u64),
    limits: &LimitsByApi<'_>,
    found: &mut Vec<Called<'i>>,
) -> bool {
    match &item.does {
        Does::Compute => true,
        Does::Wait { .. } => false,
        Does::Call { api, .. } => limits.get(api).is_none_or(|limits| limits.rate.is_none()),
        Does::Flow { deadline_ms, body, .. } => {
            found.push(Called { node: item.id, deadline_ms: *deadline_ms, body, runs, rounds });
            !waits(body)
        }
        Does::Repeat { at_most, parallel, body, .. } => {
            let runs = runs.saturating_mul(*at_most);
            let rounds = rounds.saturating_mul(at_most.div_ceil((*parallel).max(1)));
            body.iter().all(|item| repeated(item, (runs, rounds), limits, found))
        }
    }
}

/// Whether an outline waits for anything but answers.
fn waits(items: &[Item<'_>]) -> bool {
    items.iter().any(|item| match &item.does {
        Does::Compute | Does::Call { .. } => false,
        Does::Wait { .. } => true,
        Does::Flow { body, .. } | Does::Repeat { body, .. } => waits(body),
    })
}

/// What the rates make of a plan.
pub(super) fn in_plan(plan: &Plan, items: &[Item<'_>]) -> Vec<Paced> {
    paced(items, &limits::of(plan))
}

/// How long the steps of a run wait at most for rates and places, milliseconds.
pub(super) fn waits_ms(plan: &Plan, items: &[Item<'_>]) -> u64 {
    let limits = limits::of(plan);
    let demands = demands(items, &limits::first(&limits)).into_iter();
    let waits = demands.filter_map(|(api, demand)| Some(demand.waits_ms(limits.get(api)?)));
    waits.fold(0, u64::saturating_add)
}

/// What a flow asks of a counterparty fits into its deadline at the counterparty's rate, and what a loop has a called flow
/// ask fits into that one's.
pub(super) fn check_rates(plan: &Plan) -> Result<(), PlanError> {
    limits::check_limits(plan)?;
    let limits = limits::of(plan);
    if limits.values().all(|limits| limits.rate.is_none()) {
        return Ok(());
    }
    let refused = |subject: &str, reason| {
        let subject = subject.to_owned();
        Err(PlanError::Obligation { name: "P9", subject, reason })
    };
    let (items, deadline_ms) = (outline::of(plan), plan.flow.deadline_ms);
    if let Some(paced) = paced(&items, &limits).into_iter().find(|paced| paced.least_ms > deadline_ms) {
        let Paced { apis, requests, least_ms, .. } = paced;
        let reason = format!(
            "at its rate the last of {requests} requests begins after {least_ms} ms, the deadline is {deadline_ms} ms"
        );
        return refused(&apis.join(", "), reason);
    }
    match held_up(&items, &limits).first() {
        None => Ok(()),
        Some(HeldUp { node, paced, deadline_ms, .. }) => {
            let apis = paced.apis.join(", ");
            let reason = format!(
                "the rate of {apis} keeps the called flow waiting beyond its own deadline of {deadline_ms} ms"
            );
            refused(node, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_lets_the_last_request_begin_when_those_before_have_left_its_window() {
        let rate = Rate { requests: 10, per_ms: 60_000 };
        let least = |requests| rate.least_ms(requests) / 60_050;
        assert_eq!([0, 1, 10, 11, 20, 21, 1_000].map(least), [0, 0, 0, 1, 1, 2, 99]);
        assert_eq!(rate.most_ms(1), 60_050, "the window may be full already");
    }
}

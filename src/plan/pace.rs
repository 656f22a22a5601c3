//! An api's `rate` and `concurrency` in P9: how often a flow asks it, and how long that takes at least and at most.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::PlanError;
use super::bounds::{CallTime, RESOLVER_MS};
use super::lanes::Lanes;
use super::model::{Api, Plan};
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

impl Rate {
    /// How long after the first of some requests the last one can begin, milliseconds.
    pub fn least_ms(self, requests: u64) -> u64 {
        let windows = requests.saturating_sub(1) / u64::from(self.requests.max(1));
        windows.saturating_mul(self.per_ms)
    }

    /// How long some requests wait at most where others have used the rate up before, milliseconds.
    pub(super) fn most_ms(self, requests: u64) -> u64 {
        requests.div_ceil(u64::from(self.requests.max(1))).saturating_mul(self.per_ms)
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

    /// How long calls wait at most for an api's rate and for places at it, in a run that nobody shares it with.
    fn waits_ms(&self, api: &Api) -> u64 {
        let rate = api.rate.map_or(0, |rate| rate.least_ms(self.attempts));
        // While one waits for a place all of them are taken, by calls that are then over.
        let places = api.concurrency.map(u64::from).filter(|most| self.at_once > *most);
        rate.saturating_add(places.map_or(0, |most| self.busy_ms / most.max(1)))
    }
}

/// What an outline asks of each api, flows that it calls with it.
fn demands<'o>(items: &[Item<'o>]) -> BTreeMap<&'o str, Demand> {
    let mut found: BTreeMap<&str, Demand> = BTreeMap::new();
    let mut lanes = Lanes::of(items);
    for (at, item) in items.iter().enumerate() {
        let own = demand(item);
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

/// What one item asks of each api.
fn demand<'o>(item: &Item<'o>) -> BTreeMap<&'o str, Demand> {
    let mut found: BTreeMap<&str, Demand> = BTreeMap::new();
    match &item.does {
        Does::Call { api, time, read, .. } => {
            found.entry(api).or_default().add(Demand::of(*time, time.requests), 1, 1);
            if let Some(read) = read {
                // Only where an outcome is unknown, like a retry.
                let rounds = read.rounds();
                found.entry(read.api).or_default().add(Demand::of(read.time, 0), rounds, 1);
            }
        }
        Does::Flow { body, .. } => found = demands(body),
        Does::Repeat { at_most, parallel, body, .. } => {
            for (api, inner) in demands(body) {
                found.entry(api).or_default().add(inner, *at_most, *at_most.min(parallel));
            }
        }
        Does::Compute | Does::Wait { .. } => {}
    }
    found
}

/// How many calls of each api may be under way at once, at most.
pub(super) fn at_once<'o>(items: &[Item<'o>]) -> BTreeMap<&'o str, u64> {
    demands(items).into_iter().map(|(api, demand)| (api, demand.at_once)).collect()
}

/// How often an outline asks an api where every loop has all its items, and nothing is polled or tried twice.
pub fn requests(items: &[Item<'_>], api: &str) -> u64 {
    demands(items).get(api).map_or(0, |demand| demand.requests)
}

/// What a rate makes of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paced {
    /// The api.
    pub api: String,
    /// Its rate.
    pub rate: Rate,
    /// Requests of the flow where every loop has all its items, and nothing is polled or tried twice.
    pub requests: u64,
    /// How long after the first of them the last one can begin, milliseconds.
    pub least_ms: u64,
}

/// What the rates of a flow's apis make of it, by the api's name.
pub fn paced(items: &[Item<'_>], rate: impl Fn(&str) -> Option<Rate>) -> Vec<Paced> {
    let paced = |(api, demand): (&str, Demand)| {
        let (rate, requests) = (rate(api)?, demand.requests);
        Some(Paced { api: api.to_owned(), rate, requests, least_ms: rate.least_ms(requests) })
    };
    demands(items).into_iter().filter_map(paced).collect()
}

/// The apis of a plan by name, those of called flows with them.
fn apis(plan: &Plan) -> BTreeMap<&str, &Api> {
    plan.all_apis().into_iter().collect()
}

/// What the rates make of a plan.
pub(super) fn in_plan(plan: &Plan, items: &[Item<'_>]) -> Vec<Paced> {
    let apis = apis(plan);
    paced(items, |api| apis.get(api)?.rate)
}

/// How long the steps of a run wait at most for rates and places, milliseconds.
pub(super) fn waits_ms(plan: &Plan, items: &[Item<'_>]) -> u64 {
    let apis = apis(plan);
    let waits = demands(items).into_iter().filter_map(|(api, demand)| Some(demand.waits_ms(apis.get(api)?)));
    waits.fold(0, u64::saturating_add)
}

/// What a flow asks of an api fits into its deadline at the api's rate.
pub(super) fn check_rates(plan: &Plan) -> Result<(), PlanError> {
    if apis(plan).values().all(|api| api.rate.is_none()) {
        return Ok(());
    }
    let deadline_ms = plan.flow.deadline_ms;
    match in_plan(plan, &outline::of(plan)).into_iter().find(|paced| paced.least_ms > deadline_ms) {
        None => Ok(()),
        Some(Paced { api, requests, least_ms, .. }) => Err(PlanError::Obligation {
            name: "P9",
            subject: api,
            reason: format!(
                "at its rate the last of {requests} requests begins after {least_ms} ms, the deadline is {deadline_ms} ms"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_lets_the_last_request_begin_when_those_before_have_left_its_window() {
        let rate = Rate { requests: 10, per_ms: 60_000 };
        let least = |requests| rate.least_ms(requests) / 60_000;
        assert_eq!([0, 1, 10, 11, 20, 21, 1_000].map(least), [0, 0, 0, 1, 1, 2, 99]);
        assert_eq!(rate.most_ms(1), 60_000, "the window may be full already");
    }
}

//! What the runs of one process share: breakers, retry budgets, rates and places.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::places::Places;
use crate::base::{Clock, Random, Timestamp};
use crate::engine::breaker::{Breaker, Permit, Transition};
use crate::engine::pace::{Caller, Pace};
use crate::engine::retry::{Budget, delay_ms};
use crate::engine::{Environment, OutcomeKind, Path, What, counts_for_breaker};
use crate::plan::{Api, Counterparty, Plan};

/// Breakers, retry budgets, rates and places by counterparty: two `api`s that name the same share all of it.
#[derive(Default)]
pub struct Shared {
    parties: Mutex<BTreeMap<Counterparty, Party>>,
}

struct Party {
    breaker: Breaker,
    budget: Budget,
    pace: Pace,
    places: Arc<Places>,
    /// Whether a run has been held to a number of places.
    scarce: bool,
}

impl Shared {
    fn with<T>(&self, api: &Api, act: impl FnOnce(&mut Party) -> T) -> T {
        let mut parties = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Party {
            breaker: Breaker::new(api.breaker.clone()),
            budget: Budget::default(),
            pace: Pace::default(),
            places: Arc::default(),
            scarce: false,
        };
        act(parties.entry(api.counterparty()).or_insert_with(fresh))
    }

    /// A run of a plan begins or goes on: what is asked of its counterparties counts in its limits from now on, whoever
    /// asks.
    pub(super) fn expect(&self, plan: &Plan) {
        for (_, api) in plan.all_apis() {
            if api.rate.is_none() && api.concurrency.is_none() {
                continue;
            }
            self.with(api, |party| {
                party.scarce |= api.concurrency.is_some();
                if let Some(rate) = api.rate {
                    party.pace.expect(rate);
                }
            });
        }
    }

    /// The places at an api, and how many there are: where it has a `concurrency`, or takes one from those who have.
    pub(super) fn places(&self, api: &Api) -> Option<(Arc<Places>, u32)> {
        let (places, scarce) = self.with(api, |party| (party.places.clone(), party.scarce));
        let most = api.concurrency.or(scarce.then_some(u32::MAX))?;
        Some((places, most))
    }

    /// What a run sent before this process drove it, by counterparty: it counts in their rates.
    pub(super) fn recall(&self, run: &str, sent: &BTreeMap<Counterparty, Vec<Timestamp>>) {
        let run: Arc<str> = run.into();
        let mut parties = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
        for (counterparty, moments) in sent {
            if let Some(party) = parties.get_mut(counterparty) {
                party.pace.recall(&run, moments);
            }
        }
    }

    /// What a run was promised goes back.
    fn forget(&self, run: &str) {
        let mut parties = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
        parties.values_mut().for_each(|party| party.pace.forget(run));
    }
}

/// The environment of one run's decisions.
pub(super) struct Surroundings<'a> {
    pub(super) run: Arc<str>,
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a Shared,
    pub(super) clock: &'a dyn Clock,
    pub(super) random: &'a Arc<dyn Random>,
    /// The moment of the decision: taken once, so that it is also the record's.
    pub(super) moment: Timestamp,
}

impl Surroundings<'_> {
    /// Takes the present moment; time never goes back within a run.
    pub(super) fn advance(&mut self) {
        self.moment = self.moment.max(self.clock.now());
    }

    /// The run wants nothing more of what it was promised: it has begun to fail.
    pub(super) fn forget(&self) {
        self.shared.forget(&self.run);
    }

    /// Reports a settled attempt; the change of the breaker that it made.
    pub(super) fn report(
        &self,
        api: &str,
        kind: OutcomeKind,
        status: Option<u16>,
        elapsed_ms: u64,
        attempt: u32,
    ) -> Option<What> {
        let settings = self.plan.apis.get(api)?;
        self.shared.with(settings, |party| {
            if kind == OutcomeKind::Done && attempt == 1 {
                party.budget.refill();
            }
            let Some(failed) = counts_for_breaker(kind, status) else {
                party.breaker.release();
                return None;
            };
            match party.breaker.report(api, self.moment, failed, elapsed_ms, self.random.as_ref())? {
                Transition::Opened(facts) => Some(What::BreakerOpened(facts)),
                Transition::Closed(facts) => Some(What::BreakerClosed(facts)),
            }
        })
    }
}

impl Drop for Surroundings<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Environment for Surroundings<'_> {
    fn now(&self) -> Timestamp {
        self.moment
    }

    fn permit(&mut self, api: &str, path: &Path) -> Permit {
        let moment = self.moment;
        let Some(settings) = self.plan.apis.get(api) else { return Permit::Closed };
        let caller: Caller = (self.run.clone(), path.clone());
        self.shared.with(settings, |party| {
            if let Some(until) = settings.rate.and_then(|rate| party.pace.due(&caller, rate, moment)) {
                return Permit::Paced(until);
            }
            let permit = party.breaker.permit(api, moment);
            if !matches!(permit, Permit::Until(_)) {
                party.pace.sent(&caller, moment);
            }
            permit
        })
    }

    fn take_budget(&mut self, api: &str, cost: u32) -> Option<u32> {
        self.shared.with(self.plan.apis.get(api)?, |party| party.budget.take(cost))
    }

    fn draw_delay_ms(&mut self, ceiling_ms: u64) -> u64 {
        delay_ms(ceiling_ms, self.random.as_ref())
    }
}

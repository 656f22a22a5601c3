//! What the runs of one process share: breakers, retry budgets, rates and places.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::places::Places;
use crate::base::{Clock, Random, Timestamp};
use crate::engine::breaker::{Breaker, Permit, Transition};
use crate::engine::pace::{Caller, Pace};
use crate::engine::retry::{Budget, delay_ms};
use crate::engine::{Environment, OutcomeKind, Path, What, counts_for_breaker};
use crate::plan::{Api, Plan};

/// A counterparty as transport sees it: passport, or origin where it has none, and base URL. Two `api`s that name the same share all of it.
type Counterparty = (String, String);

/// Breakers, retry budgets, rates and places by counterparty.
#[derive(Default)]
pub struct Shared {
    parties: Mutex<BTreeMap<Counterparty, Party>>,
}

struct Party {
    breaker: Breaker,
    budget: Budget,
    pace: Pace,
    places: Arc<Places>,
}

impl Shared {
    fn with<T>(&self, api: &Api, act: impl FnOnce(&mut Party) -> T) -> T {
        let mut parties = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
        let counterparty = (api.audience(), api.base_url.clone());
        let fresh = || Party {
            breaker: Breaker::new(api.breaker.clone()),
            budget: Budget::default(),
            pace: Pace::default(),
            places: Arc::default(),
        };
        act(parties.entry(counterparty).or_insert_with(fresh))
    }

    /// The places at an api, and how many there are, where it has a `concurrency`.
    pub(super) fn places(&self, api: &Api) -> Option<(Arc<Places>, u32)> {
        let most = api.concurrency?;
        Some((self.with(api, |party| party.places.clone()), most))
    }

    /// What a run sent before this process drove it, by api: it counts in their rates.
    pub(super) fn recall(&self, plan: &Plan, run: &str, sent: &BTreeMap<String, Vec<Timestamp>>) {
        let run: Arc<str> = run.into();
        for (api, moments) in sent {
            if let Some(api) = plan.apis.get(api)
                && let Some(rate) = api.rate
            {
                self.with(api, |party| party.pace.recall(&run, rate, moments));
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
        let paced: Option<(Caller, _)> = settings.rate.map(|rate| ((self.run.clone(), path.clone()), rate));
        self.shared.with(settings, |party| {
            if let Some((caller, rate)) = &paced
                && let Some(until) = party.pace.due(caller, *rate, moment)
            {
                return Permit::Paced(until);
            }
            let permit = party.breaker.permit(api, moment);
            if let (Some((caller, rate)), false) = (&paced, matches!(permit, Permit::Until(_))) {
                party.pace.sent(caller, *rate, moment);
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

//! What the runs of one process share: breakers and retry budgets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{Clock, Random, Timestamp};
use crate::engine::breaker::{Breaker, Permit, Transition};
use crate::engine::retry::{Budget, delay_ms};
use crate::engine::{Environment, OutcomeKind, What, counts_for_breaker};
use crate::plan::{Api, Plan};

/// A counterparty as transport sees it: passport, or origin where it has none, and base URL. Two `api`s that name the same share breaker and budget.
type Counterparty = (String, String);

/// Breakers and retry budgets by counterparty.
#[derive(Default)]
pub struct Shared {
    parties: Mutex<BTreeMap<Counterparty, Party>>,
}

struct Party {
    breaker: Breaker,
    budget: Budget,
}

impl Shared {
    fn with<T>(&self, api: &Api, act: impl FnOnce(&mut Party) -> T) -> T {
        let mut parties = self.parties.lock().unwrap_or_else(PoisonError::into_inner);
        let counterparty = (api.audience(), api.base_url.clone());
        let fresh = || Party { breaker: Breaker::new(api.breaker.clone()), budget: Budget::default() };
        act(parties.entry(counterparty).or_insert_with(fresh))
    }
}

/// The environment of one run's decisions.
pub(super) struct Surroundings<'a> {
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

impl Environment for Surroundings<'_> {
    fn now(&self) -> Timestamp {
        self.moment
    }

    fn permit(&mut self, api: &str) -> Permit {
        let moment = self.moment;
        match self.plan.apis.get(api) {
            Some(settings) => self.shared.with(settings, |party| party.breaker.permit(api, moment)),
            None => Permit::Closed,
        }
    }

    fn take_budget(&mut self, api: &str, cost: u32) -> Option<u32> {
        self.shared.with(self.plan.apis.get(api)?, |party| party.budget.take(cost))
    }

    fn draw_delay_ms(&mut self, ceiling_ms: u64) -> u64 {
        delay_ms(ceiling_ms, self.random.as_ref())
    }
}

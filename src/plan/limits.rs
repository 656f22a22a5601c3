//! What an api's counterparty is held to: apis that lead to the same one share its rate, its places and its breaker.

use std::collections::BTreeMap;

use super::PlanError;
use super::model::{Api, Breaker, Plan};
use super::pace::Rate;
use crate::ecz::EczId;

/// A counterparty as transport sees it: API Passport, where it has one, and base URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counterparty {
    /// The API Passport.
    pub passport: Option<EczId>,
    /// Where requests go.
    pub base_url: String,
}

/// What is asked of an api is held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Who counts: everything that is asked of it counts together.
    pub counterparty: Counterparty,
    /// Most requests in a length of time.
    pub rate: Option<Rate>,
    /// Most requests at once.
    pub concurrency: Option<u32>,
    /// When nothing is asked for a while, whatever the policy is called.
    pub breaker: Breaker,
}

impl Limits {
    /// What an api states.
    pub fn new(
        counterparty: Counterparty,
        rate: Option<Rate>,
        concurrency: Option<u32>,
        breaker: &Breaker,
    ) -> Limits {
        let breaker = Breaker { name: String::new(), ..breaker.clone() };
        Limits { counterparty, rate, concurrency, breaker }
    }
}

/// The limits of a flow's apis, flows that it calls with it, by the api's name.
pub type LimitsByApi<'a> = BTreeMap<&'a str, Limits>;

/// By api: the first one of its counterparty.
pub(super) type First<'a> = BTreeMap<&'a str, &'a str>;

impl Api {
    /// Who answers, as transport sees it.
    pub fn counterparty(&self) -> Counterparty {
        Counterparty { passport: self.passport().cloned(), base_url: self.base_url.clone() }
    }
}

/// The limits of a plan's apis.
pub(super) fn of(plan: &Plan) -> LimitsByApi<'_> {
    let of_api = |api: &Api| Limits::new(api.counterparty(), api.rate, api.concurrency, &api.breaker);
    plan.all_apis().into_iter().map(|(name, api)| (name, of_api(api))).collect()
}

/// The first api of each one's counterparty, which stands for them all.
pub(super) fn first<'a>(limits: &LimitsByApi<'a>) -> First<'a> {
    let mut known: BTreeMap<&Counterparty, &str> = BTreeMap::new();
    limits.iter().map(|(api, stated)| (*api, *known.entry(&stated.counterparty).or_insert(api))).collect()
}

/// Apis of one counterparty that do not state the same limits: each with the first one.
pub fn unlike<'a>(limits: &LimitsByApi<'a>) -> Vec<(&'a str, &'a str)> {
    let differ = |(first, api): &(&str, &str)| limits.get(first) != limits.get(api);
    first(limits).into_iter().map(|(api, first)| (first, api)).filter(differ).collect()
}

/// Apis of one counterparty state the same limits.
pub(super) fn check_limits(plan: &Plan) -> Result<(), PlanError> {
    match unlike(&of(plan)).first() {
        None => Ok(()),
        Some((first, other)) => Err(PlanError::Obligation {
            name: "P9",
            subject: (*other).to_owned(),
            reason: format!(
                "`{first}` has the same passport and base URL, and another rate, concurrency or breaker"
            ),
        }),
    }
}

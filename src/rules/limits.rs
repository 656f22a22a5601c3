//! The limits of a flow's apis as P9 judges them.

use super::Context;
use crate::hir::Hir;
use crate::plan::{Counterparty, Limits, LimitsByApi, base_url};

/// The limits of the apis that a flow asks, flows that it calls with it. One whose address or breaker is not known has a finding.
pub(super) fn limits<'c>(context: &'c Context<'_>) -> LimitsByApi<'c> {
    let mut found = LimitsByApi::new();
    add(context.hir, &mut found);
    found
}

fn add<'c>(hir: &'c Hir, found: &mut LimitsByApi<'c>) {
    for (_, _, call, _) in hir.flow.calls() {
        let Some(api) = hir.apis.get(&call.api).filter(|_| !found.contains_key(call.api.as_str())) else {
            continue;
        };
        let Some(breaker) = &api.breaker else { continue };
        let Ok(base_url) = base_url(&call.view, api.choice()) else { continue };
        let identity = api.identity.as_ref().filter(|_| api.no_passport.is_none());
        let passport = identity.map(|identity| identity.fields.api_passport_id.clone());
        let counterparty = Counterparty { passport, base_url };
        let limits = Limits::new(counterparty, api.rate.map(|(rate, _)| rate), api.concurrency, breaker);
        found.insert(&call.api, limits);
    }
    hir.callees.values().for_each(|callee| add(callee, found));
}

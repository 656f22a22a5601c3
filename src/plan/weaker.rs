//! P4 across flows: where a flow that is called takes less than the one that calls it asks of its own calls.

use std::collections::BTreeMap;

use super::PlanError;
use super::model::Plan;
use super::party::{Party, reachable, relaxed};
use super::steps::Call;
use crate::ecz::HandoffPolicy;

/// A call of a flow that is called, directly or not.
pub struct WeakerCall<'p> {
    /// `FLOW/SUBJECT`.
    pub subject: String,
    /// The call.
    pub call: &'p Call,
    /// In what its policy is weaker.
    pub parts: Vec<&'static str>,
}

/// The calls of called flows whose policy is weaker than one. `no passport` is itself the weakening, there as here.
pub fn weaker_calls<'p>(flows: &'p BTreeMap<String, Plan>, policy: &HandoffPolicy) -> Vec<WeakerCall<'p>> {
    let mut found = Vec::new();
    for (name, callee) in flows {
        for (subject, flow, call) in callee.all_calls() {
            let unverified =
                flow.apis.get(&call.api).filter(|api| matches!(api.identity, Party::NoPassport { .. }));
            let relaxed = unverified.map(|api| relaxed(policy, reachable(&api.identity, &api.auth)));
            let parts = call.handoff.weaker_than(relaxed.as_ref().unwrap_or(policy));
            if !parts.is_empty() {
                found.push(WeakerCall { subject: format!("{name}/{subject}"), call, parts });
            }
        }
    }
    found
}

/// A plan names its own policy where a called flow takes a weaker one, and only there.
pub(super) fn check_weaker(plan: &Plan) -> Result<(), PlanError> {
    match &plan.flow.handoff {
        Some(policy) if weaker_calls(&plan.flows, policy).is_empty() => Err(PlanError::Obligation {
            name: "P4",
            subject: "flow".to_owned(),
            reason: "no flow that it calls takes a weaker policy than its own".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// What is weaker, for the list of assumptions.
pub(super) fn assumed(plan: &Plan) -> Vec<String> {
    let Some(policy) = &plan.flow.handoff else { return Vec::new() };
    let line = |weaker: WeakerCall<'_>| {
        let (own, parts) = (&weaker.call.handoff.name, weaker.parts.join(", "));
        let (subject, flow, other) = (weaker.subject, &plan.flow.name, &policy.name);
        format!("{subject}: `{own}` is weaker than `{other}` of `{flow}`, which calls it, in {parts}")
    };
    weaker_calls(&plan.flows, policy).into_iter().map(line).collect()
}

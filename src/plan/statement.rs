//! P7: what a counterparty states of a header, from the plan's own content.

use std::collections::BTreeSet;

use super::PlanError;
use super::model::{Api, Idempotency, Plan};
use super::steps::Call;
use crate::base::Digest;
use crate::documents::OperationView;
use crate::ecz::EczId;

/// Why an api's statement does not bear what a call says it states; nothing where it does.
pub(super) fn misstated(api: &Api, view: &OperationView, header: &str, by: &EczId) -> Option<String> {
    let Some(stated) = &api.statement else { return Some("its api carries no statement".into()) };
    if Digest::of(&stated.text) != stated.digest {
        return Some("the statement is not what its digest says".into());
    }
    let statement = match stated.read() {
        Ok(statement) => statement,
        Err(reason) => return Some(format!("the statement cannot be read: {reason}")),
    };
    if let Some(fault) = statement.fault(by, api.identity.identity(), header) {
        return Some(format!("the statement does not say so: {fault}"));
    }
    let about = statement.covers([&view.key(), &view.route()]);
    (!about).then(|| "the statement is not about this operation".to_owned())
}

/// An api carries a statement where a call relies on it, and nowhere else.
pub(super) fn check_used(plan: &Plan, calls: &[(String, &Call)]) -> Result<(), PlanError> {
    let stated = |call: &&Call| matches!(call.idempotency, Some(Idempotency::Stated { .. }));
    let used: BTreeSet<&str> =
        calls.iter().map(|(_, call)| *call).filter(stated).map(|call| call.api.as_str()).collect();
    match plan.apis.iter().find(|(name, api)| api.statement.is_some() && !used.contains(name.as_str())) {
        None => Ok(()),
        Some((name, _)) => Err(PlanError::Obligation {
            name: "P7",
            subject: name.clone(),
            reason: "its statement belongs to no call".into(),
        }),
    }
}

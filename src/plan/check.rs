//! From an untrusted plan to a [`Verified`] one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::{Obligation, Plan, Proof};
use super::obligations::{Views, assumptions, obligations};
use super::{PlanError, PlanFile, file, order, ranges};
use crate::base::Digest;
use crate::diagnostics::Sink;
use crate::documents::{Document, OperationView};
use crate::ecz::DocumentIdentity;
use crate::types::Contract;

/// The obligations that are recomputed from a plan's own content. The others stand as the compiler found them.
pub const RECOMPUTED: [&str; 4] = ["P1", "P4", "P5", "P7"];

/// Something that was checked; the only key to a run.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    value: Arc<T>,
    digest: Digest,
    contracts: Arc<BTreeMap<String, BTreeMap<String, Contract>>>,
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl Verified<Plan> {
    /// The plan's name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The contract of a used operation; `None` for one that no call of the plan uses.
    pub fn contract(&self, api: &str, operation: &str) -> Option<&Contract> {
        self.contracts.get(api)?.get(operation)
    }

    /// The plan's file form.
    pub fn to_file(&self) -> PlanFile {
        PlanFile { plan: Plan::clone(&self.value), plan_digest: self.digest }
    }

    /// Holds the plan's slices and pins against documents at hand, by api. A used operation that is not the same is a
    /// [`PlanError::Drift`]; an api without a document is left for the caller to judge, and named in the answer.
    pub fn held_against(&self, documents: &BTreeMap<String, Document>) -> Result<Vec<String>, PlanError> {
        let mut absent = Vec::new();
        for (name, api) in &self.apis {
            let Some(document) = documents.get(name) else {
                absent.push(name.clone());
                continue;
            };
            let drift = |reason: String| PlanError::Drift { api: name.clone(), reason };
            let current = document.identity(&mut Sink::default()).map(|identity| identity.fields);
            let stated = current
                .map(|fields| DocumentIdentity { spec_hash: api.identity.spec_hash.clone(), ..fields });
            if stated.as_ref() != Some(&api.identity) {
                return Err(drift("the document names another identity".to_owned()));
            }
            for (key, slice) in &api.operations {
                let current = document.operation(key).ok().and_then(|entry| document.slice(entry).ok());
                match current {
                    None => return Err(drift(format!("the document has no `{key}`"))),
                    Some(current) if current.text != slice.text => {
                        return Err(drift(format!("`{key}` changed since the plan was made")));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(absent)
    }
}

/// Checks a plan: ranges, slices, P1, P4, P5 and P7 from its own content, and its proof against them.
pub fn check(plan: Plan) -> Result<Verified<Plan>, PlanError> {
    let (contracts, recomputed) = recompute(&plan)?;
    compare(&plan.proof, &recomputed, &assumptions(&plan))?;
    let digest = file::digest(&plan).map_err(|error| PlanError::Unreadable { reason: error.to_string() })?;
    Ok(Verified { value: Arc::new(plan), digest, contracts: Arc::new(contracts) })
}

/// Checks a plan file: its digest, then [`check`].
pub fn check_file(file: PlanFile) -> Result<Verified<Plan>, PlanError> {
    let verified = check(file.plan)?;
    if verified.digest != file.plan_digest {
        return Err(PlanError::Digest { stated: file.plan_digest, actual: verified.digest });
    }
    Ok(verified)
}

/// The obligations that a plan's own content meets, for the compiler's proof.
pub fn prove(plan: &Plan) -> Result<Vec<Obligation>, PlanError> {
    recompute(plan).map(|(_, found)| found)
}

type Contracts = BTreeMap<String, BTreeMap<String, Contract>>;

fn recompute(plan: &Plan) -> Result<(Contracts, Vec<Obligation>), PlanError> {
    ranges::check_ranges(plan)?;
    let mut views = Views::new();
    let mut contracts = Contracts::new();
    for (name, api) in &plan.apis {
        for (key, slice) in &api.operations {
            let refused =
                |reason: String| PlanError::Slice { api: name.clone(), operation: key.clone(), reason };
            if Digest::of(&slice.text) != slice.digest {
                return Err(refused("its text is not what its digest says".into()));
            }
            let view = OperationView::from_slice(&slice.text).map_err(|error| refused(error.to_string()))?;
            if view.key() != *key {
                return Err(refused(format!("it is of `{}`", view.key())));
            }
            let contract = Contract::from_view(&view).map_err(|error| refused(error.to_string()))?;
            if let Some(unsupported) = contract.unsupported.first() {
                return Err(refused(format!("{unsupported} is not supported")));
            }
            contracts.entry(name.clone()).or_default().insert(key.clone(), contract);
            views.insert((name.clone(), key.clone()), view);
        }
    }
    let mut found = vec![order::order(&plan.flow)?];
    found.extend(obligations(plan, &views)?);
    found.sort();
    Ok((contracts, found))
}

fn compare(proof: &Proof, recomputed: &[Obligation], assumed: &[String]) -> Result<(), PlanError> {
    let differs = |difference: String| PlanError::Proof { difference };
    if !proof.obligations.is_sorted() {
        return Err(differs("its obligations are not sorted".into()));
    }
    let stated: Vec<&Obligation> =
        proof.obligations.iter().filter(|entry| RECOMPUTED.contains(&entry.name.as_str())).collect();
    for (at, entry) in recomputed.iter().enumerate() {
        if stated.get(at) != Some(&entry) {
            return Err(differs(format!("{} at `{}`", entry.name, entry.subject)));
        }
    }
    if let Some(extra) = stated.get(recomputed.len()) {
        return Err(differs(format!("{} at `{}`", extra.name, extra.subject)));
    }
    if proof.assumptions != assumed {
        return Err(differs("the list of assumptions".into()));
    }
    Ok(())
}

//! From an untrusted plan to a [`Verified`] one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::class::Received;
use super::model::{Plan, Proof};
use super::obligations::{Views, assumptions, obligations};
use super::party::{Declared, Party};
use super::typed::{self, Typed};
use super::{
    PlanError, PlanFile, bounds, compensation, file, keys, needs, order, pace, ranges, secrecy, sub_flows,
    values,
};
use crate::base::Digest;
use crate::diagnostics::Sink;
use crate::documents::{Document, Lock, LockedApi, OperationView};
use crate::types::Contract;

/// The obligations of a proof, all of them recomputed from the plan's own content.
pub const OBLIGATIONS: [&str; 10] = ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10"];

/// Something that was checked; the only key to a run.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    value: Arc<T>,
    digest: Digest,
    contracts: Arc<BTreeMap<String, BTreeMap<String, Contract>>>,
    called: Arc<BTreeMap<String, Verified<T>>>,
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

    /// A flow that this one calls, by itself.
    pub fn called(&self, flow: &str) -> Option<&Verified<Plan>> {
        self.called.get(flow)
    }

    /// The plan's file form.
    pub fn to_file(&self) -> PlanFile {
        PlanFile { plan: Plan::clone(&self.value), plan_digest: self.digest }
    }

    /// Holds the plan's pins, slices and identities against documents at hand, by api, and against the lock beside them. A
    /// used operation or an identity that is not the same is a [`PlanError::Drift`], and so is a pin that neither document
    /// nor lock knows. What is left for the caller to judge or to tell stands in the answer.
    pub fn held_against(
        &self,
        documents: &BTreeMap<String, Document>,
        lock: Option<&Lock>,
    ) -> Result<Held, PlanError> {
        let mut held = Held::default();
        for (name, api) in self.all_apis() {
            let drift = |reason: String| PlanError::Drift { api: name.to_owned(), reason };
            let document = documents.get(name);
            let locked = lock.and_then(|lock| lock.api(&self.source.file, name));
            if let Some(document) = document {
                // What the resolver is asked, and how often, hangs on these fields, and no slice holds them.
                let current = document.identity(&mut Sink::default()).map(|identity| identity.fields);
                let same = match &api.identity {
                    Party::Passport { identity, declared: Declared::Document } => {
                        current.as_ref() == Some(identity)
                    }
                    // The flow speaks for a document that says nothing; one that does speak must be heard.
                    _ => !document.has_identity(),
                };
                if !same {
                    return Err(drift("its `x-ecz-id` is not the one of the plan".into()));
                }
            } else {
                held.absent.push(name.to_owned());
            }
            for (key, slice) in &api.operations {
                if let Some(document) = document {
                    let current = document.operation(key).ok().and_then(|entry| document.slice(entry).ok());
                    match current {
                        None => return Err(drift(format!("the document has no `{key}`"))),
                        Some(current) if current.text != slice.text => {
                            return Err(drift(format!("`{key}` changed since the plan was made")));
                        }
                        Some(_) => {}
                    }
                }
                let other = |locked: &LockedApi| {
                    locked.operations.get(key).is_none_or(|locked| locked.text != slice.text)
                };
                if locked.is_some_and(other) {
                    return Err(drift(format!("`{key}` is not what the lock holds")));
                }
            }
            let now = document.map(Document::canonical_hash);
            let known = [now, locked.map(|locked| locked.canonical_hash)];
            if known.iter().any(Option::is_some) && !known.contains(&Some(api.pin)) {
                return Err(drift(format!("its pin `{}` is neither the document's nor the lock's", api.pin)));
            }
            if now.is_some_and(|now| now != api.pin) {
                held.changed.push(name.to_owned());
            }
        }
        for names in [&mut held.absent, &mut held.changed] {
            names.sort();
            names.dedup();
        }
        Ok(held)
    }
}

/// What holding a plan against documents found, where nothing differs that the plan uses: names of apis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Those whose document is not at hand.
    pub absent: Vec<String>,
    /// Those whose document changed where the plan does not use it: the pin is the lock's.
    pub changed: Vec<String>,
}

/// Checks a plan: ranges, slices, and its proof against what its own content makes.
pub fn check(plan: Plan) -> Result<Verified<Plan>, PlanError> {
    let Recomputed { contracts, called, proven } = recompute(&plan)?;
    compare(&plan.proof, &proven.proof)?;
    if plan.egress != proven.egress {
        let differs = "the table of who receives what is not what the flow sends".to_owned();
        return Err(PlanError::Proof { difference: differs });
    }
    let digest = file::digest(&plan).map_err(|error| PlanError::Unreadable { reason: error.to_string() })?;
    Ok(Verified { value: Arc::new(plan), digest, contracts: Arc::new(contracts), called: Arc::new(called) })
}

/// Checks a plan file: its digest, then [`check`].
pub fn check_file(file: PlanFile) -> Result<Verified<Plan>, PlanError> {
    let verified = check(file.plan)?;
    if verified.digest != file.plan_digest {
        return Err(PlanError::Digest { stated: file.plan_digest, actual: verified.digest });
    }
    Ok(verified)
}

/// What a plan's own content proves.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// The proof.
    pub proof: Proof,
    /// Who receives what.
    pub egress: Vec<Received>,
}

/// What a plan's own content proves, for the compiler, which puts it into the plan.
pub fn prove(plan: &Plan) -> Result<Proven, PlanError> {
    recompute(plan).map(|recomputed| recomputed.proven)
}

/// What was made of a plan's own content.
struct Recomputed {
    contracts: Contracts,
    called: BTreeMap<String, Verified<Plan>>,
    proven: Proven,
}

pub(super) type Contracts = BTreeMap<String, BTreeMap<String, Contract>>;

fn recompute(plan: &Plan) -> Result<Recomputed, PlanError> {
    ranges::check_ranges(plan)?;
    values::check_functions(plan)?;
    let (mut views, mut contracts) = (Views::new(), Contracts::new());
    read_slices(plan, &mut views, &mut contracts)?;
    sub_flows::check_signals(plan)?;
    let called = sub_flows::check_sub_flows(plan)?;
    let mut found = vec![order::order(&plan.flow)?];
    found.extend(obligations(plan, &views, &contracts)?);
    keys::check_keys(plan)?;
    found.extend(compensation::compensated(plan)?);
    pace::check_rates(plan)?;
    found.push(bounds::bounded(plan));
    found.push(needs::required(plan));
    values::check_answers(plan, &contracts)?;
    values::check_matches(plan, &contracts)?;
    values::check_fails(plan, &views)?;
    values::check_rounds(plan)?;
    let Typed { obligations, guards } = typed::typed(plan, &contracts)?;
    found.extend(obligations);
    // What called flows send is judged with what they are given.
    for flow in plan.all_flows().into_iter().skip(1) {
        read_slices(flow, &mut views, &mut Contracts::new())?;
    }
    let (confidential, egress) = secrecy::confidential(plan, &views, &guards)?;
    found.extend(confidential);
    found.sort();
    let proof = Proof { obligations: found, assumptions: assumptions(plan), guards };
    Ok(Recomputed { contracts, called, proven: Proven { proof, egress } })
}

/// Reads the slices of a plan's own apis: each is what its digest says, of its operation, and can be called.
fn read_slices(plan: &Plan, views: &mut Views, contracts: &mut Contracts) -> Result<(), PlanError> {
    for (name, api) in &plan.apis {
        for (key, slice) in &api.operations {
            let refused =
                |reason: String| PlanError::Slice { api: name.clone(), operation: key.clone(), reason };
            if Digest::of(&slice.text) != slice.digest {
                return Err(refused("its text is not what its digest says".into()));
            }
            let view = OperationView::from_slice(&slice.text).map_err(|error| refused(error.to_string()))?;
            // By its route too: the id may be that of several operations.
            if view.key() != *key && view.route() != *key {
                return Err(refused(format!("it is of `{}`", view.key())));
            }
            let contract = Contract::from_view(&view).map_err(|error| refused(error.to_string()))?;
            if let Some(unsupported) = contract.unsupported.first() {
                return Err(refused(unsupported.to_string()));
            }
            contracts.entry(name.clone()).or_default().insert(key.clone(), contract);
            views.insert((name.clone(), key.clone()), view);
        }
    }
    Ok(())
}

fn compare(stated: &Proof, proven: &Proof) -> Result<(), PlanError> {
    let differs = |difference: String| Err(PlanError::Proof { difference });
    let mut due = proven.obligations.iter();
    for entry in &stated.obligations {
        if !OBLIGATIONS.contains(&entry.name.as_str()) {
            return differs(format!("`{}` is no obligation of this version", entry.name));
        }
        // Both are sorted, or it is no proof.
        if due.next() != Some(entry) {
            return differs(format!("{} at `{}`", entry.name, entry.subject));
        }
    }
    if let Some(missing) = due.next() {
        return differs(format!("{} at `{}` is missing", missing.name, missing.subject));
    }
    if stated.assumptions != proven.assumptions {
        return differs("the list of assumptions".into());
    }
    if stated.guards != proven.guards {
        return differs("the list of what is checked at run time".into());
    }
    Ok(())
}

//! P10: the passports and credentials that a flow requires.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::model::{Obligation, Plan};
use super::obligations::calls;
use crate::ecz::EczId;

/// What a needed ID is the ID of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A parent ECZ-ID: the organisation itself.
    BusinessPassport,
    /// A logical agent of an organisation.
    AgentCredential,
    /// One API surface.
    ApiPassport,
}

impl Credential {
    /// As users know it.
    pub fn words(self) -> &'static str {
        match self {
            Credential::BusinessPassport => "Business Passport",
            Credential::AgentCredential => "Agent Credential",
            Credential::ApiPassport => "API Passport",
        }
    }
}

/// A passport or credential without which a handoff of the flow cannot be verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Need {
    /// What it is.
    pub kind: Credential,
    /// Its ID.
    pub ecz_id: EczId,
    /// The operator that runs the flow, or the apis that answer under it, by name: sorted.
    pub held_by: Vec<String>,
}

/// Everything the flow requires, which is every ID that its runs ask the resolver for: the runner's Business Passport,
/// each Agent Credential that is presented, each api's API Passport, and the Agent Credential that its document names.
/// Sorted, each once.
pub fn needs(plan: &Plan) -> Vec<Need> {
    let mut found: BTreeMap<(Credential, EczId), Vec<String>> = BTreeMap::new();
    collect(plan, &mut found);
    found.into_iter().map(|((kind, ecz_id), held_by)| Need { kind, ecz_id, held_by }).collect()
}

/// Those of the flows that are called among them.
fn collect(plan: &Plan, found: &mut BTreeMap<(Credential, EczId), Vec<String>>) {
    let runner = &plan.flow.operator;
    let mut add = |kind, id: EczId, name: &str| {
        let names = found.entry((kind, id)).or_default();
        if let Err(at) = names.binary_search_by(|known| known.as_str().cmp(name)) {
            names.insert(at, name.to_owned());
        }
    };
    for (_, call) in calls(&plan.flow.body) {
        add(Credential::BusinessPassport, call.present.parent(), runner);
        add(Credential::AgentCredential, call.present.clone(), runner);
    }
    for (name, api) in &plan.apis {
        if let Some(identity) = api.identity.identity() {
            add(Credential::ApiPassport, identity.api_passport_id.clone(), name);
            if let Some(agent) = &identity.agent_credential_id {
                add(Credential::AgentCredential, agent.clone(), name);
            }
        }
    }
    plan.flows.values().for_each(|flow| collect(flow, found));
}

/// P10 in words: every ID with who holds it, and the apis that have none.
pub(super) fn required(plan: &Plan) -> Obligation {
    let mut words: Vec<String> = needs(plan)
        .into_iter()
        .map(|need| format!("{} {} of {}", need.kind.words(), need.ecz_id, need.held_by.join(", ")))
        .collect();
    let apis = plan.all_apis().into_iter();
    let without: BTreeSet<&str> =
        apis.filter(|(_, api)| api.identity.because().is_some()).map(|(name, _)| name).collect();
    words.extend(without.into_iter().map(|name| format!("no passport of {name}")));
    Obligation { name: "P10".into(), subject: "flow".into(), holds_by: words.join("; ") }
}

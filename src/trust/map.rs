//! The trust map: operators, what stands for them, and every handoff between them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::Digest;
use crate::ecz::{EczId, HandoffPolicy};
use crate::plan::{Call, Declared, Need, Party, Plan, StatedBy, Statement, needs};

/// The format's name.
const FORMAT: &str = "eczflow-trustmap-1";

/// Who takes part in a flow, and what is handed over under which policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrustMap {
    /// `eczflow-trustmap-1`.
    pub format: &'static str,
    /// The flow's name.
    pub flow: String,
    /// The plan it was made from.
    pub plan_digest: Digest,
    /// Key of the operator that runs the flow.
    pub runner: String,
    /// The runner first, the others by key.
    pub operators: Vec<MappedOperator>,
    /// Every handoff, in the order of the source.
    pub edges: Vec<Edge>,
    /// What a run asks the resolver for.
    pub requires: Vec<Need>,
}

/// An organisation, or an api that no organisation is named for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MappedOperator {
    /// Its parent ECZ-ID; `operator NAME` or `api NAME` where it has none.
    pub key: String,
    /// As the flow declares it, else the names of its apis.
    pub name: String,
    /// Its Business Passport, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passport: Option<EczId>,
    /// Its Agent Credentials that are named. Sorted.
    pub agents: Vec<EczId>,
    /// Its apis that the flow calls, by name.
    pub apis: Vec<MappedApi>,
}

/// An API surface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MappedApi {
    /// Its name in the flow.
    pub name: String,
    /// Its API Passport, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passport: Option<EczId>,
    /// Where the identity is stated: `document` or `flow`. Neither is proof of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// The reason given for having no passport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified_because: Option<String>,
    /// Where requests go.
    pub origin: String,
    /// The regional alias in use, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The human page that the document names. Never fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolver_url: Option<String>,
    /// The statement that retries rest on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatedBy>,
}

/// A handoff: one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    /// A step, `STEP/undo` or `STEP/reconcile`; of a flow that a step calls, that step first: `STEP/STEP`.
    pub step: String,
    /// Key of the operator that calls.
    pub from: String,
    /// Key of the operator that answers.
    pub to: String,
    /// The api.
    pub api: String,
    /// The operation.
    pub operation: String,
    /// Whether it may change something there.
    pub effect: bool,
    /// What goes over.
    pub gives: Given,
    /// The Agent Credential that presents itself.
    pub presents: EczId,
    /// The policy, with the least evidence.
    pub policy: HandoffPolicy,
    /// Whether nothing of the other side's identity is verified.
    pub unverified: bool,
}

/// What goes over with a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Given {
    /// The parameters' names, in the document's order.
    pub parameters: Vec<String>,
    /// Whether there is a body.
    pub body: bool,
}

impl TrustMap {
    /// The map of a plan.
    pub fn of(plan: &Plan, plan_digest: Digest) -> TrustMap {
        let plan = &plan.joined();
        let runner_id = plan.flow.agent.parent();
        let runner = runner_id.to_string();
        let mut operators: BTreeMap<String, MappedOperator> = BTreeMap::new();
        operators.insert(runner.clone(), operator(plan, &runner, Some(runner_id)));
        let mut side_of: BTreeMap<&str, String> = BTreeMap::new();
        for (name, api) in &plan.apis {
            let (key, passport) = side(plan, name, &api.identity);
            let entry = operators.entry(key.clone()).or_insert_with(|| operator(plan, &key, passport));
            let identity = api.identity.identity();
            entry.agents.extend(identity.and_then(|identity| identity.agent_credential_id.clone()));
            entry.apis.push(MappedApi {
                name: name.clone(),
                passport: api.passport().cloned(),
                declared: match &api.identity {
                    Party::Passport { declared, .. } => Some(*declared),
                    Party::NoPassport { .. } => None,
                },
                unverified_because: api.identity.because().map(str::to_owned),
                origin: api.origin(),
                region: api.region.as_ref().map(|region| region.name.clone()),
                resolver_url: identity.and_then(|identity| identity.resolver_url.clone()),
                statement: api.statement.as_ref().and_then(Statement::told),
            });
            side_of.insert(name, key);
        }
        let mut edges = Vec::new();
        for (step, _, call) in plan.handoffs() {
            let Some(api) = plan.apis.get(&call.api) else { continue };
            if let Some(ours) = operators.get_mut(&runner) {
                ours.agents.push(call.present.clone());
            }
            let to = side_of.get(call.api.as_str()).cloned().unwrap_or_default();
            edges.push(edge(step, runner.clone(), to, call, api.identity.because().is_some()));
        }
        for operator in operators.values_mut() {
            operator.agents.sort();
            operator.agents.dedup();
            if operator.name.is_empty() {
                let names: Vec<&str> = operator.apis.iter().map(|api| api.name.as_str()).collect();
                operator.name = names.join(", ");
            }
        }
        let mut ordered: Vec<MappedOperator> = operators.remove(&runner).into_iter().collect();
        ordered.extend(operators.into_values());
        TrustMap {
            format: FORMAT,
            flow: plan.flow.name.clone(),
            plan_digest,
            runner,
            operators: ordered,
            edges,
            requires: needs(plan),
        }
    }

    /// An api by name.
    pub fn api(&self, name: &str) -> Option<&MappedApi> {
        self.operators.iter().flat_map(|operator| &operator.apis).find(|api| api.name == name)
    }

    /// The handoffs to an api.
    pub fn edges_to<'m>(&'m self, api: &'m str) -> impl Iterator<Item = &'m Edge> {
        self.edges.iter().filter(move |edge| edge.api == api)
    }
}

/// Under which key a party's organisation stands, and its passport.
fn side(plan: &Plan, api: &str, party: &Party) -> (String, Option<EczId>) {
    match party {
        Party::Passport { identity, .. } => {
            (identity.operator_ecz_id.to_string(), Some(identity.operator_ecz_id.clone()))
        }
        // Who is said to answer has a passport of its own; that it answers here is only said.
        Party::NoPassport { operator: Some(name), .. } => match plan.operators.get(name) {
            Some(operator) => (operator.passport.to_string(), Some(operator.passport.clone())),
            None => (format!("operator {name}"), None),
        },
        Party::NoPassport { operator: None, .. } => (format!("api {api}"), None),
    }
}

fn operator(plan: &Plan, key: &str, passport: Option<EczId>) -> MappedOperator {
    let declared = plan.operators.iter().find(|(_, operator)| operator.passport.as_str() == key);
    MappedOperator {
        key: key.to_owned(),
        name: declared
            .map(|(name, _)| name.as_str())
            .or(key.strip_prefix("operator "))
            .unwrap_or_default()
            .into(),
        passport,
        agents: Vec::new(),
        apis: Vec::new(),
    }
}

fn edge(step: String, from: String, to: String, call: &Call, unverified: bool) -> Edge {
    Edge {
        step,
        from,
        to,
        api: call.api.clone(),
        operation: call.operation.clone(),
        effect: !call.is_safe(),
        gives: Given {
            parameters: call.arguments.iter().map(|argument| argument.name.clone()).collect(),
            body: call.body.is_some(),
        },
        presents: call.present.clone(),
        policy: call.handoff.clone(),
        unverified,
    }
}

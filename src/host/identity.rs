//! Asking for the identities of a handoff, and what the policy makes of the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::HostError;
use crate::base::Timestamp;
use crate::config::{Config, SPEC_HASH_PROFILE};
use crate::ecz::{Asked, Decision, EczId, Observation, judge};
use crate::engine::{Check, Event, Judged, Path, VERDICT_AGE_MS, What};
use crate::plan::{Api, Call, NodeKind, Plan, Verified};
use crate::wire::{Seen, Wire};

/// The identities that the handoffs of one plan depend on.
pub(super) struct Identities {
    plan: Arc<Verified<Plan>>,
    wire: Arc<Wire>,
    config: Arc<Config>,
}

/// One identity of a handoff: what is asked, and how old its verdict may be, milliseconds.
struct Subject {
    asked: Asked,
    reuse_ms: u64,
}

impl Identities {
    pub(super) fn new(plan: Arc<Verified<Plan>>, wire: Arc<Wire>, config: Arc<Config>) -> Identities {
        Identities { plan, wire, config }
    }

    /// Asks for everything once, at the same time, so that the first handoffs find warm answers. Fails nothing.
    pub(super) async fn warm_up(&self) {
        let mut asked = BTreeSet::new();
        for api in self.plan.apis.values() {
            // A verdict that is never reused need not be warmed.
            if !api.identity.recheck_before_reliance {
                asked.insert(api.identity.api_passport_id.clone());
            }
            asked.extend(api.identity.agent_credential_id.clone());
        }
        for agent in presenters(&self.plan) {
            asked.insert(agent.parent());
            asked.insert(agent);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for id in asked {
            let wire = self.wire.clone();
            tasks.spawn(async move { drop(wire.observe(&id).await) });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// The verdict on a handoff, where every answer it needs is known and young enough.
    pub(super) fn known(&self, path: &Path, attempt: u32, now: Timestamp) -> Option<Event> {
        let (call, subjects) = self.subjects(path)?;
        let mut answers = Vec::new();
        for subject in subjects {
            let seen = self.wire.remembered(&subject.asked.ecz_id, subject.reuse_ms, now)?;
            answers.push((subject.asked, seen));
        }
        Some(verdict(call, path, attempt, answers, now))
    }

    /// Asks for what is not known, at the same time.
    async fn ask(&self, path: &Path, attempt: u32) -> Result<Event, HostError> {
        let Some((call, subjects)) = self.subjects(path) else {
            return Err(HostError::Event(format!("`{path}` is no call of the plan")));
        };
        let mut tasks = tokio::task::JoinSet::new();
        for (position, subject) in subjects.into_iter().enumerate() {
            let wire = self.wire.clone();
            tasks.spawn(async move {
                let id = subject.asked.ecz_id.clone();
                let seen = match wire.remembered(&id, subject.reuse_ms, wire.now()) {
                    Some(seen) => seen,
                    None => wire.observe(&id).await,
                };
                (position, (subject.asked, seen))
            });
        }
        let mut answers = Vec::new();
        while let Some(answer) = tasks.join_next().await {
            answers.push(answer.map_err(|error| HostError::Task(error.to_string()))?);
        }
        answers.sort_by_key(|(position, _)| *position);
        let answers = answers.into_iter().map(|(_, answer)| answer).collect();
        Ok(verdict(call, path, attempt, answers, self.wire.now()))
    }

    /// Callee's passport, callee's agent where its document names one, our agent, our operator; in this order.
    fn subjects(&self, path: &Path) -> Option<(&Call, Vec<Subject>)> {
        let call = find_call(&self.plan, path)?;
        let api = self.plan.apis.get(&call.api)?;
        let reuse_ms = call.handoff.verify.within_ms.min(VERDICT_AGE_MS);
        let passport = Subject {
            asked: self.asked_passport(&call.api, api),
            reuse_ms: if api.identity.recheck_before_reliance { 0 } else { reuse_ms },
        };
        let mut subjects = vec![passport];
        if let Some(agent) = &api.identity.agent_credential_id {
            let reuse_ms = if api.identity.recheck_before_reliance { 0 } else { reuse_ms };
            subjects.push(Subject { asked: asked_only(agent), reuse_ms });
        }
        subjects.push(Subject { asked: asked_only(&call.present), reuse_ms });
        subjects.push(Subject { asked: asked_only(&call.present.parent()), reuse_ms });
        Some((call, subjects))
    }

    fn asked_passport(&self, name: &str, api: &Api) -> Asked {
        let ours = self.config.apis.get(name).and_then(|api| api.spec_hash_profile.as_deref());
        let operation = |key: &String| {
            let contract = self.plan.contract(name, key);
            let route = contract.map(|contract| format!("{} {}", contract.method, contract.path));
            (key.clone(), route.unwrap_or_default())
        };
        Asked {
            ecz_id: api.identity.api_passport_id.clone(),
            origin: Some(api.identity.api_origin.clone()),
            region: api.region.as_ref().map(|region| region.origin.clone()),
            spec_hash: Some(api.identity.spec_hash.clone()),
            canonical_hash: (ours == Some(SPEC_HASH_PROFILE)).then_some(api.pin),
            operations: api.operations.keys().map(operation).collect(),
        }
    }
}

/// Asks for the identities of one attempt: the task of the host's loop.
pub(super) async fn ask(identities: Arc<Identities>, path: Path, attempt: u32) -> Result<Event, HostError> {
    identities.ask(&path, attempt).await
}

/// Every agent that a plan's calls present.
pub(super) fn presenters(plan: &Plan) -> BTreeSet<EczId> {
    let mut agents = BTreeSet::from([plan.flow.agent.clone()]);
    each_call(&plan.flow.body, &mut |call| {
        agents.insert(call.present.clone());
    });
    agents
}

fn each_call(block: &crate::plan::Block, visit: &mut impl FnMut(&Call)) {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Call(step) => {
                visit(&step.call);
                step.undo.iter().for_each(&mut *visit);
            }
            NodeKind::For(looping) => each_call(&looping.body, visit),
            _ => {}
        }
    }
}

fn find_call<'p>(plan: &'p Plan, path: &Path) -> Option<&'p Call> {
    fn find<'p>(block: &'p crate::plan::Block, path: &Path) -> Option<&'p Call> {
        block.nodes.iter().find_map(|node| match &node.kind {
            NodeKind::Call(step) if node.id == path.node => {
                if path.undo { step.undo.as_ref() } else { Some(&step.call) }
            }
            NodeKind::For(looping) => find(&looping.body, path),
            _ => None,
        })
    }
    find(&plan.flow.body, path)
}

fn asked_only(id: &EczId) -> Asked {
    Asked {
        ecz_id: id.clone(),
        origin: None,
        region: None,
        spec_hash: None,
        canonical_hash: None,
        operations: Vec::new(),
    }
}

fn verdict(call: &Call, path: &Path, attempt: u32, answers: Vec<(Asked, Seen)>, now: Timestamp) -> Event {
    let mut checks = Vec::new();
    let mut observations = Vec::new();
    for (asked, seen) in answers {
        let verdict = judge(call.handoff.verify.mode, &asked, &seen.observation);
        checks.push(Check {
            ecz_id: asked.ecz_id.clone(),
            state: state_name(&seen.observation),
            decision: verdict.decision,
            observed: seen.observed,
            age_ms: now.since(seen.observed),
            answer_digest: seen.answer_digest,
        });
        observations.push(Judged { asked, observation: seen.observation });
    }
    let stops = checks.iter().any(|check| check.decision == Decision::Stop);
    let what =
        if stops { What::HandoffRefused { checks, observations } } else { What::HandoffVerified { checks, observations } };
    Event { path: Some(path.clone()), attempt: Some(attempt), what }
}

fn state_name(observation: &Observation) -> String {
    match observation {
        Observation::Projected(projection) => projection.state.to_string(),
        Observation::NotFound => "not_found".into(),
        Observation::NoEndpoint => "no_endpoint".into(),
        Observation::Unavailable(_) => "unavailable".into(),
        Observation::Malformed(_) => "malformed".into(),
    }
}

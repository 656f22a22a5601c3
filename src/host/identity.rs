//! Asking for the identities of a handoff, and what the policy makes of the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::HostError;
use crate::base::{Clock, Timestamp};
use crate::config::{Config, SPEC_HASH_PROFILE};
use crate::ecz::{Asked, Decision, EczId, Observation, judge};
use crate::engine::{Check, Event, Judged, Path, What};
use crate::plan::{Api, Call, NodeKind, Plan, Verified};
use crate::wire::resolver::{Observed, Resolver, VerdictCache};

/// The identities that the handoffs of one plan depend on.
pub(super) struct Identities {
    plan: Arc<Verified<Plan>>,
    config: Arc<Config>,
    observer: Arc<Observations>,
}

/// The resolver and what it said not long ago; shared by the runs of a process.
pub(super) struct Observations {
    pub(super) resolver: Box<dyn Resolver>,
    pub(super) cache: VerdictCache,
    pub(super) clock: Arc<dyn Clock>,
}

impl Observations {
    async fn ask(&self, id: &EczId) -> Observed {
        let observed = self.resolver.observe(id).await;
        self.cache.put(id, &observed);
        observed
    }

    fn remembered(&self, subject: &Subject, now: Timestamp) -> Option<Observed> {
        self.cache.get(&subject.asked.ecz_id, subject.within_ms, subject.recheck, now)
    }
}

/// One identity of a handoff: what is asked, and which older answer will do.
struct Subject {
    asked: Asked,
    within_ms: u64,
    recheck: bool,
}

/// An identity with its answer, and whether it is an older one.
struct Answered {
    asked: Asked,
    observed: Observed,
    reused: bool,
}

impl Identities {
    pub(super) fn new(
        plan: Arc<Verified<Plan>>,
        config: Arc<Config>,
        observer: Arc<Observations>,
    ) -> Identities {
        Identities { plan, config, observer }
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
            let observer = self.observer.clone();
            tasks.spawn(async move { drop(observer.ask(&id).await) });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// The verdict on a handoff, where every answer it needs is known and young enough.
    pub(super) fn known(&self, path: &Path, attempt: u32, now: Timestamp) -> Option<Event> {
        let (call, subjects) = self.subjects(path)?;
        let mut answers = Vec::new();
        for subject in subjects {
            let observed = self.observer.remembered(&subject, now)?;
            answers.push(Answered { asked: subject.asked, observed, reused: true });
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
            let observer = self.observer.clone();
            tasks.spawn(async move {
                let (observed, reused) = match observer.remembered(&subject, observer.clock.now()) {
                    Some(observed) => (observed, true),
                    None => (observer.ask(&subject.asked.ecz_id).await, false),
                };
                (position, Answered { asked: subject.asked, observed, reused })
            });
        }
        let mut answers = Vec::new();
        while let Some(answer) = tasks.join_next().await {
            answers.push(answer.map_err(|error| HostError::Task(error.to_string()))?);
        }
        answers.sort_by_key(|(position, _)| *position);
        let answers = answers.into_iter().map(|(_, answer)| answer).collect();
        Ok(verdict(call, path, attempt, answers, self.observer.clock.now()))
    }

    /// Callee's passport, callee's agent where its document names one, our agent, our operator; in this order.
    fn subjects(&self, path: &Path) -> Option<(&Call, Vec<Subject>)> {
        let call = find_call(&self.plan, path)?;
        let api = self.plan.apis.get(&call.api)?;
        let within_ms = call.handoff.verify.within_ms;
        let recheck = api.identity.recheck_before_reliance;
        let mut subjects = vec![Subject { asked: self.asked_passport(&call.api, api), within_ms, recheck }];
        if let Some(agent) = &api.identity.agent_credential_id {
            subjects.push(Subject { asked: asked_only(agent), within_ms, recheck });
        }
        for ours in [&call.present, &call.present.parent()] {
            subjects.push(Subject { asked: asked_only(ours), within_ms, recheck: false });
        }
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
                if path.undo {
                    step.undo.as_ref()
                } else {
                    Some(&step.call)
                }
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

fn verdict(call: &Call, path: &Path, attempt: u32, answers: Vec<Answered>, now: Timestamp) -> Event {
    let mut checks = Vec::new();
    let mut observations = Vec::new();
    for Answered { asked, observed, reused } in answers {
        let verdict = judge(call.handoff.verify.mode, &asked, &observed.observation);
        checks.push(Check {
            ecz_id: asked.ecz_id.clone(),
            state: state_name(&observed.observation),
            decision: verdict.decision,
            observed: observed.observed_at,
            age_ms: now.since(observed.observed_at),
            reused,
            answer_digest: observed.raw_digest,
        });
        observations.push(Judged { asked, observation: observed.observation });
    }
    let stops = checks.iter().any(|check| check.decision == Decision::Stop);
    let what = if stops {
        What::HandoffRefused { checks, observations }
    } else {
        What::HandoffVerified { checks, observations }
    };
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

//! Asking for the identities of a handoff, and what the policy makes of the answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::HostError;
use crate::base::{Clock, Timestamp};
use crate::config::{Config, SPEC_HASH_PROFILE};
use crate::ecz::{Decision, EczId, judge};
use crate::engine::{Check, Engine, Event, Judged, Path, Subject, What, passed, state_name, subjects};
use crate::plan::{Call, Plan, Verified};
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

/// An identity with its answer, and whether it is an older one.
struct Answered {
    subject: Subject,
    observed: Observed,
    reused: bool,
}

/// The answers on all identities of one attempt.
pub(super) struct Answers {
    pub(super) path: Path,
    pub(super) attempt: u32,
    answers: Vec<Answered>,
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
            let Some(identity) = api.identity.identity() else { continue };
            // A verdict that is never reused need not be warmed.
            if !identity.recheck_before_reliance {
                asked.insert(identity.api_passport_id.clone());
            }
            asked.extend(identity.agent_credential_id.clone());
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
    pub(super) fn known(
        &self,
        engine: &Engine<'_>,
        path: &Path,
        attempt: u32,
        now: Timestamp,
    ) -> Option<Event> {
        let mut answers = Vec::new();
        for subject in self.subjects(engine.call(path)?) {
            let observed = self.observer.remembered(&subject, now)?;
            answers.push(Answered { subject, observed, reused: true });
        }
        self.verdict(engine, Answers { path: path.clone(), attempt, answers }, now, now)
    }

    /// The verdict that answers make at a moment, for an attempt that waits for it since another; `None` where one of
    /// them is too old by now.
    pub(super) fn verdict(
        &self,
        engine: &Engine<'_>,
        answers: Answers,
        due: Timestamp,
        now: Timestamp,
    ) -> Option<Event> {
        let Answers { path, attempt, answers } = answers;
        let call = engine.call(&path)?;
        let mut checks = Vec::new();
        let mut observations = Vec::new();
        for Answered { subject, observed, reused } in answers {
            let age_ms = now.since(observed.observed_at);
            let fresh = if reused {
                age_ms < subject.reuse_ms(&observed.observation)
            } else {
                observed.observed_at >= due
            };
            if !fresh || observed.observed_at > now {
                return None;
            }
            checks.push(Check {
                ecz_id: subject.asked.ecz_id.clone(),
                state: state_name(&observed.observation),
                decision: judge(call.handoff.verify.mode, &subject.asked, &observed.observation).decision,
                observed: observed.observed_at,
                age_ms,
                reused,
                answer_digest: observed.raw_digest,
            });
            observations.push(Judged { asked: subject.asked, observation: observed.observation });
        }
        let stops = checks.iter().any(|check| check.decision == Decision::Stop);
        let what = if stops {
            What::HandoffRefused { checks, observations }
        } else {
            passed(&self.plan, call, checks, observations)
        };
        Some(Event { path: Some(path), attempt: Some(attempt), what })
    }

    fn subjects(&self, call: &Call) -> Vec<Subject> {
        let mut subjects = subjects(&self.plan, call);
        let profile = self.config.apis.get(&call.api).and_then(|api| api.spec_hash_profile.as_deref());
        let api = self.plan.apis.get(&call.api);
        let passport = api.and_then(|api| api.passport());
        let callee = subjects.iter_mut().find(|subject| Some(&subject.asked.ecz_id) == passport);
        if profile == Some(SPEC_HASH_PROFILE)
            && let Some(callee) = callee
        {
            callee.asked.canonical_hash = api.map(|api| api.pin);
        }
        subjects
    }
}

/// Asks for the identities of one attempt: a task of the host's loop. What is not known is asked for at the same time;
/// what was known and grew too old meanwhile is asked for after it.
pub(super) async fn ask(
    identities: Arc<Identities>,
    call: Option<Call>,
    path: Path,
    attempt: u32,
) -> Result<Answers, HostError> {
    let call = call.ok_or_else(|| HostError::Event(format!("`{path}` is no call of the plan")))?;
    let observer = &identities.observer;
    let (known, missing): (Vec<_>, Vec<_>) = identities
        .subjects(&call)
        .into_iter()
        .enumerate()
        .partition(|(_, subject)| observer.remembered(subject, observer.clock.now()).is_some());
    let mut answers = ask_all(observer, missing).await?;
    let mut stale = Vec::new();
    for (position, subject) in known {
        match observer.remembered(&subject, observer.clock.now()) {
            Some(observed) => answers.push((position, Answered { subject, observed, reused: true })),
            None => stale.push((position, subject)),
        }
    }
    answers.extend(ask_all(observer, stale).await?);
    answers.sort_by_key(|(position, _)| *position);
    Ok(Answers { path, attempt, answers: answers.into_iter().map(|(_, answer)| answer).collect() })
}

async fn ask_all(
    observer: &Arc<Observations>,
    subjects: Vec<(usize, Subject)>,
) -> Result<Vec<(usize, Answered)>, HostError> {
    let mut tasks = tokio::task::JoinSet::new();
    for (position, subject) in subjects {
        let observer = observer.clone();
        tasks.spawn(async move {
            let observed = observer.ask(&subject.asked.ecz_id).await;
            (position, Answered { subject, observed, reused: false })
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer.map_err(|error| HostError::Task(error.to_string()))?);
    }
    Ok(answers)
}

/// Every agent that a plan's calls present, those of the flows that it calls among them.
pub(super) fn presenters(plan: &Plan) -> BTreeSet<EczId> {
    let mut agents: BTreeSet<EczId> =
        plan.all_flows().into_iter().map(|flow| flow.flow.agent.clone()).collect();
    agents.extend(plan.all_calls().into_iter().map(|(_, _, call)| call.present.clone()));
    agents
}

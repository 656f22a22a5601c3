//! Folding one event into a state, refusing what no decider of this plan could have recorded.

use std::sync::Arc;

use super::Engine;
use super::breaker::{opening_ceiling, trips};
use super::event::*;
use super::outcome::{Outcome, judge_answer, judge_failure};
use super::path::{Path, Role};
use super::request;
use super::round::Round;
use super::state::{CallPhase, Calling, Failure, Looping, Phase, Progress, State};
use super::told::{BreakerFacts, SendFailure};
use crate::base::{Digest, Timestamp};
use crate::ecz::Decision;
use crate::expr::evaluate;
use crate::plan::{Call, NodeKind};
use crate::types::Value;

/// An event that this state and plan do not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Illegal(pub String);

pub(super) type Applied = Result<(), Illegal>;

pub(super) fn illegal<T>(why: impl Into<String>) -> Result<T, Illegal> {
    Err(Illegal(why.into()))
}

impl<'a> Engine<'a> {
    /// Folds an event that happened at a moment and whose record has this leaf hash.
    pub fn apply(&self, state: &mut State, event: &Event, at: Timestamp, leaf: Digest) -> Applied {
        if at < state.at {
            return illegal("its time is before that of the record before it");
        }
        if event.path.is_none() && event.attempt.is_some() {
            return illegal("only calls have attempts");
        }
        state.at = at;
        let failing = state.failing;
        let is_finished =
            |state: &State, path: &Path| state.nodes.get(path).is_some_and(Progress::is_finished);
        // A read concerns the step whose outcome it settles, too.
        let read = event.path.as_ref().filter(|path| path.role == Role::Reconcile).map(Path::forward);
        let concerned = || event.path.iter().chain(&read);
        let before: Vec<bool> = concerned().map(|path| is_finished(state, path)).collect();
        match (&event.what, &event.path) {
            (What::RunStarted(opening), None) => self.open(state, opening, at)?,
            (What::RunResumed { after }, None) => resume(state, after)?,
            (_, _) if state.phase != Phase::Running => {
                return illegal("it comes while the run is not under way");
            }
            (What::RunPaused { because }, None) => {
                if *because == PauseCause::Asked && state.is_sending() {
                    return illegal("an attempt under way ends before a run pauses");
                }
                state.phase = Phase::Paused(*because);
            }
            (What::RunFinished { status, outputs }, None) => {
                if *status == Status::Succeeded && Value::decode(&self.plan.flow.output, outputs).is_err() {
                    return illegal("its outputs are not those of the flow");
                }
                state.phase = Phase::Finished(*status);
                state.outputs = outputs.clone();
            }
            (What::TimerFired { .. }, None) => {
                let message = "the run's deadline passed".to_owned();
                state.fail(Failure { path: None, class: FailureClass::Deadline, message });
            }
            (_, None) => return illegal("it must name a node"),
            (_, Some(path)) => self.apply_at(state, path, event, at, leaf)?,
        }
        let ended = matches!(event.what, What::AttemptAnswered { .. } | What::AttemptFailed { .. });
        state.reported = event.path.clone().filter(|_| ended);
        for (path, before) in concerned().zip(before) {
            self.look_at(state, path);
            if !before && is_finished(state, path) {
                self.finished(state, path);
            }
        }
        if state.failing != failing || matches!(event.what, What::RunResumed { .. }) {
            self.look_at_all(state);
        }
        self.settle(state);
        Ok(())
    }

    fn open(&self, state: &mut State, opening: &Opening, at: Timestamp) -> Applied {
        if state.phase != Phase::New {
            return illegal("a run starts once");
        }
        if opening.plan_digest != self.plan.digest() || opening.flow != self.plan.flow.name {
            return illegal("it names another plan or flow");
        }
        if let Some(name) =
            opening.inputs.keys().find(|name| self.plan.flow.inputs.iter().all(|input| input.name != **name))
        {
            return illegal(format!("the flow has no input `{name}`"));
        }
        for input in &self.plan.flow.inputs {
            let value = match opening.inputs.get(&input.name) {
                None if input.ty.is_optional() => Value::Absent,
                None => return illegal(format!("input `{}` is missing", input.name)),
                Some(json) => Value::decode(&input.ty, json)
                    .map_err(|misfit| Illegal(format!("input `{}`: {misfit}", input.name)))?,
            };
            state.inputs.insert(input.name.clone(), value);
        }
        state.definitions = Arc::new(self.plan.functions.clone());
        (state.phase, state.started, state.opening) = (Phase::Running, at, Some(opening.clone()));
        self.enter_flow(state);
        Ok(())
    }

    fn apply_at(
        &self,
        state: &mut State,
        path: &Path,
        event: &Event,
        at: Timestamp,
        leaf: Digest,
    ) -> Applied {
        match &event.what {
            What::HandoffVerified { checks, observations }
            | What::HandoffRefused { checks, observations }
            | What::HandoffUnverified { checks, observations, .. } => {
                let Some(call) = self.call(path) else { return illegal("it names no call") };
                let calling = under_way(state, path, event.attempt)?;
                match calling.phase {
                    CallPhase::Verify { not_before } if at >= not_before => {
                        self.check_verdict(call, not_before, at, checks, observations)?;
                    }
                    _ => return illegal("no verdict was due"),
                }
                let stops = checks.iter().any(|check| check.decision == Decision::Stop);
                if stops != matches!(event.what, What::HandoffRefused { .. }) {
                    return illegal("its checks say otherwise");
                }
                if !stops {
                    self.check_party(call, &event.what)?;
                }
                calling.phase =
                    if stops { CallPhase::Refused } else { CallPhase::Verified { half_open: false } };
            }
            What::AttemptIntended { request, .. } => {
                let calling = under_way(state, path, event.attempt)?;
                if !matches!(calling.phase, CallPhase::Verified { .. }) || **request != calling.request {
                    return illegal("this request was not due");
                }
                calling.phase = CallPhase::Intended;
                calling.leaf = Some(leaf);
                calling.first_intended.get_or_insert(at);
            }
            What::AttemptAnswered { status, outcome, answer, .. } => {
                let Some(call) = self.call(path) else { return illegal("it names no call") };
                let Some(contract) = self.plan.contract(&call.api, &call.operation) else {
                    return illegal("its operation is not in the plan");
                };
                let judged = judge_answer(contract, self.answer_use(path), answer);
                if answer.status != *status || judged.kind != *outcome {
                    return illegal(format!("the answer means `{:?}`, not `{outcome:?}`", judged.kind));
                }
                self.settle_attempt(state, path, event.attempt, judged, false)?;
            }
            What::AttemptFailed { cause, outcome, detail, .. } => {
                let judged = judge_failure(*cause, detail);
                if judged.kind != *outcome {
                    return illegal(format!("the failure means `{:?}`, not `{outcome:?}`", judged.kind));
                }
                self.settle_attempt(state, path, event.attempt, judged, *cause == SendFailure::Interrupted)?;
            }
            What::AttemptInDoubt { .. } => {
                under_way(state, path, event.attempt)?;
                state.nodes.insert(path.clone(), Progress::InDoubt);
                state.failing = true;
            }
            What::RetryScheduled { until, delay_ms, ceiling_ms, .. } => {
                if delay_ms > ceiling_ms || *until != at.plus(*delay_ms) {
                    return illegal("its delay is not within its ceiling");
                }
                let calling = under_way(state, path, event.attempt)?;
                calling.attempt += 1;
                calling.phase = CallPhase::Verify { not_before: *until };
            }
            What::PollScheduled { poll, until } => {
                if *until <= at {
                    return illegal("it waits for nothing");
                }
                if !self.reads_again(path) {
                    return illegal("its step does not poll");
                }
                under_way(state, path, event.attempt)?.next_round(*poll, *until)?;
            }
            What::PageScheduled { page } => {
                under_way(state, path, event.attempt)?;
                self.turn_page(state, path)?;
                under_way(state, path, event.attempt)?.next_round(*page, at)?;
            }
            What::ReconcileStarted {} => self.start_read(state, path, at)?,
            What::Reconciled { found } => {
                under_way(state, path, event.attempt)?;
                self.end_read(state, path, *found)?;
            }
            What::TimerSet { until, because } => {
                if *until <= at {
                    return illegal("it waits for nothing");
                }
                let rate = self.call(path).and_then(|call| self.plan.apis.get(&call.api)?.rate);
                if because.is_some() && rate.is_none() {
                    return illegal("no rate holds it up");
                }
                if self.is_wait(path) {
                    state.nodes.insert(path.clone(), Progress::Waiting { until: *until });
                } else {
                    under_way(state, path, event.attempt)?.phase = CallPhase::Verify { not_before: *until };
                }
            }
            What::BreakerHalfOpen(facts) => {
                self.check_breaker(path, event, facts, at)?;
                under_way(state, path, event.attempt)?.phase = CallPhase::Verified { half_open: true };
            }
            What::BreakerOpened(facts) | What::BreakerClosed(facts) => {
                self.check_breaker(path, event, facts, at)?;
                // The attempt that made it change has just been recorded.
                if event.attempt.is_some() || state.reported.as_ref() != Some(path) {
                    return illegal("no attempt has just ended that could have changed the breaker");
                }
            }
            What::ValueComputed { .. } => {
                state.nodes.insert(path.clone(), Progress::Done(Value::Null));
            }
            What::StepSkipped { .. } => {
                state.nodes.insert(path.clone(), Progress::Skipped);
            }
            What::StepFailed { class, effect, message, .. } => {
                if *effect {
                    if let Some(CallPhase::Settled(Outcome { value: Some(value), .. })) =
                        state.calling(path).map(|calling| calling.phase.clone())
                    {
                        state.ill_typed.insert(path.clone(), value);
                    }
                    state.completed.push(path.clone());
                }
                state.nodes.insert(path.clone(), Progress::Failed);
                state.fail(Failure { path: Some(path.clone()), class: *class, message: message.clone() });
            }
            What::FlowStarted { .. } => self.flow_started(state, path, &event.what, leaf)?,
            What::FlowReported { .. } => self.flow_reported(state, path, &event.what)?,
            What::LoopStarted { .. } => self.start_items(state, path)?,
            What::LoopFinished { .. } => self.finish_loop(state, path)?,
            What::UndoStarted {} => {
                let (Some(call), true) = (self.call(path), path.is_undo()) else {
                    return illegal("there is no such undo");
                };
                let own = state.effect_value(&path.forward());
                let request = request::build(self.plan, state, path, call, own.as_ref())
                    .map_err(|(_, message)| Illegal(message))?;
                state.call_beside(path, request, at);
            }
            What::UndoDone { .. } => {
                under_way(state, path, event.attempt)?;
                state.nodes.insert(path.clone(), Progress::Done(Value::Null));
            }
            What::UndoFailed { .. } => {
                state.give_up(path);
            }
            What::RunStarted(_)
            | What::RunResumed { .. }
            | What::RunPaused { .. }
            | What::RunFinished { .. } => {
                return illegal("it concerns the run, not a node");
            }
            What::TimerFired { until } => {
                let set = match state.nodes.get(path) {
                    Some(Progress::Waiting { until }) => Some(*until),
                    // A moment that had passed when its turn came.
                    None => Some(*until),
                    Some(_) => None,
                };
                if !self.is_wait(path) || set != Some(*until) || *until > at {
                    return illegal("no timer of this node was due");
                }
                state.nodes.insert(path.clone(), Progress::Done(Value::Null));
            }
        }
        Ok(())
    }

    fn is_wait(&self, path: &Path) -> bool {
        let node = self.nodes.get(path.node.as_str());
        path.is_own() && node.is_some_and(|node| matches!(node.kind, NodeKind::Wait(_)))
    }

    fn check_breaker(&self, path: &Path, event: &Event, facts: &BreakerFacts, at: Timestamp) -> Applied {
        let api = self
            .call(path)
            .filter(|call| call.api == facts.api)
            .and_then(|call| self.plan.apis.get(&call.api));
        let Some(api) = api else { return illegal("it names another api") };
        if facts.failures.max(facts.slow) > facts.calls {
            return illegal("its counts don't fit together");
        }
        if !matches!(event.what, What::BreakerOpened(_)) {
            return if facts.until.is_none() { Ok(()) } else { illegal("only an opening has an end") };
        }
        let ceiling = opening_ceiling(&api.breaker, facts.openings);
        let long =
            facts.until.is_some_and(|until| until >= at.plus(ceiling / 2) && until <= at.plus(ceiling));
        // A later opening is a failed probe's; the first one must be what the counted calls call for.
        if !long || facts.openings == 0 || (facts.openings == 1 && !trips(&api.breaker, facts)) {
            return illegal("its policy does not open the breaker so");
        }
        Ok(())
    }

    fn settle_attempt(
        &self,
        state: &mut State,
        path: &Path,
        attempt: Option<u32>,
        outcome: Outcome,
        lost: bool,
    ) -> Applied {
        let beside = outcome.beside.clone();
        let safe = self.call(path).is_some_and(Call::is_safe);
        let calling = under_way(state, path, attempt)?;
        // An attempt whose process ended has no outcome but that.
        if !matches!((&calling.phase, lost), (CallPhase::Intended, false) | (CallPhase::Lost, true)) {
            return illegal("no attempt was under way");
        }
        calling.unknown |= matches!(outcome.kind, OutcomeKind::Unknown | OutcomeKind::Redirected);
        // What was unknown before is not settled by a refusal: an effect may have happened.
        let refused = outcome.kind == OutcomeKind::Refused && outcome.value.is_some();
        if refused && (safe || !calling.unknown) {
            let body = outcome.value.unwrap_or(Value::Null);
            state.beside.extend(beside.map(|beside| (path.clone(), beside)));
            state.refused.insert(path.clone(), (outcome.status.unwrap_or_default(), body));
            state.nodes.insert(path.clone(), Progress::Done(Value::Absent));
        } else if outcome.kind == OutcomeKind::Done {
            let value = outcome.value.unwrap_or(Value::Null);
            state.beside.extend(beside.map(|beside| (path.clone(), beside)));
            let value = match self.round(state, path, value) {
                Round::Last(value) => value,
                Round::Another(value) => {
                    under_way(state, path, attempt)?.phase = CallPhase::Rounded(value);
                    return Ok(());
                }
            };
            state.nodes.insert(path.clone(), Progress::Done(value));
            self.completed(state, path);
        } else {
            calling.phase = CallPhase::Settled(outcome);
            state.beside.extend(beside.map(|beside| (path.clone(), beside)));
        }
        Ok(())
    }

    /// A step's effect happened: it is undone if the run fails.
    pub(super) fn completed(&self, state: &mut State, path: &Path) {
        let undoable = self.step(path).is_some_and(|step| step.undo.is_some() && !step.call.is_safe());
        if path.is_own() && undoable {
            state.completed.push(path.clone());
        }
    }

    fn start_items(&self, state: &mut State, path: &Path) -> Applied {
        let Some(NodeKind::For(looping)) = self.nodes.get(path.node.as_str()).map(|node| &node.kind) else {
            return illegal("it names no loop");
        };
        let Ok(Value::List(items)) = evaluate(&looping.list, &state.names(&path.iterations)) else {
            return illegal("its list has no value");
        };
        let variable = looping.variable.clone();
        let known =
            Looping { variable, items, begun: 0, open: Default::default(), results: Default::default() };
        state.loops.insert(path.clone(), known);
        state.nodes.insert(path.clone(), Progress::Looping);
        self.begin_iterations(state, path);
        Ok(())
    }

    fn finish_loop(&self, state: &mut State, path: &Path) -> Applied {
        let Some(looping) = state.loops.get(path) else { return illegal("the loop has not begun") };
        let values = looping.results.values().cloned().collect();
        state.nodes.insert(path.clone(), Progress::Done(Value::List(values)));
        Ok(())
    }
}

fn under_way<'s>(
    state: &'s mut State,
    path: &Path,
    attempt: Option<u32>,
) -> Result<&'s mut Calling, Illegal> {
    match state.calling_mut(path) {
        Some(calling) if attempt == Some(calling.attempt) => Ok(calling),
        Some(_) => illegal("it is about another attempt"),
        None => illegal(format!("`{path}` is not under way")),
    }
}

/// A new process: what was intended and has no outcome is lost; failed undos, and reads that settled nothing, may be tried
/// again.
fn resume(state: &mut State, after: &str) -> Applied {
    if !matches!((state.phase, after), (Phase::Running, "interruption") | (Phase::Paused(_), "pause")) {
        return illegal("a run does not go on so from where it stood");
    }
    state.phase = Phase::Running;
    let at = state.at;
    state.nodes.retain(|path, progress| path.is_own() || !matches!(progress, Progress::Failed));
    for progress in state.nodes.values_mut() {
        match progress {
            Progress::Calling(calling) => {
                calling.phase = match &calling.phase {
                    CallPhase::Intended => CallPhase::Lost,
                    CallPhase::Verified { .. } => CallPhase::Verify { not_before: at },
                    other => other.clone(),
                };
            }
            // It goes on with its parent.
            Progress::SubRun(known) => {
                known.was_in_doubt |= known.standing == Some(PauseCause::InDoubt);
                known.standing = None;
            }
            _ => {}
        }
    }
    Ok(())
}

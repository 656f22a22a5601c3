//! What happens next: the first decision that a state calls for, and what it waits for.

use super::agenda::Todo;
use super::breaker::Permit;
use super::event::*;
use super::path::{Path, Role};
use super::state::{CallPhase, Names, Phase, Progress, State};
use super::{Engine, request};
use crate::base::Timestamp;
use crate::expr::{Expr, evaluate};
use crate::plan::{Loop, NodeKind, Wait};
use crate::types::Value;

/// What a decision takes from outside the run: the moment, and state that the runs of a process share.
pub trait Environment {
    /// The moment of the decision; also the record's time.
    fn now(&self) -> Timestamp;
    /// Asks the api's rate and breaker whether the call at a path may be sent.
    fn permit(&mut self, api: &str, path: &Path) -> Permit;
    /// Takes tokens from the counterparty's retry budget; what is left, or `None` where too little is.
    fn take_budget(&mut self, api: &str, cost: u32) -> Option<u32>;
    /// Draws a delay, 0 to the ceiling, milliseconds.
    fn draw_delay_ms(&mut self, ceiling_ms: u64) -> u64;
}

/// What a state waits for. Each need is met by one event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The identities of a handoff: `handoff_verified` or `handoff_refused`.
    Verdict {
        /// The call.
        path: Path,
        /// The attempt it is for.
        attempt: u32,
    },
    /// An intended request is to be sent: `attempt_answered` or `attempt_failed`.
    Send {
        /// The call.
        path: Path,
        /// The attempt.
        attempt: u32,
    },
    /// Another flow is to be run to its end: `flow_reported`.
    Flow {
        /// The step that calls it.
        path: Path,
    },
    /// Nothing but time: look again at that moment.
    Time(Timestamp),
}

impl<'a> Engine<'a> {
    /// The next decision; `None` where the state waits, stands still or has ended.
    pub fn decide(&self, state: &State, environment: &mut dyn Environment) -> Option<Event> {
        if state.phase != Phase::Running {
            return None;
        }
        let deadline = self.deadline(state);
        if !state.failing && environment.now() >= deadline {
            // What is under way is awaited first, and an effect of unknown outcome is settled: where nothing else was left to
            // do, the run has done all it had to.
            let settling = state.agenda.todo.values().find_map(|todo| match todo {
                Todo::Call(path) if self.settles(state, path) => Some(path),
                _ => None,
            });
            if let Some(event) = settling.and_then(|path| self.decide_step(state, environment, path)) {
                return Some(event);
            }
            if state.is_under_way() {
                return None;
            }
            if self.takes_time(state) {
                return Some(Event { path: None, attempt: None, what: What::TimerFired { until: deadline } });
            }
        }
        for todo in state.agenda.todo.values() {
            let decision = match todo {
                Todo::Start(path) => self.decide_start(state, environment.now(), path),
                Todo::Call(path) => self.decide_step(state, environment, path),
                Todo::Yield(path, index) => self.decide_yield(state, path, *index),
                Todo::Finish(path) => decide_finish(state, path),
            };
            if decision.is_some() {
                return decision;
            }
        }
        let due = state.agenda.timers.iter().find(|(_, until)| environment.now() >= **until);
        if let Some((path, until)) = due {
            let what = What::TimerFired { until: *until };
            return Some(Event { path: Some(path.clone()), attempt: None, what });
        }
        if state.failing { self.decide_undo(state, environment) } else { self.decide_return(state) }
    }

    /// What the state waits for, in a fixed order.
    pub fn needs(&self, state: &State, now: Timestamp) -> Vec<Need> {
        if state.phase != Phase::Running {
            return Vec::new();
        }
        let mut needs = Vec::new();
        for path in &state.agenda.awaiting {
            if let Some(Progress::SubRun(_)) = state.nodes.get(path) {
                needs.push(Need::Flow { path: path.clone() });
            }
            let Some(calling) = state.calling(path) else { continue };
            match &calling.phase {
                CallPhase::Verify { not_before } if *not_before > now => needs.push(Need::Time(*not_before)),
                CallPhase::Verify { .. } => {
                    needs.push(Need::Verdict { path: path.clone(), attempt: calling.attempt })
                }
                CallPhase::Intended => {
                    needs.push(Need::Send { path: path.clone(), attempt: calling.attempt })
                }
                _ => {}
            }
        }
        needs.extend(state.agenda.timers.values().map(|until| Need::Time(*until)));
        needs.extend(Some(self.deadline(state)).filter(|at| !state.failing && *at > now).map(Need::Time));
        needs
    }

    /// Whether what is decided next of a call is what became of an effect, and no attempt of it.
    fn settles(&self, state: &State, path: &Path) -> bool {
        let settled = || {
            let phase = state.calling(path).map(|calling| &calling.phase);
            matches!(phase, Some(CallPhase::Settled(_) | CallPhase::Lost))
        };
        path.role == Role::Reconcile || (settled() && self.call(path).is_some_and(|call| !call.is_safe()))
    }

    /// Whether anything is left that takes time: a call or a flow that is still to be made, a wait.
    fn takes_time(&self, state: &State) -> bool {
        let starts_flow = |path: &Path| match &self.nodes.get(path.node.as_str()).map(|node| &node.kind) {
            Some(NodeKind::SubFlow(call)) => {
                skips(&state.names(&path.iterations), call.guard.as_ref()).is_none()
            }
            _ => false,
        };
        let agenda = &state.agenda;
        let due = |todo: &Todo| match todo {
            Todo::Call(_) => true,
            Todo::Start(path) => starts_flow(path),
            Todo::Yield(..) | Todo::Finish(_) => false,
        };
        !agenda.awaiting.is_empty() || !agenda.timers.is_empty() || agenda.todo.values().any(due)
    }

    fn decide_step(&self, state: &State, environment: &mut dyn Environment, path: &Path) -> Option<Event> {
        let (step, calling) = (self.step(path)?, state.calling(path)?);
        let own = path.is_own().then_some(step);
        self.decide_call(state, environment, path, self.call(path)?, own, calling)
    }

    /// A node that may start and did not by itself: it is skipped, begins a loop, holds, or fails.
    fn decide_start(&self, state: &State, now: Timestamp, path: &Path) -> Option<Event> {
        let node = *self.nodes.get(path.node.as_str()).filter(|_| !state.failing)?;
        let names = state.names(&path.iterations);
        let what = match &node.kind {
            NodeKind::Let { value, .. } => {
                fail(FailureClass::Expression, evaluate(value, &names).err()?.to_string())
            }
            NodeKind::Ensure { condition, message } => check(&names, Some(condition), message, true),
            NodeKind::Fail { condition, message } => check(&names, condition.as_ref(), message, false),
            NodeKind::Call(step) => match skips(&names, step.guard.as_ref()) {
                Some(what) => what,
                None => {
                    let (class, message) = self.request(state, path, &step.call).err()?;
                    fail(class, message)
                }
            },
            NodeKind::For(looping) => match skips(&names, looping.guard.as_ref()) {
                Some(what) => what,
                None => self.start_loop(state, path, looping),
            },
            NodeKind::Wait(wait) => start_wait(&names, now, wait),
            NodeKind::SubFlow(call) => match skips(&names, call.guard.as_ref()) {
                Some(what) => what,
                None => self
                    .start_flow(state, path, call.guard.is_some())
                    .unwrap_or_else(|(class, message)| fail(class, message)),
            },
            // The host starts no run of a plan that has one.
            NodeKind::Signal(_) | NodeKind::Return { .. } => return None,
        };
        Some(Event { path: Some(path.clone()), attempt: None, what })
    }

    fn start_loop(&self, state: &State, path: &Path, looping: &Loop) -> What {
        let names = state.names(&path.iterations);
        let items = match evaluate(&looping.list, &names) {
            Ok(Value::List(items)) => items,
            Ok(_) => return fail(FailureClass::Expression, "`for` needs a list".into()),
            Err(error) => return fail(FailureClass::Expression, error.to_string()),
        };
        let length = u64::try_from(items.len()).unwrap_or(u64::MAX);
        if length > looping.at_most {
            // How many there are may be data that whoever reads this is not cleared for.
            let message = format!("the list has more items than `at most {}`", looping.at_most);
            return fail(FailureClass::Bound, message);
        }
        for node in &looping.body.nodes {
            let NodeKind::Call(step) = &node.kind else { continue };
            if step.call.once_per.is_none() {
                continue;
            }
            let mut seen = std::collections::BTreeMap::new();
            let at = |index: usize| {
                let index = u64::try_from(index).unwrap_or(u64::MAX);
                Path::new(&path.iteration(index), &node.id)
            };
            for (index, item) in items.iter().enumerate() {
                let names = Names { own: Some((&looping.variable, item)), ..state.names(&path.iterations) };
                match request::key_of(
                    self.plan,
                    state,
                    &Path::new(&path.iterations, &node.id),
                    &step.call,
                    &names,
                ) {
                    Ok(key) => {
                        if let Some(earlier) = seen.insert(key, index) {
                            let (this, earlier) = (at(index), at(earlier));
                            let message = format!("`{this}` has the same `key once per` as `{earlier}`");
                            return fail(FailureClass::Key, message);
                        }
                    }
                    // It reads what only an iteration knows: judged when its step begins.
                    Err(_) => break,
                }
            }
        }
        What::LoopStarted { length }
    }

    /// An iteration whose nodes are finished and that cannot yield.
    fn decide_yield(&self, state: &State, path: &Path, index: u64) -> Option<Event> {
        let NodeKind::For(looping) = &self.nodes.get(path.node.as_str())?.kind else { return None };
        let error = evaluate(looping.result.as_ref()?, &state.names(&path.iteration(index))).err()?;
        let what = fail(FailureClass::Expression, error.to_string());
        (!state.failing).then(|| Event { path: Some(path.clone()), attempt: None, what })
    }

    /// Once nothing is under way: undos, newest completion first, one at a time; then the end.
    fn decide_undo(&self, state: &State, environment: &mut dyn Environment) -> Option<Event> {
        if let Some(read) = self.decide_reread(state) {
            return Some(read);
        }
        if state.agenda.is_calling() {
            return None;
        }
        let run = |what| Some(Event { path: None, attempt: None, what });
        let in_doubt = &state.agenda.doubtful;
        // A step in doubt: nothing is undone. An undo in doubt: the others still run.
        if in_doubt.iter().any(|path| !path.is_undo()) {
            return run(What::RunPaused { because: PauseCause::InDoubt });
        }
        for path in state.completed.iter().rev().skip(state.agenda.undone) {
            let undo = path.undo();
            let Some(call) = self.call(&undo) else { continue };
            match state.nodes.get(&undo) {
                None => {
                    let own = state.effect_value(path);
                    let what = match request::build(self.plan, state, &undo, call, own.as_ref()) {
                        Ok(_) => What::UndoStarted {},
                        Err((class, message)) => What::UndoFailed { class, message },
                    };
                    return Some(Event { path: Some(undo), attempt: None, what });
                }
                Some(Progress::Calling(calling)) => {
                    return self.decide_call(state, environment, &undo, call, None, calling);
                }
                Some(_) => {}
            }
        }
        if !in_doubt.is_empty() {
            return run(What::RunPaused { because: PauseCause::InDoubt });
        }
        if !state.agenda.stuck.is_empty() {
            return run(What::RunPaused { because: PauseCause::Stuck });
        }
        run(What::RunFinished { status: Status::Failed, outputs: serde_json::Value::Null })
    }

    fn decide_return(&self, state: &State) -> Option<Event> {
        if state.agenda.unfinished > 0 {
            return None;
        }
        let mut returns = self.plan.flow.body.nodes.iter().rev();
        let returns = returns.find(|node| matches!(node.kind, NodeKind::Return { .. }));
        let Some(node) = returns else {
            let what = What::RunFinished { status: Status::Succeeded, outputs: serde_json::json!({}) };
            return Some(Event { path: None, attempt: None, what });
        };
        let NodeKind::Return { value } = &node.kind else { return None };
        let outputs = evaluate(value, &state.names(&[]))
            .map_err(|error| error.to_string())
            .and_then(|value| value.to_json().map_err(|error| error.to_string()))
            .map_err(|message| (FailureClass::Expression, message))
            .and_then(|outputs| match Value::decode(&self.plan.flow.output, &outputs) {
                Ok(_) => Ok(outputs),
                Err(misfit) => {
                    Err((FailureClass::Guard, format!("the returned value does not fit: {misfit}")))
                }
            });
        Some(match outputs {
            Ok(outputs) => Event {
                path: None,
                attempt: None,
                what: What::RunFinished { status: Status::Succeeded, outputs },
            },
            Err((class, message)) => {
                Event { path: Some(Path::new(&[], &node.id)), attempt: None, what: fail(class, message) }
            }
        })
    }
}

/// Sets a timer; one for a moment that has passed fires at once.
fn start_wait(names: &Names<'_>, now: Timestamp, wait: &Wait) -> What {
    let until = match (evaluate(&wait.value, names), wait.until) {
        (Ok(Value::Duration(milliseconds)), false) => {
            let until = now.plus(milliseconds);
            if until.moment().is_none() {
                let why = "the wait would end after the year 9999";
                return fail(FailureClass::Expression, why.into());
            }
            until
        }
        (Ok(Value::Timestamp(moment)), true) => moment.reached(),
        (Ok(_), _) => return fail(FailureClass::Expression, "`wait` needs a duration or a moment".into()),
        (Err(error), _) => return fail(FailureClass::Expression, error.to_string()),
    };
    if until > now { What::TimerSet { until, because: None } } else { What::TimerFired { until } }
}

fn decide_finish(state: &State, path: &Path) -> Option<Event> {
    let length = u64::try_from(state.loops.get(path)?.items.len()).unwrap_or(u64::MAX);
    let what = What::LoopFinished { length };
    (!state.failing).then(|| Event { path: Some(path.clone()), attempt: None, what })
}

pub(super) fn fail(class: FailureClass, message: String) -> What {
    What::StepFailed { class, status: None, effect: false, message }
}

/// Skipped by a false guard, failed by a broken one, or neither.
fn skips(names: &Names<'_>, guard: Option<&Expr>) -> Option<What> {
    match evaluate(guard?, names) {
        Ok(Value::Bool(true)) => None,
        Ok(Value::Bool(false)) => Some(What::StepSkipped { because: SkipCause::Guard }),
        Ok(_) => Some(fail(FailureClass::Expression, "`when` needs a bool".into())),
        Err(error) => Some(fail(FailureClass::Expression, error.to_string())),
    }
}

/// `ensure` holds where its condition is true; `fail` where it is false.
fn check(names: &Names<'_>, condition: Option<&Expr>, message: &Expr, wanted: bool) -> What {
    let value = condition.map_or(Ok(Value::Bool(!wanted)), |condition| evaluate(condition, names));
    match value {
        Ok(Value::Bool(condition)) if condition == wanted => What::ValueComputed { condition },
        Ok(Value::Bool(_)) => fail(FailureClass::Rule, message_of(names, message)),
        Ok(_) => fail(FailureClass::Expression, "a condition must be a bool".into()),
        Err(error) => fail(FailureClass::Expression, error.to_string()),
    }
}

pub(super) fn message_of(names: &Names<'_>, message: &Expr) -> String {
    match evaluate(message, names) {
        Ok(Value::String(text)) => text,
        Ok(_) => "the message is not a string".into(),
        Err(error) => format!("the message could not be made: {error}"),
    }
}

impl State {
    /// The body an undo sees under the step's name.
    pub(super) fn effect_value(&self, path: &Path) -> Option<Value> {
        match self.nodes.get(path) {
            Some(Progress::Done(value)) => Some(value.clone()),
            _ => self.ill_typed.get(path).cloned(),
        }
    }
}

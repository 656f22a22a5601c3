//! `reconcile`: whether an effect of unknown outcome happened is read back.

use super::Engine;
use super::apply::{Applied, illegal};
use super::decide::Environment;
use super::event::{Event, FailureClass, Found, OutcomeKind, What};
use super::path::{Path, Role};
use super::request;
use super::state::{CallPhase, Calling, Failure, Names, Progress, State};
use crate::base::Timestamp;
use crate::expr::evaluate;
use crate::types::Value;

impl Engine<'_> {
    /// An outcome that is not known: it is read back where the flow says how and the read can be written.
    pub(super) fn in_doubt(&self, state: &State, path: &Path, outcome: OutcomeKind) -> What {
        let read = path.reconcile();
        let written = self.call(&read).map(|call| request::build(self.plan, state, &read, call, None));
        match written {
            Some(Ok(_)) => What::ReconcileStarted {},
            _ => What::AttemptInDoubt { outcome },
        }
    }

    pub(super) fn start_read(&self, state: &mut State, path: &Path, at: Timestamp) -> Applied {
        let step = path.forward();
        let (Some(call), Role::Reconcile) = (self.call(path), path.role) else {
            return illegal("there is nothing to read back");
        };
        let settled = match state.nodes.get(&step) {
            Some(Progress::Calling(calling)) => {
                calling.unknown
                    && !matches!(calling.phase, CallPhase::Intended | CallPhase::Lost | CallPhase::ReadBack)
            }
            Some(Progress::InDoubt) => state.tried.contains_key(path),
            _ => false,
        };
        if !settled || state.nodes.contains_key(path) {
            return illegal("its outcome is not to be read back");
        }
        let request = request::build(self.plan, state, path, call, None)
            .map_err(|(_, message)| super::Illegal(message))?;
        if let Some(calling) = state.calling_mut(&step) {
            calling.phase = CallPhase::ReadBack;
        }
        state.call_beside(path, request, at);
        Ok(())
    }

    /// A step in doubt whose read settled nothing before a resume: it is read back once more.
    pub(super) fn decide_reread(&self, state: &State) -> Option<Event> {
        let read = state.unsettled_reads().find(|read| !state.nodes.contains_key(read))?;
        Some(Event { path: Some(read), attempt: None, what: What::ReconcileStarted {} })
    }

    /// Whether a resume reads something back that is in doubt, in this run or maybe in one that it called.
    pub fn may_settle(&self, state: &State) -> bool {
        let called =
            |path: &Path| self.sub_flow(path).is_some_and(|(_, callee)| !callee.read_back().is_empty());
        state.unsettled_reads().next().is_some() || state.agenda.doubtful.iter().any(called)
    }

    /// Whether a call at a path may be made again after an answer that was well.
    pub(super) fn reads_again(&self, path: &Path) -> bool {
        self.step(path).is_some_and(|step| match path.role {
            Role::Own => step.poll.is_some(),
            Role::Reconcile => step.reconcile.as_ref().is_some_and(|read| read.absent_after_ms.is_some()),
            Role::Undo => false,
        })
    }

    /// What follows a read: `None` where it found nothing.
    pub(super) fn decide_read(
        &self,
        state: &State,
        environment: &mut dyn Environment,
        path: &Path,
        calling: &Calling,
        value: Option<&Value>,
    ) -> Option<What> {
        let read = self.step(path)?.reconcile.as_ref()?;
        let found = value.map(|value| {
            let own = Some((path.node.as_str(), value));
            evaluate(&read.when, &Names { own, ..state.names(&path.iterations) })
        });
        Some(match (found, read.absent_after_ms) {
            (Some(Ok(Value::Bool(true))), _) => What::Reconciled { found: Found::Effect },
            (None | Some(Ok(Value::Bool(false))), Some(after_ms)) if calling.round < read.rounds() => {
                What::PollScheduled { poll: calling.round + 1, until: environment.now().plus(after_ms) }
            }
            (None | Some(Ok(Value::Bool(false))), Some(_)) => What::Reconciled { found: Found::Nothing },
            _ => What::Reconciled { found: Found::Unknown },
        })
    }

    /// Whether nothing can fail after a step's effect: it has no undo then (P8).
    pub(super) fn is_last(&self, step: &Path) -> bool {
        self.call(&step.undo()).is_none()
    }

    pub(super) fn end_read(&self, state: &mut State, path: &Path, found: Found) -> Applied {
        let step = path.forward();
        let again = matches!(state.nodes.get(&step), Some(Progress::InDoubt));
        let first = state.calling(&step).is_some_and(|calling| matches!(calling.phase, CallPhase::ReadBack));
        if path.role != Role::Reconcile || !(first || again) {
            return illegal("nothing is being read back");
        }
        let operation = || self.call(path).map(|call| call.operation_name()).unwrap_or_default();
        let exhausted =
            |message| Failure { path: Some(step.clone()), class: FailureClass::Exhausted, message };
        let progress = match found {
            Found::Effect => match state.calling(path).map(|calling| calling.phase.clone()) {
                Some(CallPhase::Rounded(value)) => {
                    self.completed(state, &step);
                    // What else there was to do was given up when the doubt arose; an effect without an undo is the last there is.
                    if again && self.is_last(&step) {
                        state.settled();
                    } else if again {
                        let message = format!(
                            "its outcome was not known before the run was resumed; `{}` finds its effect now",
                            operation()
                        );
                        state.fail(exhausted(message));
                    }
                    Progress::Done(value)
                }
                _ => return illegal("nothing was read"),
            },
            Found::Nothing => {
                let message = format!("its outcome was unknown, and `{}` finds no effect of it", operation());
                state.fail(exhausted(message));
                Progress::Failed
            }
            Found::Unknown => {
                state.failing = true;
                state.give_up(path);
                state.nodes.insert(step, Progress::InDoubt);
                return Ok(());
            }
        };
        state.nodes.insert(step, progress);
        state.nodes.insert(path.clone(), Progress::Done(Value::Null));
        Ok(())
    }
}

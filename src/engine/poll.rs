//! `poll`: the same call again until an answer is the one that is waited for.

use super::Engine;
use super::decide::{Environment, fail};
use super::event::{FailureClass, SkipCause, What};
use super::path::Path;
use super::state::{Calling, Names, State};
use crate::expr::{EvalError, evaluate};
use crate::plan::{Poll, Step};
use crate::types::Value;

impl Engine<'_> {
    /// Whether a step that was answered is not done yet: what it waits for is not there, or cannot be told.
    pub(super) fn holds_out(&self, state: &State, path: &Path, value: &Value) -> bool {
        let poll = self.step(path).filter(|_| !path.undo).and_then(|step| step.poll.as_ref());
        poll.is_some_and(|poll| until(state, path, poll, value) != Ok(Value::Bool(true)))
    }

    /// What follows an answer that is not the one waited for.
    pub(super) fn decide_poll(
        &self,
        state: &State,
        environment: &mut dyn Environment,
        path: &Path,
        step: &Step,
        calling: &Calling,
        value: &Value,
    ) -> Option<What> {
        let poll = step.poll.as_ref()?;
        Some(match until(state, path, poll, value) {
            _ if state.failing => What::StepSkipped { because: SkipCause::RunFailing },
            Ok(Value::Bool(_)) if calling.round < poll.at_most => {
                let until = environment.now().plus(poll.every_ms);
                What::PollScheduled { poll: calling.round + 1, until }
            }
            Ok(Value::Bool(_)) => {
                let message = format!("`until` did not hold within `at most {}` polls", poll.at_most);
                fail(FailureClass::Bound, message)
            }
            Ok(_) => fail(FailureClass::Expression, "`until` needs a bool".into()),
            Err(error) => fail(FailureClass::Expression, error.to_string()),
        })
    }
}

/// Whether an answer is the one that is waited for.
fn until(state: &State, path: &Path, poll: &Poll, value: &Value) -> Result<Value, EvalError> {
    let own = Some((path.node.as_str(), value));
    evaluate(&poll.until, &Names { own, ..state.names(&path.iterations) })
}

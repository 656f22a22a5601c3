//! `poll` and `pages`: the same call again until an answer is the one that is waited for, or the last page.

use super::Engine;
use super::apply::{Applied, illegal};
use super::decide::{Environment, fail};
use super::event::{FailureClass, SkipCause, What};
use super::path::{Path, Role};
use super::request;
use super::state::{CallPhase, Calling, Names, State};
use super::told::Request;
use crate::base::Timestamp;
use crate::expr::{EvalError, evaluate};
use crate::plan::{Pages, Poll, Step, ranges};
use crate::types::Value;

/// What an answer means for a call that may be made again.
pub(super) enum Round {
    /// It was the last: what the step is.
    Last(Value),
    /// Another one follows, or it cannot be told: the answer.
    Another(Value),
}

/// What a page says.
struct Page {
    items: Vec<Value>,
    /// Where the next one begins.
    next: Option<Value>,
}

impl Engine<'_> {
    /// Whether a step that was answered is done.
    pub(super) fn round(&self, state: &State, path: &Path, value: Value) -> Round {
        // Whether what was read back is the effect is to be decided on.
        if path.role == Role::Reconcile {
            return Round::Another(value);
        }
        let step = self.step(path).filter(|_| path.is_own());
        let (poll, pages) =
            (step.and_then(|step| step.poll.as_ref()), step.and_then(|step| step.pages.as_ref()));
        if let Some(poll) = poll {
            return match until(state, path, poll, &value) {
                Ok(Value::Bool(true)) => Round::Last(value),
                _ => Round::Another(value),
            };
        }
        let (Some(pages), Some(calling)) = (pages, state.calling(path)) else { return Round::Last(value) };
        match page(state, path, pages, calling, &value) {
            Ok(Page { items, next: None }) if fits(calling, &items) => {
                Round::Last(Value::List(calling.items.iter().cloned().chain(items).collect()))
            }
            _ => Round::Another(value),
        }
    }

    /// What follows an answer that is not the last.
    pub(super) fn decide_round(
        &self,
        state: &State,
        environment: &mut dyn Environment,
        path: &Path,
        step: &Step,
        calling: &Calling,
        value: &Value,
    ) -> Option<What> {
        if state.failing {
            return Some(What::StepSkipped { because: SkipCause::RunFailing });
        }
        if let Some(poll) = &step.poll {
            return Some(match until(state, path, poll, value) {
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
            });
        }
        let pages = step.pages.as_ref()?;
        Some(match page(state, path, pages, calling, value) {
            Err(error) => fail(FailureClass::Expression, error.to_string()),
            Ok(page) if !fits(calling, &page.items) => {
                fail(FailureClass::Bound, format!("the pages have more than {} items", ranges::ITEMS))
            }
            Ok(_) if calling.round >= pages.at_most => {
                fail(FailureClass::Bound, format!("there is another page after `at most {}`", pages.at_most))
            }
            Ok(page) => match self.page_request(state, path, step, page.next.as_ref()?) {
                Ok(_) => What::PageScheduled { page: calling.round + 1 },
                Err((class, message)) => fail(class, message),
            },
        })
    }

    fn page_request(
        &self,
        state: &State,
        path: &Path,
        step: &Step,
        next: &Value,
    ) -> Result<Request, request::Failure> {
        let names = Names { next, ..state.names(&path.iterations) };
        request::build_seeing(self.plan, state, path, &step.call, &names)
    }

    /// Keeps what a page says, and asks for the next one.
    pub(super) fn turn_page(&self, state: &mut State, path: &Path) -> Applied {
        let step = self.step(path).filter(|_| path.is_own());
        let (Some(step), Some(calling)) = (step, state.calling(path)) else {
            return illegal("it names no call");
        };
        let (Some(pages), CallPhase::Rounded(value)) = (&step.pages, &calling.phase) else {
            return illegal("no page follows here");
        };
        let Ok(Page { items, next: Some(next) }) = page(state, path, pages, calling, value) else {
            return illegal("the page names no next one");
        };
        let request =
            self.page_request(state, path, step, &next).map_err(|(_, message)| super::Illegal(message))?;
        if let Some(calling) = state.calling_mut(path) {
            calling.items.extend(items);
            (calling.next, calling.request) = (next, request);
        }
        Ok(())
    }
}

impl Calling {
    /// Begins another poll, page or read, not before a moment.
    pub(super) fn next_round(&mut self, round: u64, not_before: Timestamp) -> Applied {
        let settled = matches!(self.phase, CallPhase::Rounded(_) | CallPhase::Settled(_));
        if !settled || round != self.round + 1 {
            return illegal("no other poll or page follows here");
        }
        (self.round, self.earlier) = (round, self.attempt);
        (self.first_intended, self.unknown) = (None, false);
        self.attempt += 1;
        self.phase = CallPhase::Verify { not_before };
        Ok(())
    }
}

/// Whether the items of another page are not too many.
fn fits(calling: &Calling, items: &[Value]) -> bool {
    u64::try_from(calling.items.len() + items.len()).is_ok_and(|count| count <= ranges::ITEMS)
}

/// Whether an answer is the one that is waited for.
fn until(state: &State, path: &Path, poll: &Poll, value: &Value) -> Result<Value, EvalError> {
    let own = Some((path.node.as_str(), value));
    evaluate(&poll.until, &Names { own, ..state.names(&path.iterations) })
}

fn page(
    state: &State,
    path: &Path,
    pages: &Pages,
    calling: &Calling,
    value: &Value,
) -> Result<Page, EvalError> {
    let own = Some((path.node.as_str(), value));
    let names = Names { own, next: &calling.next, ..state.names(&path.iterations) };
    let items = match evaluate(&pages.items, &names)? {
        Value::List(items) => items,
        _ => return Err(EvalError::kind("`items` needs a list")),
    };
    let next = evaluate(&pages.next, &names)?;
    Ok(Page { items, next: (!matches!(next, Value::Absent | Value::Null)).then_some(next) })
}

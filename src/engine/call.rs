//! A call under way: what follows a verdict, a permit or an outcome.

use super::breaker::Permit;
use super::decide::{Environment, message_of};
use super::event::*;
use super::outcome::Outcome;
use super::path::{Path, Role};
use super::retry::{THROTTLED_COST, TRANSIENT_COST, ceiling_ms};
use super::state::{CallPhase, Calling, State};
use super::told::SendFailure;
use super::{Engine, request};
use crate::base::Timestamp;
use crate::plan::{Call, Step};

impl Engine<'_> {
    /// A call under way; `step` is `None` for an undo and for what is read back.
    pub(super) fn decide_call(
        &self,
        state: &State,
        environment: &mut dyn Environment,
        path: &Path,
        call: &Call,
        step: Option<&Step>,
        calling: &Calling,
    ) -> Option<Event> {
        // A possible effect must be settled even while the run fails; anything else is given up.
        let must_settle = step.is_none() || (calling.unknown && !call.is_safe());
        let give_up = state.failing && !must_settle;
        let event = |what| {
            Some(match what {
                What::ReconcileStarted {} => Event { path: Some(path.reconcile()), attempt: None, what },
                _ => Event { path: Some(path.clone()), attempt: Some(calling.attempt), what },
            })
        };
        match &calling.phase {
            CallPhase::Verify { .. } | CallPhase::Verified { .. } if give_up => {
                let what = What::StepSkipped { because: SkipCause::RunFailing };
                Some(Event { path: Some(path.clone()), attempt: None, what })
            }
            CallPhase::Verify { .. } | CallPhase::Intended | CallPhase::ReadBack => None,
            // A breaker or a resolver may have held it up beyond its policy's time: no attempt starts then.
            CallPhase::Verified { .. } if is_late(call, calling, environment.now()) => {
                let message = format!(
                    "its policy's time was over before attempt {} of {}",
                    calling.tries(),
                    call.attempts()
                );
                event(self.end_call(state, path, call, step, calling, FailureClass::Exhausted, None, message))
            }
            CallPhase::Verified { half_open: true } => event(intended(calling, "half_open")),
            CallPhase::Verified { half_open: false } => match environment.permit(&call.api, path) {
                Permit::Closed => event(intended(calling, "closed")),
                Permit::Probe(None) => event(intended(calling, "half_open")),
                Permit::Probe(Some(facts)) => event(What::BreakerHalfOpen(facts)),
                Permit::Until(until) => event(What::TimerSet { until, because: None }),
                Permit::Paced(until) => event(What::TimerSet { until, because: Some(TimerCause::Rate) }),
            },
            CallPhase::Rounded(value) if path.role == Role::Reconcile => {
                event(self.decide_read(state, environment, path, calling, Some(value))?)
            }
            CallPhase::Rounded(value) => {
                let what = self.decide_round(state, environment, path, step?, calling, value)?;
                // One that is given up or fails ends the step, not an attempt.
                let another = matches!(what, What::PollScheduled { .. } | What::PageScheduled { .. });
                let attempt = another.then_some(calling.attempt);
                Some(Event { path: Some(path.clone()), attempt, what })
            }
            CallPhase::Refused => {
                let message =
                    "an identity of the handoff was refused; nothing was sent in this attempt".to_owned();
                event(self.end_call(state, path, call, step, calling, FailureClass::Identity, None, message))
            }
            CallPhase::Lost => event(What::AttemptFailed {
                cause: SendFailure::Interrupted,
                outcome: OutcomeKind::Unknown,
                elapsed_ms: 0,
                detail: String::new(),
                signature: None,
            }),
            CallPhase::Settled(outcome) => {
                if !give_up && let Some(what) = self.retry(state, environment, path, call, calling, outcome) {
                    return event(what);
                }
                if path.role == Role::Reconcile {
                    // 404 and 410 say that there is nothing.
                    let absent = matches!(outcome.status, Some(404 | 410));
                    return event(match absent {
                        true => self.decide_read(state, environment, path, calling, None)?,
                        false => What::Reconciled { found: Found::Unknown },
                    });
                }
                event(self.settle_call(state, path, call, step, calling, outcome))
            }
        }
    }

    fn retry(
        &self,
        state: &State,
        environment: &mut dyn Environment,
        path: &Path,
        call: &Call,
        calling: &Calling,
        outcome: &Outcome,
    ) -> Option<What> {
        let policy = call.retry.as_ref()?;
        let resend = match outcome.kind {
            OutcomeKind::NotSent | OutcomeKind::Throttled => true,
            OutcomeKind::Unknown => call.is_resendable(),
            _ => false,
        };
        if !resend || !outcome.transient || calling.tries() >= policy.attempts {
            return None;
        }
        let now = environment.now();
        let ceiling = ceiling_ms(policy, calling.tries() + 1);
        let asked = outcome.retry_after.as_deref().and_then(|text| retry_after_ms(text, now)).unwrap_or(0);
        let latest = [
            policy.within_ms.map(|within| calling.first_intended.unwrap_or(now).plus(within)),
            // An undo and a read are outside the deadline; only a single wait of it is no longer than that.
            Some(if !path.is_own() { now.plus(self.plan.flow.deadline_ms) } else { self.deadline(state) }),
        ];
        // Judged by the ceiling, not by the draw: whether there is a retry must not hang on chance.
        if latest.into_iter().flatten().any(|latest| now.plus(ceiling.max(asked)) > latest) {
            return None;
        }
        let cost = if outcome.kind == OutcomeKind::Throttled { THROTTLED_COST } else { TRANSIENT_COST };
        let budget = environment.take_budget(&call.api, cost)?;
        let delay_ms = environment.draw_delay_ms(ceiling).max(asked);
        Some(What::RetryScheduled {
            delay_ms,
            ceiling_ms: ceiling.max(asked),
            until: now.plus(delay_ms),
            budget,
        })
    }

    /// The last outcome of a call that is not retried.
    fn settle_call(
        &self,
        state: &State,
        path: &Path,
        call: &Call,
        step: Option<&Step>,
        calling: &Calling,
        outcome: &Outcome,
    ) -> What {
        let (class, message) = match outcome.kind {
            OutcomeKind::IllTyped => (FailureClass::IllTyped, outcome.why.clone()),
            OutcomeKind::Redirected => (FailureClass::Redirected, outcome.why.clone()),
            OutcomeKind::Refused => (FailureClass::Refused, outcome.why.clone()),
            _ => (
                FailureClass::Exhausted,
                format!("{} ({} of {} attempts)", outcome.why, calling.tries(), call.attempts()),
            ),
        };
        let doubt = What::AttemptInDoubt { outcome: outcome.kind };
        if outcome.kind == OutcomeKind::IllTyped && !call.is_safe() {
            // The effect happened. It is undone where the undo's arguments evaluate over what came.
            return match step.and_then(|step| step.undo.as_ref()) {
                Some(undo)
                    if request::build(self.plan, state, &path.undo(), undo, outcome.value.as_ref())
                        .is_ok() =>
                {
                    What::StepFailed { class, status: outcome.status, effect: true, message }
                }
                _ => doubt,
            };
        }
        if outcome.kind == OutcomeKind::Redirected && !call.is_safe() {
            return self.in_doubt(state, path, outcome.kind);
        }
        if let Some(what) = step.and_then(|step| on_status(state, path, step, calling, outcome)) {
            return what;
        }
        if step.is_none()
            && calling.unknown
            && let Some(status) = gone(call, outcome)
        {
            return What::UndoDone { status };
        }
        self.end_call(state, path, call, step, calling, class, outcome.status, message)
    }

    #[expect(clippy::too_many_arguments, reason = "what a call is, and what became of it")]
    /// Ends a call without success: in doubt where an effect may have happened, else failed.
    fn end_call(
        &self,
        state: &State,
        path: &Path,
        call: &Call,
        step: Option<&Step>,
        calling: &Calling,
        class: FailureClass,
        status: Option<u16>,
        message: String,
    ) -> What {
        match step {
            _ if path.role == Role::Reconcile => What::Reconciled { found: Found::Unknown },
            // A resendable undo is stuck, and a resume tries it again with its key.
            None if calling.unknown && !call.is_resendable() => {
                What::AttemptInDoubt { outcome: OutcomeKind::Unknown }
            }
            None => What::UndoFailed { class, message },
            Some(_) if calling.unknown && !call.is_safe() => self.in_doubt(state, path, OutcomeKind::Unknown),
            Some(_) => What::StepFailed { class, status, effect: false, message },
        }
    }
}

fn intended(calling: &Calling, breaker: &str) -> What {
    What::AttemptIntended {
        guard: calling.guard,
        breaker: breaker.to_owned(),
        keyed: calling.request.key.is_some(),
        request: Box::new(calling.request.clone()),
    }
}

/// The status by which a `DELETE` says that there is nothing to delete.
fn gone(call: &Call, outcome: &Outcome) -> Option<u16> {
    outcome.status.filter(|status| call.method == "DELETE" && matches!(status, 404 | 410))
}

fn on_status(state: &State, path: &Path, step: &Step, calling: &Calling, outcome: &Outcome) -> Option<What> {
    let message = step.on.get(&outcome.status?)?;
    if calling.unknown && !step.call.is_safe() {
        return None;
    }
    let message = message_of(&state.names(&path.iterations), message);
    Some(What::StepFailed { class: FailureClass::Rule, status: outcome.status, effect: false, message })
}

/// `Retry-After` as milliseconds from now: seconds, or an HTTP date (RFC 9110 section 10.2.3).
fn retry_after_ms(text: &str, now: Timestamp) -> Option<u64> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let moment = httpdate::parse_http_date(text.trim()).ok()?;
    let since_epoch = moment.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since_epoch.as_millis()).ok()?).since(now))
}

/// Whether a retry comes later than its policy's `within`.
fn is_late(call: &Call, calling: &Calling, now: Timestamp) -> bool {
    let within = call.retry.as_ref().and_then(|retry| retry.within_ms);
    match (within, calling.first_intended) {
        (Some(within), Some(first)) => now > first.plus(within),
        _ => false,
    }
}

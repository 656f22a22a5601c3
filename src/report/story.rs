//! What a run's events tell a person, one line each.

use crate::audit::Record;
use crate::ecz::{Decision, Observation};
use crate::engine::{
    Check, Event, Found, Judged, OutcomeKind, PauseCause, Role, SendFailure, SkipCause, Status, TimerCause,
    What,
};

use super::shown::harmless_line;

/// What earlier events say of the call of an event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Whether it only reads: what became of it leaves no effect in doubt.
    pub(crate) reads: bool,
    /// Which of its polls or pages it is at, in words, from the second on.
    pub(crate) round: Option<String>,
}

/// The line of an event; `None` for what only moves the live display.
pub(crate) fn line(record: &Record, event: &Event, known: &Known) -> Option<String> {
    let node = record.node.as_deref().unwrap_or("run");
    let told = told(record, event, known)?;
    Some(harmless_line(&format!("{node}: {told}")))
}

/// `attempt 3`, or `attempt 3, of poll 2`: attempts are counted through all polls and pages of a step.
pub(crate) fn attempt(record: &Record, event: &Event, known: &Known) -> String {
    let attempt = event.attempt.or(record.attempt).unwrap_or(1);
    match &known.round {
        Some(round) => format!("attempt {attempt}, of {round}"),
        None => format!("attempt {attempt}"),
    }
}

fn told(record: &Record, event: &Event, known: &Known) -> Option<String> {
    let (reads, attempt) = (known.reads, attempt(record, event, known));
    let operation = record.operation.as_deref().unwrap_or("call");
    Some(match &event.what {
        What::RunStarted(opening) => {
            format!("{} of `{}`, environment `{}`", record.run, opening.flow, opening.environment)
        }
        What::RunResumed { after } => format!("{} resumed after {after}", record.run),
        What::RunPaused { because } => match because {
            PauseCause::Asked => "paused".to_owned(),
            PauseCause::Stuck => "stuck: an undo failed".to_owned(),
            PauseCause::InDoubt => "in doubt: what became of a step is not known".to_owned(),
        },
        What::RunFinished { status: Status::Succeeded, .. } => "succeeded".to_owned(),
        What::RunFinished { status: Status::Failed, .. } => "failed; what has an undo is undone".to_owned(),
        What::HandoffVerified { checks, observations } => checks_told(checks, observations, "goes"),
        What::HandoffRefused { checks, observations } => checks_told(checks, observations, "refused"),
        What::HandoffUnverified { no_passport, .. } => {
            format!("handoff goes unverified: {operation} has no passport, because {no_passport}")
        }
        What::AttemptIntended { .. } => return None,
        What::AttemptAnswered { status, outcome, elapsed_ms, .. } => {
            let meaning = match outcome {
                OutcomeKind::Done => "",
                OutcomeKind::Unknown if reads => "",
                OutcomeKind::IllTyped => ", which does not fit the document",
                OutcomeKind::NotSent => ", not sent",
                OutcomeKind::Redirected => ", a redirect, which is never followed",
                OutcomeKind::Refused => ", refused",
                OutcomeKind::Throttled => ", throttled",
                OutcomeKind::Unknown => ", its effect is not known",
            };
            format!("{operation}, {attempt}: {status} after {elapsed_ms} ms{meaning}")
        }
        What::AttemptFailed { cause, elapsed_ms, detail, .. } => {
            let cause = match cause {
                SendFailure::Resolve => "the name did not resolve",
                SendFailure::Connect => "no connection",
                SendFailure::Tls => "TLS failed",
                SendFailure::Address => "the address is not allowed",
                SendFailure::Unprocessed => "not taken by the callee",
                SendFailure::Token => "no access token",
                SendFailure::Local => "not sent",
                SendFailure::TimedOut => "timed out",
                SendFailure::Reset => "the connection broke",
                SendFailure::Interrupted => "interrupted",
            };
            let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
            format!("{operation}, {attempt}: {cause} after {elapsed_ms} ms{detail}")
        }
        What::AttemptInDoubt { .. } => format!("{operation}: whether it had an effect is not known"),
        What::RetryScheduled { delay_ms, .. } => format!("again in {delay_ms} ms"),
        What::PollScheduled { until, .. }
            if event.path.as_ref().is_some_and(|path| path.role == Role::Reconcile) =>
        {
            format!("not found; read again not before {until}")
        }
        What::PollScheduled { poll, until } => format!("poll {poll} not before {until}"),
        What::PageScheduled { page } => format!("page {page}"),
        What::ReconcileStarted {} => "whether it had an effect is read back".to_owned(),
        What::Reconciled { found } => match found {
            Found::Effect => "read back: it had its effect".to_owned(),
            Found::Nothing => "read back: it had no effect".to_owned(),
            Found::Unknown => "read back: whether it had an effect is still not known".to_owned(),
        },
        What::BreakerOpened(facts) => format!(
            "breaker of `{}` opened: {} of {} calls failed, {} slow",
            facts.api, facts.failures, facts.calls, facts.slow
        ),
        What::BreakerHalfOpen(facts) => format!("breaker of `{}` lets a probe through", facts.api),
        What::BreakerClosed(facts) => format!("breaker of `{}` closed", facts.api),
        What::TimerSet { until, .. } if event.attempt.is_none() => format!("waits until {until}"),
        What::TimerSet { until, because: Some(TimerCause::Rate) } => {
            format!("waits for the rate until {until}")
        }
        What::TimerSet { until, because: None } => format!("waits for the breaker until {until}"),
        What::TimerFired { .. } if event.path.is_some() => "the wait is over".to_owned(),
        What::TimerFired { .. } => "the deadline passed".to_owned(),
        What::ValueComputed { .. } => return None,
        What::StepSkipped { because: SkipCause::Guard } => "skipped".to_owned(),
        What::StepSkipped { because: SkipCause::RunFailing } => "not begun, the run is failing".to_owned(),
        What::StepFailed { message, .. } => format!("failed: {message}"),
        // The child run's own first and last lines say the same.
        What::FlowStarted { .. } | What::FlowReported { .. } => return None,
        What::LoopStarted { length: 1 } => "1 item".to_owned(),
        What::LoopStarted { length } => format!("{length} items"),
        What::LoopFinished { .. } => return None,
        What::UndoStarted {} => "taking back".to_owned(),
        What::UndoDone { status } => {
            format!("taken back: {status} says that nothing is left, after an attempt of unknown outcome")
        }
        What::UndoFailed { message, .. } => format!("undo failed: {message}"),
    })
}

/// The checks that decided: every one that is not a plain go, else the callee's own.
fn checks_told(checks: &[Check], observations: &[Judged], word: &str) -> String {
    let told = |(index, check): (usize, &Check)| {
        check_told(check, observations.get(index).map(|judged| &judged.observation))
    };
    let all = || checks.iter().enumerate();
    let decisive: Vec<String> = all().filter(|(_, check)| check.decision != Decision::Go).map(told).collect();
    let shown = if decisive.is_empty() { all().take(1).map(told).collect() } else { decisive };
    format!("handoff {word}: {}", shown.join("; "))
}

/// A state is projected; what is no state says why there is none.
fn check_told(check: &Check, observation: Option<&Observation>) -> String {
    let id = &check.ecz_id;
    match observation {
        Some(Observation::NotFound) => format!("the resolver has no record of {id}"),
        Some(Observation::NoEndpoint) => format!("no endpoint of the resolver for the kind of {id}"),
        Some(Observation::Unavailable(why)) => format!("the resolver is unavailable for {id} ({why})"),
        Some(Observation::Malformed(why)) => format!("the resolver's answer is malformed for {id} ({why})"),
        Some(Observation::Projected(_)) | None => format!("the resolver projects {} for {id}", check.state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Commitments, Kind, RECORD_FORMAT, Salt};
    use crate::base::Timestamp;
    use crate::ecz::Asked;
    use crate::engine::{Answer, AnswerBody, FailureClass};
    use std::collections::BTreeMap;

    fn record(kind: Kind) -> Record {
        Record {
            v: RECORD_FORMAT.into(),
            run: "r1".into(),
            seq: 3,
            prev: None,
            time: Timestamp(0),
            kind,
            salt: Salt([0; 16]),
            node: Some("refund".into()),
            operation: Some("payments.createRefund".into()),
            attempt: Some(2),
            previous_attempt: None,
            identities: None,
            decision: serde_json::Map::new(),
            commitments: Commitments::new(),
        }
    }

    fn event(what: What) -> Event {
        Event { path: None, attempt: Some(2), what }
    }

    #[test]
    fn events_are_told_in_one_harmless_line() {
        let failed = What::StepFailed {
            class: FailureClass::Rule,
            status: None,
            effect: false,
            message: "no\u{1b}[2J\nticket".into(),
        };
        assert_eq!(
            line(&record(Kind::StepFailed), &event(failed), &Known::default()).unwrap(),
            "refund: failed: no?[2J ticket"
        );
        let lost = What::AttemptFailed {
            cause: SendFailure::TimedOut,
            outcome: OutcomeKind::Unknown,
            elapsed_ms: 30_000,
            detail: String::new(),
            signature: None,
        };
        assert_eq!(
            line(&record(Kind::AttemptFailed), &event(lost), &Known::default()).unwrap(),
            "refund: payments.createRefund, attempt 2: timed out after 30000 ms"
        );
        let broken = What::AttemptAnswered {
            status: 500,
            outcome: OutcomeKind::Unknown,
            elapsed_ms: 3,
            answer: Box::new(Answer {
                status: 500,
                content_type: None,
                headers: BTreeMap::new(),
                body: AnswerBody::Empty,
            }),
            signature: None,
        };
        let reads = Known { reads: true, round: None };
        let (record_, event_) = (record(Kind::AttemptAnswered), event(broken));
        let told = "refund: payments.createRefund, attempt 2: 500 after 3 ms";
        assert_eq!(line(&record_, &event_, &reads).unwrap(), told);
        assert_eq!(
            line(&record_, &event_, &Known::default()).unwrap(),
            format!("{told}, its effect is not known")
        );
        let polled = Known { reads: true, round: Some("poll 2".into()) };
        assert_eq!(
            line(&record_, &event_, &polled).unwrap(),
            "refund: payments.createRefund, attempt 2, of poll 2: 500 after 3 ms"
        );
        assert_eq!(
            line(
                &record(Kind::ValueComputed),
                &event(What::ValueComputed { condition: true }),
                &Known::default()
            ),
            None
        );
    }

    #[test]
    fn a_refusal_names_what_decided() {
        let check = |id: &str, state: &str, decision| Check {
            ecz_id: id.parse().unwrap(),
            state: state.into(),
            decision,
            observed: Timestamp(0),
            age_ms: 0,
            reused: false,
            answer_digest: None,
        };
        let checks = vec![
            check("ECZ-GB-A1B2C3::API-000001", "REVOKED", Decision::Stop),
            check("ECZ-GB-A1B2C3", "BOUND", Decision::Go),
        ];
        let what = What::HandoffRefused { checks, observations: vec![] };
        assert_eq!(
            line(&record(Kind::HandoffRefused), &event(what), &Known::default()).unwrap(),
            "refund: handoff refused: the resolver projects REVOKED for ECZ-GB-A1B2C3::API-000001"
        );
        let refused = |observation: Observation| {
            let checks = vec![check("ECZ-GB-A1B2C3", "unavailable", Decision::Stop)];
            let asked = Asked {
                ecz_id: "ECZ-GB-A1B2C3".parse().unwrap(),
                origin: None,
                region: None,
                spec_hash: None,
                canonical_hash: None,
                operations: vec![],
            };
            let what = What::HandoffRefused { checks, observations: vec![Judged { asked, observation }] };
            line(&record(Kind::HandoffRefused), &event(what), &Known::default()).unwrap()
        };
        assert_eq!(
            refused(Observation::Unavailable("TLS failed".into())),
            "refund: handoff refused: the resolver is unavailable for ECZ-GB-A1B2C3 (TLS failed)"
        );
        assert_eq!(
            refused(Observation::NoEndpoint),
            "refund: handoff refused: no endpoint of the resolver for the kind of ECZ-GB-A1B2C3"
        );
    }
}

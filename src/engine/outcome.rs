//! What one attempt's outcome means: the outcome table, to the letter.

use super::event::OutcomeKind;
use super::told::{Answer, AnswerBody, SendFailure};
use crate::base::decode_base64;
use crate::plan::AnswerUse;
use crate::types::{Contract, Misfit, Value};

/// A judged attempt.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The row of the table.
    pub kind: OutcomeKind,
    /// HTTP status, where an answer came.
    pub status: Option<u16>,
    /// What the flow uses of the answer beside its body, where an effect happened or a read was done.
    pub beside: Option<Beside>,
    /// The typed body where it is done, or refused in a way that the flow matches; the untyped one where an effect happened with an ill-typed answer.
    pub value: Option<Value>,
    /// Why, in words for the user.
    pub why: String,
    /// Whether another attempt may follow, were the call resendable.
    pub transient: bool,
    /// The `Retry-After` of the answer.
    pub retry_after: Option<String>,
}

/// What a flow uses of an answer beside its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// The status, an int.
    pub status: Value,
    /// The used headers, a record.
    pub headers: Value,
}

/// Judges an answer against the operation's contract, and the headers that the flow uses against theirs.
pub fn judge_answer(contract: &Contract, used: Option<&AnswerUse>, answer: &Answer) -> Outcome {
    let status = answer.status;
    let outcome = |kind, why: String| Outcome {
        kind,
        status: Some(status),
        beside: None,
        value: None,
        why,
        transient: matches!(kind, OutcomeKind::Throttled | OutcomeKind::Unknown),
        retry_after: answer.headers.get("retry-after").cloned(),
    };
    let decoded = || {
        let content_type = answer.content_type.as_deref();
        match &answer.body {
            AnswerBody::Json(body) => contract.decode_json(status, content_type, body),
            AnswerBody::Empty => contract.decode_response(status, content_type, &[]),
            AnswerBody::Bytes(text) => {
                contract.decode_response(status, content_type, &decode_base64(text).unwrap_or_default())
            }
            AnswerBody::TooLarge(limit) => {
                Err(Misfit::whole(format!("it has more than {limit} bytes [ER3031]")))
            }
            AnswerBody::Unreadable(reason) => Err(Misfit::whole(format!("it {reason} [ER3032]"))),
        }
    };
    match status {
        200..=299 => {
            let names = used.map(|used| used.headers.as_slice()).unwrap_or_default();
            let headers = contract.decode_headers(status, names, &answer.headers);
            let beside = used.map(|_| Beside {
                status: Value::Int(status.into()),
                // What an undo sees of an answer that does not fit.
                headers: headers.clone().unwrap_or_else(|_| Value::Record(Default::default())),
            });
            match decoded().and_then(|value| headers.map(|_| value)) {
                Ok(value) => {
                    Outcome { value: Some(value), beside, ..outcome(OutcomeKind::Done, String::new()) }
                }
                Err(misfit) => {
                    let value = match &answer.body {
                        AnswerBody::Json(body) => Value::natural(body).ok(),
                        _ => Some(Value::Null),
                    };
                    let why = format!("its answer {status} does not fit its document: {misfit}");
                    Outcome { value, beside, ..outcome(OutcomeKind::IllTyped, why) }
                }
            }
        }
        307 | 308 => {
            outcome(OutcomeKind::Refused, format!("it redirected ({status}); redirects are never followed"))
        }
        300..=399 => outcome(
            OutcomeKind::Redirected,
            format!("it redirected ({status}); redirects are never followed"),
        ),
        429 => outcome(OutcomeKind::Throttled, "it answered 429: too many requests".into()),
        408 | 425 => outcome(OutcomeKind::Unknown, format!("it answered {status}")),
        400..=499 => {
            let refused = outcome(OutcomeKind::Refused, format!("it refused with {status}"));
            if !used.is_some_and(|used| used.refusals.contains(&status)) {
                return refused;
            }
            let absent = Beside { status: Value::Absent, headers: Value::Absent };
            match decoded() {
                Ok(value) => Outcome { value: Some(value), beside: Some(absent), ..refused },
                Err(misfit) => {
                    let why = format!("its answer {status} does not fit its document: {misfit}");
                    Outcome { why, ..refused }
                }
            }
        }
        500..=599 => outcome(OutcomeKind::Unknown, format!("it answered {status}")),
        // 1xx never arrives as an answer; anything else is no HTTP status: what happened cannot be known.
        _ => outcome(OutcomeKind::Unknown, format!("it answered with the unheard-of status {status}")),
    }
}

/// Judges the absence of an answer; `detail` is what the transport says of it.
pub fn judge_failure(cause: SendFailure, detail: &str) -> Outcome {
    let words = match cause {
        SendFailure::Resolve => "its name did not resolve",
        SendFailure::Connect => "no connection could be made",
        SendFailure::Tls => "TLS failed",
        SendFailure::Address => "its address is not allowed",
        SendFailure::Unprocessed => "the callee took nothing of the request",
        SendFailure::Token => "no access token could be had",
        SendFailure::Local => "the request could not be made",
        SendFailure::TimedOut => "it did not answer in time",
        SendFailure::Reset => "the connection broke before the answer was complete",
        SendFailure::Interrupted => "the process ended before the outcome was recorded",
    };
    Outcome {
        kind: if cause.not_sent() { OutcomeKind::NotSent } else { OutcomeKind::Unknown },
        status: None,
        beside: None,
        value: None,
        why: if detail.is_empty() { words.to_owned() } else { format!("{words}: {detail}") },
        // A certificate, a forbidden address or a missing key does not mend itself between two attempts.
        transient: !matches!(cause, SendFailure::Tls | SendFailure::Address | SendFailure::Local),
        retry_after: None,
    }
}

/// Whether a breaker counts the attempt, and as what: `None` leaves it out, `Some(failed)` reports it.
pub fn counts_for_breaker(kind: OutcomeKind, status: Option<u16>) -> Option<bool> {
    match (kind, status) {
        (OutcomeKind::NotSent, _) | (OutcomeKind::Unknown, None | Some(500..)) => Some(true),
        (OutcomeKind::Done, _) => Some(false),
        // The callee answered: it is up. Refusals are the caller's affair.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transport_failures_are_told_apart_by_what_left() {
        use OutcomeKind::{NotSent, Unknown};
        for (cause, kind, transient) in [
            (SendFailure::Resolve, NotSent, true),
            (SendFailure::Connect, NotSent, true),
            (SendFailure::Tls, NotSent, false),
            (SendFailure::Address, NotSent, false),
            (SendFailure::Unprocessed, NotSent, true),
            (SendFailure::Token, NotSent, true),
            (SendFailure::Local, NotSent, false),
            (SendFailure::TimedOut, Unknown, true),
            (SendFailure::Reset, Unknown, true),
            (SendFailure::Interrupted, Unknown, true),
        ] {
            let outcome = judge_failure(cause, "");
            assert_eq!((outcome.kind, outcome.transient), (kind, transient), "{cause:?}");
        }
    }

    #[test]
    fn four_hundreds_never_reach_a_breaker() {
        assert_eq!(counts_for_breaker(OutcomeKind::Refused, Some(404)), None);
        assert_eq!(counts_for_breaker(OutcomeKind::Throttled, Some(429)), None);
        assert_eq!(counts_for_breaker(OutcomeKind::Unknown, Some(408)), None);
        assert_eq!(counts_for_breaker(OutcomeKind::Unknown, Some(503)), Some(true));
        assert_eq!(counts_for_breaker(OutcomeKind::Unknown, None), Some(true));
        assert_eq!(counts_for_breaker(OutcomeKind::Done, Some(200)), Some(false));
    }
}

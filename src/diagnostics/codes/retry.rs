//! EF5: retry, breaker, time (P7)

use crate::diagnostics::Code;

/// A retry that could repeat an effect.
pub static UNSAFE_RETRY: Code = Code::error("EF5001", "unsafe-retry");
/// A key that nothing says the counterparty honours.
pub static KEY_WITHOUT_FACT: Code = Code::error("EF5002", "key-without-fact");
/// A retry policy or breaker without all its parts.
pub static INCOMPLETE_POLICY: Code = Code::error("EF5003", "incomplete-policy");
/// A bound outside what makes sense.
pub static OUT_OF_RANGE: Code = Code::error("EF5004", "out-of-range");
/// A key inside a loop that every iteration shares.
pub static SHARED_KEY: Code = Code::error("EF5005", "shared-key");
/// A deadline shorter than one attempt of each call on the longest path.
pub static DEADLINE_TOO_SHORT: Code = Code::warning("EF5006", "deadline-too-short");
/// A key that is another in each run.
pub static UNSTABLE_KEY: Code = Code::error("EF5007", "unstable-key");
/// A key that two different things share.
pub static AMBIGUOUS_KEY: Code = Code::error("EF5008", "ambiguous-key");
/// A poll, or pages, of a call that has an effect.
pub static POLLED_EFFECT: Code = Code::error("EF5015", "polled-effect");
/// A signal that could be waited for without end.
pub static SIGNAL_WITHOUT_BOUND: Code = Code::error("EF5020", "signal-without-bound");
/// A `reconcile` that has an effect itself.
pub static RECONCILING_EFFECT: Code = Code::error("EF5016", "reconciling-effect");
/// A `reconcile` of a call that only reads.
pub static NEEDLESS_RECONCILE: Code = Code::error("EF5017", "needless-reconcile");
/// A `reconcile` that reads nothing of what its own step did.
pub static BLIND_RECONCILE: Code = Code::warning("EF5018", "blind-reconcile");
/// A rate that does not let go of all requests within the deadline.
pub static RATE_OUTLASTS_DEADLINE: Code = Code::error("EF5021", "rate-outlasts-deadline");
/// Apis of one counterparty that do not state the same limits.
pub static LIMITS_DIFFER: Code = Code::error("EF5022", "limits-differ");

/// A header for keys that the runtime sets to something else.
pub static RESERVED_HEADER: Code = Code::error("EF5030", "reserved-header");
/// Something taken for granted without a reason.
pub static ASSUMED_WITHOUT_REASON: Code = Code::error("EF5031", "assumed-without-reason");
/// A key that the header which carries it does not take.
pub static UNFIT_KEY: Code = Code::error("EF5032", "unfit-key");
/// A statement of a counterparty that cannot be read as one.
pub static UNREADABLE_STATEMENT: Code = Code::error("EF5040", "unreadable-statement");
/// A statement without a pin.
pub static STATEMENT_NOT_PINNED: Code = Code::error("EF5041", "statement-not-pinned");
/// A statement that is another one than was pinned.
pub static STATEMENT_CHANGED: Code = Code::error("EF5042", "statement-changed");
/// A statement of somebody else, or of something else.
pub static STATEMENT_MISMATCH: Code = Code::error("EF5043", "statement-mismatch");
/// A statement whose signature does not verify.
pub static STATEMENT_SIGNATURE: Code = Code::error("EF5044", "statement-signature");

/// This family.
pub const ALL: &[&Code] = &[
    &UNSAFE_RETRY,
    &KEY_WITHOUT_FACT,
    &INCOMPLETE_POLICY,
    &OUT_OF_RANGE,
    &SHARED_KEY,
    &DEADLINE_TOO_SHORT,
    &UNSTABLE_KEY,
    &AMBIGUOUS_KEY,
    &POLLED_EFFECT,
    &RECONCILING_EFFECT,
    &NEEDLESS_RECONCILE,
    &BLIND_RECONCILE,
    &SIGNAL_WITHOUT_BOUND,
    &RATE_OUTLASTS_DEADLINE,
    &LIMITS_DIFFER,
    &RESERVED_HEADER,
    &ASSUMED_WITHOUT_REASON,
    &UNFIT_KEY,
    &UNREADABLE_STATEMENT,
    &STATEMENT_NOT_PINNED,
    &STATEMENT_CHANGED,
    &STATEMENT_MISMATCH,
    &STATEMENT_SIGNATURE,
];

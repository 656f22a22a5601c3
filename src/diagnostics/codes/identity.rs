//! EF4: identity, handoffs and pins (P4, P5)

use crate::diagnostics::Code;

/// A call without a handoff policy of four resolved parts.
pub static NO_HANDOFF_POLICY: Code = Code::error("EF4001", "no-handoff-policy");
/// Evidence that the edge cannot reach.
pub static UNREACHABLE_EVIDENCE: Code = Code::error("EF4002", "unreachable-evidence");
/// A handoff policy weaker than the one it replaces.
pub static WEAKER_HANDOFF: Code = Code::error("EF4003", "weaker-handoff");
/// A handoff policy below what the document hints at.
pub static BELOW_HINT: Code = Code::warning("EF4004", "below-hint");
/// No Agent Credential to present.
pub static NO_AGENT: Code = Code::error("EF4005", "no-agent");
/// An ECZ-ID that is malformed, a placeholder or of the wrong kind.
pub static BAD_ECZ_ID: Code = Code::error("EF4006", "bad-ecz-id");
/// Identity fields that contradict each other.
pub static INCONSISTENT_IDENTITY: Code = Code::error("EF4007", "inconsistent-identity");
/// A document without its pin.
pub static MISSING_PIN: Code = Code::error("EF4008", "missing-pin");
/// A used operation that is not what was pinned.
pub static USED_SLICE_CHANGED: Code = Code::error("EF4009", "used-slice-changed");
/// A pin of another version of the document, whose used operations are equal.
pub static STALE_PIN: Code = Code::warning("EF4010", "stale-pin");
/// A lock that is missing or does not match the pins.
pub static LOCK_MISMATCH: Code = Code::error("EF4011", "lock-mismatch");
/// An `x-ecz-id` that is not what was pinned.
pub static IDENTITY_CHANGED: Code = Code::error("EF4014", "identity-changed");
/// A server outside the authorised origin and its aliases.
pub static ORIGIN_NOT_AUTHORISED: Code = Code::error("EF4012", "origin-not-authorised");
/// An identity in an `api` block that is not whole.
pub static INCOMPLETE_IDENTITY: Code = Code::error("EF4015", "incomplete-identity");
/// An identity in an `api` block that is not the document's.
pub static IDENTITY_DISAGREES: Code = Code::error("EF4016", "identity-disagrees");
/// A passport, and `no passport` beside it.
pub static PASSPORT_AND_NONE: Code = Code::error("EF4017", "passport-and-none");
/// A policy that verifies, where there is no passport to verify.
pub static NOTHING_TO_VERIFY: Code = Code::error("EF4018", "nothing-to-verify");
/// A server that the document does not have, or none to choose.
pub static NO_SERVER: Code = Code::error("EF4019", "no-server");
/// A `weaken` that weakens nothing.
pub static NEEDLESS_WEAKEN: Code = Code::warning("EF4020", "needless-weaken");
/// A signal that does not say from whom it comes.
pub static SIGNAL_WITHOUT_SENDER: Code = Code::error("EF4030", "signal-without-sender");
/// A sub-flow that another operator runs.
pub static FOREIGN_SUB_FLOW: Code = Code::error("EF4031", "foreign-sub-flow");

/// This family.
pub const ALL: &[&Code] = &[
    &NO_HANDOFF_POLICY,
    &UNREACHABLE_EVIDENCE,
    &WEAKER_HANDOFF,
    &BELOW_HINT,
    &NO_AGENT,
    &BAD_ECZ_ID,
    &INCONSISTENT_IDENTITY,
    &MISSING_PIN,
    &USED_SLICE_CHANGED,
    &STALE_PIN,
    &LOCK_MISMATCH,
    &ORIGIN_NOT_AUTHORISED,
    &IDENTITY_CHANGED,
    &INCOMPLETE_IDENTITY,
    &IDENTITY_DISAGREES,
    &PASSPORT_AND_NONE,
    &NOTHING_TO_VERIFY,
    &NO_SERVER,
    &NEEDLESS_WEAKEN,
    &SIGNAL_WITHOUT_SENDER,
    &FOREIGN_SUB_FLOW,
];

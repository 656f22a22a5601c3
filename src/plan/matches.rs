//! `match`: which arms can ever be taken, and which ways a step can end have none. Said once, for checker and plan.

use std::collections::BTreeSet;

use crate::documents::{OperationView, StatusRange};
use crate::types::Contract;

/// Whether an answer of this status says that nothing happened and that asking again is of no use: a `match` may take it as
/// an ordinary end of its step.
pub fn is_refusal(status: u16) -> bool {
    matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429)
}

/// Whether an operation documents a status that is no success. `default` stands for statuses nobody thought of: to act on
/// one, it must be documented.
pub fn is_documented(view: &OperationView, status: u16) -> bool {
    view.response(status).is_some_and(|response| response.status != StatusRange::Default)
}

/// Why an arm can never be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArmFault {
    /// An answer of this status is neither a success nor a refusal: it never ends a step in an ordinary way.
    NoEnd,
    /// The operation does not document it.
    Undocumented,
    /// `on STATUS fail` ends the run first.
    Fails,
}

/// Why an arm for a status can never be taken; `None` where it can. `fails` are the statuses of `on STATUS fail`.
pub fn arm_fault(contract: &Contract, fails: &BTreeSet<u16>, status: u16) -> Option<ArmFault> {
    let success = matches!(status, 200..=299);
    if !success && !is_refusal(status) {
        return Some(ArmFault::NoEnd);
    }
    // `default` stands for refusals nobody thought of: to act on one, it must be documented.
    let documented =
        contract.response(status).is_some_and(|known| success || known.status != StatusRange::Default);
    if !documented {
        return Some(ArmFault::Undocumented);
    }
    fails.contains(&status).then_some(ArmFault::Fails)
}

/// The ways a step can end that no arm is for, as a document writes them. `refusals` are those that any `match` over the
/// step has an arm for.
pub fn unmatched(contract: &Contract, refusals: &BTreeSet<u16>, arms: &BTreeSet<u16>) -> Vec<String> {
    let open = |range: &StatusRange| match range {
        StatusRange::Exact(status) => !arms.contains(status),
        _ => true,
    };
    let successes = contract.successes().map(|response| response.status).filter(open);
    let refused = refusals.difference(arms).map(ToString::to_string);
    successes.map(|status| status.to_string()).chain(refused).collect()
}

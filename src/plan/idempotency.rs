//! The fact by which a call that may have left is sent again. Said once, for checker and plan.

use super::model::Idempotency;
use super::party::Auth;
use crate::types::{Contract, IDEMPOTENCY_KEY, is_runtime_header};

/// The fact that holds for a call: a safe one needs none, and what the operation documents goes before what is assumed of
/// its api.
pub fn idempotency(safe: bool, contract: &Contract, assumed: Option<&Idempotency>) -> Option<Idempotency> {
    if safe {
        return None;
    }
    let documented = contract.idempotency_header.clone();
    documented.map(|header| Idempotency::Documented { header }).or_else(|| assumed.cloned())
}

/// Whether a credential of an api goes into a header.
pub fn carries_credential(auth: &[Auth], header: &str) -> bool {
    auth.iter().any(|auth| {
        matches!(auth, Auth::ApiKey { location, name, .. } if location == "header" && name.eq_ignore_ascii_case(header))
    })
}

/// Whether the runtime sets a header itself, to something that is no key.
pub fn is_reserved(header: &str) -> bool {
    is_runtime_header(header) && !header.eq_ignore_ascii_case(IDEMPOTENCY_KEY)
}

//! Canonical JSON (RFC 8785): the only text that is ever hashed or signed.

use serde::Serialize;

/// A value that has no canonical JSON text: a number that is not finite, or a map whose keys are not strings.
#[derive(Debug, thiserror::Error)]
#[error("this value has no canonical JSON form: {0}")]
pub struct CanonicalError(#[from] serde_json::Error);

/// The RFC 8785 text of a value. Numbers are written as doubles: integers beyond 2^53 must not reach it.
pub fn canonical_json<T: Serialize>(value: &T) -> Result<String, CanonicalError> {
    Ok(serde_json_canonicalizer::to_string(value)?)
}

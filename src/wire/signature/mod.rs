//! Signed requests: RFC 9421 over RFC 9530 Content-Digest with Ed25519, the profile `eczflow-handoff-1`.
//! Specified for others in docs/formats/handoff.md.

mod base;
mod error;
mod sign;
mod verify;

pub use base::{ALGORITHM, LABEL, LIFETIME_SECONDS, MAX_LIFETIME_SECONDS, SKEW_SECONDS, TAG, Target};
pub use error::SignatureError;
pub use sign::{Message, SignedHeaders, content_digest, sign};
pub use verify::{Received, Verified, verify};

#[cfg(test)]
mod tests;

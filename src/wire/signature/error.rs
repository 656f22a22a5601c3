//! Why a signed request is refused.

use crate::base::{Explained, SigningError};

/// A signature that could not be made, or a signed request that a verifier refuses.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// A field that must be there is not.
    #[error("the request has no `{0}` field")]
    Missing(&'static str),
    /// A field that may stand once stands more often.
    #[error("the field `{0}` stands there more than once")]
    Repeated(String),
    /// A field that is no structured field of the form that is due.
    #[error("the field `{0}` is malformed: {1}")]
    Malformed(&'static str, &'static str),
    /// A covered value that holds control characters or is not ASCII.
    #[error("`{0}` holds a character that cannot be signed")]
    Value(String),
    /// The covered components are not those of the profile.
    #[error("the signature covers `{covered}`; this request needs `{needed}`")]
    Coverage {
        /// What it covers, in its order.
        covered: String,
        /// What it must cover, in that order.
        needed: String,
    },
    /// A body without a digest.
    #[error("the request has a body and no `content-digest` field")]
    NoDigest,
    /// A digest of another body.
    #[error("`content-digest` is not that of the body")]
    Digest,
    /// A parameter that is missing, foreign or of the wrong form.
    #[error("the signature parameter `{0}` {1}")]
    Parameter(String, &'static str),
    /// The time for it is over.
    #[error("the signature has expired")]
    Expired,
    /// Made in the verifier's future.
    #[error("the signature was made in the future")]
    NotYet,
    /// No key of that thumbprint.
    #[error("the signing key `{0}` is not known")]
    UnknownKey(String),
    /// The signature is not by that key over this request.
    #[error("the signature does not hold for this request")]
    Invalid,
    /// The signer failed.
    #[error(transparent)]
    Signer(#[from] SigningError),
}

impl Explained for SignatureError {
    fn code(&self) -> &'static str {
        match self {
            SignatureError::Missing(_)
            | SignatureError::Repeated(_)
            | SignatureError::Malformed(..)
            | SignatureError::Value(_)
            | SignatureError::Parameter(..) => "ER6010",
            SignatureError::Coverage { .. } | SignatureError::NoDigest => "ER6011",
            SignatureError::Expired | SignatureError::NotYet => "ER6012",
            SignatureError::UnknownKey(_) => "ER6013",
            SignatureError::Digest | SignatureError::Invalid => "ER6014",
            SignatureError::Signer(_) => "ER6015",
        }
    }

    fn help(&self) -> Option<String> {
        Some(
            match self {
                SignatureError::Coverage { .. } | SignatureError::NoDigest => {
                    "what a signature must cover stands in docs/formats/handoff.md"
                }
                SignatureError::Expired | SignatureError::NotYet => {
                    "compare the clocks of both machines; a retry needs a signature of its own"
                }
                SignatureError::UnknownKey(_) => "the key must stand in the key set of the agent's manifest",
                SignatureError::Digest | SignatureError::Invalid => {
                    "something between the two sides changed the request, or the signer used another key"
                }
                SignatureError::Signer(_) => "look at the `[agent]` entry in eczflow.toml",
                _ => "the form of a signed request stands in docs/formats/handoff.md",
            }
            .to_owned(),
        )
    }
}

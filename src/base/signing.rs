//! Ed25519 behind one trait, so that keys may live in files or in external signers.

use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::{Digest, Random, decode_base64url, encode_base64url};

/// A signer that could not sign, or a key that could not be read. Never carries key material.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// Not a PKCS #8 PEM Ed25519 private key.
    #[error("this is not an Ed25519 private key in PKCS #8 PEM form")]
    UnreadableKey,
    /// An external signer failed.
    #[error("the signer failed: {0}")]
    Signer(String),
}

/// Makes Ed25519 signatures.
pub trait Signer: Send + Sync {
    /// The key others verify with.
    fn public_key(&self) -> PublicKey;

    /// Signs a message.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError>;
}

/// An Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// A key from its 32 bytes; `None` where they are no point of the curve.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<PublicKey> {
        VerifyingKey::from_bytes(&bytes).ok().map(|_| PublicKey(bytes))
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The JWK member `x`: base64url without padding.
    pub fn jwk_x(&self) -> String {
        encode_base64url(&self.0)
    }

    /// Reads the JWK member `x`.
    pub fn from_jwk_x(x: &str) -> Option<PublicKey> {
        PublicKey::from_bytes(decode_base64url(x)?.try_into().ok()?)
    }

    /// The RFC 7638 thumbprint of the key's JWK (RFC 8037 appendix A.3), base64url.
    pub fn thumbprint(&self) -> String {
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.jwk_x());
        encode_base64url(&Digest::of(jwk).0)
    }

    /// Whether the signature over the message is by this key; small-order keys and malleable signatures are refused.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

/// An Ed25519 private key held in memory; zeroised when dropped.
pub struct Ed25519Key(SigningKey);

impl Ed25519Key {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Ed25519Key {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(seed.as_mut());
        Ed25519Key(SigningKey::from_bytes(&seed))
    }

    /// Reads PKCS #8 PEM.
    pub fn from_pem(pem: &str) -> Result<Ed25519Key, SigningError> {
        SigningKey::from_pkcs8_pem(pem).map(Ed25519Key).map_err(|_| SigningError::UnreadableKey)
    }

    /// PKCS #8 PEM, to be written to a file of mode 0600 and nowhere else.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SigningError> {
        self.0.to_pkcs8_pem(Default::default()).map_err(|_| SigningError::UnreadableKey)
    }
}

impl std::fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ed25519Key({})", self.public_key().thumbprint())
    }
}

impl Signer for Ed25519Key {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningError> {
        use ed25519_dalek::Signer as _;
        Ok(self.0.sign(message).to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;

    #[test]
    fn keys_sign_verify_and_survive_pem() {
        let key = Ed25519Key::generate(&SeededRandom::new("key"));
        let again = Ed25519Key::from_pem(&key.to_pem().unwrap()).unwrap();
        let signature = again.sign(b"message").unwrap();
        assert!(key.public_key().verifies(b"message", &signature));
        assert!(!key.public_key().verifies(b"massage", &signature));
        assert!(Ed25519Key::from_pem("no key").is_err());
    }

    /// The JWK and its thumbprint of RFC 8037 appendix A.2 and A.3.
    #[test]
    fn thumbprint_is_that_of_rfc_8037() {
        let key = PublicKey::from_jwk_x("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}

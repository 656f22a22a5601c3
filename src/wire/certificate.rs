//! Our side of mutual TLS: a certificate chain and its key.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::base::{Digest, Explained, Timestamp};
use crate::config::Secret;

/// A chain and key that cannot be used. Nothing of them stands in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No chain with a key.
    #[error("the client certificate cannot be used: {0}")]
    Unreadable(&'static str),
    /// The key is not the certificate's.
    #[error("the client certificate and its key do not belong together")]
    Mismatch,
    /// Its time is over.
    #[error("the client certificate expired at {0}")]
    Expired(Timestamp),
    /// Its time has not begun.
    #[error("the client certificate is valid only from {0}")]
    NotYet(Timestamp),
}

impl Explained for CertificateError {
    fn code(&self) -> &'static str {
        "ER1022"
    }

    fn help(&self) -> Option<String> {
        Some(
            match self {
                CertificateError::Unreadable(_) => {
                    "the secret must be PEM: the certificate first, then the authorities between it and the root, and an unencrypted private key"
                }
                CertificateError::Mismatch => "put the key that the certificate was made for beside it",
                CertificateError::Expired(_) => "ask the callee for a new one, or take its own if you have it",
                CertificateError::NotYet(_) => "compare this machine's clock",
            }
            .to_owned(),
        )
    }
}

/// A certificate chain with its key: who is calling, in TLS itself.
pub struct ClientCertificate {
    resolver: Arc<SingleCertAndKey>,
    id: Digest,
    from: Timestamp,
    until: Timestamp,
}

impl ClientCertificate {
    /// Reads PEM with a chain and a key, in any order, and holds them against each other.
    pub fn from_pem(pem: &Secret) -> Result<ClientCertificate, CertificateError> {
        let unreadable = |words| move |_| CertificateError::Unreadable(words);
        let bytes = pem.expose().as_bytes();
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(bytes)
            .collect::<Result<_, _>>()
            .map_err(unreadable("it is not PEM"))?;
        let first = chain.first().ok_or(CertificateError::Unreadable("it holds no certificate"))?;
        let (from, until) =
            validity(first).ok_or(CertificateError::Unreadable("its certificate cannot be read"))?;
        let id = Digest::of(first);
        let key = PrivateKeyDer::from_pem_slice(bytes)
            .map_err(|_| CertificateError::Unreadable("it holds no unencrypted private key"))?;
        let provider = rustls::crypto::ring::default_provider();
        let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::Mismatch,
            _ => CertificateError::Unreadable("its key or certificate is of a kind that is not supported"),
        })?;
        Ok(ClientCertificate { resolver: Arc::new(SingleCertAndKey::from(pair)), id, from, until })
    }

    /// Whether it holds at a moment.
    pub fn check(&self, now: Timestamp) -> Result<(), CertificateError> {
        if now > self.until {
            return Err(CertificateError::Expired(self.until));
        }
        if now < self.from {
            return Err(CertificateError::NotYet(self.from));
        }
        Ok(())
    }

    /// SHA-256 of the certificate: what connections made with it are kept under.
    pub(super) fn id(&self) -> Digest {
        self.id
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::clone(&self.resolver)
    }
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientCertificate(…)")
    }
}

/// `notBefore` and `notAfter` of a certificate (RFC 5280 section 4.1).
fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    const SEQUENCE: u8 = 0x30;
    let mut outer = certificate;
    let mut signed = expect(&mut outer, SEQUENCE)?;
    let mut fields = expect(&mut signed, SEQUENCE)?;
    let version_or_serial = element(&mut fields)?;
    if version_or_serial.0 == 0xA0 {
        expect(&mut fields, 0x02)?;
    }
    // Signature algorithm and issuer.
    expect(&mut fields, SEQUENCE)?;
    expect(&mut fields, SEQUENCE)?;
    let mut times = expect(&mut fields, SEQUENCE)?;
    Some((time(element(&mut times)?)?, time(element(&mut times)?)?))
}

/// The next DER element: tag and contents.
fn element<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (tag, rest) = input.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let digits;
        (digits, rest) = rest.split_at_checked(length & 0x7F)?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        length = digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    }
    let (contents, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some((*tag, contents))
}

fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    element(input).filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
}

/// UTCTime or GeneralizedTime, in the only form RFC 5280 allows: with seconds and `Z`.
fn time((tag, contents): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(contents).ok()?;
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (century, digits) = match (tag, digits.len()) {
        // Two digits below 50 are of this century (section 4.1.2.5.1).
        (0x17, 12) => (if digits < "50" { "20" } else { "19" }, digits),
        (0x18, 14) => digits.split_at_checked(2)?,
        _ => return None,
    };
    let part = |at: usize| digits.get(at..at + 2);
    let (year, month, day, hour, minute, second) =
        (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, part(10)?);
    format!("{century}{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn pem(from: (i32, u8, u8), until: (i32, u8, u8), key: &KeyPair, other: &KeyPair) -> Secret {
        let mut params = CertificateParams::new(vec!["acme".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        Secret::new(format!("{}{}", other.serialize_pem(), params.self_signed(key).unwrap().pem()))
    }

    #[test]
    fn a_chain_is_held_against_its_key_and_the_time() {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let read = ClientCertificate::from_pem(&pem((1999, 1, 2), (2049, 12, 31), &key, &key)).unwrap();
        let at = |text: &str| read.check(text.parse().unwrap());
        at("2026-11-20T00:00:00Z").unwrap();
        at("1999-01-02T00:00:00Z").unwrap();
        assert!(matches!(at("1999-01-01T23:59:59Z"), Err(CertificateError::NotYet(_))));
        let expired = at("2050-01-01T00:00:00Z").unwrap_err();
        assert_eq!(expired.to_string(), "the client certificate expired at 2049-12-31T00:00:00.000Z");
        let read = ClientCertificate::from_pem(&pem((2050, 1, 2), (2150, 1, 2), &key, &key)).unwrap();
        assert_eq!(read.until, "2150-01-02T00:00:00Z".parse().unwrap());
        let error = ClientCertificate::from_pem(&pem((2020, 1, 1), (2030, 1, 1), &key, &other)).unwrap_err();
        assert_eq!(error, CertificateError::Mismatch);
        for text in [String::new(), key.serialize_pem(), "-----BEGIN CERTIFICATE-----\nAA\n".into()] {
            let error = ClientCertificate::from_pem(&Secret::new(text)).unwrap_err();
            assert!(matches!(error, CertificateError::Unreadable(_)), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_validity_or_none(bytes: Vec<u8>, cut in 0..400_usize) {
            let _ = validity(&bytes);
            let key = KeyPair::generate().unwrap();
            let der = CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
            let _ = validity(der.der().get(..cut).unwrap_or_default());
        }
    }
}

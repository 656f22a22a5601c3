//! Making signatures.

use sfv::{BareItem, Dictionary, FieldType as _, InnerList, Item, Key, ListEntry, Parameters};

use super::SignatureError;
use super::base::{ALGORITHM, Component, LABEL, LIFETIME_SECONDS, TAG, Target, signature_base};
use crate::base::{Digest, Signer, Timestamp};

/// A request that is to be signed.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Method, authority, path and query.
    pub target: Target,
    /// `Content-Type`, where sent.
    pub content_type: Option<&'a str>,
    /// The idempotency header under its declared name, and its value, where sent.
    pub idempotency: Option<(&'a str, &'a str)>,
    /// `ECZ-Handoff`, where sent.
    pub handoff: Option<&'a str>,
    /// The body; empty where none is sent.
    pub body: &'a [u8],
}

/// The fields that make a request a signed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `Content-Digest`; `None` without a body.
    pub content_digest: Option<String>,
    /// `Signature-Input`.
    pub signature_input: String,
    /// `Signature`.
    pub signature: String,
    /// The text that was signed: kept as evidence.
    pub base: String,
    /// The nonce, as given.
    pub nonce: String,
    /// The thumbprint of the key.
    pub keyid: String,
}

impl SignedHeaders {
    /// The fields to be sent, with lower-case names.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let digest = self.content_digest.clone().map(|value| ("content-digest".to_owned(), value));
        digest.into_iter().chain([
            ("signature-input".to_owned(), self.signature_input.clone()),
            ("signature".to_owned(), self.signature.clone()),
        ])
    }
}

/// The `Content-Digest` of a body (RFC 9530): SHA-256 only.
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", crate::base::encode_base64(&Digest::of(body).0))
}

/// Signs a request. `created` is now; `nonce` is fresh for every attempt (16 random bytes in base64url).
pub fn sign(
    message: &Message<'_>,
    signer: &dyn Signer,
    created: Timestamp,
    nonce: &str,
) -> Result<SignedHeaders, SignatureError> {
    let digest = (!message.body.is_empty()).then(|| content_digest(message.body));
    let mut components = message.target.components();
    let mut cover = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            components.push(Component::new(&name.to_ascii_lowercase(), value.trim()));
        }
    };
    cover("content-type", message.content_type);
    cover("content-digest", digest.as_deref());
    if let Some((name, value)) = message.idempotency {
        cover(name, Some(value));
    }
    cover("ecz-handoff", message.handoff);

    let keyid = signer.public_key().thumbprint();
    let list = parameters(&components, created.seconds(), nonce, &keyid)?;
    let signature_input = dictionary(ListEntry::InnerList(list))?;
    let written =
        signature_input.strip_prefix(LABEL).and_then(|rest| rest.strip_prefix('=')).unwrap_or_default();
    let base = signature_base(&components, written)?;
    let bytes = signer.sign(base.as_bytes())?;
    let signature = dictionary(ListEntry::Item(Item::new(BareItem::ByteSequence(bytes.to_vec()))))?;
    Ok(SignedHeaders {
        content_digest: digest,
        signature_input,
        signature,
        base,
        nonce: nonce.to_owned(),
        keyid,
    })
}

fn parameters(
    components: &[Component],
    created: i64,
    nonce: &str,
    keyid: &str,
) -> Result<InnerList, SignatureError> {
    let text = |value: &str| {
        sfv::String::from_string(value.to_owned())
            .map(BareItem::String)
            .map_err(|_| SignatureError::Value("@signature-params".into()))
    };
    let time = |seconds: i64| {
        sfv::Integer::try_from(seconds)
            .map(BareItem::Integer)
            .map_err(|_| SignatureError::Value("@signature-params".into()))
    };
    let item = |component: &Component| -> Result<Item, SignatureError> {
        let mut parameters = Parameters::new();
        if let Some(parameter) = &component.parameter {
            parameters.insert(key("name")?, text(parameter)?);
        }
        Ok(Item::with_params(text(&component.name)?, parameters))
    };
    let items = components.iter().map(item).collect::<Result<_, _>>()?;
    let mut parameters = Parameters::new();
    for (name, value) in [
        ("created", time(created)?),
        ("expires", time(created.saturating_add(LIFETIME_SECONDS))?),
        ("nonce", text(nonce)?),
        ("keyid", text(keyid)?),
        ("alg", text(ALGORITHM)?),
        ("tag", text(TAG)?),
    ] {
        parameters.insert(key(name)?, value);
    }
    Ok(InnerList::with_params(items, parameters))
}

fn dictionary(entry: ListEntry) -> Result<String, SignatureError> {
    let mut dictionary = Dictionary::new();
    dictionary.insert(key(LABEL)?, entry);
    dictionary.serialize().ok_or(SignatureError::Malformed("signature-input", "it is empty"))
}

fn key(name: &str) -> Result<Key, SignatureError> {
    Key::from_string(name.to_owned()).map_err(|_| SignatureError::Value(name.to_owned()))
}

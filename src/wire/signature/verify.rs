//! Checking signatures, strictly: the covered components must be exactly those that the profile asks for this request.

use sfv::{BareItem, Dictionary, FieldType as _, InnerList, ListEntry, Parameters, Parser};

use super::SignatureError;
use super::base::{ALGORITHM, Component, MAX_LIFETIME_SECONDS, SKEW_SECONDS, TAG, Target, signature_base};
use crate::base::{Digest, PublicKey, Timestamp};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received<'a> {
    /// Method, authority, path and query.
    pub target: Target,
    /// All fields as they came, in their order; names in any case.
    pub headers: &'a [(String, String)],
    /// The whole body.
    pub body: &'a [u8],
    /// The name of the operation's idempotency header where it declares one. `Idempotency-Key` always counts.
    pub idempotency_header: Option<&'a str>,
}

/// What a signature that holds says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Thumbprint of the key.
    pub keyid: String,
    /// The nonce: the verifier stores it until `expires` and refuses to see it again.
    pub nonce: String,
    /// When it was made, seconds since 1970.
    pub created: i64,
    /// Until when it holds, seconds since 1970.
    pub expires: i64,
    /// The text that was signed.
    pub base: String,
    /// `ECZ-Handoff` as signed, where sent.
    pub handoff: Option<String>,
    /// The idempotency header's value as signed, where sent.
    pub idempotency: Option<String>,
}

/// Verifies a request. `key` finds a public key by its RFC 7638 thumbprint. Replay is the caller's to refuse.
pub fn verify(
    received: &Received<'_>,
    key: &dyn Fn(&str) -> Option<PublicKey>,
    now: Timestamp,
) -> Result<Verified, SignatureError> {
    let mut components = received.target.components();
    if let Some(value) = received.field("content-type")? {
        components.push(Component::new("content-type", value));
    }
    match received.field("content-digest")? {
        Some(value) => {
            digest_fits(&value, received.body)?;
            components.push(Component::new("content-digest", value));
        }
        None if !received.body.is_empty() => return Err(SignatureError::NoDigest),
        None => {}
    }
    let mut names = vec!["idempotency-key".to_owned()];
    names.extend(received.idempotency_header.map(str::to_ascii_lowercase));
    names.dedup();
    let mut idempotency = None;
    for name in names {
        if let Some(value) = received.field(&name)? {
            idempotency = Some(value.clone());
            components.push(Component::new(&name, value));
        }
    }
    let handoff = received.field("ecz-handoff")?;
    if let Some(value) = &handoff {
        components.push(Component::new("ecz-handoff", value.clone()));
    }

    let (label, list, written) = our_signature(received)?;
    let covered = covered(&list)?;
    let needed: Vec<String> = components.iter().map(Component::identifier).collect();
    if covered != needed {
        return Err(SignatureError::Coverage { covered: covered.join(" "), needed: needed.join(" ") });
    }
    let parameters = Checked::of(&list.params)?;
    if parameters.created > now.seconds().saturating_add(SKEW_SECONDS) {
        return Err(SignatureError::NotYet);
    }
    if parameters.expires <= now.seconds() {
        return Err(SignatureError::Expired);
    }
    let base = signature_base(&components, &written)?;
    let signature = signature(received, &label)?;
    let public =
        key(&parameters.keyid).ok_or_else(|| SignatureError::UnknownKey(parameters.keyid.clone()))?;
    if public.thumbprint() != parameters.keyid || !public.verifies(base.as_bytes(), &signature) {
        return Err(SignatureError::Invalid);
    }
    let Checked { keyid, nonce, created, expires } = parameters;
    Ok(Verified { keyid, nonce, created, expires, base, handoff, idempotency })
}

impl Received<'_> {
    /// The value of a field that may stand once.
    fn field(&self, name: &str) -> Result<Option<String>, SignatureError> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = values.next().map(|(_, value)| value.trim().to_owned());
        match values.next() {
            Some(_) => Err(SignatureError::Repeated(name.to_owned())),
            None => Ok(first),
        }
    }

    fn dictionary(&self, name: &'static str) -> Result<Dictionary, SignatureError> {
        let value = self.field(name)?.ok_or(SignatureError::Missing(name))?;
        let dictionary: Dictionary = Parser::new(value.as_str())
            .parse()
            .map_err(|_| SignatureError::Malformed(name, "it is no dictionary"))?;
        // Parsers take the last of two equal keys; the canonical text has room for one only.
        if dictionary.serialize().as_deref() != Some(value.as_str()) {
            return Err(SignatureError::Malformed(name, "it is not in canonical form"));
        }
        Ok(dictionary)
    }
}

/// The one signature with our tag: its label, its list, and the list as written. Other signatures are left alone.
fn our_signature(received: &Received<'_>) -> Result<(String, InnerList, String), SignatureError> {
    const NAME: &str = "signature-input";
    let mut ours = received.dictionary(NAME)?.into_iter().filter(|(_, entry)| match entry {
        ListEntry::InnerList(list) => text(&list.params, "tag").is_ok_and(|tag| tag == TAG),
        ListEntry::Item(_) => false,
    });
    let Some((label, entry)) = ours.next() else {
        return Err(SignatureError::Malformed(NAME, "no signature has the tag `eczflow-handoff-1`"));
    };
    if ours.next().is_some() {
        return Err(SignatureError::Malformed(NAME, "two signatures have the tag `eczflow-handoff-1`"));
    }
    let ListEntry::InnerList(list) = entry else {
        return Err(SignatureError::Malformed(NAME, "it covers no list"));
    };
    let written = vec![ListEntry::InnerList(list.clone())].serialize().unwrap_or_default();
    Ok((label.as_str().to_owned(), list, written))
}

fn signature(received: &Received<'_>, label: &str) -> Result<[u8; 64], SignatureError> {
    let dictionary = received.dictionary("signature")?;
    let entry = dictionary.iter().find(|(key, _)| key.as_str() == label).map(|(_, entry)| entry);
    let bytes = match entry {
        Some(ListEntry::Item(item)) if item.params.is_empty() => item.bare_item.as_byte_sequence(),
        _ => None,
    };
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(SignatureError::Malformed("signature", "it has no 64 bytes under the label"))
}

/// The identifiers of the covered components, in their order.
fn covered(list: &InnerList) -> Result<Vec<String>, SignatureError> {
    let malformed = |words| SignatureError::Malformed("signature-input", words);
    let identifier = |item: &sfv::Item| {
        let name = item.bare_item.as_string().ok_or(malformed("a component is no string"))?.as_str();
        let mut component = Component::new(name, "");
        if !item.params.is_empty() {
            if name != "@query-param" || item.params.len() != 1 {
                return Err(malformed("a component has parameters"));
            }
            component.parameter = Some(text(&item.params, "name")?);
        }
        Ok(component.identifier())
    };
    list.items.iter().map(identifier).collect()
}

fn digest_fits(value: &str, body: &[u8]) -> Result<(), SignatureError> {
    const NAME: &str = "content-digest";
    let dictionary: Dictionary =
        Parser::new(value).parse().map_err(|_| SignatureError::Malformed(NAME, "it is no dictionary"))?;
    let found = dictionary.iter().find(|(key, _)| key.as_str() == "sha-256").map(|(_, entry)| entry);
    let Some(ListEntry::Item(item)) = found else {
        return Err(SignatureError::Malformed(NAME, "it has no `sha-256`"));
    };
    if item.bare_item.as_byte_sequence() == Some(Digest::of(body).0.as_slice()) {
        Ok(())
    } else {
        Err(SignatureError::Digest)
    }
}

struct Checked {
    keyid: String,
    nonce: String,
    created: i64,
    expires: i64,
}

impl Checked {
    fn of(parameters: &Parameters) -> Result<Checked, SignatureError> {
        let refuse = |name: &str, why| Err(SignatureError::Parameter(name.to_owned(), why));
        for name in parameters.keys() {
            if !["created", "expires", "nonce", "keyid", "alg", "tag"].contains(&name.as_str()) {
                return refuse(name.as_str(), "is not one of the profile");
            }
        }
        let (created, expires) = (seconds(parameters, "created")?, seconds(parameters, "expires")?);
        if !(1..=MAX_LIFETIME_SECONDS).contains(&expires.saturating_sub(created)) {
            return refuse("expires", "must be 1 to 300 seconds after `created`");
        }
        let nonce = text(parameters, "nonce")?;
        if !(16..=64).contains(&nonce.len()) {
            return refuse("nonce", "must have 16 to 64 characters");
        }
        if text(parameters, "alg")? != ALGORITHM {
            return refuse("alg", "must be `ed25519`");
        }
        Ok(Checked { keyid: text(parameters, "keyid")?, nonce, created, expires })
    }
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a BareItem, SignatureError> {
    parameters
        .iter()
        .find(|(key, _)| key.as_str() == name)
        .map(|(_, value)| value)
        .ok_or_else(|| SignatureError::Parameter(name.to_owned(), "is missing"))
}

fn text(parameters: &Parameters, name: &str) -> Result<String, SignatureError> {
    let value = parameter(parameters, name)?.as_string();
    value
        .map(|value| value.as_str().to_owned())
        .ok_or_else(|| SignatureError::Parameter(name.to_owned(), "must be a string"))
}

fn seconds(parameters: &Parameters, name: &str) -> Result<i64, SignatureError> {
    let value = parameter(parameters, name)?.as_integer();
    value.map(i64::from).ok_or_else(|| SignatureError::Parameter(name.to_owned(), "must be an integer"))
}

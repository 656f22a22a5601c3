//! The trust context: `ECZ-Handoff` and `traceparent`, and the identifiers that differ for every counterparty.
//! Specified for others in docs/formats/handoff.md.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sfv::{BareItem, Dictionary, FieldType as _, Key, ListEntry, Parser};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::{Digest, Explained, encode_base64url, encode_hex};
use crate::ecz::EczId;
use crate::plan::https_origin;

/// The profile's name: the first member of every context.
pub const PROFILE: &str = "eczflow-handoff-1";
/// The field's name, lower case.
pub const FIELD: &str = "ecz-handoff";
/// The longest field that is read, bytes.
const FIELD_BYTES: usize = 4096;

/// What one request says about the handoff it is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustContext {
    /// Parent ECZ-ID of the calling operator.
    pub operator: EczId,
    /// Agent Credential that signs the request.
    pub agent: EczId,
    /// Whom the request is meant for.
    pub audience: Audience,
    /// The run as this counterparty knows it.
    pub run: String,
    /// The call within the run: 1 to 128 of `A-Z a-z 0-9 . _ -`; the same for every attempt.
    pub handoff: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Leaf hash of the committed record of this attempt's intent in the caller's audit log.
    pub leaf: Digest,
    /// W3C trace id, 32 lower-case hex digits.
    pub trace: String,
    /// Digest of the context that the caller's own run was called with.
    pub parent: Option<Digest>,
}

/// Whom a request is meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// An API Passport.
    Passport(EczId),
    /// The https origin of a party without a passport: `https://host[:port]`.
    Origin(String),
}

impl Audience {
    /// Reads what [`Audience::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Audience> {
        match text.parse() {
            Ok(id) => Some(Audience::Passport(id)),
            Err(_) => {
                (https_origin(text).as_deref() == Some(text)).then(|| Audience::Origin(text.to_owned()))
            }
        }
    }

    /// The ID, or the origin.
    pub fn as_str(&self) -> &str {
        match self {
            Audience::Passport(id) => id.as_str(),
            Audience::Origin(origin) => origin,
        }
    }
}

/// A field that is no trust context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`ecz-handoff` is malformed: {0}")]
pub struct HandoffError(String);

impl Explained for HandoffError {
    fn code(&self) -> &'static str {
        "ER6016"
    }

    fn help(&self) -> Option<String> {
        Some("the form of the field stands in docs/formats/handoff.md".into())
    }
}

impl TrustContext {
    /// The field's value.
    pub fn to_field(&self) -> Result<String, HandoffError> {
        let value = self.render()?;
        // What we send is what we would accept.
        TrustContext::parse(&value)?;
        Ok(value)
    }

    fn render(&self) -> Result<String, HandoffError> {
        let mut dictionary = Dictionary::new();
        let attempt = i64::from(self.attempt);
        let members = [
            ("profile", text(PROFILE)?),
            ("operator", text(self.operator.as_str())?),
            ("agent", text(self.agent.as_str())?),
            ("audience", text(self.audience.as_str())?),
            ("run", text(&self.run)?),
            ("handoff", text(&self.handoff)?),
            ("attempt", BareItem::Integer(sfv::Integer::try_from(attempt).map_err(|_| fault("`attempt`"))?)),
            ("leaf", BareItem::ByteSequence(self.leaf.0.to_vec())),
            ("trace", text(&self.trace)?),
        ];
        let parent = self.parent.map(|digest| ("parent", BareItem::ByteSequence(digest.0.to_vec())));
        for (name, item) in members.into_iter().chain(parent) {
            let key = Key::from_string(name.to_owned()).map_err(|_| fault(name))?;
            dictionary.insert(key, ListEntry::Item(sfv::Item::new(item)));
        }
        dictionary.serialize().ok_or_else(|| fault("it is empty"))
    }

    /// Reads a field's value: exactly the members of the profile, in canonical form.
    pub fn parse(value: &str) -> Result<TrustContext, HandoffError> {
        if value.len() > FIELD_BYTES {
            return Err(fault("it is longer than 4096 bytes"));
        }
        let dictionary: Dictionary = Parser::new(value).parse().map_err(|_| fault("it is no dictionary"))?;
        let mut members = Members(dictionary);
        if members.text("profile")? != PROFILE {
            return Err(fault("its profile is not `eczflow-handoff-1`"));
        }
        let context = TrustContext {
            operator: members.id("operator")?,
            agent: members.id("agent")?,
            audience: Audience::parse(&members.text("audience")?)
                .ok_or_else(|| fault("`audience` is neither an ECZ-ID nor an https origin"))?,
            run: members.text("run")?,
            handoff: members.text("handoff")?,
            attempt: members.attempt()?,
            leaf: members.digest("leaf")?.ok_or_else(|| fault("`leaf` is missing"))?,
            trace: members.text("trace")?,
            parent: members.digest("parent")?,
        };
        if let Some((name, _)) = members.0.first() {
            return Err(HandoffError(format!("`{}` is not a member of the profile", name.as_str())));
        }
        if context.agent.parent() != context.operator || context.operator.child_code().is_some() {
            return Err(fault("`agent` is not a child of `operator`"));
        }
        if context.agent.child_code() != Some("AGENT") {
            return Err(fault("`agent` is no Agent Credential"));
        }
        if !token(&context.run) || !token(&context.handoff) {
            return Err(fault("`run` and `handoff` must be 1 to 128 of `A-Z a-z 0-9 . _ -`"));
        }
        if !is_hex(&context.trace, 32) {
            return Err(fault("`trace` must be 32 lower-case hex digits, not all 0"));
        }
        // One text for one context: no member twice, no other order, no spelling of its own.
        if context.render()? != value {
            return Err(fault("it is not in canonical form"));
        }
        Ok(context)
    }

    /// `traceparent` (W3C Trace Context, version 00, sampled), with a parent id of this attempt's own.
    pub fn traceparent(&self) -> String {
        let attempt = self.attempt.to_string();
        let span =
            Digest::of_parts(&[self.run.as_bytes(), b"/", self.handoff.as_bytes(), b"/", attempt.as_bytes()]);
        format!("00-{}-{}-01", self.trace, not_zero(span.hex().chars().take(16).collect()))
    }
}

fn fault(words: &str) -> HandoffError {
    HandoffError(words.to_owned())
}

fn text(value: &str) -> Result<BareItem, HandoffError> {
    let text = sfv::String::from_string(value.to_owned());
    text.map(BareItem::String).map_err(|_| fault("a member is not visible ASCII"))
}

fn token(value: &str) -> bool {
    (1..=128).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_hex(value: &str, length: usize) -> bool {
    value.len() == length
        && value.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        && value.bytes().any(|byte| byte != b'0')
}

/// W3C Trace Context forbids ids of zeros only.
fn not_zero(hex: String) -> String {
    if hex.bytes().all(|byte| byte == b'0') { format!("{}1", hex.get(1..).unwrap_or_default()) } else { hex }
}

struct Members(Dictionary);

impl Members {
    fn take(&mut self, name: &str) -> Result<Option<BareItem>, HandoffError> {
        let Some(at) = self.0.keys().position(|key| key.as_str() == name) else { return Ok(None) };
        match self.0.shift_remove_index(at) {
            Some((_, ListEntry::Item(item))) if item.params.is_empty() => Ok(Some(item.bare_item)),
            _ => Err(HandoffError(format!("`{name}` is no plain value"))),
        }
    }

    fn text(&mut self, name: &str) -> Result<String, HandoffError> {
        match self.take(name)? {
            Some(BareItem::String(value)) => Ok(value.as_str().to_owned()),
            Some(_) => Err(HandoffError(format!("`{name}` is no string"))),
            None => Err(HandoffError(format!("`{name}` is missing"))),
        }
    }

    fn id(&mut self, name: &str) -> Result<EczId, HandoffError> {
        self.text(name)?.parse().map_err(|_| HandoffError(format!("`{name}` is no ECZ-ID")))
    }

    fn attempt(&mut self) -> Result<u32, HandoffError> {
        let number = match self.take("attempt")? {
            Some(BareItem::Integer(number)) => u32::try_from(i64::from(number)).ok(),
            _ => None,
        };
        number.filter(|number| *number > 0).ok_or_else(|| fault("`attempt` must be an integer from 1"))
    }

    fn digest(&mut self, name: &str) -> Result<Option<Digest>, HandoffError> {
        match self.take(name)? {
            None => Ok(None),
            Some(BareItem::ByteSequence(bytes)) => bytes
                .try_into()
                .map(|bytes| Some(Digest(bytes)))
                .map_err(|_| HandoffError(format!("`{name}` must have 32 bytes"))),
            Some(_) => Err(HandoffError(format!("`{name}` is no byte sequence"))),
        }
    }
}

/// The secret of one run, from which the identifiers that counterparties see are made, so that two of them cannot join
/// their logs.
pub struct RunSecret(Zeroizing<[u8; 32]>);

impl RunSecret {
    /// Takes the run's 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> RunSecret {
        RunSecret(Zeroizing::new(bytes))
    }

    /// The run's id for a counterparty: base64url of HMAC-SHA256(secret, "run" || audience).
    pub fn run_id(&self, audience: &Audience) -> String {
        encode_base64url(&self.mac(&[b"run", audience.as_str().as_bytes()]))
    }

    /// The call's id for a counterparty: the first 16 bytes of HMAC-SHA256(secret, "handoff" || audience || "/" ||
    /// path) in base64url. A path names steps, which are the caller's own business.
    pub fn handoff_id(&self, audience: &Audience, path: &str) -> String {
        let mac = self.mac(&[b"handoff", audience.as_str().as_bytes(), b"/", path.as_bytes()]);
        encode_base64url(mac.get(..16).unwrap_or_default())
    }

    /// The trace id for a counterparty, or the one shared by all where the policy says so: the first 16 bytes of
    /// HMAC-SHA256(secret, "trace" || audience), or of HMAC-SHA256(secret, "trace"), in hex.
    pub fn trace_id(&self, audience: Option<&Audience>) -> String {
        let mac = self.mac(&[b"trace", audience.map_or(b"".as_slice(), |id| id.as_str().as_bytes())]);
        not_zero(encode_hex(mac.get(..16).unwrap_or_default()))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length: 32 bytes cannot be refused.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else { return [0; 32] };
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for RunSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> TrustContext {
        let passport = Audience::parse("ECZ-GB-PAY001::API-000001").unwrap();
        let secret = RunSecret::new([7; 32]);
        TrustContext {
            operator: "ECZ-GB-A1B2C3".parse().unwrap(),
            agent: "ECZ-GB-A1B2C3::AGENT-7QK2M9".parse().unwrap(),
            run: secret.run_id(&passport),
            handoff: secret.handoff_id(&passport, "refund"),
            attempt: 2,
            leaf: Digest::of("leaf"),
            trace: secret.trace_id(Some(&passport)),
            parent: None,
            audience: passport,
        }
    }

    #[test]
    fn a_context_reads_back_and_its_trace_header_is_well_formed() {
        for parent in [None, Some(Digest::of("context"))] {
            let context = TrustContext { parent, ..context() };
            let field = context.to_field().unwrap();
            assert!(
                field.starts_with("profile=\"eczflow-handoff-1\", operator=\"ECZ-GB-A1B2C3\", "),
                "{field}"
            );
            assert_eq!(TrustContext::parse(&field).unwrap(), context);
        }
        let first = context().traceparent();
        let parts: Vec<&str> = first.split('-').collect();
        assert_eq!((parts[0], parts[1].len(), parts[2].len(), parts[3]), ("00", 32, 16, "01"));
        let next = TrustContext { attempt: 3, ..context() }.traceparent();
        assert_eq!(first.split('-').nth(1), next.split('-').nth(1));
        assert_ne!(first, next);
    }

    #[test]
    fn other_fields_are_refused() {
        let good = context().to_field().unwrap();
        let changes = [
            ("", ""),
            ("eczflow-handoff-1", "eczflow-handoff-2"),
            ("A1B2C3::AGENT", "A1B2C4::AGENT"),
            ("A1B2C3::AGENT", "A1B2C3::API"),
            ("operator=\"ECZ-GB-A1B2C3\", ", ""),
            ("attempt=2", "attempt=0"),
            ("attempt=2", "attempt=\"2\""),
            ("attempt=2", "attempt=2;x=1"),
            ("attempt=2", "attempt=2, attempt=2"),
            ("attempt=2", "attempt=2, extra=1"),
            (
                "profile=\"eczflow-handoff-1\", operator=\"ECZ-GB-A1B2C3\"",
                "operator=\"ECZ-GB-A1B2C3\", profile=\"eczflow-handoff-1\"",
            ),
            ("attempt=2, ", "attempt=2,"),
            ("audience=\"ECZ-GB-PAY001::API-000001", "audience=\"https://pay.example/v1"),
            ("leaf=:", "leaf=:AA"),
            ("trace=\"", "trace=\"0"),
            ("run=\"", "run=\" "),
        ];
        for (from, to) in changes {
            let value = if from.is_empty() { String::new() } else { good.replace(from, to) };
            assert_ne!(value, good, "{from}");
            assert!(TrustContext::parse(&value).is_err(), "{value}");
        }
        assert!(TrustContext::parse(&"a".repeat(5000)).is_err());
        let bad = TrustContext { handoff: "two words".into(), ..context() };
        assert!(bad.to_field().is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String, at in 0..300_usize, byte in 0..128_u8) {
            drop(TrustContext::parse(&text));
            let mut field = context().to_field().unwrap().into_bytes();
            let at = at % field.len();
            field[at] = byte;
            if let Ok(read) = TrustContext::parse(std::str::from_utf8(&field).unwrap()) {
                proptest::prop_assert_eq!(read.to_field().unwrap().into_bytes(), field);
            }
        }
    }

    #[test]
    fn counterparties_see_different_identifiers() {
        let secret = RunSecret::new([7; 32]);
        let (a, b) = (
            Audience::parse("ECZ-GB-PAY001::API-000001").unwrap(),
            Audience::parse("https://pay.example").unwrap(),
        );
        assert_ne!(secret.run_id(&a), secret.run_id(&b));
        assert_ne!(secret.trace_id(Some(&a)), secret.trace_id(Some(&b)));
        assert_ne!(secret.trace_id(Some(&a)), secret.trace_id(None));
        assert_ne!(secret.handoff_id(&a, "x"), secret.handoff_id(&a, "y"));
        assert_ne!(secret.run_id(&a), RunSecret::new([8; 32]).run_id(&a));
        // Python: base64.urlsafe_b64encode(hmac.digest(bytes([7]*32), b"runECZ-GB-PAY001::API-000001", "sha256"))
        assert_eq!(secret.run_id(&a), "QpI8lJZL9DdDmFfaurZH453KVwKQDGNhiNuLmHrX02M");
    }
}

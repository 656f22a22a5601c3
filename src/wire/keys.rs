//! What an agent publishes about itself: the manifest at `/.well-known/ecz-agent.json` and the key set it names.
//! Discovery, not proof: the resolver's projection says which origin to look at.

use serde_json::{Value, json};
use url::Url;

use crate::base::{Explained, PublicKey, json};
use crate::ecz::EczId;

pub use crate::trust::MANIFEST_PATH;

/// The most keys a set may hold.
const KEYS: usize = 100;

/// A manifest or key set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The manifest is not one.
    #[error("the agent's manifest is malformed: {0}")]
    Manifest(String),
    /// The manifest is about something else.
    #[error("the agent's manifest does not fit: {0}")]
    Contradiction(&'static str),
    /// The key set is not one.
    #[error("the agent's key set is malformed: {0}")]
    KeySet(String),
}

impl Explained for KeysError {
    fn code(&self) -> &'static str {
        "ER6017"
    }

    fn help(&self) -> Option<String> {
        Some(
            "ask the agent's operator; what both documents must say stands in docs/formats/handoff.md".into(),
        )
    }
}

/// The members of a manifest that matter here (`ecz-agent-json-v1`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentManifest {
    /// Parent ECZ-ID.
    pub operator_ecz_id: EczId,
    /// The Agent Credential.
    pub agent_credential_id: EczId,
    /// The agent's authorised origin.
    pub authorised_origin: String,
    /// Where its keys are.
    pub jwks_url: Url,
    /// The hash the manifest states of itself, where it does: an opaque string.
    pub manifest_hash: Option<String>,
}

impl AgentManifest {
    /// Reads a manifest. Other members are left alone; `parent_ecz_id` and `public_keyset_url` are read as variants.
    pub fn parse(bytes: &[u8]) -> Result<AgentManifest, KeysError> {
        let value = json::read_strict(bytes).map_err(|error| KeysError::Manifest(error.to_string()))?;
        let text = |names: &[&str]| -> Result<Option<String>, KeysError> {
            let found: Vec<&Value> = names.iter().filter_map(|name| value.get(name)).collect();
            match found.as_slice() {
                [] => Ok(None),
                [Value::String(text)] => Ok(Some(text.clone())),
                [Value::String(text), rest @ ..] if rest.iter().all(|other| *other == text) => {
                    Ok(Some(text.clone()))
                }
                _ => Err(KeysError::Manifest(format!("`{}` must be one string", names.join("` or `")))),
            }
        };
        let due = |names: &[&str]| {
            text(names)?.ok_or_else(|| KeysError::Manifest(format!("`{}` is missing", names.join("` or `"))))
        };
        let id = |names: &[&str]| -> Result<EczId, KeysError> {
            due(names)?
                .parse()
                .map_err(|_| KeysError::Manifest(format!("`{}` is no ECZ-ID", names.join("` or `"))))
        };
        let jwks = due(&["jwks_url", "public_keyset_url"])?;
        Ok(AgentManifest {
            operator_ecz_id: id(&["operator_ecz_id", "parent_ecz_id"])?,
            agent_credential_id: id(&["agent_credential_id"])?,
            authorised_origin: due(&["authorised_origin"])?,
            jwks_url: Url::parse(&jwks).map_err(|_| KeysError::Manifest("`jwks_url` is no URL".into()))?,
            manifest_hash: text(&["manifest_hash"])?,
        })
    }

    /// Whether it is the manifest of an agent at the origin that the resolver projects for it.
    pub fn check(&self, agent: &EczId, origin: &str, manifest_hash: Option<&str>) -> Result<(), KeysError> {
        let refuse = |words| Err(KeysError::Contradiction(words));
        if self.agent_credential_id != *agent {
            return refuse("it names another agent");
        }
        if self.operator_ecz_id != agent.parent() {
            return refuse("it names another operator");
        }
        if self.authorised_origin != origin {
            return refuse("it names another origin");
        }
        if self.jwks_url.scheme() != "https" || self.jwks_url.origin().ascii_serialization() != origin {
            return refuse("its key set is not on the authorised origin");
        }
        if manifest_hash.is_some_and(|projected| self.manifest_hash.as_deref() != Some(projected)) {
            return refuse("its hash is not the projected one");
        }
        Ok(())
    }

    /// The manifest's text.
    pub fn to_json(&self) -> String {
        let mut manifest = json!({
            "schema": "ecz-agent-json-v1",
            "operator_ecz_id": self.operator_ecz_id,
            "agent_credential_id": self.agent_credential_id,
            "authorised_origin": self.authorised_origin,
            "jwks_url": self.jwks_url.as_str(),
        });
        if let (Some(hash), Some(members)) = (&self.manifest_hash, manifest.as_object_mut()) {
            members.insert("manifest_hash".into(), json!(hash));
        }
        manifest.to_string()
    }
}

/// The Ed25519 signing keys of a JWK set (RFC 7517, RFC 8037).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// A set of some keys.
    pub fn new(keys: Vec<PublicKey>) -> KeySet {
        KeySet(keys)
    }

    /// Reads a set. Keys of other kinds and uses are left alone; a private key in it is an error.
    pub fn parse(bytes: &[u8]) -> Result<KeySet, KeysError> {
        let fault = |words: &str| KeysError::KeySet(words.to_owned());
        let value = json::read_strict(bytes).map_err(|error| KeysError::KeySet(error.to_string()))?;
        let keys =
            value.get("keys").and_then(Value::as_array).ok_or_else(|| fault("`keys` must be an array"))?;
        if keys.len() > KEYS {
            return Err(KeysError::KeySet(format!("it holds more than {KEYS} keys")));
        }
        let mut found = Vec::new();
        for key in keys {
            let member = |name: &str| key.get(name).and_then(Value::as_str);
            if !key.is_object() || member("kty").is_none() {
                return Err(fault("a key has no `kty`"));
            }
            if key.get("d").is_some() {
                return Err(fault("it holds a private key"));
            }
            let ours = member("kty") == Some("OKP")
                && member("crv") == Some("Ed25519")
                && member("use").is_none_or(|word| word == "sig")
                && member("alg").is_none_or(|word| word == "EdDSA" || word == "Ed25519");
            if ours {
                let public = member("x").and_then(PublicKey::from_jwk_x);
                found.push(public.ok_or_else(|| fault("an Ed25519 key has no valid `x`"))?);
            }
        }
        Ok(KeySet(found))
    }

    /// The key of an RFC 7638 thumbprint. What a set calls a key (`kid`) does not matter.
    pub fn find(&self, thumbprint: &str) -> Option<PublicKey> {
        self.0.iter().find(|key| key.thumbprint() == thumbprint).copied()
    }

    /// The set's text.
    pub fn to_json(&self) -> String {
        let keys: Vec<Value> = self
            .0
            .iter()
            .map(|key| {
                json!({
                    "alg": "EdDSA", "crv": "Ed25519", "kid": key.thumbprint(), "kty": "OKP", "use": "sig",
                    "x": key.jwk_x(),
                })
            })
            .collect();
        json!({ "keys": keys }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Ed25519Key, SeededRandom, Signer as _};

    fn manifest() -> AgentManifest {
        AgentManifest {
            operator_ecz_id: "ECZ-GB-A1B2C3".parse().unwrap(),
            agent_credential_id: "ECZ-GB-A1B2C3::AGENT-7QK2M9".parse().unwrap(),
            authorised_origin: "https://agent.example".into(),
            jwks_url: Url::parse("https://agent.example/keys.json").unwrap(),
            manifest_hash: Some("sha256:aa".into()),
        }
    }

    #[test]
    fn a_manifest_reads_back_and_must_fit_what_is_projected() {
        let read = AgentManifest::parse(manifest().to_json().as_bytes()).unwrap();
        assert_eq!(read, manifest());
        let agent = &read.agent_credential_id;
        let check = |manifest: &AgentManifest, hash| manifest.check(agent, "https://agent.example", hash);
        check(&read, None).unwrap();
        check(&read, Some("sha256:aa")).unwrap();
        check(&read, Some("sha256:bb")).unwrap_err();
        let elsewhere = Url::parse("https://other.example/keys.json").unwrap();
        check(&AgentManifest { jwks_url: elsewhere, ..manifest() }, None).unwrap_err();
        check(&AgentManifest { authorised_origin: "https://x.example".into(), ..manifest() }, None)
            .unwrap_err();
        check(&AgentManifest { operator_ecz_id: "ECZ-GB-A1B2C4".parse().unwrap(), ..manifest() }, None)
            .unwrap_err();
    }

    #[test]
    fn variants_are_read_and_contradicting_ones_refused() {
        let text = manifest().to_json().replace("operator_ecz_id", "parent_ecz_id");
        let text = text.replace("jwks_url", "public_keyset_url");
        assert_eq!(AgentManifest::parse(text.as_bytes()).unwrap(), manifest());
        let both = text.replace('{', r#"{"operator_ecz_id":"ECZ-GB-A1B2C4","#);
        for bad in [both.as_str(), "[]", "{}", "", r#"{"a":1,"a":1}"#] {
            assert!(matches!(AgentManifest::parse(bad.as_bytes()), Err(KeysError::Manifest(_))), "{bad}");
        }
    }

    #[test]
    fn keys_are_found_by_thumbprint_only() {
        let key = Ed25519Key::generate(&SeededRandom::new("key")).public_key();
        let text = KeySet::new(vec![key]).to_json().replace(r#""keys":["#, r#""keys":[{"kty":"RSA"},"#);
        let set = KeySet::parse(text.as_bytes()).unwrap();
        assert_eq!(set.find(&key.thumbprint()), Some(key));
        assert_eq!(set.find("other"), None);
        let private = text.replace("\"crv\"", "\"d\":\"AA\",\"crv\"");
        let short = text.replace("\"x\":\"", "\"x\":\"AA");
        for bad in [private.as_str(), short.as_str(), "{}", r#"{"keys":[1]}"#] {
            assert!(matches!(KeySet::parse(bad.as_bytes()), Err(KeysError::KeySet(_))), "{bad}");
        }
    }
}

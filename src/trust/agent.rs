//! `ecz-agent.json`: what an agent publishes about itself at its authorised origin, with the APIs it depends on.

use serde_json::{Map, Value, json};

use crate::base::{CanonicalError, Digest, canonical_json};
use crate::ecz::EczId;
use crate::plan::{Plan, https_origin};

/// The name that the manifest gives its own form.
const AGENT_SCHEMA: &str = "ecz-agent-json-v1";
/// Where it is published, below the authorised origin.
pub const MANIFEST_PATH: &str = "/.well-known/ecz-agent.json";

/// What no flow says of its agent; only its operator knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentFacts {
    /// A name for people.
    pub agent_name: Option<String>,
    /// The operator's own name of the logical agent: one credential, any number of replicas.
    pub logical_agent_id: Option<String>,
    /// `https://host[:port]`, where the agent publishes.
    pub authorised_origin: Option<String>,
    /// The key set, on the same origin.
    pub jwks_url: Option<String>,
}

impl AgentFacts {
    /// The facts that a manifest written earlier states.
    pub fn read(manifest: &Value) -> AgentFacts {
        let text = |name: &str| manifest.get(name).and_then(Value::as_str).map(str::to_owned);
        AgentFacts {
            agent_name: text("agent_name"),
            logical_agent_id: text("logical_agent_id"),
            authorised_origin: text("authorised_origin"),
            jwks_url: text("jwks_url"),
        }
    }

    /// These facts, and those of `other` where one is not given here.
    #[must_use]
    pub fn or(self, other: AgentFacts) -> AgentFacts {
        AgentFacts {
            agent_name: self.agent_name.or(other.agent_name),
            logical_agent_id: self.logical_agent_id.or(other.logical_agent_id),
            authorised_origin: self.authorised_origin.or(other.authorised_origin),
            jwks_url: self.jwks_url.or(other.jwks_url),
        }
    }

    /// The members that are not given, by name.
    pub fn missing(&self) -> Vec<&'static str> {
        let all = [
            ("agent_name", &self.agent_name),
            ("logical_agent_id", &self.logical_agent_id),
            ("authorised_origin", &self.authorised_origin),
            ("jwks_url", &self.jwks_url),
        ];
        let absent = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        all.into_iter().filter(|(_, text)| absent(text)).map(|(name, _)| name).collect()
    }
}

/// Why no manifest can be made.
#[derive(Debug, thiserror::Error)]
pub enum AgentFault {
    /// Members that only the operator knows.
    #[error("not given: {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// The origin is none, or has a path.
    #[error("`{0}` is not an origin: `https://host[:port]`, without a path")]
    Origin(String),
    /// The key set lies elsewhere: receivers would refuse it.
    #[error("the key set `{0}` is not on the authorised origin")]
    KeySet(String),
    /// Values without a canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// The manifest of the flow's agent. `page` makes the human page of an ID, as the runner's resolver has it.
pub fn agent_document(
    plan: &Plan,
    facts: &AgentFacts,
    page: &dyn Fn(&EczId) -> Option<String>,
) -> Result<Value, AgentFault> {
    let (Some(name), Some(logical), Some(origin), Some(keys)) =
        (&facts.agent_name, &facts.logical_agent_id, &facts.authorised_origin, &facts.jwks_url)
    else {
        return Err(AgentFault::Missing(facts.missing()));
    };
    if !facts.missing().is_empty() {
        return Err(AgentFault::Missing(facts.missing()));
    }
    if https_origin(origin).as_ref() != Some(origin) {
        return Err(AgentFault::Origin(origin.clone()));
    }
    if https_origin(keys).as_ref() != Some(origin) {
        return Err(AgentFault::KeySet(keys.clone()));
    }
    let agent = &plan.flow.agent;
    // An api without a passport is no dependency that could be resolved.
    let dependencies: Vec<Value> = plan
        .joined()
        .apis
        .iter()
        .filter_map(|(name, api)| {
            let identity = api.identity.identity()?;
            let stated = identity.resolver_url.clone();
            let mut entry = with_page(stated.or_else(|| page(&identity.api_passport_id)));
            entry.insert("name".into(), json!(name));
            entry.insert("api_passport_id".into(), json!(identity.api_passport_id));
            Some(Value::Object(entry))
        })
        .collect();
    let mut manifest = with_page(page(agent));
    for (member, value) in [
        ("schema", json!(AGENT_SCHEMA)),
        ("operator_ecz_id", json!(agent.parent())),
        ("agent_credential_id", json!(agent)),
        ("agent_name", json!(name)),
        ("logical_agent_id", json!(logical)),
        ("authorised_origin", json!(origin)),
        ("manifest_url", json!(format!("{origin}{MANIFEST_PATH}"))),
        ("jwks_url", json!(keys)),
        ("api_dependencies", json!(dependencies)),
    ] {
        manifest.insert(member.into(), value);
    }
    let hash = Digest::of(canonical_json(&manifest)?);
    manifest.insert("manifest_hash".into(), json!(hash));
    Ok(Value::Object(manifest))
}

fn with_page(page: Option<String>) -> Map<String, Value> {
    page.map(|page| ("resolver_url".to_owned(), Value::String(page))).into_iter().collect()
}

//! What the sandbox's resolver projects, and the agent's manifest and key set: data that servers answer with and that the
//! counterparties verify callers by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::ledger::Ledger;
use super::schedule::Before;
use crate::base::{Clock, Digest, PublicKey, canonical_json};
use crate::ecz::{EczId, Kind};
use crate::wire::keys::{KeySet, MANIFEST_PATH};

/// Path of the agent's key set on its origin.
pub(crate) const KEY_SET_PATH: &str = "/.well-known/jwks.json";
/// Seconds that a BOUND projection may be reused.
const MAX_AGE_S: u64 = 60;

/// One identity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// The authorised origin.
    pub(crate) origin: Option<String>,
    /// Regional aliases, for an API Passport.
    pub(crate) aliases: BTreeSet<String>,
    /// The document's own statement of its hash.
    pub(crate) spec_hash: Option<String>,
    /// The manifest's hash, for the runner's agent.
    pub(crate) manifest_hash: Option<String>,
    /// Projected as MISMATCH.
    pub(crate) drifted: bool,
}

/// A revocation in force, or waiting for its moment.
pub(crate) struct Revoked {
    pub(crate) id: EczId,
    /// The step that `before` is about.
    pub(crate) step: Option<String>,
    pub(crate) before: Option<Before>,
    pub(crate) begun: AtomicBool,
}

/// All identities of one sandbox.
pub(crate) struct Registry {
    records: BTreeMap<EczId, Record>,
    revoked: Vec<Revoked>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    agents: Vec<Agent>,
}

/// An agent of the runner as its origin shows it.
pub(crate) struct Agent {
    /// Its credential.
    pub(crate) id: EczId,
    /// Its origin.
    pub(crate) origin: String,
    /// The manifest's text.
    pub(crate) manifest: String,
    /// The manifest's hash: SHA-256 of its canonical form without the member `manifest_hash`.
    pub(crate) manifest_hash: String,
    /// The key set's text.
    pub(crate) key_set: String,
}

impl Agent {
    /// An agent with one key and the APIs it calls: `(name, passport, resolver_url)`.
    pub(crate) fn new(
        id: &EczId,
        origin: &str,
        resolver_url: &str,
        key: &PublicKey,
        apis: &[(String, EczId, String)],
    ) -> Agent {
        let dependencies: Vec<Value> = apis
            .iter()
            .map(|(name, passport, page)| json!({"name": name, "api_passport_id": passport, "resolver_url": page}))
            .collect();
        let mut manifest = json!({
            "schema": "ecz-agent-json-v1",
            "operator_ecz_id": id.parent(),
            "agent_credential_id": id,
            "agent_name": "sandbox runner",
            "logical_agent_id": id.child_suffix().unwrap_or_default(),
            "authorised_origin": origin,
            "manifest_url": format!("{origin}{MANIFEST_PATH}"),
            "resolver_url": resolver_url,
            "jwks_url": format!("{origin}{KEY_SET_PATH}"),
            "api_dependencies": dependencies,
        });
        let manifest_hash = Digest::of(canonical_json(&manifest).unwrap_or_default()).to_string();
        if let Some(members) = manifest.as_object_mut() {
            members.insert("manifest_hash".into(), manifest_hash.clone().into());
        }
        Agent {
            id: id.clone(),
            origin: origin.to_owned(),
            manifest: manifest.to_string(),
            manifest_hash,
            key_set: KeySet::new(vec![*key]).to_json(),
        }
    }
}

/// A projection as it is sent.
pub(crate) struct Projected {
    pub(crate) body: Value,
    /// Seconds it may be reused; `None` for not at all.
    pub(crate) max_age_s: Option<u64>,
}

impl Registry {
    pub(crate) fn new(
        records: BTreeMap<EczId, Record>,
        revoked: Vec<Revoked>,
        agents: Vec<Agent>,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
    ) -> Registry {
        Registry { records, revoked, ledger, clock, agents }
    }

    /// One of the runner's agents.
    pub(crate) fn agent(&self, id: &EczId) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == *id)
    }

    /// The agent whose origin has this host.
    pub(crate) fn agent_at(&self, host: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.origin.strip_prefix("https://") == Some(host))
    }

    /// What is projected for an ID now; `None` for one that is not known.
    pub(crate) fn project(&self, id: &EczId) -> Option<Projected> {
        let record = self.records.get(id)?;
        let (state, reasons) = match () {
            () if self.is_revoked(id) => ("REVOKED", vec!["REVOKED_BY_ISSUER"]),
            () if record.drifted => ("MISMATCH", vec!["SPEC_HASH_CHANGED"]),
            () => ("BOUND", vec![]),
        };
        let bound = state == "BOUND";
        let mut body = json!({
            "ecz_id": id,
            "binding_type": match id.kind() {
                Kind::Agent => "agent",
                Kind::Api => "api",
                Kind::Parent | Kind::Other => "domain",
            },
            "state": state,
            "operator_ecz_id": id.parent(),
            "observed_at": self.clock.now(),
            "valid": bound,
            "cache": if bound { json!({"max_age": MAX_AGE_S}) } else { json!({"no_store": true}) },
            "reason_codes": reasons,
        });
        let mut put = |name: &str, value: Option<Value>| {
            if let (Some(members), Some(value)) = (body.as_object_mut(), value) {
                members.insert(name.to_owned(), value);
            }
        };
        put("authorised_origin", record.origin.clone().map(Value::from));
        put("manifest_hash", record.manifest_hash.clone().map(Value::from));
        if id.kind() == Kind::Api {
            put("regional_aliases", Some(record.aliases.iter().cloned().collect()));
            let other = |hash: &String| Digest::of(format!("drifted from {hash}")).to_string();
            let spec_hash = record.spec_hash.as_ref();
            put(
                "spec_hash",
                spec_hash.map(|hash| if record.drifted { other(hash) } else { hash.clone() }.into()),
            );
        }
        Some(Projected { body, max_age_s: bound.then_some(MAX_AGE_S) })
    }

    /// The revocations that nobody met: `ID` or `ID@STEP`.
    pub(crate) fn unseen(&self) -> Vec<String> {
        let unseen = self.revoked.iter().filter(|revoked| !revoked.begun.load(Ordering::SeqCst));
        let shown = |revoked: &Revoked| match &revoked.step {
            Some(step) => format!("{}@{step}", revoked.id),
            None => revoked.id.to_string(),
        };
        unseen.map(shown).collect()
    }

    /// A revocation that has begun does not end.
    fn is_revoked(&self, id: &EczId) -> bool {
        self.revoked.iter().filter(|revoked| revoked.id == *id).any(|revoked| {
            let begins = || revoked.before.as_ref().is_none_or(|before| before.is_over(&self.ledger));
            revoked.begun.load(Ordering::SeqCst)
                || (begins() && {
                    revoked.begun.store(true, Ordering::SeqCst);
                    true
                })
        })
    }
}

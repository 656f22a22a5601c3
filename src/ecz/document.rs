//! The `x-ecz-id` object under `info` of an OpenAPI document: discovery, never proof.

use serde::{Deserialize, Serialize};

use super::EczId;

/// The eight fields. Reading them strictly, with places, is `documents`' work; this is what it yields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentIdentity {
    /// Parent ECZ-ID of the publisher.
    pub operator_ecz_id: EczId,
    /// API Passport ID.
    pub api_passport_id: EczId,
    /// Authorised origin, `https://host[:port]`, no path.
    pub api_origin: String,
    /// The document's own statement of its hash: an opaque string.
    pub spec_hash: String,
    /// Human page of the passport. Never fetched.
    pub resolver_url: String,
    /// The agent that operates the API, where one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_credential_id: Option<EczId>,
    /// Whether no verdict may be reused.
    #[serde(default)]
    pub recheck_before_reliance: bool,
    /// The publisher's hint; does not bind the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_mode: Option<String>,
}

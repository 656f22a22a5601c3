//! The `x-ecz-id` object under `info` of an OpenAPI document: discovery, never proof.

use serde::{Deserialize, Serialize};

use super::EczId;

/// The eight fields, or those of them that a flow states. Reading them strictly, with places, is `documents`' work; this is what it yields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentIdentity {
    /// Parent ECZ-ID of the publisher.
    pub operator_ecz_id: EczId,
    /// API Passport ID.
    pub api_passport_id: EczId,
    /// Authorised origin, `https://host[:port]`, no path.
    pub api_origin: String,
    /// The document's own statement of its hash: an opaque string. Always there where a document states the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec_hash: Option<String>,
    /// Human page of the passport. Never fetched. Always there where a document states the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver_url: Option<String>,
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

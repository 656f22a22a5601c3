//! Who answers at an api, and how requests to it authenticate.

use serde::{Deserialize, Serialize};

use super::model::Api;
use super::origins::https_origin;
use crate::ecz::{DocumentIdentity, EczId, Evidence, HandoffPolicy, VerifyMode};

/// Who answers at an api.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Party {
    /// An API Passport.
    Passport {
        /// The fields of `x-ecz-id`; those that the `api` block cannot state are absent where `declared` is `flow`.
        identity: DocumentIdentity,
        /// Who says so.
        declared: Declared,
    },
    /// No passport is known: `no passport because "…"`. Such an api's handoffs present and attest, and verify nothing.
    NoPassport {
        /// The reason given.
        because: String,
        /// The name of the operator that is said to answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<String>,
    },
}

/// Where an identity is stated. Neither is proof of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Declared {
    /// In the document's `info.x-ecz-id`.
    Document,
    /// In the flow's `api` block.
    Flow,
}

impl Party {
    /// What is stated of a party with a passport.
    pub fn identity(&self) -> Option<&DocumentIdentity> {
        match self {
            Party::Passport { identity, .. } => Some(identity),
            Party::NoPassport { .. } => None,
        }
    }

    /// Why there is no passport, where there is none.
    pub fn because(&self) -> Option<&str> {
        match self {
            Party::Passport { .. } => None,
            Party::NoPassport { because, .. } => Some(because),
        }
    }
}

/// One way in which a request authenticates. `secret`, `user`, `password`, `client_id` and `client_secret` are names of
/// secrets; all else comes from the document's security scheme, or from the flow where the document declares none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer` (RFC 6750).
    Bearer {
        /// The token.
        secret: String,
    },
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password; empty where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
    },
    /// A key in a header, the query or a cookie.
    ApiKey {
        /// The key.
        secret: String,
        /// `header`, `query` or `cookie`.
        location: String,
        /// The header's, parameter's or cookie's name.
        name: String,
    },
    /// OAuth 2.0 client credentials (RFC 6749 section 4.4), sent as a bearer token.
    #[serde(rename = "oauth2")]
    OAuth2 {
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: String,
        /// The token endpoint, an absolute https URL.
        token_url: String,
        /// The scopes asked for, in order.
        scopes: Vec<String>,
        /// The audience asked for: the token is bound to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
    },
    /// A client certificate: PEM chain and key.
    MutualTls {
        /// Chain and key.
        secret: String,
    },
}

impl Auth {
    /// The names of the secrets it needs.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Auth::Bearer { secret } | Auth::ApiKey { secret, .. } | Auth::MutualTls { secret } => {
                vec![secret]
            }
            Auth::Basic { user, password } => {
                [Some(user), password.as_ref()].into_iter().flatten().map(String::as_str).collect()
            }
            Auth::OAuth2 { client_id, client_secret, .. } => vec![client_id, client_secret],
        }
    }

    /// The form in words, for messages: `bearer`, `basic`, `key in header \`X-Key\``, `oauth2`, `certificate`.
    pub fn words(&self) -> String {
        match self {
            Auth::Bearer { .. } => "bearer".to_owned(),
            Auth::Basic { .. } => "basic".to_owned(),
            Auth::ApiKey { location, name, .. } => format!("key in {location} `{name}`"),
            Auth::OAuth2 { .. } => "oauth2".to_owned(),
            Auth::MutualTls { .. } => "certificate".to_owned(),
        }
    }
}

/// The most evidence a handoff reaches: with a passport, what both sides can sign; without one,
/// what TLS and the declared `auth` give (docs/formats/handoff.md).
pub fn reachable(party: &Party, auth: &[Auth]) -> Evidence {
    match party {
        Party::Passport { identity, .. } => reachable_verified(identity),
        Party::NoPassport { .. } => reachable_unverified(auth),
    }
}

/// The evidence a handoff to a passport reaches: a request signed by the presented Agent Credential; with a receipt of
/// the callee's own, where its document names the credential that signs those.
pub fn reachable_verified(identity: &DocumentIdentity) -> Evidence {
    if identity.agent_credential_id.is_some() { Evidence::E5 } else { Evidence::E4 }
}

/// The handoffs whose policy demands a signed receipt: both sides sign. As [`super::Plan::handoffs`] names them.
pub fn two_sided(plan: &super::Plan) -> Vec<String> {
    let calls = plan.handoffs().into_iter();
    let steps = calls.filter(|(_, _, call)| call.handoff.evidence == Evidence::E5);
    steps.map(|(subject, ..)| subject).collect()
}

/// What is reached where nobody is named whom a signature could be shown to: an audience-bound token, a client
/// certificate, TLS.
pub fn reachable_unverified(auth: &[Auth]) -> Evidence {
    let levels = auth.iter().map(|auth| match auth {
        Auth::OAuth2 { audience: Some(audience), .. } if !audience.trim().is_empty() => Evidence::E3,
        Auth::MutualTls { .. } => Evidence::E2,
        _ => Evidence::E1,
    });
    levels.max().unwrap_or(Evidence::E1)
}

/// A flow's policy at an edge to a party without a passport: what it presents and attests stays, nothing is verified,
/// and the evidence is at most what can be reached.
pub fn relaxed(policy: &HandoffPolicy, most: Evidence) -> HandoffPolicy {
    let mut relaxed = policy.clone();
    relaxed.verify.mode = VerifyMode::Open;
    relaxed.evidence = relaxed.evidence.min(most);
    relaxed
}

impl Api {
    /// The API Passport, where there is one.
    pub fn passport(&self) -> Option<&EczId> {
        self.identity.identity().map(|identity| &identity.api_passport_id)
    }

    /// Whom a handoff is addressed to: the API Passport, else the origin requests go to.
    pub fn audience(&self) -> String {
        match self.passport() {
            Some(passport) => passport.to_string(),
            None => self.origin(),
        }
    }

    /// The origin requests go to.
    pub fn origin(&self) -> String {
        https_origin(&self.base_url).unwrap_or_else(|| self.base_url.clone())
    }
}

/// How many of a plan's handoffs, undos included, go to a party without a passport; and how many there are.
pub fn unverified(plan: &super::Plan) -> (usize, usize) {
    let calls = plan.handoffs();
    let without = calls.iter().filter(|(_, flow, call)| {
        flow.apis.get(&call.api).is_some_and(|api| api.identity.because().is_some())
    });
    (without.count(), calls.len())
}

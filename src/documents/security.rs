//! Security: the alternatives of an operation, and how each scheme works.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pointer::join;
use super::references::resolve;
use super::view::{Location, ViewError};

/// How a security scheme works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// `http` with scheme `bearer`.
    Bearer,
    /// `http` with scheme `basic`.
    Basic,
    /// A key.
    ApiKey {
        /// Header, query or cookie.
        location: Location,
        /// Its name there.
        name: String,
    },
    /// `oauth2`.
    OAuth2 {
        /// The flow without a person, where there is one.
        client_credentials: Option<ClientCredentials>,
    },
    /// `mutualTLS`.
    MutualTls,
    /// Anything else, in the document's words: `http digest`, `openIdConnect`, `undeclared`.
    Other(String),
}

/// The client credentials flow of OAuth 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCredentials {
    /// Where tokens are given out, as written.
    pub token_url: String,
    /// What can be asked for, with descriptions.
    pub scopes: BTreeMap<String, String>,
}

/// A security scheme as one requirement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeView {
    /// Where it is declared; where it is named if it is not.
    pub pointer: String,
    /// How it works.
    pub scheme: Scheme,
    /// The scopes, or roles, that the requirement asks for.
    pub scopes: Vec<String>,
}

/// Reads a list of security requirements: alternatives, each a set of schemes by name.
pub(super) fn read(
    root: &Value,
    value: &Value,
    at: &str,
) -> Result<Vec<BTreeMap<String, SchemeView>>, ViewError> {
    let list = value.as_array().ok_or_else(|| ViewError::new(at, "is not an array"))?;
    let alternative = |(index, alternative): (usize, &Value)| {
        let at = format!("{at}/{index}");
        let schemes = alternative.as_object().ok_or_else(|| ViewError::new(&at, "is not an object"))?;
        let scheme = |(name, scopes): (&String, &Value)| {
            Ok((name.clone(), scheme(root, name, scopes, &join(&at, name))?))
        };
        schemes.iter().map(scheme).collect()
    };
    list.iter().enumerate().map(alternative).collect()
}

fn scheme(root: &Value, name: &str, scopes: &Value, used_at: &str) -> Result<SchemeView, ViewError> {
    let scopes =
        scopes.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let at = join("/components/securitySchemes", name);
    // One alternative that nobody declared does not make the others useless.
    let Some((pointer, value)) = resolve(root, &at) else {
        return Ok(SchemeView {
            pointer: used_at.to_owned(),
            scheme: Scheme::Other("undeclared".into()),
            scopes,
        });
    };
    let text = |member: &str| value.get(member).and_then(Value::as_str);
    let kind = text("type").ok_or_else(|| ViewError::new(&pointer, "has no type"))?;
    let scheme = match kind {
        "http" => match text("scheme").unwrap_or_default().to_ascii_lowercase().as_str() {
            "bearer" => Scheme::Bearer,
            "basic" => Scheme::Basic,
            other => Scheme::Other(format!("http {other}").trim_end().to_owned()),
        },
        "apiKey" => {
            let location = match text("in") {
                Some("header") => Location::Header,
                Some("query") => Location::Query,
                Some("cookie") => Location::Cookie,
                _ => {
                    return Err(ViewError::new(
                        &pointer,
                        "is a key neither in `header`, `query` nor `cookie`",
                    ));
                }
            };
            let name = text("name").ok_or_else(|| ViewError::new(&pointer, "does not name its key"))?;
            Scheme::ApiKey { location, name: name.to_owned() }
        }
        "oauth2" => {
            let flow = value.pointer("/flows/clientCredentials");
            let token_url = flow.and_then(|flow| flow.get("tokenUrl")).and_then(Value::as_str);
            let scopes =
                flow.and_then(|flow| flow.get("scopes")).and_then(Value::as_object).into_iter().flatten();
            let scopes = scopes
                .map(|(name, about)| (name.clone(), about.as_str().unwrap_or_default().to_owned()))
                .collect();
            let client_credentials =
                token_url.map(|token_url| ClientCredentials { token_url: token_url.to_owned(), scopes });
            Scheme::OAuth2 { client_credentials }
        }
        "mutualTLS" => Scheme::MutualTls,
        other => Scheme::Other(other.to_owned()),
    };
    Ok(SchemeView { pointer, scheme, scopes })
}

//! The signature base of RFC 9421 section 2.5 and the derived components used here (section 2.2).

use url::Url;

use super::SignatureError;

/// The tag parameter: which profile the signature follows.
pub const TAG: &str = "eczflow-handoff-1";
/// The alg parameter.
pub const ALGORITHM: &str = "ed25519";
/// The label our own signatures stand under.
pub const LABEL: &str = "ecz";
/// How long our own signatures hold, seconds.
pub const LIFETIME_SECONDS: i64 = 120;
/// The longest a signature may hold, seconds.
pub const MAX_LIFETIME_SECONDS: i64 = 300;
/// How far a signer's clock may be ahead of the verifier's, seconds.
pub const SKEW_SECONDS: i64 = 30;

/// The parts of a request's first line and host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Upper-case method.
    pub method: String,
    /// Lower-case host, with the port unless it is 443.
    pub authority: String,
    /// Path as sent, percent-encoded; `/` where empty.
    pub path: String,
    /// Query as sent, without `?`; `None` where there is none.
    pub query: Option<String>,
}

impl Target {
    /// The target of a request that is sent to a URL.
    pub fn of(method: &str, url: &Url) -> Target {
        let host = url.host_str().unwrap_or_default();
        Target {
            method: method.to_owned(),
            authority: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            path: url.path().to_owned(),
            query: url.query().map(str::to_owned),
        }
    }

    /// The target of a request as a server received it: its method, its `Host`, and its request target in origin form.
    pub fn received(method: &str, host: &str, request_target: &str) -> Target {
        let host = host.to_ascii_lowercase();
        let (path, query) = match request_target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (request_target, None),
        };
        Target {
            method: method.to_owned(),
            authority: host.strip_suffix(":443").map(str::to_owned).unwrap_or(host),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query,
        }
    }

    /// The components every signature covers, in order.
    pub(super) fn components(&self) -> Vec<(String, String)> {
        let mut components = vec![
            ("@method".to_owned(), self.method.clone()),
            ("@authority".to_owned(), self.authority.clone()),
            ("@path".to_owned(), self.path.clone()),
        ];
        if let Some(query) = &self.query {
            components.push(("@query".to_owned(), format!("?{query}")));
        }
        components
    }
}

/// The signature base: one line a component, then the parameters as they stand in `Signature-Input`.
pub(super) fn signature_base(
    components: &[(String, String)],
    parameters: &str,
) -> Result<String, SignatureError> {
    let mut base = String::new();
    for (name, value) in components {
        // A line end inside a value could forge a further line.
        if value.chars().any(|c| c.is_control() || !c.is_ascii()) {
            return Err(SignatureError::Value(name.clone()));
        }
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    Ok(base)
}

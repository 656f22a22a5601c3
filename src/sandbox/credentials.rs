//! How callers authenticate at a counterparty: every scheme that the flow declares for the api is due, with the secrets that
//! this sandbox made.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::problem::Problem;
use super::token::TokenEndpoint;
use crate::base::{Digest, encode_base64};
use crate::plan::{Api, Auth};

/// The secrets of a sandbox, by name.
pub(crate) type Secrets = BTreeMap<String, Zeroizing<String>>;

/// One thing that is due of every caller of an api.
pub(crate) enum Due {
    /// `Authorization: Bearer`.
    Bearer(Zeroizing<String>),
    /// `Authorization: Basic`: user, colon, password, in base64.
    Basic(Zeroizing<String>),
    /// A key in a header, the query or a cookie.
    Key { value: Zeroizing<String>, location: String, name: String },
    /// A bearer token of this endpoint that has not expired.
    Token(Arc<TokenEndpoint>),
    /// The client certificate with this digest.
    Certificate(Digest),
}

/// What a request shows besides its headers.
pub(crate) struct Shown<'r> {
    pub(crate) headers: &'r HeaderMap,
    pub(crate) query: &'r str,
    /// Of the client certificate that the TLS handshake verified.
    pub(crate) certificate: Option<Digest>,
}

/// What an api asks for. `certificates` are the digests of the client certificates, by secret.
pub(crate) fn due(
    api: &Api,
    secrets: &Secrets,
    certificates: &BTreeMap<String, Digest>,
    token: Option<&Arc<TokenEndpoint>>,
) -> Vec<Due> {
    let secret = |name: &String| secrets.get(name).cloned().unwrap_or_default();
    let due = api.auth.iter().filter_map(|auth| {
        Some(match auth {
            Auth::Bearer { secret: name } => Due::Bearer(secret(name)),
            Auth::Basic { user, password } => {
                let password = password.as_ref().map(secret).unwrap_or_default();
                let pair = Zeroizing::new(format!("{}:{}", *secret(user), *password));
                Due::Basic(Zeroizing::new(encode_base64(pair.as_bytes())))
            }
            Auth::ApiKey { secret: value, location, name } => {
                Due::Key { value: secret(value), location: location.clone(), name: name.clone() }
            }
            Auth::OAuth2 { .. } => Due::Token(token?.clone()),
            Auth::MutualTls { secret } => Due::Certificate(*certificates.get(secret)?),
        })
    });
    due.collect()
}

impl Due {
    /// The query parameter that is no parameter of an operation, but a key.
    pub(crate) fn query_key(&self) -> Option<&str> {
        match self {
            Due::Key { location, name, .. } if location == "query" => Some(name),
            _ => None,
        }
    }

    /// Refuses a request that does not show what is due.
    pub(crate) fn check(&self, shown: &Shown<'_>) -> Result<(), Problem> {
        match self {
            Due::Bearer(token) => match authorization(shown.headers, "Bearer ") {
                Some(given) if same(given, token) => Ok(()),
                Some(_) => {
                    Err(refused("the token is not accepted", "the bearer token is not this sandbox's own"))
                }
                None => Err(challenge("a token is due", "the document asks for a bearer token", "Bearer")),
            },
            Due::Basic(pair) => match authorization(shown.headers, "Basic ") {
                Some(given) if same(given, pair) => Ok(()),
                Some(_) => Err(refused(
                    "the password is not accepted",
                    "user and password are not this sandbox's own",
                )),
                None => Err(challenge(
                    "a password is due",
                    "the document asks for a user and a password",
                    "Basic realm=\"sandbox\"",
                )),
            },
            Due::Key { value, location, name } => {
                let mut given = keys(shown, location, name);
                match (given.next(), given.next()) {
                    (Some(given), None) if same(given.as_bytes(), value) => Ok(()),
                    (None, _) => Err(refused(
                        "a key is due",
                        format!("the document asks for a key in {location} `{name}`"),
                    )),
                    _ => Err(refused(
                        "the key is not accepted",
                        format!("the key in {location} `{name}` is not this sandbox's own"),
                    )),
                }
            }
            Due::Token(endpoint) => match authorization(shown.headers, "Bearer ") {
                Some(given) => endpoint.check(given),
                None => Err(challenge(
                    "a token is due",
                    "the document asks for a token of its token endpoint",
                    "Bearer",
                )),
            },
            Due::Certificate(digest) => match shown.certificate {
                Some(given) if given == *digest => Ok(()),
                Some(_) => Err(refused(
                    "the certificate is not accepted",
                    "the client certificate is not this api's own",
                )),
                None => Err(refused("a certificate is due", "the document asks for a client certificate")),
            },
        }
    }
}

fn refused(title: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(401, title, detail)
}

fn challenge(title: &'static str, detail: &str, challenge: &'static str) -> Problem {
    refused(title, detail).challenging(challenge)
}

fn same(given: &[u8], due: &str) -> bool {
    given.ct_eq(due.as_bytes()).into()
}

fn authorization<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter().map(|value| value.as_bytes());
    let value = values.next().filter(|_| values.next().is_none())?;
    let (own, rest) = value.split_at_checked(scheme.len())?;
    own.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
}

/// What stands where a key is due: once is right.
fn keys<'r>(shown: &Shown<'r>, location: &str, name: &str) -> Box<dyn Iterator<Item = String> + 'r> {
    let name = name.to_owned();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    match location {
        "query" => {
            let pairs = url::form_urlencoded::parse(shown.query.as_bytes());
            Box::new(pairs.filter(move |(own, _)| *own == name).map(|(_, value)| value.into_owned()))
        }
        "cookie" => {
            let lines: Vec<String> = shown.headers.get_all(COOKIE).iter().map(text).collect();
            let pairs = lines
                .into_iter()
                .flat_map(|line| line.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>());
            Box::new(pairs.filter_map(move |pair| {
                pair.split_once('=').filter(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
            }))
        }
        _ => {
            let values: Vec<String> = shown.headers.get_all(name.as_str()).iter().map(text).collect();
            Box::new(values.into_iter())
        }
    }
}

/// A target without the keys in its query: what may be shown.
pub(crate) fn without_keys(target: &str, names: &[&str]) -> String {
    let Some((path, query)) = target.split_once('?').filter(|_| !names.is_empty()) else {
        return target.to_owned();
    };
    let is_key = |pair: &str| {
        url::form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(name, _)| names.contains(&name.as_ref()))
    };
    let shown: Vec<&str> = query.split('&').filter(|pair| !is_key(pair)).collect();
    if shown.is_empty() { path.to_owned() } else { format!("{path}?{}", shown.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown<'r>(headers: &'r HeaderMap, query: &'r str) -> Shown<'r> {
        Shown { headers, query, certificate: None }
    }

    #[test]
    fn keys_are_found_where_the_document_says() {
        let key = |location: &str| Due::Key {
            value: Zeroizing::new("k".into()),
            location: location.into(),
            name: "x-key".into(),
        };
        let mut headers = HeaderMap::new();
        headers.append("X-Key", "k".parse().unwrap());
        headers.append(COOKIE, "a=b; x-key=k".parse().unwrap());
        assert!(key("header").check(&shown(&headers, "")).is_ok());
        assert!(key("cookie").check(&shown(&headers, "")).is_ok());
        assert!(key("query").check(&shown(&headers, "a=1&x-key=k")).is_ok());
        for query in ["", "x-key=K", "x-key=k&x-key=k", "X-Key=k"] {
            assert_eq!(key("query").check(&shown(&headers, query)).unwrap_err().status, 401, "{query}");
        }
        headers.append("X-Key", "k".parse().unwrap());
        assert!(key("header").check(&shown(&headers, "")).is_err(), "one of two is none");
        assert_eq!(without_keys("/a?x-key=k&b=1", &["x-key"]), "/a?b=1");
        assert_eq!(without_keys("/a?x%2Dkey=k", &["x-key"]), "/a");
    }

    #[test]
    fn passwords_and_tokens_are_compared_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "basic dTpw".parse().unwrap());
        let basic = Due::Basic(Zeroizing::new("dTpw".into()));
        assert!(basic.check(&shown(&headers, "")).is_ok());
        headers.insert(AUTHORIZATION, "Basic dTpwcA==".parse().unwrap());
        assert!(basic.check(&shown(&headers, "")).is_err());
        assert!(Due::Bearer(Zeroizing::new("dTpw".into())).check(&shown(&headers, "")).is_err());
        assert!(Due::Certificate(Digest::of("c")).check(&shown(&headers, "")).is_err());
    }
}

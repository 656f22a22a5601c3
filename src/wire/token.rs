//! Access tokens by OAuth 2.0 client credentials (RFC 6749 section 4.4): asked for through the one connector, kept in memory
//! for one run, never written anywhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use url::Url;
use zeroize::Zeroize as _;

use super::connector::{Connector, Request};
use super::credential::{Credential, encoded};
use super::failure::{NotSent, SendError};
use crate::base::{Clock, Timestamp};
use crate::config::Secret;

/// The largest answer of a token endpoint, bytes.
const ANSWER_BYTES: usize = 64 << 10;
/// How long a token is kept whose answer doesn't say, seconds.
const UNSTATED_SECONDS: u64 = 60;
/// A token is renewed this long before it ends, seconds, or when a fifth of its time is left, whichever is later.
const SPARE_SECONDS: u64 = 30;
/// The longest a token is kept, seconds: a day.
const LONGEST_SECONDS: u64 = 24 * 60 * 60;

/// What an api's tokens are asked for with. The token is bound to all of it.
pub struct Grant {
    /// The token endpoint: as the document says, on the origin that the flow declares.
    pub token_url: Url,
    /// The client's id.
    pub client_id: Arc<Secret>,
    /// The client's secret: sent by HTTP Basic (`client_secret_basic`), never in the body.
    pub client_secret: Arc<Secret>,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// Whom the token is for, where the flow says.
    pub audience: Option<String>,
    /// Bound on connecting, milliseconds.
    pub connect_ms: u64,
    /// Bound on a request for a token, milliseconds.
    pub attempt_ms: u64,
}

/// The tokens of one run: one for each grant, which asks for it one request at a time.
#[derive(Default)]
pub struct Tokens {
    slots: Mutex<BTreeMap<String, Slot>>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

struct Kept {
    token: Arc<Secret>,
    renew: Timestamp,
}

impl Tokens {
    /// The token of an api: the one that is kept, or a new one.
    pub async fn get(
        &self,
        api: &str,
        grant: &Grant,
        connector: &Connector,
        clock: &dyn Clock,
    ) -> Result<Arc<Secret>, SendError> {
        let slot = self.slot(api);
        let asked = async {
            let mut kept = slot.lock().await;
            if let Some(kept) = kept.as_ref().filter(|kept| clock.now() < kept.renew) {
                return Ok(Arc::clone(&kept.token));
            }
            // The old one is not used any more, whatever comes of asking.
            *kept = None;
            let asked_at = clock.now();
            let (token, seconds) = ask(grant, connector).await?;
            let token = Arc::new(token);
            let renew = asked_at.plus(seconds.saturating_sub(SPARE_SECONDS.min(seconds.div_ceil(5))) * 1000);
            *kept = Some(Kept { token: Arc::clone(&token), renew });
            Ok(token)
        };
        // Waiting for another's request counts too.
        let bound = Duration::from_millis(grant.attempt_ms);
        tokio::time::timeout(bound, asked).await.unwrap_or_else(|_| {
            let words = format!("the token endpoint gave no token within {} ms", grant.attempt_ms);
            Err(SendError::not_sent(NotSent::Token, words))
        })
    }

    /// Lets go of a token that the api did not take. Another one that came since stays.
    pub async fn forget(&self, api: &str, token: &Arc<Secret>) {
        let slot = self.slot(api);
        let mut kept = slot.lock().await;
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(&kept.token, token)) {
            *kept = None;
        }
    }

    fn slot(&self, api: &str) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(api.to_owned()).or_default())
    }
}

/// Asks for a token; it with the seconds it is good for.
async fn ask(grant: &Grant, connector: &Connector) -> Result<(Secret, u64), SendError> {
    let refuse = |words: String| Err(SendError::not_sent(NotSent::TokenRefused, words));
    let mut body = "grant_type=client_credentials".to_owned();
    for (name, value) in [("scope", Some(grant.scopes.join(" "))), ("audience", grant.audience.clone())] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            body.push_str(&format!("&{name}={}", encoded(&value)));
        }
    }
    // RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    let user = Secret::new(encoded(grant.client_id.expose()));
    let password = Secret::new(encoded(grant.client_secret.expose()));
    let Some(credential) = Credential::basic(&user, Some(&password)) else {
        return refuse("the client id cannot be sent".into());
    };
    let request = Request {
        headers: vec![
            ("accept".into(), "application/json".into()),
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
        ],
        credentials: vec![credential],
        body: Some(body.into_bytes()),
        connect_ms: grant.connect_ms,
        attempt_ms: grant.attempt_ms,
        response_bytes: ANSWER_BYTES,
        fresh_connection: true,
        ..Request::new("POST", grant.token_url.clone())
    };
    let mut answer = match connector.send(request).await {
        Ok(answer) => answer,
        Err(error) if error.is_transient() => {
            let words = format!("the token endpoint gave no answer: {}", error.reason());
            return Err(SendError::not_sent(NotSent::Token, words));
        }
        Err(error) => return refuse(format!("the token endpoint could not be asked: {}", error.reason())),
    };
    let read = match answer.status {
        200 => read(&answer.body, &grant.scopes).map_err(|words| {
            SendError::not_sent(NotSent::TokenRefused, format!("the token endpoint's answer {words}"))
        }),
        status @ (408 | 425 | 429 | 500..=599) => {
            Err(SendError::not_sent(NotSent::Token, format!("the token endpoint answered {status}")))
        }
        status => {
            let why = refusal(&answer.body).map_or_else(String::new, |code| format!(" with `{code}`"));
            refuse(format!("the token endpoint refused{why} ({status})"))
        }
    };
    answer.body.zeroize();
    read
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<serde_json::Number>,
    scope: Option<String>,
}

fn read(body: &[u8], scopes: &[String]) -> Result<(Secret, u64), &'static str> {
    let granted: Granted = serde_json::from_slice(body).map_err(|_| "is no token (RFC 6749 section 5.1)")?;
    let token = Secret::new(granted.access_token);
    if !granted.token_type.eq_ignore_ascii_case("bearer") {
        return Err("has a token of a kind other than `Bearer`");
    }
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("has a token that no header can carry");
    }
    // Unstated, the scope is the one asked for.
    let given = granted.scope.as_deref();
    if given.is_some_and(|given| scopes.iter().any(|scope| !given.split(' ').any(|known| known == scope))) {
        return Err("has a token without all of the scopes that the flow asks for");
    }
    let seconds = match granted.expires_in {
        None => UNSTATED_SECONDS,
        Some(number) => number.as_u64().ok_or("says a time that is no number of seconds")?,
    };
    Ok((token, seconds.min(LONGEST_SECONDS)))
}

/// The error code of a refusal, where it is one of RFC 6749 section 5.2: nothing else of the answer is repeated.
fn refusal(body: &[u8]) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    const KNOWN: [&str; 6] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ];
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    KNOWN.into_iter().find(|known| *known == refusal.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<(String, u64), &'static str> {
        read(text.as_bytes(), &["a".to_owned()]).map(|(token, seconds)| (token.expose().to_owned(), seconds))
    }

    #[test]
    fn an_answer_is_a_bearer_token_with_its_time_and_scopes_or_refused() {
        let text =
            r#"{"access_token":"t-1","token_type":"bearer","expires_in":3600,"scope":"b a","extra":1}"#;
        assert_eq!(read_text(text), Ok(("t-1".into(), 3600)));
        assert_eq!(read_text(r#"{"access_token":"t","token_type":"Bearer"}"#), Ok(("t".into(), 60)));
        for (from, to) in [
            ("bearer", "mac"),
            ("t-1", ""),
            ("t-1", "t 1"),
            ("b a", "b"),
            ("3600", "-1"),
            ("3600", "\"soon\""),
            ("\"extra\"", "\"access_token\""),
            ("{", "["),
        ] {
            assert!(read_text(&text.replace(from, to)).is_err(), "{from} {to}");
        }
    }

    #[test]
    fn a_refusal_is_named_by_its_code_only() {
        let refused =
            |code: &str| refusal(format!(r#"{{"error":"{code}","error_description":"s3cret"}}"#).as_bytes());
        assert_eq!(refused("invalid_client"), Some("invalid_client"));
        assert_eq!(refused("s3cret"), None);
        assert_eq!(refusal(b"<html>"), None);
    }
}

//! A token endpoint of OAuth 2.0 client credentials (RFC 6749, section 4.4), at the place that the document names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Response};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::layout::token;
use super::listener::response;
use super::problem::Problem;
use crate::base::{Clock, Random, Timestamp, encode_base64};

/// What a token endpoint is called where an operation is named: `API.@token`.
pub(crate) const TOKEN: &str = "@token";

/// Tokens that are remembered at most; the oldest are forgotten first.
const MOST: usize = 10_000;

/// The token endpoint of one api.
pub(crate) struct TokenEndpoint {
    /// The api.
    pub(crate) api: String,
    /// `host[:port]`.
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) client_id: Zeroizing<String>,
    pub(crate) client_secret: Zeroizing<String>,
    /// Those that may be asked for.
    pub(crate) scopes: Vec<String>,
    /// The audience that must be asked for.
    pub(crate) audience: Option<String>,
    /// How long a token holds.
    pub(crate) lifetime_s: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Until when tokens hold.
    pub(crate) issued: Mutex<Vec<(Zeroizing<String>, Timestamp)>>,
}

impl TokenEndpoint {
    /// Whether a request is for it.
    pub(crate) fn is_at(&self, host: &str, path: &str) -> bool {
        self.authority.eq_ignore_ascii_case(host) && self.path == path
    }

    /// Refuses a token that was not issued here, or has expired.
    pub(crate) fn check(&self, given: &[u8]) -> Result<(), Problem> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = issued.iter().find(|(token, _)| bool::from(token.as_bytes().ct_eq(given)));
        let invalid = "Bearer error=\"invalid_token\"";
        match holds {
            Some((_, until)) if *until > self.clock.now() => Ok(()),
            Some(_) => {
                Err(Problem::new(401, "the token is not accepted", "the token has expired")
                    .challenging(invalid))
            }
            None => {
                let detail = "the token was not issued by this sandbox's token endpoint";
                Err(Problem::new(401, "the token is not accepted", detail).challenging(invalid))
            }
        }
    }

    /// Lets every token expire that was issued so far.
    pub(crate) fn expire(&self) {
        let now = self.clock.now();
        self.issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter_mut()
            .for_each(|(_, until)| *until = now);
    }

    /// Answers a request for a token; `expired` gives one that holds no longer.
    pub(crate) fn answer(&self, head: &Parts, body: &[u8], expired: bool) -> Response<Full<Bytes>> {
        let (status, body) = match self.issue(head, body, expired) {
            Ok(body) => (200, body),
            Err((status, error, detail)) => (status, json!({"error": error, "error_description": detail})),
        };
        let mut answer = response(status, "application/json", body.to_string());
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    fn issue(
        &self,
        head: &Parts,
        body: &[u8],
        expired: bool,
    ) -> Result<Value, (u16, &'static str, &'static str)> {
        let invalid = |detail| (400, "invalid_request", detail);
        if head.method != "POST" {
            return Err((405, "invalid_request", "tokens are asked for with POST"));
        }
        let content_type =
            head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(invalid("the body is a form"));
        }
        let mut form: BTreeMap<String, Zeroizing<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if form.insert(name.into_owned(), Zeroizing::new(value.into_owned())).is_some() {
                return Err(invalid("a parameter stands there more than once"));
            }
        }
        let given = |name: &str| form.get(name).map(|value| value.as_str());
        if given("grant_type") != Some("client_credentials") {
            return Err((400, "unsupported_grant_type", "only client_credentials is served"));
        }
        if !self.knows(&head.headers, given("client_id"), given("client_secret")) {
            return Err((401, "invalid_client", "client id and secret are not this sandbox's own"));
        }
        let scope = given("scope").unwrap_or_default();
        if scope.split(' ').filter(|one| !one.is_empty()).any(|one| !self.scopes.iter().any(|own| own == one))
        {
            return Err((400, "invalid_scope", "the flow declares no such scope"));
        }
        if self.audience.as_deref().is_some_and(|due| given("audience") != Some(due)) {
            return Err((400, "invalid_target", "the token must be bound to the declared audience"));
        }
        let (token, now) = (token(&*self.random), self.clock.now());
        let until = if expired { now } else { now.plus(self.lifetime_s.saturating_mul(1_000)) };
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() >= MOST {
            issued.remove(0);
        }
        let answer = json!({
            "access_token": token.as_str(), "token_type": "Bearer", "expires_in": self.lifetime_s, "scope": scope,
        });
        issued.push((token, until));
        Ok(answer)
    }

    /// Whether the client says who it is, in the header or in the form (RFC 6749, section 2.3.1), and not in both.
    fn knows(&self, headers: &HeaderMap, id: Option<&str>, secret: Option<&str>) -> bool {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        match (headers.get(AUTHORIZATION), id, secret) {
            (Some(header), _, None) => {
                let pair =
                    Zeroizing::new(format!("{}:{}", encode(&self.client_id), encode(&self.client_secret)));
                let due = Zeroizing::new(format!("Basic {}", encode_base64(pair.as_bytes())));
                header.as_bytes().ct_eq(due.as_bytes()).into()
            }
            (None, Some(id), Some(secret)) => {
                let own = id.as_bytes().ct_eq(self.client_id.as_bytes());
                (own & secret.as_bytes().ct_eq(self.client_secret.as_bytes())).into()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SeededRandom, VirtualClock};

    fn endpoint(clock: Arc<VirtualClock>) -> TokenEndpoint {
        TokenEndpoint {
            api: "shop".into(),
            authority: "id.example".into(),
            path: "/token".into(),
            client_id: Zeroizing::new("me".into()),
            client_secret: Zeroizing::new("s3".into()),
            scopes: vec!["read".into(), "write".into()],
            audience: Some("https://shop.example".into()),
            lifetime_s: 300,
            clock,
            random: Arc::new(SeededRandom::new("tokens")),
            issued: Mutex::default(),
        }
    }

    #[test]
    fn tokens_are_given_to_the_client_and_expire() {
        let clock = Arc::new(VirtualClock::default());
        let endpoint = endpoint(clock.clone());
        let ask = |body: &str, basic: Option<&str>| {
            let mut request =
                hyper::Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
            if let Some(basic) = basic {
                request =
                    request.header("authorization", format!("Basic {}", encode_base64(basic.as_bytes())));
            }
            let head = request.body(()).unwrap().into_parts().0;
            endpoint.issue(&head, body.as_bytes(), false).map_err(|(status, error, _)| (status, error))
        };
        let form = "grant_type=client_credentials&audience=https%3A%2F%2Fshop.example&scope=read+write";
        let answer = ask(form, Some("me:s3")).unwrap();
        assert_eq!(
            (answer["token_type"].as_str(), answer["expires_in"].as_u64()),
            (Some("Bearer"), Some(300))
        );
        assert!(ask(&format!("{form}&client_id=me&client_secret=s3"), None).is_ok());
        assert_eq!(ask(&format!("{form}&client_id=me&client_secret=s4"), None), Err((401, "invalid_client")));
        assert_eq!(ask(form, Some("me:s3x")), Err((401, "invalid_client")));
        assert_eq!(ask(form, None), Err((401, "invalid_client")));
        assert_eq!(ask("grant_type=password", Some("me:s3")), Err((400, "unsupported_grant_type")));
        assert_eq!(
            ask("grant_type=client_credentials&audience=x", Some("me:s3")),
            Err((400, "invalid_target"))
        );
        assert_eq!(ask(&form.replace("write", "all"), Some("me:s3")), Err((400, "invalid_scope")));

        let token = answer["access_token"].as_str().unwrap().as_bytes();
        assert!(endpoint.check(token).is_ok());
        assert!(endpoint.check(b"guess").is_err());
        clock.set(clock.now().plus(300_000));
        assert_eq!(endpoint.check(token).unwrap_err().detail, "the token has expired");
        let again = ask(form, Some("me:s3")).unwrap();
        let again = again["access_token"].as_str().unwrap().as_bytes();
        assert!(endpoint.check(again).is_ok());
        endpoint.expire();
        assert!(endpoint.check(again).is_err());
    }
}

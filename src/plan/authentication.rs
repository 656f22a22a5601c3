//! Whether what an api declares as `auth` is what its operations document.

use url::Url;

use super::party::Auth;
use crate::documents::{Location, OperationView, Scheme, SchemeView};
use crate::types::is_runtime_header;

/// What an operation makes of the declared ways to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// They are one of its alternatives, whole.
    Documented,
    /// It asks for nothing, or for nothing necessarily.
    NotAsked,
    /// It asks for something, and nothing is declared.
    Missing,
    /// It asks for something else.
    Other,
}

/// Whether an operation takes requests that authenticate so. Alternatives are an OR of sets; a set is satisfied by exactly
/// its schemes.
pub fn accepts(view: &OperationView, auth: &[Auth], base_url: &str) -> Accepted {
    let whole = |schemes: &std::collections::BTreeMap<String, SchemeView>| {
        schemes.len() == auth.len()
            && schemes.values().all(|scheme| auth.iter().any(|auth| fits(auth, scheme, base_url)))
            && auth.iter().all(|auth| schemes.values().any(|scheme| fits(auth, scheme, base_url)))
    };
    let open = view.security.is_empty() || view.security.iter().any(|schemes| schemes.is_empty());
    if !auth.is_empty() && view.security.iter().any(whole) {
        Accepted::Documented
    } else if open {
        Accepted::NotAsked
    } else if auth.is_empty() {
        Accepted::Missing
    } else {
        Accepted::Other
    }
}

/// Whether one way of authenticating is what a scheme asks for. A bearer token also stands for a scheme whose tokens come
/// from elsewhere: OAuth 2 and OpenID Connect send theirs so (RFC 6750).
fn fits(auth: &Auth, scheme: &SchemeView, base_url: &str) -> bool {
    match (auth, &scheme.scheme) {
        (Auth::Bearer { .. }, Scheme::Bearer | Scheme::OAuth2 { .. })
        | (Auth::Basic { .. }, Scheme::Basic)
        | (Auth::MutualTls { .. }, Scheme::MutualTls) => true,
        (Auth::Bearer { .. }, Scheme::Other(words)) => words == "openIdConnect",
        (Auth::ApiKey { location, name, .. }, Scheme::ApiKey { location: at, name: declared }) => {
            let same = match at {
                Location::Header => name.eq_ignore_ascii_case(declared),
                _ => name == declared,
            };
            location == at.as_str() && same
        }
        (Auth::OAuth2 { token_url, scopes, .. }, Scheme::OAuth2 { client_credentials: Some(flow) }) => {
            token_endpoint(&flow.token_url, base_url).as_deref() == Some(token_url.as_str())
                && scopes.iter().all(|asked| flow.scopes.contains_key(asked))
                && scheme.scopes.iter().all(|due| scopes.contains(due))
        }
        _ => false,
    }
}

/// Why a way to authenticate cannot be taken for granted where no used operation documents any; `None` where it can.
pub fn unassumable(auth: &Auth) -> Option<String> {
    match auth {
        // The client's secret would go wherever the plan says.
        Auth::OAuth2 { .. } => Some("only a document says where tokens come from".to_owned()),
        other => misplaced(other),
    }
}

/// Why a key cannot go where it is said to, by a document or by the flow; `None` where it can.
pub fn misplaced(auth: &Auth) -> Option<String> {
    let Auth::ApiKey { location, name, .. } = auth else { return None };
    match location.as_str() {
        // A scheme of one's own in `Authorization` is a key like any other.
        "header" if is_runtime_header(name) && !name.eq_ignore_ascii_case("authorization") => {
            Some(format!("the header `{name}` is set by the runtime"))
        }
        "header" | "cookie" if !is_token(name) => Some(format!("`{name}` names no {location}")),
        "query" if name.is_empty() => Some("the key has no name".to_owned()),
        "header" | "cookie" | "query" => None,
        other => Some(format!("`{other}` is no place for a key")),
    }
}

/// A token of RFC 9110 section 5.6.2.
pub fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A document's token URL as an absolute https URL; a relative one is resolved against the server. `None` where it is no
/// https URL, or bears a user, a password or a fragment.
pub fn token_endpoint(token_url: &str, base_url: &str) -> Option<String> {
    let url = match Url::parse(token_url) {
        Ok(url) => url,
        Err(_) => Url::parse(&format!("{base_url}/")).ok()?.join(token_url).ok()?,
    };
    let plain = url.scheme() == "https"
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none();
    plain.then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(security: serde_json::Value) -> OperationView {
        let schemes = serde_json::json!({
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "app": {"type": "apiKey", "in": "query", "name": "app"},
            "user": {"type": "http", "scheme": "basic"},
            "flow": {"type": "oauth2", "flows": {"clientCredentials":
                {"tokenUrl": "/token", "scopes": {"read": "", "write": ""}}}},
        });
        let document = serde_json::json!({
            "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
            "servers": [{"url": "https://a.example/v1"}],
            "components": {"securitySchemes": schemes},
            "paths": {"/x": {"get": {"operationId": "x", "security": security,
                "responses": {"204": {"description": "d"}}}}},
        });
        let (mut map, mut sink) = Default::default();
        let text = document.to_string();
        let document =
            crate::documents::Document::read(text.as_bytes(), "a.json", &mut map, &mut sink).unwrap();
        document.view(document.operation("x").unwrap()).unwrap()
    }

    fn key(location: &str, name: &str) -> Auth {
        Auth::ApiKey { secret: "s".into(), location: location.into(), name: name.into() }
    }

    #[test]
    fn a_set_is_satisfied_by_exactly_its_schemes() {
        let both = view(serde_json::json!([{"key": [], "app": []}, {"user": []}]));
        let at = "https://a.example/v1";
        let (header, query) = (key("header", "x-key"), key("query", "app"));
        let basic = Auth::Basic { user: "u".into(), password: None };
        assert_eq!(accepts(&both, &[header.clone(), query.clone()], at), Accepted::Documented);
        assert_eq!(accepts(&both, std::slice::from_ref(&basic), at), Accepted::Documented);
        for wrong in [vec![header.clone()], vec![header.clone(), basic], vec![key("header", "app"), query]] {
            assert_eq!(accepts(&both, &wrong, at), Accepted::Other, "{wrong:?}");
        }
        assert_eq!(accepts(&both, &[], at), Accepted::Missing);
        let optional = view(serde_json::json!([{}, {"key": []}]));
        assert_eq!(accepts(&optional, &[], at), Accepted::NotAsked);
        assert_eq!(accepts(&optional, &[header], at), Accepted::Documented);
        assert_eq!(accepts(&view(serde_json::json!([])), &[], at), Accepted::NotAsked);
    }

    #[test]
    fn tokens_are_asked_for_where_and_as_the_document_says() {
        let flow = view(serde_json::json!([{"flow": ["read"]}]));
        let at = "https://a.example/v1";
        let oauth2 = |token_url: &str, scopes: &[&str]| Auth::OAuth2 {
            client_id: "i".into(),
            client_secret: "s".into(),
            token_url: token_url.into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            audience: None,
        };
        let good = oauth2("https://a.example/token", &["read", "write"]);
        assert_eq!(accepts(&flow, &[good], at), Accepted::Documented);
        for (url, scopes) in [
            ("https://a.example/v1/token", &["read"][..]),
            ("https://b.example/token", &["read"]),
            ("https://a.example/token", &["write"]),
            ("https://a.example/token", &["read", "admin"]),
        ] {
            assert_eq!(accepts(&flow, &[oauth2(url, scopes)], at), Accepted::Other, "{url} {scopes:?}");
        }
        assert_eq!(token_endpoint("http://a.example/token", at), None);
        assert_eq!(token_endpoint("https://u:p@a.example/token", at), None);
        assert_eq!(token_endpoint("token?x=1", at).as_deref(), Some("https://a.example/v1/token?x=1"));
    }

    #[test]
    fn what_no_document_says_is_assumed_where_it_can_do_no_harm() {
        let bearer = Auth::Bearer { secret: "s".into() };
        for good in [key("header", "X-Api-Key"), key("query", "k"), key("cookie", "sid"), bearer] {
            assert_eq!(unassumable(&good), None, "{good:?}");
        }
        let oauth2 = Auth::OAuth2 {
            client_id: "i".into(),
            client_secret: "s".into(),
            token_url: "https://evil.example/token".into(),
            scopes: Vec::new(),
            audience: None,
        };
        let keys =
            [("header", "hOst"), ("header", "X Key"), ("cookie", "a;b"), ("query", ""), ("path", "id")];
        let keys = keys.map(|(location, name)| key(location, name));
        for wrong in keys.into_iter().chain([oauth2]) {
            assert!(unassumable(&wrong).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_goes_only_where_nothing_else_stands() {
        let key = |location: &str, name: &str| {
            misplaced(&Auth::ApiKey { secret: "s".into(), location: location.into(), name: name.into() })
        };
        for (location, name) in
            [("header", "X-Api-Key"), ("header", "Authorization"), ("query", "key"), ("cookie", "sid")]
        {
            assert_eq!(key(location, name), None, "{location} {name}");
        }
        for (location, name) in [
            ("header", "Signature"),
            ("header", "idempotency-key"),
            ("header", "bad name"),
            ("query", ""),
            ("body", "key"),
        ] {
            assert!(key(location, name).is_some(), "{location} {name}");
        }
    }
}

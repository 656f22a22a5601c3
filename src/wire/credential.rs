//! What proves to a callee who is calling: put into a request at the last moment, from memory that is wiped.

use bytes::Bytes;
use reqwest::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use url::Url;
use zeroize::Zeroizing;

use super::failure::{NotSent, SendError};
use crate::base::encode_base64;
use crate::config::Secret;

/// One proof of who is calling. Neither its value nor a URL it is part of is ever shown or recorded.
pub enum Credential {
    /// A header field.
    Header {
        /// Its name, in any case.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// A parameter of the query, after all others.
    Query {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// A cookie.
    Cookie {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret,
    },
}

impl Credential {
    /// `Authorization: Bearer` (RFC 6750).
    pub fn bearer(token: &Secret) -> Credential {
        Credential::authorization(Secret::join(&["Bearer ", token.expose()]))
    }

    /// `Authorization: Basic` (RFC 7617); `None` where the user name has a colon.
    pub fn basic(user: &Secret, password: Option<&Secret>) -> Option<Credential> {
        if user.expose().contains(':') {
            return None;
        }
        let pair = Secret::join(&[user.expose(), ":", password.map_or("", Secret::expose)]);
        let encoded = Zeroizing::new(encode_base64(pair.expose().as_bytes()));
        Some(Credential::authorization(Secret::join(&["Basic ", &encoded])))
    }

    /// The name of the query's parameter that it is, where it is one.
    pub fn query(&self) -> Option<&str> {
        match self {
            Credential::Query { name, .. } => Some(name),
            Credential::Header { .. } | Credential::Cookie { .. } => None,
        }
    }

    fn authorization(value: Secret) -> Credential {
        Credential::Header { name: "authorization".into(), value }
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Adds credentials to what is about to be sent.
pub(super) fn add(
    credentials: &[Credential],
    url: &mut Url,
    headers: &mut HeaderMap,
) -> Result<(), SendError> {
    for credential in credentials {
        match credential {
            Credential::Header { name, value } => {
                let name = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| refuse("a credential's header has no valid name"))?;
                headers.insert(name, sensitive(&[value.expose()])?);
            }
            Credential::Query { name, value } => {
                // Which of the two counts would be the callee's choice, and the signature leaves this name out.
                if url.query_pairs().any(|(other, _)| other == name.as_str()) {
                    return Err(refuse("the query has a parameter of the key's name already"));
                }
                let (name, value) = (encoded(name), Zeroizing::new(encoded(value.expose())));
                let whole = match url.query() {
                    Some(others) if !others.is_empty() => Secret::join(&[others, "&", &name, "=", &value]),
                    _ => Secret::join(&[&name, "=", &value]),
                };
                url.set_query(Some(whole.expose()));
            }
            Credential::Cookie { name, value } => {
                // RFC 6265 section 4.1.1.
                let plain = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
                if !value.expose().bytes().all(plain) {
                    return Err(refuse("the secret holds a character that no cookie can carry"));
                }
                let before = headers.get(COOKIE).and_then(|others| others.to_str().ok());
                let value = match before {
                    Some(others) => sensitive(&[others, "; ", name, "=", value.expose()])?,
                    None => sensitive(&[name, "=", value.expose()])?,
                };
                headers.insert(COOKIE, value);
            }
        }
    }
    Ok(())
}

/// A header value that is wiped when the last copy of it goes, that HPACK does not index and that `Debug` hides.
fn sensitive(parts: &[&str]) -> Result<HeaderValue, SendError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes))
        .map_err(|_| refuse("the secret holds a character that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn refuse(words: &str) -> SendError {
    SendError::not_sent(NotSent::Credential, words)
}

/// Percent-encoded but for RFC 3986's unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn added(credentials: &[Credential], url: &str) -> Result<(Url, HeaderMap), SendError> {
        let (mut url, mut headers) = (Url::parse(url).unwrap(), HeaderMap::new());
        headers.insert(COOKIE, HeaderValue::from_static("a=1"));
        add(credentials, &mut url, &mut headers).map(|()| (url, headers))
    }

    #[test]
    fn each_kind_stands_where_the_document_says() {
        let (user, password) = (secret("Aladdin"), secret("open sesame"));
        let credentials = [
            // RFC 7617 section 2.
            Credential::basic(&user, Some(&password)).unwrap(),
            Credential::Header { name: "X-Api-Key".into(), value: secret("k-1") },
            Credential::Query { name: "api key".into(), value: secret("a&b=c +%ü") },
            Credential::Cookie { name: "session".into(), value: secret("s3cret") },
        ];
        let (url, headers) = added(&credentials, "https://a.example/x?q=%20").unwrap();
        assert_eq!(headers["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(
            (&headers["x-api-key"], &headers["cookie"]),
            (&"k-1".parse().unwrap(), &"a=1; session=s3cret".parse().unwrap())
        );
        assert_eq!(url.query(), Some("q=%20&api%20key=a%26b%3Dc%20%2B%25%C3%BC"));
        assert_eq!(
            added(&credentials[2..3], "https://a.example/x").unwrap().0.query(),
            Some("api%20key=a%26b%3Dc%20%2B%25%C3%BC")
        );
        let shown = format!("{headers:?} {credentials:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("QWxh") && !shown.contains("k-1"), "{shown}");
    }

    #[test]
    fn what_cannot_be_carried_is_refused() {
        assert!(Credential::basic(&secret("a:b"), None).is_none());
        for credential in [
            Credential::Cookie { name: "s".into(), value: secret("a;b") },
            Credential::Header { name: "a b".into(), value: secret("c") },
            Credential::Header { name: "a".into(), value: secret("c\r\nd: e") },
        ] {
            let error = added(&[credential], "https://a.example/x").unwrap_err();
            assert!(matches!(error, SendError::NotSent { cause: NotSent::Credential, .. }), "{error}");
        }
    }
}

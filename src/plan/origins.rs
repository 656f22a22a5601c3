//! Where requests of an api go.

use super::model::Api;
use crate::documents::OperationView;

/// The origin of an absolute https URL, as the URL standard writes it; `None` for anything else.
pub fn https_origin(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    (plain && url.query().is_none() && url.fragment().is_none()).then(|| url.origin().ascii_serialization())
}

/// What a text that is no origin, or no URL, is written wrong in, and the origin that was meant where that can be said.
pub fn https_slip(text: &str) -> (String, Option<String>) {
    let bare = text.trim();
    let (why, rest) = match bare.split_once("://") {
        _ if bare.is_empty() => return ("it is empty".to_owned(), None),
        _ if bare.contains(char::is_whitespace) => return ("white space stands in it".to_owned(), None),
        _ if bare != text => ("white space stands around it".to_owned(), bare.trim_start_matches("https://")),
        Some(("https", rest)) => (String::new(), rest),
        Some((scheme, rest)) => (format!("its scheme is `{scheme}`, not `https`"), rest),
        None => {
            let rest = bare.trim_start_matches("https:").trim_start_matches("http:");
            ("it does not begin with `https://`".to_owned(), rest.trim_start_matches('/'))
        }
    };
    let Ok(url) = url::Url::parse(&format!("https://{rest}")) else {
        return ("no host stands in it".to_owned(), None);
    };
    let meant = url.origin().ascii_serialization();
    let why = match () {
        () if !why.is_empty() => why,
        () if !url.username().is_empty() || url.password().is_some() => "a login stands in it".to_owned(),
        () if url.query().is_some() || url.fragment().is_some() => {
            "something stands behind its path, after `?` or `#`".to_owned()
        }
        () if rest.contains('/') => "a path stands behind its host".to_owned(),
        () => format!("this origin is written `{meant}`"),
    };
    (why, Some(meant))
}

/// Why an operation has no server to go to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum OriginError {
    /// No server of the operation lies under the authorised origin.
    #[error("no server of the operation is at the authorised origin `{0}`")]
    NotAuthorised(String),
    /// The region is not an origin.
    #[error("`{0}` is not an https origin")]
    NotAnOrigin(String),
    /// No server of the operation lies there: at the region's origin, or at the URL the flow names.
    #[error("no server of the operation is at `{0}`")]
    NotAServer(String),
    /// What the flow names is no absolute https URL.
    #[error("`{0}` is not an absolute https URL")]
    NotAnUrl(String),
    /// The server that the flow names lies outside the region's or the authorised origin.
    #[error("`{server}` is not at `{origin}`")]
    ServerElsewhere {
        /// The server.
        server: String,
        /// The origin in force.
        origin: String,
    },
    /// Nothing says where the API is: the document's servers are relative, or there are none.
    #[error("no server of the operation is an absolute https URL")]
    NoServer,
}

/// What decides among an operation's servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice<'c> {
    /// The authorised origin; absent for a party without a passport.
    pub origin: Option<&'c str>,
    /// The region's origin.
    pub region: Option<&'c str>,
    /// The server that the flow names: an absolute URL.
    pub server: Option<&'c str>,
}

impl Choice<'_> {
    /// What a plan's api chose.
    pub fn of(api: &Api) -> Choice<'_> {
        Choice {
            origin: api.identity.identity().map(|identity| identity.api_origin.as_str()),
            region: api.region.as_ref().map(|region| region.origin.as_str()),
            server: api.server.as_deref(),
        }
    }
}

/// The server of an operation, no slash at the end: the one the flow names, which must be among the operation's; else the
/// one at the region's origin; else the one at the authorised origin; else, without a passport, the first that is a whole
/// https URL. Where the document names no server at all, any https
/// URL that the flow names, else the root of the origin (OpenAPI's default is `/`).
pub fn base_url(view: &OperationView, choice: Choice<'_>) -> Result<String, OriginError> {
    let origin = choice.region.or(choice.origin);
    if let Some(origin) = origin.filter(|origin| https_origin(origin).as_deref() != Some(*origin)) {
        return Err(OriginError::NotAnOrigin(origin.to_owned()));
    }
    if let Some(server) = choice.server {
        let url = server.trim_end_matches('/');
        let own = https_origin(url).ok_or_else(|| OriginError::NotAnUrl(server.to_owned()))?;
        if let Some(origin) = origin.filter(|origin| *origin != own) {
            return Err(OriginError::ServerElsewhere { server: url.to_owned(), origin: origin.to_owned() });
        }
        let known = view.servers.iter().any(|server| server.matches(url));
        // A document without servers says nothing of the path: the author's word stands, and the proof says whose it is.
        return if known || view.servers.is_empty() {
            Ok(url.to_owned())
        } else {
            Err(OriginError::NotAServer(url.to_owned()))
        };
    }
    let Some(origin) = origin else {
        let mut urls = view.servers.iter().filter_map(|server| server.default_url());
        return urls.find(|url| https_origin(url).is_some()).ok_or(OriginError::NoServer);
    };
    if choice.region.is_none() && view.servers.is_empty() {
        return Ok(origin.to_owned());
    }
    let found = view.servers.iter().find_map(|server| server.at_origin(origin));
    match found {
        Some(server) => Ok(server),
        None if choice.region.is_some() => Err(OriginError::NotAServer(origin.to_owned())),
        None => Err(OriginError::NotAuthorised(origin.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_wrong_in_an_origin_is_said() {
        for (text, why, meant) in [
            ("a.example", "it does not begin with `https://`", Some("https://a.example")),
            ("https:/a.example", "it does not begin with `https://`", Some("https://a.example")),
            ("http://a.example:8080", "its scheme is `http`, not `https`", Some("https://a.example:8080")),
            ("https://a.example/v1", "a path stands behind its host", Some("https://a.example")),
            (
                "https://a.example?b",
                "something stands behind its path, after `?` or `#`",
                Some("https://a.example"),
            ),
            ("https://me:pw@a.example", "a login stands in it", Some("https://a.example")),
            ("https://A.example", "this origin is written `https://a.example`", Some("https://a.example")),
            (" https://a.example", "white space stands around it", Some("https://a.example")),
            ("https://a example", "white space stands in it", None),
            ("https://", "no host stands in it", None),
            ("", "it is empty", None),
        ] {
            assert_ne!(https_origin(text).as_deref(), Some(text));
            assert_eq!(https_slip(text), (why.to_owned(), meant.map(str::to_owned)), "{text}");
        }
    }
}

//! Where requests of an api go.

use crate::documents::OperationView;
use crate::ecz::DocumentIdentity;

/// The origin of an absolute https URL, as the URL standard writes it; `None` for anything else.
pub fn https_origin(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    (plain && url.query().is_none() && url.fragment().is_none()).then(|| url.origin().ascii_serialization())
}

/// Why an operation has no server to go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No server of the operation lies under the authorised origin.
    #[error("no server of the operation is at the authorised origin `{0}`")]
    NotAuthorised(String),
    /// The region is not an origin.
    #[error("`{0}` is not an https origin")]
    NotAnOrigin(String),
    /// No server of the operation lies under the region's origin.
    #[error("no server of the operation is at `{0}`")]
    NotAServer(String),
}

/// The server of an operation: the one at the region's origin, else the one at the authorised origin. Where the document
/// names no server at all, the authorised origin itself (OpenAPI's default is `/`). No slash at the end.
pub fn base_url(
    view: &OperationView,
    identity: &DocumentIdentity,
    region: Option<&str>,
) -> Result<String, OriginError> {
    let origin = region.unwrap_or(&identity.api_origin);
    if https_origin(origin).as_deref() != Some(origin) {
        return Err(OriginError::NotAnOrigin(origin.to_owned()));
    }
    if region.is_none() && view.servers.is_empty() {
        return Ok(origin.to_owned());
    }
    let found = view.servers.iter().find_map(|server| server.at_origin(origin));
    match found {
        Some(server) => Ok(server),
        None if region.is_some() => Err(OriginError::NotAServer(origin.to_owned())),
        None => Err(OriginError::NotAuthorised(origin.to_owned())),
    }
}

//! An `api` and what stands in its block.

use super::{Cleared, Count, Millis, Name, Path, Spanned, Text, UseHandoff};
use crate::source::Span;

/// An API surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its place.
    pub span: Span,
    /// Its name in this file.
    pub name: Name,
    /// The document's path; the string in `openapi("…")`.
    pub document: Text,
    /// The whole of `openapi("…")`: a missing pin is inserted after it.
    pub source_span: Span,
    /// The pin, where there is one.
    pub pin: Option<Pin>,
    /// The regional alias.
    pub region: Option<Region>,
    /// `operator NAME`: who is said to answer.
    pub operator: Option<Name>,
    /// `passport ECZ-…`: the API Passport as written.
    pub passport: Option<Text>,
    /// `origin "https://…"`: the authorised origin as written.
    pub origin: Option<Text>,
    /// `no passport because "…"`.
    pub no_passport: Option<NoPassport>,
    /// `server "https://…"`: one of the document's servers.
    pub server: Option<Text>,
    /// How requests authenticate: schemes that are due together.
    pub auth: Vec<Auth>,
    /// The idempotency header that its effects honour.
    pub idempotency: Option<Idempotency>,
    /// Bounds of one attempt.
    pub timeout: Option<Timeout>,
    /// Most requests in a length of time.
    pub rate: Option<Rate>,
    /// Most requests at once.
    pub concurrency: Option<Count>,
    /// Default retry policy.
    pub retry: Option<Path>,
    /// Breaker.
    pub breaker: Option<Path>,
    /// Default handoff policy.
    pub handoff: Option<UseHandoff>,
    /// What it may receive beside `internal`.
    pub cleared: Vec<Cleared>,
}

/// `pinned sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// 64 lower-case hex digits.
    pub hex: String,
    /// From `pinned` to the last digit.
    pub span: Span,
    /// `sha256:…`, the part that changes with the document.
    pub value_span: Span,
}

/// `region NAME at "https://…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its origin as written.
    pub origin: Text,
}

/// `no passport because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPassport {
    /// Its place.
    pub span: Span,
    /// The reason.
    pub because: Text,
}

/// `auth SCHEME …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Its place.
    pub span: Span,
    /// The scheme with what it needs.
    pub scheme: AuthScheme,
}

/// The schemes of `auth`. Names are those of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthScheme {
    /// `bearer secret.NAME`.
    Bearer(Name),
    /// `basic secret.USER secret.PASSWORD`.
    Basic(Name, Option<Name>),
    /// `key "scheme" secret.NAME in header "X-Key"`.
    Key {
        /// The scheme's name in the document, where given.
        scheme: Option<Text>,
        /// The key.
        secret: Name,
        /// `header`, `query` or `cookie`, and the name there, where given.
        place: Option<(Name, Text)>,
    },
    /// `oauth2 secret.ID secret.SECRET { … }`.
    OAuth2 {
        /// The client's id.
        client_id: Name,
        /// The client's secret.
        client_secret: Name,
        /// The token endpoint's origin.
        token: Option<Text>,
        /// The scopes to ask for.
        scopes: Vec<Text>,
        /// The audience to ask for.
        audience: Option<Text>,
    },
    /// `certificate secret.NAME`.
    Certificate(Name),
}

/// `idempotency header "…" …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Its place.
    pub span: Span,
    /// The header's name.
    pub header: Text,
    /// Who says so.
    pub source: IdempotencySource,
}

/// Who says that a header is honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencySource {
    /// `assumed by OPERATOR because "…"`.
    Assumed {
        /// The operator that takes it for granted.
        by: Name,
        /// The reason.
        because: Text,
    },
    /// `stated by ECZ-… in file("…") pinned sha256:…`.
    Stated {
        /// The issuer's ECZ-ID as written.
        by: Text,
        /// The statement's path as written.
        file: Text,
        /// The whole of `file("…")`: a missing pin is inserted after it.
        file_span: Span,
        /// The pin, where there is one.
        pin: Option<Pin>,
    },
}

/// `timeout { connect 5s attempt 30s response 16MiB }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeout {
    /// Its place.
    pub span: Span,
    /// Resolve, connect and TLS.
    pub connect: Option<Millis>,
    /// The whole attempt.
    pub attempt: Option<Millis>,
    /// Largest response body, bytes.
    pub response: Option<Spanned<u64>>,
}

/// `rate 600 per 1m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Its place.
    pub span: Span,
    /// How many requests.
    pub requests: Count,
    /// In what length of time.
    pub per: Millis,
}

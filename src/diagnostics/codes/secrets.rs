//! EF6: secrets and audiences

use crate::diagnostics::Code;

/// A secret sent to another than its audience.
pub static SECRET_AUDIENCE: Code = Code::error("EF6001", "secret-audience");
/// A kind of authentication that the operation does not document.
pub static AUTH_NOT_DOCUMENTED: Code = Code::error("EF6002", "auth-not-documented");
/// An operation that demands authentication which the api does not declare.
pub static AUTH_MISSING: Code = Code::error("EF6003", "auth-missing");

/// A security scheme that the document does not have.
pub static UNKNOWN_SCHEME: Code = Code::error("EF6004", "unknown-scheme");
/// A key, where the document has several.
pub static AMBIGUOUS_SCHEME: Code = Code::error("EF6005", "ambiguous-scheme");
/// A token endpoint that is not where the flow says.
pub static TOKEN_ENDPOINT: Code = Code::error("EF6006", "token-endpoint");
/// A scope that the document does not have, or one that is due and not asked for.
pub static UNKNOWN_SCOPE: Code = Code::error("EF6007", "unknown-scope");
/// A credential that would go where something else stands already.
pub static CREDENTIAL_PLACE: Code = Code::error("EF6008", "credential-place");

/// This family.
pub const ALL: &[&Code] = &[
    &SECRET_AUDIENCE,
    &AUTH_NOT_DOCUMENTED,
    &AUTH_MISSING,
    &UNKNOWN_SCHEME,
    &AMBIGUOUS_SCHEME,
    &TOKEN_ENDPOINT,
    &UNKNOWN_SCOPE,
    &CREDENTIAL_PLACE,
];

//! EF6: secrets and audiences, classes and clearances

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

/// Data sent to an api that is not cleared for its class.
pub static CLASS_SENT: Code = Code::error("EF6010", "class-sent");
/// Data that shows in what is sent to an api, or in whether it is sent, where the api is not cleared for its class.
pub static CLASS_DECIDES: Code = Code::error("EF6011", "class-decides");
/// Data in a message or an output, where the flow's own operator is not cleared for its class.
pub static CLASS_TOLD: Code = Code::error("EF6012", "class-told");
/// A `classify` below what already holds.
pub static CLASS_LOWERED: Code = Code::error("EF6013", "class-lowered");
/// A word that is no class.
pub static UNKNOWN_CLASS: Code = Code::error("EF6014", "unknown-class");
/// A `release` without a reason.
pub static RELEASE_WITHOUT_REASON: Code = Code::error("EF6015", "release-without-reason");
/// A `release` that changes nothing.
pub static NEEDLESS_RELEASE: Code = Code::warning("EF6016", "needless-release");
/// A `cleared` that nothing needs.
pub static NEEDLESS_CLEARANCE: Code = Code::warning("EF6017", "needless-clearance");
/// An `x-data-class` of a document that is no class.
pub static DOCUMENT_CLASS: Code = Code::warning("EF6018", "document-class");

/// An `x-data-class` where none is read.
pub static CLASS_UNREAD: Code = Code::warning("EF6024", "class-unread");

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
    &CLASS_SENT,
    &CLASS_DECIDES,
    &CLASS_TOLD,
    &CLASS_LOWERED,
    &UNKNOWN_CLASS,
    &RELEASE_WITHOUT_REASON,
    &NEEDLESS_RELEASE,
    &NEEDLESS_CLEARANCE,
    &DOCUMENT_CLASS,
    &CLASS_UNREAD,
];

//! EF6: secrets and audiences

use crate::diagnostics::Code;

/// A secret sent to another than its audience.
pub static SECRET_AUDIENCE: Code = Code::error("EF6001", "secret-audience");
/// A kind of authentication that the operation does not document.
pub static AUTH_NOT_DOCUMENTED: Code = Code::error("EF6002", "auth-not-documented");
/// An operation that demands authentication which the api does not declare.
pub static AUTH_MISSING: Code = Code::error("EF6003", "auth-missing");

/// This family.
pub const ALL: &[&Code] = &[&SECRET_AUDIENCE, &AUTH_NOT_DOCUMENTED, &AUTH_MISSING];

//! EF7: style

use crate::diagnostics::Code;

/// An `allow` that silences nothing.
pub static UNUSED_ALLOW: Code = Code::warning("EF7001", "unused-allow");
/// An `allow` of something that is no rule.
pub static UNKNOWN_RULE: Code = Code::error("EF7002", "unknown-rule");
/// An `allow` of an error.
pub static ALLOWED_ERROR: Code = Code::error("EF7003", "allowed-error");

/// This family.
pub const ALL: &[&Code] = &[&UNUSED_ALLOW, &UNKNOWN_RULE, &ALLOWED_ERROR];

//! EF8: OpenAPI documents

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

//! EF6: secrets and confidentiality

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

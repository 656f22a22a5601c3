//! EF7: style

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

//! EF0: text that is no flow

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

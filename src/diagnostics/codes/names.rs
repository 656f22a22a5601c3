//! EF1: names

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

//! EF2: types (obligation P3)

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

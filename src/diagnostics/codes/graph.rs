//! EF3: the graph (P1, P8)

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

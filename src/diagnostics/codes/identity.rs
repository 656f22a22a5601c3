//! EF4: identity, handoffs and pins (P4, P5)

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

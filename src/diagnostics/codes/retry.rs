//! EF5: retry, breaker, time (P7)

use crate::diagnostics::Code;

/// This family.
pub const ALL: &[&Code] = &[];

//! The driver: from a path to diagnostics, a checked flow and a verified plan.
//!
//! May import every room above it. Pure: files are read through [`crate::source::FileSystem`], nothing is written or printed.

mod allow;
mod fix;
mod pin;
mod session;
mod update;
mod usage;

pub use fix::{Fixed, Made};
pub use pin::{Edit, PinState, Pinned};
pub use session::{Checked, Compilation, Session};
pub use update::{ApiUpdate, Change, Fall, PartUpdate, Standing, Update};

#[cfg(test)]
mod tests;

//! The driver: from a path to diagnostics, a checked flow and a verified plan.
//!
//! May import every room above it. Pure: files are read through [`crate::source::FileSystem`], nothing is written or printed.

mod pin;
mod session;

pub use pin::{Edit, PinState, Pinned};
pub use session::{Checked, Compilation, Session};

#[cfg(test)]
mod tests;

//! P5: pins and the lock.

pub(super) mod pinned;
pub(super) mod locked;

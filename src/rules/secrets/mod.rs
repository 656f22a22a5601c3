//! Secrets reach only their audience.

pub(super) mod audience;
pub(super) mod classes;
pub(super) mod lowered;
pub(super) mod place;
pub(super) mod scheme;

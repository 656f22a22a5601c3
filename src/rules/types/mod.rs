//! P3: types against the documents.

pub(super) mod positions;
pub(super) mod statuses;

//! P7: retries, keys, bounds.

pub(super) mod repeatable;
pub(super) mod header;
pub(super) mod key;
pub(super) mod deadline;
pub(super) mod limits;
pub(super) mod rate;
pub(super) mod read_back;
pub(super) mod statement;

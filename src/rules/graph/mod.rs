//! P1 and P8: ends, reachability, compensation.

pub(super) mod end;
pub(super) mod compensation;
pub(super) mod undo;

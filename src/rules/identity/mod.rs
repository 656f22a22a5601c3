//! P4 and P5: handoff policies, evidence, identities, origins.

pub(super) mod handoff_policy;
pub(super) mod evidence;
pub(super) mod weaker;
pub(super) mod hint;
pub(super) mod operators;
pub(super) mod origin;

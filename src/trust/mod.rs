//! What a flow shows others of itself, made from its plan alone: who hands what to whom, the documents that are handed
//! over, and what an agent publishes about itself. Data; nothing here reads, writes or asks anybody.
//!
//! May import: base, ecz, plan. Invariant: the same plan makes the same bytes, and no secret is named but by its name.

mod agent;
mod documents;
mod map;

pub use agent::{AgentFacts, AgentFault, MANIFEST_PATH, agent_document};
pub use documents::{handoff_policy, workflow_manifest};
pub use map::{Edge, Given, MappedApi, MappedOperator, TrustMap};

//! What the checker proves: one file an obligation, one list of all.
//!
//! May import: base, ecz, source, diagnostics, documents, types, expr, plan, hir, graph. A rule reads the resolved flow and
//! its graph and pushes findings; it changes nothing and knows no other rule.

mod graph;
mod identity;
mod keys;
mod limits;
mod outline;
mod told;
mod pins;
mod retry;
mod secrets;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostics::{Code, Sink};
use crate::documents::Lock;
use crate::graph::Graph;
use crate::hir::Hir;

/// What a rule may look at.
pub struct Context<'a> {
    /// The resolved flow.
    pub hir: &'a Hir,
    /// Its graph.
    pub graph: &'a Graph,
    /// The flows that are judged, each after those that it calls.
    pub flows: &'a [&'a Hir],
    /// Flows of the file that are not judged themselves, and call one of these.
    pub callers: &'a [&'a Hir],
    /// Whether the judged ones are all of the file: what none of them needs is then needed by none.
    pub whole: bool,
    /// The graphs of them all, by name.
    pub graphs: &'a BTreeMap<String, Arc<Graph>>,
    /// The lock beside the flow's file.
    pub lock: &'a LockState,
    /// The flow file's path as the lock writes it.
    pub flow_file: &'a str,
}

/// What stands beside the flow's file.
#[derive(Debug)]
pub enum LockState {
    /// No `eczflow.lock`.
    Missing,
    /// One that cannot be read.
    Unreadable {
        /// Why.
        reason: String,
        /// What to do, where pinning again is not it.
        help: Option<String>,
    },
    /// A lock.
    Read(Lock),
}

/// A rule.
pub struct Rule {
    /// `group/name`: its file in `src/rules`. Cases lie in a folder for each of its codes.
    pub name: &'static str,
    /// The codes it may yield.
    pub codes: &'static [&'static Code],
    check: fn(&Context<'_>, &mut Sink),
}

/// Every rule.
pub const ALL: &[Rule] = &[
    graph::end::RULE,
    graph::compensation::RULE,
    graph::undo::RULE,
    types::positions::RULE,
    types::statuses::RULE,
    identity::handoff_policy::RULE,
    identity::evidence::RULE,
    identity::weaker::RULE,
    identity::hint::RULE,
    identity::operators::RULE,
    identity::origin::RULE,
    pins::pinned::RULE,
    pins::locked::RULE,
    retry::repeatable::RULE,
    retry::header::RULE,
    retry::key::RULE,
    retry::read_back::RULE,
    retry::statement::RULE,
    retry::deadline::RULE,
    retry::limits::RULE,
    retry::rate::RULE,
    secrets::audience::RULE,
    secrets::place::RULE,
    secrets::scheme::RULE,
    secrets::classes::RULE,
    secrets::lowered::RULE,
    secrets::described::RULE,
    secrets::needless::RULE,
];

/// Runs the given rules.
pub fn check(rules: &[&Rule], context: &Context<'_>, sink: &mut Sink) {
    for rule in rules {
        (rule.check)(context, sink);
    }
}

/// Whose call this is, in words: a node's own, or that of one of its clauses.
fn who(subject: &str) -> String {
    match subject.split_once('/') {
        Some((node, clause)) => format!("the {clause} of `{node}`"),
        None => format!("`{subject}`"),
    }
}

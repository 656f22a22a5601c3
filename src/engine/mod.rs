//! The decider: `(state, event) -> state`, `state -> next event` and `state -> what is awaited`. Pure: no clock, no I/O, no
//! async; the same input gives the same output.
//!
//! May import: base, ecz, expr, types, plan, audit. Every event is a journal record and an audit leaf, so the same code
//! serves the host, crash recovery and the auditor's replay.

mod agenda;
mod apply;
pub mod breaker;
mod call;
mod decide;
mod event;
mod told;
mod key;
mod outcome;
pub mod pace;
mod path;
mod reconcile;
mod round;
mod record;
mod request;
pub mod retry;
mod settle;
mod state;
mod sub_flow;
mod verdict;

use std::collections::BTreeMap;

pub use apply::Illegal;
pub use decide::{Environment, Need};
pub use event::*;
pub use outcome::{Beside, Outcome, counts_for_breaker, judge_answer, judge_failure};
pub use path::{Iterations, Path, PathError, Role};
pub use record::identities;
pub use state::{Failure, Phase, State};
pub use sub_flow::Child;
pub use told::*;
pub use verdict::{Subject, VERDICT_AGE_MS, passed, state_name, subjects};

use crate::plan::{AnswerUse, Block, Call, Node, NodeKind, Plan, Step, Verified};

/// The decider over one plan.
pub struct Engine<'a> {
    plan: &'a Verified<Plan>,
    nodes: BTreeMap<&'a str, &'a Node>,
    places: BTreeMap<&'a str, Place<'a>>,
}

/// Where a node stands in its block, and who waits for it.
#[derive(Debug)]
struct Place<'a> {
    position: u64,
    followers: Vec<&'a str>,
}

impl<'a> Engine<'a> {
    /// A decider for a plan.
    pub fn new(plan: &'a Verified<Plan>) -> Engine<'a> {
        let (mut nodes, mut places) = (BTreeMap::new(), BTreeMap::new());
        index(&plan.flow.body, &mut nodes, &mut places);
        Engine { plan, nodes, places }
    }

    /// The plan it runs.
    pub fn plan(&self) -> &'a Verified<Plan> {
        self.plan
    }

    /// The step at a path.
    pub fn step(&self, path: &Path) -> Option<&'a Step> {
        match &self.nodes.get(path.node.as_str())?.kind {
            NodeKind::Call(step) => Some(step),
            _ => None,
        }
    }

    /// What the flow uses of the answer at a path beside its body; nothing of an undo's.
    pub fn answer_use(&self, path: &Path) -> Option<&'a AnswerUse> {
        self.step(path).filter(|_| path.is_own())?.answer.as_ref()
    }

    /// The call at a path: the step's own, or that of one of its clauses.
    pub fn call(&self, path: &Path) -> Option<&'a Call> {
        match path.role {
            Role::Own => self.step(path).map(|step| &step.call),
            Role::Undo => self.nodes.get(path.node.as_str())?.undo(),
            Role::Reconcile => Some(&self.step(path)?.reconcile.as_ref()?.call),
        }
    }
}

fn index<'a>(
    block: &'a Block,
    nodes: &mut BTreeMap<&'a str, &'a Node>,
    places: &mut BTreeMap<&'a str, Place<'a>>,
) {
    for (position, node) in (0..).zip(&block.nodes) {
        nodes.insert(&node.id, node);
        places.insert(&node.id, Place { position, followers: Vec::new() });
    }
    for node in &block.nodes {
        for earlier in &node.after {
            if let Some(place) = places.get_mut(earlier.as_str()) {
                place.followers.push(&node.id);
            }
        }
        if let NodeKind::For(looping) = &node.kind {
            index(&looping.body, nodes, places);
        }
    }
}

//! The nodes of a block so far, and which of them nothing waits for yet.

use std::collections::{BTreeMap, BTreeSet};

use super::nodes::Node;

/// An `after` that names more nodes than this becomes a node of its own, so that what stands below waits for one name
/// instead of for each of them: the edges of a flow grow with its text, not with its square.
pub(super) const NAMED_AT_ONCE: usize = 16;

/// The nodes of a block so far.
#[derive(Default)]
pub(super) struct Placed {
    pub(super) nodes: Vec<Node>,
    pub(super) positions: BTreeMap<String, usize>,
    /// The nodes that no other one waits for.
    ends: BTreeSet<usize>,
    /// The last barrier: everything below waits for it.
    barrier: Option<usize>,
}

impl Placed {
    pub(super) fn add(&mut self, node: Node) {
        let at = self.nodes.len();
        for name in node.after.iter().map(|(name, _)| name).chain(&node.needs()) {
            if let Some(earlier) = self.positions.get(name) {
                self.ends.remove(earlier);
            }
        }
        if let Some(barrier) = self.barrier {
            self.ends.remove(&barrier);
        }
        if node.is_barrier() {
            self.barrier = Some(at);
        }
        self.ends.insert(at);
        self.positions.insert(node.id.clone(), at);
        self.nodes.push(node);
    }

    pub(super) fn ends(&self) -> impl Iterator<Item = &Node> {
        self.ends.iter().filter_map(|at| self.nodes.get(*at))
    }
}

//! Edges of every block, circles, and what is finished before what.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use super::drawing::EdgeKind;
use crate::diagnostics::codes::graph as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Block, Flow, Node, NodeKind};
use crate::plan::ranges;
use crate::source::Span;

/// The order of a flow's nodes.
#[derive(Debug, Default)]
pub struct Graph {
    /// By node: the nodes of its block it waits for directly, and why.
    edges: BTreeMap<String, BTreeMap<String, EdgeKind>>,
    /// By node: its position in its block, and which positions are finished before it starts.
    before: BTreeMap<String, (usize, Vec<u64>)>,
    /// By node: the loop it stands in.
    inside: BTreeMap<String, String>,
}

/// Builds the graph of a flow and reports circles. With a circle the answers about order mean little.
pub fn build(flow: &Flow, sink: &mut Sink) -> Graph {
    let mut graph = Graph::default();
    let mut count = 0;
    flow.body.each_node(&mut |_, _| count += 1);
    if count > ranges::NODES {
        let message = format!("`{}` has {count} nodes, more than {}", flow.name, ranges::NODES);
        sink.push(Diagnostic::new(&codes::TOO_LARGE, flow.span, message).help("split the flow"));
        return graph;
    }
    graph.block(&flow.body, None, sink);
    graph
}

impl Graph {
    /// The nodes of its own block that a node waits for directly, sorted.
    pub fn after(&self, node: &str) -> Vec<String> {
        self.edges.get(node).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// The direct edges of a node with their kinds.
    pub(super) fn edges_of(&self, node: &str) -> impl Iterator<Item = (&String, EdgeKind)> {
        self.edges.get(node).into_iter().flatten().map(|(from, kind)| (from, *kind))
    }

    /// The loops a node stands in, the innermost first.
    pub fn loops_of(&self, node: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut at = node;
        while let Some(outer) = self.inside.get(at) {
            found.push(outer.as_str());
            at = outer;
        }
        found
    }

    /// Whether one node is finished before another starts, whichever blocks they stand in. Nodes of one loop are ordered
    /// within an iteration only, which does not count here unless the loop `runs_once`.
    pub fn is_before(&self, earlier: &str, later: &str, runs_once: &dyn Fn(&str) -> bool) -> bool {
        let mut from: Vec<&str> = vec![earlier];
        from.extend(self.loops_of(earlier));
        let mut to: Vec<&str> = vec![later];
        to.extend(self.loops_of(later));
        for early in &from {
            for late in &to {
                let same_block = self.inside.get(*early) == self.inside.get(*late);
                if !same_block || !self.is_directly_before(early, late) {
                    continue;
                }
                // Every loop around both must have a single iteration.
                if self.loops_of(late).into_iter().all(runs_once) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether one of two nodes of a block is finished before the other starts.
    fn is_directly_before(&self, early: &str, late: &str) -> bool {
        let (Some((at, _)), Some((_, before))) = (self.before.get(early), self.before.get(late)) else {
            return false;
        };
        before.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    fn block(&mut self, block: &Block, outer: Option<&str>, sink: &mut Sink) {
        let mut petgraph: DiGraph<usize, EdgeKind> = DiGraph::new();
        let indices: Vec<NodeIndex> =
            block.nodes.iter().enumerate().map(|(at, _)| petgraph.add_node(at)).collect();
        let positions: BTreeMap<&str, usize> =
            block.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let mut last_barrier: Option<usize> = None;
        for (at, node) in block.nodes.iter().enumerate() {
            let mut edges: BTreeMap<usize, EdgeKind> = BTreeMap::new();
            if matches!(node.kind, NodeKind::Return(_)) {
                edges.extend((0..at).map(|other| (other, EdgeKind::End)));
            }
            for (name, _) in &node.after {
                edges.extend(positions.get(name.as_str()).map(|other| (*other, EdgeKind::After)));
            }
            if let NodeKind::For(repeat) = &node.kind {
                let inner = repeat.body.nodes.iter().flat_map(|node| &node.after);
                edges.extend(
                    inner.filter_map(|(name, _)| Some((*positions.get(name.as_str())?, EdgeKind::After))),
                );
            }
            // Each barrier waits for the one before it: the last one stands for all.
            edges.extend(last_barrier.map(|barrier| (barrier, EdgeKind::Barrier)));
            for name in node.needs() {
                if let Some(other) = positions.get(name.as_str()) {
                    edges.insert(*other, EdgeKind::Data);
                }
            }
            if node.is_barrier() {
                last_barrier = Some(at);
            }
            for (other, kind) in &edges {
                if let (Some(from), Some(to)) = (indices.get(*other), indices.get(at)) {
                    petgraph.add_edge(*from, *to, *kind);
                }
            }
            let named =
                edges.iter().filter_map(|(other, kind)| Some((block.nodes.get(*other)?.id.clone(), *kind)));
            self.edges.insert(node.id.clone(), named.collect());
            if let Some(outer) = outer {
                self.inside.insert(node.id.clone(), outer.to_owned());
            }
        }
        let order = match toposort(&petgraph, None) {
            Ok(order) => order,
            Err(_) => {
                report_circles(block, &petgraph, sink);
                Vec::new()
            }
        };
        let mut before: Vec<Vec<u64>> = vec![vec![0; block.nodes.len().div_ceil(64)]; block.nodes.len()];
        for index in order {
            let mut bits = vec![0; block.nodes.len().div_ceil(64)];
            for earlier in petgraph.neighbors_directed(index, Direction::Incoming) {
                let theirs = before.get(earlier.index()).map(Vec::as_slice).unwrap_or_default();
                bits.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
                if let Some(word) = bits.get_mut(earlier.index() / 64) {
                    *word |= 1 << (earlier.index() % 64);
                }
            }
            if let Some(slot) = before.get_mut(index.index()) {
                *slot = bits;
            }
        }
        for ((at, node), bits) in block.nodes.iter().enumerate().zip(before) {
            self.before.insert(node.id.clone(), (at, bits));
        }
        for node in &block.nodes {
            if let NodeKind::For(repeat) = &node.kind {
                self.block(&repeat.body, Some(&node.id), sink);
            }
        }
    }
}

/// What `after` names at a node and inside it.
fn written_after(node: &Node) -> Vec<(&str, Span)> {
    let mut found: Vec<(&str, Span)> = node.after.iter().map(|(name, span)| (name.as_str(), *span)).collect();
    if let NodeKind::For(repeat) = &node.kind {
        found.extend(repeat.body.nodes.iter().flat_map(written_after));
    }
    found
}

/// One finding a circle, with the way round it.
fn report_circles(block: &Block, graph: &DiGraph<usize, EdgeKind>, sink: &mut Sink) {
    for component in tarjan_scc(graph) {
        let members: BTreeSet<usize> =
            component.iter().filter_map(|index| graph.node_weight(*index)).copied().collect();
        let Some(start) = members.first().copied() else { continue };
        let own = graph.find_edge(NodeIndex::new(start), NodeIndex::new(start)).is_some();
        if members.len() < 2 && !own {
            continue;
        }
        let way = shortest_way_round(graph, start, &members);
        let nodes: Vec<&Node> = way.iter().filter_map(|at| block.nodes.get(*at)).collect();
        // The place to mend is the `after` that names a node below itself.
        let later = |node: &Node, name: &str| {
            let place = |id: &str| block.nodes.iter().position(|other| other.id == id);
            nodes.iter().any(|other| other.id == name) && place(name) >= place(&node.id)
        };
        let written = nodes.iter().find_map(|node| {
            let names = written_after(node);
            names.into_iter().find(|(name, _)| later(node, name)).map(|(_, span)| span)
        });
        let Some(span) = written.or_else(|| nodes.first().map(|node| node.span)) else { continue };
        let mut diagnostic = Diagnostic::new(&codes::CYCLE, span, circle(&nodes));
        let before = nodes.iter().cycle().skip(nodes.len().saturating_sub(1));
        for (node, earlier) in nodes.iter().zip(before) {
            let place = |of: &Node| block.nodes.iter().position(|other| other.id == of.id);
            let ends = place(earlier).zip(place(node));
            let edge = ends.and_then(|(from, to)| graph.find_edge(NodeIndex::new(from), NodeIndex::new(to)));
            let named = written_after(node).into_iter().any(|(name, _)| name == earlier.id);
            let kind = edge.and_then(|edge| graph.edge_weight(edge)).copied().filter(|_| !named);
            diagnostic = diagnostic.and(node.span, waits(earlier, kind));
        }
        sink.push(diagnostic.help("remove the `after` that names a later step"));
    }
}

/// A circle in words, its nodes in the order of running.
fn circle(nodes: &[&Node]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| node.shown()).collect();
    match names.as_slice() {
        [one] => format!("{one} waits for itself"),
        [one, other] => format!("{one} and {other} wait for each other"),
        more => format!("these wait for each other in a circle: {}", more.join(", ")),
    }
}

/// Why a node waits for one before it.
fn waits(earlier: &Node, kind: Option<EdgeKind>) -> String {
    let earlier = earlier.shown();
    match kind {
        Some(EdgeKind::Data) => format!("reads {earlier}"),
        Some(EdgeKind::Barrier) => format!("waits for {earlier}, as all below it does"),
        Some(EdgeKind::After | EdgeKind::End) | None => format!("waits for {earlier}, by an `after`"),
    }
}

/// A shortest circle through a node, in the order of running.
fn shortest_way_round(
    graph: &DiGraph<usize, EdgeKind>,
    start: usize,
    members: &BTreeSet<usize>,
) -> Vec<usize> {
    let mut previous: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        let mut next: Vec<usize> = graph
            .neighbors(NodeIndex::new(at))
            .filter_map(|index| graph.node_weight(index))
            .copied()
            .collect();
        next.sort_unstable();
        for other in next.into_iter().filter(|other| members.contains(other)) {
            if other == start {
                let mut way = vec![at];
                let mut back = at;
                while back != start {
                    let Some(earlier) = previous.get(&back) else { break };
                    back = *earlier;
                    way.push(back);
                }
                way.reverse();
                return way;
            }
            previous.entry(other).or_insert_with(|| {
                queue.push_back(other);
                at
            });
        }
    }
    members.iter().copied().collect()
}

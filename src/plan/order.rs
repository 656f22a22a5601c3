//! P1 from the plan's own content: acyclic, everything named is finished before, barriers hold, and the flow ends.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanError;
use super::bits::Bits;
use super::model::Obligation;
use super::steps::{Block, Flow, NodeKind};
use crate::expr::Expr;

fn refused(subject: &str, reason: impl Into<String>) -> PlanError {
    PlanError::Obligation { name: "P1", subject: subject.to_owned(), reason: reason.into() }
}

/// What P1 holds by, or why it does not.
pub(super) fn order(flow: &Flow) -> Result<Obligation, PlanError> {
    let mut seen = BTreeSet::new();
    for input in &flow.inputs {
        if !seen.insert(input.name.clone()) {
            return Err(refused("flow", format!("`{}` is there twice", input.name)));
        }
    }
    let mut outer = seen.clone();
    let mut blocks = 0;
    check_block(&flow.body, &mut outer, &mut seen, &mut blocks)?;
    let last = flow.body.nodes.last().map(|node| &node.kind);
    let ends = match last {
        Some(NodeKind::Return { .. }) => "returns",
        Some(NodeKind::Fail { condition: None, .. }) => "fails",
        _ => return Err(refused("flow", "it neither returns nor fails at its end")),
    };
    let nodes = count(&flow.body);
    let holds_by = format!("acyclic: nodes {nodes}, blocks {blocks}; every one can run; {ends}");
    Ok(Obligation { name: "P1".into(), subject: "flow".into(), holds_by })
}

fn count(block: &Block) -> usize {
    let inner = block.nodes.iter().map(|node| match &node.kind {
        NodeKind::For(repeat) => count(&repeat.body),
        _ => 0,
    });
    block.nodes.len() + inner.sum::<usize>()
}

/// `outer` holds the names that the block may use from outside; it is the same again afterwards.
fn check_block(
    block: &Block,
    outer: &mut BTreeSet<String>,
    seen: &mut BTreeSet<String>,
    blocks: &mut usize,
) -> Result<(), PlanError> {
    *blocks += 1;
    let index: BTreeMap<&str, usize> =
        block.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
    for node in &block.nodes {
        if !seen.insert(node.id.clone()) {
            return Err(refused(&node.id, "the name is there twice"));
        }
        if !node.after.is_sorted_by(|a, b| a < b) {
            return Err(refused(&node.id, "what it waits for is not sorted, each once"));
        }
        if let Some(unknown) = node.after.iter().find(|name| !index.contains_key(name.as_str())) {
            return Err(refused(&node.id, format!("it waits for `{unknown}`, which is not in its block")));
        }
    }
    let before = ancestors(block, &index)?;
    let mut last_barrier: Option<(usize, &str)> = None;
    for (at, node) in block.nodes.iter().enumerate() {
        let earlier = before.get(at);
        let waits_for = |other: usize| earlier.is_some_and(|earlier| earlier.has(other));
        for name in node.needs() {
            let known = match index.get(name.as_str()) {
                Some(other) => waits_for(*other),
                None => outer.contains(&name),
            };
            if !known {
                return Err(refused(&node.id, format!("it uses `{name}` without waiting for it")));
            }
        }
        // The last barrier waits for the ones before it, as was seen when it was its turn.
        if let Some((_, id)) = last_barrier.filter(|(barrier, _)| !waits_for(*barrier)) {
            return Err(refused(&node.id, format!("it does not wait for the barrier `{id}`")));
        }
        if node.is_barrier() {
            last_barrier = Some((at, &node.id));
        }
        let last = at + 1 == block.nodes.len();
        let never = match &node.kind {
            NodeKind::Fail { condition: None, .. } => !last,
            NodeKind::Return { .. } if *blocks > 1 || !last => {
                return Err(refused(&node.id, "a flow returns once, as its last node"));
            }
            NodeKind::Return { .. } if earlier.map_or(0, Bits::count) != at => {
                return Err(refused(&node.id, "the return does not wait for every node"));
            }
            NodeKind::Wait(_) if earlier.map_or(0, Bits::count) != at => {
                return Err(refused(&node.id, "the wait does not begin after everything above it"));
            }
            NodeKind::Call(step) => step.guard == Some(Expr::Bool { value: false }),
            NodeKind::SubFlow(call) => call.guard == Some(Expr::Bool { value: false }),
            NodeKind::Signal(signal) => signal.guard == Some(Expr::Bool { value: false }),
            NodeKind::For(repeat) => repeat.guard == Some(Expr::Bool { value: false }),
            _ => false,
        };
        if never {
            return Err(refused(&node.id, "some node of it can never run"));
        }
    }
    if !block.nodes.iter().any(|node| matches!(node.kind, NodeKind::For(_))) {
        return Ok(());
    }
    // No name stands twice in a flow: what is added here can be taken away again.
    outer.extend(block.nodes.iter().map(|node| node.id.clone()));
    for node in &block.nodes {
        let NodeKind::For(repeat) = &node.kind else { continue };
        if !seen.insert(repeat.variable.clone()) {
            return Err(refused(&node.id, format!("`{}` is there twice", repeat.variable)));
        }
        outer.insert(repeat.variable.clone());
        check_block(&repeat.body, outer, seen, blocks)?;
        // `yield` is judged when the body is done: it may name the body's nodes beside what the loop may name.
        let names = repeat.result.iter().flat_map(super::free_names);
        let inner: BTreeSet<&str> = repeat.body.nodes.iter().map(|node| node.id.as_str()).collect();
        for name in names {
            if !inner.contains(name.as_str()) && !outer.contains(&name) {
                return Err(refused(&node.id, format!("it yields `{name}`, which is not there")));
            }
        }
        outer.remove(&repeat.variable);
    }
    for node in &block.nodes {
        outer.remove(&node.id);
    }
    Ok(())
}

/// For each node, every node that is finished before it starts.
fn ancestors(block: &Block, index: &BTreeMap<&str, usize>) -> Result<Vec<Bits>, PlanError> {
    let edges: Vec<Vec<usize>> = block
        .nodes
        .iter()
        .map(|node| node.after.iter().filter_map(|name| index.get(name.as_str()).copied()).collect())
        .collect();
    reached_before(&edges).map_err(|stuck| {
        let id = block.nodes.get(stuck).map(|node| node.id.as_str()).unwrap_or_default();
        refused(id, "it waits for itself in a circle")
    })
}

/// For each position, all that lead to it; `edges` are what it follows directly. A position of a circle where there is one.
pub(super) fn reached_before(edges: &[Vec<usize>]) -> Result<Vec<Bits>, usize> {
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut followers = vec![Vec::new(); edges.len()];
    for (at, earlier) in edges.iter().enumerate() {
        for other in earlier {
            if let Some(list) = followers.get_mut(*other) {
                list.push(at);
            }
        }
    }
    let mut ready: Vec<usize> =
        waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut result = vec![Bits::default(); edges.len()];
    let mut done = 0;
    while let Some(at) = ready.pop() {
        done += 1;
        let mut bits = Bits::default();
        for other in edges.get(at).into_iter().flatten() {
            bits.add(*other);
            if let Some(theirs) = result.get(*other) {
                bits.union(theirs);
            }
        }
        if let Some(slot) = result.get_mut(at) {
            *slot = bits;
        }
        for follower in followers.get(at).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*follower);
                }
            }
        }
    }
    if done < edges.len() {
        return Err(waiting.iter().position(|count| *count > 0).unwrap_or_default());
    }
    Ok(result)
}

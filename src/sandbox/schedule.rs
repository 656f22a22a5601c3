//! "From when all calls ordered before STEP have been answered": judged by what the servers' ledger shows, never by asking
//! the run.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{Expr, MapScope, evaluate};
use crate::plan::{Block, Node, NodeKind, Plan, Step};
use crate::types::Value;

use super::ledger::Ledger;

/// The calls ordered before a step: the blocks around it, outermost first, each with the nodes that must be finished.
pub(crate) struct Before {
    levels: Vec<Level>,
}

struct Level {
    nodes: Vec<Node>,
    /// Which of the nodes are predecessors; the others only give names their values.
    required: BTreeSet<String>,
}

impl Before {
    /// For a step of a plan, one inside a loop included; `None` where there is no such step.
    pub(crate) fn step(plan: &Plan, step: &str) -> Option<Before> {
        let mut levels = Vec::new();
        descend(&plan.flow.body, step, &mut levels).then_some(Before { levels })
    }

    /// Whether every call ordered before the step has been answered and none is in flight.
    ///
    /// Calls of one operation are counted together. A loop's calls are as many as its list is long, where the list can be
    /// computed from the answers given so far, else at least one; a call whose guard cannot be computed is expected.
    pub(crate) fn is_over(&self, ledger: &Ledger) -> bool {
        let mut scope = MapScope::default();
        let mut expected = BTreeMap::new();
        for level in &self.levels {
            expect(&level.nodes, Some(&level.required), ledger, &mut scope, 1, &mut expected);
        }
        expected.iter().all(|(operation, count)| {
            let calls = ledger.calls(operation);
            let finished = u64::try_from(calls.finished.len()).unwrap_or(u64::MAX);
            *count == 0 || (calls.open == 0 && finished >= *count)
        })
    }
}

/// All steps of a plan, those in loops included.
pub(crate) fn steps(block: &Block) -> Vec<(&str, &Step)> {
    let mut found = Vec::new();
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Call(step) => found.push((node.id.as_str(), step.as_ref())),
            NodeKind::For(inner) => found.extend(steps(&inner.body)),
            _ => {}
        }
    }
    found
}

fn descend(block: &Block, step: &str, levels: &mut Vec<Level>) -> bool {
    for node in &block.nodes {
        let inside = match &node.kind {
            NodeKind::Call(_) if node.id == step => None,
            NodeKind::For(inner) if steps(&inner.body).iter().any(|(id, _)| *id == step) => Some(&inner.body),
            _ => continue,
        };
        levels.push(Level { nodes: block.nodes.clone(), required: predecessors(block, node) });
        return inside.is_none_or(|body| descend(body, step, levels));
    }
    false
}

/// Everything a node comes after, in its own block.
fn predecessors(block: &Block, node: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = node.after.iter().map(String::as_str).collect();
    while let Some(id) = open.pop() {
        if found.insert(id.to_owned())
            && let Some(node) = block.nodes.iter().find(|node| node.id == id)
        {
            open.extend(node.after.iter().map(String::as_str));
        }
    }
    found
}

fn known(expression: &Expr, scope: &MapScope) -> Option<Value> {
    evaluate(expression, scope).ok()
}

/// Adds the calls expected of some nodes, `times` each, and the values they give to the scope.
fn expect(
    nodes: &[Node],
    required: Option<&BTreeSet<String>>,
    ledger: &Ledger,
    scope: &mut MapScope,
    times: u64,
    expected: &mut BTreeMap<String, u64>,
) {
    let skipped = |guard: &Option<Expr>, scope: &MapScope| {
        guard.as_ref().is_some_and(|guard| known(guard, scope) == Some(Value::Bool(false)))
    };
    for node in nodes {
        let counts = required.is_none_or(|required| required.contains(&node.id));
        match &node.kind {
            NodeKind::Call(step) if skipped(&step.guard, scope) => {
                scope.values.insert(node.id.clone(), Value::Absent);
            }
            NodeKind::Call(step) => {
                let operation = step.call.operation_name();
                if counts {
                    *expected.entry(operation.clone()).or_default() += times;
                }
                let answer = ledger.calls(&operation).latest;
                if let Some(value) = answer.and_then(|answer| Value::natural(&answer).ok()) {
                    scope.values.insert(node.id.clone(), value);
                }
            }
            NodeKind::Let { value } => {
                if let Some(value) = known(value, scope) {
                    scope.values.insert(node.id.clone(), value);
                }
            }
            NodeKind::For(inner) if counts && !skipped(&inner.guard, scope) => {
                let length = match known(&inner.list, scope) {
                    Some(Value::List(items)) => u64::try_from(items.len()).unwrap_or(u64::MAX),
                    _ => 1,
                };
                let times = times.saturating_mul(length);
                // What holds in one iteration holds in no other: names of the body stay in a scope of their own.
                expect(&inner.body.nodes, None, ledger, &mut scope.clone(), times, expected);
            }
            _ => {}
        }
    }
}

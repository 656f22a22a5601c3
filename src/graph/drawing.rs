//! A plain description of the graph, for whatever draws it: nodes by operator, edges by kind, handoffs marked.

use super::Graph;
use crate::hir::{Block, Hir, NodeKind};
use crate::plan::free_names;

/// Why one node waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// It needs the other's value.
    Data,
    /// `after`.
    After,
    /// The other is an `ensure` or `fail`.
    Barrier,
    /// It is the `return`, which waits for all.
    End,
}

impl EdgeKind {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            EdgeKind::Data => "data",
            EdgeKind::After => "after",
            EdgeKind::Barrier => "barrier",
            EdgeKind::End => "end",
        }
    }
}

/// What a node is drawn as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A call that reads.
    Read,
    /// A call with an effect.
    Effect,
    /// A named value.
    Value,
    /// `ensure` or `fail`.
    Rule,
    /// A loop.
    Loop,
    /// The return.
    Return,
}

impl Shape {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Shape::Read => "read",
            Shape::Effect => "effect",
            Shape::Value => "value",
            Shape::Rule => "rule",
            Shape::Loop => "loop",
            Shape::Return => "return",
        }
    }
}

/// A node to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnNode {
    /// Unique in the flow: letters, digits and `_`.
    pub id: String,
    /// What to write on it.
    pub label: String,
    /// What it is.
    pub shape: Shape,
    /// The operator on whose side it happens, as an ECZ-ID; the runner's for everything that is no call.
    pub operator: String,
    /// The loop it stands in.
    pub inside: Option<String>,
    /// The compensating operation, `api.operation`.
    pub undo: Option<String>,
}

/// An edge to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnEdge {
    /// The earlier node.
    pub from: String,
    /// The later one.
    pub to: String,
    /// Why it waits.
    pub kind: EdgeKind,
    /// Whether data goes over to another organisation there.
    pub handoff: bool,
}

/// A graph to draw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drawing {
    /// The flow's name.
    pub flow: String,
    /// Operators that take part: ECZ-ID and a name to show, the runner first, then in order of the calls.
    pub operators: Vec<(String, String)>,
    /// Nodes in source order, those of a loop after it.
    pub nodes: Vec<DrawnNode>,
    /// Edges in order of their later nodes.
    pub edges: Vec<DrawnEdge>,
}

impl Graph {
    /// The description of a flow's graph.
    pub fn drawing(&self, hir: &Hir) -> Drawing {
        let (name, id) = match &hir.flow.agent {
            Some((name, agent)) => (name.clone(), agent.parent().to_string()),
            None => ("runner".to_owned(), "runner".to_owned()),
        };
        let mut drawing = Drawing {
            flow: hir.flow.name.clone(),
            operators: vec![(id.clone(), name)],
            ..Drawing::default()
        };
        self.draw_block(hir, &hir.flow.body, None, &id, &mut drawing);
        let side = |id: &str| drawing.nodes.iter().find(|node| node.id == id);
        let edges: Vec<DrawnEdge> = drawing
            .nodes
            .iter()
            .flat_map(|node| {
                let edges = self.edges_of(&node.id).map(move |(from, kind)| (from.clone(), node, kind));
                edges.chain(self.entry(hir, node))
            })
            .map(|(from, to, kind)| {
                let crosses = side(&from).is_some_and(|from| from.operator != to.operator);
                DrawnEdge { from, to: to.id.clone(), kind, handoff: crosses && kind == EdgeKind::Data }
            })
            .collect();
        drawing.edges = edges;
        drawing
    }

    /// Data that a node of a loop takes from outside the loop.
    fn entry<'d>(&self, hir: &Hir, node: &'d DrawnNode) -> Vec<(String, &'d DrawnNode, EdgeKind)> {
        if node.inside.is_none() {
            return Vec::new();
        }
        let mut outside = Vec::new();
        hir.flow.body.each_node(&mut |candidate, _| {
            if candidate.id == node.id {
                let direct = self.after(&node.id);
                let names = candidate.expressions().into_iter().flat_map(free_names);
                outside.extend(names.filter(|name| !direct.contains(name)));
            }
        });
        outside.sort();
        outside.dedup();
        let mut found = Vec::new();
        hir.flow.body.each_node(&mut |candidate, _| {
            if outside.contains(&candidate.id) {
                found.push((candidate.id.clone(), node, EdgeKind::Data));
            }
        });
        found
    }

    fn draw_block(
        &self,
        hir: &Hir,
        block: &Block,
        inside: Option<&str>,
        runner: &str,
        drawing: &mut Drawing,
    ) {
        for node in &block.nodes {
            let mut operator = runner.to_owned();
            let mut undo = None;
            let (shape, label) = match &node.kind {
                NodeKind::Step(step) => {
                    let api = hir.apis.get(&step.call.api);
                    if let Some(identity) = api.and_then(|api| api.identity.as_ref()) {
                        operator = identity.fields.operator_ecz_id.to_string();
                    }
                    if !drawing.operators.iter().any(|(id, _)| *id == operator) {
                        drawing.operators.push((operator.clone(), step.call.api.clone()));
                    }
                    undo = step.undo.as_ref().map(|undo| format!("{}.{}", undo.api, undo.operation));
                    let shape = if step.call.is_safe() { Shape::Read } else { Shape::Effect };
                    (shape, format!("{} = {}.{}", node.id, step.call.api, step.call.operation))
                }
                NodeKind::Let(_) => (Shape::Value, format!("let {}", node.id)),
                NodeKind::Ensure { .. } => (Shape::Rule, "ensure".to_owned()),
                NodeKind::Fail { .. } => (Shape::Rule, "fail".to_owned()),
                NodeKind::For(repeat) => {
                    let label = format!(
                        "for {} at most {} parallel {}",
                        repeat.variable, repeat.at_most.0, repeat.parallel
                    );
                    (Shape::Loop, label)
                }
                NodeKind::Return(_) => (Shape::Return, "return".to_owned()),
            };
            let (id, inside) = (node.id.clone(), inside.map(str::to_owned));
            drawing.nodes.push(DrawnNode { id, label, shape, operator, inside, undo });
            if let NodeKind::For(repeat) = &node.kind {
                self.draw_block(hir, &repeat.body, Some(&node.id), runner, drawing);
            }
        }
    }
}

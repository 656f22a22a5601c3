//! A plain description of the graph, for whatever draws it: nodes by operator, edges by kind, handoffs marked.

use crate::ecz::VerifyMode;

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
    /// A call of another flow, which may make only safe calls.
    Flow {
        /// Whether it does.
        safe: bool,
    },
    /// An event from outside.
    Signal,
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
            Shape::Flow { .. } => "flow",
            Shape::Signal => "signal",
            Shape::Value => "value",
            Shape::Rule => "rule",
            Shape::Loop => "loop",
            Shape::Return => "return",
        }
    }
}

/// An organisation that takes part: a lane of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrawnOperator {
    /// What nodes name it by: its ECZ-ID, or `api NAME` for a party without a passport.
    pub key: String,
    /// The name to show: as the flow declares it, else the names of its apis.
    pub name: String,
    /// Its ECZ-ID, where it has one.
    pub id: Option<String>,
    /// Why nothing of its identity is verified; absent for a party with a passport.
    pub unverified: Option<String>,
}

/// What governs one call: every call is a handoff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnHandoff {
    /// The policy's name as written, such as `std.handoff.strict`; empty where none could be resolved.
    pub policy: String,
    /// What is done with a verdict that is not positive.
    pub verify: Option<VerifyMode>,
    /// The least evidence, `E0` to `E5`.
    pub evidence: Option<String>,
    /// The Agent Credential that presents itself.
    pub present: Option<String>,
    /// `api.operation`.
    pub operation: String,
    /// Method and path template.
    pub request: String,
}

/// A call beside a node's own: its compensation, or what reads its outcome back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnCall {
    /// The operator it calls, as in [`DrawnNode::operator`].
    pub operator: String,
    /// The call.
    pub handoff: DrawnHandoff,
}

/// How often a call is made that is made again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnRounds {
    /// `poll every 5s at most 60` or `pages at most 20`.
    pub bounds: String,
    /// Of a poll: the condition as written.
    pub until: Option<String>,
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
    /// The key of the operator on whose side it happens; the runner's for everything that is no call.
    pub operator: String,
    /// The loop it stands in.
    pub inside: Option<String>,
    /// The statement as written, on one line and without comments.
    pub written: String,
    /// `when`: the condition as written.
    pub guard: Option<String>,
    /// `irreversible`: the reason given.
    pub irreversible: Option<String>,
    /// What governs its call, for a step.
    pub handoff: Option<DrawnHandoff>,
    /// Of a poll, or of a list that is read in pages.
    pub rounds: Option<DrawnRounds>,
    /// The read that settles an unknown outcome.
    pub read_back: Option<DrawnCall>,
    /// The compensation.
    pub undo: Option<DrawnCall>,
}

impl DrawnNode {
    /// How many calls it has: each is a handoff.
    pub fn calls(&self) -> usize {
        [self.handoff.is_some(), self.read_back.is_some(), self.undo.is_some()]
            .into_iter()
            .map(usize::from)
            .sum()
    }
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
    /// Operators that take part, the runner first, then in order of the calls.
    pub operators: Vec<DrawnOperator>,
    /// Nodes in source order, those of a loop after it.
    pub nodes: Vec<DrawnNode>,
    /// Edges in order of their later nodes.
    pub edges: Vec<DrawnEdge>,
}

//! The flow as a directed acyclic graph: who waits for whom and why, circles named, and a plain description to draw.
//!
//! May import: base, ecz, source, diagnostics, expr, plan, hir. The only room that knows petgraph. Invariant: nothing but
//! data, barriers (`ensure`, `fail`, `after`), `after` clauses and `return` orders nodes.

mod build;
mod describe;
mod drawing;

pub use build::{Graph, build};
pub use drawing::{
    Drawing, DrawnCall, DrawnEdge, DrawnHandoff, DrawnNode, DrawnOperator, DrawnRounds, EdgeKind, Shape,
};

//! Secrets reach only their audience.

pub(super) mod audience;
pub(super) mod classes;
pub(super) mod lowered;
pub(super) mod needless;
pub(super) mod place;
pub(super) mod scheme;
mod written;

use super::Context;
use crate::hir::Hir;
use crate::plan::secrecy::Subject;

/// A flow as P6 sees it.
fn subject<'a>(context: &Context<'a>, hir: &'a Hir) -> Subject<'a> {
    let after = |of: &Hir, node: &str| {
        context.graphs.get(&of.flow.name).map_or_else(|| context.graph.after(node), |graph| graph.after(node))
    };
    hir.subject(&after)
}

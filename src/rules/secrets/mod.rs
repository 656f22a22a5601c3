//! Secrets reach only their audience.

pub(super) mod audience;
pub(super) mod classes;
pub(super) mod described;
pub(super) mod lowered;
pub(super) mod needless;
pub(super) mod place;
pub(super) mod scheme;
mod words;
mod written;

use super::Context;
use crate::documents::{DATA_CLASS, Document, join};
use crate::hir::Hir;
use crate::plan::secrecy::Subject;
use crate::source::Span;

/// A flow as P6 sees it.
fn subject<'a>(context: &Context<'a>, hir: &'a Hir) -> Subject<'a> {
    let after = |of: &Hir, node: &str| {
        context.graphs.get(&of.flow.name).map_or_else(|| context.graph.after(node), |graph| graph.after(node))
    };
    hir.subject(&after)
}

/// Where the schema at a pointer says its class, and in which words.
fn class_place(document: &Document, pointer: &str) -> Option<(Span, &'static str)> {
    let said = |member: &str, words| Some((document.place(&format!("{pointer}{member}"))?, words));
    said(&join("", DATA_CLASS), "by this document")
        .or_else(|| said("/format", "by this document: it is a password"))
        .or_else(|| said("", "by this document"))
}

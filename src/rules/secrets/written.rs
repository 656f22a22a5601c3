//! Where what a finding speaks of is written, looked up once for all of them.

use std::collections::BTreeMap;

use crate::hir::{Hir, NodeKind};
use crate::plan::secrecy::Leak;
use crate::source::Span;

/// The places of a flow's nodes and calls.
pub(super) struct Written<'h> {
    nodes: BTreeMap<&'h str, Span>,
    /// What a node says or returns.
    told: BTreeMap<&'h str, Span>,
    /// By `NODE`, `NODE/undo` or `NODE/reconcile`.
    calls: BTreeMap<String, Span>,
}

impl<'h> Written<'h> {
    pub(super) fn of(hir: &'h Hir) -> Written<'h> {
        let (mut nodes, mut told) = (BTreeMap::new(), BTreeMap::new());
        hir.flow.body.each_node(&mut |node, _| {
            nodes.insert(node.id.as_str(), node.span);
            let whole = matches!(node.kind, NodeKind::Step(_));
            told.insert(node.id.as_str(), if whole { node.span } else { node.written });
        });
        let calls = hir.flow.calls().into_iter().map(|(_, subject, call, _)| (subject, call.span)).collect();
        Written { nodes, told, calls }
    }

    pub(super) fn node(&self, id: &str) -> Option<Span> {
        self.nodes.get(id).copied()
    }

    /// Where the call, message or output is written. What a called flow sends is told where it is called.
    pub(super) fn of_leak(&self, leak: &Leak<'_>) -> Span {
        let subject = leak.subject.as_str();
        let span = match subject.split_once('/') {
            Some((caller, inner)) if !matches!(inner, "undo" | "reconcile") => self.node(caller),
            _ if leak.call.is_some() => self.calls.get(subject).copied(),
            _ => self.told.get(subject).copied(),
        };
        span.unwrap_or_default()
    }
}

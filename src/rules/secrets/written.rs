//! Where what a finding speaks of is written, looked up once for all of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::hir::{Call, Hir, Node, NodeKind, span_of};
use crate::plan::secrecy::{Leak, message_of};
use crate::source::Span;

/// The nodes and calls of a flow.
pub(super) struct Written<'h> {
    hir: &'h Hir,
    nodes: BTreeMap<&'h str, &'h Node>,
    /// By `NODE`, `NODE/undo` or `NODE/reconcile`.
    calls: BTreeMap<Cow<'h, str>, &'h Call>,
}

impl<'h> Written<'h> {
    pub(super) fn of(hir: &'h Hir) -> Written<'h> {
        let mut nodes = BTreeMap::new();
        hir.flow.body.each_node(&mut |node, _| {
            nodes.insert(node.id.as_str(), node);
        });
        let calls = hir.flow.calls().into_iter().map(|(_, subject, call, _)| (subject, call)).collect();
        Written { hir, nodes, calls }
    }

    pub(super) fn node(&self, id: &str) -> Option<&'h Node> {
        self.nodes.get(id).copied()
    }

    /// Where what is told stands: a part of the request or of the outputs, or the message. What a called flow sends is told
    /// where it is called.
    pub(super) fn of_leak(&self, leak: &Leak<'_>) -> Span {
        self.place_of(leak, &leak.place)
    }

    /// As [`Written::of_leak`], of another place of the same request.
    pub(super) fn place_of(&self, leak: &Leak<'_>, place: &str) -> Span {
        let subject = leak.subject.as_str();
        let output = place.strip_prefix("the output.");
        let span = match subject.split_once('/') {
            Some((caller, inner)) if !matches!(inner, "undo" | "reconcile") => {
                self.node(caller).map(|node| node.span)
            }
            _ if leak.call.is_some() => self.calls.get(subject).map(|call| call.span_of(place)),
            _ => output
                .and_then(|member| span_of(&self.hir.flow.output_spans, member))
                .or_else(|| self.node(subject).map(|node| told(node, place))),
        };
        span.unwrap_or_default()
    }
}

/// What a node says or returns; of the messages of a step the one that is meant.
pub(super) fn told(node: &Node, place: &str) -> Span {
    let NodeKind::Step(step) = &node.kind else { return node.written };
    let said = step.on.iter().find(|(status, ..)| message_of(*status) == place);
    said.map_or(node.span, |(_, span, _)| *span)
}

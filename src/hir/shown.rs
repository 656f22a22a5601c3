//! How nodes are called in findings, and where the parts of a request are written. A plan gives every node a name; a flow
//! does not.

use super::model::{Hir, Position};
use super::nodes::{Call, Node, NodeKind};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Answer;

/// Where a value and the members of a record literal are written.
pub(super) fn spans(written: &ast::Expr) -> Vec<(String, Span)> {
    let mut found = vec![(String::new(), written.span)];
    if let ast::ExprKind::Record(members) = &written.kind {
        found.extend(members.iter().map(|member| (member.name.text.clone(), member.span)));
    }
    found
}

/// Where the part of a value is written, `a.b` in it; what lies deeper than was looked for counts to its member.
pub fn span_of(spans: &[(String, Span)], part: &str) -> Option<Span> {
    let member = spans.iter().skip(1).find(|(name, _)| is_part(part, name));
    member.or_else(|| spans.first()).map(|(_, span)| *span)
}

fn is_part(part: &str, name: &str) -> bool {
    part.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Call {
    /// Where a part of the request is written: `path.sku`, `body.amount`, `key`.
    pub fn span_of(&self, place: &str) -> Span {
        let (first, rest) = place.split_once('.').unwrap_or((place, ""));
        let found = match first {
            "key" => self.key.as_ref().map(|(_, span)| *span),
            "body" => span_of(&self.body_spans, rest),
            location => {
                let mut arguments = self.arguments.iter().zip(&self.argument_spans);
                arguments
                    .find(|((name, at, _), _)| at == location && is_part(rest, name))
                    .map(|(_, span)| *span)
            }
        };
        found.unwrap_or(self.span)
    }
}

impl Node {
    /// The word that a node without a name of its own begins with.
    pub fn word(&self) -> Option<&'static str> {
        match &self.kind {
            NodeKind::Return(_) => Some("return"),
            NodeKind::Fail { .. } => Some("fail"),
            NodeKind::Ensure { .. } => Some("ensure"),
            NodeKind::Wait(_) => Some("wait"),
            NodeKind::For(repeat) if repeat.result.is_none() => Some("for"),
            _ => None,
        }
    }

    /// By its name, or by its word and line.
    pub fn shown(&self) -> String {
        match self.word() {
            Some(word) => format!("the `{word}` in line {}", self.line),
            None => format!("`{}`", self.id),
        }
    }
}

impl Hir {
    /// The node of an id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        let mut found = None;
        self.flow.body.each_node(&mut |node, _| {
            if node.id == id {
                found = Some(node);
            }
        });
        found
    }

    /// A value that is checked at run time where it is sent, in this flow or in one that it calls: the first whose place
    /// begins with some words.
    pub fn guarded_at(&self, subject: &str, words: &str) -> Option<&Position> {
        let (mut hir, mut subject) = (self, subject);
        while let Some((id, inner)) = subject.split_once('/') {
            let Some(NodeKind::SubFlow(call)) = hir.node(id).map(|node| &node.kind) else { break };
            (hir, subject) = (hir.callees.get(&call.flow)?, inner);
        }
        let guarded = |found: &&Position| {
            matches!(found.answer, Answer::Unknown(_)) && format!("{}: ", found.place).starts_with(words)
        };
        hir.flow.positions.iter().filter(|found| found.node == subject).find(guarded)
    }

    /// The node of a called flow that a subject names, `CALL/NODE`, and the name of that flow.
    pub fn inside(&self, subject: &str) -> Option<(&Node, &str)> {
        let (mut hir, mut found, mut depth) = (self, None, 0);
        for id in subject.split('/') {
            let Some(node) = hir.node(id) else { break };
            (found, depth) = (Some((node, hir.flow.name.as_str())), depth + 1);
            let NodeKind::SubFlow(call) = &node.kind else { break };
            hir = hir.callees.get(&call.flow)?;
        }
        found.filter(|_| depth > 1)
    }
}

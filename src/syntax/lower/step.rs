//! What a step calls, again and again or not, and the calls of its clauses.

use super::*;
use crate::syntax::ast::{Argument, FlowCall, Pages, Path, Poll, Reconcile, Undo, UseHandoff};
use crate::syntax::grammar::{Node, Rule};

impl Lower<'_> {
    pub(super) fn poll(&mut self, node: Node<'_>) -> Option<Poll> {
        let span = self.span(&node);
        let at_most = child(node.clone(), Rule::at_most).and_then(|most| self.count_in(most));
        let every = self.millis_in(node.clone())?;
        Some(Poll { span, until: self.expr_in(node)?, every, at_most })
    }

    pub(super) fn pages(&mut self, node: Node<'_>) -> Option<Pages> {
        let span = self.span(&node);
        let at_most = child(node.clone(), Rule::at_most).and_then(|most| self.count_in(most));
        let items = child(node.clone(), Rule::page_items).and_then(|items| self.expr_in(items));
        Some(Pages { span, next: self.expr_in(node)?, items, at_most })
    }

    pub(super) fn flow_call(&mut self, node: Node<'_>) -> Option<FlowCall> {
        let span = self.span(&node);
        let flow = self.name(child(node.clone(), Rule::name)?);
        let mut arguments = Vec::new();
        for part in children(node, Rule::flow_argument) {
            let at = self.span(&part);
            let name = self.member_name(part.clone())?;
            arguments.push(Argument { span: at, location: None, name, value: self.expr_in(part)? });
        }
        Some(FlowCall { span, flow, arguments })
    }

    pub(super) fn undo(&mut self, node: Node<'_>) -> Option<Undo> {
        let span = self.span(&node);
        let call = self.call(child(node.clone(), Rule::call)?)?;
        let (retry, handoff) = self.policies(node);
        Some(Undo { span, call, retry, handoff })
    }

    pub(super) fn reconcile(&mut self, node: Node<'_>) -> Option<Reconcile> {
        let span = self.span(&node);
        let call = self.call(child(node.clone(), Rule::call)?)?;
        let absent_after = child(node.clone(), Rule::absent_after).and_then(|after| self.millis_in(after));
        let when = self.expr_in(node.clone())?;
        let (retry, handoff) = self.policies(node);
        Some(Reconcile { span, call, when, absent_after, retry, handoff })
    }

    /// The policies in a clause's own block.
    fn policies(&mut self, node: Node<'_>) -> (Option<Path>, Option<UseHandoff>) {
        let (mut retry, mut handoff) = (None, None);
        for part in child(node, Rule::call_block).into_iter().flat_map(Node::into_inner) {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::use_retry => {
                    let value = self.used_path(part);
                    self.once(&mut retry, value, at, "retry");
                }
                Rule::use_handoff | Rule::weaken_handoff => {
                    let value = self.used_handoff(part);
                    self.once(&mut handoff, value, at, "handoff");
                }
                _ => {}
            }
        }
        (taken(retry), taken(handoff))
    }
}

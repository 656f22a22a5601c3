//! Signals: what a run waits for from outside.

use crate::source::Span;
use crate::syntax::ast::{After, Expr, Name, Sender, Senders, Signal, Statement, TypeExpr, Within};
use crate::syntax::grammar::{Node, Rule};

use super::{Lower, child, children, taken};

/// The clauses of a signal: filled parts with their places.
#[derive(Default)]
pub(in crate::syntax) struct SignalClauses {
    when: Option<(Expr, Span)>,
    after: Option<(After, Span)>,
    from: Option<(Senders, Span)>,
    within: Option<(Within, Span)>,
}

impl SignalClauses {
    /// The signal with its head.
    pub(in crate::syntax) fn signal(self, span: Span, name: Name, ty: TypeExpr) -> Statement {
        let (when, after) = (taken(self.when), taken(self.after));
        let (from, within) = (taken(self.from), taken(self.within));
        Statement::Signal(Box::new(Signal { span, name, ty, when, after, from, within }))
    }
}

impl Lower<'_> {
    pub(super) fn signal(&mut self, node: Node<'_>, statements: &mut Vec<Statement>) -> Option<()> {
        let mut span = self.span(&node);
        let (name, ty) = self.signal_head(child(node.clone(), Rule::signal_head)?)?;
        let mut clauses = SignalClauses::default();
        let (end, barriers) =
            self.clauses(node, &name, &mut |lower, part| lower.signal_clause(part, &mut clauses))?;
        span.end = end;
        statements.push(clauses.signal(span, name, ty));
        statements.extend(barriers);
        Some(())
    }

    pub(in crate::syntax) fn signal_head(&mut self, node: Node<'_>) -> Option<(Name, TypeExpr)> {
        let name = self.name(child(node.clone(), Rule::binding)?);
        Some((name, self.type_expr(child(node, Rule::type_expr)?)?))
    }

    pub(in crate::syntax) fn signal_clause(&mut self, node: Node<'_>, clauses: &mut SignalClauses) {
        let at = self.span(&node);
        match node.as_rule() {
            Rule::when_clause => {
                let value = self.expr_in(node);
                self.once(&mut clauses.when, value, at, "when");
            }
            Rule::after_clause => {
                let value = self.after(node);
                self.once(&mut clauses.after, Some(value), at, "after");
            }
            Rule::signal_from => {
                let agents = children(node, Rule::signal_sender)
                    .filter_map(|sender| match self.ecz_id(sender.clone()) {
                        Some(id) => Some(Sender::Id(id)),
                        None => self.agent(child(sender, Rule::agent_ref)?).map(Sender::Agent),
                    })
                    .collect();
                self.once(&mut clauses.from, Some(Senders { span: at, agents }), at, "from");
            }
            Rule::signal_within => {
                let wait = self.millis_in(node.clone());
                let otherwise = self.expr_in(node);
                let value = wait.zip(otherwise);
                let value = value.map(|(wait, otherwise)| Within { span: at, wait, otherwise });
                self.once(&mut clauses.within, value, at, "within");
            }
            _ => {}
        }
    }
}

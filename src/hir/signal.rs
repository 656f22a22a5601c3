//! Signals: what is waited for, from whom, for how long, and what stands for one that does not come.

use super::expressions::convert;
use super::flow::FlowLowering;
use super::items;
use super::nodes::{NodeKind, Signal};
use super::policies::BOUNDS;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{identity, retry, types as codes};
use crate::ecz::{EczId, Kind};
use crate::expr::Expr;
use crate::plan::{SENDER, ranges};
use crate::syntax::ast;
use crate::types::{Field, Type};

impl FlowLowering<'_, '_> {
    /// A signal; its name is defined in any case.
    pub(super) fn signal(&mut self, signal: &ast::Signal) -> Option<NodeKind> {
        let guard = self.guard(signal.when.as_ref());
        let root = self.calls.modules.root;
        let ty = self.declared.ty(root, &signal.ty, self.sink);
        let value = self.signal_value(signal, &ty);
        let from = self.senders(signal);
        let within = self.within(signal, &ty);
        let optional = if guard.is_some() { value.clone().optional() } else { value.clone() };
        self.scope.define(&signal.name, optional, value == Type::Never, self.sink);
        let (within_ms, otherwise) = within?;
        (value != Type::Never).then_some(())?;
        Some(NodeKind::Signal(Box::new(Signal { ty, from: from?, within_ms, otherwise, guard })))
    }

    /// The record that is sent, with its sender beside.
    fn signal_value(&mut self, signal: &ast::Signal, ty: &Type) -> Type {
        let name = &signal.name.text;
        let message = match ty {
            Type::Record(record) if !record.fields.contains_key(SENDER) => {
                let mut record = record.clone();
                let sender = Type::union(vec![Type::EczId, Type::Null]);
                record.fields.insert(SENDER.to_owned(), Field { ty: sender, required: true });
                return Type::Record(record);
            }
            // An unknown type was reported.
            other if other.is_any() => return Type::Never,
            Type::Record(_) => format!("`{name}` has a member `{SENDER}` of its own"),
            _ => format!("`{name}` is no record"),
        };
        self.sink.push(
            Diagnostic::new(&codes::SIGNAL_TYPE, signal.ty.span, message)
                .note(format!("`{name}.{SENDER}` is who sent it: the runtime sets that member"))
                .help(format!(
                    "write a record of what is sent, such as `signal {name}: {{ approved: bool }}`"
                )),
        );
        Type::Never
    }

    fn senders(&mut self, signal: &ast::Signal) -> Option<Vec<EczId>> {
        let name = &signal.name;
        let Some(from) = &signal.from else {
            let message = format!("`{}` does not say from whom it comes", name.text);
            self.sink.push(
                Diagnostic::new(&identity::SIGNAL_WITHOUT_SENDER, name.span, message)
                    .note(
                        "a signal is a handoff into the run: whoever sends it decides what the run does next",
                    )
                    .help(
                        "add `from OPERATOR.agent`, or `from local` for the operator of the run's own store",
                    ),
            );
            return None;
        };
        let mut agents = Vec::new();
        for sender in &from.agents {
            agents.push(match sender {
                ast::Sender::Id(id) => items::id(id, Kind::Agent, self.sink)?,
                ast::Sender::Agent(agent) => {
                    items::agent(self.calls.modules, self.calls.modules.root, agent, self.sink)?
                }
            });
        }
        agents.sort();
        agents.dedup();
        Some(agents)
    }

    fn within(&mut self, signal: &ast::Signal, ty: &Type) -> Option<(u64, Expr)> {
        let Some(within) = &signal.within else {
            let message = format!("`{}` could be waited for without end", signal.name.text);
            self.sink.push(
                Diagnostic::new(&retry::SIGNAL_WITHOUT_BOUND, signal.name.span, message)
                    .help("add `within 24h else VALUE`: how long to wait, and what stands for a signal that does not come"),
            );
            return None;
        };
        if !(1..=ranges::DEADLINE_MS).contains(&within.wait.value) {
            let message = "a signal is waited for between 1ms and 366d";
            self.sink.push(Diagnostic::new(&retry::OUT_OF_RANGE, within.wait.span, message).help(BOUNDS));
        }
        let field = Field { ty: ty.clone(), required: true };
        let mut value = self.expression(&within.otherwise, Some(ty));
        convert(&mut value, &field);
        let place = || format!("the value without `{}`", signal.name.text);
        if self.position(&value, &field, place, Some(signal.ty.span)) {
            self.point_at_member(&within.otherwise);
        }
        Some((within.wait.value, value.expr))
    }
}

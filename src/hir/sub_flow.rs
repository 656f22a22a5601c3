//! Calls of other flows: inputs by name, the output as the step's value.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expressions::{Typed, convert};
use super::flow::FlowLowering;
use super::model::Hir;
use super::modules::{given_twice, kind};
use super::nodes::{Call, NodeKind, SubFlow};
use crate::base::did_you_mean;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{identity, names, types as codes};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Field, Type};

impl FlowLowering<'_, '_> {
    /// A sub-flow; its name is defined in any case.
    pub(super) fn sub_flow(&mut self, step: &ast::SubFlow) -> Option<NodeKind> {
        self.scope.unanswered = Some(step.name.text.clone());
        let kind = self.sub_flow_parts(step);
        self.scope.unanswered = None;
        kind
    }

    fn sub_flow_parts(&mut self, step: &ast::SubFlow) -> Option<NodeKind> {
        let guard = self.guard(step.when.as_ref());
        let Some(callee) = self.callee(&step.call) else {
            for argument in &step.call.arguments {
                let _ = self.expression(&argument.value, None);
            }
            self.scope.define(&step.name, Type::Never, true, self.sink);
            return None;
        };
        let flow = &callee.flow;
        if let (Some(own), Some((other, _))) = (&self.operator, &flow.agent)
            && own != other
        {
            let message = format!("`{}` is a flow of `{other}`, not of `{own}`", flow.name);
            self.sink.push(
                Diagnostic::new(&identity::FOREIGN_SUB_FLOW, step.call.flow.span, message)
                    .and(flow.agent_span.unwrap_or(flow.span), "it presents itself as another operator here")
                    .note("a flow runs in the name of one organisation, and so do the flows that it calls")
                    .help(format!(
                        "let `{}` run `as {own}.agent` too, or call an api of `{other}`",
                        flow.name
                    )),
            );
        }
        let arguments = self.inputs(&step.call, &callee);
        let safe = is_safe(&callee);
        let output = flow.output.clone();
        let ty = if guard.is_some() { output.clone().optional() } else { output.clone() };
        self.scope.define(&step.name, ty, !safe, self.sink);
        let (undo, irreversible) =
            self.compensation(&step.name, output, step.undo.as_deref(), step.irreversible.as_ref());
        let (flow, span) = (flow.name.clone(), step.call.flow.span);
        Some(NodeKind::SubFlow(Box::new(SubFlow { flow, span, arguments, guard, undo, irreversible, safe })))
    }

    /// The flow that a call names; `None` where that was reported here or when the file's flows were resolved.
    fn callee(&mut self, call: &ast::FlowCall) -> Option<Arc<Hir>> {
        if let Some(known) = self.callees.get(&call.flow.text) {
            return Some(Arc::clone(known));
        }
        let (modules, name) = (self.calls.modules, &call.flow);
        let found = modules.find(modules.root, &name.text);
        self.sink.push(match found.map(|found| (found.module, found.item)) {
            Some((module, ast::Item::Flow(_))) if module == modules.root => return None,
            Some((_, ast::Item::Flow(_))) => {
                let message = format!("`{}` is a flow of another file", name.text);
                Diagnostic::new(&names::UNKNOWN_FLOW, name.span, message)
                    .help("a flow calls the flows of its own file: move it here")
            }
            Some((_, other)) => {
                let message = format!("`{}` is {}, not a flow", name.text, kind(other));
                Diagnostic::new(&names::WRONG_KIND, name.span, message)
                    .help("`call` is for flows of this file; an operation is called as `api.operation(…)`")
            }
            None if modules.is_broken(modules.root, &name.text) => return None,
            None => {
                let known = modules.candidates(modules.root, "a flow");
                let message = format!("this file has no flow `{}`", name.text);
                let finding = Diagnostic::new(&names::UNKNOWN_FLOW, name.span, message);
                match did_you_mean(&name.text, known.iter().map(String::as_str)) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding.help(format!("write `flow {}(…) -> {{ … }}` in this file", name.text)),
                }
            }
        });
        None
    }

    /// What the call gives to the flow's inputs, in their order.
    fn inputs(&mut self, call: &ast::FlowCall, callee: &Hir) -> Vec<(String, crate::expr::Expr)> {
        let mut given: BTreeMap<usize, (Typed, Span)> = BTreeMap::new();
        let inputs = &callee.flow.inputs;
        for argument in &call.arguments {
            let found = inputs.iter().enumerate().find(|(_, input)| input.name == argument.name.text);
            let Some((at, input)) = found else {
                let _ = self.expression(&argument.value, None);
                let message = format!("`{}` has no input `{}`", call.flow.text, argument.name.text);
                let finding = Diagnostic::new(&codes::UNKNOWN_ARGUMENT, argument.name.span, message)
                    .and(callee.flow.span, "the flow");
                let known: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
                self.sink.push(match did_you_mean(&argument.name.text, known.iter().copied()) {
                    Some(near) => {
                        finding.meant(argument.name.span, &argument.name.text, near, Some(near.to_owned()))
                    }
                    None if known.is_empty() => finding.note("it has no inputs").help("remove it"),
                    None => finding
                        .note(format!("its inputs are `{}`", known.join("`, `")))
                        .help("remove it, or name one of these"),
                });
                continue;
            };
            let field = Field::of(input.ty.clone());
            let mut value = self.expression(&argument.value, Some(&input.ty));
            convert(&mut value, &field);
            if let Some((_, first)) = given.get(&at) {
                self.sink.push(given_twice(&argument.name, *first));
                continue;
            }
            let place = || format!("input `{}` of `{}`", input.name, callee.flow.name);
            if self.position(&value, &field, place, Some(callee.flow.span)) {
                self.point_at_member(&argument.value);
            }
            given.insert(at, (value, argument.name.span));
        }
        for (at, input) in inputs.iter().enumerate() {
            if input.default.is_none() && !input.ty.is_optional() && !given.contains_key(&at) {
                let message = format!("`{}` needs the input `{}`", call.flow.text, input.name);
                self.sink.push(
                    Diagnostic::new(&codes::MISSING_ARGUMENT, call.flow.span, message)
                        .and(callee.flow.span, "the flow")
                        .help(format!("add `{}: …`", input.name)),
                );
            }
        }
        let named =
            |(at, (value, _)): (usize, (Typed, Span))| Some((inputs.get(at)?.name.clone(), value.expr));
        given.into_iter().filter_map(named).collect()
    }
}

/// Whether a flow can change nothing at any counterparty.
fn is_safe(callee: &Hir) -> bool {
    let mut safe = true;
    callee
        .flow
        .body
        .each_node(&mut |node, _| safe &= !node.is_effect() && node.undo().is_none_or(Call::is_safe));
    safe
}

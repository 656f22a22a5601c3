//! Loops: what an iteration runs over, what it does and what it yields.

use super::flow::FlowLowering;
use super::nodes::{Loop, NodeKind};
use super::policies::BOUNDS;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{retry, types as codes};
use crate::expr::provenance;
use crate::plan::ranges;
use crate::syntax::ast;
use crate::types::{Literal, Type};

impl FlowLowering<'_, '_> {
    pub(super) fn each(&mut self, each: &ast::For, id: String) -> NodeKind {
        self.node = id.clone();
        self.scope.unfinished.extend(each.binding.iter().map(|name| name.text.clone()));
        let guard = self.guard(each.when.as_ref());
        let (list, item) = self.lowering().items(&each.list);
        let bounds = [
            (Some(&each.at_most), ranges::ITEMS, "`at most`"),
            (each.parallel.as_ref(), ranges::PARALLEL, "`parallel`"),
        ];
        for (count, most, word) in bounds {
            if let Some(count) = count
                && !(1..=most).contains(&count.value)
            {
                let message = format!("{word} is between 1 and {most}");
                self.sink.push(Diagnostic::new(&retry::OUT_OF_RANGE, count.span, message).help(BOUNDS));
            }
        }
        self.scope.enter();
        let from = provenance(&list.expr, &self.scope).item();
        self.scope.define(&each.variable, item, true, self.sink);
        self.scope.comes_from(&each.variable.text, from, list.literal.item());
        let body = self.block(&each.body, Some(&each.variable.text));
        self.node = id;
        let result = each.result.as_ref().map(|result| self.expression(&result.value, None));
        if let Some(result) = &result
            && result.ty.is_optional()
        {
            let message = "an iteration yields a value, but this may be absent";
            self.sink.push(
                Diagnostic::new(&codes::OPTIONAL_NOT_HANDLED, result.span, message)
                    .help("say what stands for it with `??`, such as `?? null`"),
            );
        }
        let from = result.as_ref().map(|result| provenance(&result.expr, &self.scope).each());
        self.scope.leave(self.sink);
        if let Some(binding) = &each.binding {
            self.scope.unfinished.pop();
            let item = result.as_ref().map(|result| result.ty.clone().present());
            if item.is_none() {
                let message = format!("`{}` has no value: the loop yields nothing", binding.text);
                self.sink.push(
                    Diagnostic::new(&codes::BAD_OPERANDS, binding.span, message)
                        .help("end the body with `yield`, or drop the name"),
                );
            }
            let list = self.parts.keep(Type::list(item.unwrap_or(Type::Never)).capped());
            let ty = if each.when.is_some() { list.optional() } else { list };
            let literal = result.as_ref().map(|result| Literal::list(result.literal.clone()).of(&ty));
            self.scope.define(binding, ty, false, self.sink);
            self.scope.comes_from(&binding.text, from.unwrap_or_default(), literal.unwrap_or_default());
        }
        NodeKind::For(Box::new(Loop {
            variable: each.variable.text.clone(),
            list: list.expr,
            at_most: (each.at_most.value, each.at_most.span),
            parallel: each.parallel.as_ref().map_or(1, |parallel| parallel.value),
            guard,
            body,
            result: result.map(|result| result.expr),
        }))
    }
}

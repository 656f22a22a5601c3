//! A deadline that ends before a single attempt may have ended.

use crate::diagnostics::codes::retry::DEADLINE_TOO_SHORT;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/deadline", codes: &[&DEADLINE_TOO_SHORT], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let flow = &context.hir.flow;
    let Some(span) = flow.deadline_span else { return };
    let slowest =
        flow.calls().into_iter().filter(|(_, subject, _, _)| !subject.ends_with("/undo")).filter_map(
            |(node, _, call, _)| {
                let api = context.hir.apis.get(&call.api)?;
                Some((api.timeout.attempt_ms, node, api))
            },
        );
    let Some((longest, node, api)) = slowest.max_by_key(|(longest, _, _)| *longest) else { return };
    if longest > flow.deadline_ms {
        let message = format!("the deadline of {} ms is shorter than one attempt", flow.deadline_ms);
        sink.push(
            Diagnostic::new(&DEADLINE_TOO_SHORT, span, message)
                .and(node.span, format!("an attempt of `{}` may take {longest} ms", node.id))
                .and(api.span, "its api's `timeout`")
                .help("allow the flow more time, or an attempt less"),
        );
    }
}

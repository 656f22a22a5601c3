//! P3: `on STATUS` names a status that the operation documents, once.

use std::collections::BTreeMap;

use crate::diagnostics::codes::names::DUPLICATE_NAME;
use crate::diagnostics::codes::types::UNDOCUMENTED_STATUS;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::NodeKind;
use crate::plan::is_documented;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "types/statuses", codes: &[&UNDOCUMENTED_STATUS, &DUPLICATE_NAME], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    context.hir.flow.body.each_node(&mut |node, _| {
        let NodeKind::Step(step) = &node.kind else { return };
        let view = &step.call.view;
        let mut seen = BTreeMap::new();
        for (status, span, _) in &step.on {
            if let Some(first) = seen.insert(*status, *span) {
                let message = format!("`on {status}` stands here twice");
                sink.push(
                    Diagnostic::new(&DUPLICATE_NAME, *span, message)
                        .and(first, "first here")
                        .help("keep one of the two"),
                );
                continue;
            }
            if !(300..=599).contains(status) {
                let message = format!("`on {status}`: only an answer that is no success can fail the run");
                sink.push(
                    Diagnostic::new(&UNDOCUMENTED_STATUS, *span, message)
                        .help("name a status from 300 to 599"),
                );
                continue;
            }
            if !is_documented(view, *status) {
                let known: Vec<String> =
                    view.responses.iter().map(|response| response.status.to_string()).collect();
                let message = format!("`{}` does not document the status {status}", step.call.operation);
                let mut diagnostic = Diagnostic::new(&UNDOCUMENTED_STATUS, *span, message)
                    .note(format!("`{}` documents {}", step.call.operation, known.join(", ")))
                    .help("remove it, or name one of these");
                let document = context.hir.apis.get(&step.call.api).and_then(|api| api.document.as_ref());
                if let Some(place) =
                    document.and_then(|document| document.place(&format!("{}/responses", view.pointer)))
                {
                    diagnostic = diagnostic.and(place, "its responses");
                }
                sink.push(diagnostic);
            }
        }
    });
}

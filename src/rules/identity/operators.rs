//! P5: operators of the flow agree with each other and with the documents.

use crate::diagnostics::codes::identity::INCONSISTENT_IDENTITY;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/operators", codes: &[&INCONSISTENT_IDENTITY], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let operators: Vec<_> = context.hir.operators.iter().collect();
    for (at, (name, operator)) in operators.iter().enumerate() {
        for (other_name, other) in operators.iter().take(at) {
            if other.passport == operator.passport {
                let message = format!("`{name}` and `{other_name}` have the same passport");
                sink.push(
                    Diagnostic::new(&INCONSISTENT_IDENTITY, operator.span, message)
                        .and(other.span, "the other one")
                        .note("one organisation is one operator")
                        .help(format!("remove `{name}`, and name `{other_name}` in its place")),
                );
            }
        }
    }
    // The agent that presents itself is ours; a document that names it as the callee's own would make us call ourselves.
    let Some((_, agent)) = &context.hir.flow.agent else { return };
    for (node, _, call, _) in context.hir.flow.calls() {
        let Some(handoff) = call.handoff() else { continue };
        let Some(other) = handoff.present.as_ref().filter(|present| *present != agent) else { continue };
        let message = format!("`{}` presents `{other}`, but the flow runs as `{agent}`", handoff.name);
        let diagnostic = Diagnostic::new(&INCONSISTENT_IDENTITY, handoff.named_at, message)
            .and(node.span, "needed here")
            .help("leave `present` out, or let the flow run `as` that agent");
        sink.push(match handoff.declared_at {
            Some(span) => diagnostic.and(span, "declared here"),
            None => diagnostic,
        });
    }
    for (name, api) in &context.hir.apis {
        let Some(identity) = &api.identity else { continue };
        if identity.fields.agent_credential_id.as_ref() == Some(agent) {
            let message =
                format!("`{agent}` presents itself, but the document of `{name}` names it as its own agent");
            sink.push(
                Diagnostic::new(&INCONSISTENT_IDENTITY, api.span, message)
                    .and(identity.place("agent_credential_id"), "named here")
                    .help("let the flow run `as` an agent of its own, or take the document of the party that is called"),
            );
        }
    }
}

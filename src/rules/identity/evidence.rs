//! P4: the evidence that a policy demands can be reached.

use crate::diagnostics::codes::identity::UNREACHABLE_EVIDENCE;
use crate::diagnostics::{Diagnostic, Sink};
use crate::plan::REACHABLE;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/evidence", codes: &[&UNREACHABLE_EVIDENCE], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (node, _, call, _) in context.hir.flow.calls() {
        let Some(handoff) = call.handoff() else { continue };
        let Some(policy) = &handoff.policy else { continue };
        if policy.evidence <= REACHABLE {
            continue;
        }
        let message =
            format!("`{}` demands evidence {}, this edge reaches {REACHABLE}", policy.name, policy.evidence);
        let mut diagnostic = Diagnostic::new(&UNREACHABLE_EVIDENCE, handoff.named_at, message)
            .and(node.span, format!("needed by `{}`", node.id))
            .note("E5 needs a receipt signed by the counterparty, which this version cannot ask for");
        if let Some(span) = handoff.declared_at {
            diagnostic = diagnostic.and(span, "declared here");
        }
        sink.push(diagnostic.help(format!("demand `evidence >= {REACHABLE}` or less")));
    }
}

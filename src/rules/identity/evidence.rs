//! P4: the evidence that a policy demands can be reached.

use crate::diagnostics::codes::identity::UNREACHABLE_EVIDENCE;
use crate::diagnostics::{Diagnostic, Sink};
use crate::ecz::Evidence;
use crate::plan::REACHABLE;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/evidence", codes: &[&UNREACHABLE_EVIDENCE], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (node, _, call, _) in context.hir.flow.calls() {
        let Some(handoff) = call.handoff() else { continue };
        let Some(policy) = &handoff.policy else { continue };
        let signs = handoff.present.is_some() || context.hir.flow.agent.is_some();
        let reachable = if signs { REACHABLE } else { Evidence::E1 };
        if policy.evidence <= reachable {
            continue;
        }
        let message =
            format!("`{}` demands evidence {}, this edge reaches {reachable}", policy.name, policy.evidence);
        let why = if policy.evidence == Evidence::E5 {
            "E5 needs a receipt signed by the counterparty, which this version cannot ask for"
        } else {
            "without an Agent Credential the request is not signed"
        };
        let mut diagnostic = Diagnostic::new(&UNREACHABLE_EVIDENCE, handoff.named_at, message)
            .and(node.span, format!("needed by `{}`", node.id))
            .note(why);
        if let Some(span) = handoff.declared_at {
            diagnostic = diagnostic.and(span, "declared here");
        }
        sink.push(diagnostic.help(format!("demand `evidence >= {reachable}` or less")));
    }
}

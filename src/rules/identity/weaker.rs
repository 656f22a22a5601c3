//! P4: a step's policy is at least as strong as its api's, and that as its flow's.

use crate::diagnostics::codes::identity::WEAKER_HANDOFF;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "identity/weaker", codes: &[&WEAKER_HANDOFF], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (_, _, call, _) in context.hir.flow.calls() {
        let mut layers = call.handoffs.iter();
        let Some((own, handoff)) = layers.next() else { continue };
        let Some(policy) = &handoff.policy else { continue };
        for (layer, other) in layers {
            let Some(stronger) = &other.policy else { continue };
            let mut parts = policy.weaker_than(stronger);
            let agent = |present: &Option<crate::ecz::EczId>| {
                present.clone().or_else(|| context.hir.flow.agent.as_ref().map(|(_, id)| id.clone()))
            };
            if agent(&handoff.present) != agent(&other.present) {
                parts.push("present");
            }
            if parts.is_empty() {
                continue;
            }
            let message = format!(
                "`{}` of the {own} is weaker than `{}` of the {layer} in {}",
                policy.name,
                stronger.name,
                parts.join(", ")
            );
            sink.push(
                Diagnostic::new(&WEAKER_HANDOFF, handoff.named_at, message)
                    .and(other.named_at, format!("the {layer}'s policy"))
                    .note("a policy may be made stronger for a part of a flow, never weaker")
                    .help(format!("take a policy that is at least as strong, or weaken the {layer}'s")),
            );
            break;
        }
    }
}

//! P4: a policy below what the document hints at is told, and listed in the proof.

use crate::diagnostics::codes::identity::BELOW_HINT;
use crate::diagnostics::{Diagnostic, Sink};
use crate::plan::below_hint;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "identity/hint", codes: &[&BELOW_HINT], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (node, _, call, _) in context.hir.flow.calls() {
        let Some(handoff) = call.handoff() else { continue };
        let Some(policy) = &handoff.policy else { continue };
        let Some(identity) = context.hir.apis.get(&call.api).and_then(|api| api.identity.as_ref()) else {
            continue;
        };
        let Some(hint) = below_hint(policy, identity.fields.policy_mode.as_deref()) else { continue };
        let message = format!("`{}` is below the document's hint `{hint}`", policy.name);
        sink.push(
            Diagnostic::new(&BELOW_HINT, handoff.named_at, message)
                .and(node.span, format!("in force at `{}`", node.id))
                .and(identity.place("policy_mode"), "the publisher hints here")
                .note("a hint does not bind the caller; the proof lists that it was not followed")
                .help("take a policy with `verify require`, such as `std.handoff.strict`"),
        );
    }
}

//! P4: what a policy verifies is there, and the evidence it demands can be reached.

use crate::diagnostics::codes::identity::{NOTHING_TO_VERIFY, UNREACHABLE_EVIDENCE};
use crate::diagnostics::{Diagnostic, Sink};
use crate::ecz::Evidence;
use crate::hir::Handoff;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/evidence", codes: &[&UNREACHABLE_EVIDENCE, &NOTHING_TO_VERIFY], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (node, _, call, _) in context.hir.flow.calls() {
        let Some(handoff) = call.handoff() else { continue };
        let Some(policy) = &handoff.policy else { continue };
        let Some(api) = context.hir.apis.get(&call.api) else { continue };
        if let Some(none) = api.unverifiable(call) {
            let message =
                format!("`{}` demands what nobody can give: `{}` has no passport", policy.name, call.api);
            let found = Diagnostic::new(&NOTHING_TO_VERIFY, handoff.named_at, message)
                .and(node.span, format!("in force at `{}`", node.id))
                .and(none.span, "no passport")
                .note("`no passport` relaxes the flow's policy by itself; one of the step's or the api's own must ask for no more than `verify open`");
            let leave = match call.handoffs.iter().any(|(layer, _)| *layer == "flow") {
                true => "leave the policy out here, so that the flow's holds",
                false => "name the policy at the flow in place of here",
            };
            sink.push(declared(found, handoff).help(format!(
                "{leave}, or take one with `verify open`; a passport that is known stands in place of `no passport`"
            )));
            continue;
        }
        let most = api.reachable();
        if policy.evidence <= most {
            continue;
        }
        let message =
            format!("`{}` demands evidence {}, this edge reaches {most}", policy.name, policy.evidence);
        let why = if api.no_passport.is_some() {
            "without a passport evidence ends at what TLS and the declared `auth` give: E1, E2 with `auth certificate`, E3 with `auth oauth2` and an `audience`"
        } else if policy.evidence == Evidence::E5 {
            "E5 needs a receipt that the counterparty signs with an Agent Credential of its own, and none is named"
        } else {
            "a request signed by the presented Agent Credential is E4"
        };
        let found = Diagnostic::new(&UNREACHABLE_EVIDENCE, handoff.named_at, message)
            .and(node.span, format!("needed by `{}`", node.id))
            .note(why);
        let found = match &api.identity {
            Some(identity) if policy.evidence == Evidence::E5 => {
                found.and(identity.place("api_passport_id"), "no `agent_credential_id` beside it")
            }
            _ => found,
        };
        let help = match handoff.name.starts_with("std.") {
            true => format!(
                "take a policy that asks for `evidence >= {most}` or less, such as `std.handoff.strict`"
            ),
            false => format!("demand `evidence >= {most}` or less"),
        };
        sink.push(declared(found, handoff).help(match policy.evidence {
            Evidence::E5 => format!("{help}; or ask the publisher to name an `agent_credential_id`"),
            _ => help,
        }));
    }
}

fn declared(found: Diagnostic, handoff: &Handoff) -> Diagnostic {
    match handoff.declared_at {
        Some(span) => found.and(span, "declared here"),
        None => found,
    }
}

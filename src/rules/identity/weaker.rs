//! P4: a step's policy is at least as strong as its api's, and that as its flow's, or says why not.

use std::collections::BTreeSet;

use crate::diagnostics::codes::identity::{NEEDLESS_WEAKEN, WEAKER_HANDOFF};
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/weaker", codes: &[&WEAKER_HANDOFF, &NEEDLESS_WEAKEN], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let flow = &context.hir.flow;
    let mut told = BTreeSet::new();
    for (_, _, call, _) in flow.calls() {
        if let Some(weaker) = call.weaker(flow).iter().find(|weaker| weaker.because.is_none()) {
            let (handoff, layer) = (weaker.handoff, weaker.layer);
            let message = format!(
                "`{}` of the {} is weaker than `{}` of the {layer} in {}",
                handoff.name,
                weaker.own,
                weaker.other.name,
                weaker.parts.join(", ")
            );
            sink.push(
                Diagnostic::new(&WEAKER_HANDOFF, handoff.named_at, message)
                    .and(weaker.other.named_at, format!("the {layer}'s policy"))
                    .note("a policy is made stronger for a part of a flow without a word, weaker only with a reason")
                    .help(format!(
                        "take a policy that is at least as strong, or say why: `weaken handoff {} because \"…\"`",
                        handoff.name
                    )),
            );
        }
        for (own, handoff) in call.needlessly_weakened(flow) {
            let Some((_, span)) = &handoff.weakened else { continue };
            if !told.insert((span.start, span.end)) {
                continue;
            }
            let message = format!("`{}` of the {own} is weaker than nothing that it replaces", handoff.name);
            let mut found = Diagnostic::new(&NEEDLESS_WEAKEN, *span, message);
            for (layer, other) in call.handoffs.iter().skip_while(|(layer, _)| *layer != own).skip(1) {
                found = found.and(other.named_at, format!("the {layer}'s policy"));
            }
            sink.push(
                found.help(format!("write `handoff {}` without `weaken` and its reason", handoff.name)),
            );
        }
    }
}

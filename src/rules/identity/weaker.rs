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
    for (_, subject, call, _) in flow.calls() {
        let undo = subject.ends_with("/undo");
        if let Some(weaker) = call.weaker(flow).iter().find(|weaker| weaker.because.is_none()) {
            let (handoff, layer) = (weaker.handoff, weaker.layer);
            let own = if weaker.own == "step" && undo { "undo" } else { weaker.own };
            let parts = weaker.parts.join("` and `");
            if let Some((because, span)) = &handoff.weakened
                && because.trim().is_empty()
            {
                let found = Diagnostic::new(&WEAKER_HANDOFF, *span, "this `weaken` gives no reason");
                sink.push(
                    found
                        .and(
                            weaker.other.named_at,
                            format!("the {layer}'s policy, which it weakens in `{parts}`"),
                        )
                        .help("say for those who read the proof why less is enough here: `because \"…\"`"),
                );
                continue;
            }
            let message = format!(
                "`{}` of the {own} is weaker than `{}` of the {layer} in `{parts}`",
                handoff.name, weaker.other.name,
            );
            sink.push(
                Diagnostic::new(&WEAKER_HANDOFF, handoff.named_at, message)
                    .and(weaker.other.named_at, format!("the {layer}'s policy"))
                    .note("a nearer policy may ask for more without a word, for less only with a reason")
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
            let own = if own == "step" && undo { "undo" } else { own };
            let message = format!("`{}` of the {own} is no weaker than what it replaces", handoff.name);
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

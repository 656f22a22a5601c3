//! P4: a step's policy is at least as strong as its api's, and that as its flow's, or says why not.

use std::collections::BTreeSet;

use crate::base::length;
use crate::diagnostics::codes::identity::{NEEDLESS_WEAKEN, WEAKER_HANDOFF};
use crate::diagnostics::{Diagnostic, Sink};
use crate::ecz::VerifyMode;
use crate::hir::Handoff;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/weaker", codes: &[&WEAKER_HANDOFF, &NEEDLESS_WEAKEN], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let flow = &context.hir.flow;
    let mut told = BTreeSet::new();
    for (_, subject, call, _) in flow.calls() {
        // A policy that can't stay is not weighed against others: the way out of the one would lead into the other.
        if context.hir.apis.get(&call.api).is_some_and(|api| api.unverifiable(call).is_some()) {
            continue;
        }
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
            let said = |policy: &Handoff| said(policy, &weaker.parts);
            sink.push(
                Diagnostic::new(&WEAKER_HANDOFF, handoff.named_at, message)
                    .at(format!("this has {}", said(handoff)))
                    .and(weaker.other.named_at, format!("the {layer}'s policy has {}", said(weaker.other)))
                    .note("a nearer policy may ask for more without a word, for less only with a reason")
                    .help(format!(
                        "take a policy that is at least as strong, or say why: `weaken handoff {} because \"…\"`",
                        handoff.written
                    )),
            );
        }
        for (place, handoff) in call.needlessly_weakened(flow) {
            let Some((_, span)) = &handoff.weakened else { continue };
            if !told.insert((span.start, span.end)) {
                continue;
            }
            let own = if place == "step" && undo { "undo" } else { place };
            let farther: Vec<_> =
                call.handoffs.iter().skip_while(|(layer, _)| *layer != place).skip(1).collect();
            let message = match farther.as_slice() {
                [] => {
                    format!("`{}` of the {own} weakens nothing: no policy stands farther out", handoff.name)
                }
                [(layer, other), ..] => {
                    format!(
                        "`{}` of the {own} is no weaker than `{}` of the {layer}",
                        handoff.name, other.name
                    )
                }
            };
            let mut found = Diagnostic::new(&NEEDLESS_WEAKEN, *span, message);
            for (layer, other) in farther {
                found = found.and(other.named_at, format!("the {layer}'s policy"));
            }
            sink.push(
                found.help(format!("write `handoff {}` without `weaken` and its reason", handoff.written)),
            );
        }
    }
}

/// What a policy says of some of its parts, as it is written in one.
fn said(handoff: &Handoff, parts: &[&str]) -> String {
    let Some(policy) = &handoff.policy else { return String::new() };
    let words = parts.iter().map(|part| match *part {
        "verify" => match policy.verify.mode {
            VerifyMode::Open => "`verify open`".to_owned(),
            VerifyMode::Prefer => "`verify prefer`".to_owned(),
            VerifyMode::Require => "`verify require`".to_owned(),
        },
        "within" => format!("`within {}`", length(policy.verify.within_ms)),
        "attest" if policy.attest.headers.is_empty() => {
            "`attest request response` without headers".to_owned()
        }
        "attest" => format!("`attest request response headers \"{}\"`", policy.attest.headers.join("\", \"")),
        "evidence" => format!("`evidence >= {}`", policy.evidence),
        "trace" if policy.trace_shared => "`trace shared`".to_owned(),
        "trace" => "no `trace shared`".to_owned(),
        _ => match &handoff.present {
            Some(agent) => format!("`present` of `{agent}`"),
            None => "no `present`".to_owned(),
        },
    });
    words.collect::<Vec<_>>().join(", ")
}

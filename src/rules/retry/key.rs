//! P7: `key once per` needs a fact that says the key is honoured; inside a loop it should differ by iteration.

use std::collections::BTreeSet;

use crate::diagnostics::codes::retry::{KEY_WITHOUT_FACT, SHARED_KEY};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::Loop;
use crate::plan::free_names;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "retry/key", codes: &[&KEY_WITHOUT_FACT, &SHARED_KEY], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (node, _, call, inside) in context.hir.flow.calls() {
        let Some((key, span)) = &call.key else { continue };
        if call.is_safe() {
            let message = format!("`{}` only reads: a key means nothing", node.id);
            sink.push(Diagnostic::new(&KEY_WITHOUT_FACT, *span, message).help("remove the key"));
            continue;
        }
        if call.idempotency.is_none() {
            let message = format!("nothing says that `{}.{}` honours a key", call.api, call.operation);
            sink.push(
                Diagnostic::new(&KEY_WITHOUT_FACT, *span, message)
                    .and(call.span, "its document declares no `Idempotency-Key` header")
                    .help("say it in the api's block: `idempotency header \"…\" assumed by OPERATOR because \"…\"`"),
            );
        }
        if let Some(inside) = inside
            && inside.at_most.0 > 1
            && !differs(inside, &free_names(key))
        {
            let message = "every iteration has the same key";
            sink.push(
                Diagnostic::new(&SHARED_KEY, *span, message)
                    .note("duplicates are refused before the first iteration: the loop runs with one item at most")
                    .help(format!("name something of `{}` in the key", inside.variable)),
            );
        }
    }
}

/// Whether a key can differ from one iteration to the next: it names the item, or something made in the body.
fn differs(inside: &Loop, names: &BTreeSet<String>) -> bool {
    names.contains(&inside.variable) || inside.body.nodes.iter().any(|node| names.contains(&node.id))
}

//! P7: only what is safe, idempotent or keyed is retried, in undos too.

use crate::diagnostics::codes::retry::UNSAFE_RETRY;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule, who};

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/repeatable", codes: &[&UNSAFE_RETRY], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (node, subject, call, _) in context.hir.flow.calls() {
        let Some(retry) = &call.retry else { continue };
        let view = &call.view;
        let idempotent = view.is_safe() || matches!(view.method.as_str(), "PUT" | "DELETE");
        // An unknown outcome that is read back is never sent again.
        let read_back = subject == node.id && node.is_read_back();
        if retry.policy.attempts < 2 || read_back || idempotent || call.idempotency.is_some() {
            continue;
        }
        let what = who(&subject);
        let name = format!("{}.{}", call.api, call.operation);
        let message = format!("{what} is retried, but `{name}` could then take effect twice");
        let mut diagnostic = Diagnostic::new(&UNSAFE_RETRY, retry.named_at, message)
            .and(call.span, format!("{} is neither safe nor idempotent", view.method))
            .note("after a time-out nobody knows whether the first request took effect");
        let api = context.hir.apis.get(&call.api);
        let document = api.and_then(|api| api.document.as_ref());
        if let Some(place) = document.and_then(|document| document.place(&view.pointer)) {
            diagnostic = diagnostic.and(place, "declares no `Idempotency-Key` header");
        }
        if let Some(statement) = api.and_then(|api| api.statement.as_ref()) {
            let place = statement.place("operations");
            diagnostic = diagnostic.and(place, "the statement about the api does not name this operation");
        }
        sink.push(diagnostic.help(format!(
            "if `{}` honours a key, say so in its block: `idempotency header \"…\"`, then `assumed by OPERATOR because \"…\"`, or `stated by ECZ-… in file(\"…\")` with what its operator signed; else drop the retry",
            call.api
        )));
    }
}

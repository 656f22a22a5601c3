//! A call authenticates as the operation's security schemes say.

use std::collections::BTreeSet;

use crate::diagnostics::codes::secrets::{AUTH_MISSING, AUTH_NOT_DOCUMENTED};
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "secrets/scheme", codes: &[&AUTH_NOT_DOCUMENTED, &AUTH_MISSING], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let mut told = BTreeSet::new();
    for (_, _, call, _) in context.hir.flow.calls() {
        let Some(api) = context.hir.apis.get(&call.api) else { continue };
        let view = &call.view;
        if !told.insert((call.api.clone(), call.operation.clone())) {
            continue;
        }
        let name = format!("{}.{}", call.api, call.operation);
        let open = view.security.is_empty() || view.security.iter().any(|alternative| alternative.is_empty());
        let place = api.document.as_ref().and_then(|document| {
            let scheme = view.security.iter().flat_map(|alternative| alternative.values()).next()?;
            document.place(&scheme.pointer)
        });
        let mut diagnostic = match &api.bearer {
            // A token that the document does not ask for would be shown to someone without need.
            Some((_, span)) if !view.takes_bearer() => {
                let message = format!("`{name}` does not document a bearer token");
                Diagnostic::new(&AUTH_NOT_DOCUMENTED, *span, message)
                    .and(call.span, "called here")
                    .help("authenticate as the document's security schemes say; only bearer is built")
            }
            None if !open => {
                let message = format!("`{name}` demands authentication, and `{}` declares none", call.api);
                let help = if view.takes_bearer() {
                    format!(
                        "declare `secret NAME for {}` and `auth bearer secret.NAME` in its block",
                        call.api
                    )
                } else {
                    "only bearer tokens are built, and the document offers none".to_owned()
                };
                Diagnostic::new(&AUTH_MISSING, call.span, message).and(api.span, "declared here").help(help)
            }
            _ => continue,
        };
        if let Some(place) = place {
            diagnostic = diagnostic.and(place, "the security scheme");
        }
        sink.push(diagnostic);
    }
}

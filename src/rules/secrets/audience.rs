//! A secret is sent to its audience only.

use crate::diagnostics::codes::secrets::SECRET_AUDIENCE;
use crate::diagnostics::{Diagnostic, Sink};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "secrets/audience", codes: &[&SECRET_AUDIENCE], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (name, api) in &context.hir.apis {
        for (secret, span) in api.auth.iter().flat_map(|auth| &auth.secrets) {
            let Some(declared) = context.hir.secrets.get(secret) else { continue };
            // An audience that is no api was reported at the secret.
            if declared.audience != *name
                && let Some(audience) = context.hir.apis.get(&declared.audience)
            {
                let message = format!("`{secret}` is for `{}`, not for `{name}`", declared.audience);
                sink.push(
                    Diagnostic::new(&SECRET_AUDIENCE, *span, message)
                        .and(declared.audience_span, "its one audience")
                        .and(audience.span, "that api")
                        .help(format!("declare a secret of its own: `secret NAME for {name}`")),
                );
            }
        }
    }
}

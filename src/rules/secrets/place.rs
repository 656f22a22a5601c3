//! Each credential has a place of its own: not a header that the runtime sets, not another credential's, not an argument's.

use std::collections::BTreeMap;

use crate::diagnostics::codes::secrets::CREDENTIAL_PLACE;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::AuthForm;
use crate::plan::{Auth, misplaced};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "secrets/place", codes: &[&CREDENTIAL_PLACE], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (name, api) in &context.hir.apis {
        // What can't be completed is another rule's finding.
        let Ok(auth) = context.hir.authentication(name) else { continue };
        let mut taken = BTreeMap::new();
        for (auth, declared) in auth.iter().zip(&api.auth) {
            let Some((location, key)) = place(auth) else { continue };
            if let Some(why) = misplaced(auth) {
                let message = format!("a key cannot go into the {location} `{key}`: {why}");
                let found = Diagnostic::new(&CREDENTIAL_PLACE, declared.span, message);
                sink.push(match &declared.form {
                    AuthForm::Key { place: Some(_), .. } => {
                        found.help("write the place that the API's documentation names, such as `in header \"X-Api-Key\"`")
                    }
                    _ => found.help("another security scheme of the document may do; else ask its publisher"),
                });
            }
            if let Some(first) = taken.insert((location, key.clone()), declared.span) {
                let message = format!("two credentials would go into the {location} `{key}`");
                sink.push(
                    Diagnostic::new(&CREDENTIAL_PLACE, declared.span, message)
                        .and(first, "the other one")
                        .help("keep the one that the operations ask for"),
                );
            }
        }
        for (_, _, call, _) in context.hir.flow.calls().iter().filter(|(_, _, call, _)| call.api == *name) {
            for (argument, location, _) in &call.arguments {
                let key = if location == "header" { argument.to_ascii_lowercase() } else { argument.clone() };
                if let Some(first) = taken.get(&(location.as_str(), key)) {
                    let message =
                        format!("the argument `{argument}` stands where a credential of `{name}` goes");
                    sink.push(
                        Diagnostic::new(&CREDENTIAL_PLACE, call.span, message)
                            .and(*first, "the credential")
                            .help("leave the argument out: the runtime fills it from the secret"),
                    );
                }
            }
        }
    }
}

/// Where a credential goes; a header's name in lower case.
fn place(auth: &Auth) -> Option<(&'static str, String)> {
    match auth {
        Auth::Bearer { .. } | Auth::Basic { .. } | Auth::OAuth2 { .. } => {
            Some(("header", "authorization".to_owned()))
        }
        Auth::ApiKey { location, name, .. } => Some(match location.as_str() {
            "query" => ("query", name.clone()),
            "cookie" => ("cookie", name.clone()),
            _ => ("header", name.to_ascii_lowercase()),
        }),
        Auth::MutualTls { .. } => None,
    }
}

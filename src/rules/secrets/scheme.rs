//! A call authenticates as the operation's security schemes say.

use std::collections::BTreeSet;

use crate::diagnostics::codes::secrets::{
    AMBIGUOUS_SCHEME, AUTH_MISSING, AUTH_NOT_DOCUMENTED, TOKEN_ENDPOINT, UNKNOWN_SCHEME, UNKNOWN_SCOPE,
};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::{Location, OperationView, Scheme, SchemeView};
use crate::hir::{Api, Call};
use crate::plan::{Accepted, Auth, accepts, base_url};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule {
    name: "secrets/scheme",
    codes: &[
        &AUTH_NOT_DOCUMENTED,
        &AUTH_MISSING,
        &UNKNOWN_SCHEME,
        &AMBIGUOUS_SCHEME,
        &TOKEN_ENDPOINT,
        &UNKNOWN_SCOPE,
    ],
    check,
};

fn check(context: &Context<'_>, sink: &mut Sink) {
    let calls = context.hir.flow.calls();
    for (name, api) in &context.hir.apis {
        let auth = match context.hir.authentication(name) {
            Ok(auth) => auth,
            Err(finding) => {
                if !context.hir.used_views(name).is_empty() {
                    sink.push(*finding);
                }
                continue;
            }
        };
        let mut told = BTreeSet::new();
        let mut answers = Vec::new();
        for (_, _, call, _) in calls.iter().filter(|(_, _, call, _)| call.api == *name) {
            if !told.insert(&call.operation) {
                continue;
            }
            let base = base_url(&call.view, api.choice()).unwrap_or_default();
            answers.push((*call, accepts(&call.view, &auth, &base)));
        }
        let asked = answers.iter().any(|(call, _)| !call.view.security.is_empty());
        let documented = answers.iter().any(|(_, accepted)| *accepted == Accepted::Documented);
        let refused =
            |(_, accepted): &&(&Call, Accepted)| matches!(accepted, Accepted::Missing | Accepted::Other);
        if let Some((call, accepted)) = answers.iter().find(refused) {
            sink.push(finding(context, name, api, call, &auth, *accepted));
        } else if let (Some((call, _)), false) = (answers.first(), auth.is_empty() || documented || !asked) {
            // Nobody asks for it, and it would be shown to someone without need.
            sink.push(finding(context, name, api, call, &auth, Accepted::Other));
        }
    }
}

fn finding(
    context: &Context<'_>,
    name: &str,
    api: &Api,
    call: &Call,
    auth: &[Auth],
    accepted: Accepted,
) -> Diagnostic {
    let operation = format!("{name}.{}", call.operation);
    let secrets = context.hir.secrets.iter().filter(|(_, secret)| secret.audience == name);
    let secrets: Vec<&str> = secrets.map(|(secret, _)| secret.as_str()).collect();
    let offered = offered(&call.view, name, &secrets);
    let help = if offered.is_empty() {
        "what it asks for is none of bearer, basic, key, oauth2 with client credentials and certificate"
            .to_owned()
    } else {
        format!("declare {}", offered.join(", or "))
    };
    let declared: Vec<String> = auth.iter().map(Auth::words).collect();
    let place = api.auth.first().map_or(api.span, |auth| auth.span);
    let found = if accepted == Accepted::Missing {
        let message = format!("`{operation}` demands authentication, and `{name}` declares none");
        Diagnostic::new(&AUTH_MISSING, call.span, message).and(api.span, "declared here")
    } else {
        let message = format!("`{operation}` does not document `auth {}`", declared.join("` with `auth "));
        Diagnostic::new(&AUTH_NOT_DOCUMENTED, place, message).and(call.span, "called here")
    };
    let scheme = call.view.security.iter().flat_map(|alternative| alternative.values()).next();
    let scheme = scheme.and_then(|scheme| api.document.as_ref()?.place(&scheme.pointer));
    let found = match scheme {
        Some(place) => found.and(place, "the security scheme"),
        None => found,
    };
    found.help(help)
}

/// The alternatives in the language's own words, with the secrets that are declared for the api; those that cannot be met
/// are left out.
fn offered(view: &OperationView, api: &str, secrets: &[&str]) -> Vec<String> {
    let words = |(name, scheme): (&String, &SchemeView)| {
        Some(match &scheme.scheme {
            Scheme::Bearer => "`auth bearer secret.NAME`".to_owned(),
            Scheme::Basic => "`auth basic secret.USER secret.PASSWORD`".to_owned(),
            Scheme::ApiKey { location: Location::Header | Location::Query | Location::Cookie, .. } => {
                format!("`auth key \"{name}\" secret.NAME`")
            }
            Scheme::OAuth2 { client_credentials: Some(_) } => {
                "`auth oauth2 secret.ID secret.SECRET {{ token \"https://…\" }}`"
                    .replace("{{", "{")
                    .replace("}}", "}")
            }
            Scheme::OAuth2 { .. } => "`auth bearer secret.NAME` with a token from elsewhere".to_owned(),
            Scheme::MutualTls => "`auth certificate secret.NAME`".to_owned(),
            Scheme::Other(words) if words == "openIdConnect" => {
                "`auth bearer secret.NAME` with a token from elsewhere".to_owned()
            }
            _ => return None,
        })
    };
    let sets = view.security.iter().filter(|set| !set.is_empty());
    let mut found: Vec<String> = sets
        .filter_map(|set| Some(set.iter().map(words).collect::<Option<Vec<String>>>()?.join(" with ")))
        .collect();
    if let [secret] = secrets {
        for words in &mut found {
            *words = words.replace("secret.NAME", &format!("secret.{secret}"));
        }
    }
    if let Some(first) = found.first_mut() {
        first.push_str(" in its block");
        if secrets.is_empty() {
            first.push_str(&format!(", after `secret NAME for {api}`"));
        }
    }
    found.dedup();
    found
}

//! How requests to an api authenticate: what the flow declares, completed from the documents' security schemes.

use std::collections::BTreeMap;

use super::model::{Api, Auth, AuthForm, Hir};
use crate::base::did_you_mean;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::secrets as codes;
use crate::documents::{OperationView, Scheme, SchemeView};
use crate::ecz::Evidence;
use crate::plan::{self, base_url, https_origin, reachable_unverified, token_endpoint};
use crate::source::Span;

/// Why declared authentication could not be completed: a finding.
pub(crate) type Unresolved = Box<Diagnostic>;

impl Hir {
    /// The operations of an api that the flow uses, each once.
    pub fn used_views(&self, api: &str) -> Vec<&OperationView> {
        let calls = self.flow.calls();
        let mut views: BTreeMap<&str, &OperationView> = BTreeMap::new();
        for (_, _, call, _) in &calls {
            if call.api == api {
                views.insert(&call.operation, &*call.view);
            }
        }
        views.into_values().collect()
    }

    /// How requests to an api authenticate. Empty: not at all.
    pub fn authentication(&self, name: &str) -> Result<Vec<plan::Auth>, Box<Diagnostic>> {
        let Some(api) = self.apis.get(name) else { return Ok(Vec::new()) };
        let views = self.used_views(name);
        api.auth.iter().map(|auth| resolve(api, auth, &views)).collect()
    }
}

impl Api {
    /// What decides among the operations' servers.
    pub fn choice(&self) -> plan::Choice<'_> {
        plan::Choice {
            origin: self.identity.as_ref().map(|identity| identity.fields.api_origin.as_str()),
            region: self.region.as_ref().map(|(_, origin, _)| origin.as_str()),
            server: self.server.as_ref().map(|(server, _)| server.as_str()),
        }
    }

    /// The most evidence a handoff to it reaches.
    pub fn reachable(&self) -> Evidence {
        if self.no_passport.is_none() {
            // An identity that is not whole is told as that.
            return self
                .identity
                .as_ref()
                .map_or(Evidence::E5, |known| plan::reachable_verified(&known.fields));
        }
        // Which scheme carries the evidence shows already in what is declared.
        let forms = self.auth.iter().filter_map(|auth| match &auth.form {
            AuthForm::Certificate => Some(plan::Auth::MutualTls { secret: String::new() }),
            AuthForm::OAuth2 { audience, .. } => Some(plan::Auth::OAuth2 {
                client_id: String::new(),
                client_secret: String::new(),
                token_url: String::new(),
                scopes: Vec::new(),
                audience: audience.as_ref().map(|(audience, _)| audience.clone()),
            }),
            _ => None,
        });
        reachable_unverified(&forms.collect::<Vec<_>>())
    }
}

fn schemes<'v>(views: &[&'v OperationView]) -> BTreeMap<&'v str, &'v SchemeView> {
    let all = views.iter().flat_map(|view| &view.security).flatten();
    all.map(|(name, scheme)| (name.as_str(), scheme)).collect()
}

fn finding(code: &'static crate::diagnostics::Code, span: Span, message: String) -> Diagnostic {
    Diagnostic::new(code, span, message)
}

fn resolve(api: &Api, auth: &Auth, views: &[&OperationView]) -> Result<plan::Auth, Unresolved> {
    let secret = |at: usize| auth.secrets.get(at).map(|(name, _)| name.clone());
    let first = secret(0).unwrap_or_default();
    match &auth.form {
        AuthForm::Bearer => Ok(plan::Auth::Bearer { secret: first }),
        AuthForm::Basic => Ok(plan::Auth::Basic { user: first, password: secret(1) }),
        AuthForm::Certificate => Ok(plan::Auth::MutualTls { secret: first }),
        AuthForm::Key { scheme, place } => {
            let (location, name) = match place {
                Some((location, (name, _))) => (location.clone(), name.clone()),
                None => {
                    key_place(auth, scheme.as_ref(), views).map_err(|found| located(api, found, views))?
                }
            };
            Ok(plan::Auth::ApiKey { secret: first, location, name })
        }
        AuthForm::OAuth2 { token, scopes, audience } => {
            let token_url = token_url(api, auth, token.as_ref(), scopes, views)
                .map_err(|found| located(api, found, views))?;
            if let Some((_, span)) = audience.as_ref().filter(|(audience, _)| audience.trim().is_empty()) {
                let message = "the audience is empty".to_owned();
                let help = "name whom the token is for, or leave `audience` out";
                return Err(Box::new(finding(&codes::TOKEN_ENDPOINT, *span, message).help(help)));
            }
            Ok(plan::Auth::OAuth2 {
                client_id: first,
                client_secret: secret(1).unwrap_or_default(),
                token_url,
                scopes: scopes.iter().map(|(scope, _)| scope.clone()).collect(),
                audience: audience.as_ref().map(|(audience, _)| audience.clone()),
            })
        }
    }
}

/// A finding with the document's place beside it: the scheme of the same kind, else the first.
fn located(api: &Api, found: Box<Diagnostic>, views: &[&OperationView]) -> Unresolved {
    let known = schemes(views);
    let oauth = [codes::TOKEN_ENDPOINT.number, codes::UNKNOWN_SCOPE.number].contains(&found.code.number);
    let same = known.values().find(|scheme| oauth && matches!(scheme.scheme, Scheme::OAuth2 { .. }));
    let scheme = same.or_else(|| known.values().next());
    match scheme.and_then(|scheme| api.document.as_ref()?.place(&scheme.pointer)) {
        Some(place) => Box::new(found.and(place, "a security scheme")),
        None => found,
    }
}

fn key_place(
    auth: &Auth,
    wanted: Option<&(String, Span)>,
    views: &[&OperationView],
) -> Result<(String, String), Box<Diagnostic>> {
    let schemes = schemes(views);
    let place = |scheme: &SchemeView| match &scheme.scheme {
        Scheme::ApiKey { location, name } => Some((location.as_str().to_owned(), name.clone())),
        _ => None,
    };
    if let Some((wanted, span)) = wanted {
        let Some(scheme) = schemes.get(wanted.as_str()) else {
            let message = format!("the used operations name no security scheme `{wanted}`");
            let known: Vec<&str> = schemes.keys().copied().collect();
            let help = match did_you_mean(wanted, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => {
                    "they name none: write `auth key secret.NAME in header \"…\"`".to_owned()
                }
                None => format!("they name `{}`", known.join("`, `")),
            };
            return Err(Box::new(finding(&codes::UNKNOWN_SCHEME, *span, message).help(help)));
        };
        return place(scheme).ok_or_else(|| {
            let message = format!("the security scheme `{wanted}` is no key");
            let help = "name a scheme of type `apiKey`, or declare the `auth` that this one is";
            Box::new(finding(&codes::AUTH_NOT_DOCUMENTED, *span, message).help(help))
        });
    }
    let mut places: Vec<(String, String)> = schemes.values().filter_map(|scheme| place(scheme)).collect();
    places.sort();
    places.dedup();
    match places.len() {
        1 => Ok(places.remove(0)),
        0 => Err(Box::new(finding(
            &codes::AUTH_NOT_DOCUMENTED,
            auth.span,
            "no used operation documents a key".to_owned(),
        )
        .help("declare the `auth` that is documented; where the document declares no scheme at all, say where the key goes: `auth key secret.NAME in header \"X-Api-Key\"`"))),
        _ => {
            let keys = schemes.iter().filter(|(_, scheme)| place(scheme).is_some());
            let names: Vec<&str> = keys.map(|(name, _)| *name).collect();
            Err(Box::new(finding(
                &codes::AMBIGUOUS_SCHEME,
                auth.span,
                format!("the document has {} keys", names.len()),
            )
            .help(format!("say which: `auth key \"SCHEME\" secret.NAME`, with `{}`", names.join("` or `")))))
        }
    }
}

fn token_url(
    api: &Api,
    auth: &Auth,
    token: Option<&(String, Span)>,
    scopes: &[(String, Span)],
    views: &[&OperationView],
) -> Result<String, Box<Diagnostic>> {
    let wrong = |span: Span, message: String| finding(&codes::TOKEN_ENDPOINT, span, message);
    let known = schemes(views);
    let flow = known.values().find_map(|scheme| match &scheme.scheme {
        Scheme::OAuth2 { client_credentials: Some(flow) } => Some((flow, *scheme)),
        _ => None,
    });
    let Some((flow, scheme)) = flow else {
        let message = "no used operation documents OAuth 2 with client credentials".to_owned();
        return Err(Box::new(finding(&codes::AUTH_NOT_DOCUMENTED, auth.span, message).help(
            "declare the `auth` that is documented; a token that comes from elsewhere is `auth bearer`",
        )));
    };
    let Some((origin, span)) = token else {
        let message = "`oauth2` does not say where tokens come from".to_owned();
        return Err(Box::new(
            wrong(auth.span, message)
                .help("add `token \"https://host\"`, the origin of the document's token URL"),
        ));
    };
    let base = views.iter().find_map(|view| base_url(view, api.choice()).ok()).unwrap_or_default();
    let Some(url) = token_endpoint(&flow.token_url, &base) else {
        let message = format!("the document's token URL `{}` is no plain https URL", flow.token_url);
        return Err(Box::new(
            wrong(*span, message).help("ask its publisher to mend it: secrets are sent over https only"),
        ));
    };
    let actual = url::Url::parse(&url).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    if https_origin(origin).as_deref() != Some(origin.as_str()) || *origin != actual {
        let message = format!("tokens come from `{actual}`, not from `{origin}`");
        return Err(Box::new(wrong(*span, message)
            .note("the client's secret goes to the token endpoint: its origin is stated, so that no document can move it")
            .help(format!("write `token \"{actual}\"` if that is where the secret may go"))));
    }
    for (scope, span) in scopes {
        if !flow.scopes.contains_key(scope) {
            let message = format!("the document has no scope `{scope}`");
            let help = match did_you_mean(scope, flow.scopes.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "it has `{}`",
                    flow.scopes.keys().map(String::as_str).collect::<Vec<_>>().join("`, `")
                ),
            };
            return Err(Box::new(finding(&codes::UNKNOWN_SCOPE, *span, message).help(help)));
        }
    }
    let due = views.iter().flat_map(|view| &view.security).flatten().map(|(_, scheme)| scheme);
    let due = due.filter(|other| other.scheme == scheme.scheme).flat_map(|scheme| &scheme.scopes);
    for scope in due {
        if !scopes.iter().any(|(asked, _)| asked == scope) {
            let message = format!("a used operation asks for the scope `{scope}`");
            return Err(Box::new(
                finding(&codes::UNKNOWN_SCOPE, auth.span, message)
                    .help(format!("add it: `scopes \"{scope}\"`")),
            ));
        }
    }
    Ok(url)
}

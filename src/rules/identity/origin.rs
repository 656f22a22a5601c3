//! P5: requests go to a server at the authorised origin, or at the region's alias among the document's servers.

use crate::diagnostics::codes::identity::ORIGIN_NOT_AUTHORISED;
use crate::diagnostics::{Diagnostic, Sink};
use crate::plan::{Choice, OriginError, base_url};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/origin", codes: &[&ORIGIN_NOT_AUTHORISED], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let mut chosen: std::collections::BTreeMap<&str, String> = Default::default();
    for (_, _, call, _) in context.hir.flow.calls() {
        let Some(api) = context.hir.apis.get(&call.api) else { continue };
        let (Some(identity), Some(document)) = (&api.identity, &api.document) else { continue };
        let view = &call.view;
        let region = api.region.as_ref().map(|(_, origin, _)| origin.as_str());
        let place = view.servers.first().and_then(|server| document.place(&server.pointer));
        let error = match base_url(
            view,
            Choice { origin: Some(&identity.fields.api_origin), region, server: None },
        ) {
            Ok(server) => {
                let first = chosen.entry(call.api.as_str()).or_insert_with(|| server.clone());
                if *first != server {
                    let message = format!(
                        "operations of `{}` have different servers: `{first}` and `{server}`",
                        call.api
                    );
                    sink.push(
                        Diagnostic::new(&ORIGIN_NOT_AUTHORISED, call.span, message)
                            .help("declare an `api` of its own for what lies at another server"),
                    );
                }
                continue;
            }
            Err(error) => error,
        };
        let span = match (&error, &api.region) {
            (OriginError::NotAServer(_) | OriginError::NotAnOrigin(_), Some((_, _, span))) => *span,
            _ => api.span,
        };
        let servers: Vec<&str> = view.servers.iter().map(|server| server.url.as_str()).collect();
        let mut diagnostic = Diagnostic::new(&ORIGIN_NOT_AUTHORISED, span, error.to_string())
            .note(format!("its servers are `{}`", servers.join("`, `")));
        diagnostic = match (&error, place) {
            (OriginError::NotAuthorised(_), Some(place)) => diagnostic
                .and(place, "the first server")
                .and(identity.place("api_origin"), "the authorised origin"),
            (_, Some(place)) => diagnostic.and(place, "the first server"),
            _ => diagnostic,
        };
        sink.push(diagnostic.help("a request goes only to the passport's authorised origin or to a regional alias the document lists"));
    }
}

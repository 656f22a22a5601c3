//! P5: requests go to a server of the document: at the authorised origin, at the region's alias, or the one the flow names.

use std::collections::BTreeMap;

use crate::diagnostics::codes::identity::{NO_SERVER, ORIGIN_NOT_AUTHORISED};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Api, Call};
use crate::plan::{OriginError, base_url};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/origin", codes: &[&ORIGIN_NOT_AUTHORISED, &NO_SERVER], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let mut chosen: BTreeMap<&str, String> = BTreeMap::new();
    // An operation has one server, however often it is called.
    let mut servers = BTreeMap::new();
    for (_, _, call, _) in context.hir.flow.calls() {
        let Some(api) = context.hir.apis.get(&call.api) else { continue };
        if api.document.is_none() || (api.identity.is_none() && api.no_passport.is_none()) {
            continue;
        }
        let server = servers
            .entry((call.api.as_str(), call.operation.as_str()))
            .or_insert_with(|| base_url(&call.view, api.choice()));
        match server {
            Ok(server) => {
                let first = chosen.entry(call.api.as_str()).or_insert_with(|| server.clone());
                if first != server {
                    let message = format!(
                        "operations of `{}` have different servers: `{first}` and `{server}`",
                        call.api
                    );
                    sink.push(
                        Diagnostic::new(&ORIGIN_NOT_AUTHORISED, call.span, message)
                            .help("declare an `api` of its own for what lies at another server"),
                    );
                }
            }
            Err(error) => sink.push(finding(api, call, error)),
        }
    }
}

fn finding(api: &Api, call: &Call, error: &OriginError) -> Diagnostic {
    let by_server = api.server.as_ref().map(|(_, span)| *span);
    let by_region = api.region.as_ref().map(|(_, _, span)| *span);
    let (code, span) = match error {
        OriginError::NoServer => (&NO_SERVER, api.span),
        OriginError::NotAnUrl(_) => (&NO_SERVER, by_server.unwrap_or(api.span)),
        OriginError::NotAServer(_) if by_server.is_some() => (&NO_SERVER, by_server.unwrap_or(api.span)),
        OriginError::ServerElsewhere { .. } => (&ORIGIN_NOT_AUTHORISED, by_server.unwrap_or(api.span)),
        OriginError::NotAServer(_) | OriginError::NotAnOrigin(_) => {
            (&ORIGIN_NOT_AUTHORISED, by_region.unwrap_or(api.span))
        }
        OriginError::NotAuthorised(_) => (&ORIGIN_NOT_AUTHORISED, api.span),
    };
    let servers: Vec<&str> = call.view.servers.iter().map(|server| server.url.as_str()).collect();
    let servers = match servers.as_slice() {
        [] => "the document names no server".to_owned(),
        servers => format!("its servers are `{}`", servers.join("`, `")),
    };
    let operation = format!("`{}.{}`", call.api, call.operation);
    let message = match error {
        OriginError::NotAuthorised(origin) => {
            format!("{operation} has no server at the authorised origin `{origin}`")
        }
        OriginError::NotAServer(url) => format!("{operation} has no server at `{url}`"),
        OriginError::NoServer => format!("no server of {operation} is an absolute https URL"),
        other => other.to_string(),
    };
    let mut found = Diagnostic::new(code, span, message).note(servers).and(call.span, "called here");
    let place = call.view.servers.first();
    let place = place.and_then(|server| api.document.as_ref()?.place(&server.pointer));
    if let Some(place) = place {
        found = found.and(place, "the first server");
    }
    if let (OriginError::NotAuthorised(_) | OriginError::ServerElsewhere { .. }, Some(identity)) =
        (error, &api.identity)
    {
        found = found.and(identity.place("api_origin"), "the authorised origin");
    }
    if let OriginError::NotAnOrigin(written) = error
        && let Some((scheme, rest)) = written.split_once("://")
        && let Some((authority, _)) = rest.split_once('/')
    {
        return found.help(format!("an origin ends after host and port: write `{scheme}://{authority}`"));
    }
    found.help(match error {
        OriginError::NoServer if call.view.servers.is_empty() => {
            "say where the API is: `server \"https://…\"` in its block, with the path its operations begin at; the proof says that it is the flow's word"
        }
        OriginError::NoServer => {
            "say where the API is: `server \"https://…\"` in its block, an absolute URL that one of the document's servers stands for"
        }
        _ if code.number == NO_SERVER.number => {
            "write an absolute https URL that one of the document's servers stands for, its variables filled in"
        }
        OriginError::NotAuthorised(_) => {
            "call another operation, or ask the publisher: a request goes only to the passport's authorised origin or to a regional alias that the document lists"
        }
        _ => "name the origin of one of its servers: a request goes only to the passport's authorised origin or to a regional alias that the document lists",
    })
}

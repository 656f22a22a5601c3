//! P5: requests go to a server of the document: at the authorised origin, at the region's alias, or the one the flow names.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::codes::identity::{NO_SERVER, ORIGIN_NOT_AUTHORISED};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Api, Call};
use crate::plan::{Declared, OriginError, base_url, https_slip};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "identity/origin", codes: &[&ORIGIN_NOT_AUTHORISED, &NO_SERVER], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let mut chosen: BTreeMap<&str, String> = BTreeMap::new();
    // An operation has one server, however often it is called.
    let mut servers = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut refused: BTreeMap<_, Vec<&Call>> = BTreeMap::new();
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
                if first != server && told.insert((call.api.as_str(), server.clone())) {
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
            Err(error) => {
                // What is wrong with an api is wrong with every operation of the same servers: it is told once.
                let servers: Vec<_> = call.view.servers.iter().map(|server| server.url.clone()).collect();
                let same = (call.api.as_str(), error.clone(), servers);
                refused.entry(same).or_default().push(call);
            }
        }
    }
    for ((api, error, _), calls) in refused {
        if let (Some(api), Some((first, more))) = (context.hir.apis.get(api), calls.split_first()) {
            sink.push(finding(api, &error, first, more));
        }
    }
}

/// The finding at the first call; others that fail for the same reason are named.
fn finding(api: &Api, error: &OriginError, call: &Call, more: &[&Call]) -> Diagnostic {
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
    let name = |call: &Call| format!("`{}.{}`", call.api, call.operation);
    let mut others: Vec<String> =
        more.iter().map(|call| name(call)).filter(|other| *other != name(call)).collect();
    others.sort();
    others.dedup();
    let (operation, have) = match others.as_slice() {
        [] => (name(call), "has"),
        [other] => (format!("{} and {other}", name(call)), "have"),
        others => (format!("{} and {} more operations", name(call), others.len()), "have"),
    };
    let message = match error {
        OriginError::NotAuthorised(origin) => {
            format!("{operation} {have} no server at the authorised origin `{origin}`")
        }
        OriginError::NotAServer(url) => format!("{operation} {have} no server at `{url}`"),
        OriginError::NoServer => format!("no server of {operation} is an absolute https URL"),
        OriginError::NotAnOrigin(written) | OriginError::NotAnUrl(written) => {
            format!("{error}: {}", https_slip(written).0)
        }
        OriginError::ServerElsewhere { .. } => error.to_string(),
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
        && let (_, Some(meant)) = https_slip(written)
    {
        return found.help(format!("write `{meant}`"));
    }
    if let OriginError::NotAuthorised(_) = error
        && api.declared == Some(Declared::Flow)
    {
        return found.help(
            "the flow itself states this origin: correct it, or call an operation that has a server there",
        );
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

//! Declarations of the flow's file: operators, secrets, apis with their documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::model::{Api, Auth, AuthForm, Operator, Secret};
use super::modules::{Modules, kind, normalise, unknown};
use super::unreadable::unreadable;
use super::{parties, policies, statement};
use crate::base::{did_you_mean, limits, meant};
use crate::diagnostics::codes::{identity as codes, names};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::Document;
use crate::ecz::{EczId, Kind};
use crate::source::{Cache, FileSystem, SourceMap, Span};
use crate::syntax::ast::{self, AuthScheme};

pub(super) fn id(text: &ast::Text, wanted: Kind, sink: &mut Sink) -> Option<EczId> {
    let bad = |message: String| Diagnostic::new(&codes::BAD_ECZ_ID, text.span, message);
    let id: EczId = match text.value.parse() {
        Ok(id) => id,
        Err(_) => {
            let near = spelled(&text.value).filter(|near| near.kind() == wanted);
            sink.push(bad(format!("`{}` is not an ECZ-ID", text.value)).help(match near {
                Some(near) => meant(&text.value, near.as_str()),
                None => form(wanted).to_owned(),
            }));
            return None;
        }
    };
    if id.is_placeholder() {
        sink.push(
            bad(format!("`{id}` is a placeholder of the documentation"))
                .help("write the ID that was issued; no flow runs with a placeholder"),
        );
        return None;
    }
    if id.kind() != wanted {
        let what = match wanted {
            Kind::Agent => "an Agent Credential",
            Kind::Api => "an API Passport",
            _ => "a parent ECZ-ID",
        };
        sink.push(bad(format!("`{id}` is not {what}")).help(form(wanted)));
        return None;
    }
    Some(id)
}

/// How an ID of a kind is written.
fn form(wanted: Kind) -> &'static str {
    match wanted {
        Kind::Agent => {
            "an Agent Credential is its operator's ECZ-ID and `::AGENT-YYYYYY`, which ends in six capital letters or digits"
        }
        Kind::Api => {
            "an API Passport is its operator's ECZ-ID and `::API-YYYYYY`, which ends in six capital letters or digits"
        }
        _ => {
            "a parent ECZ-ID is `ECZ-CC-XXXXXX` alone: the two letters of a country, then six capital letters or digits"
        }
    }
}

/// The ID that a text is, but for its case and for one colon where two stand.
fn spelled(text: &str) -> Option<EczId> {
    let capitals = text.to_ascii_uppercase();
    let colons = capitals.split(':').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::");
    colons.parse().ok()
}

/// An operator's IDs, where they are well-formed and agree.
pub(crate) fn operator(item: &ast::Operator, sink: &mut Sink) -> Option<Operator> {
    let Some(passport) = &item.passport else {
        let message = format!("`{}` has no passport", item.name.text);
        sink.push(
            Diagnostic::new(&codes::BAD_ECZ_ID, item.name.span, message)
                .help("add `passport ECZ-…`, the organisation's parent ECZ-ID"),
        );
        return None;
    };
    let passport_id = id(passport, Kind::Parent, sink)?;
    let agent = match &item.agent {
        None => None,
        Some(text) => {
            let agent = id(text, Kind::Agent, sink)?;
            if agent.parent() != passport_id {
                let message = format!("`{agent}` is not a credential of `{passport_id}`");
                sink.push(
                    Diagnostic::new(&codes::INCONSISTENT_IDENTITY, text.span, message)
                        .and(passport.span, "the operator's passport")
                        .note("an operator presents its own credentials only")
                        .help(format!("write an agent `{passport_id}::AGENT-…`, or correct the passport")),
                );
                return None;
            }
            Some(agent)
        }
    };
    Some(Operator { span: item.name.span, passport: passport_id, agent })
}

/// The operator that a name leads to from a file; what is wrong is reported.
pub(super) fn find_operator<'m>(
    modules: &'m Modules,
    from: usize,
    name: &ast::Name,
    sink: &mut Sink,
) -> Option<&'m ast::Operator> {
    match modules.find(from, &name.text).map(|found| found.item) {
        Some(ast::Item::Operator(item)) => Some(item),
        Some(other) => {
            let message = format!("`{}` is {}, not an operator", name.text, kind(other));
            sink.push(
                Diagnostic::new(&names::WRONG_KIND, name.span, message)
                    .help("name an operator here: `operator NAME { passport ECZ-… }` declares one"),
            );
            None
        }
        None => {
            modules.unknown(from, name, "an operator", sink);
            None
        }
    }
}

/// The Agent Credential that `acme.agent` names.
pub(crate) fn agent(modules: &Modules, from: usize, agent: &ast::Agent, sink: &mut Sink) -> Option<EczId> {
    let item = find_operator(modules, from, &agent.operator, sink)?;
    let Some(text) = &item.agent else {
        let message = format!("`{}` has no Agent Credential", item.name.text);
        sink.push(
            Diagnostic::new(&codes::NO_AGENT, agent.span, message)
                .and(item.name.span, "declared here")
                .help("add `agent ECZ-…::AGENT-…` to the operator"),
        );
        return None;
    };
    // What is wrong with the ID is told once, where the operator is declared.
    text.value.parse().ok()
}

/// Nobody is said to present itself. An operator with a credential may have been meant.
pub(super) fn no_agent(flow: &ast::Name, operators: &BTreeMap<String, Operator>) -> Diagnostic {
    let able: Vec<_> = operators.iter().filter(|(_, operator)| operator.agent.is_some()).collect();
    let name = match able.as_slice() {
        [(name, _)] => name.as_str(),
        _ => "OPERATOR",
    };
    let message = format!("`{}` does not say who presents itself", flow.text);
    let found = Diagnostic::new(&codes::NO_AGENT, flow.span, message).help(format!(
        "add `as {name}.agent` as the flow's first line: that Agent Credential signs the calls"
    ));
    able.iter().fold(found, |found, (_, operator)| found.and(operator.span, "it has an Agent Credential"))
}

/// Every operator that can be named in the flow's file.
pub(crate) fn operators(modules: &Modules, sink: &mut Sink) -> BTreeMap<String, Operator> {
    let mut operators = BTreeMap::new();
    for name in modules.candidates(modules.root, "an operator") {
        let Some(ast::Item::Operator(item)) = modules.peek(modules.root, &name).map(|found| found.item)
        else {
            continue;
        };
        if let Some(operator) = operator(item, sink) {
            operators.insert(name, operator);
        }
    }
    operators
}

/// The secrets of the flow's file.
pub(crate) fn secrets(modules: &Modules, sink: &mut Sink) -> BTreeMap<String, Secret> {
    let mut secrets = BTreeMap::new();
    let Some(module) = modules.get(modules.root) else { return secrets };
    for item in &module.ast.items {
        let ast::Item::Secret(item) = item else { continue };
        // Being somebody's audience does not make an api needed.
        match modules.peek(modules.root, &item.audience.text).map(|found| found.item) {
            Some(ast::Item::Api(_)) => {}
            Some(other) => {
                let message = format!("`{}` is {}, not an api", item.audience.text, kind(other));
                sink.push(
                    Diagnostic::new(&names::WRONG_KIND, item.audience.span, message)
                        .help("name the api that may receive the secret"),
                );
            }
            None => {
                modules.unknown(modules.root, &item.audience, "an api", sink);
            }
        }
        let (audience, audience_span) = (item.audience.text.clone(), item.audience.span);
        secrets.entry(item.name.text.clone()).or_insert(Secret {
            span: item.name.span,
            audience,
            audience_span,
        });
    }
    secrets
}

/// What is needed to read documents.
pub(crate) struct Reader<'a> {
    pub(crate) files: &'a dyn FileSystem,
    pub(crate) cache: Option<&'a dyn Cache>,
    pub(crate) map: &'a mut SourceMap,
    pub(crate) folder: &'a Utf8Path,
    pub(crate) read: BTreeMap<String, Option<Arc<Document>>>,
}

impl Reader<'_> {
    /// Where a file lies that is named relative to the flow's.
    pub(super) fn local(&self, text: &ast::Text, what: &str, sink: &mut Sink) -> Option<Utf8PathBuf> {
        let written = Utf8Path::new(&text.value);
        if written.is_absolute() || text.value.contains("://") || text.value.is_empty() {
            let message = format!("`{}` is not a path relative to this file", text.value);
            let help = match text.value.starts_with("https://") {
                true => format!(
                    "write the path of a local copy of {what}: `eczflow pin --fetch {} -o FILE` downloads one",
                    text.value
                ),
                false => format!("write the path of a local copy of {what}, relative to this file"),
            };
            sink.push(Diagnostic::new(&names::UNREADABLE_USE, text.span, message).help(help));
            return None;
        }
        Some(normalise(&self.folder.join(written)))
    }

    fn document(&mut self, text: &ast::Text, sink: &mut Sink) -> Option<Arc<Document>> {
        let path = self.local(text, "the document", sink)?;
        if let Some(known) = self.read.get(path.as_str()) {
            return known.clone();
        }
        let document = match self.files.read_regular(&path, limits::DOCUMENT_BYTES) {
            Ok(bytes) => Document::read_with(self.cache, bytes, path.as_str(), self.map, sink).map(Arc::new),
            Err(error) => {
                sink.push(unreadable(&names::UNREADABLE_USE, text, &error));
                None
            }
        };
        self.read.insert(path.into_string(), document.clone());
        document
    }
}

/// The apis of the flow's file. Documents are read for all of them.
pub(crate) fn apis(modules: &Modules, reader: &mut Reader<'_>, sink: &mut Sink) -> BTreeMap<String, Api> {
    let mut apis = BTreeMap::new();
    let Some(module) = modules.get(modules.root) else { return apis };
    for item in &module.ast.items {
        if let ast::Item::Api(item) = item
            && !apis.contains_key(&item.name.text)
        {
            apis.insert(item.name.text.clone(), api(modules, item, reader, sink));
        }
    }
    apis
}

fn api(modules: &Modules, item: &ast::Api, reader: &mut Reader<'_>, sink: &mut Sink) -> Api {
    let root = modules.root;
    let document = reader.document(&item.document, sink);
    let party = parties::party(modules, item, document.as_deref(), sink);
    let auth = item.auth.iter().map(|auth| authentication(modules, &item.name.text, auth, sink)).collect();
    let promise = match &item.idempotency {
        Some(fact) => statement::promised(modules, fact, party.none.is_none(), reader, sink),
        None => statement::Promise::default(),
    };
    Api {
        span: item.name.span,
        path: normalise(Utf8Path::new(&item.document.value)).into_string(),
        source_span: item.source_span,
        pin: item.pin.as_ref().map(|pin| (pin.hex.clone(), pin.value_span)),
        document,
        identity: party.identity,
        declared: party.declared,
        no_passport: party.none,
        server: item.server.as_ref().map(|server| (server.value.clone(), server.span)),
        region: item
            .region
            .as_ref()
            .map(|region| (region.name.text.clone(), region.origin.value.clone(), region.origin.span)),
        auth,
        promised: promise.promised,
        statement: promise.statement,
        unspoken: promise.unspoken,
        timeout: policies::timeout(item.timeout.as_ref(), sink),
        rate: item.rate.as_ref().and_then(|rate| policies::rate(rate, sink)),
        concurrency: item.concurrency.as_ref().and_then(|most| policies::concurrency(most, sink)),
        retry: item.retry.as_ref().and_then(|path| policies::retry(modules, root, path, sink)),
        breaker: match &item.breaker {
            Some(path) => policies::breaker(modules, root, path, sink),
            None => policies::standard_breaker(modules, item.name.span, sink),
        },
        handoff: item
            .handoff
            .as_ref()
            .map(|used| Arc::new(policies::used_handoff(modules, root, used, sink))),
        cleared: Vec::new(),
    }
}

fn authentication(modules: &Modules, api: &str, auth: &ast::Auth, sink: &mut Sink) -> Auth {
    let text = |text: &ast::Text| (text.value.clone(), text.span);
    let (form, secrets) = match &auth.scheme {
        AuthScheme::Bearer(secret) => (AuthForm::Bearer, vec![secret]),
        AuthScheme::Basic(user, password) => {
            (AuthForm::Basic, [Some(user), password.as_ref()].into_iter().flatten().collect())
        }
        AuthScheme::Key { scheme, secret, place } => {
            let place = place.as_ref().map(|(location, name)| (location.text.clone(), text(name)));
            (AuthForm::Key { scheme: scheme.as_ref().map(text), place }, vec![secret])
        }
        AuthScheme::OAuth2 { client_id, client_secret, token, scopes, audience } => {
            let form = AuthForm::OAuth2 {
                token: token.as_ref().map(text),
                scopes: scopes.iter().map(text).collect(),
                audience: audience.as_ref().map(text),
            };
            (form, vec![client_id, client_secret])
        }
        AuthScheme::Certificate(secret) => (AuthForm::Certificate, vec![secret]),
    };
    let secrets = secrets.into_iter().map(|name| secret(modules, api, name, sink)).collect();
    Auth { span: auth.span, form, secrets }
}

/// The secret's name, whether or not it leads to one: what is wrong is reported here, and is no missing `auth`.
fn secret(modules: &Modules, api: &str, secret: &ast::Name, sink: &mut Sink) -> (String, Span) {
    match modules.find(modules.root, &secret.text).map(|found| found.item) {
        Some(ast::Item::Secret(_)) => {}
        Some(other) => {
            let message = format!("`{}` is {}, not a secret", secret.text, kind(other));
            sink.push(
                Diagnostic::new(&names::WRONG_KIND, secret.span, message)
                    .help(format!("name a secret here: declare one, `secret NAME for {api}`")),
            );
        }
        None if modules.is_broken(modules.root, &secret.text) => {}
        None => {
            let known = modules.candidates(modules.root, "a secret");
            let near = did_you_mean(&secret.text, known.iter().map(String::as_str));
            let finding = unknown(secret, format!("no secret `{}` here", secret.text), near);
            sink.push(match near {
                Some(_) => finding,
                None => finding.help(format!("write `secret {} for {api}` above", secret.text)),
            });
        }
    }
    (secret.text.clone(), secret.span)
}

//! From a plan to what is served where: origins, routes, tokens, identities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use hyper::header::HeaderName;
use url::Url;
use zeroize::Zeroizing;

use super::SandboxError;
use super::counterparty::{ServedApi, ServedToken};
use super::credentials::{Due, Secrets, due};
use super::faults::Faults;
use super::registry::Record;
use super::surface::Surface;
use super::token::{TOKEN, TokenEndpoint};
use crate::base::{Clock, Digest, Random, encode_base64url};
use crate::documents::Location;
use crate::ecz::EczId;
use crate::plan::{Api, Auth, Call, Idempotency, Plan};
use crate::types::IDEMPOTENCY_KEY;
use crate::wire::handoff::Audience;

/// Apis that are served at one address, because they share an origin.
pub(crate) struct Group {
    /// The first api's name.
    pub(crate) name: String,
    /// `https://host[:port]`.
    pub(crate) origins: BTreeSet<String>,
    pub(crate) apis: Vec<ServedApi>,
    /// The token endpoints at its origins.
    pub(crate) tokens: Vec<ServedToken>,
}

impl Group {
    /// Whether some api asks for a client certificate.
    pub(crate) fn asks_for_certificates(&self) -> bool {
        self.apis.iter().flat_map(|api| &api.due).any(|due| matches!(due, Due::Certificate(_)))
    }
}

/// What counterparties are made with beside the plan.
pub(crate) struct Making<'m> {
    /// Secrets by name.
    pub(crate) secrets: &'m Secrets,
    /// Digests of client certificates by the secret that holds them.
    pub(crate) certificates: &'m BTreeMap<String, Digest>,
    pub(crate) faults: &'m Faults,
    pub(crate) clock: &'m Arc<dyn Clock>,
    pub(crate) random: &'m Arc<dyn Random>,
    /// How long tokens hold.
    pub(crate) token_lifetime_s: u64,
}

/// Random text for a token.
pub(crate) fn token(random: &dyn Random) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; 24]);
    random.fill(bytes.as_mut());
    Zeroizing::new(format!("sandbox-{}", encode_base64url(bytes.as_ref())))
}

/// The secrets that hold client certificates.
pub(crate) fn certificate_names(plan: &Plan) -> BTreeSet<&str> {
    let auths = plan.apis.values().flat_map(|api| &api.auth);
    let names = auths.filter_map(|auth| match auth {
        Auth::MutualTls { secret } => Some(secret.as_str()),
        _ => None,
    });
    names.collect()
}

/// The counterparties of a plan.
pub(crate) fn groups(plan: &Plan, making: &Making<'_>) -> Result<Vec<Group>, SandboxError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut tokens: Vec<(String, ServedToken)> = Vec::new();
    let (read_back, undone) = (plan.read_back(), plan.taken_back());
    for (name, api) in &plan.apis {
        let unusable = |reason: String| SandboxError::Document { api: name.clone(), reason };
        let mut surface = Surface::new(api).map_err(unusable)?;
        let of_api = read_back.iter().filter(|(effect, read)| effect.api == *name && read.api == *name);
        surface.read_back(of_api.map(|(effect, read)| (effect.operation.as_str(), read.operation.as_str())));
        let of_api = undone.iter().filter(|(effect, undo)| effect.api == *name && undo.api == *name);
        surface.take_back(of_api.map(|(effect, undo)| (effect.operation.as_str(), undo.operation.as_str())));
        let (origins, bases) = places(api, &surface).map_err(unusable)?;
        let mut served = ServedApi::new(name, &audience(api).map_err(unusable)?, surface);
        served.bases = bases;
        served.key_headers = key_headers(plan, name, &served.surface);
        let faults = making.faults.answers.iter().filter(|fault| fault.api == *name);
        let (of_token, of_api) = faults.cloned().partition(|fault| fault.operation == TOKEN);
        served.faults = of_api;
        served.token = token_endpoint(name, api, making).map_err(unusable)?.map(Arc::new);
        served.due = due(api, making.secrets, making.certificates, served.token.as_ref());
        if let Some(endpoint) = served.token.clone() {
            let origin = format!("https://{}", endpoint.authority);
            tokens.push((origin, ServedToken { endpoint, faults: of_token, memory: Mutex::default() }));
        }
        match groups.iter_mut().find(|group| !group.origins.is_disjoint(&origins)) {
            Some(group) => {
                group.origins.extend(origins);
                group.apis.push(served);
            }
            None => groups.push(Group { name: name.clone(), origins, apis: vec![served], tokens: vec![] }),
        }
    }
    for (origin, token) in tokens {
        match groups.iter_mut().find(|group| group.origins.contains(&origin)) {
            Some(group) => group.tokens.push(token),
            None => groups.push(Group {
                name: format!("{}.{TOKEN}", token.endpoint.api),
                origins: BTreeSet::from([origin]),
                apis: vec![],
                tokens: vec![token],
            }),
        }
    }
    Ok(groups)
}

/// The token endpoint of an api that takes tokens of one.
fn token_endpoint(name: &str, api: &Api, making: &Making<'_>) -> Result<Option<TokenEndpoint>, String> {
    let secret = |name: &String| making.secrets.get(name).cloned().unwrap_or_default();
    let endpoint = api.auth.iter().find_map(|auth| match auth {
        Auth::OAuth2 { client_id, client_secret, token_url, scopes, audience } => {
            let place = split(token_url).map(|(origin, _)| {
                let path = Url::parse(token_url).map(|url| url.path().to_owned()).unwrap_or_default();
                (origin.trim_start_matches("https://").to_owned(), path)
            });
            Some(place.map(|(authority, path)| TokenEndpoint {
                api: name.to_owned(),
                authority,
                path,
                client_id: secret(client_id),
                client_secret: secret(client_secret),
                scopes: scopes.clone(),
                audience: audience.clone(),
                lifetime_s: making.token_lifetime_s,
                clock: making.clock.clone(),
                random: making.random.clone(),
                issued: Mutex::default(),
            }))
        }
        _ => None,
    });
    endpoint.transpose()
}

/// Whom handoffs to an api are addressed to.
fn audience(api: &Api) -> Result<Audience, String> {
    Audience::parse(&api.audience()).ok_or_else(|| format!("`{}` is no https URL", api.base_url))
}

/// An origin as the configuration writes it, and the path after it.
pub(crate) fn split(url: &str) -> Result<(String, String), String> {
    let parsed = Url::parse(url).map_err(|_| format!("`{url}` is no URL"))?;
    if parsed.scheme() != "https" || parsed.host_str().is_none() {
        return Err(format!("`{url}` is not an https URL"));
    }
    Ok((parsed.origin().ascii_serialization(), parsed.path().trim_end_matches('/').to_owned()))
}

/// Origins and base paths of an api: the one in use, the authorised one, and every server of its operations.
fn places(api: &Api, surface: &Surface) -> Result<(BTreeSet<String>, Vec<String>), String> {
    let in_use = api.origin();
    let authorised = api.identity.identity().map_or(in_use.as_str(), |identity| &identity.api_origin);
    let servers = surface.operations().iter().flat_map(|operation| &operation.view.servers);
    let servers = servers.filter_map(|server| {
        let at_home = server.at_origin(authorised);
        server.default_url().filter(|url| url.starts_with("https:")).or(at_home)
    });
    let mut urls: BTreeSet<String> = servers.collect();
    urls.insert(api.base_url.clone());
    let mut origins = BTreeSet::from([split(authorised)?.0]);
    if let Some(region) = &api.region {
        origins.insert(split(&region.origin)?.0);
    }
    let mut bases = Vec::new();
    for url in urls {
        let (origin, base) = split(&url)?;
        origins.insert(origin);
        bases.push(base);
    }
    bases.sort_by(|a: &String, b| (b.len(), a).cmp(&(a.len(), b)));
    bases.dedup();
    Ok((origins, bases))
}

/// Which header carries the idempotency key: what the plan says of its calls, else what the document's parameters are
/// called, else what the plan takes for granted of the whole api.
fn key_headers(plan: &Plan, api: &str, surface: &Surface) -> BTreeMap<String, HeaderName> {
    let of_api: Vec<&Call> =
        plan.all_calls().into_iter().map(|(_, _, call)| call).filter(|call| call.api == api).collect();
    let assumed = of_api.iter().find_map(|call| match &call.idempotency {
        Some(Idempotency::Assumed { header, .. }) => Some(header.as_str()),
        _ => None,
    });
    let effects = surface.operations().iter().filter(|operation| !operation.view.is_safe());
    let header = |key: &str, parameters: &[crate::documents::ParameterView]| {
        let planned = of_api.iter().filter(|call| call.operation == key);
        let planned = planned.filter_map(|call| call.idempotency.as_ref()).map(Idempotency::header).next();
        let declared = parameters
            .iter()
            .find(|parameter| {
                parameter.location == Location::Header && parameter.name.eq_ignore_ascii_case(IDEMPOTENCY_KEY)
            })
            .map(|parameter| parameter.name.as_str());
        planned.or(declared).or(assumed)?.parse().ok()
    };
    effects
        .filter_map(|operation| {
            Some((operation.key.clone(), header(&operation.key, &operation.view.parameters)?))
        })
        .collect()
}

/// The identities that the resolver knows of: API Passports, the documents' agents, their operators, and the runner's.
pub(crate) fn records(
    plan: &Plan,
    groups: &[Group],
    drifted: &[String],
) -> Result<BTreeMap<EczId, Record>, SandboxError> {
    let mut records: BTreeMap<EczId, Record> = BTreeMap::new();
    for (name, api) in &plan.apis {
        // The resolver knows nothing of a party without a passport.
        let Some(identity) = api.identity.identity() else { continue };
        let unusable = |reason: String| SandboxError::Document { api: name.clone(), reason };
        let origin = split(&identity.api_origin).map_err(unusable)?.0;
        let group = groups.iter().find(|group| group.apis.iter().any(|served| served.name == *name));
        let aliases = group.into_iter().flat_map(|group| &group.origins).filter(|alias| **alias != origin);
        // Two apis may share a passport: then no one document's hash is the passport's.
        let shared = records.contains_key(&identity.api_passport_id);
        let record = records.entry(identity.api_passport_id.clone()).or_default();
        record.origin = Some(origin.clone());
        record.aliases.extend(aliases.cloned());
        let same = record.spec_hash == identity.spec_hash;
        record.spec_hash = identity.spec_hash.clone().filter(|_| !shared || same);
        record.drifted |= drifted.contains(name);
        if let Some(agent) = &identity.agent_credential_id {
            records.entry(agent.clone()).or_default().origin = Some(origin);
        }
        records.entry(identity.operator_ecz_id.clone()).or_default();
    }
    for operator in plan.operators.values() {
        records.entry(operator.passport.clone()).or_default();
    }
    Ok(records)
}

//! Keys and secrets of one run: read anew when it starts or goes on, kept in memory that is wiped, written nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{HostError, StatementError, check_statement, identity};
use crate::base::{Clock, Signer, Timestamp};
use crate::config::{Config, Environment, Secret};
use crate::ecz::EczId;
use crate::plan::{Api, Auth, Plan, Verified};
use crate::wire::resolver::check_resolver_url;
use crate::wire::{ClientCertificate, Connector, Credential, Grant, NotSent, SendError, Tokens};

/// What one run needs beside its plan.
pub(super) struct Credentials {
    pub(super) signers: BTreeMap<EczId, Arc<dyn Signer>>,
    secrets: BTreeMap<String, Arc<Secret>>,
    certificates: BTreeMap<String, Arc<ClientCertificate>>,
    grants: BTreeMap<String, Grant>,
    tokens: Tokens,
}

/// What authorizes one request.
#[derive(Default)]
pub(super) struct Authorization {
    pub(super) credentials: Vec<Credential>,
    pub(super) certificate: Option<Arc<ClientCertificate>>,
    /// The access token among the credentials.
    pub(super) token: Option<Arc<Secret>>,
}

impl Credentials {
    /// Everything that must be right before a run's first step, in the flows that it calls too: documents' resolver pages,
    /// statements' keys, keys, secrets. `begins`: whether the run starts now. Blocks while commands run.
    pub(super) fn read(
        plan: &Verified<Plan>,
        config: &Config,
        environment: &dyn Environment,
        now: Timestamp,
        begins: bool,
    ) -> Result<Credentials, HostError> {
        for (name, api) in plan.all_apis() {
            let Some(statement) = &api.statement else { continue };
            let statement = statement.read().map_err(StatementError::Unreadable);
            statement
                .and_then(|statement| check_statement(&statement, config, begins.then_some(now)))
                .map_err(|error| HostError::Statement { api: name.to_owned(), error })?;
        }
        for (name, api) in plan.all_apis() {
            let Some(identity) = api.identity.identity() else { continue };
            let Some(url) = &identity.resolver_url else { continue };
            check_resolver_url(&config.resolver, &identity.api_passport_id, url)
                .map_err(|error| HostError::ResolverUrl { api: name.to_owned(), error })?;
        }
        let mut signers: BTreeMap<EczId, Arc<dyn Signer>> = BTreeMap::new();
        for agent in identity::presenters(plan) {
            signers.insert(agent.clone(), Arc::new(config.agent_key(&agent)?));
        }
        let mut certificates = BTreeMap::new();
        let mut pems: BTreeSet<&str> = BTreeSet::new();
        for (name, api) in plan.all_apis() {
            for auth in &api.auth {
                if let Auth::MutualTls { secret } = auth {
                    let refuse = |error| HostError::Certificate { api: name.to_owned(), error };
                    let pem = config.pem_secret(secret, environment)?;
                    let certificate = ClientCertificate::from_pem(&pem).map_err(refuse)?;
                    certificate.check(now).map_err(refuse)?;
                    certificates.insert(secret.clone(), Arc::new(certificate));
                    pems.insert(secret.as_str());
                }
            }
        }
        let mut secrets = BTreeMap::new();
        let named: BTreeSet<&String> =
            plan.all_flows().into_iter().flat_map(|flow| flow.secrets.keys()).collect();
        for name in named.into_iter().filter(|name| !pems.contains(name.as_str())) {
            secrets.insert(name.clone(), Arc::new(config.secret(name, environment)?));
        }
        let mut grants = BTreeMap::new();
        for (name, api) in plan.all_apis() {
            grants.extend(grant(api, &secrets).map(|grant| (name.to_owned(), grant)));
        }
        Ok(Credentials { signers, secrets, certificates, grants, tokens: Tokens::default() })
    }

    /// What a request to an api proves its caller with; asks for an access token where one is due.
    pub(super) async fn authorize(
        &self,
        name: &str,
        api: &Api,
        connector: &Connector,
        clock: &dyn Clock,
    ) -> Result<Authorization, SendError> {
        let refuse =
            |reason: &str| SendError::NotSent { cause: NotSent::Credential, reason: reason.to_owned() };
        let secret = |name: &str| {
            self.secrets.get(name).ok_or_else(|| refuse(&format!("the secret `{name}` is not at hand")))
        };
        let mut authorization = Authorization::default();
        for auth in &api.auth {
            let credential = match auth {
                Auth::Bearer { secret: token } => Credential::bearer(secret(token)?),
                Auth::Basic { user, password } => {
                    let password = password.as_deref().map(secret).transpose()?;
                    Credential::basic(secret(user)?, password.map(Arc::as_ref))
                        .ok_or_else(|| refuse("a user name with a colon cannot be sent by HTTP Basic"))?
                }
                Auth::ApiKey { secret: key, location, name } => {
                    let (name, value) = (name.clone(), Secret::join(&[secret(key)?.expose()]));
                    match location.as_str() {
                        "query" => Credential::Query { name, value },
                        "cookie" => Credential::Cookie { name, value },
                        _ => Credential::Header { name, value },
                    }
                }
                Auth::OAuth2 { .. } => {
                    let grant =
                        self.grants.get(name).ok_or_else(|| refuse("the token endpoint is no URL"))?;
                    let token = self.tokens.get(name, grant, connector, clock).await?;
                    let credential = Credential::bearer(&token);
                    authorization.token = Some(token);
                    credential
                }
                Auth::MutualTls { secret } => {
                    let certificate = self
                        .certificates
                        .get(secret)
                        .ok_or_else(|| refuse("the client certificate is not at hand"))?;
                    // A run may last longer than a certificate.
                    certificate.check(clock.now()).map_err(|error| refuse(&error.to_string()))?;
                    authorization.certificate = Some(Arc::clone(certificate));
                    continue;
                }
            };
            authorization.credentials.push(credential);
        }
        Ok(authorization)
    }

    /// Lets go of an access token that the api did not take: the next attempt asks for another.
    pub(super) async fn forget(&self, api: &str, token: &Arc<Secret>) {
        self.tokens.forget(api, token).await;
    }
}

/// What an api's access tokens are asked for with, where it takes any.
fn grant(api: &Api, secrets: &BTreeMap<String, Arc<Secret>>) -> Option<Grant> {
    api.auth.iter().find_map(|auth| match auth {
        Auth::OAuth2 { client_id, client_secret, token_url, scopes, audience } => Some(Grant {
            token_url: token_url.parse().ok()?,
            client_id: secrets.get(client_id)?.clone(),
            client_secret: secrets.get(client_secret)?.clone(),
            scopes: scopes.clone(),
            audience: audience.clone(),
            connect_ms: api.timeout.connect_ms,
            attempt_ms: api.timeout.attempt_ms,
        }),
        _ => None,
    })
}

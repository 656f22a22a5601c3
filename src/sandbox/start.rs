//! Starting and stopping a sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::SandboxError;
use super::admission::Admission;
use super::authority::Authority;
use super::counterparty::{Counterparty, ServedApi};
use super::credentials::Secrets;
use super::faults::{FaultError, Faults, Names};
use super::folder::Folder;
use super::layout::{Group, Making, certificate_names, groups, records, token};
use super::ledger::Ledger;
use super::listener::{Bound, bind, bind_port};
use super::registry::{Agent, Registry, Revoked};
use super::schedule::{Before, steps};
use super::services::{AgentOrigin, Control, PROJECTIONS, Resolver};
use super::surface::Operation;
use super::token::TOKEN;
use crate::base::{Clock, Ed25519Key, OsRandom, Random, Signer as _, SystemClock};
use crate::config::{
    AllowedAddress, ApiConfig, Config, EndpointKind, ResolverConfig, SPEC_HASH_PROFILE, SecretSource,
    Template,
};
use crate::ecz::EczId;
use crate::plan::{Need, Plan, Statement, needs};

/// The environment's name: what every log of a run in a sandbox says first.
pub const ENVIRONMENT: &str = "sandbox";
const RESOLVER_HOST: &str = "resolver.sandbox.example";

/// How a sandbox is to behave.
#[derive(Clone)]
pub struct Options {
    /// What it does wrong.
    pub faults: Faults,
    /// Serves requests without a signature too, for trying things by hand; the ledger marks them.
    pub accept_unsigned: bool,
    /// The control address's port; any free one where absent.
    pub control_port: Option<u16>,
    /// How long the tokens of token endpoints hold, seconds.
    pub token_lifetime_s: u64,
    /// The counterparties' and the resolver's clock.
    pub clock: Arc<dyn Clock>,
    /// Where keys and tokens come from.
    pub random: Arc<dyn Random>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            faults: Faults::default(),
            accept_unsigned: false,
            control_port: None,
            token_lifetime_s: 300,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
        }
    }
}

/// A running sandbox. Dropped or stopped, all of its servers end.
pub struct Sandbox {
    config: Config,
    config_path: Utf8PathBuf,
    ca_path: Utf8PathBuf,
    ledger: Ledger,
    control: SocketAddr,
    left_out: Vec<String>,
    registry: Arc<Registry>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts resolver, agent's origin, counterparties and control address on loopback, and writes the configuration that
    /// leads a run to them into `folder`, which is made where it is not there. Needs a tokio runtime.
    ///
    /// Made from the plan alone: it carries what its operations say. A document that is not at hand is not missed.
    pub async fn start(plan: &Plan, options: Options, folder: &Utf8Path) -> Result<Sandbox, SandboxError> {
        let Options { faults, accept_unsigned, control_port, token_lifetime_s, clock, random } = options;
        let plan = &plan.joined();
        let authority = Authority::generate()?;
        let mut secrets: Secrets = plan.secrets.keys().map(|name| (name.clone(), token(&*random))).collect();
        let mut certificates = BTreeMap::new();
        for name in certificate_names(plan) {
            let (pem, digest) = authority.client(name)?;
            secrets.insert(name.to_owned(), pem);
            certificates.insert(name.to_owned(), digest);
        }
        let making = Making {
            secrets: &secrets,
            certificates: &certificates,
            faults: &faults,
            clock: &clock,
            random: &random,
            token_lifetime_s,
        };
        let groups = groups(plan, &making)?;
        let ledger = Ledger::new(clock.clone());
        let keys: BTreeMap<EczId, Ed25519Key> =
            agents(plan).into_iter().map(|id| (id, Ed25519Key::generate(&*random))).collect();
        let human = ResolverConfig::default().human;
        let page =
            |id: &EczId| human.get(&EndpointKind::of(id)).map(|page| page.fill(id)).unwrap_or_default();
        let dependencies: Vec<_> = plan
            .apis
            .iter()
            .filter_map(|(name, api)| {
                let identity = api.identity.identity()?;
                let human = identity.resolver_url.clone().unwrap_or_else(|| page(&identity.api_passport_id));
                Some((name.clone(), identity.api_passport_id.clone(), human))
            })
            .collect();
        let mut records = records(plan, &groups, &faults.drifted)?;
        let mut shown = Vec::new();
        for (id, key) in &keys {
            let agent = Agent::new(id, &agent_origin(id), &page(id), &key.public_key(), &dependencies);
            let record = records.entry(id.clone()).or_default();
            record.origin = Some(agent.origin.clone());
            record.manifest_hash = Some(agent.manifest_hash.clone());
            records.entry(id.parent()).or_default();
            shown.push(agent);
        }
        check_names(plan, &groups, &needs(plan), &faults)?;
        let left_out = groups.iter().flat_map(|group| &group.apis).flat_map(left_out).collect();
        let revoked = faults.revoked.iter().map(|revocation| Revoked {
            id: revocation.id.clone(),
            step: revocation.before.clone(),
            before: revocation.before.as_ref().and_then(|step| Before::step(plan, step)),
            begun: AtomicBool::new(false),
        });
        let registry = Registry::new(records, revoked.collect(), shown, ledger.clone(), clock.clone());
        let registry = Arc::new(registry);

        // First of all ports: one that was asked for must not be given to another server by chance.
        let control = match control_port {
            Some(port) => bind_port(port).await?,
            None => bind().await?,
        };
        let stop = watch::Sender::new(false);
        let mut servers = Servers {
            authority: &authority,
            stop: &stop,
            ledger: &ledger,
            origins: BTreeMap::new(),
            tasks: vec![],
        };
        let resolver = Resolver { registry: registry.clone(), ledger: ledger.clone() };
        servers
            .serve(Resolver::NAME, &BTreeSet::from([format!("https://{RESOLVER_HOST}")]), resolver)
            .await?;
        let agent_origins: BTreeSet<String> = keys.keys().map(agent_origin).collect();
        let agent = AgentOrigin { registry: registry.clone(), ledger: ledger.clone() };
        servers.serve(AgentOrigin::NAME, &agent_origins, agent).await?;
        for group in groups {
            let clients = group.asks_for_certificates();
            for api in &group.apis {
                ledger.api(&api.name);
            }
            let counterparty = Counterparty {
                name: group.name.clone(),
                authorities: group
                    .origins
                    .iter()
                    .filter_map(|origin| Some(origin.strip_prefix("https://")?.to_owned()))
                    .collect(),
                apis: group.apis,
                tokens: group.tokens,
                admission: Admission::new(registry.clone(), clock.clone()),
                ledger: ledger.clone(),
                hold: faults.hold,
                accept_unsigned,
                things: Mutex::default(),
            };
            servers.serve_to(&group.name, &group.origins, clients, counterparty).await?;
        }
        let Servers { origins, mut tasks, .. } = servers;
        let address = control.address();
        let handler = Arc::new(Control { ledger: ledger.clone() });
        tasks.push(control.serve(None, Arc::default(), handler, stop.subscribe()));

        let folder = Folder::open(folder)?;
        let ca_path = folder.write("ca.pem", authority.pem())?;
        let config = write_config(plan, &folder, &ca_path, &secrets, &keys, origins)?;
        let config_path = folder.write("sandbox.toml", &config.to_toml())?;
        Ok(Sandbox {
            config,
            config_path,
            ca_path,
            ledger,
            control: address,
            left_out,
            registry,
            stop,
            tasks,
        })
    }

    /// The configuration that was written: give it to `run --config`.
    pub fn config_path(&self) -> &Utf8Path {
        &self.config_path
    }

    /// The configuration itself.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The test authority's certificate: give it to `curl --cacert`.
    pub fn ca_path(&self) -> &Utf8Path {
        &self.ca_path
    }

    /// Where each origin really is.
    pub fn origins(&self) -> &BTreeMap<String, SocketAddr> {
        &self.config.origins
    }

    /// The control address: `GET http://ADDRESS/ledger` answers the ledger, with `?requests=N` once the counterparties have
    /// received N requests.
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    /// The documents' examples that do not fit their own schemas, in words.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The revocations that never came into force, as `--revoke` writes them: nobody asked the resolver after their moment.
    pub fn unseen(&self) -> Vec<String> {
        self.registry.unseen()
    }

    /// What has reached the servers.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends all servers, open connections included.
    pub async fn stop(self) {
        let Sandbox { stop, tasks, .. } = self;
        stop.send_replace(true);
        for task in tasks {
            // A server that ended otherwise has ended too.
            let _ended = task.await;
        }
    }
}

/// The runner's agents: the flow's, and any that a call presents.
fn agents(plan: &Plan) -> BTreeSet<EczId> {
    let presented = plan.all_calls().into_iter().map(|(_, _, call)| call.present.clone());
    presented.chain([plan.flow.agent.clone()]).collect()
}

fn agent_origin(id: &EczId) -> String {
    let text: String = id
        .as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    format!("https://{}.sandbox.example", text.replace("--", "-"))
}

/// The examples of an api that are not answered with.
fn left_out(api: &ServedApi) -> Vec<String> {
    let misfits = api.surface.operations().iter().flat_map(Operation::misfits);
    misfits.map(|misfit| format!("api `{}`: {misfit}", api.name)).collect()
}

fn check_names(plan: &Plan, groups: &[Group], asked: &[Need], faults: &Faults) -> Result<(), FaultError> {
    let apis = || groups.iter().flat_map(|group| &group.apis);
    let examples = apis().flat_map(|api| {
        let operations = api.surface.operations().iter();
        operations.map(|operation| ((api.name.as_str(), operation.key.as_str()), operation.examples()))
    });
    faults.check(&Names {
        examples: examples.collect(),
        operations: apis()
            .map(|api| {
                let operations = api.surface.operations().iter().map(|operation| operation.key.as_str());
                (api.name.as_str(), operations.chain(api.token.as_ref().map(|_| TOKEN)).collect())
            })
            .collect(),
        with_passport: plan
            .apis
            .iter()
            .filter(|(_, api)| api.identity.identity().is_some())
            .map(|(name, _)| name.as_str())
            .collect(),
        identities: asked.iter().map(|need| need.ecz_id.as_str()).collect(),
        steps: steps(&plan.flow.body).into_iter().map(|(id, _)| id).collect(),
    })
}

/// Servers being started.
struct Servers<'a> {
    authority: &'a Authority,
    stop: &'a watch::Sender<bool>,
    ledger: &'a Ledger,
    origins: BTreeMap<String, SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

impl Servers<'_> {
    async fn serve<H: super::listener::Handler>(
        &mut self,
        name: &str,
        origins: &BTreeSet<String>,
        handler: H,
    ) -> Result<(), SandboxError> {
        self.serve_to(name, origins, false, handler).await
    }

    /// With `clients`, client certificates are asked for.
    async fn serve_to<H: super::listener::Handler>(
        &mut self,
        name: &str,
        origins: &BTreeSet<String>,
        clients: bool,
        handler: H,
    ) -> Result<(), SandboxError> {
        let hosts: BTreeSet<String> = origins.iter().filter_map(|origin| host(origin)).collect();
        let tls = self.authority.server(&hosts.into_iter().collect::<Vec<_>>(), clients)?;
        let bound: Bound = bind().await?;
        self.origins.extend(origins.iter().map(|origin| (origin.clone(), bound.address())));
        let traffic = self.ledger.server(name);
        self.tasks.push(bound.serve(Some(tls), traffic, Arc::new(handler), self.stop.subscribe()));
        Ok(())
    }
}

fn host(origin: &str) -> Option<String> {
    let url = url::Url::parse(origin).ok()?;
    Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
}

fn write_config(
    plan: &Plan,
    folder: &Folder,
    ca_path: &Utf8Path,
    secrets: &Secrets,
    keys: &BTreeMap<EczId, Ed25519Key>,
    origins: BTreeMap<String, SocketAddr>,
) -> Result<Config, SandboxError> {
    let mut config = Config { environment: ENVIRONMENT.into(), ..Config::default() };
    let certificates = certificate_names(plan);
    for (name, secret) in secrets {
        let ending = if certificates.contains(name.as_str()) { "pem" } else { "token" };
        let path = folder.write(&format!("{name}.{ending}"), secret)?;
        config.secrets.insert(name.clone(), SecretSource::File(path));
    }
    for (id, key) in keys {
        let pem = key.to_pem().map_err(|error| SandboxError::Tls { reason: error.to_string() })?;
        let name = if *id == plan.flow.agent {
            "agent.key".to_owned()
        } else {
            format!("agent-{}.key", id.child_suffix().unwrap_or("other"))
        };
        config.agents.insert(id.clone(), folder.write(&name, &pem)?);
    }
    for (name, api) in &plan.apis {
        let stated = api.identity.identity().and_then(|identity| identity.spec_hash.as_deref());
        // Only where the document states our own hash does its issuer use our profile.
        let spec_hash_profile =
            (stated == Some(api.pin.to_string().as_str())).then(|| SPEC_HASH_PROFILE.to_owned());
        config.apis.insert(name.clone(), ApiConfig { spec_hash_profile });
    }
    // There is nobody to ask: each statement's own key is taken for its issuer's.
    for (_, api) in plan.all_apis() {
        if let Some(Ok(statement)) = api.statement.as_ref().map(Statement::read) {
            config.statements.entry(statement.issuer).or_default().push(statement.key);
        }
    }
    let machine = EndpointKind::ALL
        .into_iter()
        .filter_map(|(_, kind)| Some((kind, Template::new(&format!("{PROJECTIONS}{{ID}}"), kind).ok()?)));
    config.resolver.base = format!("https://{RESOLVER_HOST}");
    config.resolver.hosts = vec![RESOLVER_HOST.into()];
    config.resolver.machine = machine.collect();
    let addresses: BTreeSet<SocketAddr> = origins.values().copied().collect();
    config.allow_private = addresses
        .into_iter()
        .map(|address| AllowedAddress { ip: address.ip(), port: Some(address.port()) })
        .collect();
    config.origins = origins;
    config.tls_ca = Some(ca_path.to_owned());
    config.store = Some(folder.path("store"));
    Ok(config)
}

//! The embedded host: drives the engine over real time, HTTP and a store. It decides nothing that the engine decides.
//!
//! May import everything above it: base, ecz, plan, audit, engine, verify, config, store, wire. Knows no environment by
//! name: a run against a local test environment differs by configuration only.

mod clock;
mod credentials;
mod drive;
mod error;
mod identity;
mod journal;
mod places;
mod recall;
mod send;
mod shared;
mod statements;
mod sub_flow;

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tokio::sync::watch;

use credentials::Credentials;
pub use error::HostError;
pub use shared::Shared;
pub use statements::{StatementError, check_statement};

use crate::audit::Record;
use crate::base::{Clock, Digest, Random, canonical_json, encode_base64url, encode_hex};
use crate::config::{Config, Environment};
use crate::engine::{Engine, Event, Failure, Opening, Path, Phase, State, What};
use crate::plan::{Plan, Verified};
use crate::store::{self, Store};
use crate::verify::{Legal, replay};
use crate::wire::Connector;
use crate::wire::resolver::{HttpResolver, VerdictCache};

/// Sees every event once it is durable.
pub trait Observer: Send + Sync {
    /// One event and its record.
    fn recorded(&self, record: &Record, event: &Event);
}

/// Sees nothing.
pub struct Silent;

impl Observer for Silent {
    fn recorded(&self, _record: &Record, _event: &Event) {}
}

/// How a run stands when the host lets go of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// Its id.
    pub run: String,
    /// Where it stands.
    pub phase: Phase,
    /// Its outputs; null unless it succeeded.
    pub outputs: Json,
    /// The plan it ran.
    pub plan_digest: Digest,
    /// The root of its log: the audit root.
    pub root: Digest,
    /// Why it failed, where it did.
    pub failure: Option<Failure>,
    /// Steps and undos whose effect is in doubt, and steps whose called flow is.
    pub in_doubt: Vec<Path>,
    /// Whether a resume reads back, once more, what became of them.
    pub may_settle: bool,
    /// Undos that failed, and steps whose called flow is stuck.
    pub stuck: Vec<Path>,
}

/// What a host is made of.
#[derive(Clone)]
pub struct Parts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The journal.
    pub store: Arc<dyn Store>,
    /// The configuration.
    pub config: Arc<Config>,
    /// Where secrets named by environment variables come from.
    pub environment: Arc<dyn Environment>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
}

/// Runs flows in this process. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct Host {
    parts: Parts,
    clock: Arc<clock::Steady>,
    connector: Arc<Connector>,
    observations: Arc<identity::Observations>,
    shared: Arc<Shared>,
}

/// Whether this version runs a plan: it starts none that waits for signals, in a called flow neither.
///
/// # Errors
/// The first signal.
pub fn runnable(plan: &Plan) -> Result<(), HostError> {
    let signal = plan.all_flows().into_iter().find_map(|flow| flow.signals().first().copied());
    signal.map_or(Ok(()), |(signal, _)| Err(HostError::Signals { signal: signal.to_owned() }))
}

impl Host {
    /// A host over its parts.
    pub fn new(parts: Parts) -> Result<Host, HostError> {
        let connector = Arc::new(Connector::new(&parts.config)?);
        let clock = Arc::new(clock::Steady::new(parts.clock.clone()));
        let resolver = HttpResolver::new(connector.clone(), parts.config.resolver.clone(), clock.clone());
        let observations = Arc::new(identity::Observations {
            resolver: Box::new(resolver),
            cache: VerdictCache::new(),
            clock: clock.clone(),
        });
        Ok(Host { parts, clock, connector, observations, shared: Arc::default() })
    }

    /// Starts a run and drives it until it ends, stands still, or `pause` becomes true. `inputs` are in wire form, complete
    /// with defaults.
    pub async fn run(
        &self,
        plan: Arc<Verified<Plan>>,
        inputs: Map<String, Json>,
        pause: watch::Receiver<bool>,
    ) -> Result<RunReport, HostError> {
        runnable(&plan)?;
        let credentials = self.prepare(&plan, true).await?;
        let run = self.new_run_id();
        let mut secret = [0; 32];
        self.parts.random.fill(&mut secret);
        let opening = Opening {
            environment: self.parts.config.environment.clone(),
            resolver: self.parts.config.resolver.base.clone(),
            flow: plan.flow.name.clone(),
            plan_digest: plan.digest(),
            inputs,
            run_secret: encode_base64url(&secret),
            parent: None,
        };
        self.begin(&plan, run, opening, credentials, pause).await
    }

    /// Writes a run's first record and drives it.
    async fn begin(
        &self,
        plan: &Arc<Verified<Plan>>,
        run: String,
        opening: Opening,
        credentials: Arc<Credentials>,
        pause: watch::Receiver<bool>,
    ) -> Result<RunReport, HostError> {
        let engine = Engine::new(plan);
        let text = canonical_json::<Plan>(plan).map_err(|error| HostError::Event(error.to_string()))?;
        let stored = store::Opening { flow: plan.flow.name.clone(), plan: text };
        let (store, random, observer) = self.shares();
        let mut journal = journal::Journal::begin(&engine, store, random, observer, run, stored);
        let started = Event { path: None, attempt: None, what: What::RunStarted(Box::new(opening)) };
        journal.push(started, self.clock.now())?;
        journal.commit().await?;
        self.drive(plan, &engine, journal, credentials, pause).await
    }

    /// Goes on with a run of the store, after a pause or after its process ended.
    pub async fn resume(
        &self,
        plan: Arc<Verified<Plan>>,
        run: &str,
        pause: watch::Receiver<bool>,
    ) -> Result<RunReport, HostError> {
        let standing = self.standing(&plan, run).await?;
        if let Phase::Finished(_) = standing.state.phase {
            return Err(HostError::Finished { run: run.to_owned() });
        }
        let credentials = self.prepare(&plan, false).await?;
        self.recall(&plan, run).await?;
        self.go_on(&plan, standing, credentials, pause).await
    }

    /// Where a run of the store stands.
    async fn standing(&self, plan: &Arc<Verified<Plan>>, run: &str) -> Result<Standing, HostError> {
        let (store, verified, id) = (self.parts.store.clone(), plan.clone(), run.to_owned());
        let (last, state, legal) = blocking(move || {
            let entries = store.load(&id)?;
            let entries: Vec<_> =
                entries.into_iter().map(|entry| (entry.record, Some(entry.payload))).collect();
            let (state, legal) = replay(&verified, &id, &entries);
            Ok((entries.into_iter().last(), state, legal))
        })
        .await?;
        match legal {
            Legal::Yes => {}
            Legal::No { seq, why } => return Err(HostError::Replay { run: run.to_owned(), seq, why }),
            Legal::StructureOnly { .. } => return Err(HostError::Erased { run: run.to_owned() }),
        }
        let Some((last, _)) = last else { return Err(HostError::Erased { run: run.to_owned() }) };
        Ok(Standing { state, last })
    }

    /// Records that a run goes on, and drives it.
    async fn go_on(
        &self,
        plan: &Arc<Verified<Plan>>,
        Standing { state, last }: Standing,
        credentials: Arc<Credentials>,
        pause: watch::Receiver<bool>,
    ) -> Result<RunReport, HostError> {
        let after = if matches!(state.phase, Phase::Paused(_)) { "pause" } else { "interruption" };
        let engine = Engine::new(plan);
        let (store, random, observer) = self.shares();
        let mut journal = journal::Journal::go_on(&engine, store, random, observer, state, &last)?;
        let resumed = Event { path: None, attempt: None, what: What::RunResumed { after: after.to_owned() } };
        self.clock.reach(journal.state.at);
        journal.push(resumed, self.clock.now())?;
        journal.commit().await?;
        self.drive(plan, &engine, journal, credentials, pause).await
    }

    /// Everything that must be right before a run's first step: documents' resolver pages, statements' keys, keys,
    /// secrets. `begins`: whether the run starts now.
    async fn prepare(&self, plan: &Arc<Verified<Plan>>, begins: bool) -> Result<Arc<Credentials>, HostError> {
        let (config, environment) = (self.parts.config.clone(), self.parts.environment.clone());
        let (plan, now) = (plan.clone(), self.parts.clock.now());
        // Keys and secrets come from files and commands.
        blocking(move || Credentials::read(&plan, &config, environment.as_ref(), now, begins).map(Arc::new))
            .await
    }

    fn shares(&self) -> (Arc<dyn Store>, Arc<dyn Random>, Arc<dyn Observer>) {
        (self.parts.store.clone(), self.parts.random.clone(), self.parts.observer.clone())
    }

    /// 80 random bits: unguessable, short enough to type a prefix of.
    fn new_run_id(&self) -> String {
        let mut bytes = [0; 10];
        self.parts.random.fill(&mut bytes);
        encode_hex(&bytes)
    }
}

/// A run of the store.
struct Standing {
    state: State,
    last: Record,
}

/// Does what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
) -> Result<T, HostError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| HostError::Task(error.to_string()))?
}

fn report(state: State, plan: &Verified<Plan>, root: Option<Digest>) -> RunReport {
    RunReport {
        run: state.run.clone(),
        phase: state.phase,
        outputs: state.outputs.clone(),
        plan_digest: plan.digest(),
        root: root.unwrap_or_else(|| Digest::of("")),
        failure: state.failure.clone(),
        in_doubt: state.in_doubt(),
        may_settle: Engine::new(plan).may_settle(&state),
        stuck: state.stuck(),
    }
}

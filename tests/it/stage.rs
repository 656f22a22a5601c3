//! A stage for whole runs: compiler, host, store and sandbox over real HTTPS on loopback.

use std::sync::Arc;

use camino::Utf8PathBuf;
use eczflow::audit::{Complete, Disclosure, Trust, write_bundle};
use eczflow::base::{Clock, OsRandom, SystemClock};
use eczflow::config::NoEnvironment;
use eczflow::engine::{Path, PauseCause, Phase};
use eczflow::host::{Host, Observer, Parts, RunReport, Silent};
use eczflow::plan::{Plan, Verified};
use eczflow::sandbox::{Faults, Ledger, Options, Sandbox};
use eczflow::store::{Entry, LogKey, SqliteStore, Store};
use eczflow::verify::{Legal, verify};
use serde_json::{Map, Value as Json, json};
use tokio::sync::watch;

/// A sandbox with a store and a host on it.
pub(crate) struct Stage {
    pub(crate) plan: Arc<Verified<Plan>>,
    sandbox: Sandbox,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) host: Host,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn new(plan: Verified<Plan>, faults: Faults) -> Stage {
        Stage::with(plan, faults, |_| {}).await
    }

    pub(crate) async fn with(
        plan: Verified<Plan>,
        faults: Faults,
        change: impl FnOnce(&mut eczflow::config::Config),
    ) -> Stage {
        Stage::at(plan, faults, change, Arc::new(SystemClock), Arc::new(Silent)).await
    }

    pub(crate) async fn at(
        plan: Verified<Plan>,
        faults: Faults,
        change: impl FnOnce(&mut eczflow::config::Config),
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let options = Options { faults, ..Options::default() };
        let sandbox = Sandbox::start(&plan, options, &root.join("sandbox")).await.unwrap();
        let random = Arc::new(OsRandom);
        let store = Arc::new(
            SqliteStore::open(root.join("store").as_std_path(), &LogKey::InStore, random.as_ref()).unwrap(),
        );
        let mut config = sandbox.config().clone();
        change(&mut config);
        let host = Host::new(Parts {
            clock,
            random,
            store: store.clone(),
            config: Arc::new(config),
            environment: Arc::new(NoEnvironment),
            observer,
        })
        .unwrap();
        Stage { plan: Arc::new(plan), sandbox, store, host, folder }
    }

    /// Puts another store before the stage's own.
    pub(crate) fn behind(&mut self, store: Arc<dyn Store>) {
        self.host = Host::new(Parts {
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            store,
            config: Arc::new(self.sandbox.config().clone()),
            environment: Arc::new(NoEnvironment),
            observer: Arc::new(Silent),
        })
        .unwrap();
    }

    pub(crate) async fn run(&self, inputs: Json) -> RunReport {
        let Json::Object(inputs) = inputs else { panic!("inputs are an object") };
        self.try_run(inputs).await.unwrap()
    }

    pub(crate) async fn try_run(
        &self,
        inputs: Map<String, Json>,
    ) -> Result<RunReport, eczflow::host::HostError> {
        let (_keep, pause) = watch::channel(false);
        self.host.run(self.plan.clone(), inputs, pause).await
    }

    /// Where the store lies.
    pub(crate) fn store_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        self.sandbox.ledger()
    }

    pub(crate) fn effects(&self, api: &str) -> Vec<String> {
        self.ledger().report().effects[api].iter().map(|effect| effect.path.clone()).collect()
    }

    pub(crate) fn entries(&self, run: &RunReport) -> Vec<Entry> {
        self.store.load(&run.run).unwrap()
    }

    /// The run's plain export.
    pub(crate) fn bundle(&self, run: &RunReport) -> Vec<u8> {
        let export = self.store.export(&run.run).unwrap();
        let mut bundle = Vec::new();
        write_bundle(&export, Disclosure::Full, &mut bundle).unwrap();
        bundle
    }

    /// Every run's bundle must verify, all four answers.
    pub(crate) fn audit(&self, run: &RunReport) {
        let bundle = self.bundle(run);
        let report = verify(&mut bundle.as_slice(), Trust::Key(&self.store.log_key()));
        assert!(
            !report.failed(true),
            "{:?} {:?} {:?} {:?}",
            report.answers.whole,
            report.answers.whose,
            report.answers.complete,
            report.legal
        );
        assert_eq!(report.legal, Some(Legal::Yes));
        if let Complete::Unfinished(known) = &report.answers.complete
            && matches!(run.phase, Phase::Paused(PauseCause::Stuck | PauseCause::InDoubt))
        {
            let told = |paths: &[Path]| {
                let mut names: Vec<String> = paths.iter().map(ToString::to_string).collect();
                names.sort();
                names
            };
            let status = if run.phase == Phase::Paused(PauseCause::Stuck) { "stuck" } else { "in_doubt" };
            assert_eq!(known.status.as_deref(), Some(status));
            assert_eq!((&known.in_doubt, &known.stuck), (&told(&run.in_doubt), &told(&run.stuck)));
        }
        let bundle = report.answers.bundle.unwrap();
        assert_eq!(bundle.header.environment, "sandbox");
        assert_eq!(bundle.trailer.root, run.root);
    }
}

/// The inputs of ticket T1.
pub(crate) fn t1() -> Json {
    json!({"ticket_id": "T1", "limit": 500})
}

//! One run, driven in this process to its end, its pause or the user's Ctrl-C.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::watch;

use super::conclusion::{Conclusion, Last, Place};
use super::error::Failure;
use super::storage::NewLog;
use super::{Exit, Outcome, output, runtime};
use crate::audit::Record;
use crate::base::{OsRandom, SystemClock};
use crate::config::{Config, ProcessEnvironment};
use crate::engine::{Event, OutcomeKind, Path, What};
use crate::host::{Host, HostError, Observer, Parts, RunReport};
use crate::report::Progress;
use crate::store::SqliteStore;

/// What a run is driven with.
pub(crate) struct Hosting {
    /// The configuration that holds for it.
    pub(crate) config: Config,
    /// The store, held for this run alone.
    pub(crate) store: SqliteStore,
    /// Its log, where this is its first run.
    pub(crate) new_log: Option<NewLog>,
    /// Print one JSON object.
    pub(crate) json: bool,
    /// How the commands that follow name store and configuration.
    pub(crate) place: Place,
}

impl Hosting {
    /// Drives what `start` starts on a host; tells how it ended.
    pub(crate) async fn drive<S, F>(self, start: S) -> Outcome
    where
        S: FnOnce(Arc<Host>, watch::Receiver<bool>) -> F,
        F: Future<Output = Result<RunReport, HostError>>,
    {
        let watcher = Arc::new(Watcher::new(std::io::stderr().is_terminal() && !self.json, self.new_log));
        let host = Arc::new(Host::new(Parts {
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            store: Arc::new(self.store),
            config: Arc::new(self.config),
            environment: Arc::new(ProcessEnvironment),
            observer: watcher.clone(),
        })?);
        let pause = watch::Sender::new(false);
        let receiver = pause.subscribe();
        let ended = runtime::pausing(start(host, receiver), pause).await;
        watcher.progress.close();
        match ended {
            Some(Ok(report)) => {
                let failed = report.failure.as_ref().and_then(|failure| failure.path.as_ref());
                let last = failed.and_then(|path| watcher.last(path));
                let conclusion = Conclusion { report: &report, place: &self.place, last };
                if self.json {
                    output::data(&conclusion.json())?;
                } else {
                    output::data(&conclusion.data())?;
                    output::tell_raw(&conclusion.told());
                }
                Ok(conclusion.exit())
            }
            Some(Err(error)) => {
                if let Some(run) = watcher.run() {
                    output::tell(&format!("run {run} stands where it is: {}", self.place.resume(&run, "")));
                }
                Err(Failure::from(error))
            }
            None => {
                match watcher.run() {
                    Some(run) => output::tell(&format!(
                        "quit; run {run} stands where it is: {}",
                        self.place.resume(&run, "")
                    )),
                    None => output::tell("quit before the run began"),
                }
                Ok(Exit::Standing)
            }
        }
    }
}

/// Shows the events and remembers which run it is.
struct Watcher {
    progress: Progress,
    run: Mutex<Option<String>>,
    new_log: Mutex<Option<NewLog>>,
    /// What came of the last attempt of those that did not do it.
    last: Mutex<BTreeMap<Path, Last>>,
}

impl Watcher {
    fn new(terminal: bool, new_log: Option<NewLog>) -> Watcher {
        Watcher {
            progress: Progress::new(terminal),
            run: Mutex::default(),
            new_log: Mutex::new(new_log),
            last: Mutex::default(),
        }
    }

    fn last(&self, path: &Path) -> Option<Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied()
    }

    fn run(&self) -> Option<String> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Watcher {
    fn recorded(&self, record: &Record, event: &Event) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let own = *run.get_or_insert_with(|| record.run.clone()) == record.run;
        drop(run);
        if let Some(log) = self.new_log.lock().unwrap_or_else(PoisonError::into_inner).take() {
            log.enter();
        }
        if let Some(path) = event.path.as_ref().filter(|_| own) {
            let mut known = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            match &event.what {
                What::AttemptAnswered { outcome: OutcomeKind::Done, .. } => {
                    known.remove(path);
                }
                What::AttemptAnswered { status, .. } => {
                    known.insert(path.clone(), Last::Answered(*status));
                }
                What::AttemptFailed { cause, .. } => {
                    known.insert(path.clone(), Last::Failed(*cause));
                }
                _ => {}
            }
        }
        self.progress.recorded(record, event);
    }
}

/// The folder of a sandbox's files in a store's folder.
pub(crate) fn sandbox_folder(store: &Utf8Path) -> Utf8PathBuf {
    store.join("sandbox")
}

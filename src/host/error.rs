//! Why a run could not be started, driven or resumed. A run that fails is no error: it is a report.

use super::StatementError;
use crate::base::Explained;
use crate::config::ConfigError;
use crate::store::StoreError;
use crate::wire::resolver::ResolverUrlError;
use crate::wire::{CertificateError, ConnectorError};

/// An error of the host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Configuration, keys or secrets.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP client could not be made.
    #[error(transparent)]
    Wire(#[from] ConnectorError),
    /// A document's `resolver_url` is not the page the configuration expects.
    #[error("api `{api}`: {error}")]
    ResolverUrl {
        /// The api.
        api: String,
        /// What is wrong with it.
        error: ResolverUrlError,
    },
    /// A client certificate that cannot be used.
    #[error("api `{api}`: {error}")]
    Certificate {
        /// The api.
        api: String,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// A counterparty's statement that this runner does not rely on.
    #[error("api `{api}`: {error}")]
    Statement {
        /// The api.
        api: String,
        /// Why not.
        error: StatementError,
    },
    /// A journalled run is not what its plan allows.
    #[error("run `{run}` cannot be resumed: record {seq} is not what its plan allows: {why}")]
    Replay {
        /// The run.
        run: String,
        /// The record.
        seq: u64,
        /// Why.
        why: String,
    },
    /// A run's payloads are gone.
    #[error("run `{run}` cannot be resumed: its payloads are not in the store")]
    Erased {
        /// The run.
        run: String,
    },
    /// A finished run.
    #[error("run `{run}` has ended: there is nothing to resume")]
    Finished {
        /// The run.
        run: String,
    },
    /// A plan that waits for signals.
    #[error("signals are not run by this version: the flow waits for `{signal}`")]
    Signals {
        /// The first.
        signal: String,
    },
    /// An event that could not be recorded: a defect of this program.
    #[error("an event could not be recorded: {0}")]
    Event(String),
    /// A task that ended by itself: a defect of this program.
    #[error("a task of the run ended unexpectedly: {0}")]
    Task(String),
}

impl Explained for HostError {
    fn code(&self) -> &'static str {
        match self {
            HostError::Config(error) => error.code(),
            HostError::Store(error) => error.code(),
            HostError::Wire(error) => error.code(),
            HostError::ResolverUrl { error, .. } => error.code(),
            HostError::Certificate { error, .. } => error.code(),
            HostError::Statement { error, .. } => error.code(),
            HostError::Replay { .. } => "ER3001",
            HostError::Erased { .. } => "ER3002",
            HostError::Finished { .. } => "ER3003",
            HostError::Signals { .. } => "ER3010",
            HostError::Event(_) => "ER3004",
            HostError::Task(_) => "ER3005",
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            HostError::Config(error) => return error.help(),
            HostError::Store(error) => return error.help(),
            HostError::Wire(error) => return error.help(),
            HostError::ResolverUrl { error, .. } => return error.help(),
            HostError::Certificate { error, .. } => return error.help(),
            HostError::Statement { error, .. } => return error.help(),
            HostError::Replay { .. } => {
                "the journal or the plan was changed by something else than eczflow: export the run and keep the store"
            }
            HostError::Erased { .. } => "a run whose payloads were erased can be audited, but not resumed",
            HostError::Finished { .. } => "see its log with `eczflow audit export`, or start a new run",
            HostError::Signals { .. } => {
                "nothing was started: `check`, `compile` and `graph` know signals already; until a version runs them, split the flow where it would wait, and start its second half by hand"
            }
            HostError::Event(_) | HostError::Task(_) => {
                "this is a bug of eczflow; the store holds everything up to here, and `eczflow resume` goes on from it"
            }
        };
        Some(help.to_owned())
    }
}

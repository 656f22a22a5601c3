//! Runs of called flows: each a run of its own in the same store, begun or gone on with, and reported to its parent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::watch;

use super::credentials::Credentials;
use super::{Host, HostError, RunReport, Standing, blocking, report};
use crate::engine::{Child, Event, FlowStatus, Path, PauseCause, Phase, Status, What};
use crate::store::StoreError;

/// A child run on its way, as a future of its own: a flow may call flows.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<Option<Event>, HostError>> + Send>>;

impl Host {
    /// Drives a child run as far as it goes; the event that its parent records of it, none where a pause was asked for.
    pub(super) fn child(
        self,
        child: Child,
        path: Path,
        credentials: Arc<Credentials>,
        pause: watch::Receiver<bool>,
    ) -> Running {
        Box::pin(async move {
            let report = self.drive_child(child, credentials, pause).await?;
            Ok(reported(report, path))
        })
    }

    async fn drive_child(
        &self,
        child: Child,
        credentials: Arc<Credentials>,
        pause: watch::Receiver<bool>,
    ) -> Result<RunReport, HostError> {
        let plan = Arc::new(child.plan);
        match self.standing(&plan, &child.run).await {
            Ok(Standing { state, .. }) if matches!(state.phase, Phase::Finished(_)) => {
                let (store, run) = (self.parts.store.clone(), child.run);
                let root = blocking(move || Ok(store.run(&run)?.root)).await?;
                Ok(report(state, &plan, Some(root)))
            }
            Ok(standing) => self.go_on(&plan, standing, credentials, pause).await,
            Err(HostError::Store(StoreError::UnknownRun(_))) => {
                self.begin(&plan, child.run, child.opening, credentials, pause).await
            }
            Err(error) => Err(error),
        }
    }
}

fn reported(report: RunReport, path: Path) -> Option<Event> {
    let status = match report.phase {
        Phase::Finished(Status::Succeeded) => FlowStatus::Succeeded,
        Phase::Finished(Status::Failed) => FlowStatus::Failed,
        Phase::Paused(PauseCause::Stuck) => FlowStatus::Stuck,
        Phase::Paused(PauseCause::InDoubt) => FlowStatus::InDoubt,
        Phase::New | Phase::Running | Phase::Paused(PauseCause::Asked) => return None,
    };
    let outputs = if status == FlowStatus::Succeeded { report.outputs } else { Json::Null };
    let message = report.failure.map(|failure| failure.message).unwrap_or_default();
    let what = What::FlowReported { run: report.run, status, root: report.root, outputs, message };
    Some(Event { path: Some(path), attempt: None, what })
}

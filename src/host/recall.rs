//! What a run and the flows that it called sent before this process drove them: it counts in the rates of their
//! counterparties, whether they are over or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Host, HostError, Shared, blocking};
use crate::audit::{Kind, Record};
use crate::base::{Clock as _, Timestamp};
use crate::engine::{Engine, Path};
use crate::plan::{Counterparty, Plan, Rate, Verified};
use crate::store::{Store, StoreError};

impl Host {
    /// Has the rates know what a run sent, and the runs that it called.
    pub(super) async fn recall(&self, plan: &Arc<Verified<Plan>>, run: &str) -> Result<(), HostError> {
        let rates = plan.all_apis().into_iter().filter_map(|(_, api)| api.rate);
        let Some(window_ms) = rates.map(Rate::window_ms).max() else { return Ok(()) };
        let (store, shared, plan, run) =
            (self.parts.store.clone(), self.shared.clone(), plan.clone(), run.to_owned());
        self.shared.expect(&plan);
        let now = self.clock.now();
        blocking(move || {
            let recall = Recall { window_ms, now, store: store.as_ref(), shared: &shared };
            Ok(recall.run(&plan, &run)?)
        })
        .await
    }
}

struct Recall<'a> {
    /// The longest that anything sent counts.
    window_ms: u64,
    now: Timestamp,
    store: &'a dyn Store,
    shared: &'a Shared,
}

impl Recall<'_> {
    fn run(&self, plan: &Verified<Plan>, run: &str) -> Result<(), StoreError> {
        let entries = match self.store.load(run) {
            // The process ended before the called flow began.
            Err(StoreError::UnknownRun(_)) => return Ok(()),
            entries => entries?,
        };
        let records: Vec<Record> = entries.into_iter().map(|entry| entry.record).collect();
        let over: BTreeSet<&str> = records.iter().filter_map(|record| self.long_over(record)).collect();
        self.shared.recall(run, &self.sent(plan, &records));
        for record in records.iter().filter(|record| record.kind == Kind::FlowStarted) {
            let (Some(child), Some(flow)) = (told(record, "run"), told(record, "flow")) else { continue };
            if let Some(callee) = plan.called(flow).filter(|_| !over.contains(child)) {
                self.run(callee, child)?;
            }
        }
        Ok(())
    }

    /// When a run sent what may still count, oldest first.
    fn sent(&self, plan: &Verified<Plan>, records: &[Record]) -> BTreeMap<Counterparty, Vec<Timestamp>> {
        let engine = Engine::new(plan);
        let mut sent: BTreeMap<Counterparty, Vec<Timestamp>> = BTreeMap::new();
        let attempts = records.iter().filter(|record| record.kind == Kind::AttemptIntended);
        for record in attempts.filter(|record| self.counts(record.time)) {
            let path = record.node.as_ref().and_then(|node| node.parse::<Path>().ok());
            let call = path.and_then(|path| engine.call(&path));
            if let Some(api) = call.and_then(|call| plan.apis.get(&call.api)) {
                sent.entry(api.counterparty()).or_default().push(record.time);
            }
        }
        sent
    }

    fn counts(&self, moment: Timestamp) -> bool {
        moment.plus(self.window_ms) > self.now
    }

    /// The called run that a record reports the end of, where nothing that it sent counts any more.
    fn long_over<'r>(&self, record: &'r Record) -> Option<&'r str> {
        let reported = record.kind == Kind::FlowReported && !self.counts(record.time);
        // One that stood still may have gone on since.
        let ended = matches!(told(record, "status"), Some("succeeded" | "failed"));
        (reported && ended).then(|| told(record, "run"))?
    }
}

fn told<'r>(record: &'r Record, member: &str) -> Option<&'r str> {
    record.decision.get(member)?.as_str()
}

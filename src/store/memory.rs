//! The store in memory, for tests and simulations: same checks, same trees, same log; nothing survives the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use super::error::StoreError;
use super::ledger::{RunHead, advance, read_back, sign_head};
use super::model::{Appended, Batch, Entry, Pending, RunSummary, Store};
use crate::audit::{Export, Frontier, LogKind, LogLeaf, VerifierKey, inclusion_proof, record_hash};
use crate::base::{Digest, Ed25519Key, Random, Signer, Timestamp};

/// A store that lives as long as the value.
#[derive(Debug)]
pub struct MemoryStore {
    signer: Ed25519Key,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    runs: IndexMap<String, Run>,
    plans: BTreeMap<Digest, String>,
    log: Frontier,
    leaves: Vec<(String, LogLeaf)>,
}

#[derive(Debug)]
struct Run {
    head: RunHead,
    rows: Vec<(String, Option<String>)>,
}

impl Run {
    fn summary(&self, run: &str) -> RunSummary {
        let Appended { size, root } = self.head.appended();
        RunSummary {
            run: run.to_owned(),
            flow: self.head.flow.clone(),
            plan: self.head.plan,
            status: self.head.status.clone(),
            started: self.head.started,
            finished: self.head.finished,
            size,
            root,
        }
    }

    fn events(&self, run: &str) -> Result<Vec<(String, Entry)>, StoreError> {
        read_back(run, &self.head.appended(), self.rows.iter().cloned().map(Ok))
    }
}

impl State {
    fn run(&self, run: &str) -> Result<&Run, StoreError> {
        self.runs.get(run).ok_or_else(|| StoreError::UnknownRun(run.to_owned()))
    }

    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let addition = advance(self.runs.get(&batch.run).map(|run| &run.head), batch)?;
        for leaf in addition.log {
            self.log_leaf(leaf)?;
        }
        if let Some(opening) = &batch.opening {
            self.plans.insert(addition.head.plan, opening.plan.clone());
        }
        let appended = addition.head.appended();
        let rows = addition.rows.into_iter().map(|row| (row.leaf, row.payload));
        match self.runs.get_mut(&batch.run) {
            Some(run) => {
                run.head = addition.head;
                run.rows.extend(rows);
            }
            None => {
                self.runs.insert(batch.run.clone(), Run { head: addition.head, rows: rows.collect() });
            }
        }
        Ok(appended)
    }

    fn cover(&mut self, run: &str, time: Timestamp) -> Result<Appended, StoreError> {
        let known = self.runs.get_mut(run).ok_or_else(|| StoreError::UnknownRun(run.to_owned()))?;
        let appended = known.head.appended();
        if known.head.covered < appended.size {
            let leaf = known.head.log_leaf(run, LogKind::RunPaused, time);
            self.log_leaf(leaf)?;
        }
        Ok(appended)
    }

    fn log_leaf(&mut self, leaf: LogLeaf) -> Result<(), StoreError> {
        let text = leaf.leaf().map_err(|error| StoreError::Write(error.to_string()))?;
        self.log.append(text.as_bytes());
        self.leaves.push((text, leaf));
        Ok(())
    }
}

impl MemoryStore {
    /// An empty store with a new log key.
    pub fn new(random: &dyn Random) -> MemoryStore {
        MemoryStore { signer: Ed25519Key::generate(random), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn append(&self, batch: Batch) -> Pending {
        Pending::ready(self.state().append(&batch))
    }

    fn cover(&self, run: &str, time: Timestamp) -> Pending {
        Pending::ready(self.state().cover(run, time))
    }

    fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        Ok(self.state().runs.iter().map(|(id, run)| run.summary(id)).collect())
    }

    fn run(&self, run: &str) -> Result<RunSummary, StoreError> {
        Ok(self.state().run(run)?.summary(run))
    }

    fn load(&self, run: &str) -> Result<Vec<Entry>, StoreError> {
        Ok(self.state().run(run)?.events(run)?.into_iter().map(|(_, entry)| entry).collect())
    }

    fn plan(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        Ok(self.state().plans.get(digest).cloned())
    }

    fn export(&self, run: &str) -> Result<Export, StoreError> {
        let state = self.state();
        let known = state.run(run)?;
        let lost = || StoreError::Mismatch(format!("the log says nothing of run `{run}`"));
        let index = state.leaves.iter().rposition(|(_, leaf)| leaf.run == run).ok_or_else(lost)?;
        let (_, log_leaf) = state.leaves.get(index).ok_or_else(lost)?;
        if log_leaf.size != known.head.frontier.size() {
            return Err(StoreError::NotCovered(run.to_owned()));
        }
        let hashes: Vec<Digest> = state.leaves.iter().map(|(text, _)| record_hash(text.as_bytes())).collect();
        Ok(Export {
            log: self.log_key(),
            plan: state.plans.get(&known.head.plan).cloned().ok_or_else(lost)?,
            leaves: known.events(run)?.into_iter().map(|(leaf, entry)| (leaf, entry.payload)).collect(),
            log_leaf: log_leaf.clone(),
            index: u64::try_from(index).unwrap_or(u64::MAX),
            proof: inclusion_proof(&hashes, index).ok_or_else(lost)?,
            checkpoint: sign_head(&state.log, &self.signer)?,
        })
    }

    fn log_key(&self) -> VerifierKey {
        VerifierKey::of_log(self.signer.public_key())
    }
}

//! What an append does, without storage: checks that records follow, grows the trees, says which log leaves are due.

use super::error::StoreError;
use super::model::{Appended, Batch, Entry, Opening};
use crate::audit::{
    Checkpoint, Frontier, Kind, LOG_FORMAT, LogKind, LogLeaf, Payload, Record, VerifierKey, commitments_of,
    record_hash,
};
use crate::base::{Digest, Signer, Timestamp, canonical_json};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunHead {
    pub(crate) flow: String,
    pub(crate) plan: Digest,
    pub(crate) status: String,
    pub(crate) started: Timestamp,
    pub(crate) finished: Option<Timestamp>,
    pub(crate) frontier: Frontier,
    /// Hash of the last leaf.
    pub(crate) last: Digest,
    /// Size in its last leaf of the store's log.
    pub(crate) covered: u64,
}

impl RunHead {
    pub(crate) fn appended(&self) -> Appended {
        Appended { size: self.frontier.size(), root: self.frontier.root() }
    }
}

/// A record as it is stored.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) leaf: String,
    /// Canonical JSON; absent where there is no payload.
    pub(crate) payload: Option<String>,
}

/// What a batch adds.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) head: RunHead,
    pub(crate) rows: Vec<Row>,
    pub(crate) log: Vec<LogLeaf>,
}

/// Checks a batch against where its run stands and works out what it adds.
pub(crate) fn advance(head: Option<&RunHead>, batch: &Batch) -> Result<Addition, StoreError> {
    let mut head = head.cloned();
    let (mut rows, mut log) = (Vec::new(), Vec::new());
    for entry in &batch.entries {
        let record = &entry.record;
        let refused = |reason: &str| StoreError::Refused {
            run: batch.run.clone(),
            seq: record.seq,
            reason: reason.to_owned(),
        };
        let leaf = record.leaf().map_err(|error| refused(&error.to_string()))?;
        let payload = payload_text(entry).map_err(|reason| refused(&reason))?;
        if record.run != batch.run {
            return Err(refused("it belongs to another run"));
        }
        let mut next = match (head.take(), &batch.opening) {
            (Some(head), opening) => {
                if opening.is_some() && rows.is_empty() {
                    return Err(refused("the run has begun already"));
                }
                follows(&head, record).map_err(refused)?;
                head
            }
            (None, Some(opening)) => begin(record, opening).map_err(refused)?,
            (None, None) => return Err(StoreError::UnknownRun(batch.run.clone())),
        };
        next.last = next.frontier.append(leaf.as_bytes());
        update_status(&mut next, record);
        if let Some(kind) = LogKind::of(record.kind) {
            log.push(next.log_leaf(&batch.run, kind, record.time));
        }
        rows.push(Row { seq: record.seq, leaf, payload });
        head = Some(next);
    }
    match head {
        Some(head) if !rows.is_empty() => Ok(Addition { head, rows, log }),
        _ => Err(StoreError::Refused {
            run: batch.run.clone(),
            seq: 0,
            reason: "the batch is empty".to_owned(),
        }),
    }
}

fn payload_text(entry: &Entry) -> Result<Option<String>, String> {
    if commitments_of(&entry.payload).map_err(|error| error.to_string())? != entry.record.commitments {
        return Err("its commitments are not those of its payload".to_owned());
    }
    if entry.payload.is_empty() {
        return Ok(None);
    }
    canonical_json(&entry.payload).map(Some).map_err(|error| error.to_string())
}

fn follows(head: &RunHead, record: &Record) -> Result<(), &'static str> {
    if head.finished.is_some() {
        return Err("the run has ended");
    }
    if record.seq != head.frontier.size() || record.prev != Some(head.last) {
        return Err("it does not follow the run's last record");
    }
    if record.kind == Kind::RunStarted {
        return Err("the run has begun already");
    }
    Ok(())
}

fn begin(record: &Record, opening: &Opening) -> Result<RunHead, &'static str> {
    if record.seq != 0 || record.prev.is_some() || record.kind != Kind::RunStarted {
        return Err("a run's first record is `run_started`, number 0, without a previous one");
    }
    let plan = Digest::of(&opening.plan);
    if record.decision.get("plan_digest").and_then(|digest| digest.as_str()) != Some(&plan.to_string()) {
        return Err("its plan digest is not that of the plan");
    }
    Ok(RunHead {
        flow: opening.flow.clone(),
        plan,
        status: String::new(),
        started: record.time,
        finished: None,
        frontier: Frontier::default(),
        last: Digest::of(""),
        covered: 0,
    })
}

fn update_status(head: &mut RunHead, record: &Record) {
    let said = || record.decision.get("status").and_then(|status| status.as_str());
    match record.kind {
        Kind::RunStarted | Kind::RunResumed => head.status = "running".to_owned(),
        Kind::RunPaused => head.status = said().unwrap_or("paused").to_owned(),
        Kind::RunFinished => {
            head.status = said().unwrap_or("finished").to_owned();
            head.finished = Some(record.time);
        }
        _ => {}
    }
}

impl RunHead {
    /// A leaf of the store's log that says how far the run is now.
    pub(crate) fn log_leaf(&mut self, run: &str, kind: LogKind, time: Timestamp) -> LogLeaf {
        let Appended { size, root } = self.appended();
        self.covered = size;
        LogLeaf { v: LOG_FORMAT.to_owned(), kind, run: run.to_owned(), size, root, time }
    }
}

/// The signed head of the store's log after some leaves were appended.
pub(crate) fn sign_head(log: &Frontier, signer: &dyn Signer) -> Result<String, StoreError> {
    let origin = VerifierKey::of_log(signer.public_key()).name().to_owned();
    Checkpoint { origin, size: log.size(), root: log.root() }
        .sign(signer)
        .map_err(|error| StoreError::Write(format!("the log could not be signed: {error}")))
}

/// Reads stored rows back into events, and holds them against the run's head.
pub(crate) fn read_back(
    run: &str,
    head: &Appended,
    rows: impl Iterator<Item = Result<(String, Option<String>), StoreError>>,
) -> Result<Vec<(String, Entry)>, StoreError> {
    let mismatch = |what: String| StoreError::Mismatch(format!("run `{run}`: {what}"));
    let mut frontier = Frontier::default();
    let mut last = None;
    let mut entries = Vec::new();
    for row in rows {
        let (leaf, payload) = row?;
        let seq = frontier.size();
        let record =
            Record::read(leaf.as_bytes()).map_err(|error| mismatch(format!("record {seq}: {error}")))?;
        if record.run != run || record.seq != seq || record.prev != last {
            return Err(mismatch(format!("record {seq} does not follow the one before")));
        }
        let payload: Payload = match &payload {
            Some(text) => serde_json::from_str(text)
                .map_err(|_| mismatch(format!("the payload of record {seq} is unreadable")))?,
            None => Payload::new(),
        };
        if commitments_of(&payload).ok().as_ref() != Some(&record.commitments) {
            return Err(mismatch(format!("the payload of record {seq} is not what the record commits to")));
        }
        last = Some(record_hash(leaf.as_bytes()));
        frontier.append(leaf.as_bytes());
        entries.push((leaf, Entry { record, payload }));
    }
    if frontier.size() != head.size || frontier.root() != head.root {
        return Err(mismatch("its records don't make the tree that was recorded".to_owned()));
    }
    Ok(entries)
}

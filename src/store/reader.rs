//! Reading the database: beside a writer in this or another process, or alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::StoreError;
use super::ledger::{RunHead, read_back};
use super::model::{Appended, Entry, RunSummary};
use super::schema;
use crate::audit::{
    Checkpoint, Export, Frontier, LogLeaf, Record, VerifierKey, inclusion_proof, record_hash,
};
use crate::base::{Digest, Timestamp};

/// A store opened to read only.
#[derive(Debug)]
pub struct Reader {
    connection: Mutex<Connection>,
    key: VerifierKey,
}

impl Reader {
    /// Opens the store in a folder. Takes no lock: a writer may be at work.
    pub fn open(folder: &Path) -> Result<Reader, StoreError> {
        let path = folder.join(schema::DATABASE);
        match path.try_exists() {
            Ok(true) => {}
            Ok(false) => return Err(StoreError::NoStore { path: folder.to_owned() }),
            Err(error) => return Err(StoreError::unread(folder, &error)),
        }
        let connection = schema::open_reader(&path)?;
        let (key, _) = log_head(&connection, &path)?;
        Ok(Reader { connection: Mutex::new(connection), key })
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // One snapshot for all queries of a call; ended by dropping it.
        let answer = connection.transaction().map_err(StoreError::from).and_then(|snapshot| read(&snapshot));
        answer.map_err(|error| match error {
            StoreError::Write(reason) => StoreError::Read(reason),
            error => error,
        })
    }

    /// The key that others verify this store's log with.
    pub fn log_key(&self) -> &VerifierKey {
        &self.key
    }

    /// Every run, oldest first.
    pub fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.with(|connection| {
            let sql = format!("SELECT {RUN_COLUMNS}, id FROM runs ORDER BY number");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                let (_, head) = run_head(row)?;
                runs.push(summary(row.get(COLUMNS)?, &head));
            }
            Ok(runs)
        })
    }

    /// One run.
    pub fn run(&self, run: &str) -> Result<RunSummary, StoreError> {
        self.with(|connection| Ok(summary(run.to_owned(), &known_run(connection, run)?.1)))
    }

    /// The runs that other runs started, each with the one that did.
    pub fn parents(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.with(|connection| {
            // A child names its parent in its first record; the pattern only spares reading the others.
            let mut statement = connection.prepare_cached(
                "SELECT id, leaf FROM runs JOIN records ON records.run = runs.number WHERE seq = 0 AND leaf LIKE '%\"parent\":%'",
            )?;
            let mut rows = statement.query([])?;
            let mut parents = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let (run, leaf): (String, String) = (row.get(0)?, row.get(1)?);
                let record: Record = serde_json::from_str(&leaf).map_err(|_| damaged("records"))?;
                let parent = record.decision.get("parent").and_then(|parent| parent.get("run"));
                parents.extend(parent.and_then(|parent| parent.as_str()).map(|parent| (run, parent.to_owned())));
            }
            Ok(parents)
        })
    }

    /// A run's events in order, held against its tree.
    pub fn load(&self, run: &str) -> Result<Vec<Entry>, StoreError> {
        self.with(|connection| {
            let (number, head) = known_run(connection, run)?;
            let events = read_run(connection, run, number, &head.appended())?;
            Ok(events.into_iter().map(|(_, entry)| entry).collect())
        })
    }

    /// A plan's canonical text.
    pub fn plan(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        self.with(|connection| plan_text(connection, digest))
    }

    /// Everything a bundle of the run needs.
    pub fn export(&self, run: &str) -> Result<Export, StoreError> {
        self.with(|connection| {
            let (number, head) = known_run(connection, run)?;
            let events = read_run(connection, run, number, &head.appended())?;
            let (leaf, place) = last_log_leaf(connection, run)?
                .ok_or_else(|| StoreError::Mismatch(format!("the log says nothing of run `{run}`")))?;
            if leaf.size != head.frontier.size() {
                return Err(StoreError::NotCovered(run.to_owned()));
            }
            if leaf.root != head.frontier.root() {
                return Err(StoreError::Mismatch(format!("the log has another root for run `{run}`")));
            }
            let (key, note) = log_head(connection, Path::new(schema::DATABASE))?;
            let hashes = log_hashes(connection)?;
            let checkpoint = checkpoint_of(&note, &key)?;
            if checkpoint.root != crate::audit::tree_hash(&hashes) {
                return Err(StoreError::Mismatch("the log's leaves don't make its signed root".to_owned()));
            }
            let proof = usize::try_from(place).ok().and_then(|place| inclusion_proof(&hashes, place));
            let plan = plan_text(connection, &head.plan)?;
            Ok(Export {
                log: key,
                plan: plan.ok_or_else(|| StoreError::Mismatch(format!("the plan of run `{run}` is gone")))?,
                leaves: events.into_iter().map(|(leaf, entry)| (leaf, entry.payload)).collect(),
                log_leaf: leaf,
                index: place,
                proof: proof.ok_or_else(|| {
                    StoreError::Mismatch("the log's leaves are not numbered in order".to_owned())
                })?,
                checkpoint: note,
            })
        })
    }
}

const RUN_COLUMNS: &str = "number, flow, plan, status, started, finished, size, frontier, last, covered";
/// How many they are: the place of a column that follows them.
const COLUMNS: usize = 10;

fn damaged(what: &str) -> StoreError {
    StoreError::Mismatch(format!("a row of {what} is not what eczflow writes"))
}

fn run_head(row: &Row<'_>) -> Result<(i64, RunHead), StoreError> {
    let wrong = || damaged("runs");
    let plan: String = row.get(2)?;
    let peaks: Vec<u8> = row.get(7)?;
    let (peaks, rest) = peaks.as_chunks::<32>();
    let size = u64::try_from(row.get::<_, i64>(6)?).map_err(|_| wrong())?;
    let frontier = Frontier::new(size, peaks.iter().copied().map(Digest).collect());
    let head = RunHead {
        flow: row.get(1)?,
        plan: plan.parse().map_err(|_| wrong())?,
        status: row.get(3)?,
        started: Timestamp(row.get(4)?),
        finished: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        frontier: frontier.filter(|_| rest.is_empty()).ok_or_else(wrong)?,
        last: Digest(row.get(8)?),
        covered: u64::try_from(row.get::<_, i64>(9)?).map_err(|_| wrong())?,
    };
    Ok((row.get(0)?, head))
}

fn summary(run: String, head: &RunHead) -> RunSummary {
    let Appended { size, root } = head.appended();
    RunSummary {
        run,
        flow: head.flow.clone(),
        plan: head.plan,
        status: head.status.clone(),
        started: head.started,
        finished: head.finished,
        size,
        root,
    }
}

/// A run's number and head.
pub(crate) fn find_run(connection: &Connection, run: &str) -> Result<Option<(i64, RunHead)>, StoreError> {
    let sql = format!("SELECT {RUN_COLUMNS} FROM runs WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([run])?;
    rows.next()?.map(run_head).transpose()
}

fn known_run(connection: &Connection, run: &str) -> Result<(i64, RunHead), StoreError> {
    find_run(connection, run)?.ok_or_else(|| StoreError::UnknownRun(run.to_owned()))
}

/// Ids, numbers and heads of all runs.
pub(crate) fn all_runs(connection: &Connection) -> Result<Vec<(String, i64, RunHead)>, StoreError> {
    let sql = format!("SELECT {RUN_COLUMNS}, id FROM runs ORDER BY number");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, head) = run_head(row)?;
        runs.push((row.get(COLUMNS)?, number, head));
    }
    Ok(runs)
}

/// A run's leaves and events, held against its tree.
pub(crate) fn read_run(
    connection: &Connection,
    run: &str,
    number: i64,
    head: &Appended,
) -> Result<Vec<(String, Entry)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT leaf, payload FROM records LEFT JOIN payloads USING (run, seq) WHERE run = ?1 ORDER BY seq",
    )?;
    let rows = statement.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    read_back(run, head, rows.map(|row| row.map_err(StoreError::from)))
}

fn plan_text(connection: &Connection, digest: &Digest) -> Result<Option<String>, StoreError> {
    let text: Option<String> = connection
        .prepare_cached("SELECT text FROM plans WHERE digest = ?1")?
        .query_row([digest.to_string()], |row| row.get(0))
        .optional()?;
    match text {
        Some(text) if Digest::of(&text) != *digest => {
            Err(StoreError::Mismatch(format!("the plan {digest} has another text")))
        }
        text => Ok(text),
    }
}

/// The log's verifier key and its latest signed checkpoint.
pub(crate) fn log_head(connection: &Connection, path: &Path) -> Result<(VerifierKey, String), StoreError> {
    let row: Option<(String, String)> = connection
        .query_row("SELECT key, checkpoint FROM log_head", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (key, note) = row.ok_or_else(|| StoreError::NotAStore {
        path: PathBuf::from(path),
        reason: "it has no signed log".to_owned(),
    })?;
    Ok((key.parse().map_err(|_| damaged("log_head"))?, note))
}

/// The checkpoint in a note, where exactly this key signed it.
pub(crate) fn checkpoint_of(note: &str, key: &VerifierKey) -> Result<Checkpoint, StoreError> {
    Checkpoint::open(note, key)
        .map_err(|error| StoreError::Mismatch(format!("the log's checkpoint does not hold: {error}")))
}

/// The log's leaves in order.
pub(crate) fn log_leaves(connection: &Connection) -> Result<Vec<(String, LogLeaf)>, StoreError> {
    let mut statement = connection.prepare("SELECT place, leaf FROM log_leaves ORDER BY place")?;
    let mut rows = statement.query([])?;
    let mut leaves = Vec::new();
    while let Some(row) = rows.next()? {
        let (place, text): (i64, String) = (row.get(0)?, row.get(1)?);
        if usize::try_from(place).ok() != Some(leaves.len()) {
            return Err(StoreError::Mismatch(format!("leaf {} of the log is missing", leaves.len())));
        }
        let leaf = parse_log_leaf(&text)?;
        leaves.push((text, leaf));
    }
    Ok(leaves)
}

fn log_hashes(connection: &Connection) -> Result<Vec<Digest>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT leaf FROM log_leaves ORDER BY place")?;
    let mut rows = statement.query([])?;
    let mut hashes = Vec::new();
    while let Some(row) = rows.next()? {
        hashes.push(record_hash(row.get_ref(0)?.as_bytes().map_err(|_| damaged("log_leaves"))?));
    }
    Ok(hashes)
}

fn parse_log_leaf(text: &str) -> Result<LogLeaf, StoreError> {
    let leaf: LogLeaf = serde_json::from_str(text).map_err(|_| damaged("log_leaves"))?;
    if leaf.leaf().ok().as_deref() != Some(text) {
        return Err(damaged("log_leaves"));
    }
    Ok(leaf)
}

fn last_log_leaf(connection: &Connection, run: &str) -> Result<Option<(LogLeaf, u64)>, StoreError> {
    let row: Option<(i64, String)> = connection
        .prepare_cached("SELECT place, leaf FROM log_leaves WHERE run = ?1 ORDER BY place DESC LIMIT 1")?
        .query_row([run], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((place, text)) = row else { return Ok(None) };
    let leaf = parse_log_leaf(&text)?;
    if leaf.run != run {
        return Err(damaged("log_leaves"));
    }
    Ok(Some((leaf, u64::try_from(place).map_err(|_| damaged("log_leaves"))?)))
}

//! The store on disk: a folder with a database, a lock and a log key.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::StoreError;
use super::files::{self, Lock};
use super::ledger::sign_head;
use super::model::{Batch, Entry, Pending, RunSummary, Store};
use super::reader::{self, Reader};
use super::schema;
use super::writer::{Answer, Command, Writer};
use crate::audit::{Export, Frontier, VerifierKey};
use crate::base::{Digest, Ed25519Key, Random, Signer, Timestamp};

/// Where the log key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogKey {
    /// In the store's folder, made with the store.
    InStore,
    /// In this file, as configured; never made here.
    File(PathBuf),
}

/// The one writer of a store on disk.
#[derive(Debug)]
pub struct SqliteStore {
    reader: Reader,
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<()>>,
    // Dropped last: nobody else may write before the thread has ended.
    lock: Lock,
}

impl SqliteStore {
    /// Opens the store in a folder, or makes it there. Takes the lock, holds every stored leaf that is not closed
    /// against the signed log, and refuses to go on where they differ.
    pub fn open(folder: &Path, key: &LogKey, random: &dyn Random) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_limited(folder, key, random, None)
    }

    /// [`SqliteStore::open`] with a bound on the database's pages.
    pub(crate) fn open_limited(
        folder: &Path,
        key: &LogKey,
        random: &dyn Random,
        most_pages: Option<u32>,
    ) -> Result<SqliteStore, StoreError> {
        let path = folder.join(schema::DATABASE);
        schema::check_file(&path)?;
        files::make_folder(folder)?;
        let lock = files::lock(folder)?;
        files::make_private(&path)?;
        let (mut connection, new) = schema::open_writer(&path)?;
        if let Some(pages) = most_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        let signer = signer(folder, key, new, random)?;
        if new {
            create(&mut connection, &signer)?;
        }
        let log = recover(&connection, &path, folder, key, &signer)?;
        let reader = Reader::open(folder)?;
        let (commands, receiver) = mpsc::channel();
        let writer = Writer::new(connection, signer, log);
        let thread = std::thread::Builder::new()
            .name("eczflow-journal".to_owned())
            .spawn(move || writer.serve(&receiver))
            .map_err(|error| StoreError::file(folder, &error))?;
        Ok(SqliteStore { reader, commands: Some(commands), thread: Some(thread), lock })
    }

    /// How often the store was opened to write, this time included.
    pub fn epoch(&self) -> u64 {
        self.lock.epoch
    }

    fn ask(&self, command: impl FnOnce(Answer) -> Command) -> Pending {
        let (sender, receiver) = oneshot::channel();
        if let Some(commands) = &self.commands {
            // A writer that has ended drops the sender, which the other side reads as stopped.
            let _ = commands.send(command(sender));
        }
        Pending(receiver)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Store for SqliteStore {
    fn append(&self, batch: Batch) -> Pending {
        self.ask(|answer| Command::Append(batch, answer))
    }

    fn cover(&self, run: &str, time: Timestamp) -> Pending {
        self.ask(|answer| Command::Cover(run.to_owned(), time, answer))
    }

    fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.reader.runs()
    }

    fn run(&self, run: &str) -> Result<RunSummary, StoreError> {
        self.reader.run(run)
    }

    fn load(&self, run: &str) -> Result<Vec<Entry>, StoreError> {
        self.reader.load(run)
    }

    fn plan(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        self.reader.plan(digest)
    }

    fn export(&self, run: &str) -> Result<Export, StoreError> {
        self.reader.export(run)
    }

    fn log_key(&self) -> VerifierKey {
        self.reader.log_key().clone()
    }
}

fn signer(folder: &Path, key: &LogKey, new: bool, random: &dyn Random) -> Result<Ed25519Key, StoreError> {
    let path = key_path(folder, key);
    match (files::read_key(&path)?, key) {
        (Some(signer), _) => Ok(signer),
        (None, LogKey::InStore) if new => files::create_key(&path, random),
        (None, _) => Err(StoreError::Key { path, reason: "there is no such file".to_owned() }),
    }
}

fn key_path(folder: &Path, key: &LogKey) -> PathBuf {
    match key {
        LogKey::InStore => files::default_key(folder),
        LogKey::File(path) => path.clone(),
    }
}

fn create(connection: &mut Connection, signer: &Ed25519Key) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    schema::create(&transaction)?;
    let checkpoint = sign_head(&Frontier::default(), signer)?;
    let key = VerifierKey::of_log(signer.public_key()).to_string();
    transaction
        .execute("INSERT INTO log_head (one, key, checkpoint) VALUES (1, ?1, ?2)", [key, checkpoint])?;
    Ok(transaction.commit()?)
}

/// Re-hashes the log and every run that has not ended, and holds them against the signed checkpoint. Gives the log's
/// frontier, from which it may be continued.
fn recover(
    connection: &Connection,
    path: &Path,
    folder: &Path,
    key: &LogKey,
    signer: &Ed25519Key,
) -> Result<Frontier, StoreError> {
    let (verifier, note) = reader::log_head(connection, path)?;
    if verifier != VerifierKey::of_log(signer.public_key()) {
        return Err(StoreError::Key {
            path: key_path(folder, key),
            reason: "it is not the key that signed this store's log".to_owned(),
        });
    }
    let checkpoint = reader::checkpoint_of(&note, &verifier)?;
    let leaves = reader::log_leaves(connection)?;
    let mut log = Frontier::default();
    for (text, _) in &leaves {
        log.append(text.as_bytes());
    }
    if log.size() != checkpoint.size || log.root() != checkpoint.root {
        return Err(StoreError::Mismatch("the log's leaves don't make its signed root".to_owned()));
    }
    let runs = reader::all_runs(connection)?;
    let known: std::collections::BTreeSet<&str> = runs.iter().map(|(id, ..)| id.as_str()).collect();
    if let Some((_, leaf)) = leaves.iter().find(|(_, leaf)| !known.contains(leaf.run.as_str())) {
        return Err(StoreError::Mismatch(format!("run `{}` is in the log, but not in the store", leaf.run)));
    }
    let mut last = std::collections::BTreeMap::new();
    for (_, leaf) in &leaves {
        last.insert(leaf.run.as_str(), leaf);
    }
    for (run, number, head) in &runs {
        let mismatch = |what: &str| StoreError::Mismatch(format!("run `{run}`: {what}"));
        let leaf = last.get(run.as_str()).ok_or_else(|| mismatch("the log does not say that it began"))?;
        if leaf.size > head.frontier.size() || leaf.size != head.covered {
            return Err(mismatch("the log covers another number of records"));
        }
        if head.finished.is_some() {
            // Its records are held against this root whenever they are read.
            if leaf.root != head.frontier.root() {
                return Err(mismatch("the log has another root"));
            }
            continue;
        }
        let events = reader::read_run(connection, run, *number, &head.appended())?;
        let mut signed = Frontier::default();
        for (text, _) in events.iter().take(usize::try_from(leaf.size).unwrap_or(usize::MAX)) {
            signed.append(text.as_bytes());
        }
        if signed.root() != leaf.root {
            return Err(mismatch("its records don't make the root in the log"));
        }
    }
    Ok(log)
}

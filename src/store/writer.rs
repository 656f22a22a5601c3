//! The one thread that writes: it groups what waits into one transaction, one sync, one signature.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::error::StoreError;
use super::ledger::{Addition, RunHead, advance, sign_head};
use super::model::{Appended, Batch};
use super::reader::find_run;
use crate::audit::{Frontier, LogKind, LogLeaf};
use crate::base::{Digest, Ed25519Key, Timestamp};

/// Most commands in one transaction.
const GROUP: usize = 256;

/// Where a command's answer goes.
pub(crate) type Answer = oneshot::Sender<Result<Appended, StoreError>>;

/// What the writer is asked to do.
pub(crate) enum Command {
    Append(Batch, Answer),
    Cover(String, Timestamp, Answer),
}

/// The writer's side of a store.
pub(crate) struct Writer {
    connection: Connection,
    signer: Ed25519Key,
    log: Frontier,
    /// Runs at work, with their numbers in the database.
    runs: BTreeMap<String, (i64, RunHead)>,
    /// Why nothing is accepted any more.
    stopped: Option<String>,
}

impl Writer {
    pub(crate) fn new(connection: Connection, signer: Ed25519Key, log: Frontier) -> Writer {
        Writer { connection, signer, log, runs: BTreeMap::new(), stopped: None }
    }

    /// Serves until every sender is gone; what waits then is still written.
    pub(crate) fn serve(mut self, commands: &Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let mut group = vec![first];
            while group.len() < GROUP {
                match commands.try_recv() {
                    Ok(command) => group.push(command),
                    Err(_) => break,
                }
            }
            self.commit(group);
        }
        if self.stopped.is_none() {
            // A closed store is one file, which can be read where nothing can be written. Without it all is there as well.
            let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    fn commit(&mut self, group: Vec<Command>) {
        let (mut work, mut waiting) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for command in group {
            let (job, answer) = match command {
                Command::Append(batch, answer) => (Job::Append(batch), answer),
                Command::Cover(run, time, answer) => (Job::Cover(run, time), answer),
            };
            work.push(job);
            waiting.push(answer);
        }
        let answers = match &self.stopped {
            Some(reason) => Err(StoreError::Stopped(reason.clone())),
            None => self.write(&work),
        };
        match answers {
            Ok(answers) => {
                for (sender, answer) in waiting.into_iter().zip(answers) {
                    // Whoever asked may be gone: the append stands all the same.
                    let _ = sender.send(answer);
                }
            }
            Err(error) => {
                // After a failed write nobody knows what the disk holds: only opening the store again finds out.
                self.stopped.get_or_insert_with(|| error.to_string());
                for sender in waiting {
                    let _ = sender.send(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction. The inner answers are refusals, which write nothing; the outer error stops the store.
    fn write(&mut self, work: &[Job]) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let answers = self.write_all(work).and_then(|answers| {
            self.connection.execute_batch("COMMIT")?;
            Ok(answers)
        });
        if answers.is_err() {
            // Where this fails too, closing the connection rolls back.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        answers
    }

    fn write_all(&mut self, work: &[Job]) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
        let before = self.log.size();
        let mut answers = Vec::with_capacity(work.len());
        for job in work {
            answers.push(match job {
                Job::Append(batch) => {
                    let known = self.head(&batch.run)?;
                    match advance(known.as_ref().map(|(_, head)| head), batch) {
                        Ok(addition) => Ok(self.append(known.map(|(number, _)| number), batch, addition)?),
                        Err(refusal) => Err(refusal),
                    }
                }
                Job::Cover(run, time) => match self.head(run)? {
                    Some((number, head)) => Ok(self.cover(run, number, head, *time)?),
                    None => Err(StoreError::UnknownRun(run.clone())),
                },
            });
        }
        if self.log.size() != before {
            let checkpoint = sign_head(&self.log, &self.signer)?;
            self.connection.prepare_cached("UPDATE log_head SET checkpoint = ?1")?.execute([checkpoint])?;
        }
        Ok(answers)
    }

    fn head(&self, run: &str) -> Result<Option<(i64, RunHead)>, StoreError> {
        match self.runs.get(run) {
            Some(known) => Ok(Some(known.clone())),
            None => find_run(&self.connection, run),
        }
    }

    fn append(
        &mut self,
        number: Option<i64>,
        batch: &Batch,
        addition: Addition,
    ) -> Result<Appended, StoreError> {
        let Addition { head, rows, log } = addition;
        let number = match (number, &batch.opening) {
            (None, Some(opening)) => {
                self.connection
                    .prepare_cached(
                        "INSERT INTO plans (digest, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![head.plan.to_string(), opening.plan])?;
                self.connection
                    .prepare_cached(
                        "INSERT INTO runs (id, flow, plan, status, started, size, frontier, last, covered)
                         VALUES (?1, ?2, ?3, '', ?4, 0, x'', x'', 0)",
                    )?
                    .execute(params![batch.run, head.flow, head.plan.to_string(), head.started.0])?;
                self.connection.last_insert_rowid()
            }
            (Some(number), _) => number,
            (None, None) => return Err(StoreError::UnknownRun(batch.run.clone())),
        };
        for row in &rows {
            let seq = integer(row.seq)?;
            self.connection
                .prepare_cached("INSERT INTO records (run, seq, leaf) VALUES (?1, ?2, ?3)")?
                .execute(params![number, seq, row.leaf])?;
            if let Some(payload) = &row.payload {
                self.connection
                    .prepare_cached("INSERT INTO payloads (run, seq, payload) VALUES (?1, ?2, ?3)")?
                    .execute(params![number, seq, payload])?;
            }
        }
        for leaf in &log {
            self.log_leaf(leaf)?;
        }
        self.keep_head(&batch.run, number, head)
    }

    fn cover(
        &mut self,
        run: &str,
        number: i64,
        mut head: RunHead,
        time: Timestamp,
    ) -> Result<Appended, StoreError> {
        if head.covered < head.frontier.size() {
            let leaf = head.log_leaf(run, LogKind::RunPaused, time);
            self.log_leaf(&leaf)?;
        }
        self.keep_head(run, number, head)
    }

    fn log_leaf(&mut self, leaf: &LogLeaf) -> Result<(), StoreError> {
        let text = leaf.leaf().map_err(|error| StoreError::Write(error.to_string()))?;
        self.connection
            .prepare_cached("INSERT INTO log_leaves (place, run, leaf) VALUES (?1, ?2, ?3)")?
            .execute(params![integer(self.log.size())?, leaf.run, text])?;
        self.log.append(text.as_bytes());
        Ok(())
    }

    fn keep_head(&mut self, run: &str, number: i64, head: RunHead) -> Result<Appended, StoreError> {
        let peaks: Vec<u8> = head.frontier.peaks().iter().flat_map(|Digest(bytes)| *bytes).collect();
        self.connection
            .prepare_cached(
                "UPDATE runs SET status = ?2, finished = ?3, size = ?4, frontier = ?5, last = ?6, covered = ?7
                 WHERE number = ?1",
            )?
            .execute(params![
                number,
                head.status,
                head.finished.map(|time| time.0),
                integer(head.frontier.size())?,
                peaks,
                head.last.0,
                integer(head.covered)?,
            ])?;
        let appended = head.appended();
        if head.finished.is_some() {
            self.runs.remove(run);
        } else {
            self.runs.insert(run.to_owned(), (number, head));
        }
        Ok(appended)
    }
}

enum Job {
    Append(Batch),
    Cover(String, Timestamp),
}

fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Write("a number is beyond 2^63".to_owned()))
}

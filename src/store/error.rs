//! What can go wrong with a store. Clonable, since one failed commit answers several appends.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::base::Explained;

/// A store that cannot be used, or a record that it refuses. Never carries a payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another handle of this one, writes to it.
    #[error("store `{}` in use by {}", path.display(), holder_name(*.pid))]
    InUse {
        /// The store.
        path: PathBuf,
        /// The holder, where the lock file says.
        pid: Option<u32>,
    },
    /// Written by a newer eczflow.
    #[error("store `{}` has schema version {found}; this eczflow knows {known}", path.display())]
    NewerVersion {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A database of something else, or no database.
    #[error("`{}` is not an eczflow store: {reason}", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What it is.
        reason: String,
    },
    /// A file of the store could not be read or made.
    #[error("`{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A store is a folder.
    #[error("`{}` is a file, and a store is a folder", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// Nothing can be written there.
    #[error("`{}` cannot be written: {reason}", path.display())]
    ReadOnly {
        /// The store, or a file of it.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The log key can be read by others.
    #[error("the log key `{}` can be read by others (mode {mode:04o})", path.display())]
    KeyMode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The log key is unreadable, missing, or not the one that signed this store's log.
    #[error("the log key `{}` cannot be used: {reason}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What is stored is not what was signed.
    #[error("the store's records don't match its signed log: {0}")]
    Mismatch(String),
    /// The disk, or the database's size limit, is full.
    #[error("the store is full: nothing of this write was kept")]
    Full,
    /// A read failed.
    #[error("reading the store failed: {0}")]
    Read(String),
    /// A write or a commit failed.
    #[error("writing to the store failed: {0}")]
    Write(String),
    /// An earlier write failed; nothing is accepted any more.
    #[error("the store stopped after a failed write ({0})")]
    Stopped(String),
    /// There is no such run.
    #[error("no run `{0}` in this store")]
    UnknownRun(String),
    /// The signed log does not cover the run's latest records.
    #[error("run `{0}` is not finished: the signed log does not cover its latest records")]
    NotCovered(String),
    /// A record that does not follow its run's last one, or is not what it says.
    #[error("record {seq} of run `{run}` is refused: {reason}")]
    Refused {
        /// The run.
        run: String,
        /// The record's sequence number.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// There is nothing to read.
    #[error("no store at `{}`", path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
}

fn holder_name(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl StoreError {
    /// A failed file operation.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> StoreError {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                StoreError::ReadOnly { path, reason }
            }
            ErrorKind::NotADirectory => StoreError::NotAFolder { path },
            _ => StoreError::File { path, reason },
        }
    }

    /// A failed read of a file, which may well be on a read-only disk.
    pub(crate) fn unread(path: &Path, error: &std::io::Error) -> StoreError {
        StoreError::File { path: path.to_owned(), reason: error.to_string() }
    }
}

/// Whether there was no room: SQLite says so of its files, but not of the one that is mapped into memory.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    let no_map = |error: &rusqlite::ffi::Error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
    error.sqlite_error_code() == Some(ErrorCode::DiskFull) || error.sqlite_error().is_some_and(no_map)
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::Error;
        match (error.sqlite_error_code(), &error) {
            _ if is_full(&error) => StoreError::Full,
            // The last is any statement that makes no sense for what stands there: a table or column that is not there.
            (
                Some(
                    ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase
                    | ErrorCode::TypeMismatch
                    | ErrorCode::Unknown,
                ),
                _,
            )
            | (
                None,
                Error::InvalidColumnType(..)
                | Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::Utf8Error(..),
            ) => StoreError::Mismatch("the database file is damaged".to_owned()),
            _ => StoreError::Write(error.to_string()),
        }
    }
}

impl Explained for StoreError {
    fn code(&self) -> &'static str {
        match self {
            StoreError::InUse { .. } => "ER4001",
            StoreError::NewerVersion { .. } => "ER4002",
            StoreError::NotAStore { .. } => "ER4003",
            StoreError::File { .. } | StoreError::Read(_) => "ER4004",
            StoreError::KeyMode { .. } => "ER4005",
            StoreError::Key { .. } => "ER4006",
            StoreError::Mismatch(_) => "ER4007",
            StoreError::Full => "ER4008",
            StoreError::Write(_) | StoreError::Stopped(_) => "ER4009",
            StoreError::UnknownRun(_) => "ER4010",
            StoreError::NotCovered(_) => "ER4011",
            StoreError::Refused { .. } => "ER4012",
            StoreError::NoStore { .. } => "ER4013",
            StoreError::ReadOnly { .. } => "ER4014",
            StoreError::NotAFolder { .. } => "ER4015",
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            StoreError::InUse { .. } => {
                "wait until that process ends, or give this run a store of its own with `--store DIR`".to_owned()
            }
            StoreError::NewerVersion { .. } => {
                "use the eczflow that wrote it, or a newer one, or another folder with `--store DIR`".to_owned()
            }
            StoreError::NotAStore { .. } => "name another folder with `--store DIR`".to_owned(),
            StoreError::File { .. } | StoreError::Read(_) => {
                "check that the folder exists and that you may read and write there, or name another with `--store DIR`".to_owned()
            }
            StoreError::ReadOnly { .. } => {
                "make it writable for you, or name another folder with `--store DIR`; `runs` and `audit` only read".to_owned()
            }
            StoreError::NotAFolder { .. } => "name a folder with `--store DIR`; it is made where it is not there".to_owned(),
            StoreError::KeyMode { path, .. } => format!("run `chmod 600 {}`", path.display()),
            StoreError::Key { .. } => {
                "put the key back that was made with the store; without it the log cannot be continued, only read".to_owned()
            }
            StoreError::Mismatch(_) => {
                "nothing more is signed; keep the folder as it is, restore it from a backup, or start a new one with `--store DIR`".to_owned()
            }
            StoreError::Full => "make room on the disk, then `eczflow resume RUN`".to_owned(),
            StoreError::Write(_) | StoreError::Stopped(_) => {
                "check the disk, then `eczflow resume RUN`: what was acknowledged is kept".to_owned()
            }
            StoreError::UnknownRun(_) => "`eczflow runs` lists the runs of a store; `--store DIR` names another".to_owned(),
            StoreError::NotCovered(_) => "finish it with `eczflow resume RUN`, then export it".to_owned(),
            StoreError::Refused { .. } => "this is a fault of eczflow: please report it".to_owned(),
            StoreError::NoStore { .. } => {
                "run a flow first, or name the store's folder with `--store DIR`".to_owned()
            }
        })
    }
}

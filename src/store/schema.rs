//! The database's shape and version.

use std::io::{ErrorKind, Read as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::error::{StoreError, is_full};

/// The database's name in the store's folder.
pub(crate) const DATABASE: &str = "journal.sqlite";
/// `PRAGMA user_version`.
pub(crate) const VERSION: i64 = 1;
/// `PRAGMA application_id`: `eczf` in ASCII.
const APPLICATION: i64 = 0x6563_7a66;

const TABLES: &str = "
CREATE TABLE plans (
    digest TEXT PRIMARY KEY,
    text   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE runs (
    number   INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    flow     TEXT NOT NULL,
    plan     TEXT NOT NULL REFERENCES plans (digest),
    status   TEXT NOT NULL,
    started  INTEGER NOT NULL,
    finished INTEGER,
    size     INTEGER NOT NULL,
    frontier BLOB NOT NULL,
    last     BLOB NOT NULL,
    covered  INTEGER NOT NULL
) STRICT;
CREATE TABLE records (
    run  INTEGER NOT NULL REFERENCES runs (number),
    seq  INTEGER NOT NULL,
    leaf TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT;
CREATE TABLE payloads (
    run     INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (run, seq),
    FOREIGN KEY (run, seq) REFERENCES records (run, seq)
) STRICT;
CREATE TABLE log_leaves (
    place INTEGER PRIMARY KEY,
    run   TEXT NOT NULL REFERENCES runs (id),
    leaf  TEXT NOT NULL
) STRICT;
CREATE INDEX log_leaves_by_run ON log_leaves (run, place);
CREATE TABLE log_head (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    key        TEXT NOT NULL,
    checkpoint TEXT NOT NULL
) STRICT;
";

/// Refuses a database that a newer eczflow wrote, by the first bytes of its file, before anything in its folder is touched.
/// What these bytes do not tell yet (the write-ahead log may be ahead of them), [`open_writer`] finds out.
pub(crate) fn check_file(path: &Path) -> Result<(), StoreError> {
    // <https://www.sqlite.org/fileformat.html>, section 1.3: the user version at 60, the application at 68.
    let mut header = Vec::with_capacity(72);
    let read = std::fs::File::open(path).and_then(|file| file.take(72).read_to_end(&mut header));
    match read {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(StoreError::unread(path, &error)),
        Ok(_) => {}
    }
    let number = |at: usize| {
        let bytes = header.get(at..)?.first_chunk::<4>()?;
        Some(i64::from(i32::from_be_bytes(*bytes)))
    };
    match (number(68), number(60)) {
        (Some(APPLICATION), Some(found)) if found > VERSION => {
            Err(StoreError::NewerVersion { path: path.to_owned(), found, known: VERSION })
        }
        _ => Ok(()),
    }
}

/// Opens the database to write; `None` besides where it has to be made by [`create`].
pub(crate) fn open_writer(path: &Path) -> Result<(Connection, bool), StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    let new = is_new(&connection).map_err(|error| refused(path, &error))?;
    if !new {
        check_version(&connection, path)?;
    }
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|error| refused(path, &error))?;
    if mode != "wal" {
        return Err(StoreError::NotAStore {
            path: path.to_owned(),
            reason: format!("its file system allows no write-ahead log (journal mode `{mode}`)"),
        });
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        .map_err(|error| refused(path, &error))?;
    Ok((connection, new))
}

/// Opens the database to read, beside a writer or without one.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    match check_version(&connection, path) {
        Err(error @ (StoreError::File { .. } | StoreError::ReadOnly { .. })) if is_settled(path) => {
            // Readers of a write-ahead log make files beside it. Where they may not, and there is no log, the database
            // alone is everything.
            let Some(uri) = immutable(path) else { return Err(error) };
            let connection = open(Path::new(&uri), flags | OpenFlags::SQLITE_OPEN_URI)?;
            check_version(&connection, path).map_err(|_| error)?;
            Ok(connection)
        }
        Err(error) => Err(error),
        Ok(()) => Ok(connection),
    }
}

/// Whether a database has no write-ahead log.
fn is_settled(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(&log).map_or(true, |log| log.len() == 0)
}

/// The database's name as an immutable one; `None` where it is no UTF-8.
fn immutable(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let escaped = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Some(format!("file:{escaped}?immutable=1"))
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::File { path: path.to_owned(), reason: error.to_string() })?;
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .and_then(|()| connection.execute_batch("PRAGMA trusted_schema = OFF;"))
        .map_err(|error| refused(path, &error))?;
    Ok(connection)
}

/// Makes the tables, in the caller's transaction.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)
}

fn is_new(connection: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0 && number(connection, "application_id")? == 0)
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

fn check_version(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let read = |pragma| number(connection, pragma).map_err(|error| refused(path, &error));
    if read("application_id")? != APPLICATION {
        return Err(StoreError::NotAStore {
            path: path.to_owned(),
            reason: "it is a database of another program".to_owned(),
        });
    }
    match read("user_version")? {
        VERSION => Ok(()),
        found if found > VERSION => {
            Err(StoreError::NewerVersion { path: path.to_owned(), found, known: VERSION })
        }
        found => Err(StoreError::NotAStore {
            path: path.to_owned(),
            reason: format!("it has schema version {found}, which no eczflow wrote"),
        }),
    }
}

fn refused(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            StoreError::NotAStore { path: path.to_owned(), reason: "the file is no database".to_owned() }
        }
        _ if is_full(error) => StoreError::Full,
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            StoreError::Mismatch("the database file is damaged".to_owned())
        }
        Some(rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly { path: path.to_owned(), reason: error.to_string() }
        }
        // SQLite's word for a format of files, or a schema, that it cannot make out.
        Some(rusqlite::ErrorCode::Unknown) => {
            StoreError::NotAStore { path: path.to_owned(), reason: error.to_string() }
        }
        _ => StoreError::File { path: path.to_owned(), reason: error.to_string() },
    }
}

//! Stores and the runs in them, as the command line names them.

use std::collections::BTreeMap;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::{CliError, Failure};
use super::output;
use crate::audit::{VerifierKey, add_trusted_log, read_trusted_logs};
use crate::base::{OsRandom, limits};
use crate::config::Config;
use crate::report;
use crate::sandbox::ENVIRONMENT;
use crate::source::{DiskFiles, FileSystem as _, ReadError};
use crate::store::{LogKey, Reader, RunSummary, SqliteStore, Store as _, StoreError, held};

/// Where stores lie that were not named: those of `run --sandbox` and of `sandbox`.
const USUAL_STORES: [&str; 2] = [".eczflow/sandbox", ".eczflow/served/store"];

/// A run as it is named: its id, the beginning of it, or `latest`.
pub(crate) fn find_run(reader: &Reader, named: &str) -> Result<RunSummary, Failure> {
    let runs = reader.runs()?;
    if runs.is_empty() {
        // A run that ended before its first record leaves such a store behind.
        let has_runs = |store: &&str| {
            Reader::open(Path::new(store)).and_then(|other| other.runs()).is_ok_and(|runs| !runs.is_empty())
        };
        return Err(CliError::NoRun { near: USUAL_STORES.into_iter().filter(has_runs).collect() }.into());
    }
    // The latest is the latest that somebody started, not one that another run did.
    let parents = if named == "latest" { reader.parents()? } else { BTreeMap::new() };
    Ok(pick(runs.into_iter().filter(|run| !parents.contains_key(&run.run)).collect(), named)?)
}

/// Opens the store at a folder to read.
pub(crate) fn open(folder: &Utf8Path) -> Result<Reader, Failure> {
    Reader::open(folder.as_std_path()).map_err(|error| match error {
        StoreError::NoStore { .. } => {
            let stands = |store: &&str| *store != folder && Reader::open(Path::new(store)).is_ok();
            CliError::NoStore { error, near: USUAL_STORES.into_iter().filter(stands).collect() }.into()
        }
        error => Failure::from(error),
    })
}

/// Opens the store at a folder to write, or makes it.
pub(crate) fn open_to_write(folder: &Utf8Path, config: &Config) -> Result<SqliteStore, Failure> {
    let key = match &config.log_key {
        Some(path) => LogKey::File(path.clone().into()),
        None => LogKey::InStore,
    };
    Ok(SqliteStore::open(folder.as_std_path(), &key, &OsRandom)?)
}

/// The log of a store without a run yet. Once one has begun, its key is entered among the logs that this user trusts: it
/// is their own.
pub(crate) struct NewLog {
    key: VerifierKey,
    store: Utf8PathBuf,
    trusted: Option<Utf8PathBuf>,
}

impl NewLog {
    /// That of a store, where it has no run. What runs against a sandbox is nobody's to rely on.
    pub(crate) fn of(
        store: &SqliteStore,
        folder: &Utf8Path,
        config: &Config,
    ) -> Result<Option<NewLog>, StoreError> {
        if config.environment == ENVIRONMENT || !store.runs()?.is_empty() {
            return Ok(None);
        }
        let (key, trusted) = (store.log_key(), config.trusted_logs());
        Ok(Some(NewLog { key, store: folder.to_owned(), trusted }))
    }

    /// Enters its key.
    pub(crate) fn enter(&self) {
        match &self.trusted {
            Some(file) => {
                if let Err(reason) = trust(file, &self.key, &self.store) {
                    output::tell(&format!("the store's log key was not entered in `{file}`: {reason}"));
                }
            }
            None => output::tell(
                "the store's log key was entered nowhere: no folder for a configuration is known",
            ),
        }
    }
}

/// The store is in use: what was asked for has to wait for the run that uses it.
pub(crate) fn nobody_holds(folder: &Utf8Path, help: &'static str) -> Result<(), CliError> {
    match held(folder.as_std_path()) {
        Some(error) => Err(CliError::Held { error, help }),
        None => Ok(()),
    }
}

fn trust(file: &Utf8Path, key: &VerifierKey, store: &Utf8Path) -> Result<(), String> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    // Two stores may be made at once: the second to come reads what the first has written.
    let lock = std::fs::File::create(file.with_extension("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let text = match DiskFiles.read(file, limits::CONFIG_BYTES) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?,
        Err(ReadError::Io { kind: std::io::ErrorKind::NotFound, .. }) => String::new(),
        Err(error) => return Err(error.to_string()),
    };
    // What cannot be read is left as it is.
    read_trusted_logs(&text).map_err(|error| error.to_string())?;
    let store = store.canonicalize_utf8().unwrap_or_else(|_| store.to_owned());
    let text = add_trusted_log(&text, key, &format!("store {store}")).map_err(|error| error.to_string())?;
    super::files::replace(file, text.as_bytes()).map_err(|error| error.to_string())
}

fn pick(runs: Vec<RunSummary>, named: &str) -> Result<RunSummary, CliError> {
    let shown = report::harmless_line(named);
    if named == "latest" {
        // Runs come oldest first.
        let last = runs.into_iter().next_back();
        return last.ok_or_else(|| CliError::RunName { reason: "this store has no run yet".into() });
    }
    let mut found: Vec<RunSummary> =
        runs.into_iter().filter(|run| !named.is_empty() && run.run.starts_with(named)).collect();
    if let Some(exact) = found.iter().position(|run| run.run == named) {
        return Ok(found.swap_remove(exact));
    }
    match found.len() {
        1 => Ok(found.swap_remove(0)),
        0 => Err(CliError::RunName { reason: format!("no run of this store begins with `{shown}`") }),
        several => {
            Err(CliError::RunName { reason: format!("{several} runs of this store begin with `{shown}`") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, Timestamp};

    fn run(id: &str) -> RunSummary {
        RunSummary {
            run: id.into(),
            flow: "f".into(),
            plan: Digest::of("p"),
            status: "running".into(),
            started: Timestamp(0),
            finished: None,
            size: 1,
            root: Digest::of("r"),
        }
    }

    #[test]
    fn runs_are_named_by_unique_beginnings_and_as_latest() {
        let runs = || vec![run("abc"), run("abcd"), run("b")];
        let named = |name: &str| pick(runs(), name).map(|run| run.run).map_err(|error| error.to_string());
        assert_eq!(named("b").unwrap(), "b");
        assert_eq!(named("abc").unwrap(), "abc");
        assert_eq!(named("abcd").unwrap(), "abcd");
        assert_eq!(named("latest").unwrap(), "b");
        assert_eq!(named("ab").unwrap_err(), "2 runs of this store begin with `ab`");
        assert_eq!(named("x").unwrap_err(), "no run of this store begins with `x`");
        assert!(named("").is_err());
        assert!(pick(vec![], "latest").is_err());
    }
}

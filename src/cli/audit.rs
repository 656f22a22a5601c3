//! `eczflow audit`.

use std::io::BufReader;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use super::error::{CliError, Failure};
use super::{Exit, Outcome, answers, files, flow, output, runs, storage};
use crate::audit::{Disclosure, Export, Trust, TrustedLog, VerifierKey, read_trusted_logs, write_bundle};
use crate::base::{Clock as _, SystemClock, limits};
use crate::config::Config;
use crate::report::harmless_line;
use crate::source::{DiskFiles, FileSystem as _, ReadError};
use crate::store::{Store as _, StoreError};
use crate::verify::{Report, verify};

const ROOT_EXAMPLES: &str = "\
Examples:
  eczflow audit root latest  64 hex digits: the root of the last run's tree";

const KEY_EXAMPLES: &str = "\
Examples:
  eczflow audit key              the key of this folder's store
  eczflow audit key --store DIR  that of another store

Whoever is to verify a bundle of yours needs it, and needs it from you by another way than the bundle: they \
verify with `eczflow audit verify FILE --log-key KEY`, or add it to their trusted logs. It is public.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  eczflow audit export latest -o refund.audit
      with everything the run has seen: your own copy
  eczflow audit export 3f9c --sealed -o refund.audit
      records only, no payload: to hand on";

const VERIFY_EXAMPLES: &str = "\
Examples:
  eczflow audit verify refund.audit
      a log is known from the trusted-logs file
  eczflow audit verify refund.audit --log-key KEY
      it must be this log
  eczflow audit verify refund.audit --strict
      an unknown log fails
  eczflow audit verify refund.audit --json
      the answers for a program

Trusted logs stand in $XDG_CONFIG_HOME/eczflow/trusted-logs, else ~/.config/eczflow/trusted-logs, or beside \
`--config FILE`: one `KEY  # what you call it` a line.

Needs no network and no store. Ends with 5 where verification failed, or the bundle cannot be read.";

/// Take, export and verify a run's audit log.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a run's audit root.
    #[command(after_help = ROOT_EXAMPLES)]
    Root {
        /// The run's id, the beginning of it, or `latest`.
        #[arg(value_name = "RUN")]
        run: String,
        #[command(flatten)]
        place: runs::Place,
    },
    /// Print the key that others know the store's log by.
    #[command(after_help = KEY_EXAMPLES)]
    Key {
        #[command(flatten)]
        place: runs::Place,
    },
    /// Write a run's log as a bundle that others verify offline.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export {
        /// The run's id, the beginning of it, or `latest`.
        #[arg(value_name = "RUN")]
        run: String,
        /// Where the bundle is written; the file must not exist. `-` for stdout.
        #[arg(short, long, value_name = "FILE")]
        output: Utf8PathBuf,
        /// Show no payload: inputs, requests, answers and messages stay out.
        #[arg(long)]
        sealed: bool,
        #[command(flatten)]
        place: runs::Place,
    },
    /// Verify a bundle offline: whole, whose, complete, legal.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// The bundle.
        #[arg(value_name = "FILE")]
        bundle: Utf8PathBuf,
        /// The one log it must be signed by.
        #[arg(long, value_name = "KEY")]
        log_key: Option<String>,
        /// Fail where the log is not known.
        #[arg(long)]
        strict: bool,
        /// Print one JSON object: failed, whole, whose, complete, legal, and what the bundle is of.
        #[arg(long)]
        json: bool,
        /// The configuration, instead of the user's own: trusted logs are named there and in a file beside it.
        #[arg(long, value_name = "FILE")]
        config: Option<Utf8PathBuf>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Root { run, place } => {
            let run = storage::find_run(&storage::open(&place.folder()?)?, run)?;
            output::data(&format!("{}\n", run.root.hex()))?;
            Ok(Exit::Clean)
        }
        Command::Key { place } => {
            output::data(&format!("{}\n", storage::open(&place.folder()?)?.log_key()))?;
            Ok(Exit::Clean)
        }
        Command::Export { run, output, sealed, place } => export(run, output, *sealed, place),
        Command::Verify { bundle, log_key, strict, json, config } => {
            let (report, file_of_logs) = verified(bundle, log_key.as_deref(), config.as_deref())?;
            output::data(&if *json {
                answers::json(&report, *strict)
            } else {
                answers::text(&report, *strict, file_of_logs.as_deref())
            })?;
            Ok(if report.failed(*strict) { Exit::Unverified } else { Exit::Clean })
        }
    }
}

fn export(named: &str, path: &Utf8Path, sealed: bool, place: &runs::Place) -> Outcome {
    let folder = place.folder()?;
    let export = gather(named, &folder, place)?;
    let disclosure = if sealed { Disclosure::Sealed } else { Disclosure::Full };
    let mut text = Vec::new();
    write_bundle(&export, disclosure, &mut text)?;
    if path == "-" {
        output::bytes(&text)?;
    } else {
        let readers = if sealed { files::Readers::Usual } else { files::Readers::Owner };
        files::create(path, &text, readers)?;
        output::tell(&format!("wrote `{path}`, {} records", export.leaves.len()));
    }
    if !sealed {
        output::tell(
            "it discloses everything this run has sent and received: keep it to yourself, or export with `--sealed`",
        );
    } else {
        output::tell(
            "whoever verifies it knows the log by its key, which `eczflow audit key` prints: hand that over by another way",
        );
    }
    Ok(Exit::Clean)
}

/// Why a log cannot be closed now.
const STILL_GOING: &str = "a run of this store is still going, and `eczflow runs` lists them: export this one when it has ended or paused; `eczflow audit root` says where it stands meanwhile";

/// What the bundle needs. The log of a run that stands still is signed up to its last record first.
fn gather(named: &str, folder: &Utf8Path, place: &runs::Place) -> Result<Export, Failure> {
    let reader = storage::open(folder)?;
    let run = storage::find_run(&reader, named)?.run;
    match reader.export(&run) {
        Err(StoreError::NotCovered(_)) => {}
        answer => return Ok(answer?),
    }
    drop(reader);
    storage::nobody_holds(folder, STILL_GOING)?;
    let config = flow::configuration(place.config.as_deref(), ".".into())?;
    let store = storage::open_to_write(folder, &config)?;
    store.cover(&run, SystemClock.now()).wait()?;
    Ok(store.export(&run)?)
}

/// The answers, and the file that unknown logs can be added to.
fn verified(
    path: &Utf8Path,
    log_key: Option<&str>,
    config: Option<&Utf8Path>,
) -> Result<(Report, Option<Utf8PathBuf>), Failure> {
    let key = log_key.map(read_key).transpose()?;
    let (mut logs, mut file_of_logs) = (Vec::new(), None);
    if key.is_none() {
        let config = flow::configuration(config, ".".into())?;
        (logs, file_of_logs) = (trusted(&config)?, config.trusted_logs());
    }
    let trust = match &key {
        Some(key) => Trust::Key(key),
        None => Trust::Logs(&logs),
    };
    let file = std::fs::File::open(path).map_err(|error| {
        let reason = error.to_string();
        Failure::from(ReadError::Io { path: path.to_owned(), kind: error.kind(), reason })
            .with(Exit::Unverified)
    })?;
    Ok((verify(&mut BufReader::new(file), trust), file_of_logs))
}

fn read_key(text: &str) -> Result<VerifierKey, CliError> {
    text.parse().map_err(|error: crate::audit::NoteError| CliError::LogKey {
        text: harmless_line(text),
        reason: error.to_string(),
    })
}

/// The logs that the configuration and the trusted-logs file name.
fn trusted(config: &Config) -> Result<Vec<TrustedLog>, Failure> {
    let mut logs = Vec::new();
    for text in &config.verify_logs {
        let key = read_key(text)?;
        logs.push(TrustedLog { label: key.name().to_owned(), key });
    }
    if let Some(file) = config.trusted_logs() {
        match DiskFiles.read(&file, limits::CONFIG_BYTES) {
            Ok(bytes) => logs.extend(read_trusted_logs(&String::from_utf8_lossy(&bytes))?),
            Err(ReadError::Io { kind: std::io::ErrorKind::NotFound, .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(logs)
}

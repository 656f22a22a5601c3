//! `eczflow audit`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use super::error::{CliError, Failure};
use super::{Exit, Outcome, files, flow, output, runs, storage};
use crate::audit::{
    Complete, Disclosure, Export, Kind, Record, Trust, TrustedLog, VerifierKey, Whose, read_trusted_logs,
    write_bundle,
};
use crate::base::{Clock as _, SystemClock, limits};
use crate::config::Config;
use crate::plan::Plan;
use crate::report::{harmless_line, statement};
use crate::sandbox::ENVIRONMENT;
use crate::source::{DiskFiles, FileSystem as _, ReadError};
use crate::store::{Store as _, StoreError};
use crate::verify::{Legal, Report, verify};

const ROOT_EXAMPLES: &str = "\
Examples:
  eczflow audit root latest      64 hex digits: the root of the last run's tree";

const KEY_EXAMPLES: &str = "\
Examples:
  eczflow audit key                        the key of this folder's store
  eczflow audit key --store DIR            that of another store

Whoever is to verify a bundle of yours needs it, and needs it from you by another way than the bundle: they verify with
`eczflow audit verify FILE --log-key KEY`, or add it to their trusted logs. It is public.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  eczflow audit export latest -o refund.audit            with everything the run has seen: your own copy
  eczflow audit export 3f9c --sealed -o refund.audit     records only, no payload: to hand on";

const VERIFY_EXAMPLES: &str = "\
Examples:
  eczflow audit verify refund.audit                      a log is known from the trusted-logs file
  eczflow audit verify refund.audit --log-key KEY        it must be this log
  eczflow audit verify refund.audit --strict             an unknown log fails

Trusted logs stand in $XDG_CONFIG_HOME/eczflow/trusted-logs, else ~/.config/eczflow/trusted-logs, or beside `--config FILE`:
one `KEY  # what you call it` a line.

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
        Command::Verify { bundle, log_key, strict, config } => {
            verified(bundle, log_key.as_deref(), *strict, config.as_deref())
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

fn verified(path: &Utf8Path, log_key: Option<&str>, strict: bool, config: Option<&Utf8Path>) -> Outcome {
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
    let report = verify(&mut BufReader::new(file), trust);
    output::data(&answers(&report, file_of_logs.as_deref()))?;
    Ok(if report.failed(strict) { Exit::Unverified } else { Exit::Clean })
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

const NOTE: &str = "\
note: verdicts, times and evidence in a log are its operator's own statements; only a receipt binds the callee.
note: as of 2026 no machine endpoint of the public resolver is shown to be live for API Passports or Agent Credentials.
note: nothing here speaks for a party, a passport or an API; check again before you rely on it.
";

/// The handoffs to parties without a passport: how many, and of which operations. Who has none is the plan's to say; the
/// records' own word stands where it cannot be read.
fn unverified(records: &[Record], plan: Option<&Plan>) -> Option<String> {
    let without = plan.map(|plan| {
        let calls = crate::plan::calls(&plan.flow.body).into_iter();
        let calls = calls
            .filter(|(_, call)| plan.apis.get(&call.api).is_some_and(|api| api.identity.because().is_some()));
        calls.map(|(_, call)| call.operation_name()).collect::<BTreeSet<String>>()
    });
    let counts = |record: &&Record| match (record.kind, &without) {
        (Kind::HandoffVerified | Kind::HandoffUnverified, Some(without)) => {
            record.operation.as_ref().is_some_and(|operation| without.contains(operation))
        }
        (kind, _) => kind == Kind::HandoffUnverified,
    };
    let mut operations: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records.iter().filter(counts) {
        *operations.entry(record.operation.as_deref().unwrap_or("an operation")).or_default() += 1;
    }
    let total: usize = operations.values().sum();
    let listed: Vec<String> = operations
        .iter()
        .map(|(operation, count)| format!("{} ({count})", harmless_line(operation)))
        .collect();
    let plural = if total == 1 { "" } else { "s" };
    (total > 0).then(|| {
        format!("unverified: {total} handoff{plural} to a party without a passport: {}\n", listed.join(", "))
    })
}

/// The statements of counterparties that a plan relies on.
fn stated(plan: &Plan) -> String {
    let apis = plan.joined().apis;
    let stated = apis.iter().filter_map(|(name, api)| Some((name, api.statement.as_ref()?.told()?)));
    stated
        .map(|(name, stated)| {
            format!(
                "stated: of `{}`: {}
",
                harmless_line(name),
                statement(&stated)
            )
        })
        .collect()
}

/// The runs that a run names: its parent, and those of the flows that it called. Their logs are bundles of their own.
fn linked(records: &[Record]) -> String {
    let word = |value: &serde_json::Value, name: &str| {
        harmless_line(value.get(name).and_then(|value| value.as_str()).unwrap_or_default())
    };
    let mut text = String::new();
    for record in records {
        let decision = serde_json::Value::Object(record.decision.clone());
        match record.kind {
            Kind::RunStarted => {
                if let Some(parent) = decision.get("parent") {
                    let (node, run) = (word(parent, "node"), word(parent, "run"));
                    text.push_str(&format!("called by: `{node}` of run {run}\n"));
                }
            }
            Kind::FlowReported => {
                let node = harmless_line(record.node.as_deref().unwrap_or_default());
                let (run, status) = (word(&decision, "run"), word(&decision, "status"));
                let root = word(&decision, "root");
                let root = root.strip_prefix("sha256:").unwrap_or(&root);
                text.push_str(&format!("calls: `{node}`, run {run}, {status}, audit root {root}\n"));
            }
            _ => {}
        }
    }
    text
}

/// The four answers, each on its own line, then what they don't say.
fn answers(report: &Report, trusted_logs: Option<&Utf8Path>) -> String {
    let (answers, bundle) = (&report.answers, report.answers.bundle.as_ref());
    let whole = match (&answers.whole, bundle) {
        (Ok(()), Some(bundle)) => {
            format!("yes, {} records, audit root {}", bundle.records.len(), bundle.trailer.root.hex())
        }
        (Ok(()), None) => "yes".into(),
        (Err(error), _) => format!("NO, {error}"),
    };
    let of_sandbox = bundle.is_some_and(|bundle| bundle.header.environment == ENVIRONMENT);
    let whose = match &answers.whose {
        Whose::Trusted(label) if of_sandbox => format!("a log you trust: {label}; of a run in a sandbox"),
        Whose::Trusted(label) => format!("a log you trust: {label}"),
        Whose::Unknown(key) if of_sandbox => {
            format!("not answered: the log of a sandbox, which nobody relies on, {key}")
        }
        Whose::Unknown(key) => format!("not answered (self-asserted): unknown log {key}"),
        Whose::Refused(error) => format!("NO, {error}"),
        Whose::NotAnswered => "not answered".into(),
    };
    let complete = match &answers.complete {
        Complete::Yes => "yes, from start to finish".into(),
        Complete::Unfinished(last) => format!("so far; the run had not ended, its last record is `{last}`"),
        Complete::Broken(error) => format!("NO, {error}"),
        Complete::NotAnswered => "not answered".into(),
    };
    let legal = match &report.legal {
        Some(Legal::Yes) => "yes, every decision was recomputed".into(),
        Some(Legal::No { seq, why }) => format!("NO, record {seq}: {why}"),
        Some(Legal::StructureOnly { not_recomputed }) => {
            format!(
                "structure only, {not_recomputed} decisions not recomputed: their payload is not disclosed"
            )
        }
        None => "not answered".into(),
    };
    let mut text = String::new();
    for (question, answer) in [("whole", whole), ("whose", whose), ("complete", complete), ("legal", legal)] {
        text.push_str(&format!("{question}: {}\n", harmless_line(&answer)));
        if question == "whose" && !of_sandbox && matches!(answers.whose, Whose::Unknown(_)) {
            let add = trusted_logs.map(|file| format!(", or add it to `{file}`")).unwrap_or_default();
            text.push_str(&format!(
                "  next: ask the log's operator, by another way than this file, for the key that `eczflow audit key` prints; verify with `--log-key KEY`{}\n",
                harmless_line(&add)
            ));
        }
    }
    if let Some(bundle) = bundle {
        let plan: Option<Plan> = serde_json::from_str(&bundle.header.plan).ok();
        if let Some(line) = unverified(&bundle.records, plan.as_ref()) {
            text.push_str(&line);
        }
        text.push_str(&plan.map(|plan| stated(&plan)).unwrap_or_default());
        text.push_str(&linked(&bundle.records));
        text.push_str(&format!("environment: {}\n", harmless_line(&bundle.header.environment)));
    }
    text.push_str(NOTE);
    text
}

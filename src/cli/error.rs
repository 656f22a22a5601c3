//! What ends a command early, and this room's own errors.

use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Exit, manifest, output};
use crate::base::Explained;
use crate::report;
use crate::store::StoreError;
use crate::trust::AgentFault;

/// What ends a command early.
pub(crate) enum Failure {
    /// An error to be drawn; ends with this code.
    Error(Box<dyn Explained>, Exit),
    /// Nobody reads our output any more.
    ClosedPipe,
}

impl Failure {
    /// The same failure under another exit code.
    pub(crate) fn with(self, exit: Exit) -> Failure {
        match self {
            Failure::Error(error, _) => Failure::Error(error, exit),
            Failure::ClosedPipe => Failure::ClosedPipe,
        }
    }

    /// Draws the failure; answers the exit code.
    pub(crate) fn show(self) -> u8 {
        match self {
            Failure::Error(error, exit) => {
                output::tell_raw(&report::error(error.as_ref()));
                exit.code()
            }
            Failure::ClosedPipe => Exit::Clean.code(),
        }
    }
}

impl<E: Explained + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Error(Box::new(error), Exit::Error)
    }
}

/// What to do about a file that was not written.
fn unwritten(path: &Utf8Path, kind: ErrorKind) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    Some(match kind {
        ErrorKind::AlreadyExists => "name a file that does not exist yet, or move the older one away".into(),
        ErrorKind::NotFound => {
            format!("there is no folder `{folder}`: make it, or name a file in another one")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!(
                "the folder `{folder}` must be writable for you: the file is made there whole, then put in its place"
            )
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room on the disk".into(),
        ErrorKind::IsADirectory => format!("`{path}` is a folder: name a file in it"),
        ErrorKind::NotADirectory => format!("`{folder}` is a file, not a folder: name another path"),
        _ => return None,
    })
}

/// What can be wrong with what was asked for on the command line.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// `explain` of something unknown.
    #[error("no code or name `{wanted}`")]
    UnknownTopic {
        /// As written.
        wanted: String,
        /// What may have been meant.
        near: Option<&'static str>,
    },
    /// An input that the flow does not have, is not well written, or is not of its declared type.
    #[error("input `{name}`: {reason}")]
    Input {
        /// The input's name.
        name: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        help: String,
    },
    /// The file of `--inputs`.
    #[error("`{path}` holds no inputs: {reason}")]
    InputsFile {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that could not be written.
    #[error("cannot write `{path}`: {reason}")]
    Write {
        /// The file.
        path: Utf8PathBuf,
        /// The system's words.
        reason: String,
        /// What kind of failure it was.
        kind: ErrorKind,
    },
    /// A run's name that begins several runs, or none.
    #[error("{reason}")]
    RunName {
        /// What is wrong.
        reason: String,
    },
    /// A store without runs.
    #[error("this store has no run yet")]
    NoRun {
        /// Stores that are there and have runs.
        near: Vec<&'static str>,
    },
    /// A plan whose documents are not at hand.
    #[error("documents not at hand: {}", .tried.join(", "))]
    Detached {
        /// The paths that were tried.
        tried: Vec<String>,
        /// Whether the command can do without them.
        optional: bool,
    },
    /// `--stats` or `--failures` in a format of findings.
    #[error("`--stats` and `--failures` show no findings: there is no `{format}` of them")]
    NoFindings {
        /// The format that was asked for.
        format: &'static str,
    },
    /// A statement that no flow could rely on.
    #[error("this cannot be stated: {reason}")]
    Statement {
        /// Why not.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A plan whose handoffs demand receipts.
    #[error("receipts cannot be asked for yet, and a two-sided handoff demands one: {}", .steps.join(", "))]
    TwoSided {
        /// The calls.
        steps: Vec<String>,
    },
    /// `--log-key`, or an entry of `[verify] logs`, that is no key.
    #[error("`{text}` is no log key: {reason}")]
    LogKey {
        /// As written.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// `[rules]` names a rule that does not exist, or lowers one that may not be lowered.
    #[error("`[rules]` {reason}")]
    Rules {
        /// What is wrong.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A plan or a document where a flow is due.
    #[error("`{path}` is {what}, not a flow")]
    NotAFlow {
        /// The file.
        path: Utf8PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// A flow where an OpenAPI document is due.
    #[error("`{path}` is a flow, not an OpenAPI document")]
    NotADocument {
        /// The file.
        path: Utf8PathBuf,
        /// What to do.
        help: &'static str,
    },
    /// Faults were asked for, and no sandbox that could make them.
    #[error("`--fault`, `--revoke`, `--drift` and `--hold` need `--sandbox`")]
    NoSandbox,
    /// No store at the folder.
    #[error("{error}")]
    NoStore {
        /// The store's own words.
        error: StoreError,
        /// Stores that are there.
        near: Vec<&'static str>,
    },
    /// A store in use, where what was asked for is about one of its runs.
    #[error("{error}")]
    Held {
        /// The store's own words.
        error: StoreError,
        /// What to do.
        help: &'static str,
    },
    /// Inputs that the flow needs and nobody gave.
    #[error("inputs are missing: {}", .inputs.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", "))]
    MissingInputs {
        /// Names and types.
        inputs: Vec<(String, String)>,
    },
    /// A run was to go on under a configuration that is not the one it began under.
    #[error("run `{run}` began with {name} `{began}`; this configuration has `{now}`")]
    OtherWorld {
        /// The run.
        run: String,
        /// `the environment` or `the resolver`.
        name: &'static str,
        /// As its first record says.
        began: String,
        /// As the configuration says.
        now: String,
    },
    /// The run of a sandbox that ended with its process.
    #[error("run `{run}` ran in a sandbox of its own, which ended with its process")]
    SandboxEnded {
        /// The run.
        run: String,
    },
    /// A document that could not be fetched.
    #[error("cannot fetch the document: {reason}")]
    Fetch {
        /// What is wrong.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A document outside the folder that is to hold all its files.
    #[error("`{path}` does not lie in `{root}`")]
    Outside {
        /// The document.
        path: Utf8PathBuf,
        /// The folder.
        root: Utf8PathBuf,
    },
    /// An agent manifest that cannot be made.
    #[error("no `ecz-agent.json` can be made: {fault}")]
    Agent {
        /// What is missing or does not fit.
        fault: AgentFault,
    },
    /// A document that says something else than the flow makes now.
    #[error("`{path}` says something else than the flow makes now")]
    Standing {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The runtime could not be started, or the process's signals not be heard.
    #[error("the runtime could not start: {reason}")]
    Runtime {
        /// The system's words.
        reason: String,
    },
}

impl Explained for CliError {
    fn code(&self) -> &'static str {
        match self {
            CliError::UnknownTopic { .. } => "ER1070",
            CliError::Input { .. } | CliError::MissingInputs { .. } => "ER1071",
            CliError::InputsFile { .. } => "ER1072",
            CliError::Write { .. } => "ER1073",
            CliError::RunName { .. } | CliError::NoRun { .. } => "ER1074",
            CliError::Detached { .. } => "ER1075",
            CliError::NoFindings { .. } => "ER1085",
            CliError::Statement { .. } => "ER1113",
            CliError::TwoSided { .. } => "ER1095",
            CliError::LogKey { .. } => "ER1076",
            CliError::Rules { .. } => "ER1077",
            CliError::Runtime { .. } => "ER1078",
            CliError::NoSandbox => "ER1079",
            CliError::OtherWorld { .. } => "ER1080",
            CliError::SandboxEnded { .. } => "ER1081",
            CliError::NoStore { error, .. } | CliError::Held { error, .. } => error.code(),
            CliError::NotAFlow { .. } | CliError::NotADocument { .. } => "ER1082",
            CliError::Fetch { .. } => "ER1083",
            CliError::Outside { .. } => "ER1084",
            CliError::Agent { .. } => "ER1090",
            CliError::Standing { .. } => "ER1091",
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            CliError::UnknownTopic { near: Some(near), .. } => format!("did you mean `{near}`?"),
            CliError::UnknownTopic { near: None, .. } => "`eczflow explain` lists every code".into(),
            CliError::Input { help, .. } | CliError::Rules { help, .. } | CliError::Fetch { help, .. } | CliError::Statement { help, .. } => help.clone(),
            CliError::Outside { .. } => "name with `--root` a folder above the document".into(),
            CliError::Agent { fault: AgentFault::Missing(members) } => {
                let options: Vec<String> =
                    members.iter().map(|member| format!("`{}`", manifest::option(member))).collect();
                format!("only the agent's operator knows these: give {}; later calls take them from the file", options.join(", "))
            }
            CliError::Agent { .. } => "give `--origin https://host[:port]` and a `--jwks-url` below it".into(),
            CliError::Standing { .. } => "look at what differs, then write it anew with `--replace`, or name another folder with `-o DIR`".into(),
            CliError::InputsFile { .. } => "write one JSON object, a member for each input".into(),
            CliError::Write { path, kind, .. } => unwritten(path, *kind)?,
            CliError::RunName { .. } => "`eczflow runs` lists the runs of a store; `--store DIR` names it".into(),
            CliError::Detached { optional: true, .. } => {
                "put the documents where the plan names them, or go on without them with `--allow-detached`".into()
            }
            CliError::Detached { optional: false, .. } => {
                "put the documents where the plan names them: without them this command can't be sure that they are still the plan's".into()
            }
            CliError::LogKey { .. } => {
                "a log key is one word, `NAME+HASH+KEY`, as `eczflow audit verify` and the trusted-logs file show it".into()
            }
            CliError::NoFindings { .. } => "leave `--format` out, or write `--format json`".into(),
            CliError::TwoSided { .. } => {
                "run it with `std.handoff.strict`, which signs the request (E4), until a later version asks for receipts".into()
            }
            CliError::Runtime { .. } => return None,
            CliError::NoStore { error, near } if near.is_empty() => return error.help(),
            CliError::NoRun { near } if near.is_empty() => "run a flow first, or name another store with `--store DIR`".into(),
            CliError::NoStore { near, .. } | CliError::NoRun { near } => {
                let near: Vec<String> = near.iter().map(|store| format!("`--store {store}`")).collect();
                format!("there is one at {}", near.join(" and at "))
            }
            CliError::NotAFlow { help, .. } | CliError::NotADocument { help, .. } | CliError::Held { help, .. } => (*help).into(),
            CliError::MissingInputs { inputs } => {
                let needed: Vec<String> = inputs.iter().map(|(name, ty)| format!("`{name}: {ty}`")).collect();
                format!("the flow needs {}; give each with `--input NAME=VALUE`, or all in a file with `--inputs FILE`", needed.join(", "))
            }
            CliError::OtherWorld { .. } => {
                "name the configuration it began under with `--config FILE`".into()
            }
            CliError::SandboxEnded { .. } => {
                "for runs that outlive their process keep a sandbox running with `eczflow sandbox FLOW`, then use `eczflow run FLOW --config FILE` and `eczflow resume RUN --config FILE` with the FILE it prints".into()
            }
            CliError::NoSandbox => "only a sandbox can be told what to do wrong: add `--sandbox`".into(),
        })
    }
}

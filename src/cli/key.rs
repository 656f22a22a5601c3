//! `eczflow key`.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use super::error::CliError;
use super::{Exit, Outcome, files, output};
use crate::base::{OsRandom, Timestamp, limits};
use crate::config::{ConfigError, new_key, read_key};
use crate::ecz::{EczId, EczIdError, IdempotencyStatement, Kind, Stated};
use crate::plan::{is_reserved, is_token};
use crate::source::{DiskFiles, FileSystem as _};

const EXAMPLES: &str = "\
Examples:
  eczflow key new -o agent.key
      write the private key, print the public one as a JWK

The private key is PKCS #8 PEM, mode 0600. Put the JWK into the key set of the agent's manifest, and the file's \
path into `eczflow.toml`: `[agent.\"ECZ-…\"] key = \"agent.key\"`.";

const STATING: &str = "\
Examples:
  eczflow key state --issuer ECZ-GB-PAYM01 --api ECZ-GB-PAYM01::API-REFD01 \\
      --header Idempotency-Key --operation createRefund \\
      --key issuer.key -o refunds.statement.json

For whoever operates an API: callers may then retry these operations, `idempotency header \"…\" stated by ECZ-… \
in file(\"…\")`. It says that of two requests with the same value of the header only one takes effect. Hand your \
public key, its `x` as `eczflow key new` printed it, to callers by another way than the statement.";

/// Make signing keys, and sign with them.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an Ed25519 key for an agent.
    #[command(after_help = EXAMPLES)]
    New {
        /// Where the private key is written; the file must not exist.
        #[arg(short, long, value_name = "FILE")]
        output: Utf8PathBuf,
    },
    /// Sign a statement that operations of your API honour an idempotency header.
    #[command(after_help = STATING)]
    State {
        /// Who states it: the API's operator, or the API Passport itself.
        #[arg(long, value_name = "ECZ-ID")]
        issuer: EczId,
        /// The API Passport it is about.
        #[arg(long, value_name = "ECZ-ID", value_parser = api_passport)]
        api: EczId,
        /// The header that carries the key.
        #[arg(long, value_name = "NAME")]
        header: String,
        /// An operation it is about, by its `operationId` or as `POST /path`; may be repeated. All where none is named.
        #[arg(long = "operation", value_name = "NAME")]
        operations: Vec<String>,
        /// No run begins later on the strength of it.
        #[arg(long, value_name = "TIME")]
        not_after: Option<Timestamp>,
        /// The private key to sign with.
        #[arg(long, value_name = "FILE")]
        key: Utf8PathBuf,
        /// Where it is written; to standard output where this is not given.
        #[arg(short, long, value_name = "FILE")]
        output: Option<Utf8PathBuf>,
    },
}

fn api_passport(text: &str) -> Result<EczId, String> {
    let id: EczId = text.parse().map_err(|error: EczIdError| error.to_string())?;
    let passport = id.kind() == Kind::Api;
    passport
        .then_some(id)
        .ok_or_else(|| "this is not an API Passport, such as `ECZ-GB-A1B2C3::API-000001`".into())
}

/// Whether a file holds what `key state` may have written: nothing else is replaced, a private key least of all.
fn is_statement(path: &Utf8Path) -> bool {
    let read = || DiskFiles.read(path, limits::STATEMENT_BYTES).ok();
    path.is_file() && read().is_some_and(|bytes| IdempotencyStatement::read(&bytes).is_ok())
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::New { output } => {
            let key = new_key(output, &OsRandom)?;
            output::tell(&format!("wrote `{output}`; signatures carry the keyid `{}`", key.thumbprint));
            output::data(&format!("{}\n", key.jwk))?;
        }
        Command::State { issuer, api, header, operations, not_after, key, output } => {
            if issuer != api && issuer.kind() != Kind::Parent {
                return Err(CliError::Statement {
                    reason: format!("`{issuer}` is neither an operator nor the API Passport"),
                    help: "whoever operates the API states it: its own ECZ-ID, or that of the API Passport"
                        .into(),
                }
                .into());
            }
            if !is_token(header) || is_reserved(header) {
                return Err(CliError::Statement {
                    reason: format!("no key can go into the header `{header}`"),
                    help: "name the header that the API reads its idempotency keys from, mostly `Idempotency-Key`".into(),
                }
                .into());
            }
            let stated = Stated {
                issuer: issuer.clone(),
                api: api.clone(),
                header: header.clone(),
                operations: operations.clone(),
                not_after: *not_after,
            };
            if let Some(path) = output.as_deref().filter(|path| path.exists() && !is_statement(path)) {
                return Err(CliError::Statement {
                    reason: format!("`{path}` is there already and is no statement"),
                    help: "write it to another file: only an older statement is replaced".into(),
                }
                .into());
            }
            let unusable = |_| ConfigError::KeyUnreadable { path: key.clone() };
            let text = stated.sign(&read_key(key)?).map_err(unusable)?;
            if let Err(reason) = IdempotencyStatement::read(text.as_bytes()) {
                return Err(CliError::Statement {
                    reason: format!("no flow could read it: {reason}"),
                    help: "name fewer operations, or none: then it is about all that have an effect".into(),
                }
                .into());
            }
            match output {
                Some(path) => files::replace(path, text.as_bytes())?,
                None => output::data(&text)?,
            }
        }
    }
    Ok(Exit::Clean)
}

//! `eczflow key`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use super::{Exit, Outcome, output};
use crate::base::OsRandom;
use crate::config::new_key;

const EXAMPLES: &str = "\
Examples:
  eczflow key new -o agent.key    write the private key, print the public one as a JWK

The private key is PKCS #8 PEM, mode 0600. Put the JWK into the key set of the agent's manifest, and the file's path
into `eczflow.toml`: `[agent.\"ECZ-…\"] key = \"agent.key\"`.";

/// Make signing keys.
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
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let Command::New { output } = &arguments.command;
    let key = new_key(output, &OsRandom)?;
    output::tell(&format!("wrote `{output}`; signatures carry the keyid `{}`", key.thumbprint));
    output::data(&format!("{}\n", key.jwk))?;
    Ok(Exit::Clean)
}

//! `eczflow pin`.

use camino::Utf8PathBuf;
use clap::Args;

use super::{Exit, Outcome, files, flow, output};
use crate::compile::{PinState, Session};
use crate::source::DiskFiles;

const EXAMPLES: &str = "\
Examples:
  eczflow pin refund.eczflow            write every document's pin into the flow, and eczflow.lock beside it
  eczflow pin --check refund.eczflow    change nothing; end with 1 where something would change";

/// Pin a flow's documents as they are now. The flow's layout is kept.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file.
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
    /// Only say whether pins and lock are as they would be written.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    flow::is_a_flow(&arguments.file)?;
    let pinned = Session::new(&DiskFiles).pin(&arguments.file)?;
    flow::tell(&pinned.source_map, &pinned.diagnostics);
    if pinned.has_errors() {
        return Ok(Exit::Findings);
    }
    for (api, (state, hash)) in &pinned.apis {
        let state = match (state, arguments.check) {
            (PinState::Current, _) => "current",
            (PinState::New, true) => "not pinned",
            (PinState::New, false) => "pinned",
            (PinState::Changed, true) => "pinned to another version",
            (PinState::Changed, false) => "pinned anew",
        };
        output::data(&format!("{api}  {hash}  {state}\n"))?;
    }
    if pinned.current {
        return Ok(Exit::Clean);
    }
    if arguments.check {
        if !pinned.lock_path.exists() {
            output::tell(&format!("there is no lock `{}`", pinned.lock_path));
        }
        output::tell(&format!("pins or lock are not current: `eczflow pin {}` writes them", arguments.file));
        return Ok(Exit::Findings);
    }
    // The lock first: a lock without its pin is a clear finding, a pin without its lock a puzzling one.
    files::replace(&pinned.lock_path, pinned.lock.as_bytes())?;
    if !pinned.edits.is_empty() {
        files::replace(&arguments.file, pinned.text.as_bytes())?;
    }
    Ok(Exit::Clean)
}

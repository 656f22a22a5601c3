//! `eczflow pin`.

mod fetch;
mod update;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::error::CliError;
use super::{Exit, Outcome, files, flow, output};
use crate::compile::{PinState, Pinned, Session};
use crate::diagnostics::codes::retry::UNREADABLE_STATEMENT;
use crate::report::harmless_line;
use crate::source::DiskFiles;

const EXAMPLES: &str = "\
Examples:
  eczflow pin refund.eczflow
      write every document's pin into the flow, and eczflow.lock
  eczflow pin --check refund.eczflow
      change nothing; end with 1 where something would change
  eczflow pin --update refund.eczflow
      say what changed of what the flow uses and what must be proven
      again; pin anew where nothing breaks
  eczflow pin --update --dry-run refund.eczflow
      only say it
  eczflow pin --fetch https://api.example/openapi.json -o apis/api.openapi.json
      download a document once, over https

Where an operation that the flow uses is not as it was pinned, a plain `pin` writes nothing and ends with 1: \
look with `--update --dry-run` first. `--update` ends with 1 where something breaks, and writes nothing then; \
with `--force` it pins all the same, and `eczflow check` will say what no longer holds. `--fetch` follows \
redirects within one origin only, never writes over a file without `--force`, and connects to private addresses \
only where the configuration allows them.";

/// Pin a flow's documents. The flow's layout is kept.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file.
    #[arg(value_name = "FILE", required_unless_present = "fetch", conflicts_with = "fetch")]
    file: Option<Utf8PathBuf>,
    /// Only say whether pins and lock are as they would be written.
    #[arg(long, conflicts_with_all = ["update", "fetch"])]
    check: bool,
    /// Say what changed since the pins were written, and pin anew where nothing breaks.
    #[arg(long, conflicts_with = "fetch")]
    update: bool,
    /// With `--update`: write nothing.
    #[arg(long, requires = "update", conflicts_with = "force")]
    dry_run: bool,
    /// Download an OpenAPI document once, instead of pinning.
    #[arg(long, value_name = "URL", requires = "output")]
    fetch: Option<String>,
    /// With `--fetch`: where the document is written.
    #[arg(short, long, value_name = "FILE", requires = "fetch")]
    output: Option<Utf8PathBuf>,
    /// With `--update`: pin although something breaks. With `--fetch`: replace an older file.
    #[arg(long)]
    force: bool,
    /// With `--fetch`: the configuration, instead of the user's own.
    #[arg(long, value_name = "FILE", requires = "fetch")]
    config: Option<Utf8PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let (Some(url), Some(output)) = (&arguments.fetch, &arguments.output) {
        return fetch::run(url, output, arguments.force, arguments.config.as_deref());
    }
    // Clap asks for it.
    let Some(file) = &arguments.file else { return Ok(Exit::Error) };
    flow::is_a_flow(file)?;
    if arguments.update {
        return update::run(file, arguments.dry_run, arguments.force);
    }
    let pinned = Session::new(&DiskFiles).pin(file)?;
    flow::tell(&pinned.source_map, &pinned.diagnostics);
    if pinned.has_errors() {
        return Ok(Exit::Findings);
    }
    let refused = !pinned.changed.is_empty();
    let writes = !arguments.check && !refused && !pinned.current;
    if writes {
        write(file, &pinned)?;
    }
    for (api, (state, hash)) in &pinned.apis {
        output::data(&format!("{api}  {hash}  {}\n", told(state, writes)))?;
        if let Some((state, digest)) = pinned.statements.get(api) {
            output::data(&format!("{api}, its statement  {digest}  {}\n", told(state, writes)))?;
        }
    }
    // A statement that cannot be read is told above, and was not pinned.
    let unread = pinned.diagnostics.iter().any(|finding| finding.code.number == UNREADABLE_STATEMENT.number);
    if unread {
        return Ok(Exit::Findings);
    }
    if writes || pinned.current {
        return Ok(Exit::Clean);
    }
    if !pinned.lock_path.exists() {
        output::tell(&format!("there is no lock `{}`", pinned.lock_path));
    }
    if refused {
        output::tell(&format!(
            "changed since it was pinned, and this flow uses it: {}",
            harmless_line(&pinned.changed.join(", "))
        ));
        output::tell(&format!(
            "nothing was written: `eczflow pin --update --dry-run {file}` says what changed and what it breaks, \
             `eczflow pin --update {file}` pins anew where nothing breaks, with `--force` all the same"
        ));
    } else {
        output::tell(&format!("pins or lock are not current: `eczflow pin {file}` writes them"));
    }
    Ok(Exit::Findings)
}

fn told(state: &PinState, writes: bool) -> &'static str {
    match (state, writes) {
        (PinState::Current, _) => "current",
        (PinState::Unlocked, false) => "pinned, and not in the lock as it is used",
        (PinState::Unlocked, true) => "locked",
        (PinState::New, false) => "not pinned",
        (PinState::New, true) => "pinned",
        (PinState::Stale, false) => "pinned to another version, of which nothing that this flow uses changed",
        (PinState::Changed, false) => "pinned to another version",
        (PinState::Stale | PinState::Changed, true) => "pinned anew",
    }
}

fn write(file: &Utf8Path, pinned: &Pinned) -> Result<(), CliError> {
    // The lock first: a lock without its pin is a clear finding, a pin without its lock a puzzling one.
    files::replace(&pinned.lock_path, pinned.lock.as_bytes())?;
    if !pinned.edits.is_empty() {
        files::replace(file, pinned.text.as_bytes())?;
    }
    Ok(())
}

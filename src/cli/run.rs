//! `eczflow run`.

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::Args;

use super::conclusion::Place;
use super::error::Failure;
use super::hosted::{Hosting, sandbox_folder};
use super::storage::NewLog;
use super::{Exit, Outcome, flow, inputs, planned, runtime, sandbox, storage};
use crate::config::Config;
use crate::host;
use crate::plan::{Plan, Verified};
use crate::sandbox::Sandbox;

const EXAMPLES: &str = "\
Examples:
  eczflow run refund.eczflow --sandbox --input ticket_id=T1
      against a resolver and counterparties on this machine
  eczflow run refund.eczflow --sandbox --input ticket_id=T1 \\
    --fault payments.createRefund=503x2
      the same, and payments answers 503 twice
  eczflow run refund.plan.json --config FILE --inputs inputs.json
      a compiled plan, with the configuration's resolver and keys

Ctrl-C, or SIGTERM, pauses the run once what is under way has been answered, a second one quits at once; \
`eczflow resume` goes on. Ends with 0 where the run succeeded, 3 where it failed and what has an undo is undone, \
4 where it stands still.";

/// Where a sandbox's runs are kept unless `--store` says otherwise.
const SANDBOX_STORE: &str = ".eczflow/sandbox";

/// Run a flow or a compiled plan.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several, or a plan (`.json`).
    #[arg(value_name = "FLOW|PLAN")]
    flow: flow::FlowName,
    /// An input: the text as it is for a string, JSON for everything else. Goes before the file's of `--inputs`.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// A file with inputs, one JSON object; `--input` goes before what it says.
    #[arg(long, value_name = "FILE")]
    inputs: Option<Utf8PathBuf>,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox")]
    config: Option<Utf8PathBuf>,
    /// The store's folder, instead of the configured one or `.eczflow` (`.eczflow/sandbox` in a sandbox).
    #[arg(long, value_name = "DIR")]
    store: Option<Utf8PathBuf>,
    /// Print one JSON object: run_id, status, outputs, plan_digest, audit_root; where they are, failure, in_doubt, stuck.
    #[arg(long)]
    json: bool,
    /// Run a plan whose documents are not at hand.
    #[arg(long)]
    allow_detached: bool,
    /// Run in a sandbox of its own: resolver and counterparties are made from the documents.
    #[arg(long)]
    sandbox: bool,
    #[command(flatten)]
    faults: sandbox::FaultArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if !arguments.sandbox && arguments.faults.any() {
        return Err(sandbox::without_sandbox());
    }
    let own = flow::configuration(arguments.config.as_deref(), arguments.flow.folder())?;
    let detached =
        if arguments.allow_detached { planned::Detached::Taken } else { planned::Detached::Refused };
    let Some(plan) = planned::load(&arguments.flow, &own, detached)? else {
        return Ok(Exit::Findings);
    };
    let steps = crate::plan::two_sided(&plan);
    if !steps.is_empty() {
        return Err(super::error::CliError::TwoSided { steps }.into());
    }
    let (without, handoffs) = crate::plan::unverified(&plan);
    if let Some(line) = crate::report::unverified(without, handoffs) {
        super::output::tell(&line);
    }
    // Before a sandbox is made for it.
    host::runnable(&plan)?;
    let inputs = inputs::read(&plan, &arguments.input, arguments.inputs.as_deref())?;
    let runtime = runtime::start()?;
    let ended = runtime.block_on(async {
        let (hosting, sandbox) = prepare(arguments, own, &plan).await?;
        let plan = Arc::new(plan);
        let outcome = hosting.drive(|host, pause| async move { host.run(plan, inputs, pause).await }).await;
        if let Some(sandbox) = sandbox {
            sandbox::tell_unseen(&sandbox);
            sandbox.stop().await;
        }
        outcome
    });
    // What a second Ctrl-C left behind is not waited for: everything that counts is in the store.
    runtime.shutdown_background();
    ended
}

/// What the run is driven with, and the sandbox it needs.
async fn prepare(
    arguments: &Arguments,
    own: Config,
    plan: &Verified<Plan>,
) -> Result<(Hosting, Option<Sandbox>), Failure> {
    let json = arguments.json;
    if !arguments.sandbox {
        let folder = own.store_path(arguments.store.as_deref());
        let store = storage::open_to_write(&folder, &own)?;
        let new_log = NewLog::of(&store, &folder, &own)?;
        let place = Place {
            store: (folder != ".eczflow").then_some(folder),
            config: arguments.config.clone(),
            fleeting: false,
        };
        return Ok((Hosting { config: own, store, new_log, json, place }, None));
    }
    let folder = arguments.store.clone().unwrap_or_else(|| SANDBOX_STORE.into());
    // The store first: who holds it may write the sandbox's files beside it.
    let store = storage::open_to_write(&folder, &Config::default())?;
    let files = sandbox_folder(&folder);
    let sandbox = sandbox::start(plan, &arguments.faults, false, None, &files).await?;
    let place = Place { store: Some(folder), config: None, fleeting: true };
    let config = sandbox.config().clone();
    Ok((Hosting { config, store, new_log: None, json, place }, Some(sandbox)))
}

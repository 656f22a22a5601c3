//! `eczflow resume`.

use std::sync::Arc;

use clap::Args;

use super::conclusion::Place;
use super::error::CliError;
use super::hosted::Hosting;
use super::{Outcome, flow, planned, runs, runtime, storage};
use crate::config::Config;
use crate::plan::PlanError;
use crate::report::harmless_line;
use crate::store::Entry;

const EXAMPLES: &str = "\
Examples:
  eczflow resume 3f9c                a run is named by the beginning of its id
  eczflow resume latest --store DIR  the last run of another store

The journal decides what is sent again: what may have had an effect is only repeated where it is safe, \
idempotent or keyed. Ends like `eczflow run`.";

/// Go on with a run that was paused or interrupted.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The run's id, the beginning of it, or `latest`.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    place: runs::Place,
    /// Print one JSON object: run_id, status, outputs, plan_digest, audit_root; where they are, failure, in_doubt, stuck.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let config = flow::configuration(arguments.place.config.as_deref(), ".".into())?;
    let folder = config.store_path(arguments.place.store.as_deref());
    let (run, plan) = {
        let reader = storage::open(&folder)?;
        let run = storage::find_run(&reader, &arguments.run)?;
        let text = reader.plan(&run.plan)?.ok_or_else(|| PlanError::Unreadable {
            reason: format!("the store has no plan `{}`", run.plan),
        })?;
        // What has ended is told as that, whatever the configuration.
        if run.finished.is_none() {
            storage::nobody_holds(&folder, STILL_GOING)?;
            same_world(&run.run, reader.load(&run.run)?.first(), &config)?;
        }
        (run.run, planned::from_store(&text, run.plan)?)
    };
    let place = Place {
        store: (folder != ".eczflow").then(|| folder.clone()),
        config: arguments.place.config.clone(),
        fleeting: false,
    };
    let store = storage::open_to_write(&folder, &config)?;
    let hosting = Hosting { config, store, new_log: None, json: arguments.json, place };
    let runtime = runtime::start()?;
    let ended = runtime
        .block_on(hosting.drive(|host, pause| async move { host.resume(Arc::new(plan), &run, pause).await }));
    runtime.shutdown_background();
    ended
}

/// A store in use is in use by a run: this one, most often.
const STILL_GOING: &str = "a run of this store is still going, and `eczflow runs` lists them: one is resumed once its process has paused or ended";

/// The name under which sandboxes record their runs.
const SANDBOX: &str = "sandbox";

/// A run goes on only where it began: other counterparties know nothing of what was sent, another resolver has other answers.
fn same_world(run: &str, first: Option<&Entry>, config: &Config) -> Result<(), CliError> {
    let began =
        |name: &str| first.and_then(|entry| entry.record.decision.get(name)).and_then(|value| value.as_str());
    for (member, name, now) in [
        ("environment", "the environment", &config.environment),
        ("resolver", "the resolver", &config.resolver.base),
    ] {
        // A run without these facts is refused by the replay.
        let Some(began) = began(member) else { continue };
        if began == now {
            continue;
        }
        return Err(if member == "environment" && began == SANDBOX {
            CliError::SandboxEnded { run: run.to_owned() }
        } else {
            let (began, now) = (harmless_line(began), harmless_line(now));
            CliError::OtherWorld { run: run.to_owned(), name, began, now }
        });
    }
    Ok(())
}

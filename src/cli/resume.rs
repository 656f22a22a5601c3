//! `eczflow resume`.

use std::sync::Arc;

use clap::Args;

use super::conclusion::Place;
use super::hosted::Hosting;
use super::{Outcome, flow, planned, runs, runtime, storage};
use crate::plan::PlanError;

const EXAMPLES: &str = "\
Examples:
  eczflow resume 3f9c                    a run is named by the beginning of its id
  eczflow resume latest --store DIR      the last run of another store

The journal decides what is sent again: what may have had an effect is only repeated where it is safe, idempotent or
keyed. Ends like `eczflow run`.";

/// Go on with a run that was paused or interrupted.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The run's id, the beginning of it, or `latest`.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    place: runs::Place,
    /// Print one JSON object: run_id, status, outputs, plan_digest, audit_root.
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
        (run.run, planned::from_store(&text, run.plan)?)
    };
    let place = Place {
        store: (folder != ".eczflow").then(|| folder.clone()),
        config: arguments.place.config.clone(),
        fleeting: false,
    };
    let store = storage::open_to_write(&folder, &config, config.trusted_logs.as_deref())?;
    let hosting = Hosting { config, store, json: arguments.json, place };
    let runtime = runtime::start()?;
    let ended = runtime
        .block_on(hosting.drive(|host, pause| async move { host.resume(Arc::new(plan), &run, pause).await }));
    runtime.shutdown_background();
    ended
}

//! `eczflow runs`.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::error::Failure;
use super::{Exit, Outcome, flow, output, storage};
use crate::report;
use crate::store::held;

const EXAMPLES: &str = "\
Examples:
  eczflow runs              the runs of this folder's store
  eczflow runs --store DIR  those of another store
  eczflow runs --json       one JSON object a line

A run is `running` while a process drives it, and `interrupted` where that process ended before the run did: \
`eczflow resume RUN` goes on with it.";

/// List the runs of a store, oldest first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Write one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Where runs are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The store's folder, instead of the configured one or `.eczflow`.
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<Utf8PathBuf>,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<Utf8PathBuf>,
}

impl Place {
    /// The store's folder.
    pub(crate) fn folder(&self) -> Result<Utf8PathBuf, Failure> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let config = flow::configuration(self.config.as_deref(), Utf8Path::new("."))?;
        Ok(config.store_path(None))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let folder = arguments.place.folder()?;
    let reader = storage::open(&folder)?;
    let driven = || held(folder.as_std_path()).is_some();
    let before = driven();
    let (mut runs, parents) = (reader.runs()?, reader.parents()?);
    // Whoever drives a run holds the store's lock; before and after, as one may have begun or ended just now.
    if !before && !driven() {
        for run in runs.iter_mut().filter(|run| run.status == "running") {
            run.status = "interrupted".to_owned();
        }
    }
    if arguments.json {
        let lines = runs.iter().map(|run| {
            let mut object = json!({
                "run_id": run.run,
                "flow": run.flow,
                "status": run.status,
                "started": run.started,
                "finished": run.finished,
                "records": run.size,
                "plan_digest": run.plan,
                "audit_root": run.root.hex(),
            });
            if let Some(parent) = parents.get(&run.run) {
                object.as_object_mut().map(|object| object.insert("called_by".into(), json!(parent)));
            }
            format!("{object}\n")
        });
        output::data(&lines.collect::<String>())?;
    } else if runs.is_empty() {
        output::tell("this store has no run yet");
    } else {
        output::data(&report::runs(&runs, &parents))?;
    }
    Ok(Exit::Clean)
}

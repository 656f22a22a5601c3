//! `eczflow egress`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Exit, Outcome, flow, output, planned};
use crate::base::Digest;
use crate::plan::Received;
use crate::report;

const EXAMPLES: &str = "\
Examples:
  eczflow egress refund.eczflow
      for each organisation, which fields of whose it receives
  eczflow egress refund.eczflow --format json
      for other programs: docs/formats/egress.md
  eczflow egress refund.plan.json
      of a plan

The table stands in the plan and is recomputed before each run, so a flow with errors has none. `sent` is in the \
request, `decides` tells that a field above `internal` decides what is sent, or whether. Nobody is asked.";

/// Show which organisation receives which fields of whose.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several; or a plan.
    #[arg(value_name = "FLOW")]
    flow: flow::FlowName,
    /// What is written.
    #[arg(long, value_enum, default_value_t = Style::Table)]
    format: Style,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// A table for each organisation that receives something.
    Table,
    /// `eczflow-egress-1`.
    Json,
}

/// The table for other programs.
#[derive(Serialize)]
struct Egress<'p> {
    format: &'static str,
    flow: &'p str,
    plan_digest: Digest,
    rows: &'p [Received],
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let config = flow::configuration(arguments.config.as_deref(), arguments.flow.folder())?;
    let Some(plan) = planned::load(&arguments.flow, &config, planned::Detached::Never)? else {
        output::tell("there is no table of a flow with errors: it is made from the plan");
        return Ok(Exit::Findings);
    };
    let (flow, plan_digest, rows) = (plan.flow.name.as_str(), plan.digest(), plan.egress.as_slice());
    let text = match arguments.format {
        Style::Table => report::egress(rows),
        Style::Json => output::json_lines(&Egress { format: "eczflow-egress-1", flow, plan_digest, rows })?,
    };
    output::data(&text)?;
    Ok(Exit::Clean)
}

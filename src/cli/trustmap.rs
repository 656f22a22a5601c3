//! `eczflow trustmap`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::{Exit, Outcome, files, flow, output, planned};
use crate::report;
use crate::trust::TrustMap;

const EXAMPLES: &str = "\
Examples:
  eczflow trustmap refund.eczflow
      who hands what to whom, under which policy
  eczflow trustmap refund.eczflow --format svg -o refund.svg
      the same as a picture, light and dark
  eczflow trustmap refund.eczflow --format json
      for other programs: docs/formats/trustmap.md
  eczflow trustmap refund.plan.json
      of a plan

The map is made from the plan, so a flow with errors has none. It shows what documents and flow state, which is \
discovery, never proof; nobody is asked.";

/// Show who takes part in a flow, and every handoff between them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several; or a plan.
    #[arg(value_name = "FLOW")]
    flow: flow::FlowName,
    /// What is written.
    #[arg(long, value_enum, default_value_t = Style::Text)]
    format: Style,
    /// Where it is written; `-` for stdout. An older file there is replaced.
    #[arg(short, long, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// Operators, apis and handoffs, a line each.
    Text,
    /// `eczflow-trustmap-1`.
    Json,
    /// A picture, light and dark.
    Svg,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let config = flow::configuration(arguments.config.as_deref(), arguments.flow.folder())?;
    let Some(plan) = planned::load(&arguments.flow, &config, planned::Detached::Never)? else {
        output::tell("there is no map of a flow with errors: it is made from the plan");
        return Ok(Exit::Findings);
    };
    let map = TrustMap::of(&plan, plan.digest());
    let text = match arguments.format {
        Style::Text => report::trustmap(&map),
        Style::Json => output::json_lines(&map)?,
        Style::Svg => report::trustmap_svg(&map),
    };
    match &arguments.output {
        Some(path) if path != "-" => files::replace(path, text.as_bytes())?,
        _ => output::data(&text)?,
    }
    Ok(Exit::Clean)
}

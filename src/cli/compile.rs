//! `eczflow compile`.

use camino::Utf8PathBuf;
use clap::Args;

use super::error::CliError;
use super::{Exit, Outcome, files, flow, output};

const EXAMPLES: &str = "\
Examples:
  eczflow compile refund.eczflow -o refund.plan.json  write the plan
  eczflow compile refund.eczflow                      only say its digest
  eczflow run refund.plan.json --input ticket_id=T1   run it

The same source and documents make the same bytes, everywhere. A plan names its documents as its flow does: it \
runs beside the flow, or wherever the documents lie in the same places.";

/// Compile a flow to a plan: canonical JSON with its proof, named by its digest.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several.
    #[arg(value_name = "FLOW")]
    flow: flow::FlowName,
    /// Where the plan is written; `-` for stdout. An older plan there is replaced.
    #[arg(short, long, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let config = flow::configuration(arguments.config.as_deref(), arguments.flow.folder())?;
    let Some(plan) = flow::compile(&arguments.flow, &config)? else { return Ok(Exit::Findings) };
    let (without, handoffs) = crate::plan::unverified(&plan);
    if let Some(line) = crate::report::unverified(without, handoffs) {
        output::tell(&line);
    }
    let path = arguments.output.clone().unwrap_or_else(|| "-".into());
    let text = plan.to_file().to_text().map_err(|error| CliError::Write {
        path: path.clone(),
        reason: error.to_string(),
        kind: std::io::ErrorKind::InvalidData,
    })?;
    match &arguments.output {
        Some(path) if path == "-" => output::bytes(text.as_bytes())?,
        Some(path) => {
            files::replace(path, text.as_bytes())?;
            output::data(&format!("{}  {path}\n", plan.digest()))?;
        }
        None => output::data(&format!("{}\n", plan.digest()))?,
    }
    Ok(Exit::Clean)
}

//! `eczflow explain`.

use clap::Args;

use super::error::CliError;
use super::{Exit, Outcome, output};
use crate::report;

const EXAMPLES: &str = "\
Examples:
  eczflow explain                list every code
  eczflow explain EF8003         the page of a finding
  eczflow explain duplicate-key  the same, by name
  eczflow explain ER1001         the page of an operational error
  eczflow explain P3             what an obligation of the proof says";

/// Say what a code means and what to do about it, or what an obligation of the proof says.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A code, a finding's name, or an obligation, `P1` to `P10`. Without one, every code is listed.
    #[arg(value_name = "CODE|NAME")]
    topic: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.topic {
        Some(wanted) if let Some(text) = report::obligation(wanted) => output::data(&text)?,
        Some(wanted) => {
            let page = report::find_page(wanted)
                .map_err(|near| CliError::UnknownTopic { wanted: report::harmless_line(wanted), near })?;
            output::data(page.text)?;
        }
        None => {
            let lines = report::pages().map(|page| format!("{}  {}\n", page.code, page.title()));
            output::data(&lines.collect::<String>())?;
        }
    }
    Ok(Exit::Clean)
}

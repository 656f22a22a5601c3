//! `eczflow check`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::{Exit, Outcome, flow, output};
use crate::report::{self, Format};

const EXAMPLES: &str = "\
Examples:
  eczflow check refund.eczflow                   draw every finding
  eczflow check a.eczflow b.eczflow#refund       several files, and one flow of a file
  eczflow check *.eczflow --format concise       one line a finding, for editors and scripts
  eczflow check refund.eczflow --format json     one JSON object, for programs
  eczflow check *.eczflow --format sarif         one SARIF log, for code scanning
  eczflow check *.eczflow --format github        annotations in a GitHub workflow

Says nothing and ends with 0 where nothing is wrong; ends with 1 where an error was found. Warnings alone end with 0.";

/// Check flows: everything that can be proven before anything runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file; `FILE#flow` checks one flow of it.
    #[arg(required = true, value_name = "FLOW")]
    flows: Vec<flow::FlowName>,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Style::Text)]
    format: Style,
    /// The configuration, instead of the user's own.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// Drawn with the source.
    Text,
    /// One line each.
    Concise,
    /// One JSON object.
    Json,
    /// One SARIF 2.1.0 log.
    Sarif,
    /// Annotations of GitHub Actions, one line each.
    Github,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let format = match arguments.format {
        Style::Text => Format::Text,
        Style::Concise => Format::Concise,
        Style::Json => Format::Json,
        Style::Sarif => Format::Sarif,
        Style::Github => Format::Github,
    };
    let mut failed = false;
    let mut all = Vec::new();
    let mut findings = report::Findings::new(format);
    for name in &arguments.flows {
        let config = flow::configuration(arguments.config.as_deref(), name.folder())?;
        let checked = flow::check(name, &config)?;
        failed |= checked.has_errors();
        output::data(&findings.add(&checked.source_map, &checked.diagnostics))?;
        all.extend(checked.diagnostics);
    }
    output::data(&findings.finish())?;
    if let Some(line) = report::summary(&all) {
        output::tell(&line);
    }
    if format == Format::Text
        && let Some(line) = report::further_reading(&all)
    {
        output::tell(&line);
    }
    Ok(if failed { Exit::Findings } else { Exit::Clean })
}

//! `eczflow check`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::{Exit, Outcome, flow, output};
use crate::config::{ProcessEnvironment, cache};
use crate::report::{self, Format};
use crate::source::Cache;

const EXAMPLES: &str = "\
Examples:
  eczflow check refund.eczflow                   draw every finding
  eczflow check a.eczflow b.eczflow#refund       several files, and one flow of a file
  eczflow check *.eczflow --format concise       one line a finding, for editors and scripts
  eczflow check refund.eczflow --format json     one JSON object

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
    /// Where what is known of large documents is kept, instead of the user's own cache.
    #[arg(long, value_name = "FOLDER")]
    cache: Option<Utf8PathBuf>,
    /// Read every document anew, and keep nothing.
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// Drawn with the source.
    Text,
    /// One line each.
    Concise,
    /// One JSON object a file.
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let format = match arguments.format {
        Style::Text => Format::Text,
        Style::Concise => Format::Concise,
        Style::Json => Format::Json,
    };
    let cache = match arguments.no_cache {
        true => None,
        false => cache(arguments.cache.as_deref(), &ProcessEnvironment),
    };
    let cache = cache.as_ref().map(|cache| -> &dyn Cache { cache });
    let mut failed = false;
    let mut all = Vec::new();
    for name in &arguments.flows {
        let config = flow::configuration(arguments.config.as_deref(), name.folder())?;
        let checked = flow::check(name, &config, cache)?;
        failed |= checked.has_errors();
        output::data(&report::findings(&checked.source_map, &checked.diagnostics, format))?;
        all.extend(checked.diagnostics);
    }
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

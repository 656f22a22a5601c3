//! `eczflow graph`.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::{Exit, Outcome, files, flow, output};
use crate::config::Config;
use crate::graph::Drawing;
use crate::report;

const EXAMPLES: &str = "\
Examples:
  eczflow graph refund.eczflow --format html -o refund.html
      a page: picture, legend, table of handoffs
  eczflow graph refund.eczflow --format svg -o refund.svg
      the picture alone
  eczflow graph refund.eczflow --format mermaid
      a block for Markdown
  eczflow graph refund.eczflow --format dot | dot -Tpng
      for Graphviz

Organisations are lanes, or clusters; an edge on which data goes over to another organisation is marked. In pictures \
and pages every call shows its handoff policy and least evidence, and boxes name the whole text when pointed at. \
Nothing is fetched by a page. Mermaid of a file with several flows is a fenced block for each.";

/// Draw a flow's graph.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several.
    #[arg(value_name = "FLOW")]
    flow: flow::FlowName,
    /// What is written.
    #[arg(long, value_enum, default_value_t = Style::Dot)]
    format: Style,
    /// Where it is written; `-` for stdout. An older file there is replaced.
    #[arg(short, long, value_name = "FILE")]
    output: Option<Utf8PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
    /// A picture, light and dark.
    Svg,
    /// A page with the picture and a table of the handoffs.
    Html,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let checked = flow::check(&arguments.flow, &Config::default())?;
    // A graph is drawn of a flow with findings too, as far as it could be made out.
    let drawings: Vec<Drawing> =
        checked.checked.iter().map(|flow| flow.graph.drawing(&flow.hir, &checked.source_map)).collect();
    let text = match arguments.format {
        Style::Dot => drawings.iter().map(report::dot).collect(),
        Style::Mermaid => match drawings.as_slice() {
            [one] => report::mermaid(one),
            // One block holds one chart.
            several => {
                several.iter().map(|one| format!("```mermaid\n{}```\n", report::mermaid(one))).collect()
            }
        },
        Style::Svg => report::svg(&drawings),
        Style::Html => report::html(&drawings),
    };
    match &arguments.output {
        Some(path) if path != "-" => files::replace(path, text.as_bytes())?,
        _ => output::data(&text)?,
    }
    if checked.has_errors() {
        flow::tell(&checked.source_map, &checked.diagnostics);
        return Ok(Exit::Findings);
    }
    Ok(Exit::Clean)
}

//! `eczflow graph`.

use clap::{Args, ValueEnum};

use super::{Exit, Outcome, flow, output};
use crate::config::Config;
use crate::report;

const EXAMPLES: &str = "\
Examples:
  eczflow graph refund.eczflow --format mermaid            a block for Markdown
  eczflow graph refund.eczflow --format dot | dot -Tsvg    a picture

Operators are clusters; an edge on which data goes over to another organisation is marked as a handoff.";

/// Draw a flow's graph.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The flow's file, `FILE#flow` where it has several.
    #[arg(value_name = "FLOW")]
    flow: flow::FlowName,
    /// For which tool.
    #[arg(long, value_enum, default_value_t = Style::Dot)]
    format: Style,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Style {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let checked = flow::check(&arguments.flow, &Config::default())?;
    // A graph is drawn of a flow with findings too, as far as it could be made out.
    for flow in &checked.checked {
        let drawing = flow.graph.drawing(&flow.hir);
        output::data(&match arguments.format {
            Style::Dot => report::dot(&drawing),
            Style::Mermaid => report::mermaid(&drawing),
        })?;
    }
    if checked.has_errors() {
        flow::tell(&checked.source_map, &checked.diagnostics);
        return Ok(Exit::Findings);
    }
    Ok(Exit::Clean)
}

//! `eczflow operations`.

use camino::Utf8PathBuf;
use clap::Args;

use super::{Exit, Outcome, flow, output};
use crate::base::limits;
use crate::diagnostics::{Diagnostic, Sink, codes};
use crate::documents::{Document, OperationEntry, OperationView};
use crate::report;
use crate::source::{DiskFiles, FileSystem as _, SourceMap};
use crate::types::Contract;

const EXAMPLES: &str = "\
Examples:
  eczflow operations apis/support.openapi.yaml
      every operation, a line each
  eczflow operations apis/support.openapi.yaml ticket get
      those that have both words in their name or path
  eczflow operations apis/support.openapi.yaml getTicket
      one operation whole: arguments, body, answers, and how to call it";

/// List what an OpenAPI document offers, and show how an operation is called.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// An OpenAPI document, YAML or JSON.
    #[arg(value_name = "SPEC")]
    document: Utf8PathBuf,
    /// An operation's name, or words that its name or its method and path have, in any case.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let bytes = DiskFiles.read(&arguments.document, limits::DOCUMENT_BYTES)?;
    flow::is_a_document(&arguments.document, &bytes)?;
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let document = Document::read(bytes, arguments.document.as_str(), &mut sources, &mut sink);
    let Some(document) = document else {
        flow::tell(&sources, &sink.into_sorted());
        return Ok(Exit::Findings);
    };
    let found = find(&document, &arguments.words);
    match found.as_slice() {
        [] => {
            output::tell(&format!(
                "no operation has {} in its name, method or path; `eczflow operations {}` lists all {}",
                arguments.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" and "),
                arguments.document,
                document.operations().len(),
            ));
            Ok(Exit::Findings)
        }
        [only] if !arguments.words.is_empty() => {
            let shown = document.slice(only).and_then(|slice| shown(&slice.text, only));
            match shown {
                Ok(text) => output::data(&text)?,
                Err(finding) => {
                    flow::tell(&sources, &[*finding]);
                    return Ok(Exit::Findings);
                }
            }
            Ok(Exit::Clean)
        }
        several => {
            output::data(&report::operations(several))?;
            Ok(Exit::Clean)
        }
    }
}

/// The operation of exactly this name; else those that have every word.
fn find<'d>(document: &'d Document, words: &[String]) -> Vec<&'d OperationEntry> {
    if let Ok(exact) = document.operation(&words.join(" ")) {
        return vec![exact];
    }
    let has = |entry: &&OperationEntry| {
        let text = format!("{} {} {}", entry.key, entry.method, entry.path).to_lowercase();
        words.iter().all(|word| text.contains(&word.to_lowercase()))
    };
    document.operations().iter().filter(has).collect()
}

fn shown(slice: &str, entry: &OperationEntry) -> Result<String, Box<Diagnostic>> {
    let malformed = |reason: String| {
        Box::new(Diagnostic::new(&codes::documents::MALFORMED_OPERATION, entry.span, reason))
    };
    let view = OperationView::from_slice(slice).map_err(|error| malformed(error.to_string()))?;
    let contract = Contract::from_view(&view).map_err(|error| malformed(error.to_string()))?;
    Ok(report::operation(&view, &contract))
}

//! `eczflow hash`.

use camino::Utf8PathBuf;
use clap::Args;

use super::{Exit, Outcome, flow, output};
use crate::base::limits;
use crate::diagnostics::Sink;
use crate::documents;
use crate::source::{DiskFiles, FileSystem as _, SourceMap};

const EXAMPLES: &str = "\
Examples:
  eczflow hash apis/support.openapi.yaml
      its canonical hash, the value of a pin

JSON and YAML of one document have one hash; it leaves out `info.x-ecz-id.spec_hash`, which would contain \
itself. The profile is `eczflow-c14n-1`.";

/// Hash an OpenAPI document canonically.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// OpenAPI documents, YAML or JSON.
    #[arg(required = true, value_name = "SPEC")]
    documents: Vec<Utf8PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut failed = false;
    for path in &arguments.documents {
        let bytes = DiskFiles.read(path, limits::DOCUMENT_BYTES)?;
        flow::is_a_document(path, &bytes)?;
        let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
        let document = documents::Document::read(bytes, path.as_str(), &mut sources, &mut sink);
        flow::tell(&sources, &sink.into_sorted());
        match document {
            Some(document) => output::data(&format!("{}  {path}\n", document.canonical_hash()))?,
            None => failed = true,
        }
    }
    Ok(if failed { Exit::Findings } else { Exit::Clean })
}

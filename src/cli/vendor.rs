//! `eczflow vendor`.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::error::CliError;
use super::{Exit, Outcome, files, flow, output};
use crate::base::limits;
use crate::diagnostics::Sink;
use crate::documents::{self, Document};
use crate::source::{DiskFiles, FileSystem as _, SourceMap};

const EXAMPLES: &str = "\
Examples:
  eczflow vendor openapi/main.yaml -o apis/shop.openapi.json
      one strict document of all its files
  eczflow vendor openapi/v2/main.yaml --root openapi -o shop.json
      files may lie anywhere below `openapi`

External references become references to components, named after their source. Scalars on which readers disagree \
become strings as they are written, numbers that no double holds too where they are only data; each such change \
is a note in `x-eczflow-vendored`, beside the files' hashes. Nothing is fetched, and nothing outside the folder \
is read.";

/// Write a bundled, strict JSON copy of an OpenAPI document whose author can't be asked to mend it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The document, YAML or JSON.
    #[arg(value_name = "DOC")]
    document: Utf8PathBuf,
    /// Where the copy is written.
    #[arg(short, long, value_name = "FILE")]
    output: Utf8PathBuf,
    /// The folder that holds every file it refers to, instead of its own.
    #[arg(long, value_name = "DIR")]
    root: Option<Utf8PathBuf>,
    /// Replace an older file.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let path = &arguments.output;
    let refuse = |reason: String| {
        let kind = std::io::ErrorKind::AlreadyExists;
        CliError::Write { path: path.clone(), reason, kind }
    };
    if !arguments.force && path.exists() {
        return Err(refuse("it exists already (`--force` replaces it)".into()).into());
    }
    let document = real(&arguments.document)?;
    let own = document.parent().unwrap_or(Utf8Path::new("/"));
    let root = match &arguments.root {
        Some(root) => real(root)?,
        None => own.to_owned(),
    };
    let name = document
        .strip_prefix(&root)
        .map_err(|_| CliError::Outside { path: arguments.document.clone(), root: root.clone() })?;
    let mut read = |name: &str| -> Result<Vec<u8>, String> {
        let path = real(&root.join(name)).map_err(|error| error.to_string())?;
        // Links are followed first: what counts is where the file really lies.
        if !path.starts_with(&root) {
            return Err("it lies outside the folder".into());
        }
        DiskFiles.read_regular(&path, limits::DOCUMENT_BYTES).map_err(|error| error.to_string())
    };
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let made = documents::vendor(name.as_str(), &mut read, &mut sources, &mut sink);
    let read_back = made
        .as_ref()
        .and_then(|made| Document::read(made.text.as_bytes(), "vendored.json", &mut sources, &mut sink));
    flow::tell(&sources, &sink.into_sorted());
    let (Some(made), Some(read_back)) = (made, read_back) else { return Ok(Exit::Findings) };
    files::replace(path, made.text.as_bytes())?;
    output::data(&format!("{}  {path}\n", read_back.canonical_hash()))?;
    let files = made.sources.len();
    output::tell(&format!("made of {files} file{}", if files == 1 { "" } else { "s" }));
    for note in &made.notes {
        output::tell(&format!("note: {}", crate::report::harmless_line(note)));
    }
    Ok(Exit::Clean)
}

/// Where a path really leads.
fn real(path: &Utf8Path) -> Result<Utf8PathBuf, crate::source::ReadError> {
    path.canonicalize_utf8().map_err(|error| crate::source::ReadError::Io {
        path: path.to_owned(),
        kind: error.kind(),
        reason: error.to_string(),
    })
}

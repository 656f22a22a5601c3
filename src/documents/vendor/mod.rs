//! Vendoring: a document with everything it refers to in other files, as one strict JSON document.
//!
//! Pure: files are read through a function of the caller, who decides what lies within reach.

mod bundle;
mod mend;

use serde_json::{Value, json};

use crate::base::Digest;
use crate::diagnostics::Sink;
use crate::source::SourceMap;

/// The format's name, in the member `x-eczflow-vendored` of every vendored document.
pub const VENDORED_FORMAT: &str = "eczflow-vendored-1";

/// The most files of one document.
const MOST_FILES: usize = 256;
/// The most bytes of all files of one document.
const MOST_BYTES: usize = 64 << 20;
/// The most references from file to file, one after the other.
const MOST_HOPS: usize = 64;

/// The most values of the document in one piece, those put in place more than once counted as often.
const MOST_VALUES: usize = 1 << 20;

/// A document in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vendored {
    /// Indented JSON, members sorted, a newline at the end. The same files make the same bytes.
    pub text: String,
    /// The files it was made of, the document first: names relative to the common folder, and SHA-256 of their bytes.
    pub sources: Vec<(String, Digest)>,
    /// What was changed besides references, in words, sorted.
    pub notes: Vec<String>,
}

/// Reads a file by its name relative to the common folder, with `/`; never one outside of it. The error is in words.
pub type ReadSource<'r> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'r;

/// Bundles the document `name` with all files it refers to. `None` exactly where an error was reported.
pub fn vendor(
    name: &str,
    read: &mut ReadSource<'_>,
    sources: &mut SourceMap,
    sink: &mut Sink,
) -> Option<Vendored> {
    let bundled = bundle::bundle(name, read, sources, sink)?;
    let (mut root, mut notes) = (bundled.root, bundled.notes);
    notes.sort();
    notes.dedup();
    let listed: Vec<Value> = bundled
        .sources
        .iter()
        .map(|(name, hash)| json!({ "name": name, "raw_hash": hash.to_string() }))
        .collect();
    let origin = json!({ "format": VENDORED_FORMAT, "sources": listed, "notes": notes });
    root.as_object_mut()?.insert("x-eczflow-vendored".to_owned(), origin);
    root.sort_all_objects();
    // Values and maps of strings always serialise.
    let mut text = serde_json::to_string_pretty(&root).ok()?;
    text.push('\n');
    Some(Vendored { text, sources: bundled.sources, notes })
}

#[cfg(test)]
mod tests;

//! A plan's documents, read from beside its flow.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::SandboxError;
use crate::base::limits;
use crate::diagnostics::Sink;
use crate::documents::Document;
use crate::plan::{Api, Plan};
use crate::source::{FileSystem, SourceMap};

/// Reads the documents of a plan's apis, by api name. `folder` is the flow's: the plan names documents relative to it.
/// A document whose used operations are not those of the plan is refused; other changes in it are not.
pub fn read_documents(
    plan: &Plan,
    folder: &Utf8Path,
    files: &dyn FileSystem,
) -> Result<BTreeMap<String, Document>, SandboxError> {
    let mut documents = BTreeMap::new();
    for (name, api) in &plan.apis {
        let unusable = |reason: String| SandboxError::Document { api: name.clone(), reason };
        let path = folder.join(&api.document);
        let bytes = files.read(&path, limits::DOCUMENT_BYTES).map_err(|error| unusable(error.to_string()))?;
        let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
        let document = Document::read(&bytes, path.as_str(), &mut sources, &mut sink).ok_or_else(|| {
            let first = sink.findings().first().map(|finding| finding.message.clone());
            unusable(first.unwrap_or_else(|| "it cannot be read".into()))
        })?;
        same_operations(api, &document).map_err(unusable)?;
        documents.insert(name.clone(), document);
    }
    Ok(documents)
}

fn same_operations(api: &Api, document: &Document) -> Result<(), String> {
    for (key, slice) in &api.operations {
        let entry = document.operation(key).map_err(|error| error.to_string())?;
        let own = document.slice(entry).map_err(|finding| finding.message.clone())?;
        if own.digest != slice.digest {
            return Err(format!("`{key}` is not the operation that the plan was compiled with"));
        }
    }
    Ok(())
}

//! The plan of a run: compiled from source, read from a plan file, or taken from a store.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::error::{CliError, Failure};
use super::{flow, output};
use crate::base::{Digest, json, limits};
use crate::config::Config;
use crate::diagnostics::Sink;
use crate::documents::{Document, Lock};
use crate::plan::{self, Plan, PlanError, PlanFile, Verified};
use crate::report::harmless_line;
use crate::source::{DiskFiles, FileSystem as _, ReadError, SourceMap};

/// Whether a plan is taken whose documents are not at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detached {
    /// It is.
    Taken,
    /// It is not, and could be.
    Refused,
    /// The command needs them.
    Never,
}

/// The plan that a run is to follow. `None` where findings stand in the way; they were told then.
pub(crate) fn load(
    name: &flow::FlowName,
    config: &Config,
    detached: Detached,
) -> Result<Option<Verified<Plan>>, Failure> {
    if !name.is_plan() {
        return flow::compile(name, config);
    }
    let bytes = DiskFiles.read(&name.file, limits::PLAN_BYTES)?;
    let plan = plan::check_file(PlanFile::read(&bytes)?)?;
    output::tell(&format!("{}: P1 to P10 recomputed from the plan's own content", name.file));
    let folder = name.folder();
    let plan::Held { absent, changed } =
        plan.held_against(&at_hand(&plan, folder)?, lock(folder)?.as_ref())?;
    if !changed.is_empty() {
        output::tell(&format!(
            "documents changed where the plan does not use them: {}",
            changed.iter().map(|name| harmless_line(name)).collect::<Vec<_>>().join(", ")
        ));
    }
    if !absent.is_empty() {
        if detached != Detached::Taken {
            let (apis, optional) = (plan.all_apis(), detached == Detached::Refused);
            let tried = absent.iter().filter_map(|name| apis.iter().find(|(known, _)| known == name));
            let tried = tried.map(|(name, api)| format!("`{name}` at `{}`", folder.join(&api.document)));
            return Err(CliError::Detached { tried: tried.collect(), optional }.into());
        }
        output::tell(&format!("documents not at hand: {}", absent.join(", ")));
    }
    Ok(Some(plan))
}

/// The documents of a plan that lie where it names them. One that lies there and cannot be read as a document is an error.
fn at_hand(plan: &Plan, folder: &Utf8Path) -> Result<BTreeMap<String, Document>, Failure> {
    let mut documents = BTreeMap::new();
    for (name, api) in plan.all_apis() {
        let path = folder.join(&api.document);
        let bytes = match DiskFiles.read_regular(&path, limits::DOCUMENT_BYTES) {
            Ok(bytes) => bytes,
            Err(ReadError::Io { kind: std::io::ErrorKind::NotFound, .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
        match Document::read(bytes, path.as_str(), &mut sources, &mut sink) {
            Some(document) => {
                documents.insert(name.to_owned(), document);
            }
            None => {
                flow::tell(&sources, &sink.into_sorted());
                let reason = format!("the document `{path}` of its api `{name}` cannot be read");
                return Err(PlanError::Unreadable { reason }.into());
            }
        }
    }
    Ok(documents)
}

/// The lock beside a plan, where one lies there. One that cannot be read is an error: it may be what speaks against the plan.
fn lock(folder: &Utf8Path) -> Result<Option<Lock>, Failure> {
    let path = folder.join("eczflow.lock");
    let bytes = match DiskFiles.read_regular(&path, limits::DOCUMENT_BYTES) {
        Ok(bytes) => bytes,
        Err(ReadError::Io { kind: std::io::ErrorKind::NotFound, .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let lock = Lock::read(&bytes).map_err(|error| PlanError::Unreadable { reason: error.to_string() })?;
    Ok(Some(lock))
}

/// A plan's canonical text, as a store keeps it, checked like any plan from outside.
pub(crate) fn from_store(text: &str, digest: Digest) -> Result<Verified<Plan>, PlanError> {
    let unreadable = |reason: String| PlanError::Unreadable { reason };
    let value = json::read_strict(text.as_bytes()).map_err(|error| unreadable(error.to_string()))?;
    let plan: Plan = serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))?;
    plan::check_file(PlanFile { plan, plan_digest: digest })
}

//! A session over a file system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::base::{Digest, Explained as _, limits};
use crate::diagnostics::codes::{graph as codes, identity, names};
use crate::diagnostics::{Diagnostic, Severity, Sink};
use crate::documents::Lock;
use crate::emit::{EmitError, emit};
use crate::graph::{self, Graph};
use crate::hir::{self, Choice, Hir, StandardLibrary};
use crate::plan::{self, Plan, PlanFile, Verified};
use crate::rules::{self, Context, LockState};
use crate::source::{FileSystem, ReadError, SourceMap};
use crate::syntax;

/// The name of the lock, in the folder of the flow's file.
pub(super) const LOCK: &str = "eczflow.lock";

/// Compiles flows of a file system.
pub struct Session<'a> {
    pub(super) files: &'a dyn FileSystem,
    pub(super) standard: StandardLibrary,
}

/// A flow with its graph, as far as they could be made out.
#[derive(Debug)]
pub struct Checked {
    /// The resolved flow.
    pub hir: Arc<Hir>,
    /// Its graph.
    pub graph: Arc<Graph>,
}

/// What came of compiling.
#[derive(Debug)]
pub struct Compilation {
    /// Every text that was read.
    pub source_map: SourceMap,
    /// Findings in order of place.
    pub diagnostics: Vec<Diagnostic>,
    /// The flows that were resolved: the chosen one, or all that were checked. Present with errors too.
    pub checked: Vec<Checked>,
    /// The plan of the one chosen flow, where nothing is wrong.
    pub plan: Option<Verified<Plan>>,
}

impl Compilation {
    /// How many handoffs, undos included, go to a party without a passport; and how many there are.
    pub fn unverified(&self) -> (usize, usize) {
        let calls = || {
            self.checked
                .iter()
                .flat_map(|flow| flow.hir.flow.calls().into_iter().map(move |call| (flow, call)))
        };
        let without = calls().filter(|(flow, (_, _, call, _))| {
            flow.hir.apis.get(&call.api).is_some_and(|api| api.no_passport.is_some())
        });
        // What could not be bound is a handoff all the same.
        let unbound = || {
            self.checked.iter().flat_map(|flow| flow.hir.flow.unbound.iter().map(move |call| (flow, call)))
        };
        let unbound_without = unbound()
            .filter(|(flow, (api, _))| flow.hir.apis.get(api).is_some_and(|api| api.no_passport.is_some()));
        (without.count() + unbound_without.count(), calls().count() + unbound().count())
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl<'a> Session<'a> {
    /// A session with the embedded standard library.
    pub fn new(files: &'a dyn FileSystem) -> Session<'a> {
        Session { files, standard: StandardLibrary::default() }
    }

    /// A session with another standard library; for tests and embedding.
    #[must_use]
    pub fn with_standard(mut self, standard: StandardLibrary) -> Session<'a> {
        self.standard = standard;
        self
    }

    /// Checks every flow of a file, or the named one. Makes no plan.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn check(&self, path: &Utf8Path, flow: Option<&str>) -> Result<Compilation, ReadError> {
        self.run(path, flow.map_or(Choice::Every, Choice::Named), false)
    }

    /// Compiles the one flow of a file, or the named one.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub fn compile(&self, path: &Utf8Path, flow: Option<&str>) -> Result<Compilation, ReadError> {
        self.run(path, flow.map_or(Choice::Only, Choice::Named), true)
    }

    fn run(&self, path: &Utf8Path, choice: Choice<'_>, make_plan: bool) -> Result<Compilation, ReadError> {
        let bytes = self.files.read(path, limits::FLOW_BYTES)?;
        let digest = Digest::of(&bytes);
        let mut source_map = SourceMap::default();
        let mut sink = Sink::default();
        let resolved = self.resolve(path, bytes, choice, &mut source_map, &mut sink);
        let lock = self.lock(path);
        let mut graphs = BTreeMap::new();
        for hir in with_callees(&resolved) {
            let graph = graph::build(&hir.flow, &mut sink);
            let context = Context { hir, graph: &graph, lock: &lock, flow_file: file_name(path) };
            rules::check(&context, &mut sink);
            graphs.insert(hir.flow.name.clone(), Arc::new(graph));
        }
        let graph = |hir: &Arc<Hir>| graphs.get(&hir.flow.name).cloned().unwrap_or_default();
        let checked: Vec<Checked> =
            resolved.into_iter().map(|hir| Checked { graph: graph(&hir), hir }).collect();
        let mut made = None;
        if make_plan
            && !sink.has_errors()
            && let [one] = checked.as_slice()
        {
            let source = plan::Source { file: file_name(path).to_owned(), digest };
            match plan_of(&one.hir, &graphs, source) {
                Ok(plan) => made = Some(plan),
                Err(error) => {
                    let message = format!("`{}` makes no plan: {error}", one.hir.flow.name);
                    sink.push(
                        Diagnostic::new(&codes::TOO_LARGE, one.hir.flow.span, message)
                            .help("split the flow, or write its expressions less deeply"),
                    );
                }
            }
        }
        let mut diagnostics = sink.into_sorted();
        // The policy that is missing is most often the name that nothing uses: one mistake, one finding.
        if diagnostics.iter().any(|found| found.code.number == identity::NO_HANDOFF_POLICY.number) {
            diagnostics.retain(|found| found.code.number != names::UNUSED_NAME.number);
        }
        Ok(Compilation { source_map, diagnostics, checked, plan: made })
    }

    pub(super) fn resolve(
        &self,
        path: &Utf8Path,
        bytes: Vec<u8>,
        flow: Choice<'_>,
        source_map: &mut SourceMap,
        sink: &mut Sink,
    ) -> Vec<Arc<Hir>> {
        let text = syntax::decode(bytes);
        let file = source_map.add(path.as_str(), text.clone());
        let input = hir::Input { files: self.files, standard: &self.standard, path, file, text: &text, flow };
        hir::resolve(&input, source_map, sink)
    }

    pub(super) fn lock(&self, path: &Utf8Path) -> LockState {
        match self.files.read(&lock_path(path), limits::DOCUMENT_BYTES) {
            Ok(bytes) => match Lock::read(&bytes) {
                Ok(lock) => LockState::Read(lock),
                Err(error) => LockState::Unreadable { reason: error.to_string(), help: None },
            },
            Err(ReadError::Io { kind: std::io::ErrorKind::NotFound, .. }) => LockState::Missing,
            Err(error) => LockState::Unreadable { reason: error.to_string(), help: error.help() },
        }
    }
}

/// Flows, and before each the flows that it calls: every flow once.
fn with_callees(flows: &[Arc<Hir>]) -> Vec<&Hir> {
    fn add<'h>(hir: &'h Hir, known: &mut BTreeSet<&'h str>, found: &mut Vec<&'h Hir>) {
        if known.insert(&hir.flow.name) {
            hir.callees.values().for_each(|callee| add(callee, known, found));
            found.push(hir);
        }
    }
    let (mut known, mut found) = (BTreeSet::new(), Vec::new());
    flows.iter().for_each(|hir| add(hir, &mut known, &mut found));
    found
}

pub(super) fn file_name(path: &Utf8Path) -> &str {
    path.file_name().unwrap_or("flow.eczflow")
}

pub(super) fn lock_path(path: &Utf8Path) -> Utf8PathBuf {
    path.with_file_name(LOCK)
}

/// Emits, then takes the way every plan from disk takes: what is emitted can be read back and checked.
fn plan_of(
    hir: &Hir,
    graphs: &BTreeMap<String, Arc<Graph>>,
    source: plan::Source,
) -> Result<Verified<Plan>, EmitError> {
    let plan = emit(hir, graphs, source)?;
    let unreadable = |reason: String| plan::PlanError::Unreadable { reason };
    let file = PlanFile::of(plan).map_err(|error| unreadable(error.to_string()))?;
    let text = file.to_text().map_err(|error| unreadable(error.to_string()))?;
    Ok(plan::check_file(PlanFile::read(text.as_bytes())?)?)
}

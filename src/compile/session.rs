//! A session over a file system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::{allow, fix};
use crate::base::{Digest, Explained as _, limits};
use crate::diagnostics::codes::{graph as codes, names, secrets};
use crate::diagnostics::{Diagnostic, Severity, Sink};
use crate::documents::{Lock, LockError};
use crate::emit::{EmitError, emit};
use crate::expr::Expr;
use crate::graph::{self, Graph};
use crate::hir::{self, Choice, Hir, Resolved, StandardLibrary};
use crate::plan::{self, Plan, PlanFile, Verified};
use crate::rules::{self, Context, LockState, Rule};
use crate::source::{Cache, FileSystem, ReadError, SourceMap, Span};
use crate::syntax;

/// The name of the lock, in the folder of the flow's file.
pub(super) const LOCK: &str = "eczflow.lock";

/// Compiles flows of a file system.
pub struct Session<'a> {
    pub(super) files: &'a dyn FileSystem,
    pub(super) standard: StandardLibrary,
    rules: Vec<&'static Rule>,
    pub(super) cache: Option<&'a dyn Cache>,
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
    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl<'a> Session<'a> {
    /// A session with the embedded standard library.
    pub fn new(files: &'a dyn FileSystem) -> Session<'a> {
        Session {
            files,
            standard: StandardLibrary::default(),
            rules: rules::ALL.iter().collect(),
            cache: None,
        }
    }

    /// A session that remembers large documents.
    #[must_use]
    pub fn with_cache(mut self, cache: &'a dyn Cache) -> Session<'a> {
        self.cache = Some(cache);
        self
    }

    /// A session that runs only some rules; for tests and embedding. It finds less, so it makes no plan.
    #[must_use]
    pub fn with_rules(mut self, keep: impl Fn(&Rule) -> bool) -> Session<'a> {
        self.rules.retain(|rule| keep(rule));
        self
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
        let unused = resolved.unused;
        let lock = self.lock(path, |bytes| Lock::read_for(file_name(path), bytes));
        let flows = with_callees(&resolved.flows);
        let mut graphs: BTreeMap<String, Arc<Graph>> = flows
            .iter()
            .map(|hir| (hir.flow.name.clone(), Arc::new(graph::build(&hir.flow, &mut sink))))
            .collect();
        let mut callers: Vec<&Hir> = with_callees(&resolved.callers);
        callers.retain(|hir| !hir.is_too_large);
        // What is wrong with these is not asked.
        let mut wrong = Sink::default();
        for hir in &callers {
            let name = hir.flow.name.clone();
            graphs.entry(name).or_insert_with(|| Arc::new(graph::build(&hir.flow, &mut wrong)));
        }
        let callers_unknown = resolved.callers_unknown || wrong.has_errors();
        let whole = resolved.whole.is_some();
        // What goes through the flows that a flow calls, once for each call, stays bounded so.
        for hir in flows.iter().filter(|hir| !hir.is_too_large) {
            let Some(graph) = graphs.get(&hir.flow.name) else { continue };
            let flow_file = file_name(path);
            let context = Context {
                hir,
                graph,
                flows: &flows,
                callers: &callers,
                whole,
                graphs: &graphs,
                lock: &lock,
                flow_file,
            };
            rules::check(&self.rules, &context, &mut sink);
        }
        let graph = |hir: &Arc<Hir>| graphs.get(&hir.flow.name).cloned().unwrap_or_default();
        let checked: Vec<Checked> =
            resolved.flows.into_iter().map(|hir| Checked { graph: graph(&hir), hir }).collect();
        let mut diagnostics = allow::silence(&resolved.allows, resolved.whole, sink.into_sorted());
        // What is needless is known of a flow that is whole: to mend the error may need it.
        if callers_unknown || diagnostics.iter().any(|found| found.severity == Severity::Error) {
            let needless = [&secrets::NEEDLESS_RELEASE, &secrets::NEEDLESS_CLEARANCE];
            let of_unused = |found: &Diagnostic| {
                found.code.number == names::UNUSED_NAME.number && unused.contains(&found.span())
            };
            diagnostics.retain(|found| !needless.contains(&found.code) && !of_unused(found));
        }
        told_once(&mut diagnostics);
        fix::take_whole_lines(&source_map, &mut diagnostics);
        let mut made = None;
        if make_plan
            && self.rules.len() == rules::ALL.len()
            && !diagnostics.iter().any(|found| found.severity == Severity::Error)
            && let [one] = checked.as_slice()
        {
            let source = plan::Source { file: file_name(path).to_owned(), digest };
            match plan_of(&one.hir, &graphs, source) {
                Ok(plan) => made = Some(plan),
                Err(error) => {
                    diagnostics.push(too_large(&one.hir, &error));
                }
            }
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
    ) -> Resolved {
        let text = syntax::decode(bytes);
        let file = source_map.add(path.as_str(), text.clone());
        let input = hir::Input {
            files: self.files,
            cache: self.cache,
            standard: &self.standard,
            path,
            file,
            text: &text,
            flow,
        };
        hir::resolve(&input, source_map, sink)
    }

    /// The lock file beside a flow, read whole or only what is about the flow.
    pub(super) fn lock(
        &self,
        path: &Utf8Path,
        read: impl FnOnce(&[u8]) -> Result<Lock, LockError>,
    ) -> LockState {
        match self.files.read_regular(&lock_path(path), limits::DOCUMENT_BYTES) {
            Ok(bytes) => match read(&bytes) {
                Ok(lock) => LockState::Read(lock),
                Err(error) => LockState::Unreadable { reason: error.to_string(), help: None },
            },
            Err(ReadError::Io { kind: std::io::ErrorKind::NotFound, .. }) => LockState::Missing,
            Err(error) => LockState::Unreadable { reason: error.to_string(), help: error.help() },
        }
    }
}

/// Levels of an expression past which a plan is not read back because of it.
const DEEP: usize = 40;

/// A plan that cannot be made, most likely because of the value that nests most.
fn too_large(hir: &Hir, error: &EmitError) -> Diagnostic {
    fn depth(expression: &Expr) -> usize {
        let mut inside = 0;
        plan::each_child(expression, &mut |child| inside = inside.max(depth(child)));
        inside + 1
    }
    let mut deepest = (DEEP, None);
    hir.flow.body.each_node(&mut |node, _| {
        let depth = node.expressions().into_iter().map(depth).max().unwrap_or(0);
        if depth > deepest.0 {
            deepest = (depth, Some(node));
        }
    });
    match deepest.1 {
        Some(node) => {
            let message = format!("{} nests more deeply than a plan can hold", node.shown());
            Diagnostic::new(&codes::TOO_LARGE, node.span, message)
                .help("name a part of it with `let`, or write it flatter")
        }
        None => {
            let message = format!("`{}` is more than a plan can hold", hir.flow.name);
            Diagnostic::new(&codes::TOO_LARGE, hir.flow.span, message)
                .note(error.to_string())
                .help("split the flow")
        }
    }
}

/// One mistake, one finding: what nobody uses or knows is not told where an error says more about that very place.
fn told_once(findings: &mut Vec<Diagnostic>) {
    let mut told: BTreeSet<(Span, &str)> = BTreeSet::new();
    for found in findings.iter().filter(|found| found.severity == Severity::Error) {
        told.extend(found.labels.iter().map(|label| (label.span, found.code.number)));
    }
    let less = [names::UNUSED_NAME.number, names::UNKNOWN_OPERATION.number];
    findings.retain(|found| {
        let number = found.code.number;
        let mut here = told.range((found.span(), "")..).take_while(|(span, _)| *span == found.span());
        !less.contains(&number) || here.all(|(_, other)| *other == number)
    });
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

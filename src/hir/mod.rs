//! Names and types resolved: `use`, the standard library, operators, secrets, apis with their documents, policies by
//! nearness, expressions typed and lowered, calls bound to operations.
//!
//! May import: base, ecz, source, diagnostics, documents, types, expr, plan, syntax. Reads files only through
//! [`crate::source::FileSystem`]. Invariant: whatever could not be resolved was reported, and nothing is reported twice.

mod arguments;
mod authentication;
mod bound;
mod callees;
mod calls;
mod compensation;
mod classes;
mod confidential;
mod declared;
mod described;
mod each;
mod expected;
mod expressions;
mod flow;
mod functions;
mod items;
mod match_arms;
mod matched;
mod misfit;
mod misplaced;
mod model;
mod modules;
mod needs;
mod nodes;
mod operators;
mod pages;
mod placed;
mod parties;
mod policies;
mod reconcile;
mod polls;
mod scope;
mod signal;
mod shown;
mod statement;
mod step;
mod sub_flow;
mod unreadable;
mod unused;
mod weaker;
mod written_types;

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::Utf8Path;

use crate::base::did_you_mean;
use crate::diagnostics::codes::names;
use crate::diagnostics::{Diagnostic, Severity, Sink};
use crate::source::{Cache, FileId, FileSystem, SourceMap, Span};
use crate::syntax::ast;

pub use misfit::misfit;
pub use model::*;
pub use modules::StandardLibrary;
pub use nodes::*;
pub use parties::NoPassport;
pub use policies::{Handoff, NamedRetry};
pub use shown::span_of;
pub use statement::Statement;
pub use weaker::Weaker;

/// What a flow is resolved from.
pub struct Input<'a> {
    /// Where files are read.
    pub files: &'a dyn FileSystem,
    /// What is remembered of documents.
    pub cache: Option<&'a dyn Cache>,
    /// The standard library.
    pub standard: &'a StandardLibrary,
    /// The flow's file, as asked for.
    pub path: &'a Utf8Path,
    /// Its id in the source map.
    pub file: FileId,
    /// Its text.
    pub text: &'a str,
    /// Which flows of the file.
    pub flow: Choice<'a>,
}

/// Which flows of a file are meant.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// The one flow of the file, or the one that no other calls.
    Only,
    /// The flow of a name.
    Named(&'a str),
    /// Every flow: to check a whole file, or to pin it.
    Every,
}

/// What came of resolving.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The chosen flows; none where the text could not be read as a flow.
    pub flows: Vec<Arc<Hir>>,
    /// Flows of the file that were not chosen and call a chosen one, where it matters: what releases it needs hangs on them.
    pub callers: Vec<Arc<Hir>>,
    /// Whether one of these could not be read: what they need is not known then.
    pub callers_unknown: bool,
    /// What silences warnings, of the flow's own file and of those it uses.
    pub allows: Vec<ast::Allow>,
    /// The flow's own file, where every flow of it was chosen: what nothing needs is then known.
    pub whole: Option<FileId>,
    /// Declarations outside a flow that nothing used, by the places of their names.
    pub unused: BTreeSet<Span>,
}

/// Resolves the chosen flows, each with those that it calls. What is wrong was reported.
pub fn resolve(input: &Input<'_>, map: &mut SourceMap, sink: &mut Sink) -> Resolved {
    let modules = modules::load(input.files, input.standard, map, sink, input.path, input.file, input.text);
    if sink
        .findings()
        .iter()
        .any(|finding| finding.severity == Severity::Error && finding.code.number < "EF1")
    {
        // Names that a broken declaration would have declared must not be reported as missing.
        return Resolved::default();
    }
    let Some(root) = modules.get(modules.root) else { return Resolved::default() };
    let flows: Vec<&ast::Flow> = root
        .ast
        .items
        .iter()
        .filter_map(|item| match item {
            ast::Item::Flow(flow) => Some(flow),
            _ => None,
        })
        .collect();
    let normal = modules::normalise(input.path);
    let folder = normal.parent().unwrap_or(Utf8Path::new(""));
    let mut reader =
        items::Reader { files: input.files, cache: input.cache, map, folder, read: Default::default() };
    let declares = |item: &ast::Item| matches!(item, ast::Item::Type(_) | ast::Item::Function(_));
    if flows.is_empty() && root.ast.items.iter().any(declares) {
        let apis = items::apis(&modules, &mut reader, sink);
        let mut declared = declared::Declared::new(&modules, &apis);
        declared.all(sink);
        let _ = declared.bodies(sink);
    }
    let mut resolved = Resolved { allows: modules.allows(), ..Resolved::default() };
    let Some(chosen) = choose(&flows, input.flow, root.ast.span, sink) else { return resolved };
    let mut lower = |flow, callees, sink: &mut Sink| {
        // Declarations are resolved once a flow; what is found twice is told once.
        let operators = items::operators(&modules, sink);
        let secrets = items::secrets(&modules, sink);
        let mut apis = items::apis(&modules, &mut reader, sink);
        classes::clear_apis(&modules, &mut apis, &operators, sink);
        let language = root.ast.version.as_ref().map_or(1, |version| version.value);
        let mut declared = declared::Declared::new(&modules, &apis);
        declared.all(sink);
        let flow = flow::flow(&mut declared, &operators, &callees, flow, input.text, sink);
        let functions = declared.bodies(sink);
        let (types, schemas) = (declared.type_names(), declared.schemas);
        Hir {
            language,
            operators,
            secrets,
            apis,
            functions,
            types,
            schemas,
            flow,
            callees,
            is_too_large: false,
        }
    };
    let mut known = callees::Callees::new(&flows);
    for flow in chosen {
        resolved.flows.push(known.resolve(flow, sink, &mut lower));
    }
    let releases = |hir: &Arc<Hir>| hir.with_callees().iter().any(|hir| !hir.flow.releases.is_empty());
    if resolved.flows.iter().any(releases) {
        let chosen = resolved.flows.iter().map(|hir| hir.flow.name.as_str()).collect();
        // What is wrong with them is not asked.
        let mut wrong = Sink::default();
        let callers = callees::callers(&flows, chosen);
        resolved.callers =
            callers.into_iter().map(|flow| known.resolve(flow, &mut wrong, &mut lower)).collect();
        resolved.callers_unknown = wrong.has_errors();
    }
    // A name may be needed by a flow that was not chosen.
    if resolved.flows.len() == flows.len() {
        resolved.whole = Some(input.file);
        resolved.unused = modules.report_unused(sink);
    }
    resolved
}

fn choose<'f>(
    flows: &[&'f ast::Flow],
    choice: Choice<'_>,
    file: Span,
    sink: &mut Sink,
) -> Option<Vec<&'f ast::Flow>> {
    let start = Span::new(file.file, file.start, file.start);
    match (choice, flows) {
        // A file of policies is checked for what it declares.
        (Choice::Every, []) => None,
        (_, []) => {
            let finding = Diagnostic::new(&names::NO_SUCH_FLOW, start, "this file has no flow");
            sink.push(finding.help("write one, `flow NAME(INPUT: TYPE) { … }`; a file without one can be checked and used, not run"));
            None
        }
        (Choice::Every, _) => Some(flows.to_vec()),
        (Choice::Only, [flow]) => Some(vec![*flow]),
        (Choice::Only, [first, ..]) => {
            // The flow that the others are there for.
            let outermost: Vec<&ast::Flow> =
                flows.iter().copied().filter(|flow| !callees::is_called(flow, flows)).collect();
            if outermost.len() == 1 {
                return Some(outermost);
            }
            let known: Vec<&str> = flows.iter().map(|flow| flow.name.text.as_str()).collect();
            let message = format!("this file has {} flows: `{}`", flows.len(), known.join("`, `"));
            sink.push(
                Diagnostic::new(&names::NO_SUCH_FLOW, first.name.span, message)
                    .help(format!("choose one: `FILE#{}`", first.name.text)),
            );
            None
        }
        (Choice::Named(wanted), _) => {
            let found = flows.iter().find(|flow| flow.name.text == wanted);
            if found.is_none() {
                let known: Vec<&str> = flows.iter().map(|flow| flow.name.text.as_str()).collect();
                let message = format!("this file has no flow `{wanted}`");
                let diagnostic = Diagnostic::new(&names::NO_SUCH_FLOW, start, message);
                sink.push(match did_you_mean(wanted, known.iter().copied()) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help(format!("it has `{}`", known.join("`, `"))),
                });
            }
            found.map(|flow| vec![*flow])
        }
    }
}

//! Files and how they use each other: loading, `use`, the embedded standard library, look-up of declarations.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::unreadable::unreadable;
use crate::base::{did_you_mean, limits};
use crate::diagnostics::codes::{graph, names};
use crate::diagnostics::{Diagnostic, Sink};
use crate::source::{FileId, FileSystem, SourceMap, Span};
use crate::syntax::{self, ast};

/// Files of one compilation, the standard library included.
const FILES: usize = 64;

/// The standard library: parts by name (`retry`), written in the language itself.
#[derive(Debug, Clone)]
pub struct StandardLibrary(BTreeMap<String, String>);

impl Default for StandardLibrary {
    fn default() -> StandardLibrary {
        let parts = [
            ("retry", include_str!("../../stdlib/retry.eczflow")),
            ("breaker", include_str!("../../stdlib/breaker.eczflow")),
            ("handoff", include_str!("../../stdlib/handoff.eczflow")),
        ];
        StandardLibrary(parts.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
    }
}

impl StandardLibrary {
    /// The embedded library with one part replaced; for tests and embedding.
    #[must_use]
    pub fn with(mut self, part: &str, text: impl Into<String>) -> StandardLibrary {
        self.0.insert(part.to_owned(), text.into());
        self
    }

    /// The text of a part.
    pub fn part(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// One parsed file.
pub(crate) struct Module {
    /// `std.retry`, or the path.
    pub(crate) name: String,
    pub(crate) ast: ast::File,
    declared: BTreeMap<String, usize>,
    pub(super) imports: BTreeMap<String, Import>,
    /// Used names that lead nowhere, which was reported where they are used from another file.
    broken: BTreeSet<String>,
    /// Those of them that the other file declares nothing like.
    lost: BTreeSet<String>,
    pub(super) used: RefCell<BTreeSet<String>>,
}

pub(super) struct Import {
    module: usize,
    pub(super) name: ast::Name,
}

/// A declaration that a name leads to, and the file it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Found<'m> {
    pub(crate) module: usize,
    pub(crate) item: &'m ast::Item,
}

/// All files of a compilation. The flow's own file comes last.
pub(crate) struct Modules {
    list: Vec<Module>,
    standard: BTreeMap<String, usize>,
    /// The flow's own file.
    pub(crate) root: usize,
}

/// What every declaration of an item is called.
pub(crate) fn declared_name(item: &ast::Item) -> Option<&ast::Name> {
    match item {
        ast::Item::Use(_) | ast::Item::Classify(_) => None,
        ast::Item::Operator(item) => Some(&item.name),
        ast::Item::Secret(item) => Some(&item.name),
        ast::Item::Api(item) => Some(&item.name),
        ast::Item::Retry(item) => Some(&item.name),
        ast::Item::Breaker(item) => Some(&item.name),
        ast::Item::Handoff(item) => Some(&item.name),
        ast::Item::Type(item) => Some(&item.name),
        ast::Item::Function(item) => Some(&item.name),
        ast::Item::Flow(item) => Some(&item.name),
        ast::Item::Broken(item) => item.name.as_ref(),
    }
}

/// The kind of an item, in words.
pub(crate) fn kind(item: &ast::Item) -> &'static str {
    match item {
        ast::Item::Use(_) => "a use",
        ast::Item::Classify(_) => "a classification",
        ast::Item::Operator(_) => "an operator",
        ast::Item::Secret(_) => "a secret",
        ast::Item::Api(_) => "an api",
        ast::Item::Retry(_) => "a retry policy",
        ast::Item::Breaker(_) => "a breaker",
        ast::Item::Handoff(_) => "a handoff policy",
        ast::Item::Type(_) => "a type",
        ast::Item::Function(_) => "a function",
        ast::Item::Flow(_) => "a flow",
        ast::Item::Broken(_) => "something unreadable",
    }
}

struct Loader<'a> {
    files: &'a dyn FileSystem,
    map: &'a mut SourceMap,
    sink: &'a mut Sink,
    modules: Modules,
    by_path: BTreeMap<Utf8PathBuf, usize>,
    /// The files being loaded, outermost first: meeting one again is a circle.
    open: Vec<Utf8PathBuf>,
}

/// Loads a flow's file and everything it uses. `None` where the file itself is not text; what is wrong was reported.
pub(crate) fn load(
    files: &dyn FileSystem,
    standard: &StandardLibrary,
    map: &mut SourceMap,
    sink: &mut Sink,
    path: &Utf8Path,
    root: FileId,
    text: &str,
) -> Modules {
    let modules = Modules { list: Vec::new(), standard: BTreeMap::new(), root: 0 };
    let mut loader = Loader { files, map, sink, modules, by_path: BTreeMap::new(), open: Vec::new() };
    for (part, text) in &standard.0 {
        let name = format!("std.{part}");
        let file = loader.map.add(name.clone(), text.clone());
        let index = loader.module(file, name, text, None);
        loader.modules.standard.insert(part.clone(), index);
    }
    let path = normalise(path);
    loader.open.push(path.clone());
    let index = loader.module(root, path.to_string(), text, path.parent());
    loader.modules.root = index;
    loader.modules
}

/// A path without `.` and, where possible, without `..`.
pub(crate) fn normalise(path: &Utf8Path) -> Utf8PathBuf {
    let mut result = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if result.file_name().is_some() => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

impl Loader<'_> {
    /// Parses a file, follows its `use`s, and gives its index.
    fn module(&mut self, file: FileId, name: String, text: &str, folder: Option<&Utf8Path>) -> usize {
        let ast = syntax::parse(text, file, self.sink);
        let mut declared: BTreeMap<String, usize> = BTreeMap::new();
        for (at, item) in ast.items.iter().enumerate() {
            let Some(name) = declared_name(item) else { continue };
            if let Some(first) = declared.get(&name.text).and_then(|first| ast.items.get(*first)) {
                let first = declared_name(first).map_or(name.span, |name| name.span);
                self.sink.push(duplicate(name, first));
            } else {
                declared.insert(name.text.clone(), at);
            }
        }
        let mut imports: BTreeMap<String, Import> = BTreeMap::new();
        let (mut broken, mut lost) = (BTreeSet::new(), BTreeSet::new());
        for item in &ast.items {
            let ast::Item::Use(item) = item else { continue };
            let Some(module) = self.source(&item.source, folder) else {
                broken.extend(item.names.iter().map(|name| name.text.clone()));
                continue;
            };
            for name in &item.names {
                let own = declared.get(&name.text).and_then(|at| ast.items.get(*at)).and_then(declared_name);
                let earlier = imports.get(&name.text).map(|import| import.name.span);
                if let Some(own) = own.filter(|own| own.span.start > name.span.start) {
                    self.sink.push(duplicate(own, name.span));
                    continue;
                }
                if let Some(first) = own.map(|own| own.span).or(earlier) {
                    self.sink.push(duplicate(name, first));
                    continue;
                }
                if !self.check_import(module, name, &mut lost) {
                    broken.insert(name.text.clone());
                    continue;
                }
                imports.insert(name.text.clone(), Import { module, name: name.clone() });
            }
        }
        self.modules.list.push(Module {
            name,
            ast,
            declared,
            imports,
            broken,
            lost,
            used: RefCell::default(),
        });
        self.modules.list.len() - 1
    }

    /// Whether a used name is one that can be used; if not, that is reported.
    fn check_import(&mut self, module: usize, name: &ast::Name, lost: &mut BTreeSet<String>) -> bool {
        let Some(source) = self.modules.list.get(module) else { return false };
        match source.declared.get(&name.text).and_then(|at| source.ast.items.get(*at)) {
            Some(item @ (ast::Item::Api(_) | ast::Item::Secret(_) | ast::Item::Flow(_))) => {
                let message =
                    format!("`{}` is {}, which cannot be used from another file", name.text, kind(item));
                self.sink.push(
                    Diagnostic::new(&names::WRONG_KIND, name.span, message)
                        .help("declare it in this file; operators, policies, types and functions can be used from others"),
                );
            }
            Some(_) => return true,
            None => {
                let words = source.declared.keys().map(String::as_str);
                let message = format!("`{}` declares no `{}`", source.name, name.text);
                let near = did_you_mean(&name.text, words);
                if near.is_none() {
                    lost.insert(name.text.clone());
                }
                self.sink.push(unknown(name, message, near));
            }
        }
        false
    }

    fn source(&mut self, source: &ast::UseSource, folder: Option<&Utf8Path>) -> Option<usize> {
        match source {
            ast::UseSource::Standard(path) => {
                let words: Vec<&str> = path.segments.iter().map(|segment| segment.text.as_str()).collect();
                let part = match words.as_slice() {
                    ["std", part] => *part,
                    _ => "",
                };
                let found = self.modules.standard.get(part).copied();
                if found.is_none() {
                    let parts: Vec<&str> = self.modules.standard.keys().map(String::as_str).collect();
                    let message = format!("the standard library has no part `{}`", path.text());
                    let mut diagnostic = Diagnostic::new(&names::UNREADABLE_USE, path.span, message);
                    diagnostic = match did_you_mean(part, parts.iter().copied()) {
                        Some(near) => {
                            let (whole, near) = (path.text(), format!("std.{near}"));
                            diagnostic.meant(path.span, &whole, &near, Some(near.clone()))
                        }
                        None => diagnostic.help(format!("its parts are `std.{}`", parts.join("`, `std."))),
                    };
                    self.sink.push(diagnostic);
                }
                found
            }
            ast::UseSource::File(text) => self.file(text, folder),
        }
    }

    fn file(&mut self, text: &ast::Text, folder: Option<&Utf8Path>) -> Option<usize> {
        let written = Utf8Path::new(&text.value);
        let Some(folder) = folder.filter(|_| !written.is_absolute()) else {
            let message = format!("`{}` is not a path relative to this file", text.value);
            self.sink.push(
                Diagnostic::new(&names::UNREADABLE_USE, text.span, message)
                    .help("write a relative path, such as `./policies.eczflow`"),
            );
            return None;
        };
        let path = normalise(&folder.join(written));
        if let Some(start) = self.open.iter().position(|open| *open == path) {
            let circle: Vec<&str> = self.open.iter().skip(start).map(|path| path.as_str()).collect();
            let message = format!("`{path}` uses itself in a circle");
            self.sink.push(
                Diagnostic::new(&graph::USE_CYCLE, text.span, message)
                    .note(format!("the circle: {} -> {path}", circle.join(" -> ")))
                    .help("move what both files need into a third one"),
            );
            return None;
        }
        if let Some(index) = self.by_path.get(&path) {
            return Some(*index);
        }
        if self.modules.list.len() >= FILES {
            let message = format!("more than {FILES} files use each other");
            self.sink.push(
                Diagnostic::new(&names::UNREADABLE_USE, text.span, message)
                    .help("put what they declare into fewer files"),
            );
            return None;
        }
        let bytes = match self.files.read_regular(&path, limits::FLOW_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.sink.push(unreadable(&names::UNREADABLE_USE, text, &error));
                return None;
            }
        };
        let Ok(content) = String::from_utf8(bytes) else {
            let message = format!("`{path}` is not UTF-8 text");
            let finding = Diagnostic::new(&names::UNREADABLE_USE, text.span, message);
            self.sink.push(finding.help("save the file as UTF-8"));
            return None;
        };
        let file = self.map.add(path.as_str(), content.clone());
        self.open.push(path.clone());
        let index = self.module(file, path.to_string(), &content, path.parent());
        self.open.pop();
        self.by_path.insert(path, index);
        Some(index)
    }
}

pub(crate) fn duplicate(name: &ast::Name, first: Span) -> Diagnostic {
    Diagnostic::new(&names::DUPLICATE_NAME, name.span, format!("`{}` is declared twice", name.text))
        .and(first, "first declared here")
        .help("a name stands for one thing: give one of them another name")
}

/// As [`duplicate`] for parts of one list: arguments, members.
pub(crate) fn given_twice(name: &ast::Name, first: Span) -> Diagnostic {
    Diagnostic::new(&names::DUPLICATE_NAME, name.span, format!("`{}` is given twice", name.text))
        .and(first, "first given here")
        .help("keep one of the two")
}

pub(crate) fn unknown(name: &ast::Name, message: String, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(&names::UNKNOWN_NAME, name.span, message);
    match near {
        Some(near) => diagnostic.meant(name.span, &name.text, near, Some(near.to_owned())),
        None => diagnostic,
    }
}

impl Modules {
    pub(crate) fn get(&self, index: usize) -> Option<&Module> {
        self.list.get(index)
    }

    /// The declaration that a one-word name leads to from a file; it counts as needed from now on.
    pub(crate) fn find(&self, from: usize, name: &str) -> Option<Found<'_>> {
        self.list.get(from)?.used.borrow_mut().insert(name.to_owned());
        self.peek(from, name)
    }

    /// As [`Modules::find`], without counting as a need.
    pub(crate) fn peek(&self, from: usize, name: &str) -> Option<Found<'_>> {
        let module = self.list.get(from)?;
        let (index, module) = match module.imports.get(name) {
            Some(import) => (import.module, self.list.get(import.module)?),
            None => (from, module),
        };
        let item = module.ast.items.get(*module.declared.get(name)?)?;
        Some(Found { module: index, item })
    }

    /// The declaration that a dotted name leads to.
    pub(crate) fn find_path(&self, from: usize, path: &ast::Path) -> Option<Found<'_>> {
        let words: Vec<&str> = path.segments.iter().map(|segment| segment.text.as_str()).collect();
        match words.as_slice() {
            ["std", part, name] => self.find(*self.standard.get(*part)?, name),
            [name] => self.find(from, name),
            _ => None,
        }
    }

    /// Reports a name that leads nowhere, unless that was reported already at a `use`.
    pub(crate) fn unknown(&self, from: usize, name: &ast::Name, wanted: &str, sink: &mut Sink) {
        if self.is_broken(from, &name.text) {
            return;
        }
        let candidates = self.candidates(from, wanted);
        let near = did_you_mean(&name.text, candidates.iter().map(String::as_str));
        // What may have been meant is not called needless.
        if let (Some(near), Some(module)) = (near, self.list.get(from)) {
            module.used.borrow_mut().insert(near.to_owned());
        }
        let noun = wanted.split_once(' ').map_or(wanted, |(_, noun)| noun);
        let found = unknown(name, format!("no {noun} `{}` here", name.text), near);
        sink.push(match (near, self.standard_name(&name.text, wanted), candidates.as_slice()) {
            (Some(_), ..) => found,
            (None, Some((part, near)), _) => {
                found.help(format!("write `{near}`, after `use std.{part}.{{ {near} }}`"))
            }
            (None, None, []) => found.help(format!(
                "declare {wanted} in this file, or `use` one of another or of the standard library"
            )),
            (None, None, known) => found.help(format!("known here: `{}`", known.join("`, `"))),
        });
    }

    /// The part and name of the standard library that a name of a kind may have meant.
    fn standard_name(&self, name: &str, wanted: &str) -> Option<(&str, &str)> {
        self.standard.iter().find_map(|(part, index)| {
            let items = self.list.get(*index)?.ast.items.iter().filter(|item| kind(item) == wanted);
            let near = did_you_mean(name, items.filter_map(declared_name).map(|name| name.text.as_str()))?;
            Some((part.as_str(), near))
        })
    }

    /// Whether a used name leads nowhere, which was reported where it is used.
    pub(crate) fn is_broken(&self, from: usize, name: &str) -> bool {
        self.list.get(from).is_some_and(|module| module.broken.contains(name))
    }

    /// Whether nothing stands for a used name in the file that it is used from, nor for one near it.
    pub(crate) fn is_lost(&self, from: usize, name: &str) -> bool {
        self.list.get(from).is_some_and(|module| module.lost.contains(name))
    }

    /// Names that could have been meant in a file: its own and the used ones of a kind.
    pub(crate) fn candidates(&self, from: usize, wanted: &str) -> Vec<String> {
        let Some(module) = self.list.get(from) else { return Vec::new() };
        let own = module.ast.items.iter().filter(|item| kind(item) == wanted).filter_map(declared_name);
        let own = own.map(|name| name.text.clone());
        let used = module.imports.iter().filter(|(name, import)| {
            let source = self.list.get(import.module);
            let item = source.and_then(|m| m.ast.items.get(*m.declared.get(name.as_str())?));
            item.is_some_and(|item| kind(item) == wanted)
        });
        own.chain(used.map(|(name, _)| name.clone())).collect()
    }

    /// The words under which a policy is shown: `std.retry.careful`, or the name alone.
    pub(crate) fn shown_name(&self, found: Found<'_>) -> String {
        let name = declared_name(found.item).map_or("", |name| name.text.as_str());
        match self.list.get(found.module) {
            Some(module) if module.name.starts_with("std.") => format!("{}.{name}", module.name),
            _ => name.to_owned(),
        }
    }

    /// Every `allow` of every file.
    pub(crate) fn allows(&self) -> Vec<ast::Allow> {
        self.list.iter().flat_map(|module| module.ast.allows.iter().cloned()).collect()
    }
}

//! Names of the flow's own file that nothing needs.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Module, Modules, declared_name};
use crate::diagnostics::codes::names;
use crate::diagnostics::{Diagnostic, Sink};
use crate::source::Span;
use crate::syntax::ast;

/// A used name: its `use`, which of its names it is, and whether none of them is needed.
#[derive(Clone, Copy)]
struct Imported<'m> {
    item: &'m ast::Use,
    at: usize,
    none_needed: bool,
}

impl Module {
    /// Every used name by where it stands.
    fn imported(&self, used: &BTreeSet<String>) -> BTreeMap<usize, Imported<'_>> {
        let mut found = BTreeMap::new();
        for item in &self.ast.items {
            let ast::Item::Use(item) = item else { continue };
            let none_needed = item.names.iter().all(|name| !used.contains(&name.text));
            let names = item.names.iter().enumerate();
            found.extend(names.map(|(at, name)| (name.span.start, Imported { item, at, none_needed })));
        }
        found
    }

    /// What goes where a `use` no longer names something; the whole `use` with the first name where it needs none of its names. Nothing
    /// where a comment would go with it.
    fn without(&self, name: &ast::Name, imported: Imported<'_>) -> Option<Span> {
        let Imported { item, at, none_needed } = imported;
        let removed = if none_needed {
            Some(item.span).filter(|_| at == 0)?
        } else if let Some(next) = item.names.get(at + 1) {
            Span { end: next.span.start, ..name.span }
        } else {
            let before = item.names.get(at.checked_sub(1)?)?;
            Span { start: before.span.end, ..name.span }
        };
        let commented = self
            .ast
            .trivia
            .iter()
            .any(|comment| removed.start <= comment.span.start && comment.span.start < removed.end);
        (!commented).then_some(removed)
    }
}

impl Modules {
    /// Reports declarations and used names of the flow's own file that nothing named; their places.
    pub(crate) fn report_unused(&self, sink: &mut Sink) -> BTreeSet<Span> {
        let mut unused = BTreeSet::new();
        let Some(module) = self.get(self.root) else { return unused };
        let used = module.used.borrow();
        let imported = module.imported(&used);
        let imports = module.imports.values().map(|import| &import.name);
        let own = module.ast.items.iter().filter(|item| !matches!(item, ast::Item::Flow(_)));
        for name in imports.chain(own.filter_map(declared_name)) {
            if !used.contains(&name.text) {
                unused.insert(name.span);
                let message = format!("`{}` is never used", name.text);
                let finding =
                    Diagnostic::new(&names::UNUSED_NAME, name.span, message).help("remove it, or use it");
                sink.push(
                    match imported.get(&name.span.start).and_then(|imported| module.without(name, *imported))
                    {
                        Some(removed) => finding.fix(
                            format!("remove `{}` from the `use`", name.text),
                            vec![(removed, String::new())],
                        ),
                        None => finding,
                    },
                );
            }
        }
        unused
    }
}

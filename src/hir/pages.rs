//! `pages CALL next e items e at most 20`.

use std::sync::Arc;

use super::bound::Bound;
use super::expressions::{Typed, convert};
use super::flow::FlowLowering;
use super::policies::BOUNDS;
use crate::diagnostics::Diagnostic;
use crate::diagnostics::codes::{graph, names, retry, types as codes};
use crate::expr::provenance;
use crate::plan::{Pages, ranges};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Field, Provenance, Type};

impl FlowLowering<'_, '_> {
    /// Pages of a call, and the list that they come to. Its arguments are read next, and see `next`. `None` where the pages
    /// have no bound, which is reported.
    pub(super) fn pages(
        &mut self,
        pages: &ast::Pages,
        name: &ast::Name,
        bound: &Bound,
    ) -> (Option<Pages>, Type, Provenance) {
        let keyword = pages.keyword();
        if let Some(first) = self.scope.place("next") {
            let message = "in `pages`, `next` stands for where the page begins";
            self.sink.push(
                Diagnostic::new(&names::DUPLICATE_NAME, keyword, message)
                    .and(first, "here it is a name of the flow")
                    .help("give that another name"),
            );
        }
        self.scope.bind_answer(name, bound.contract.success_type(), Arc::clone(&bound.answer));
        let (next, cursor) = self.next_page(pages);
        let (items, item) = match &pages.items {
            Some(items) => self.lowering().items(items),
            None => self.whole_page(name, keyword),
        };
        let from = provenance(&items.expr, &self.scope);
        self.scope.unbind();
        let list = Type::list(item);
        let Some(at_most) = &pages.at_most else {
            let message = "these pages have no bound: they would go on for as long as there is a next one";
            self.sink.push(
                Diagnostic::new(&graph::ENDLESS_POLL, keyword, message)
                    .help("say how many at the end: `at most 20`"),
            );
            return (None, list, from);
        };
        if !(1..=ranges::PAGES).contains(&at_most.value) {
            let message = format!("`at most` of pages is between 1 and {}", ranges::PAGES);
            self.sink.push(Diagnostic::new(&retry::OUT_OF_RANGE, at_most.span, message).help(BOUNDS));
        }
        (Some(Pages { cursor, next: next.expr, items: items.expr, at_most: at_most.value }), list, from)
    }

    /// Where the next page begins, and the type of `next`. The expression may name `next` itself, as in `(next ?? 1) + 1`: it
    /// is read once without being heard, to see what it makes of nothing.
    fn next_page(&mut self, pages: &ast::Pages) -> (Typed, Type) {
        self.scope.next = Some(Type::Never.optional());
        let heard = std::mem::take(self.sink);
        let cursor = self.expression(&pages.next, None).ty.without_nothing().general();
        *self.sink = heard;
        self.scope.next = Some(Pages::asked(&cursor));
        let mut next = self.expression(&pages.next, Some(&cursor));
        let field = Field::of(Pages::follows(&cursor));
        convert(&mut next, &field);
        self.position(&next, &field, || "where the next page begins".to_owned(), None);
        if !Pages::may_end(&next.ty) {
            let message = "each of these pages has a next one: what stands here is never absent or null";
            self.sink.push(
                Diagnostic::new(&graph::ENDLESS_POLL, pages.next.span, message).help(
                    "make it null after the last page, as in `if PAGE.has_more then PAGE.last else null`",
                ),
            );
        }
        (next, cursor)
    }

    /// The page itself, which is the list where nothing is said of its items.
    fn whole_page(&mut self, name: &ast::Name, at: Span) -> (Typed, Type) {
        let own = ast::Name { text: name.text.clone(), span: at };
        let page = self.expression(&ast::Expr { span: at, kind: ast::ExprKind::Name(own) }, None);
        let item = match &page.ty {
            Type::List { of } => (**of).clone(),
            Type::Never => Type::Never,
            other => {
                let shown = self.declared.type_names().show(other);
                self.sink.push(
                    Diagnostic::new(&codes::TYPE_MISMATCH, at, format!("a page is no list, but `{shown}`"))
                        .help(format!("say which part of it is the list: `items {}.…`", name.text)),
                );
                Type::Never
            }
        };
        (page, item)
    }

    /// What is sent for each page says which one: otherwise each would be the first.
    pub(super) fn check_paged(&mut self, pages: &ast::Pages, call: &ast::Call, paged: bool) {
        if !paged {
            let message = format!("no argument of `{}` says which page is asked for", call.operation.text);
            self.sink.push(
                Diagnostic::new(&graph::UNASKED_PAGE, pages.keyword(), message)
                    .note("each page would be the first one")
                    .help("give `next` to the parameter that takes it, as in `cursor: next`; it is absent for the first page"),
            );
        }
    }
}

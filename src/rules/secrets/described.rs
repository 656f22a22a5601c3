//! What documents say of classes in other words, or where it counts for nothing.

use crate::diagnostics::codes::secrets::{CLASS_UNREAD, DOCUMENT_CLASS};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::of_schema;
use crate::hir::Api;
use crate::plan::secrecy::Words;
use crate::rules::{Context, Rule};
use crate::source::Span;

pub(in crate::rules) const RULE: Rule =
    Rule { name: "secrets/described", codes: &[&DOCUMENT_CLASS, &CLASS_UNREAD], check };

/// Of all flows at once: what counts for one of them is not for nothing.
fn check(context: &Context<'_>, sink: &mut Sink) {
    if context.flows.last().is_none_or(|last| last.flow.name != context.hir.flow.name) {
        return;
    }
    for (name, api) in &context.hir.apis {
        let words = words(context, name, api);
        // One that stands nowhere in the document would be a mistake here: it is told at the api.
        let place =
            |at: &str| api.document.as_ref().and_then(|document| document.place(at)).unwrap_or(api.span);
        for (at, word) in words.unknown() {
            let message = format!("`{word}` is no data class; it counts as `restricted`");
            sink.push(
                Diagnostic::new(&DOCUMENT_CLASS, place(at), message)
                    .and(api.span, "the document of this api")
                    .note("the classes are `public`, `internal`, `personal` and `restricted`")
                    .help("ask the document's publisher to mend it; `release` lowers a value until then"),
            );
        }
        for (at, name) in words.misspelt() {
            sink.push(
                Diagnostic::new(&CLASS_UNREAD, place(at), format!("`{name}` counts for nothing: it is no `x-data-class`"))
                    .and(api.span, "the document of this api")
                    .note("the names of a document's extensions count to the letter")
                    .help("ask the document's publisher to mend it; `classify` gives an answer its class until then"),
            );
        }
        let mut places: Vec<Span> = words.unread().map(place).collect();
        places.sort_unstable();
        if let Some((first, others)) = places.split_first() {
            let found = Diagnostic::new(&CLASS_UNREAD, *first, "`x-data-class` counts for nothing here")
                .and(api.span, "the document of this api");
            let found = others.iter().fold(found, |found, other| found.and(*other, "nor here"));
            sink.push(
                found
                    .note("classes are read of answers: in a response, its headers and media types, and in schemas of these")
                    .help("`classify` gives an answer or an input its class: `classify input FLOW.INPUT as personal`"),
            );
        }
    }
}

/// Those of an api's document that the flows come upon: in operations that they call, and in schemas that their types name.
fn words(context: &Context<'_>, name: &str, api: &Api) -> Words {
    let mut words = Words::default();
    for hir in context.flows {
        hir.used_views(name).into_iter().for_each(|view| words.add_operation(view));
        let Some(document) = &api.document else { continue };
        for schema in hir.schemas.get(name).into_iter().flatten() {
            let at = of_schema(schema.0);
            // One that is not there, or can't be read, was reported.
            if let Ok(Some(part)) = document.part(&at) {
                words.add_schema(&part, &at);
            }
        }
    }
    words
}

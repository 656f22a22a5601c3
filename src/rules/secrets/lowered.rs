//! A class is only raised: what a document or an outer field says is never lowered by `classify`. And what a document says
//! in other words, or in places where it counts for nothing.

use std::collections::BTreeSet;

use crate::diagnostics::codes::secrets::{CLASS_LOWERED, CLASS_UNREAD, DOCUMENT_CLASS};
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{ClassifiedField, ClassifiedIn};
use crate::plan::secrecy::{labelled_above, unknown_words, unread_words};
use crate::rules::secrets::class_place;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule =
    Rule { name: "secrets/lowered", codes: &[&CLASS_LOWERED, &DOCUMENT_CLASS, &CLASS_UNREAD], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let classified = &context.hir.flow.classified;
    for field in classified.iter().filter(|field| !field.by_document) {
        let above = |other: &&ClassifiedField| {
            other.of == field.of && field.path.starts_with(&other.path) && other.class > field.class
        };
        if let Some(other) = classified.iter().find(above) {
            let by = if other.by_document { "the document says so" } else { "classified higher here" };
            sink.push(lowered(field, other.class.as_str()).and(other.span, by));
        } else if let ClassifiedIn::Answer { api, operation } = &field.of
            && let Some(facts) = context.hir.apis.get(api)
            && let Some(document) = &facts.document
            && let Ok(entry) = document.operation(operation)
            && let Ok(view) = document.view(entry)
            && let Some((class, pointer)) = labelled_above(&view, &field.path)
            && class > field.class
        {
            let finding = lowered(field, class.as_str());
            sink.push(match class_place(document, &pointer) {
                Some((place, _)) => finding.and(place, "the document says so"),
                None => finding,
            });
        }
    }
    for (name, api) in &context.hir.apis {
        for view in context.hir.used_views(name) {
            for (pointer, word) in unknown_words(view) {
                let Some(place) = api.document.as_ref().and_then(|document| document.place(&pointer)) else {
                    continue;
                };
                let message = format!("`{word}` is no data class; it counts as `restricted`");
                sink.push(
                    Diagnostic::new(&DOCUMENT_CLASS, place, message)
                        .and(api.span, "the document of this api")
                        .note("the classes are `public`, `internal`, `personal` and `restricted`")
                        .help("ask the document's publisher to mend it; `release` lowers a value until then"),
                );
            }
        }
        let views = context.hir.used_views(name);
        let unread: BTreeSet<String> = views.iter().flat_map(|view| unread_words(view)).collect();
        for pointer in unread {
            let Some(place) = api.document.as_ref().and_then(|document| document.place(&pointer)) else {
                continue;
            };
            sink.push(
                Diagnostic::new(&CLASS_UNREAD, place, "`x-data-class` counts for nothing here")
                    .and(api.span, "the document of this api")
                    .note("classes are read of answers: in a response, its headers and media types, and in schemas of these")
                    .help("`classify` gives an answer or an input its class: `classify input FLOW.INPUT as personal`"),
            );
        }
    }
}

fn lowered(field: &ClassifiedField, class: &str) -> Diagnostic {
    let path =
        if field.path.is_empty() { "the answer".to_owned() } else { format!("`{}`", field.path.join(".")) };
    let message = format!("{path} is {class} already, and `classify` does not lower it to {}", field.class);
    Diagnostic::new(&CLASS_LOWERED, field.span, message).help(
        "remove this; where a value may be known as less, write `release VALUE to API as CLASS because \"…\"`",
    )
}

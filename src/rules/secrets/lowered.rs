//! A class is only raised: what a document or an outer field says is never lowered by `classify`.

use crate::diagnostics::codes::secrets::CLASS_LOWERED;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{ClassifiedField, ClassifiedIn};
use crate::plan::secrecy::labelled_above;
use crate::rules::secrets::class_place;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "secrets/lowered", codes: &[&CLASS_LOWERED], check };

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
}

fn lowered(field: &ClassifiedField, class: &str) -> Diagnostic {
    let path =
        if field.path.is_empty() { "the answer".to_owned() } else { format!("`{}`", field.path.join(".")) };
    let message = format!("{path} is {class} already, and `classify` does not lower it to {}", field.class);
    Diagnostic::new(&CLASS_LOWERED, field.span, message).help(
        "remove this; where a value may be known as less, write `release VALUE to API as CLASS because \"…\"`",
    )
}

//! Classes as a plan writes them: sorted, each path once, with the highest class that the flow gives it.

use std::collections::BTreeMap;

use crate::hir::{ClassifiedIn, Cleared, Hir};
use crate::plan::{Classified, Clearance};

/// What is classified in an input or in an operation's answers.
pub(super) fn of(hir: &Hir, of: &ClassifiedIn) -> Vec<Classified> {
    let fields = hir.flow.classified.iter().filter(|field| field.of == *of);
    let mut found: Vec<Classified> =
        fields.map(|field| Classified { path: field.path.clone(), class: field.class }).collect();
    found.sort_by(|a, b| (&a.path, b.class).cmp(&(&b.path, a.class)));
    found.dedup_by(|later, first| later.path == first.path);
    found
}

/// What is classified in the answers of an api's operations, by operation.
pub(super) fn of_answers<'o>(
    hir: &Hir,
    api: &str,
    operations: impl Iterator<Item = &'o String>,
) -> BTreeMap<String, Vec<Classified>> {
    let fields = |operation: &String| {
        of(hir, &ClassifiedIn::Answer { api: api.to_owned(), operation: operation.clone() })
    };
    operations.map(|key| (key.clone(), fields(key))).filter(|(_, fields)| !fields.is_empty()).collect()
}

/// What a receiver is cleared for.
pub(super) fn cleared(written: &[Cleared]) -> Vec<Clearance> {
    let mut found: Vec<Clearance> = written.iter().map(|cleared| cleared.clearance.clone()).collect();
    found.sort();
    found.dedup();
    found
}

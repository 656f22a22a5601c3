//! Operations that calls are bound to: found in their document, their contract read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::StepAnswer;
use crate::base::meant;
use crate::diagnostics::codes::{names, types as codes};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::{Document, OperationView};
use crate::syntax::ast;
use crate::types::Contract;

/// An operation that a call is bound to.
pub(crate) struct Bound {
    pub(super) key: String,
    pub(super) view: Arc<OperationView>,
    pub(super) contract: Arc<Contract>,
    pub(super) answer: Arc<StepAnswer>,
}

/// Finds an operation by id or by method and path, and reads its contract; what is wrong is reported.
pub(super) fn operation(
    document: &Arc<Document>,
    api: &str,
    name: &ast::Name,
    sink: &mut Sink,
) -> Option<Bound> {
    let entry = match document.operation(&name.text) {
        Ok(entry) => entry,
        Err(error) => {
            if let Some(finding) = document.duplicate(&name.text) {
                sink.push(finding.and(name.span, "called here"));
                return None;
            }
            let message = format!("the document of `{api}` has no operation `{}`", name.text);
            let mut diagnostic = Diagnostic::new(&names::UNKNOWN_OPERATION, name.span, message);
            if let Some(place) = document.place("/paths") {
                diagnostic = diagnostic.and(place, "its operations stand here");
            }
            diagnostic = match &error.suggestion {
                // No fix: another operation may do something else altogether.
                Some(near) => diagnostic.help(meant(&name.text, near)),
                None if error.known.is_empty() => diagnostic.note("it has no operations"),
                None => {
                    let known: Vec<&str> = error.known.iter().map(String::as_str).take(20).collect();
                    diagnostic
                        .note(format!("it has `{}`", known.join("`, `")))
                        .help("name one of its operations")
                }
            };
            sink.push(diagnostic);
            return None;
        }
    };
    let view = match document.view(entry) {
        Ok(view) => view,
        Err(diagnostic) => {
            sink.push(diagnostic.and(name.span, "called here"));
            return None;
        }
    };
    const WITHOUT: &str = "call another operation, or ask the publisher for one that does without it";
    const MENDED: &str = "ask the publisher to mend the document: parts of an `allOf` that close themselves with `additionalProperties: false` refuse one another's members, and so do bounds and words that exclude each other";
    let mut unsupported = |pointer: &str, why: String, help: &str| {
        let message = format!("`{api}.{}` cannot be called: {why}", name.text);
        let place = document.place(pointer).unwrap_or(entry.span);
        sink.push(
            Diagnostic::new(&codes::UNSUPPORTED_OPERATION, name.span, message)
                .and(place, "this is the reason")
                .help(help),
        );
    };
    let contract = match Contract::from_view(&view) {
        Ok(contract) => contract,
        Err(error) => {
            unsupported(&error.pointer, error.reason.clone(), WITHOUT);
            return None;
        }
    };
    for reason in &contract.unsupported {
        let help = if reason.never.is_some() { MENDED } else { WITHOUT };
        unsupported(&reason.pointer, reason.to_string(), help);
    }
    let contract = Arc::new(contract);
    let success = contract.successes().next().map(|success| success.pointer.as_str());
    let success = view.responses.iter().find(|response| Some(response.pointer.as_str()) == success);
    let schema = success.and_then(|success| success.content.values().find_map(|media| media.schema.clone()));
    let described = schema.or_else(|| Some(success?.pointer.clone())).unwrap_or_else(|| view.pointer.clone());
    let answer = Arc::new(StepAnswer {
        status: contract.success_status(),
        headers: contract.success_headers(),
        contract: Arc::clone(&contract),
        refusals: BTreeMap::new(),
        fails: BTreeMap::new(),
        guard: None,
        document: Arc::clone(document),
        described,
        reconciled: false,
        value: None,
        provenance: contract.provenance().clone(),
    });
    contract.unsupported.is_empty().then(|| Bound {
        key: entry.key.clone(),
        view: Arc::new(view),
        contract,
        answer,
    })
}

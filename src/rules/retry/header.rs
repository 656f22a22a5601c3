//! P7: a key does not take the place of a credential.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::codes::retry::RESERVED_HEADER;
use crate::diagnostics::{Diagnostic, Sink};
use crate::plan::{Auth, carries_credential};
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/header", codes: &[&RESERVED_HEADER], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let mut told = BTreeSet::new();
    // Once an api: it looks at all its calls.
    let mut known: BTreeMap<&str, Vec<Auth>> = BTreeMap::new();
    for (_, _, call, _) in context.hir.flow.calls() {
        let Some(header) = call.idempotency.as_ref().map(|fact| fact.header()) else { continue };
        // What cannot be completed was told.
        let auth = known
            .entry(&call.api)
            .or_insert_with(|| context.hir.authentication(&call.api).unwrap_or_default());
        if !carries_credential(auth, header) || !told.insert(&call.api) {
            continue;
        }
        let message = format!(
            "the key of `{}.{}` goes where its credential goes, into the header `{header}`",
            call.api, call.operation
        );
        let mut diagnostic = Diagnostic::new(&RESERVED_HEADER, call.span, message)
            .note("one of the two would be lost")
            .help("name the header that the API reads its idempotency keys from, mostly `Idempotency-Key`");
        let api = context.hir.apis.get(&call.api);
        for auth in api.into_iter().flat_map(|api| &api.auth) {
            diagnostic = diagnostic.and(auth.span, "the credential");
        }
        sink.push(diagnostic);
    }
}

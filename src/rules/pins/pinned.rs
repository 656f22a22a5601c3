//! P5: every document is pinned, and is what was pinned; otherwise what changed decides.

use crate::base::{Digest, meant};
use crate::diagnostics::codes::identity::{
    IDENTITY_CHANGED, LOCK_MISMATCH, MISSING_PIN, STALE_PIN, USED_SLICE_CHANGED,
};
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::{Comparison, Document, Lock, Wanted, of_schema};
use crate::rules::{Context, LockState, Rule};
use crate::source::Span;
use crate::syntax::ast::Name;

pub(in crate::rules) const RULE: Rule = Rule {
    name: "pins/pinned",
    codes: &[&MISSING_PIN, &USED_SLICE_CHANGED, &IDENTITY_CHANGED, &STALE_PIN, &LOCK_MISMATCH],
    check,
};

/// How to go on after a change.
const AGAIN: &str =
    "`eczflow pin --update --dry-run` on this file says what changed and what must be proven again";

/// How to go on where nothing that was pinned is used.
const NEW: &str = "run `eczflow pin` on this file: it pins the document as it is now";

fn check(context: &Context<'_>, sink: &mut Sink) {
    let empty = Lock::default();
    let lock = match context.lock {
        LockState::Read(lock) => lock,
        LockState::Missing | LockState::Unreadable { .. } => &empty,
    };
    for (name, api) in &context.hir.apis {
        let Some(document) = &api.document else { continue };
        let hash = document.canonical_hash();
        let Some((hex, span)) = &api.pin else {
            sink.push(
                Diagnostic::new(
                    &MISSING_PIN,
                    api.source_span,
                    format!("the document of `{name}` is not pinned"),
                )
                .note("without a pin nothing says which version of the contract was checked")
                .help("run `eczflow pin` on this file: it writes the pin and `eczflow.lock`"),
            );
            continue;
        };
        let Ok(pin) = Digest::from_hex(hex) else { continue };
        let locked = lock.api(context.flow_file, name);
        // What was used when it was pinned, is called still and is gone is no small change.
        let (used, gone) = context.hir.used_and_gone(name, locked);
        let wanted = Wanted { flow: context.flow_file, api: name, document: &api.path, pin, used: &used };
        let compared = lock.compare(wanted, document);
        // What is used and cannot be read was told at its call; that nothing used changed would not be true.
        let unread = context.hir.flow.unbound.iter().any(|(api, _)| api == name);
        if compared == Comparison::UnusedChanged
            && let Some(part) = gone.names().next()
        {
            let message = format!("`{name}.{part}` is gone since it was pinned");
            let found = Diagnostic::new(&USED_SLICE_CHANGED, *span, message);
            let unbound = || context.hir.flow.unbound.iter().filter(|(api, _)| api == name);
            let lost = |(_, called): &&(_, Name)| document.operation(&called.text).is_err();
            let call = unbound().find(|(_, called)| called.text == *part).or_else(|| unbound().find(lost));
            let near = match gone.operations.contains(part) {
                true => document.operation(part).err().and_then(|error| error.suggestion),
                false => None,
            };
            sink.push(found.and_at(call.map(|(_, called)| called.span), "called here").help(match near {
                Some(near) => format!("{} {AGAIN}", meant(part, &near)),
                None => AGAIN.to_owned(),
            }));
            continue;
        }
        match compared {
            Comparison::Unchanged => {}
            // Nor where another flow of the file uses what changed, which is told of that one.
            Comparison::UnusedChanged if unread || changed_for_another(context, name, pin, lock) => {}
            Comparison::UnusedChanged => {
                let message =
                    format!("the document of `{name}` changed, but nothing in it that this flow uses");
                sink.push(
                    Diagnostic::new(&STALE_PIN, *span, message)
                        .and_at(document.place("/info"), "the document as it is now")
                        .note(format!("its hash is now {hash}"))
                        .help("run `eczflow pin --update` on this file to pin the new version"),
                );
            }
            Comparison::IdentityChanged => {
                let message =
                    format!("the document of `{name}` names another identity than when it was pinned");
                let locked = lock.api(context.flow_file, name);
                let changed = locked.map(|locked| locked.identity_changes(document).join("; "));
                sink.push(
                    Diagnostic::new(&IDENTITY_CHANGED, *span, message)
                        .and_at(document.place("/info/x-ecz-id"), "the identity as it is now")
                        .note(changed.unwrap_or_default())
                        .note(format!("what falls until it is pinned again: P4 and P5 at every call of `{name}`"))
                        .help("make sure with its publisher who the other party is, then run `eczflow pin --update --force` on this file"),
                );
            }
            Comparison::SliceChanged(changed) => {
                let (held, new): (Vec<&String>, Vec<&String>) =
                    changed.names().partition(|part| locked.is_some_and(|locked| locked.has(part)));
                if let Some(first) = new.first().filter(|_| held.is_empty()) {
                    let message = format!(
                        "`{name}.{first}` is used since the document of `{name}` was pinned, and that changed"
                    );
                    let found = Diagnostic::new(&LOCK_MISMATCH, *span, message);
                    sink.push(found.note(format!("its hash is now {hash}")).help(NEW));
                }
                // What cannot be cut out was told at its call.
                let cut = |operation: &&String| document.operation_slice(operation).is_some();
                for operation in
                    changed.operations.iter().filter(|operation| held.contains(operation)).filter(cut)
                {
                    operation_changed(context, name, *span, document, operation, sink);
                }
                for schema in changed.schemas.iter().filter(|schema| held.contains(schema)) {
                    schema_changed(context, name, *span, document, schema, sink);
                }
            }
            found @ (Comparison::Missing | Comparison::Mismatch) => {
                let message = format!("the document of `{name}` is not the one that was pinned");
                let (why, help) = match found {
                    Comparison::Missing => (
                        "no lock says what the pinned version held",
                        "look at what changed in the document, then run `eczflow pin` on this file",
                    ),
                    _ => ("`eczflow.lock` does not hold the version that was pinned", super::locked::UPDATE),
                };
                sink.push(
                    Diagnostic::new(&LOCK_MISMATCH, *span, message)
                        .note(format!("its hash is {hash}, and {why}"))
                        .help(help),
                );
            }
        }
    }
}

/// Whether another flow that is judged uses what changed in the document of an api.
fn changed_for_another(context: &Context<'_>, api: &str, pin: Digest, lock: &Lock) -> bool {
    context.flows.iter().any(|hir| {
        let Some((path, document)) =
            hir.apis.get(api).and_then(|api| Some((&api.path, api.document.as_ref()?)))
        else {
            return false;
        };
        let (used, gone) = hir.used_and_gone(api, lock.api(context.flow_file, api));
        let wanted = Wanted { flow: context.flow_file, api, document: path, pin, used: &used };
        !gone.is_empty() || lock.compare(wanted, document) != Comparison::UnusedChanged
    })
}

/// A schema that only types name: values of it come from outside, and what was shown of them hangs on it.
fn schema_changed(
    context: &Context<'_>,
    name: &str,
    pin: Span,
    document: &Document,
    schema: &str,
    sink: &mut Sink,
) {
    let named = context.hir.schemas.get(name).and_then(|schemas| schemas.get(schema));
    let found = Diagnostic::new(&USED_SLICE_CHANGED, pin, format!("the schema `{name}.{schema}` changed since it was pinned"))
        .and_at(document.place(&of_schema(schema)), "the schema as it is now")
        .and_at(named.copied(), "named here")
        .note("what was shown of its values does not count until it is pinned again: that they fit (P3), the pin (P5), confidentiality (P6)");
    sink.push(found.help(AGAIN));
}

fn operation_changed(
    context: &Context<'_>,
    name: &str,
    pin: Span,
    document: &Document,
    operation: &str,
    sink: &mut Sink,
) {
    let calls = context.hir.flow.calls();
    let steps: Vec<_> =
        calls.iter().filter(|(_, _, call, _)| call.api == name && call.operation == operation).collect();
    let mut diagnostic = Diagnostic::new(
        &USED_SLICE_CHANGED,
        pin,
        format!("`{name}.{operation}` changed since it was pinned"),
    );
    if let Some(place) = document.operation(operation).ok().map(|entry| entry.span) {
        diagnostic = diagnostic.and(place, "the operation as it is now");
    }
    let mut subjects: Vec<&str> = Vec::new();
    for (node, subject, call, _) in &steps {
        subjects.push(&**subject);
        let span = if *subject != node.id { call.span } else { node.span };
        diagnostic = diagnostic.and(span, "used here");
    }
    let at = subjects.join("`, `");
    let note = match at.is_empty() {
        true => "a call names an operation that the document does not have: it may be this one".to_owned(),
        false => format!(
            "what was shown of `{at}` does not count until it is pinned again: that values fit (P3), handoffs (P4), the pin (P5), confidentiality (P6), retries (P7), undos (P8)"
        ),
    };
    sink.push(diagnostic.note(note).help(AGAIN));
}

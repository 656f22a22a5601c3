//! P5: the lock is there, is about these pins, and holds every used operation.

use crate::base::Digest;
use crate::diagnostics::codes::identity::LOCK_MISMATCH;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::Api;
use crate::rules::{Context, LockState, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "pins/locked", codes: &[&LOCK_MISMATCH], check };

const HELP: &str = "run `eczflow pin` on this file: it writes `eczflow.lock` beside it";

/// What helps where a lock holds something else: pinning alone refuses to pass over what the flow uses.
pub(super) const UPDATE: &str = "`eczflow pin --update --dry-run` on this file says what changed and what must be proven again, `eczflow pin --update` takes it";

fn check(context: &Context<'_>, sink: &mut Sink) {
    // Nothing can be pinned while a document cannot be read, which was told at its path.
    let unread = context.hir.apis.values().any(|api| api.document.is_none());
    let lock = match context.lock {
        LockState::Missing if unread => return,
        LockState::Read(lock) => lock,
        LockState::Missing | LockState::Unreadable { .. } => {
            // One finding for the file, at the first pin: without pins there is nothing to lock yet.
            // Where the document is not the pinned one, the other rule says so, and that there is no lock.
            let is_pinned = |api: &&Api| {
                let (pin, document) = (api.pin.as_ref(), api.document.as_ref());
                let pin = pin.and_then(|(hex, _)| Digest::from_hex(hex).ok());
                pin.zip(document).is_some_and(|(pin, document)| document.canonical_hash() == pin)
            };
            let pinned = context.hir.apis.values().filter(is_pinned);
            let first = pinned.filter_map(|api| api.pin.as_ref().map(|(_, span)| *span)).min();
            if let Some(span) = first {
                let (message, help) = match context.lock {
                    LockState::Unreadable { reason, help } => {
                        (reason.as_str(), help.as_deref().unwrap_or(HELP))
                    }
                    _ => ("there is no `eczflow.lock` beside this file", HELP),
                };
                sink.push(Diagnostic::new(&LOCK_MISMATCH, span, message).help(help));
            }
            return;
        }
    };
    if !lock.flows.contains_key(context.flow_file) {
        if unread {
            return;
        }
        // One finding for the file, as where there is no lock.
        let first = context.hir.apis.values().filter_map(|api| api.pin.as_ref().map(|(_, span)| *span)).min();
        if let Some(span) = first {
            let message = format!("`eczflow.lock` has nothing about `{}`", context.flow_file);
            sink.push(Diagnostic::new(&LOCK_MISMATCH, span, message).help(HELP));
        }
        return;
    }
    for (name, api) in &context.hir.apis {
        let (Some((hex, span)), Some(document)) = (&api.pin, &api.document) else { continue };
        let Ok(pin) = Digest::from_hex(hex) else { continue };
        // Where the document is not the pinned one, the other rule says what that means.
        if document.canonical_hash() != pin {
            continue;
        }
        let problem = match lock.api(context.flow_file, name) {
            None => Some((format!("`eczflow.lock` has nothing about `{name}`"), HELP)),
            Some(locked) if locked.canonical_hash != pin => {
                let message = format!("`eczflow.lock` is about another version of the document of `{name}`");
                Some((message, UPDATE))
            }
            Some(locked) if locked.document != api.path => {
                Some((format!("`eczflow.lock` is about `{}`, not `{}`", locked.document, api.path), HELP))
            }
            Some(locked) if locked.identity != document.identity_text() => {
                let message = format!("`eczflow.lock` names another identity than the document of `{name}`");
                Some((message, UPDATE))
            }
            Some(locked) => {
                let changed = locked.changed(&context.hir.used(name), document);
                let help = if changed.names().any(|name| locked.has(name)) { UPDATE } else { HELP };
                let words: Vec<&str> = changed.names().map(String::as_str).collect();
                let words = words.join("`, `");
                (!changed.is_empty())
                    .then(|| (format!("`eczflow.lock` does not hold `{words}` of `{name}` as it is"), help))
            }
        };
        if let Some((message, help)) = problem {
            sink.push(Diagnostic::new(&LOCK_MISMATCH, *span, message).help(help));
        }
    }
}

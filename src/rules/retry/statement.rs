//! P7: what a counterparty states is pinned, is of the api and the header it is given for, and is signed.

use crate::diagnostics::codes::retry::{
    STATEMENT_CHANGED, STATEMENT_MISMATCH, STATEMENT_NOT_PINNED, STATEMENT_SIGNATURE,
};
use crate::diagnostics::{Diagnostic, Sink};
use crate::ecz::{DocumentIdentity, StatementFault};
use crate::hir::{Api, Statement};
use crate::rules::{Context, Rule};
use crate::source::Span;

pub(in crate::rules) const RULE: Rule = Rule {
    name: "retry/statement",
    codes: &[&STATEMENT_NOT_PINNED, &STATEMENT_CHANGED, &STATEMENT_MISMATCH, &STATEMENT_SIGNATURE],
    check,
};

fn check(context: &Context<'_>, sink: &mut Sink) {
    for (name, api) in &context.hir.apis {
        if let Some(span) = api.unspoken {
            let fault = StatementFault::NoPassport;
            sink.push(mismatch(name, &fault, span));
        }
        let Some(statement) = &api.statement else { continue };
        pinned(name, statement, sink);
        // Whose api it is could not be made out, which was told.
        if let Some(identity) = &api.identity {
            judge(name, api, &identity.fields, statement, sink);
        }
    }
}

fn pinned(name: &str, statement: &Statement, sink: &mut Sink) {
    match &statement.pin {
        None => {
            let message = format!("the statement about `{name}` is not pinned");
            sink.push(
                Diagnostic::new(&STATEMENT_NOT_PINNED, statement.file_span, message)
                    .note("without a pin nothing says which statement the flow was checked with")
                    .help("read it, then run `eczflow pin` on this file: it writes the pin"),
            );
        }
        Some((hex, span)) if *hex != statement.pinned.digest.hex() => {
            let message = format!("the statement about `{name}` is not the one that was pinned");
            sink.push(
                Diagnostic::new(&STATEMENT_CHANGED, *span, message)
                    .and(statement.place("issuer"), format!("its digest is now {}", statement.pinned.digest))
                    .help("read what it says now; to take it, run `eczflow pin --update` on this file"),
            );
        }
        Some(_) => {}
    }
}

fn judge(name: &str, api: &Api, identity: &DocumentIdentity, statement: &Statement, sink: &mut Sink) {
    let fault = statement.content.fault(&statement.by.0, Some(identity), &statement.header.0);
    let Some(fault) = fault else { return };
    let there = statement.place(fault.member());
    if fault == StatementFault::Signature {
        let message = format!("the statement about `{name}` is not signed by the key that it names");
        sink.push(
            Diagnostic::new(&STATEMENT_SIGNATURE, statement.file_span, message)
                .and(there, "this signature is not over what the file says")
                .note("a statement that was changed after it was signed binds nobody")
                .help("ask the api's operator for it again; a statement is never edited by hand"),
        );
        return;
    }
    let span = match &fault {
        StatementFault::Header(_) => statement.header.1,
        StatementFault::Issuer(_) | StatementFault::NotOperator(_) => statement.by.1,
        _ => statement.file_span,
    };
    let mut diagnostic = mismatch(name, &fault, span).and(there, "the statement says so here");
    let document = api.document.as_ref().filter(|_| !matches!(fault, StatementFault::Header(_)));
    if let Some(place) = document.and_then(|document| document.place("/info/x-ecz-id")) {
        diagnostic = diagnostic.and(place, "who offers the api");
    }
    sink.push(diagnostic);
}

fn mismatch(name: &str, fault: &StatementFault, span: Span) -> Diagnostic {
    let message = format!("this statement does not speak for `{name}`: {fault}");
    Diagnostic::new(&STATEMENT_MISMATCH, span, message).help(match fault {
        StatementFault::Header(_) => "write the header that the statement is about, or ask for another statement",
        StatementFault::NoPassport => {
            "an api without a passport has nobody whose word counts: write `assumed by OPERATOR because \"…\"`"
        }
        _ => "a statement counts where the api's operator or its API Passport issued it for this API Passport: ask them for one, or write `assumed by OPERATOR because \"…\"`",
    })
}

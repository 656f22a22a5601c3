//! `idempotency header "…"`: what an operator assumes, or what the counterparty states in a file of its own.

use camino::Utf8Path;

use super::items::{Reader, find_operator};
use super::model::Api;
use super::modules::{Modules, normalise};
use crate::base::{Digest, limits};
use crate::diagnostics::codes::retry as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::documents::OperationView;
use crate::ecz::{EczId, IdempotencyStatement, Kind};
use crate::plan::{self, Idempotency};
use crate::source::{FileId, Span};
use crate::syntax::ast::{self, IdempotencySource};

/// A counterparty's statement and what the flow says of it.
#[derive(Debug)]
pub struct Statement {
    /// What it says.
    pub content: IdempotencyStatement,
    /// Its text and that text's digest.
    pub pinned: plan::Statement,
    /// The text among the sources.
    pub file: FileId,
    /// Its path, relative to the flow.
    pub path: String,
    /// The whole of `file("…")`: a missing pin is inserted after it.
    pub file_span: Span,
    /// The pin: its hex digits and where its value stands.
    pub pin: Option<(String, Span)>,
    /// Who is said to state it.
    pub by: (EczId, Span),
    /// The header that is said to be honoured.
    pub header: (String, Span),
}

impl Statement {
    /// The place of one of its members; of the whole text where it has none.
    pub fn place(&self, member: &str) -> Span {
        let (text, name) = (&self.pinned.text, format!("\"{member}\""));
        let (start, end) = text.find(&name).map_or((0, text.len()), |start| (start, start + name.len()));
        Span::new(self.file, start, end)
    }
}

impl Api {
    /// What is assumed or stated of an operation's header: a statement may be about some of them only.
    pub fn promised_of(&self, view: &OperationView) -> Option<&Idempotency> {
        let about = |statement: &Statement| statement.content.covers([&view.key(), &view.route()]);
        self.promised.as_ref().filter(|_| self.statement.as_ref().is_none_or(about))
    }
}

/// What an `idempotency` clause comes to: the members of an [`Api`].
#[derive(Debug, Default)]
pub(super) struct Promise {
    pub(super) promised: Option<Idempotency>,
    pub(super) statement: Option<Statement>,
    pub(super) unspoken: Option<Span>,
}

/// What an `idempotency` clause says, and the statement that it names. Of an api without a passport none is read.
pub(super) fn promised(
    modules: &Modules,
    fact: &ast::Idempotency,
    passport: bool,
    reader: &mut Reader<'_>,
    sink: &mut Sink,
) -> Promise {
    let header = fact.header.value.clone();
    if !plan::is_token(&header) {
        let message = format!("`{header}` is not a header's name");
        sink.push(
            Diagnostic::new(&codes::OUT_OF_RANGE, fact.header.span, message)
                .help("it is made of letters, digits and `-`, without a space: mostly `Idempotency-Key`"),
        );
    } else if plan::is_reserved(&header) {
        let message = format!("`{header}` is set by the runtime: it cannot carry a key");
        sink.push(
            Diagnostic::new(&codes::RESERVED_HEADER, fact.header.span, message)
                .note("the key would stand in place of what the header is for, or be lost")
                .help(
                    "name the header that the API reads its idempotency keys from, mostly `Idempotency-Key`",
                ),
        );
    }
    match &fact.source {
        IdempotencySource::Assumed { by, because } => {
            // An operator that nobody declares is one finding: the calls that rely on the header are not told as well.
            let _ = find_operator(modules, modules.root, by, sink);
            if because.value.trim().is_empty() {
                let message = format!("nothing says why `{}` takes `{header}` to be honoured", by.text);
                sink.push(
                    Diagnostic::new(&codes::ASSUMED_WITHOUT_REASON, because.span, message)
                        .note("if the API does not honour it, a retry takes effect twice: the proof lists who relied on what")
                        .help("name the source: a page of the API's guide, a contract, a person who said so"),
                );
            }
            let (by, because) = (by.text.clone(), because.value.clone());
            let promised = Some(Idempotency::Assumed { header, by, because });
            Promise { promised, ..Promise::default() }
        }
        IdempotencySource::Stated { by, file, file_span, pin } => {
            let issuer = issuer(by, sink);
            let said = |by| Some(Idempotency::Stated { header: header.clone(), by });
            if !passport {
                return Promise { promised: issuer.and_then(said), statement: None, unspoken: Some(by.span) };
            }
            let read = read(file, reader, sink);
            // What is wrong with the issuer is one finding: the calls that rely on the header are not told as well.
            let stated = read.as_ref().map(|(content, ..)| content.issuer.clone());
            let Some(issuer) = issuer.or(stated) else { return Promise::default() };
            let promised = said(issuer.clone());
            let statement = read.map(|(content, pinned, id, path)| Statement {
                content,
                pinned,
                file: id,
                path,
                file_span: *file_span,
                pin: pin.as_ref().map(|pin| (pin.hex.clone(), pin.value_span)),
                by: (issuer, by.span),
                header: (header, fact.header.span),
            });
            // A statement that cannot be read is one finding: the calls that rely on it are not told as well.
            Promise { promised, statement, unspoken: None }
        }
    }
}

fn issuer(by: &ast::Text, sink: &mut Sink) -> Option<EczId> {
    let api = by.value.contains(':');
    super::items::id(by, if api { Kind::Api } else { Kind::Parent }, sink)
}

type Read = (IdempotencyStatement, plan::Statement, FileId, String);

fn read(file: &ast::Text, reader: &mut Reader<'_>, sink: &mut Sink) -> Option<Read> {
    let path = reader.local(file, "the statement", sink)?;
    let unreadable = |message: String| Diagnostic::new(&codes::UNREADABLE_STATEMENT, file.span, message);
    let bytes = match reader.files.read_regular(&path, limits::STATEMENT_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            sink.push(super::unreadable::unreadable(&codes::UNREADABLE_STATEMENT, file, &error));
            return None;
        }
    };
    match IdempotencyStatement::read(&bytes) {
        Ok(content) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let id = reader.map.add(path.as_str(), text.clone());
            let written = normalise(Utf8Path::new(&file.value)).into_string();
            Some((content, plan::Statement { digest: Digest::of(&bytes), text }, id, written))
        }
        Err(reason) => {
            let message = format!("`{}` is no statement about idempotency", file.value);
            sink.push(unreadable(message).note(reason).help(
                "ask the api's operator for one; docs/formats/idempotency-statement.md says what it holds",
            ));
            None
        }
    }
}

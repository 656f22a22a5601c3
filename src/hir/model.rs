//! The resolved flow: names bound, types known, expressions lowered, every part with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::nodes::Block;
use super::parties::NoPassport;
use super::policies::{Handoff, NamedRetry};
use super::statement::Statement;
use crate::documents::{Document, Identity, LockedApi, Used};
use crate::ecz::EczId;
use crate::expr::{Definitions, Expr};
use crate::plan::{Breaker, Class, Clearance, Declared, Idempotency, Rate, Release, Timeout};
use crate::source::Span;
use crate::syntax::ast;
use crate::types::{Answer, Field, Type};

/// Schemas by api and name, each with the place that names it first.
pub type NamedSchemas = BTreeMap<String, BTreeMap<String, Span>>;

/// A flow with everything it names.
#[derive(Debug)]
pub struct Hir {
    /// The language version.
    pub language: u32,
    /// Operators by name: those declared or used in the flow's file.
    pub operators: BTreeMap<String, Operator>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Apis by name; those the flow never calls too.
    pub apis: BTreeMap<String, Api>,
    /// The functions that were asked for.
    pub functions: Definitions,
    /// The names of declared types.
    pub types: TypeNames,
    /// The documents' schemas that types name.
    pub schemas: NamedSchemas,
    /// The flow.
    pub flow: Flow,
    /// The flows it calls, by name, each with those that it calls.
    pub callees: BTreeMap<String, Arc<Hir>>,
    /// Whether it has too many nodes with those of the flows that it calls, which was told: nothing is judged of it.
    pub is_too_large: bool,
}

impl Hir {
    /// What the flow calls of an api, in steps that are wrong otherwise too, and what its file's types name of it.
    pub fn used(&self, api: &str) -> Used {
        let document = self.apis.get(api).and_then(|api| api.document.as_ref());
        let written = self.flow.written.iter().filter(|(of, _)| of == api);
        let operations = written.filter_map(|(_, operation)| document?.operation(operation).ok());
        Used {
            operations: operations.map(|entry| entry.key.clone()).collect(),
            schemas: self.schemas.get(api).into_iter().flat_map(BTreeMap::keys).cloned().collect(),
        }
    }

    /// What the flow uses of an api whose document was locked, and what of the lock is gone from the document. Where a call
    /// is written whose operation the document does not have, it may be any of those that were used before.
    pub fn used_and_gone(&self, api: &str, locked: Option<&LockedApi>) -> (Used, Used) {
        let mut used = self.used(api);
        let document = self.apis.get(api).and_then(|api| api.document.as_ref());
        let Some((document, locked)) = document.zip(locked) else { return (used, Used::default()) };
        let mut gone = locked.gone(document);
        let lost = |(of, operation): &(String, String)| {
            of == api
                && match document.operation(operation) {
                    Err(_) => true,
                    // Written by method and path it may have been locked under another id.
                    Ok(entry) => {
                        entry.key != *operation && !locked.has(&entry.key) && !gone.operations.is_empty()
                    }
                }
        };
        if self.flow.written.iter().any(lost) {
            let there = locked.operations.keys().filter(|operation| !gone.operations.contains(*operation));
            used.operations.extend(there.cloned());
        } else {
            gone.operations.clear();
        }
        (used, gone)
    }

    /// This flow and those that it calls, each once.
    pub fn with_callees(&self) -> Vec<&Hir> {
        let mut found = vec![self];
        let mut names = BTreeSet::new();
        let mut at = 0;
        while let Some(hir) = found.get(at) {
            let new: Vec<&Hir> = hir
                .callees
                .iter()
                .filter(|(name, _)| names.insert(name.as_str()))
                .map(|(_, hir)| &**hir)
                .collect();
            found.extend(new);
            at += 1;
        }
        found
    }
}

/// Declared types and their names, to show the name where a type is shown.
#[derive(Debug, Clone, Default)]
pub struct TypeNames(pub(super) Vec<(Type, String)>);

impl TypeNames {
    /// A type as users know it.
    pub fn show(&self, ty: &Type) -> String {
        if let Some((_, name)) = self.0.iter().find(|(known, _)| known == ty) {
            return name.clone();
        }
        match ty {
            Type::List { of } => format!("[{}]", self.show(of)),
            Type::Map { of } => format!("{{string: {}}}", self.show(of)),
            Type::Optional { of } if self.0.iter().any(|(known, _)| *known == **of) => {
                format!("{}?", self.show(of))
            }
            other => other.to_string(),
        }
    }
}

/// An organisation.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Where it is declared.
    pub span: Span,
    /// Parent ECZ-ID.
    pub passport: EczId,
    /// Agent Credential ID.
    pub agent: Option<EczId>,
}

/// A secret.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Where it is declared.
    pub span: Span,
    /// The api that may receive it.
    pub audience: String,
    /// Where the audience is named.
    pub audience_span: Span,
}

/// An API surface.
#[derive(Debug)]
pub struct Api {
    /// Its name's place.
    pub span: Span,
    /// The document's path, relative to the flow, as written but without `./`.
    pub path: String,
    /// The whole of `openapi("…")`: a missing pin is inserted after it.
    pub source_span: Span,
    /// The pin: its hex digits and where its value stands.
    pub pin: Option<(String, Span)>,
    /// The document, where it could be read.
    pub document: Option<Arc<Document>>,
    /// Its identity, as the document or the `api` block states it, where it is whole.
    pub identity: Option<Identity>,
    /// Who states the identity; absent where nobody does.
    pub declared: Option<Declared>,
    /// `no passport`, where the flow says so.
    pub no_passport: Option<NoPassport>,
    /// The server that the flow names, and where.
    pub server: Option<(String, Span)>,
    /// The regional alias: name, origin and where that stands.
    pub region: Option<(String, String, Span)>,
    /// How requests authenticate, as declared.
    pub auth: Vec<Auth>,
    /// The idempotency header that is assumed or stated, as the flow says it.
    pub promised: Option<Idempotency>,
    /// The statement behind it, where it could be read.
    pub statement: Option<Statement>,
    /// Where an api without a passport is said to be spoken for; whatever the file says, nobody's word counts there.
    pub unspoken: Option<Span>,
    /// Bounds of one attempt.
    pub timeout: Timeout,
    /// Most requests in a length of time, and where that stands.
    pub rate: Option<(Rate, Span)>,
    /// Most requests at once.
    pub concurrency: Option<u32>,
    /// Default retry policy.
    pub retry: Option<NamedRetry>,
    /// The breaker; `None` where it could not be resolved.
    pub breaker: Option<Breaker>,
    /// Default handoff policy.
    pub handoff: Option<Arc<Handoff>>,
    /// What it may receive beside `internal` and its operator's own.
    pub cleared: Vec<Cleared>,
}

/// `cleared CLASS from …`.
#[derive(Debug, Clone)]
pub struct Cleared {
    /// What it allows.
    pub clearance: Clearance,
    /// Its place.
    pub span: Span,
}

/// A field with a class.
#[derive(Debug, Clone)]
pub struct ClassifiedField {
    /// What it is part of.
    pub of: ClassifiedIn,
    /// Members from the outside in, lists in between not named.
    pub path: Vec<String>,
    /// Its class.
    pub class: Class,
    /// The place of the `classify`, or of what the document says.
    pub span: Span,
    /// Whether the document of an input's type says so.
    pub by_document: bool,
}

/// What a classified field is part of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClassifiedIn {
    /// An input of the flow.
    Input(String),
    /// The answers of an operation.
    Answer {
        /// The api.
        api: String,
        /// The operation's key.
        operation: String,
    },
}

/// `release … to … as …`.
#[derive(Debug, Clone)]
pub struct Released {
    /// What it says.
    pub release: Release,
    /// Its place, the value included.
    pub span: Span,
}

/// One `auth` as declared.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Its place.
    pub span: Span,
    /// What it is.
    pub form: AuthForm,
    /// Its secrets in order: names, and where they are named.
    pub secrets: Vec<(String, Span)>,
}

/// The forms of `auth`, with what stands in the flow.
#[derive(Debug, Clone)]
pub enum AuthForm {
    /// A bearer token.
    Bearer,
    /// User and password.
    Basic,
    /// A key.
    Key {
        /// The scheme's name in the document.
        scheme: Option<(String, Span)>,
        /// `header`, `query` or `cookie`, and the name there.
        place: Option<(String, (String, Span))>,
    },
    /// OAuth 2.0 client credentials.
    OAuth2 {
        /// The token endpoint's origin.
        token: Option<(String, Span)>,
        /// The scopes to ask for.
        scopes: Vec<(String, Span)>,
        /// The audience to ask for.
        audience: Option<(String, Span)>,
    },
    /// A client certificate.
    Certificate,
}

/// A flow.
#[derive(Debug)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// Its name's place.
    pub span: Span,
    /// The operator that runs it and its Agent Credential.
    pub agent: Option<(String, EczId)>,
    /// Where `as` stands.
    pub agent_span: Option<Span>,
    /// Inputs in order.
    pub inputs: Vec<Input>,
    /// The declared output.
    pub output: Type,
    /// Default handoff policy.
    pub handoff: Option<Arc<Handoff>>,
    /// The run's bound, milliseconds.
    pub deadline_ms: u64,
    /// Where the deadline stands.
    pub deadline_span: Option<Span>,
    /// What its outputs and messages may hold beside `internal` and its operator's own.
    pub cleared: Vec<Cleared>,
    /// What is classified in its inputs and in answers.
    pub classified: Vec<ClassifiedField>,
    /// What is released, by the name of the value.
    pub releases: BTreeMap<String, Released>,
    /// The body.
    pub body: Block,
    /// Where the members of a returned record that is written out stand; the whole value has no name.
    pub output_spans: Vec<(String, Span)>,
    /// Places where a value is put that does not fit, or may not.
    pub positions: Vec<Position>,
    /// The calls that could not be bound to an operation, which was reported: api and operation as written.
    pub unbound: Vec<(String, ast::Name)>,
    /// All calls as they are written, undos and reads included: api and operation.
    pub written: Vec<(String, String)>,
}

/// An input.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its name's place.
    pub span: Span,
    /// Its type.
    pub ty: Type,
    /// Its default.
    pub default: Option<Expr>,
}

/// A value put somewhere: the question of P3 and its answer.
#[derive(Debug)]
pub struct Position {
    /// The node it belongs to, or `NODE/undo`.
    pub node: String,
    /// What the place is, in words: `argument \`sku\``.
    pub place: String,
    /// Where the value stands.
    pub span: Span,
    /// The value's type.
    pub found: Type,
    /// The type of what stands at `span`, where that is a part of the value only.
    pub part: Option<Type>,
    /// What may stand there.
    pub wanted: Field,
    /// Whether it fits.
    pub answer: Answer,
    /// Where the place is declared in a document.
    pub declared_at: Option<Span>,
    /// Whether it is the idempotency key, which the runtime makes.
    pub key: bool,
}

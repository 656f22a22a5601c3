//! The abstract syntax tree: what a file says, with the place of every part.
//!
//! Nothing here is resolved: a [`Name`] may name nothing, an ECZ-ID may be malformed, a policy may lack parts. Lengths
//! of time are milliseconds and sizes bytes, because a literal has only one reading.

mod api;
mod expression;
mod flow;
mod policy;

use crate::source::Span;

pub use api::{
    Api, Auth, AuthScheme, Idempotency, IdempotencySource, NoPassport, Pin, Rate, Region, Timeout,
};
pub use expression::{
    BinaryOperator, Builtin, Expr, ExprKind, MatchArm, Part, RecordField, TypeExpr, TypeField, TypeKind,
    UnaryOperator,
};
pub use flow::{
    After, Argument, Block, Call, Ensure, Fail, Flow, FlowCall, For, Input, Irreversible, Key, Let, OnStatus,
    Pages, Poll, Reconcile, Release, Return, Sender, Senders, Signal, Statement, Step, SubFlow, Target, Undo,
    Wait, Within,
};
pub use policy::{
    Agent, Attest, Backoff, BreakerPolicy, EvidenceLevel, HandoffPolicy, Open, RetryPolicy, Slow, UseHandoff,
    Verify, VerifyMode, Weaken,
};

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// A string without interpolation, unescaped. The span covers the quotes.
pub type Text = Spanned<String>;
/// A length of time, milliseconds.
pub type Millis = Spanned<u64>;
/// A count.
pub type Count = Spanned<u64>;
/// A percentage, 0 to 100.
pub type Percent = Spanned<u32>;

/// A word that names something, as written. A quoted name (an operation or member that is no word) is unescaped here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A dotted name: `careful`, `std.breaker.standard`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Its words; at least one.
    pub segments: Vec<Name>,
    /// Its place.
    pub span: Span,
}

impl Path {
    /// As written, without spaces.
    pub fn text(&self) -> String {
        self.segments.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(".")
    }
}

/// A file.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The whole text.
    pub span: Span,
    /// `eczflow 1`; a missing line was reported.
    pub version: Option<Spanned<u32>>,
    /// Declarations in source order.
    pub items: Vec<Item>,
    /// Comments in source order.
    pub trivia: Vec<Trivia>,
    /// What silences warnings, in source order.
    pub allows: Vec<Allow>,
}

/// `allow(stale-pin)`: the named warnings are not told about what stands below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// Its place.
    pub span: Span,
    /// Names of rules as written.
    pub names: Vec<Name>,
    /// The declaration, setting or statement below it; empty where none is.
    pub scope: Span,
}

impl File {
    /// The text of the `///` comments that stand directly before an item, one line each.
    pub fn docs(&self, item: Span) -> Vec<&str> {
        let docs = self.trivia.iter().filter(|trivia| trivia.doc && trivia.next == item.start);
        docs.map(|trivia| trivia.text.as_str()).collect()
    }
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trivia {
    /// Whether it is `///`, which documents what follows.
    pub doc: bool,
    /// The words after the slashes and one space.
    pub text: String,
    /// Its place, without the line's end.
    pub span: Span,
    /// Where the next token starts; the file's end after the last.
    pub next: usize,
}

/// A declaration.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a file has few declarations")]
pub enum Item {
    /// `use std.retry.{ careful }`.
    Use(Use),
    /// `operator acme { … }`.
    Operator(Operator),
    /// `secret token for payments`.
    Secret(Secret),
    /// `api payments = openapi("…") pinned sha256:…`.
    Api(Api),
    /// `classify support.getTicket -> customer.email as personal`.
    Classify(Classify),
    /// `retry careful { … }`.
    Retry(RetryPolicy),
    /// `breaker standard { … }`.
    Breaker(BreakerPolicy),
    /// `handoff strict { … }`.
    Handoff(HandoffPolicy),
    /// `type Line = { sku: string }`.
    Type(TypeDeclaration),
    /// `fn total(line: Line) -> decimal = …`.
    Function(Function),
    /// `flow refund(…) -> … { … }`.
    Flow(Flow),
    /// Something that did not parse or is not built yet; reported.
    Broken(Broken),
}

/// A part that did not parse. It was reported; what it would have declared must not be reported as missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its place.
    pub span: Span,
    /// The name it seems to declare.
    pub name: Option<Name>,
}

/// `type NAME = T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeDeclaration {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// What it stands for.
    pub ty: TypeExpr,
}

/// `fn NAME(a: T, b: U) -> R = e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The type of its value.
    pub result: TypeExpr,
    /// Its value.
    pub body: Expr,
}

/// `a: T` of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
}

/// `use SOURCE.{ a, b }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its place.
    pub span: Span,
    /// Where the names come from.
    pub source: UseSource,
    /// The names.
    pub names: Vec<Name>,
}

/// Where used names come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseSource {
    /// `std.retry`: a part of the standard library, the leading `std` included.
    Standard(Path),
    /// `"./policies.eczflow"`: a file, relative to this one.
    File(Text),
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Its place.
    pub span: Span,
    /// Its name in this file.
    pub name: Name,
    /// Parent ECZ-ID as written.
    pub passport: Option<Text>,
    /// Agent Credential ID as written.
    pub agent: Option<Text>,
}

/// `secret NAME for API`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// The api that may receive it.
    pub audience: Name,
}

/// `classify … as CLASS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classify {
    /// Its place.
    pub span: Span,
    /// Of what.
    pub of: ClassifyOf,
    /// Members from the outside in; none for the whole.
    pub path: Vec<Name>,
    /// The class as written.
    pub class: Name,
}

/// What a classified field is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassifyOf {
    /// The answers of an operation: `api.operation`.
    Answer {
        /// The api.
        api: Name,
        /// The operation.
        operation: Name,
    },
    /// An input: `input flow.name`, the name being the path's first.
    Input {
        /// The flow.
        flow: Name,
    },
}

/// `cleared personal from support`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// Its place.
    pub span: Span,
    /// The class as written.
    pub class: Name,
    /// An api or operator: whose data; everyone's where absent.
    pub from: Option<Name>,
}

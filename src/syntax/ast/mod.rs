//! The abstract syntax tree: what a file says, with the place of every part.
//!
//! Nothing here is resolved: a [`Name`] may name nothing, an ECZ-ID may be malformed, a policy may lack parts. Lengths
//! of time are milliseconds and sizes bytes, because a literal has only one reading.

mod expression;
mod flow;

use crate::source::Span;

pub use expression::{
    BinaryOperator, Builtin, Expr, ExprKind, MatchArm, Part, RecordField, TypeExpr, TypeField, TypeKind,
    UnaryOperator,
};
pub use flow::{
    After, Argument, Block, Call, Ensure, Fail, Flow, FlowCall, For, Input, Irreversible, Key, Let, OnStatus,
    Pages, Poll, Reconcile, Release, Return, Sender, Senders, Signal, Statement, Step, SubFlow, Target, Undo,
    Wait, Within,
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

/// An API surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its place.
    pub span: Span,
    /// Its name in this file.
    pub name: Name,
    /// The document's path; the string in `openapi("…")`.
    pub document: Text,
    /// The whole of `openapi("…")`: a missing pin is inserted after it.
    pub source_span: Span,
    /// The pin, where there is one.
    pub pin: Option<Pin>,
    /// The regional alias.
    pub region: Option<Region>,
    /// `operator NAME`: who is said to answer.
    pub operator: Option<Name>,
    /// `passport ECZ-…`: the API Passport as written.
    pub passport: Option<Text>,
    /// `origin "https://…"`: the authorised origin as written.
    pub origin: Option<Text>,
    /// `no passport because "…"`.
    pub no_passport: Option<NoPassport>,
    /// `server "https://…"`: one of the document's servers.
    pub server: Option<Text>,
    /// How requests authenticate: schemes that are due together.
    pub auth: Vec<Auth>,
    /// The idempotency header that its effects honour.
    pub idempotency: Option<Idempotency>,
    /// Bounds of one attempt.
    pub timeout: Option<Timeout>,
    /// Most requests in a length of time.
    pub rate: Option<Rate>,
    /// Most requests at once.
    pub concurrency: Option<Count>,
    /// Default retry policy.
    pub retry: Option<Path>,
    /// Breaker.
    pub breaker: Option<Path>,
    /// Default handoff policy.
    pub handoff: Option<UseHandoff>,
    /// What it may receive beside `internal`.
    pub cleared: Vec<Cleared>,
}

/// `handoff NAME`, or `weaken handoff NAME because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseHandoff {
    /// The policy.
    pub policy: Path,
    /// Why it may be weaker than the one it replaces, where that is said.
    pub weakened: Option<Weaken>,
}

/// `weaken … because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weaken {
    /// The place of the whole clause.
    pub span: Span,
    /// The reason.
    pub because: Text,
}

/// `pinned sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// 64 lower-case hex digits.
    pub hex: String,
    /// From `pinned` to the last digit.
    pub span: Span,
    /// `sha256:…`, the part that changes with the document.
    pub value_span: Span,
}

/// `region NAME at "https://…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its origin as written.
    pub origin: Text,
}

/// `no passport because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPassport {
    /// Its place.
    pub span: Span,
    /// The reason.
    pub because: Text,
}

/// `auth SCHEME …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Its place.
    pub span: Span,
    /// The scheme with what it needs.
    pub scheme: AuthScheme,
}

/// The schemes of `auth`. Names are those of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthScheme {
    /// `bearer secret.NAME`.
    Bearer(Name),
    /// `basic secret.USER secret.PASSWORD`.
    Basic(Name, Option<Name>),
    /// `key "scheme" secret.NAME in header "X-Key"`.
    Key {
        /// The scheme's name in the document, where given.
        scheme: Option<Text>,
        /// The key.
        secret: Name,
        /// `header`, `query` or `cookie`, and the name there, where given.
        place: Option<(Name, Text)>,
    },
    /// `oauth2 secret.ID secret.SECRET { … }`.
    OAuth2 {
        /// The client's id.
        client_id: Name,
        /// The client's secret.
        client_secret: Name,
        /// The token endpoint's origin.
        token: Option<Text>,
        /// The scopes to ask for.
        scopes: Vec<Text>,
        /// The audience to ask for.
        audience: Option<Text>,
    },
    /// `certificate secret.NAME`.
    Certificate(Name),
}

/// `idempotency header "…" …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Its place.
    pub span: Span,
    /// The header's name.
    pub header: Text,
    /// Who says so.
    pub source: IdempotencySource,
}

/// Who says that a header is honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencySource {
    /// `assumed by OPERATOR because "…"`.
    Assumed {
        /// The operator that takes it for granted.
        by: Name,
        /// The reason.
        because: Text,
    },
    /// `stated by ECZ-… in file("…") pinned sha256:…`.
    Stated {
        /// The issuer's ECZ-ID as written.
        by: Text,
        /// The statement's path as written.
        file: Text,
        /// The whole of `file("…")`: a missing pin is inserted after it.
        file_span: Span,
        /// The pin, where there is one.
        pin: Option<Pin>,
    },
}

/// `timeout { connect 5s attempt 30s response 16MiB }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeout {
    /// Its place.
    pub span: Span,
    /// Resolve, connect and TLS.
    pub connect: Option<Millis>,
    /// The whole attempt.
    pub attempt: Option<Millis>,
    /// Largest response body, bytes.
    pub response: Option<Spanned<u64>>,
}

/// `rate 600 per 1m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Its place.
    pub span: Span,
    /// How many requests.
    pub requests: Count,
    /// In what length of time.
    pub per: Millis,
}

/// `retry NAME { attempts 4  backoff 200ms to 5s  within 2m }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Most attempts, the first included.
    pub attempts: Option<Count>,
    /// Delays between attempts.
    pub backoff: Option<Backoff>,
    /// No attempt starts later than this after the first.
    pub within: Option<Millis>,
}

/// `backoff 200ms to 5s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    /// Its place.
    pub span: Span,
    /// The first delay's upper end.
    pub base: Millis,
    /// Every delay's upper end.
    pub cap: Millis,
}

/// `breaker NAME { window 30s  minimum 10  failures 50%  slow 80% over 5s  open 10s to 5m  probes 2 }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Calls older than this don't count.
    pub window: Option<Millis>,
    /// Fewer calls than this open nothing.
    pub minimum: Option<Count>,
    /// Failed calls that open it.
    pub failures: Option<Percent>,
    /// Slow calls that open it.
    pub slow: Option<Slow>,
    /// How long it stays open.
    pub open: Option<Open>,
    /// Calls let through while half open.
    pub probes: Option<Count>,
}

/// `slow 80% over 5s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slow {
    /// Its place.
    pub span: Span,
    /// Slow calls that open the breaker.
    pub percent: Percent,
    /// A call that takes longer is slow.
    pub over: Millis,
}

/// `open 10s to 5m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its place.
    pub span: Span,
    /// The first opening.
    pub first: Millis,
    /// The longest opening.
    pub cap: Millis,
}

/// `handoff NAME { present acme.agent  verify require within 60s  attest request response headers "date"  evidence >= E4 }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoffPolicy {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Who presents itself; the flow's `as` where absent.
    pub present: Option<Agent>,
    /// What the resolver must project.
    pub verify: Option<Verify>,
    /// What is committed to the log.
    pub attest: Option<Attest>,
    /// The least evidence.
    pub evidence: Option<Spanned<EvidenceLevel>>,
    /// `trace shared`: one trace id for all counterparties.
    pub trace_shared: Option<Span>,
}

/// `acme.agent`: the Agent Credential of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its place.
    pub span: Span,
    /// The operator.
    pub operator: Name,
}

/// `verify require within 60s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// Its place.
    pub span: Span,
    /// The mode.
    pub mode: Spanned<VerifyMode>,
    /// The oldest verdict that may be reused.
    pub within: Option<Millis>,
}

/// How a verdict that is not positive is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyMode {
    /// `require`: stops.
    Require,
    /// `prefer`: warns.
    Prefer,
    /// `open`: records.
    Open,
}

/// `attest request response headers "date"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attest {
    /// Its place.
    pub span: Span,
    /// Headers kept, as written.
    pub headers: Vec<Text>,
}

/// `E0` to `E5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceLevel(pub u8);

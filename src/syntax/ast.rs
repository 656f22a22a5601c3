//! The abstract syntax tree: what a file says, with the place of every part.
//!
//! Nothing here is resolved: a [`Name`] may name nothing, an ECZ-ID may be malformed, a policy may lack parts. Lengths
//! of time are milliseconds and sizes bytes, because a literal has only one reading.

use crate::source::Span;

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
pub enum Item {
    /// `use std.retry.{ careful }`.
    Use(Use),
    /// `operator acme { … }`.
    Operator(Operator),
    /// `secret token for payments`.
    Secret(Secret),
    /// `api payments = openapi("…") pinned sha256:…`.
    Api(Api),
    /// `retry careful { … }`.
    Retry(RetryPolicy),
    /// `breaker standard { … }`.
    Breaker(BreakerPolicy),
    /// `handoff strict { … }`.
    Handoff(HandoffPolicy),
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
    /// How requests authenticate.
    pub auth: Option<Auth>,
    /// An assumed idempotency header.
    pub idempotency: Option<Idempotency>,
    /// Bounds of one attempt.
    pub timeout: Option<Timeout>,
    /// Default retry policy.
    pub retry: Option<Path>,
    /// Breaker.
    pub breaker: Option<Path>,
    /// Default handoff policy.
    pub handoff: Option<Path>,
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

/// `auth bearer secret.NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Its place.
    pub span: Span,
    /// The scheme, `bearer`; the parser admits no other yet.
    pub scheme: Name,
    /// The secret's name.
    pub secret: Name,
}

/// `idempotency header "…" assumed by OPERATOR because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Its place.
    pub span: Span,
    /// The header's name.
    pub header: Text,
    /// The operator that takes it for granted.
    pub by: Name,
    /// The reason.
    pub because: Text,
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

/// `attest request response headers "date" bodies`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attest {
    /// Its place.
    pub span: Span,
    /// Headers kept, as written.
    pub headers: Vec<Text>,
    /// Whether bodies are kept for disclosure: the place of `bodies`.
    pub bodies: Option<Span>,
}

/// `E0` to `E5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceLevel(pub u8);

/// A flow.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Inputs.
    pub inputs: Vec<Input>,
    /// The returned type.
    pub output: TypeExpr,
    /// `as acme.agent`.
    pub agent: Option<Agent>,
    /// Default handoff policy.
    pub handoff: Option<Path>,
    /// Bound of the whole run.
    pub deadline: Option<Millis>,
    /// What happens.
    pub body: Block,
}

/// `limit: decimal = 500`.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// Its default.
    pub default: Option<Expr>,
}

/// Statements in braces. The span covers the braces.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Its place.
    pub span: Span,
    /// Statements in source order.
    pub statements: Vec<Statement>,
}

/// One thing in a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `step x = api.op(…)`.
    Step(Box<Step>),
    /// `let v = e`.
    Let(Let),
    /// `ensure c else "…"`.
    Ensure(Ensure),
    /// `fail "…" when c`.
    Fail(Fail),
    /// `for v in list at most N { … }`, perhaps bound by `let`.
    For(Box<For>),
    /// `after a, b`, `after all`: a barrier for what follows.
    After(After),
    /// `return e`.
    Return(Return),
    /// Something that did not parse or is not built yet; reported.
    Broken(Broken),
}

impl Statement {
    /// Its place.
    pub fn span(&self) -> Span {
        match self {
            Statement::Step(step) => step.span,
            Statement::Let(value) => value.span,
            Statement::Ensure(ensure) => ensure.span,
            Statement::Fail(fail) => fail.span,
            Statement::For(each) => each.span,
            Statement::After(after) => after.span,
            Statement::Return(value) => value.span,
            Statement::Broken(broken) => broken.span,
        }
    }
}

/// A call with its clauses.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its place, clauses included.
    pub span: Span,
    /// The name of its result.
    pub name: Name,
    /// The call.
    pub call: Call,
    /// `when c`.
    pub when: Option<Expr>,
    /// `after a, b`.
    pub after: Option<After>,
    /// `on 404 fail "…"`; statuses may repeat, which the checker reports.
    pub on: Vec<OnStatus>,
    /// `retry careful`.
    pub retry: Option<Path>,
    /// `handoff strict`.
    pub handoff: Option<Path>,
    /// `key once per e`.
    pub key: Option<Key>,
    /// `undo api.op(…)`.
    pub undo: Option<Undo>,
    /// `irreversible because "…"`.
    pub irreversible: Option<Irreversible>,
}

/// `api.op(a: e, query.id: e, { body })`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its place.
    pub span: Span,
    /// The api.
    pub api: Name,
    /// `operationId`, or `GET /path` where `quoted`.
    pub operation: Name,
    /// Whether the operation is written in quotes: method and path.
    pub quoted: bool,
    /// Named arguments.
    pub arguments: Vec<Argument>,
    /// The one positional argument: the body.
    pub body: Option<Expr>,
}

/// `ticketId: e`, `query.id: e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its place.
    pub span: Span,
    /// `path`, `query` or `header`, where written; the checker admits no other.
    pub location: Option<Name>,
    /// The parameter's name.
    pub name: Name,
    /// The value.
    pub value: Expr,
}

/// `on 404 fail "…"`.
#[derive(Debug, Clone, PartialEq)]
pub struct OnStatus {
    /// Its place.
    pub span: Span,
    /// The status, 100 to 599.
    pub status: Spanned<u16>,
    /// The message.
    pub message: Expr,
}

/// `key once per e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its place.
    pub span: Span,
    /// What it is once per.
    pub once_per: Expr,
}

/// `undo api.op(…) { retry NAME  handoff NAME }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// Its place.
    pub span: Span,
    /// The call.
    pub call: Call,
    /// Its own retry policy.
    pub retry: Option<Path>,
    /// Its own handoff policy.
    pub handoff: Option<Path>,
}

/// `irreversible because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Irreversible {
    /// Its place.
    pub span: Span,
    /// The reason.
    pub because: Text,
}

/// `let v = e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Expr,
}

/// `ensure c else "…"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ensure {
    /// Its place.
    pub span: Span,
    /// The condition.
    pub condition: Expr,
    /// The message.
    pub message: Expr,
}

/// `fail "…" when c`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fail {
    /// Its place.
    pub span: Span,
    /// The message.
    pub message: Expr,
    /// The condition; always where absent.
    pub when: Option<Expr>,
}

/// `let xs = for v in list at most N parallel K when c { … yield e }`.
#[derive(Debug, Clone, PartialEq)]
pub struct For {
    /// Its place, `let` included.
    pub span: Span,
    /// `xs`.
    pub binding: Option<Name>,
    /// `v`.
    pub variable: Name,
    /// The list.
    pub list: Expr,
    /// `at most N`.
    pub at_most: Count,
    /// `parallel K`; one at a time where absent.
    pub parallel: Option<Count>,
    /// `when c`.
    pub when: Option<Expr>,
    /// The body of one iteration, without `yield`.
    pub body: Block,
    /// `yield e`.
    pub result: Option<Return>,
}

/// `after a, b`, or `after all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Its place.
    pub span: Span,
    /// The names; `None` for `all`.
    pub names: Option<Vec<Name>>,
}

/// `return e`, or `yield e`.
#[derive(Debug, Clone, PartialEq)]
pub struct Return {
    /// Its place.
    pub span: Span,
    /// The value.
    pub value: Expr,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeExpr {
    /// Its place.
    pub span: Span,
    /// What it is.
    pub kind: TypeKind,
}

/// The kinds of types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// A built-in type by name; `null` too.
    Builtin(Builtin),
    /// A name that is none of the built-in ones.
    Named(Name),
    /// `"open"`: this string only.
    Literal(String),
    /// `T?`.
    Optional(Box<TypeExpr>),
    /// `[T]`.
    List(Box<TypeExpr>),
    /// `{string: T}`.
    Map(Box<TypeExpr>),
    /// `{ a: T, b: T? }`.
    Record(Vec<TypeField>),
    /// `A | B`; at least two.
    Union(Vec<TypeExpr>),
    /// `support.Ticket`: a schema of an api's document.
    Schema {
        /// The api.
        api: Name,
        /// The schema.
        schema: Name,
    },
}

/// The built-in types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Builtin {
    /// `string`.
    String,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `number`.
    Number,
    /// `decimal`.
    Decimal,
    /// `null`.
    Null,
    /// `timestamp`.
    Timestamp,
    /// `duration`.
    Duration,
    /// `bytes`.
    Bytes,
    /// `EczId`.
    EczId,
}

impl Builtin {
    /// All, in the order of the language's description.
    pub const ALL: [Builtin; 10] = [
        Builtin::String,
        Builtin::Bool,
        Builtin::Int,
        Builtin::Number,
        Builtin::Decimal,
        Builtin::Null,
        Builtin::Timestamp,
        Builtin::Duration,
        Builtin::Bytes,
        Builtin::EczId,
    ];

    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            Builtin::String => "string",
            Builtin::Bool => "bool",
            Builtin::Int => "int",
            Builtin::Number => "number",
            Builtin::Decimal => "decimal",
            Builtin::Null => "null",
            Builtin::Timestamp => "timestamp",
            Builtin::Duration => "duration",
            Builtin::Bytes => "bytes",
            Builtin::EczId => "EczId",
        }
    }
}

/// `a: T` in a record type. A member that may be absent has an [`TypeKind::Optional`] type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeField {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Its place, brackets around it excluded.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// `42`; within ±(2^53 − 1).
    Int(i64),
    /// `0.50`: its text, exactly. The checker gives it the type that is needed.
    Decimal(String),
    /// `"…"` without interpolation.
    String(String),
    /// `"… {e} …"`.
    Interpolation(Vec<Part>),
    /// `90s`, in milliseconds.
    Duration(u64),
    /// A name. `run` is one: `run.id` is a field of it.
    Name(Name),
    /// `e.f`, `e?.f`.
    Field {
        /// The record.
        of: Box<Expr>,
        /// The member.
        name: Name,
        /// `?.`.
        optional: bool,
    },
    /// `e[i]`, `e[i]?`.
    Index {
        /// The list.
        of: Box<Expr>,
        /// The index.
        index: Box<Expr>,
        /// `?`.
        optional: bool,
    },
    /// `decimal(x)`.
    Call {
        /// The function.
        function: Name,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// `!e`, `-e`.
    Unary {
        /// The operator.
        operator: Spanned<UnaryOperator>,
        /// Its operand.
        of: Box<Expr>,
    },
    /// `a + b`.
    Binary {
        /// The operator.
        operator: Spanned<BinaryOperator>,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `if c then a else b`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// Its value when true.
        then: Box<Expr>,
        /// Its value when false.
        otherwise: Box<Expr>,
    },
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{ a: x }`, members in source order; names may repeat, which the checker reports.
    Record(Vec<RecordField>),
    /// `[e for v in list when c]`.
    Comprehension {
        /// The result's item.
        item: Box<Expr>,
        /// The item's name.
        variable: Name,
        /// The list.
        list: Box<Expr>,
        /// Which items.
        condition: Option<Box<Expr>>,
    },
}

/// A part of an interpolated string.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Literal text, unescaped.
    Text(String),
    /// `{e}`.
    Value(Expr),
}

/// `a: e` in a record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordField {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Expr,
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `!`.
    Not,
    /// `-`.
    Negate,
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Remainder,
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `??`.
    Coalesce,
}

impl BinaryOperator {
    /// As written.
    pub fn word(self) -> &'static str {
        match self {
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Remainder => "%",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Less => "<",
            BinaryOperator::LessOrEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterOrEqual => ">=",
            BinaryOperator::And => "&&",
            BinaryOperator::Or => "||",
            BinaryOperator::Coalesce => "??",
        }
    }
}

//! Types and expressions.

use crate::source::Span;

use super::{Name, Spanned};

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
    /// `match x { 200 t => e, 404 => e, else => e }`.
    Match {
        /// The step.
        step: Name,
        /// Its arms; statuses may repeat, which the checker reports.
        arms: Vec<MatchArm>,
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

/// `200 t => e`, `else => e`.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchArm {
    /// Its place.
    pub span: Span,
    /// The status; `None` for `else`.
    pub status: Option<Spanned<u16>>,
    /// The name of the body.
    pub binding: Option<Name>,
    /// Its value.
    pub value: Expr,
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

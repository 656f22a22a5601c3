//! The expression IR of plans. Types were checked before; the evaluator still fails rather than guess.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::Moment;
use crate::types::{Arithmetic, Type};

/// An expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Expr {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool {
        /// The value.
        value: bool,
    },
    /// An integer literal.
    Int {
        /// The value.
        value: i64,
    },
    /// A double literal.
    Number {
        /// The value.
        value: f64,
    },
    /// A decimal literal.
    Decimal {
        /// Its text, exactly.
        value: String,
    },
    /// A string without interpolation.
    String {
        /// The value.
        value: String,
    },
    /// A duration literal.
    Duration {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// A moment that is written out.
    Timestamp {
        /// The moment.
        at: Moment,
    },
    /// A string with interpolations.
    Interpolate {
        /// Its parts.
        parts: Vec<Part>,
    },
    /// An input, step, value or loop variable in scope.
    Name {
        /// The name.
        name: String,
    },
    /// `run.id` or `run.started`.
    Run {
        /// `id` or `started`.
        member: String,
    },
    /// `next`: where the page that is asked for begins; absent of the first one.
    Next,
    /// `e.f`, or `e?.f`.
    Field {
        /// The record.
        of: Box<Expr>,
        /// The member.
        name: String,
        /// `?.`: absent and null yield absent. A plain access to an optional member yields absent too.
        optional: bool,
    },
    /// `e[i]`, or `e[i]?`.
    Index {
        /// The list.
        of: Box<Expr>,
        /// The index, from 0.
        index: Box<Expr>,
        /// `?`: outside yields absent instead of failing.
        optional: bool,
    },
    /// A prefix operator.
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// Its operand.
        of: Box<Expr>,
    },
    /// An infix operator.
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand; not evaluated where `&&`, `||`, `??` already know.
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
    /// `match x { 200 t => e, else => e }`: by the status of a step's answer; absent where the step was skipped.
    Match {
        /// The step.
        of: String,
        /// By status, in source order.
        arms: Vec<Arm>,
        /// `else`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<Box<Expr>>,
    },
    /// `[a, b]`.
    List {
        /// The items.
        items: Vec<Expr>,
    },
    /// `{ a: x }`. A member whose value is absent is left out.
    Record {
        /// Members in source order.
        members: Vec<(String, Expr)>,
    },
    /// `[e for v in list when c]`.
    Comprehension {
        /// The item's name.
        variable: String,
        /// The list.
        list: Box<Expr>,
        /// Which items.
        condition: Option<Box<Expr>>,
        /// The result's item.
        item: Box<Expr>,
    },
    /// A built-in function of the standard library, such as `decimal(x)`.
    Call {
        /// Its name.
        function: String,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// A function that the plan carries: a [`Definition`] by name.
    Apply {
        /// Its name in the plan.
        function: String,
        /// One argument a parameter.
        arguments: Vec<Expr>,
    },
    /// `status(x)`: the HTTP status of a step's answer; absent where the step was skipped.
    Status {
        /// The step.
        of: String,
    },
    /// `headers(x)`: the headers of a step's answer that the plan records; absent where the step was skipped.
    Headers {
        /// The step.
        of: String,
    },
    /// A conversion that the checker inserted: int to decimal, or int to number.
    Widen {
        /// `decimal` or `number`.
        to: String,
        /// The operand.
        of: Box<Expr>,
    },
}

/// A function of the flow: pure, and seeing nothing but its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its parameters' names, in order.
    pub parameters: Vec<String>,
    /// Their types, in order. Of a parameter without one nothing is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes: Vec<Type>,
    /// The type of what it gives; absent where nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives: Option<Type>,
    /// What it computes.
    pub body: Expr,
}

/// Functions by name.
pub type Definitions = BTreeMap<String, Definition>;

/// An arm of a `match`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// The status it is for.
    pub status: u16,
    /// What the answer's body is called in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Its value.
    pub value: Expr,
}

/// A part of an interpolated string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Literal text.
    Text(String),
    /// `{e}`.
    Value(Expr),
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnaryOperator {
    /// `!`.
    Not,
    /// `-`.
    Negate,
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// `??`: the right side where the left is absent or null.
    Coalesce,
}

impl BinaryOperator {
    /// As one of arithmetic, where it is.
    pub fn arithmetic(self) -> Option<Arithmetic> {
        Some(match self {
            BinaryOperator::Add => Arithmetic::Add,
            BinaryOperator::Subtract => Arithmetic::Subtract,
            BinaryOperator::Multiply => Arithmetic::Multiply,
            BinaryOperator::Divide => Arithmetic::Divide,
            BinaryOperator::Remainder => Arithmetic::Remainder,
            _ => return None,
        })
    }
}

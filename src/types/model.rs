//! Types as data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A type of the language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Type {
    /// No value at all: the type of what cannot happen.
    Never,
    /// Some JSON value that the checker can say nothing about, and why. Guarded at run time.
    Unknown {
        /// The keyword or construct that could not be decided.
        why: String,
    },
    /// JSON null.
    Null,
    /// true and false.
    Bool,
    /// Integers of ±(2^53 − 1), perhaps bounded.
    Int {
        /// Least value, inclusive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minimum: Option<i64>,
        /// Greatest value, inclusive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maximum: Option<i64>,
    },
    /// Finite doubles.
    Number,
    /// Exact decimals.
    Decimal,
    /// Strings; of these values only, where an enumeration is given.
    String {
        /// The allowed values.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        values: Option<BTreeSet<String>>,
    },
    /// A moment; RFC 3339 on the wire.
    Timestamp,
    /// A length of time; ISO 8601 on the wire.
    Duration,
    /// Bytes; base64 on the wire.
    Bytes,
    /// An ECZ-ID.
    EczId,
    /// A list.
    List {
        /// The items' type.
        of: Box<Type>,
    },
    /// `{string: T}`.
    Map {
        /// The values' type.
        of: Box<Type>,
    },
    /// A record.
    Record(RecordType),
    /// One of several.
    Union {
        /// The alternatives; at least two, none a union.
        of: Vec<Type>,
    },
    /// `T?`: may be absent. Never nested.
    Optional {
        /// The type when present.
        of: Box<Type>,
    },
}

/// A record's members.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordType {
    /// Declared members by name.
    pub fields: BTreeMap<String, Field>,
    /// What may stand beside them.
    pub others: Members,
}

/// A declared member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its type, never `Optional`.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Whether it must be there.
    pub required: bool,
}

/// Undeclared members of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// None may stand there: a record of the flow, or `additionalProperties: false`.
    #[default]
    Closed,
    /// Any may stand there; the language cannot name them.
    Open,
    /// Any of this type.
    Of(Box<Type>),
}

//! The shapes of what a flow waits for beside answers: other flows and signals.

use serde::{Deserialize, Serialize};

use super::steps::Call;
use crate::ecz::EczId;
use crate::expr::Expr;
use crate::types::{Field, Type};

/// A call of another flow: a run of its own, with an audit root of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubFlow {
    /// Its name among the plan's `flows`.
    pub flow: String,
    /// What it is given, in its order of inputs.
    pub inputs: Vec<Given>,
    /// `when`: false skips the step, and its value is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Expr>,
    /// The compensation; evaluated with the step's own name in scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Call>,
    /// `irreversible because "…"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
}

/// A value for an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// The input's name.
    pub name: String,
    /// The value; absent (`T?`) leaves an optional input out.
    pub value: Expr,
}

/// The member of a signal's value that names who sent it; null where the default stands for it.
pub const SENDER: &str = "sender";

impl Signal {
    /// What the signal's name stands for: the record with its sender beside; null where none came.
    pub fn value_type(&self) -> Type {
        let Type::Record(record) = &self.ty else { return Type::Never };
        let mut record = record.clone();
        let sender = Type::union(vec![Type::EczId, Type::Null]);
        record.fields.insert(SENDER.to_owned(), Field { ty: sender, required: true });
        Type::Record(record)
    }
}

/// An event from outside, waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// The record that is sent. Its value in the flow has [`SENDER`] beside.
    #[serde(rename = "type")]
    pub ty: Type,
    /// The Agent Credentials that may send it, sorted, each once; absent where it is the operator of the run's own store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<EczId>,
    /// How long it is waited for, milliseconds.
    pub within_ms: u64,
    /// What stands for one that did not come.
    pub otherwise: Expr,
    /// `when`: false skips the wait, and its value is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Expr>,
}

//! Why a plan is refused.

use crate::base::{Digest, Explained};

/// A plan that is not run. Names of the plan's own parts stand in the words; no argument, body or secret ever does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not strict JSON of a plan's shape, or larger than a plan may be.
    #[error("the plan cannot be read: {reason}")]
    Unreadable {
        /// What stands in the way.
        reason: String,
    },
    /// JSON that is not in its canonical form.
    #[error("the plan is not in its canonical form")]
    NotCanonical,
    /// Another format, or a later version of it.
    #[error("this is `{found}`, but only `{expected}` can be run")]
    Format {
        /// What the plan says.
        found: String,
        /// What this version reads.
        expected: &'static str,
    },
    /// The stated digest is not that of the content.
    #[error("the plan's digest is {actual}, not the {stated} that it states")]
    Digest {
        /// As stated.
        stated: Digest,
        /// As computed.
        actual: Digest,
    },
    /// A field outside what makes sense.
    #[error("`{place}` is out of range: {reason}")]
    Range {
        /// The field.
        place: String,
        /// The range.
        reason: String,
    },
    /// A slice that is not what its digest says, or that cannot be read.
    #[error("the slice of `{api}.{operation}` does not hold: {reason}")]
    Slice {
        /// The api's name.
        api: String,
        /// The operation's key.
        operation: String,
        /// What is wrong.
        reason: String,
    },
    /// An obligation that the plan's content does not meet.
    #[error("{name} does not hold at `{subject}`: {reason}")]
    Obligation {
        /// `P1` to `P10`.
        name: &'static str,
        /// A node, an api, or `flow`.
        subject: String,
        /// Why not.
        reason: String,
    },
    /// The plan's proof says something else than what was recomputed.
    #[error("the proof does not say what was recomputed: {difference}")]
    Proof {
        /// The first difference.
        difference: String,
    },
    /// The plan's slices are not those of the documents at hand.
    #[error("`{api}` differs from its document: {reason}")]
    Drift {
        /// The api's name.
        api: String,
        /// What differs.
        reason: String,
    },
}

impl Explained for PlanError {
    fn code(&self) -> &'static str {
        match self {
            PlanError::Unreadable { .. } => "ER2001",
            PlanError::NotCanonical => "ER2002",
            PlanError::Format { .. } => "ER2003",
            PlanError::Digest { .. } => "ER2004",
            PlanError::Range { .. } => "ER2005",
            PlanError::Slice { .. } => "ER2006",
            PlanError::Obligation { .. } => "ER2007",
            PlanError::Proof { .. } => "ER2008",
            PlanError::Drift { .. } => "ER2009",
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            PlanError::Format { .. } => "compile the flow again with this version of eczflow",
            PlanError::Drift { .. } => {
                "run `eczflow check` on the flow: it says what changed; then pin and compile it again"
            }
            PlanError::Unreadable { .. } | PlanError::NotCanonical => {
                "a plan is written by `eczflow compile` and never edited: compile the flow again"
            }
            PlanError::Obligation { .. } => {
                "the plan was changed after it was compiled: compile the flow again from its source; docs/checks.md says what each obligation is"
            }
            PlanError::Digest { .. }
            | PlanError::Range { .. }
            | PlanError::Slice { .. }
            | PlanError::Proof { .. } => {
                "the plan was changed after it was compiled: compile the flow again from its source"
            }
        };
        Some(help.to_owned())
    }
}

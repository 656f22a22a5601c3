//! Statements of counterparties that a plan relies on: signed by a key that its runner takes for the issuer's.

use crate::base::{Explained, Timestamp};
use crate::config::Config;
use crate::ecz::{EczId, IdempotencyStatement};

/// Why a run does not rely on a statement.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// No key of the issuer is configured.
    #[error("nothing says which key `{issuer}` signs its statements with")]
    NoKey {
        /// Who is said to state it.
        issuer: EczId,
    },
    /// It is signed with another key.
    #[error("its statement is signed with a key that is not one of `{issuer}`'s")]
    OtherKey {
        /// Who is said to state it.
        issuer: EczId,
    },
    /// It cannot be read: it was not verified with its plan.
    #[error("its statement cannot be read: {0}")]
    Unreadable(String),
    /// It is not for runs that begin now.
    #[error("its statement is only for runs that begin by {not_after}")]
    Expired {
        /// The latest time.
        not_after: Timestamp,
    },
}

impl Explained for StatementError {
    fn code(&self) -> &'static str {
        match self {
            StatementError::NoKey { .. } => "ER1110",
            StatementError::OtherKey { .. } | StatementError::Unreadable(_) => "ER1111",
            StatementError::Expired { .. } => "ER1112",
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            StatementError::NoKey { issuer } => format!(
                "ask it for its public key, by another way than the statement came, and name it in eczflow.toml: `[statements]` with `\"{issuer}\" = [\"…\"]`, the `x` of the key's JWK"
            ),
            StatementError::OtherKey { issuer } => format!(
                "ask `{issuer}` whether it has a new key; only then add it to `[statements]` in eczflow.toml"
            ),
            StatementError::Unreadable(_) => "compile the flow again".into(),
            StatementError::Expired { .. } => {
                "ask its issuer for one that goes on, then run `eczflow pin --update` on the flow".into()
            }
        })
    }
}

/// Whether a runner's configuration bears out that a statement is its issuer's. `begins`: when the run does, if it begins
/// now; one that goes on keeps what it began with.
pub fn check_statement(
    statement: &IdempotencyStatement,
    config: &Config,
    begins: Option<Timestamp>,
) -> Result<(), StatementError> {
    let issuer = statement.issuer.clone();
    match config.statements.get(&issuer) {
        None => return Err(StatementError::NoKey { issuer }),
        Some(keys) if !keys.contains(&statement.key) => return Err(StatementError::OtherKey { issuer }),
        Some(_) => {}
    }
    match (begins, statement.not_after) {
        (Some(now), Some(not_after)) if now > not_after => Err(StatementError::Expired { not_after }),
        _ => Ok(()),
    }
}

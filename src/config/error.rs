//! What can be wrong with a configuration.

use camino::Utf8PathBuf;

use crate::base::Explained;
use crate::ecz::EczId;
use crate::source::ReadError;

/// A configuration, key or secret that cannot be used. Never carries a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not TOML.
    #[error("{place}: {reason}")]
    Syntax {
        /// `path:line:column`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// A key that means nothing here.
    #[error("{place}: unknown key `{key}`{}", match .table { Some(table) => format!(" in `[{table}]`"), None => String::new() })]
    UnknownKey {
        /// `path:line:column`.
        place: String,
        /// The key.
        key: String,
        /// The table it stands in; `None` at the top.
        table: Option<String>,
        /// The known key nearest to it.
        nearest: Option<String>,
        /// All known keys there, joined.
        known: String,
    },
    /// A value of the wrong type or shape.
    #[error("{place}: `{key}` {reason}")]
    Value {
        /// `path:line:column`.
        place: String,
        /// The key with its tables.
        key: String,
        /// What it must be.
        reason: String,
    },
    /// A file beside a flow that says more than it may.
    #[error("{place}: a file beside a flow may not set `{key}`")]
    NotHere {
        /// `path:line:column`.
        place: String,
        /// The key.
        key: String,
    },
    /// A secret without a source.
    #[error("the secret `{name}` has no source")]
    SecretUnmapped {
        /// Its name in the flow.
        name: String,
    },
    /// A source that yields no secret.
    #[error("the secret `{name}` could not be read: {reason}")]
    SecretSource {
        /// Its name in the flow.
        name: String,
        /// What happened, without the value.
        reason: String,
        /// What to do about such a source.
        help: String,
    },
    /// A secret or private key that others may read.
    #[error("`{path}` may be read by others (mode {mode:04o})")]
    OpenMode {
        /// The file.
        path: Utf8PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// An agent without a key.
    #[error("the agent `{agent}` has no key")]
    AgentUnmapped {
        /// The Agent Credential.
        agent: EczId,
    },
    /// A key file that holds no key.
    #[error("`{path}` is not an Ed25519 private key in PKCS #8 PEM form")]
    KeyUnreadable {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A key file that stands already or could not be written.
    #[error("cannot write the key file `{path}`: {reason}")]
    KeyNotWritten {
        /// The file.
        path: Utf8PathBuf,
        /// The system's words.
        reason: String,
    },
}

impl Explained for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            ConfigError::Read(error) => error.code(),
            ConfigError::Syntax { .. } => "ER1010",
            ConfigError::UnknownKey { .. } => "ER1011",
            ConfigError::Value { .. } => "ER1012",
            ConfigError::NotHere { .. } => "ER1013",
            ConfigError::SecretUnmapped { .. } => "ER1014",
            ConfigError::SecretSource { .. } => "ER1015",
            ConfigError::OpenMode { .. } => "ER1016",
            ConfigError::AgentUnmapped { .. } => "ER1017",
            ConfigError::KeyUnreadable { .. } => "ER1018",
            ConfigError::KeyNotWritten { .. } => "ER1019",
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            ConfigError::Read(error) => return error.help(),
            ConfigError::Syntax { .. } => "the file must be TOML 1.0".into(),
            ConfigError::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            ConfigError::UnknownKey { known, .. } => format!("known here: {known}"),
            ConfigError::Value { .. } => return None,
            ConfigError::NotHere { .. } => {
                "only `[rules]` and `[store] path` may stand there; put the rest into your own configuration \
                 and name it with `--config`"
                    .into()
            }
            ConfigError::SecretUnmapped { name } => format!(
                "bring it back from the api's operator, and map it in eczflow.toml: `[secrets.{name}]` with `env = \"…\"`, `file = \"…\"` or `command = [\"…\"]`"
            ),
            ConfigError::SecretSource { help, .. } => help.clone(),
            ConfigError::OpenMode { path, .. } => format!("run `chmod 600 {path}`"),
            ConfigError::AgentUnmapped { agent } => format!(
                "make one with `eczflow key new -o agent.pem` and name it in eczflow.toml: `[agent.\"{agent}\"]` with `key = \"agent.pem\"`; it is read from `--config FILE`, else from $XDG_CONFIG_HOME/eczflow or ~/.config/eczflow"
            ),
            ConfigError::KeyUnreadable { .. } => "make a new one with `eczflow key new -o FILE`".into(),
            ConfigError::KeyNotWritten { .. } => {
                "name a file that does not exist yet, in a folder you may write".into()
            }
        })
    }
}

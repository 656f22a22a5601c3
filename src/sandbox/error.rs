//! What can go wrong when a sandbox starts.

use camino::Utf8PathBuf;

use crate::base::Explained;

/// A sandbox that could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No port of the loopback interface could be had.
    #[error("the sandbox cannot listen on loopback: {reason}")]
    Listen {
        /// The system's words.
        reason: String,
    },
    /// The port that was asked for could not be had.
    #[error("the sandbox cannot listen on port {port} of loopback: {reason}")]
    Port {
        /// As asked for.
        port: u16,
        /// The system's words.
        reason: String,
    },
    /// Keys or certificates could not be made.
    #[error("the sandbox cannot make its test certificates: {reason}")]
    Tls {
        /// The library's words.
        reason: String,
    },
    /// A file of the configuration could not be written.
    #[error("the sandbox cannot write `{path}`: {reason}")]
    Write {
        /// The file or folder.
        path: Utf8PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A document cannot be served.
    #[error("the sandbox cannot serve the document of api `{api}`: {reason}")]
    Document {
        /// The api's name.
        api: String,
        /// Why.
        reason: String,
    },
    /// A fault that names nothing of this flow, or is misspelt.
    #[error(transparent)]
    Fault(#[from] super::FaultError),
}

impl Explained for SandboxError {
    fn code(&self) -> &'static str {
        match self {
            SandboxError::Listen { .. } => "ER3901",
            SandboxError::Port { .. } => "ER3910",
            SandboxError::Tls { .. } => "ER3902",
            SandboxError::Write { .. } => "ER3903",
            SandboxError::Document { .. } => "ER3904",
            SandboxError::Fault(error) => error.code(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            SandboxError::Listen { .. } => {
                Some("the sandbox needs a free port on 127.0.0.1 for each api; allow it, or free some".into())
            }
            SandboxError::Port { .. } => Some(
                "another program may hold this port: end it, name another one, or leave `--port` out for any free one"
                    .into(),
            ),
            SandboxError::Tls { .. } => None,
            SandboxError::Write { .. } => {
                Some("the sandbox writes its configuration into this folder; make it writable".into())
            }
            SandboxError::Document { .. } => Some(
                "the sandbox is made from the api's OpenAPI document; `check` says what is wrong in it"
                    .into(),
            ),
            SandboxError::Fault(error) => error.help(),
        }
    }
}

//! What can come of sending, told apart as the outcome table needs it: provably nothing sent, or unknown.

use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;

use super::connector::Answer;
use crate::base::Explained;

/// No answer that can be judged. The words carry no URL, no header and no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Provably not a byte of the request was sent: no effect.
    #[error("not sent: {reason}")]
    NotSent {
        /// What stood in the way.
        cause: NotSent,
        /// The same in words.
        reason: String,
    },
    /// The request may have been sent, in part or whole: the effect is unknown.
    #[error("no answer: {reason}")]
    Unknown {
        /// What happened.
        cause: Unknown,
        /// The same in words.
        reason: String,
    },
    /// An answer came whose body is larger than allowed.
    #[error("the answer ({}) is larger than {limit} bytes", .answer.status)]
    TooLarge {
        /// Status and headers; the body is empty.
        answer: Box<Answer>,
        /// The limit, bytes.
        limit: usize,
    },
}

/// Why nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSent {
    /// The request cannot be sent as it is: a scheme other than https, or a header that is none.
    Request,
    /// The host name has no address.
    Resolve,
    /// The address is not public and not allowed.
    RefusedAddress,
    /// No connection.
    Connect,
    /// No TLS session: the certificate does not hold.
    Tls,
}

impl NotSent {
    /// One word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            NotSent::Request => "request",
            NotSent::Resolve => "resolve",
            NotSent::RefusedAddress => "refused_address",
            NotSent::Connect => "connect",
            NotSent::Tls => "tls",
        }
    }
}

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The connection ended, or what came was no HTTP.
    Reset,
    /// The time for the attempt was over.
    Timeout,
}

impl Unknown {
    /// One word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Unknown::Reset => "reset",
            Unknown::Timeout => "timeout",
        }
    }
}

impl SendError {
    /// What the user can do about it, where that is known.
    pub fn help(&self) -> Option<&'static str> {
        let SendError::NotSent { cause, .. } = self else { return None };
        Some(match cause {
            NotSent::Request => return None,
            NotSent::Resolve => "check the host name, and `[origins]` in eczflow.toml where it is not in DNS",
            NotSent::RefusedAddress => {
                "only public addresses are connected to; name this one under `[allow] private` in eczflow.toml if you mean it"
            }
            NotSent::Connect => "nothing was sent: check that the server is up and reachable from here",
            NotSent::Tls => {
                "nothing was sent; where the server's authority is your own, name it with `[tls] ca` in eczflow.toml"
            }
        })
    }

    pub(super) fn not_sent(cause: NotSent, reason: impl Into<String>) -> SendError {
        SendError::NotSent { cause, reason: reason.into() }
    }

    pub(super) fn unknown(cause: Unknown, reason: impl Into<String>) -> SendError {
        SendError::Unknown { cause, reason: reason.into() }
    }

    /// The client's error for a request that got no answer.
    pub(super) fn of_request(error: &reqwest::Error, connect_ms: u64) -> SendError {
        if error.is_builder() {
            return SendError::not_sent(NotSent::Request, "the request is not well formed");
        }
        if !error.is_connect() {
            // Everything after the connection stands may follow bytes that were sent.
            return SendError::unknown(Unknown::Reset, "the connection ended before a whole answer came");
        }
        if let Some(error) = find::<AddressError>(error) {
            let cause = match error {
                AddressError::Refused(_) => NotSent::RefusedAddress,
                AddressError::Unresolved(_) => NotSent::Resolve,
            };
            return SendError::not_sent(cause, error.to_string());
        }
        if error.is_dns() {
            return SendError::not_sent(NotSent::Resolve, "the host name could not be resolved");
        }
        if let Some(error) = find::<rustls::Error>(error) {
            return SendError::not_sent(NotSent::Tls, tls_words(error));
        }
        if error.is_timeout() {
            return SendError::not_sent(NotSent::Connect, format!("no connection within {connect_ms} ms"));
        }
        let words = match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                "the address cannot be reached"
            }
            _ => "the connection could not be set up",
        };
        SendError::not_sent(NotSent::Connect, words)
    }
}

/// Why a name led to no address that may be connected to.
#[derive(Debug, thiserror::Error)]
pub(super) enum AddressError {
    /// Addresses, none of them allowed.
    #[error("the address {0} is not public and `[allow] private` does not name it")]
    Refused(IpAddr),
    /// No address.
    #[error("the host name could not be resolved: {0}")]
    Unresolved(String),
}

/// The first error of a type in a chain. An `io::Error` hides the error it was made from behind `get_ref`.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    // Chains are short; the bound only keeps a faulty one from going round.
    for _ in 0..32 {
        let error = next?;
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn tls_words(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
        Revoked, UnknownIssuer,
    };
    match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            UnknownIssuer => "the server's certificate is of an authority that is not trusted here",
            Expired | ExpiredContext { .. } => "the server's certificate has expired",
            NotValidYet | NotValidYetContext { .. } => "the server's certificate is not valid yet",
            NotValidForName | NotValidForNameContext { .. } => "the server's certificate is for another name",
            Revoked => "the server's certificate is revoked",
            _ => "the server's certificate does not hold",
        },
        rustls::Error::AlertReceived(_) => "the server ended the TLS handshake",
        _ => "the TLS handshake failed",
    }
}

/// A connector that cannot be made from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The authorities of `[tls] ca`.
    #[error("`{path}` names no certificate authority: {reason}")]
    Authorities {
        /// The file.
        path: camino::Utf8PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The machine's own authorities.
    #[error("this machine's certificate authorities cannot be used: {0}")]
    Platform(String),
}

impl Explained for ConnectorError {
    fn code(&self) -> &'static str {
        match self {
            ConnectorError::Authorities { .. } => "ER1020",
            ConnectorError::Platform(_) => "ER1021",
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            ConnectorError::Authorities { .. } => "`[tls] ca` must name a PEM file of certificates".into(),
            ConnectorError::Platform(_) => {
                "install the system's certificates (often the package `ca-certificates`), or name your own with `[tls] ca`".into()
            }
        })
    }
}

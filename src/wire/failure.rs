//! What can come of sending, told apart as the outcome table needs it: provably nothing sent, or unknown.

use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;

use super::connector::Answer;
use crate::base::Explained;

/// No answer that can be judged. The words carry no URL, no header, no body and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Provably without effect: not a byte of the request was sent, or the callee's transport says that it took none of it.
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
        /// The limit, bytes, of the body as it is read: decompressed.
        limit: usize,
    },
    /// An answer came whose body cannot be decoded.
    #[error("the answer ({}) {reason}", .answer.status)]
    Unreadable {
        /// Status and headers; the body is empty.
        answer: Box<Answer>,
        /// Why, to stand after "it".
        reason: String,
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
    /// No TLS session: a certificate does not hold, or what answered speaks no TLS.
    Tls,
    /// HTTP/2: the server says that it did not process the request (GOAWAY, REFUSED_STREAM).
    Unprocessed,
    /// No access token, for a reason that may pass.
    Token,
    /// No access token, for a reason that stays.
    TokenRefused,
    /// A secret, or what is made of it, that cannot be sent.
    Credential,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The connection ended, or what came was no HTTP.
    Reset,
    /// The time for the attempt was over.
    Timeout,
}

impl SendError {
    pub(super) fn not_sent(cause: NotSent, reason: impl Into<String>) -> SendError {
        SendError::NotSent { cause, reason: reason.into() }
    }

    pub(super) fn unknown(cause: Unknown, reason: impl Into<String>) -> SendError {
        SendError::Unknown { cause, reason: reason.into() }
    }

    /// What happened, in words.
    pub fn reason(&self) -> String {
        match self {
            SendError::NotSent { reason, .. } | SendError::Unknown { reason, .. } => reason.clone(),
            SendError::TooLarge { .. } | SendError::Unreadable { .. } => self.to_string(),
        }
    }

    /// Whether the same request may get through a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            SendError::NotSent { cause, .. } => {
                use NotSent::{Connect, Resolve, Token, Unprocessed};
                matches!(cause, Resolve | Connect | Unprocessed | Token)
            }
            SendError::Unknown { .. } => true,
            SendError::TooLarge { .. } | SendError::Unreadable { .. } => false,
        }
    }

    /// The client's error for a request that got no answer.
    pub(super) fn of_request(error: &reqwest::Error, connect_ms: u64) -> SendError {
        if error.is_builder() {
            return SendError::not_sent(NotSent::Request, "the request is not well formed");
        }
        if let Some(words) = find::<h2::Error>(error).and_then(unprocessed) {
            return SendError::not_sent(NotSent::Unprocessed, words);
        }
        let tls = find::<rustls::Error>(error);
        if !error.is_connect() {
            // With TLS 1.3 a server judges our certificate when its own side of the handshake is done for us: what we sent
            // by then was never given to anything that could act on it.
            if let Some(words) = tls.and_then(certificate_words) {
                return SendError::not_sent(NotSent::Tls, words);
            }
            let cause = find::<hyper::Error>(error);
            // The connection ended before the request was handed to it: hyper gives it back unsent.
            if cause.is_some_and(hyper::Error::is_canceled) {
                let words = "the connection ended before the request went out";
                return SendError::not_sent(NotSent::Connect, words);
            }
            // Everything else after the connection stands may follow bytes that were sent.
            let words = match cause {
                Some(error) if error.is_parse_too_large() => "the header section of the answer is too large",
                Some(error) if error.is_parse() => "what answered speaks no HTTP",
                _ => "the connection ended before a whole answer came",
            };
            return SendError::unknown(Unknown::Reset, words);
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
        if let Some(error) = tls {
            return SendError::not_sent(NotSent::Tls, tls_words(error));
        }
        if error.is_timeout() {
            return SendError::not_sent(NotSent::Connect, format!("no connection within {connect_ms} ms"));
        }
        let words = match io_kind(error) {
            Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
            Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                "the address cannot be reached"
            }
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                "the connection ended within the TLS handshake"
            }
            _ => "the connection could not be set up",
        };
        SendError::not_sent(NotSent::Connect, words)
    }
}

impl Explained for SendError {
    fn code(&self) -> &'static str {
        match self {
            SendError::NotSent { cause, .. } => match cause {
                NotSent::Request => "ER3020",
                NotSent::Resolve => "ER3021",
                NotSent::RefusedAddress => "ER3022",
                NotSent::Connect => "ER3023",
                NotSent::Tls => "ER3024",
                NotSent::Unprocessed => "ER3025",
                NotSent::Token => "ER3026",
                NotSent::TokenRefused => "ER3027",
                NotSent::Credential => "ER3028",
            },
            SendError::Unknown { cause: Unknown::Reset, .. } => "ER3029",
            SendError::Unknown { cause: Unknown::Timeout, .. } => "ER3030",
            SendError::TooLarge { .. } => "ER3031",
            SendError::Unreadable { .. } => "ER3032",
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            SendError::NotSent { cause, .. } => match cause {
                NotSent::Request => "nothing was sent; look at the step's arguments and headers",
                NotSent::Resolve => {
                    "check the host name, and `[origins]` in eczflow.toml where it is not in DNS"
                }
                NotSent::RefusedAddress => {
                    "only public addresses are connected to; name this one under `[allow] private` in eczflow.toml if you mean it"
                }
                NotSent::Connect => "nothing was sent: check that the server is up and reachable from here",
                NotSent::Tls => {
                    "nothing was sent; where the server's authority is your own, name it with `[tls] ca` in eczflow.toml"
                }
                NotSent::Unprocessed => "the server says that it took nothing of it; it may be sent again",
                NotSent::Token => "nothing was sent; look at the token endpoint, then `eczflow resume`",
                NotSent::TokenRefused => {
                    "nothing was sent; look at the client id and secret under `[secrets]` in eczflow.toml, and at the scopes and audience in the flow"
                }
                NotSent::Credential => {
                    "nothing was sent; look at the api's secrets under `[secrets]` in eczflow.toml"
                }
            },
            SendError::Unknown { cause: Unknown::Reset, .. } => {
                "whether the request had an effect cannot be known from here; the callee can tell"
            }
            SendError::Unknown { cause: Unknown::Timeout, .. } => {
                "whether the request had an effect cannot be known from here; `timeout` in the `api` block sets the time"
            }
            SendError::TooLarge { .. } => "`timeout` in the `api` block sets the largest answer",
            SendError::Unreadable { .. } => "only UTF-8 is read, plain or as gzip or deflate",
        };
        Some(help.to_owned())
    }
}

/// RFC 9113 section 8.7: the two ways in which a server says that it processed nothing of a request.
fn unprocessed(error: &h2::Error) -> Option<&'static str> {
    if !error.is_remote() {
        return None;
    }
    if error.is_go_away() {
        // Only streams beyond the last one that the server names end this way; others end with the connection.
        return Some("the server closed the connection before it took the request (HTTP/2 GOAWAY)");
    }
    (error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM))
        .then_some("the server took nothing of the request (HTTP/2 REFUSED_STREAM)")
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

/// The errors of a chain. An `io::Error` hides the error it was made from behind `get_ref`.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let next = |error: &&'a (dyn StdError + 'static)| -> Option<&'a (dyn StdError + 'static)> {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    };
    // Chains are short; the bound only keeps a faulty one from going round.
    std::iter::successors(Some(error), next).take(32)
}

/// The first error of a type in a chain.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref::<T>())
}

/// What the system says, below the errors that only wrap another.
fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let kinds = chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().find(|kind| *kind != io::ErrorKind::Other)
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
        rustls::Error::AlertReceived(_) => {
            certificate_words(error).unwrap_or("the server ended the TLS handshake")
        }
        rustls::Error::InvalidMessage(_) => {
            "what answered speaks no TLS: plain HTTP on this port, or a proxy in between"
        }
        _ => "the TLS handshake failed",
    }
}

/// The words for a server that does not take our certificate, or has none of us.
fn certificate_words(error: &rustls::Error) -> Option<&'static str> {
    use rustls::AlertDescription as Alert;
    let rustls::Error::AlertReceived(alert) = error else { return None };
    Some(match alert {
        Alert::CertificateRequired => "the server asks for a client certificate",
        Alert::CertificateExpired => "the server says that our client certificate has expired",
        Alert::CertificateRevoked => "the server says that our client certificate is revoked",
        Alert::UnknownCA => "the server does not know the authority of our client certificate",
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::DecryptError
        | Alert::AccessDenied => "the server does not take our client certificate",
        _ => return None,
    })
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

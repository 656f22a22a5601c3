//! HTTP: the one connector, request signatures, the trust context, the resolver's adapters and agents' key sets.
//!
//! May import: base, ecz, source, plan, audit, engine, config. The only room that uses reqwest. Everything read from
//! outside is bounded; no URL, secret or body stands in an error.

mod address;
mod certificate;
mod coding;
mod connector;
mod credential;
mod failure;
pub mod handoff;
pub mod keys;
pub mod resolver;
pub mod signature;
mod token;

pub use certificate::{CertificateError, ClientCertificate};
pub use connector::{Answer, Connector, Request};
pub use credential::Credential;
pub use failure::{ConnectorError, NotSent, SendError, Unknown};
pub use token::{Grant, Tokens};

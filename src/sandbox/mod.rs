//! The sandbox: a resolver and one counterparty per api, made from the plan, as real HTTPS servers on
//! loopback that really verify what they are sent. What a run in it differs by is configuration, nothing else.
//!
//! May import every room before it. The only room that knows hyper's server, rcgen and TLS servers.
//! Invariants: listens on loopback only; writes only into the folder it is given; nothing it answers is secret.

mod authority;
mod error;
mod faults;
mod flatten;
mod folder;
mod layout;
mod ledger;
mod naming;
mod admission;
mod answer;
mod listener;
mod counterparty;
mod credentials;
mod problem;
mod registry;
mod schedule;
mod services;
#[cfg(test)]
mod real_tests;
mod request;
mod scalar;
mod start;
mod surface;
mod synthesis;
mod things;
mod token;

pub use error::SandboxError;
pub use faults::{AnswerFault, Behaviour, FaultError, Faults, Revocation};
pub use ledger::{Counters, Effect, Entry, Ledger, Outcome, Report};
pub use start::{ENVIRONMENT, Options, Sandbox};

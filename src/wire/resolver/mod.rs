//! Asking a resolver what it projects for one exact ECZ-ID. Wire forms differ, so each lives behind an [`Adapter`];
//! what is accepted stands in docs/formats/resolver.md.

mod ask;
mod binding_projection;
mod cache;
mod page;

use std::pin::Pin;

pub use ask::{Budget, HttpResolver};
pub use binding_projection::BindingProjection;
pub use cache::{LONGEST_REUSE_MS, VerdictCache};
pub use page::{ResolverUrlError, check_resolver_url};

use crate::base::{Digest, Timestamp};
use crate::ecz::{EczId, Observation, Projection};

/// What came of asking once, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The answer in this project's own terms.
    pub observation: Observation,
    /// When it was asked: the moment before the attempt that was answered.
    pub observed_at: Timestamp,
    /// Digest of the raw body, where there was a whole one.
    pub raw_digest: Option<Digest>,
}

/// The future of an answer.
pub type Observing<'a> = Pin<Box<dyn Future<Output = Observed> + Send + 'a>>;

/// Says what is projected for an ID. Never fails: not being able to ask is an observation too.
pub trait Resolver: Send + Sync {
    /// Asks, within the resolver's own bounds of time.
    fn observe<'a>(&'a self, id: &'a EczId) -> Observing<'a>;
}

/// Reads one wire form.
pub trait Adapter: Send + Sync {
    /// Its name in `[resolver] adapter`.
    fn name(&self) -> &'static str;

    /// The projection in a body, or why there is none, in words without text of the body.
    fn read(&self, asked: &EczId, body: &[u8]) -> Result<Projection, String>;
}

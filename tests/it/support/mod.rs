//! What several topics need.

pub(crate) mod http2;
pub(crate) mod server;

//! `eczflow.toml`: where secrets, keys, the resolver, the store and the trusted logs stand. The runner's own file may
//! say everything; a file beside the flow only `[rules]` and `[store] path`, since a cloned flow must not bring its own
//! commands, resolver or trusted keys.
//!
//! May import: base, ecz, source. With `cli` the only room that reads the environment, and only through
//! [`Environment`]. Never puts a secret into an error.

mod environment;
mod error;
mod key_file;
mod load;
mod model;
mod read;
mod render;
mod secret;
mod table;

pub use environment::{Environment, NoEnvironment, ProcessEnvironment};
pub use error::ConfigError;
pub use key_file::{NewKey, new_key, read_key};
pub use load::{FILE_NAME, cache, load};
pub use model::{
    AllowedAddress, ApiConfig, Config, EndpointKind, ResolverConfig, RuleLevel, SPEC_HASH_PROFILE,
    SecretSource, Template,
};
pub use secret::Secret;

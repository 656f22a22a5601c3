//! Ground shared by every room: digests, canonical JSON, strict JSON, clock and randomness as traits, signing,
//! limits, did-you-mean, and what every operational error must be able to say.
//!
//! Imports nothing of this crate. Holds no I/O but the operating system's clock and random source behind their traits.

mod canonical;
mod clock;
mod digest;
mod explained;
pub mod json;
pub mod limits;
mod moment;
mod random;
mod signing;
mod suggest;

pub use canonical::{CanonicalError, canonical_json};
pub use clock::{Clock, SystemClock, Timestamp, VirtualClock, length};
pub use digest::{
    Digest, DigestError, Hasher, decode_base64, decode_base64url, decode_hex, encode_base64,
    encode_base64url, encode_hex,
};
pub use explained::Explained;
pub use moment::{Moment, NoMoment};
pub use random::{OsRandom, Random, SeededRandom};
pub use signing::{Ed25519Key, PublicKey, Signer, SigningError};
pub use suggest::{did_you_mean, folded, meant};

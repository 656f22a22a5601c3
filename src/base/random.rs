//! Randomness as a trait: the operating system's, or a seeded stream for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Digest;

/// Where random bytes come from.
pub trait Random: Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random number below `bound`; 0 where the bound is 0.
    fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        // 128 random bits modulo 64: the bias is below 2^-64.
        u64::try_from(u128::from_le_bytes(bytes) % u128::from(bound.max(1))).unwrap_or(0)
    }
}

/// The operating system's random source.
#[derive(Debug, Default, Clone, Copy)]
pub struct OsRandom;

impl Random for OsRandom {
    #[expect(
        clippy::panic,
        reason = "without a random source no nonce or key can be made: going on would be worse"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("the operating system's random source failed: {error}");
        }
    }
}

/// A repeatable stream: SHA-256 of the seed and a counter. For tests and simulations only.
#[derive(Debug)]
pub struct SeededRandom {
    seed: [u8; 32],
    counter: AtomicU64,
}

impl SeededRandom {
    /// The stream named by a seed.
    pub fn new(seed: &str) -> SeededRandom {
        SeededRandom { seed: Digest::of(seed).0, counter: AtomicU64::new(0) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let counter = self.counter.fetch_add(1, Ordering::SeqCst);
            let block = Digest::of_parts(&[&self.seed, &counter.to_le_bytes()]).0;
            for (target, byte) in chunk.iter_mut().zip(block) {
                *target = byte;
            }
        }
    }
}

//! Backoff and the retry budget: pure, over randomness and moments they are given.

use crate::base::Random;
use crate::plan::Retry;

/// Tokens of a full budget.
pub const BUDGET: u32 = 500;
/// What a retry after a transient failure costs.
pub const TRANSIENT_COST: u32 = 14;
/// What a retry after throttling costs.
pub const THROTTLED_COST: u32 = 5;

/// The upper end of the delay before attempt `next` (2 for the first retry), milliseconds.
pub fn ceiling_ms(retry: &Retry, next: u32) -> u64 {
    let factor = 1u64.checked_shl(next.saturating_sub(2).min(32)).unwrap_or(u64::MAX);
    retry.base_ms.saturating_mul(factor).min(retry.cap_ms)
}

/// Full jitter: anything from nothing to the ceiling, milliseconds.
pub fn delay_ms(ceiling_ms: u64, random: &dyn Random) -> u64 {
    random.below(ceiling_ms.saturating_add(1))
}

/// A counterparty's retry budget, so that retries cannot storm: failures drain it, first-try successes refill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(u32);

impl Default for Budget {
    fn default() -> Budget {
        Budget(BUDGET)
    }
}

impl Budget {
    /// Takes what a retry costs; what is left, or `None` where too little is.
    pub fn take(&mut self, cost: u32) -> Option<u32> {
        self.0 = self.0.checked_sub(cost)?;
        Some(self.0)
    }

    /// A call succeeded at its first attempt.
    pub fn refill(&mut self) {
        self.0 = (self.0 + 1).min(BUDGET);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;

    #[test]
    fn backoff_is_exponential_with_a_cap_and_full_jitter() {
        let retry = Retry { name: "r".into(), attempts: 9, base_ms: 100, cap_ms: 1_000, within_ms: None };
        assert_eq!(
            [2, 3, 4, 5, 6, 90].map(|next| ceiling_ms(&retry, next)),
            [100, 200, 400, 800, 1_000, 1_000]
        );
        let random = SeededRandom::new("jitter");
        let delays: Vec<u64> = (0..200).map(|_| delay_ms(100, &random)).collect();
        assert!(delays.iter().all(|delay| *delay <= 100));
        assert!(delays.iter().any(|delay| *delay < 20) && delays.iter().any(|delay| *delay > 80));
    }

    #[test]
    fn the_budget_runs_dry_and_refills() {
        let mut budget = Budget::default();
        let taken = std::iter::from_fn(|| budget.take(TRANSIENT_COST)).count();
        assert_eq!(taken, 35);
        (0..14).for_each(|_| budget.refill());
        assert!(budget.take(TRANSIENT_COST).is_some());
    }
}

//! Verdicts that may be reused: only BOUND ones, for a short time, never after an error.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Observed;
use crate::base::Timestamp;
use crate::ecz::{EczId, Observation, State};

/// The longest any answer is reused, milliseconds.
pub const LONGEST_REUSE_MS: u64 = 60_000;
/// The most answers kept.
const ENTRIES: usize = 10_000;

/// Answers that say BOUND and valid, by exact ID. What each is worth to a policy is judged anew at every use.
#[derive(Debug, Default)]
pub struct VerdictCache(Mutex<BTreeMap<EczId, Observed>>);

impl VerdictCache {
    /// An empty cache.
    pub fn new() -> VerdictCache {
        VerdictCache::default()
    }

    /// An answer younger than the least of the policy's `within`, its own max-age and 60 s. `recheck` is the document's
    /// `recheck_before_reliance`: nothing is reused then.
    pub fn get(&self, id: &EczId, within_ms: u64, recheck: bool, now: Timestamp) -> Option<Observed> {
        if recheck {
            return None;
        }
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(id)?;
        let Observation::Projected(projection) = &entry.observation else { return None };
        let most = within_ms.min(projection.max_age_s.saturating_mul(1_000)).min(LONGEST_REUSE_MS);
        // An answer from the future tells that the clock was set back: its age is not known.
        let fits = entry.observed_at <= now && now.since(entry.observed_at) < most;
        fits.then(|| entry.clone())
    }

    /// Keeps an answer where it may be reused; any other drops what was kept of that ID.
    pub fn put(&self, id: &EczId, observed: &Observed) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reusable = matches!(&observed.observation, Observation::Projected(projection)
            if projection.state == State::Bound
                && projection.valid
                && projection.ecz_id == *id
                && projection.fail_closed.is_empty()
                && projection.max_age_s > 0);
        if reusable {
            if entries.len() >= ENTRIES {
                entries.clear();
            }
            entries.insert(id.clone(), observed.clone());
        } else {
            entries.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecz::Projection;

    fn observed(change: impl FnOnce(&mut Projection)) -> Observed {
        let mut projection = Projection {
            ecz_id: id(),
            state: State::Bound,
            valid: true,
            operator_ecz_id: None,
            authorised_origin: None,
            regional_aliases: None,
            endpoints: None,
            manifest_hash: None,
            spec_hash: None,
            observed_at: None,
            max_age_s: 100,
            fail_closed: vec![],
            reason_codes: vec![],
        };
        change(&mut projection);
        let observation = Observation::Projected(Box::new(projection));
        Observed { observation, observed_at: Timestamp(1_000_000), raw_digest: None }
    }

    fn id() -> EczId {
        "ECZ-GB-A1B2C3::API-000001".parse().unwrap()
    }

    fn reused(observed: &Observed, within_ms: u64, recheck: bool, age_ms: i64) -> bool {
        let cache = VerdictCache::new();
        cache.put(&id(), observed);
        cache.get(&id(), within_ms, recheck, Timestamp(1_000_000 + age_ms)).is_some()
    }

    #[test]
    fn the_least_of_three_bounds_holds() {
        let fresh = observed(|_| {});
        let short = observed(|projection| projection.max_age_s = 5);
        for (observed, within, age, fits) in [
            (&fresh, 90_000, 59_999, true),
            (&fresh, 90_000, 60_000, false),
            (&fresh, 10_000, 9_999, true),
            (&fresh, 10_000, 10_000, false),
            (&fresh, 0, 0, false),
            (&short, 90_000, 4_999, true),
            (&short, 90_000, 5_000, false),
            (&fresh, 90_000, -1, false),
        ] {
            assert_eq!(reused(observed, within, false, age), fits, "{within} {age}");
            assert!(!reused(observed, within, true, age));
        }
    }

    #[test]
    fn only_bound_answers_are_kept_and_others_drop_them() {
        let worse = [
            observed(|projection| projection.state = State::Claimed),
            observed(|projection| projection.state = State::Revoked),
            observed(|projection| projection.valid = false),
            observed(|projection| projection.max_age_s = 0),
            observed(|projection| projection.ecz_id = id().parent()),
            observed(|projection| projection.fail_closed = vec!["x".into()]),
            Observed { observation: Observation::Unavailable("x".into()), ..observed(|_| {}) },
            Observed { observation: Observation::NotFound, ..observed(|_| {}) },
        ];
        for worse in worse {
            let cache = VerdictCache::new();
            cache.put(&id(), &observed(|_| {}));
            assert!(cache.get(&id(), 60_000, false, Timestamp(1_000_001)).is_some());
            cache.put(&id(), &worse);
            assert_eq!(cache.get(&id(), 60_000, false, Timestamp(1_000_001)), None);
        }
    }
}

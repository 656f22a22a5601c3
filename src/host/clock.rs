//! The time of the journal: the system's, but never going back.

use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{Clock, Timestamp};

/// A clock that goes on where it stood when the system's clock is set back. Journal, waits and verdicts' ages follow it;
/// signatures follow the system's own, which counterparties compare with theirs.
pub(super) struct Steady {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    last: Timestamp,
    /// What is added to the system's time, milliseconds.
    ahead: u64,
}

impl Steady {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Steady {
        Steady { clock, seen: Mutex::default() }
    }

    /// Moves on to a moment that a run's journal has already seen.
    pub(super) fn reach(&self, moment: Timestamp) {
        let now = self.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.ahead = seen.ahead.saturating_add(moment.since(now));
    }
}

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        seen.ahead = seen.ahead.saturating_add(seen.last.since(now));
        seen.last = now;
        now.plus(seen.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::VirtualClock;

    #[test]
    fn a_clock_set_back_goes_on_from_where_it_stood() {
        let system = Arc::new(VirtualClock::new(Timestamp(1_000)));
        let steady = Steady::new(system.clone());
        assert_eq!(steady.now(), Timestamp(1_000));
        system.set(Timestamp(400));
        assert_eq!(steady.now(), Timestamp(1_000));
        system.set(Timestamp(450));
        assert_eq!(steady.now(), Timestamp(1_050), "waits end although the system's clock lags behind");
        steady.reach(Timestamp(5_000));
        assert_eq!(steady.now(), Timestamp(5_000));
        steady.reach(Timestamp(4_000));
        assert_eq!(steady.now(), Timestamp(5_000));
    }
}

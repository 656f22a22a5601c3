//! The circuit breaker: a pure state machine over moments it is given. One stands per passport and origin, shared by the
//! runs of a process; each change is an event in the run that caused it.

use std::collections::VecDeque;

use super::told::BreakerFacts;
use crate::base::{Random, Timestamp};
use crate::plan::Breaker as Settings;

/// Calls kept at most: a window with more in it is judged on the newest ones.
const CALLS_KEPT: usize = 10_000;

/// One breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    settings: Settings,
    state: State,
    calls: VecDeque<Call>,
    openings: u32,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    at: Timestamp,
    failed: bool,
    slow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Timestamp,
    },
    /// A probe that has not been reported by `until` counts as lost: its run may have been given up, or its sending.
    HalfOpen {
        granted: u32,
        succeeded: u32,
        until: Timestamp,
    },
}

/// Whether a call may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    /// Yes: the breaker is closed.
    Closed,
    /// Yes, as a probe; with the change to half open, where this permit made it.
    Probe(Option<BreakerFacts>),
    /// Not before this moment: the breaker is open.
    Until(Timestamp),
    /// Not before this moment: the api's rate is used up.
    Paced(Timestamp),
}

/// A change of state that a reported call made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// It opened.
    Opened(BreakerFacts),
    /// It closed.
    Closed(BreakerFacts),
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: Settings) -> Breaker {
        Breaker { settings, state: State::Closed, calls: VecDeque::new(), openings: 0 }
    }

    /// Asks for permission to send now.
    pub fn permit(&mut self, api: &str, now: Timestamp) -> Permit {
        match self.state {
            State::Closed => Permit::Closed,
            State::Open { until } if now < until => Permit::Until(until),
            State::Open { .. } => {
                self.state = State::HalfOpen { granted: 1, succeeded: 0, until: self.patience(now) };
                Permit::Probe(Some(self.facts(api, None)))
            }
            State::HalfOpen { granted, until, .. } if granted >= self.settings.probes && now < until => {
                Permit::Until(until)
            }
            State::HalfOpen { granted, succeeded, .. } => {
                let granted = if granted < self.settings.probes { granted + 1 } else { succeeded + 1 };
                self.state = State::HalfOpen { granted, succeeded, until: self.patience(now) };
                Permit::Probe(None)
            }
        }
    }

    fn patience(&self, now: Timestamp) -> Timestamp {
        now.plus(self.settings.open_ms.max(1))
    }

    /// Gives back a probe that was granted but never sent.
    pub fn release(&mut self) {
        if let State::HalfOpen { granted, .. } = &mut self.state {
            *granted = granted.saturating_sub(1);
        }
    }

    /// Reports a call that was let through: whether it failed (time-out, reset, 5xx, no connection) and how long it took.
    pub fn report(
        &mut self,
        api: &str,
        now: Timestamp,
        failed: bool,
        elapsed_ms: u64,
        random: &dyn Random,
    ) -> Option<Transition> {
        let slow = elapsed_ms > self.settings.slow_ms;
        self.calls.push_back(Call { at: now, failed, slow });
        let window = self.settings.window_ms;
        while self.calls.len() > CALLS_KEPT
            || self.calls.front().is_some_and(|call| now.since(call.at) > window)
        {
            self.calls.pop_front();
        }
        match self.state {
            State::Closed => trips(&self.settings, &self.facts(api, None))
                .then(|| Transition::Opened(self.open(api, now, random))),
            State::Open { .. } => None,
            State::HalfOpen { .. } if failed => Some(Transition::Opened(self.open(api, now, random))),
            State::HalfOpen { succeeded, .. } if succeeded + 1 >= self.settings.probes => {
                let facts = self.facts(api, None);
                (self.state, self.openings) = (State::Closed, 0);
                self.calls.clear();
                Some(Transition::Closed(facts))
            }
            State::HalfOpen { granted, succeeded, until } => {
                self.state = State::HalfOpen { granted, succeeded: succeeded + 1, until };
                None
            }
        }
    }

    fn open(&mut self, api: &str, now: Timestamp, random: &dyn Random) -> BreakerFacts {
        self.openings = self.openings.saturating_add(1);
        let longest = opening_ceiling(&self.settings, self.openings);
        // Jitter over the upper half: openings still grow, but callers don't come back together.
        let until = now.plus(longest / 2 + random.below(longest / 2 + 1));
        self.state = State::Open { until };
        self.facts(api, Some(until))
    }

    fn facts(&self, api: &str, until: Option<Timestamp>) -> BreakerFacts {
        let count = |what: fn(&Call) -> bool| {
            u32::try_from(self.calls.iter().filter(|call| what(call)).count()).unwrap_or(u32::MAX)
        };
        BreakerFacts {
            api: api.to_owned(),
            calls: count(|_| true),
            failures: count(|call| call.failed),
            slow: count(|call| call.slow),
            openings: self.openings,
            until,
        }
    }
}

/// Whether counted calls open a closed breaker: what an auditor checks a recorded opening against.
pub fn trips(settings: &Settings, facts: &BreakerFacts) -> bool {
    let reaches =
        |part: u32, percent: u32| u64::from(part) * 100 >= u64::from(percent) * u64::from(facts.calls);
    facts.calls >= settings.minimum_calls.max(1)
        && ((facts.failures > 0 && reaches(facts.failures, settings.failure_percent))
            || (facts.slow > 0 && reaches(facts.slow, settings.slow_percent)))
}

/// The longest the n-th opening in a row may last, milliseconds.
pub fn opening_ceiling(settings: &Settings, openings: u32) -> u64 {
    let factor = 1u64.checked_shl(openings.saturating_sub(1).min(32)).unwrap_or(u64::MAX);
    settings.open_ms.saturating_mul(factor).min(settings.open_cap_ms).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRandom;

    fn settings() -> Settings {
        Settings {
            name: "test".into(),
            window_ms: 10_000,
            minimum_calls: 4,
            failure_percent: 50,
            slow_ms: 1_000,
            slow_percent: 80,
            open_ms: 2_000,
            open_cap_ms: 60_000,
            probes: 2,
        }
    }

    #[test]
    fn opens_by_ratio_probes_and_closes() {
        let random = SeededRandom::new("breaker");
        let mut breaker = Breaker::new(settings());
        let report =
            |breaker: &mut Breaker, at, failed| breaker.report("api", Timestamp(at), failed, 5, &random);
        assert_eq!(report(&mut breaker, 0, true), None, "too few calls");
        assert_eq!(report(&mut breaker, 1, true), None);
        assert_eq!(report(&mut breaker, 2, false), None);
        let Some(Transition::Opened(facts)) = report(&mut breaker, 3, false) else {
            panic!("two of four failed")
        };
        assert_eq!((facts.calls, facts.failures, facts.openings), (4, 2, 1));
        let until = facts.until.unwrap();
        assert!(until >= Timestamp(1_003) && until <= Timestamp(2_003));
        assert_eq!(breaker.permit("api", Timestamp(500)), Permit::Until(until));
        assert!(matches!(breaker.permit("api", until), Permit::Probe(Some(_))));
        assert_eq!(breaker.permit("api", until), Permit::Probe(None));
        let Permit::Until(patience) = breaker.permit("api", until) else { panic!("only two probes") };
        let mut lost = breaker.clone();
        assert_eq!(
            lost.permit("api", patience),
            Permit::Probe(None),
            "probes without an answer are given up"
        );
        assert!(matches!(lost.permit("api", patience), Permit::Probe(None)), "both of them");
        assert!(matches!(lost.permit("api", patience), Permit::Until(_)));
        breaker.release();
        assert_eq!(breaker.permit("api", until), Permit::Probe(None));
        assert_eq!(report(&mut breaker, until.0, false), None);
        assert!(matches!(report(&mut breaker, until.0, false), Some(Transition::Closed(_))));
        assert_eq!(breaker.permit("api", until), Permit::Closed);
    }

    #[test]
    fn a_failed_probe_opens_longer_and_old_calls_leave_the_window() {
        let random = SeededRandom::new("breaker");
        let mut breaker = Breaker::new(settings());
        for at in 0..3 {
            assert_eq!(breaker.report("api", Timestamp(at), true, 5, &random), None);
        }
        assert_eq!(
            breaker.report("api", Timestamp(20_000), true, 5, &random),
            None,
            "the others are too old"
        );
        for at in 20_001..20_003 {
            assert_eq!(breaker.report("api", Timestamp(at), true, 5, &random), None);
        }
        let Some(Transition::Opened(first)) = breaker.report("api", Timestamp(20_003), true, 5, &random)
        else {
            panic!()
        };
        let until = first.until.unwrap();
        breaker.permit("api", until);
        let Some(Transition::Opened(second)) = breaker.report("api", until, true, 5, &random) else {
            panic!()
        };
        assert_eq!(second.openings, 2);
        assert!(second.until.unwrap() >= until.plus(2_000));
        assert_eq!(opening_ceiling(&settings(), 64), 60_000);
    }

    #[test]
    fn slow_calls_open_it_too() {
        let random = SeededRandom::new("breaker");
        let mut breaker = Breaker::new(settings());
        for at in 0..3 {
            breaker.report("api", Timestamp(at), false, 1_001, &random);
        }
        assert!(breaker.report("api", Timestamp(3), false, 1_001, &random).is_some());
    }
}

//! The rate of an api: a pure state machine over moments it is given. One stands per passport and origin, shared by the
//! runs of a process. Who has to wait is given a moment of its own, so that nobody waits twice and nobody is overtaken.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::path::Path;
use crate::base::Timestamp;
use crate::plan::Rate;

fn most(rate: Rate) -> usize {
    usize::try_from(rate.requests.max(1)).unwrap_or(usize::MAX)
}

/// A call: its run, and its path there.
pub type Caller = (Arc<str>, Path);

/// What was let go, and what was promised to whom.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// The newest requests that were let go, oldest first, with their runs: as many as the largest rate asks for.
    sent: VecDeque<(Timestamp, Arc<str>)>,
    promised: BTreeMap<Caller, Timestamp>,
    kept: usize,
}

impl Pace {
    /// A run begins or goes on that is held to a rate: from now on so many requests are kept, whoever lets them go.
    pub fn expect(&mut self, rate: Rate) {
        self.kept = self.kept.max(most(rate));
    }

    /// When a call may be let go: `None` for now, else the moment that it is promised.
    pub fn due(&mut self, caller: &Caller, rate: Rate, now: Timestamp) -> Option<Timestamp> {
        self.expect(rate);
        let window = rate.window_ms();
        self.promised.retain(|_, moment| moment.plus(window) > now);
        // Whoever was promised a moment that has come waits for those that were let go alone.
        let waited = self.promised.get(caller).copied();
        if let Some(promised) = waited.filter(|promised| *promised > now) {
            return Some(promised);
        }
        let mut before: Vec<Timestamp> = self.sent.iter().map(|(moment, _)| *moment).collect();
        if waited.is_none() {
            before.extend(self.promised.values());
            before.sort_unstable();
        }
        let first = before.len().checked_sub(most(rate)).and_then(|at| before.get(at));
        let moment = first.map(|first| first.plus(window)).filter(|moment| *moment > now)?;
        self.promised.insert(caller.clone(), moment);
        Some(moment)
    }

    /// A call is let go, of an api with a rate or without.
    pub fn sent(&mut self, caller: &Caller, now: Timestamp) {
        self.promised.remove(caller);
        self.keep([(now, caller.0.clone())]);
    }

    /// All that a run let go before this process drove it. What is known of the run already is not counted twice.
    pub fn recall(&mut self, run: &Arc<str>, moments: &[Timestamp]) {
        if !self.sent.iter().any(|(_, known)| known == run) {
            self.keep(moments.iter().map(|moment| (*moment, run.clone())));
        }
    }

    /// A run wants nothing of what it was promised.
    pub fn forget(&mut self, run: &str) {
        self.promised.retain(|(of, _), _| **of != *run);
    }

    fn keep(&mut self, more: impl IntoIterator<Item = (Timestamp, Arc<str>)>) {
        let newest = self.sent.back().map(|(moment, _)| *moment);
        let known = self.sent.len();
        self.sent.extend(more);
        if newest.is_some_and(|newest| self.sent.range(known..).any(|(moment, _)| *moment < newest)) {
            self.sent.make_contiguous().sort_by_key(|(moment, _)| *moment);
        }
        let surplus = self.sent.len().saturating_sub(self.kept);
        self.sent.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { requests: 2, per_ms: 1_000 };

    fn caller(run: &str, node: &str) -> Caller {
        (run.into(), Path::new(&[], node))
    }

    fn ask(pace: &mut Pace, node: &str, now: i64) -> Option<i64> {
        let caller = caller("run", node);
        let due = pace.due(&caller, RATE, Timestamp(now));
        if due.is_none() {
            pace.sent(&caller, Timestamp(now));
        }
        due.map(|moment| moment.0)
    }

    #[test]
    fn whoever_waits_is_promised_a_moment_of_its_own_and_is_not_overtaken() {
        let mut pace = Pace::default();
        assert_eq!([ask(&mut pace, "a", 0), ask(&mut pace, "b", 10)], [None, None]);
        let promised = ["c", "d", "e"].map(|node| ask(&mut pace, node, 20));
        assert_eq!(promised, [Some(1_050), Some(1_060), Some(2_100)]);
        assert_eq!(ask(&mut pace, "c", 500), Some(1_050), "it asked before its time");
        assert_eq!(ask(&mut pace, "f", 1_055), Some(2_110), "the first two places are promised");
        assert_eq!([ask(&mut pace, "c", 1_055), ask(&mut pace, "d", 1_065)], [None, None]);
        assert_eq!(ask(&mut pace, "e", 2_100), Some(2_105), "`c` was late by five: so is who follows it");
        assert_eq!(ask(&mut pace, "e", 2_105), None);
    }

    #[test]
    fn promises_of_a_run_that_ended_hold_nobody_up() {
        let mut pace = Pace::default();
        for node in ["a", "b", "c", "d", "e", "f"] {
            ask(&mut pace, node, 0);
        }
        pace.forget("another");
        assert_eq!(ask(&mut pace, "undo", 1), Some(3_150));
        pace.forget("run");
        assert_eq!(ask(&mut pace, "undo", 1), Some(1_050));
    }

    #[test]
    fn what_was_sent_before_a_crash_counts_once() {
        let mut pace = Pace::default();
        let run: Arc<str> = "run".into();
        pace.expect(RATE);
        pace.recall(&run, &[Timestamp(0), Timestamp(100)]);
        assert_eq!(ask(&mut pace, "a", 200), Some(1_050));
        assert_eq!(ask(&mut pace, "a", 1_050), None);
        // It was paused and goes on in the same process.
        pace.recall(&run, &[Timestamp(0), Timestamp(100), Timestamp(1_050)]);
        assert_eq!(ask(&mut pace, "b", 1_100), Some(1_150));
        let other: Arc<str> = "other".into();
        pace.recall(&other, &[Timestamp(1_080)]);
        assert_eq!(ask(&mut pace, "c", 1_100), Some(2_130), "between what this one and the other let go");
    }

    #[test]
    fn what_is_sent_at_no_rate_counts_from_when_a_rate_is_expected() {
        let mut pace = Pace::default();
        let free = |pace: &mut Pace, node| pace.sent(&caller("free", node), Timestamp(0));
        free(&mut pace, "a");
        assert_eq!((pace.sent.len(), ask(&mut pace, "b", 0)), (0, None), "nobody asks for it");
        free(&mut pace, "c");
        assert_eq!(ask(&mut pace, "d", 10), Some(1_050));
    }

    /// Whatever comes and goes, no window has more than the rate allows.
    #[test]
    fn no_window_is_ever_overfull() {
        let random = crate::base::SeededRandom::new("pace");
        let pick = |most: u64| crate::base::Random::below(&random, most);
        for requests in [1, 3, 10] {
            let rate = Rate { requests, per_ms: 1_000 };
            let (mut pace, mut sent) = (Pace::default(), Vec::new());
            let mut waiting: Vec<(i64, Caller)> =
                (0..200).map(|node| (0, caller("run", &format!("n{node}")))).collect();
            while !waiting.is_empty() {
                waiting.sort_by_key(|(moment, _)| *moment);
                let (moment, caller) = waiting.remove(0);
                // Sometimes late: a resolver took its time.
                let now = moment + i64::try_from(pick(4) / 3 * pick(700)).unwrap();
                let now = now.max(sent.last().copied().unwrap_or(0));
                match pace.due(&caller, rate, Timestamp(now)) {
                    Some(until) => waiting.push((until.0, caller)),
                    None => {
                        pace.sent(&caller, Timestamp(now));
                        sent.push(now);
                    }
                }
            }
            let most = usize::try_from(requests).unwrap();
            assert!(sent.windows(most + 1).all(|window| window[most] - window[0] >= 1_000), "{sent:?}");
            assert!(sent.len() == 200 && pace.sent.len() == most && pace.promised.is_empty());
        }
    }
}

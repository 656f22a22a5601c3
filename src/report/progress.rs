//! A run as it happens, on stderr: a live display on a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::shown::harmless_line;
use super::story::{self, Known};
use crate::audit::{Kind, Record};
use crate::engine::{Event, Path, Role, What};
use crate::host::Observer;

/// Shows a run's events. Never fails: what cannot be shown is not shown.
pub struct Progress {
    live: Option<Mutex<Live>>,
    /// The calls under way that only read, by run.
    reading: Mutex<BTreeSet<(String, Path)>>,
    /// The polls and pages that steps have come to beyond the first, by run.
    rounds: Mutex<BTreeMap<(String, Path), String>>,
    /// The runs of called flows, with the step of the outermost run that calls them, as `a/b`.
    called: Mutex<BTreeMap<String, String>>,
}

impl Progress {
    /// A display for stderr; live where that is a terminal.
    pub fn new(terminal: bool) -> Progress {
        Progress {
            live: terminal.then(|| Mutex::new(Live::new())),
            reading: Mutex::default(),
            rounds: Mutex::default(),
            called: Mutex::default(),
        }
    }

    /// Whether an event is one of a call that only reads.
    fn reads(&self, record: &Record, event: &Event) -> bool {
        let Some(path) = &event.path else { return false };
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            What::AttemptIntended { request, .. }
                if matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") =>
            {
                reading.insert((record.run.clone(), path.clone()))
            }
            What::AttemptAnswered { .. } | What::AttemptFailed { .. } => {
                reading.remove(&(record.run.clone(), path.clone()))
            }
            _ => false,
        }
    }

    /// Which poll or page of its step an event is of, in words; `None` of the first one, and of what has none.
    fn round(&self, record: &Record, event: &Event) -> Option<String> {
        let key = (record.run.clone(), event.path.clone()?);
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        // What schedules the next one is of the one before.
        match &event.what {
            What::PollScheduled { poll, .. } if of_step(event) => rounds.insert(key, format!("poll {poll}")),
            What::PageScheduled { page } => rounds.insert(key, format!("page {page}")),
            _ => rounds.get(&key).cloned(),
        }
    }

    /// The record with its node as seen from the outermost run; `None` where it is of that run itself.
    fn within(&self, record: &Record, event: &Event) -> Option<Record> {
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let around = called.get(&record.run).cloned();
        let node = match (&around, &record.node) {
            (Some(around), Some(node)) => Some(format!("{around}/{node}")),
            (Some(around), None) => Some(around.clone()),
            (None, node) => node.clone(),
        };
        if let (What::FlowStarted { run, .. }, Some(node)) = (&event.what, &node) {
            called.insert(run.clone(), node.clone());
        }
        around.map(|_| Record { node, ..record.clone() })
    }

    /// Takes the live display away.
    pub fn close(&self) {
        if let Some(live) = &self.live {
            live.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

impl Observer for Progress {
    fn recorded(&self, record: &Record, event: &Event) {
        let known = Known { reads: self.reads(record, event), round: self.round(record, event) };
        let within = self.within(record, event);
        let (record, outermost) = (within.as_ref().unwrap_or(record), within.is_none());
        match &self.live {
            Some(live) => {
                live.lock().unwrap_or_else(PoisonError::into_inner).show(record, event, &known, outermost)
            }
            None => {
                if let Some(line) = story::line(record, event, &known) {
                    let _ = writeln!(anstream::stderr(), "{line}");
                }
            }
        }
    }
}

/// Whether a poll is a step's own, and no second read of a `reconcile`.
fn of_step(event: &Event) -> bool {
    event.path.as_ref().is_some_and(|path| path.role != Role::Reconcile)
}

/// The numbers of the bottom line.
#[derive(Debug, Default)]
struct Counts {
    steps: u64,
    attempts: u64,
    retries: u64,
    polls: u64,
    pages: u64,
    resolver_checks: u64,
    open_breakers: BTreeSet<String>,
}

impl Counts {
    fn take(&mut self, event: &Event) {
        match &event.what {
            What::AttemptIntended { .. } => self.attempts += 1,
            What::AttemptAnswered { outcome: crate::engine::OutcomeKind::Done, .. } => self.steps += 1,
            What::RetryScheduled { .. } => self.retries += 1,
            // The call that has just been answered goes on.
            What::PollScheduled { .. } if of_step(event) => {
                self.steps = self.steps.saturating_sub(1);
                self.polls += 1;
            }
            What::PageScheduled { .. } => {
                self.steps = self.steps.saturating_sub(1);
                self.pages += 1;
            }
            What::HandoffVerified { checks, .. }
            | What::HandoffRefused { checks, .. }
            | What::HandoffUnverified { checks, .. } => {
                self.resolver_checks += u64::try_from(checks.len()).unwrap_or(0);
            }
            What::BreakerOpened(facts) => {
                self.open_breakers.insert(facts.api.clone());
            }
            What::BreakerClosed(facts) => {
                self.open_breakers.remove(&facts.api);
            }
            _ => {}
        }
    }

    fn line(&self) -> String {
        let breakers = if self.open_breakers.is_empty() {
            "closed".to_owned()
        } else {
            let names: Vec<&str> = self.open_breakers.iter().map(String::as_str).collect();
            format!("open: {}", names.join(", "))
        };
        let again = [(self.polls, "more poll", "more polls"), (self.pages, "more page", "more pages")];
        let again = again.into_iter().filter(|(count, ..)| *count > 0);
        let again: String =
            again.map(|(count, one, more)| format!(", {}", counted(count, one, more))).collect();
        format!(
            "{} done · {}, {}{again} · {} checked · breakers {breakers}",
            counted(self.steps, "call", "calls"),
            counted(self.attempts, "attempt", "attempts"),
            counted(self.retries, "retry", "retries"),
            counted(self.resolver_checks, "identity", "identities"),
        )
    }
}

fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

struct Live {
    bars: MultiProgress,
    total: ProgressBar,
    active: BTreeMap<String, ProgressBar>,
    counts: Counts,
}

impl Live {
    fn new() -> Live {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = bars.add(spinner(""));
        Live { bars, total, active: BTreeMap::new(), counts: Counts::default() }
    }

    fn show(&mut self, record: &Record, event: &Event, known: &Known, outermost: bool) {
        self.counts.take(event);
        if let Some(node) = &record.node {
            match (record.kind, &event.what) {
                (Kind::AttemptIntended, _) => {
                    let operation = record.operation.as_deref().unwrap_or("call");
                    let status = format!("{node}: {operation}, {}", story::attempt(record, event, known));
                    self.status(node, &status);
                }
                (Kind::RetryScheduled | Kind::PollScheduled | Kind::PageScheduled | Kind::TimerSet, _) => {
                    if let Some(line) = story::line(record, event, known) {
                        self.status(node, &line);
                    }
                }
                (
                    Kind::AttemptAnswered
                    | Kind::AttemptFailed
                    | Kind::AttemptInDoubt
                    | Kind::HandoffRefused
                    | Kind::StepFailed
                    | Kind::UndoDone
                    | Kind::UndoFailed
                    | Kind::StepSkipped,
                    _,
                ) => {
                    if let Some(bar) = self.active.remove(node) {
                        bar.finish_and_clear();
                        self.bars.remove(&bar);
                    }
                }
                _ => {}
            }
        }
        // Every verified handoff is a line of its own only where lines are all there is.
        if record.kind != Kind::HandoffVerified
            && let Some(line) = story::line(record, event, known)
        {
            let _ = self.bars.println(line);
        }
        self.total.set_message(self.counts.line());
        if outermost && matches!(record.kind, Kind::RunFinished | Kind::RunPaused) {
            self.clear();
        }
    }

    fn status(&mut self, node: &str, status: &str) {
        let status = harmless_line(status);
        match self.active.get(node) {
            Some(bar) => bar.set_message(status),
            None => {
                let bar = self.bars.insert_before(&self.total, spinner(&status));
                self.active.insert(node.to_owned(), bar);
            }
        }
    }

    fn clear(&mut self) {
        for bar in std::mem::take(&mut self.active).into_values() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

fn spinner(message: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.set_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::sample;
    use crate::base::{SeededRandom, Timestamp};
    use crate::engine::{Answer, AnswerBody, BreakerFacts, OutcomeKind};

    #[test]
    fn the_bottom_line_counts() {
        let mut counts = Counts::default();
        let facts = BreakerFacts {
            api: "payments".into(),
            calls: 10,
            failures: 6,
            slow: 0,
            openings: 1,
            until: Some(Timestamp(0)),
        };
        let events = [
            What::RetryScheduled { delay_ms: 1, ceiling_ms: 2, until: Timestamp(1), budget: 500 },
            What::BreakerOpened(facts.clone()),
        ];
        for what in events {
            counts.take(&Event { path: None, attempt: None, what });
        }
        assert_eq!(
            counts.line(),
            "0 calls done · 0 attempts, 1 retry · 0 identities checked · breakers open: payments"
        );
        counts.take(&Event { path: None, attempt: None, what: What::BreakerClosed(facts) });
        assert!(counts.line().ends_with("breakers closed"));
    }

    #[test]
    fn polls_are_one_call_of_many_attempts() {
        let mut record = sample::run("r1", &SeededRandom::new("polls")).remove(8).0;
        record.node = Some("made".into());
        let path: Path = "made".parse().unwrap();
        let event = |attempt, what| Event { path: Some(path.clone()), attempt: Some(attempt), what };
        let answered = || What::AttemptAnswered {
            status: 200,
            outcome: OutcomeKind::Done,
            elapsed_ms: 3,
            answer: Box::new(Answer {
                status: 200,
                content_type: None,
                headers: BTreeMap::new(),
                body: AnswerBody::Empty,
            }),
            signature: None,
        };
        let progress = Progress::new(false);
        let mut counts = Counts::default();
        let mut lines = Vec::new();
        let polled = What::PollScheduled { poll: 2, until: Timestamp(0) };
        let retried = What::RetryScheduled { delay_ms: 1, ceiling_ms: 2, until: Timestamp(1), budget: 500 };
        let events = [(1, answered()), (1, polled), (2, retried), (3, answered())];
        for (attempt, what) in events {
            let event = event(attempt, what);
            counts.take(&event);
            let known = Known { reads: true, round: progress.round(&record, &event) };
            lines.extend(story::line(&record, &event, &known));
        }
        assert_eq!(lines.first().unwrap(), "made: payments.createRefund, attempt 1: 200 after 3 ms");
        assert_eq!(
            lines.last().unwrap(),
            "made: payments.createRefund, attempt 3, of poll 2: 200 after 3 ms"
        );
        assert!(
            counts.line().starts_with("1 call done · 0 attempts, 1 retry, 1 more poll · "),
            "{}",
            counts.line()
        );
        // The second read of a `reconcile` is none.
        let mut read = event(1, What::PollScheduled { poll: 2, until: Timestamp(0) });
        read.path = Some(path.reconcile());
        counts.take(&read);
        assert!(counts.line().contains(", 1 more poll · "), "{}", counts.line());
        assert_eq!(progress.round(&record, &read), None);
    }
}

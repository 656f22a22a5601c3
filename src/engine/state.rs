//! A run's state: a fold over its events. Nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::agenda::Agenda;
use super::event::{FailureClass, Opening, PauseCause, Status};
use super::outcome::{Beside, Outcome};
use super::path::{Path, Role};
use super::sub_flow::SubRun;
use super::told::Request;
use crate::base::{Digest, Timestamp};
use crate::expr::{Answered, Definition, Definitions, Scope};
use crate::types::Value;

/// A run's state.
#[derive(Debug, Clone)]
pub struct State {
    /// The run's id.
    pub run: String,
    /// When it started.
    pub started: Timestamp,
    /// The moment of its newest event.
    pub at: Timestamp,
    /// Its opening facts; `None` before it started.
    pub opening: Option<Opening>,
    /// Where it stands.
    pub phase: Phase,
    /// The first failure.
    pub failure: Option<Failure>,
    /// Whether it is failing: nothing new starts, what is under way settles, then undos run.
    pub failing: bool,
    /// Outputs of a finished run, wire form.
    pub outputs: serde_json::Value,
    /// The plan's functions, from the run's start on.
    pub(super) definitions: Arc<Definitions>,
    pub(super) inputs: BTreeMap<String, Value>,
    pub(super) nodes: BTreeMap<Path, Progress>,
    pub(super) loops: BTreeMap<Path, Looping>,
    /// Bodies of effects that happened with an ill-typed answer.
    pub(super) ill_typed: BTreeMap<Path, Value>,
    /// What is used of answers beside their bodies: of done steps, and of effects with an ill-typed answer.
    pub(super) beside: BTreeMap<Path, Beside>,
    /// Refusals that ended their step in an ordinary way.
    pub(super) refused: BTreeMap<Path, (u16, Value)>,
    /// Effects that happened and have an undo, oldest first.
    pub(super) completed: Vec<Path>,
    /// What is known of the attempts of undos that failed, and of reads that settled nothing.
    pub(super) tried: BTreeMap<Path, Tried>,
    /// The attempt that the newest event ended.
    pub(super) reported: Option<Path>,
    /// `key once per` of calls that have begun: no two share one.
    pub(super) once_keys: BTreeMap<String, Path>,
    pub(super) agenda: Agenda,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No event yet.
    New,
    /// Under way.
    Running,
    /// Standing still.
    Paused(PauseCause),
    /// Ended.
    Finished(Status),
}

/// Why a run fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The node; `None` for the run's deadline.
    pub path: Option<Path>,
    /// The class.
    pub class: FailureClass,
    /// What the user is told.
    pub message: String,
}

/// How far a node has come; a node without progress waits.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Calling(Box<Calling>),
    /// Another flow is called.
    SubRun(Box<SubRun>),
    Looping,
    /// A timer that runs.
    Waiting {
        until: Timestamp,
    },
    Done(Value),
    Skipped,
    Failed,
    InDoubt,
}

impl Progress {
    /// Whether nodes after this one may go on.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self, Progress::Done(_) | Progress::Skipped)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Calling {
    pub(super) request: Request,
    pub(super) guard: Option<bool>,
    /// The attempt under way or next, from 1.
    pub(super) attempt: u32,
    /// The poll or page it belongs to, from 1.
    pub(super) round: u64,
    /// The attempts before: of polls or pages, and of an undo or a read that is tried again.
    pub(super) earlier: u32,
    /// Where the page begins that is asked for; absent of the first one.
    pub(super) next: Value,
    /// The items of the pages before.
    pub(super) items: Vec<Value>,
    pub(super) first_intended: Option<Timestamp>,
    /// The leaf of the newest intended attempt.
    pub(super) leaf: Option<Digest>,
    /// Whether an attempt's outcome was unknown.
    pub(super) unknown: bool,
    pub(super) phase: CallPhase,
}

/// What a call leaves behind that is begun once more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tried {
    /// The leaf of its newest intended attempt.
    pub(super) leaf: Option<Digest>,
    /// Whether an attempt's outcome was unknown.
    pub(super) unknown: bool,
    /// The newest attempt: the next one is numbered after it, and a retry policy counts anew.
    pub(super) attempts: u32,
}

#[derive(Debug, Clone)]
pub(super) enum CallPhase {
    /// The identities are due, not before a moment.
    Verify { not_before: Timestamp },
    /// They hold; with the breaker's half-open permit, where it was granted.
    Verified { half_open: bool },
    /// They don't.
    Refused,
    /// Intended: sent, or about to be.
    Intended,
    /// Intended, and the process ended.
    Lost,
    /// Answered, and whether another poll or page follows is to be decided on.
    Rounded(Value),
    /// The newest attempt's outcome is to be decided on.
    Settled(Outcome),
    /// The outcome is unknown, and is being read back.
    ReadBack,
}

#[derive(Debug, Clone)]
pub(super) struct Looping {
    pub(super) variable: String,
    pub(super) items: Vec<Value>,
    /// Iterations begun.
    pub(super) begun: u64,
    /// Iterations begun and not done: how many of their nodes are not finished.
    pub(super) open: BTreeMap<u64, usize>,
    /// Values of finished iterations.
    pub(super) results: BTreeMap<u64, Value>,
}

impl Calling {
    /// The attempt among those of its poll or page, from 1: what a retry policy counts.
    pub(super) fn tries(&self) -> u32 {
        self.attempt.saturating_sub(self.earlier)
    }
}

impl State {
    /// The state before a run's first event.
    pub fn new(run: impl Into<String>) -> State {
        State {
            run: run.into(),
            started: Timestamp::default(),
            at: Timestamp::default(),
            opening: None,
            phase: Phase::New,
            failure: None,
            failing: false,
            outputs: serde_json::Value::Null,
            definitions: Arc::default(),
            inputs: BTreeMap::new(),
            nodes: BTreeMap::new(),
            loops: BTreeMap::new(),
            ill_typed: BTreeMap::new(),
            beside: BTreeMap::new(),
            refused: BTreeMap::new(),
            completed: Vec::new(),
            tried: BTreeMap::new(),
            reported: None,
            once_keys: BTreeMap::new(),
            agenda: Agenda::default(),
        }
    }

    /// The run fails, for this reason where it is the first.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failing = true;
        self.failure.get_or_insert(failure);
    }

    /// Names as seen from inside some iterations.
    pub(super) fn names<'a>(&'a self, iterations: &'a [(String, u64)]) -> Names<'a> {
        Names { state: self, iterations, own: None, next: &Value::Absent }
    }

    pub(super) fn calling(&self, path: &Path) -> Option<&Calling> {
        match self.nodes.get(path) {
            Some(Progress::Calling(calling)) => Some(calling),
            _ => None,
        }
    }

    pub(super) fn calling_mut(&mut self, path: &Path) -> Option<&mut Calling> {
        match self.nodes.get_mut(path) {
            Some(Progress::Calling(calling)) => Some(calling),
            _ => None,
        }
    }

    /// An undo or a read begins. Where it is tried again after a resume, its attempts go on in one chain.
    pub(super) fn call_beside(&mut self, path: &Path, request: Request, at: Timestamp) {
        let Tried { leaf, unknown, attempts } = self.tried.get(path).copied().unwrap_or_default();
        let attempt = attempts.saturating_add(1);
        let calling =
            Calling { leaf, unknown, attempt, earlier: attempts, ..Calling::new(request, None, at) };
        self.nodes.insert(path.clone(), Progress::Calling(Box::new(calling)));
    }

    /// An undo failed, or a read settled nothing: a resume may try again.
    pub(super) fn give_up(&mut self, path: &Path) {
        if let Some(Calling { leaf, unknown, attempt, .. }) = self.calling(path) {
            let tried = Tried { leaf: *leaf, unknown: *unknown, attempts: *attempt };
            self.tried.insert(path.clone(), tried);
        }
        self.nodes.insert(path.clone(), Progress::Failed);
    }

    /// The request of a call under way.
    pub fn request(&self, path: &Path) -> Option<&Request> {
        self.calling(path).map(|calling| &calling.request)
    }

    /// From when on a call waits for a verdict on an attempt; `None` where it doesn't.
    pub fn verdict_due(&self, path: &Path, attempt: u32) -> Option<Timestamp> {
        match self.calling(path)? {
            Calling { phase: CallPhase::Verify { not_before }, attempt: due, .. } if *due == attempt => {
                Some(*not_before)
            }
            _ => None,
        }
    }

    /// Whether a call is on its way to its counterparty: its identities are due or hold, or it was intended.
    pub fn is_on_its_way(&self, path: &Path, now: Timestamp) -> bool {
        self.calling(path).is_some_and(|calling| match &calling.phase {
            CallPhase::Verify { not_before } => *not_before <= now,
            CallPhase::Verified { .. } | CallPhase::Intended => true,
            _ => false,
        })
    }

    /// Whether a request is intended and has no outcome yet.
    pub(super) fn is_sending(&self) -> bool {
        let sending = |progress: &Progress| matches!(progress, Progress::Calling(calling) if matches!(calling.phase, CallPhase::Intended));
        self.nodes.values().any(sending)
    }

    /// Nothing is in doubt any more that made the run fail: where nothing else did, it goes on.
    pub(super) fn settled(&mut self) {
        self.failing = self.failure.is_some();
    }

    /// Whether a request is intended, an outcome is being read back, or another flow runs.
    pub(super) fn is_under_way(&self) -> bool {
        self.agenda.awaiting.iter().any(|path| match self.nodes.get(path) {
            _ if path.role == Role::Reconcile => true,
            Some(Progress::SubRun(_)) => true,
            Some(Progress::Calling(calling)) => matches!(calling.phase, CallPhase::Intended),
            _ => false,
        })
    }

    /// The leaf of a call's newest intended attempt.
    pub fn attempt_leaf(&self, path: &Path) -> Option<Digest> {
        self.calling(path).and_then(|calling| calling.leaf)
    }

    /// The steps and undos (`step/undo`) whose effect is in doubt, and the steps whose called flow is.
    pub fn in_doubt(&self) -> Vec<Path> {
        self.agenda.doubtful.iter().cloned().collect()
    }

    /// Of the steps in doubt, the reads that settled nothing.
    pub(super) fn unsettled_reads(&self) -> impl Iterator<Item = Path> {
        let reads = self.agenda.doubtful.iter().filter(|path| path.is_own()).map(Path::reconcile);
        reads.filter(|read| self.tried.contains_key(read))
    }

    /// The undos that failed (`step/undo`), and the steps whose called flow is stuck.
    pub fn stuck(&self) -> Vec<Path> {
        self.agenda.stuck.iter().cloned().collect()
    }
}

/// The names an expression sees.
pub(super) struct Names<'a> {
    pub(super) state: &'a State,
    pub(super) iterations: &'a [(String, u64)],
    /// One name before all others: a step's own body in its undo, or an item not yet begun.
    pub(super) own: Option<(&'a str, &'a Value)>,
    /// Where the page begins that is asked for.
    pub(super) next: &'a Value,
}

impl<'a> Names<'a> {
    /// A part of what is known of a step's answer, from the innermost iteration on.
    fn beside(&self, step: &str, part: impl Fn(&'a Beside) -> &'a Value) -> Option<&'a Value> {
        (0..=self.iterations.len()).rev().find_map(|depth| {
            let path = Path::new(self.iterations.get(..depth).unwrap_or_default(), step);
            match self.state.nodes.get(&path) {
                Some(Progress::Skipped) => Some(&Value::Absent),
                _ => self.state.beside.get(&path).map(&part),
            }
        })
    }
}

impl Scope for Names<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        if let Some((own, value)) = self.own
            && own == name
        {
            return Some(value);
        }
        for depth in (0..=self.iterations.len()).rev() {
            let inside = self.iterations.get(..depth).unwrap_or_default();
            match self.state.nodes.get(&Path::new(inside, name)) {
                Some(Progress::Done(value)) => return Some(value),
                Some(Progress::Skipped) => return Some(&Value::Absent),
                _ => {}
            }
            if let Some(((node, index), outer)) = inside.split_last()
                && let Some(looping) = self.state.loops.get(&Path::new(outer, node))
                && looping.variable == name
            {
                return usize::try_from(*index).ok().and_then(|index| looping.items.get(index));
            }
        }
        self.state.inputs.get(name)
    }

    fn definition(&self, name: &str) -> Option<&Definition> {
        self.state.definitions.get(name)
    }

    fn status(&self, step: &str) -> Option<&Value> {
        self.beside(step, |beside| &beside.status)
    }

    fn headers(&self, step: &str) -> Option<&Value> {
        self.beside(step, |beside| &beside.headers)
    }

    fn answered(&self, step: &str) -> Option<Answered<'_>> {
        (0..=self.iterations.len()).rev().find_map(|depth| {
            let path = Path::new(self.iterations.get(..depth).unwrap_or_default(), step);
            if let Some((status, body)) = self.state.refused.get(&path) {
                return Some(Answered::With(*status, body));
            }
            let own = self.own.filter(|(name, _)| *name == step).map(|(_, value)| value);
            let value = match self.state.nodes.get(&path)? {
                Progress::Skipped => return Some(Answered::Skipped),
                Progress::Done(value) => value,
                _ => own?,
            };
            match self.state.beside.get(&path)?.status {
                Value::Int(status) => Some(Answered::With(u16::try_from(status).ok()?, value)),
                _ => None,
            }
        })
    }

    fn next(&self) -> Option<&Value> {
        Some(self.next)
    }

    fn run_id(&self) -> &str {
        &self.state.run
    }

    fn run_started(&self) -> Timestamp {
        self.state.started
    }
}

//! What a state still has to look at, kept along with it, so that neither deciding nor settling walks the whole flow for
//! every event. Everything here follows from the rest of the state.

use std::collections::{BTreeMap, BTreeSet};

use super::event::PauseCause;
use super::path::{Path, Role};
use super::state::{CallPhase, Looping, Progress, State};
use super::{Engine, Place};
use crate::base::Timestamp;
use crate::plan::{Block, NodeKind};

/// A node's instance by its place in the flow: the position of each loop around it and the iteration, then its own
/// position. Sorted, these are in the order in which decisions are due.
pub(super) type Spot = Vec<u64>;

/// After everything inside it.
const LAST: u64 = u64::MAX;

/// One thing that [`Engine::decide`] has to look at.
#[derive(Debug, Clone)]
pub(super) enum Todo {
    /// A node that may start and did not by itself.
    Start(Path),
    /// A call whose next step is to be decided on.
    Call(Path),
    /// What an iteration yields cannot be evaluated: the loop, and the iteration.
    Yield(Path, u64),
    /// Every iteration of a loop is done.
    Finish(Path),
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Agenda {
    /// Nodes whose turn it is, not begun yet.
    pub(super) ready: BTreeMap<Spot, Path>,
    pub(super) todo: BTreeMap<Spot, Todo>,
    /// Calls that wait for a verdict or for an answer.
    pub(super) awaiting: BTreeSet<Path>,
    /// Timers that run.
    pub(super) timers: BTreeMap<Path, Timestamp>,
    /// By node that is not ready: how many of the nodes it waits for are not finished.
    waits: BTreeMap<Path, usize>,
    /// Nodes of the flow's own body, but for its return, that are not finished.
    pub(super) unfinished: usize,
    pub(super) doubtful: BTreeSet<Path>,
    /// Undos that failed, and steps whose flow has one.
    pub(super) stuck: BTreeSet<Path>,
    /// How many of the newest completions have nothing left to undo.
    pub(super) undone: usize,
}

impl Agenda {
    /// Whether a call that is no undo is under way. Asked only while the run fails.
    pub(super) fn is_calling(&self) -> bool {
        self.awaiting.iter().any(|path| !path.is_undo())
            || self.todo.values().any(|todo| matches!(todo, Todo::Call(_)))
    }
}

impl<'a> Engine<'a> {
    fn place(&self, id: &str) -> Option<&Place<'a>> {
        self.places.get(id)
    }

    /// Where an instance stands. Unknown names sort first; nothing is decided on them.
    fn spot(&self, path: &Path) -> Spot {
        let position = |id: &str| self.place(id).map_or(0, |place| place.position);
        let around = path.iterations.iter().flat_map(|(id, index)| [position(id), *index]);
        let read = (path.role == Role::Reconcile).then_some(0);
        around.chain([position(&path.node)]).chain(read).collect()
    }

    fn spot_after(&self, path: &Path, inside: Option<u64>) -> Spot {
        let mut spot = self.spot(path);
        spot.extend(inside);
        spot.push(LAST);
        spot
    }

    /// The first nodes of a block, in some iterations.
    pub(super) fn enter(&self, state: &mut State, iterations: &[(String, u64)], block: &Block) {
        for node in &block.nodes {
            if node.after.is_empty() {
                let path = Path::new(iterations, &node.id);
                state.agenda.ready.insert(self.spot(&path), path);
            }
        }
    }

    /// The flow's own body, when the run starts.
    pub(super) fn enter_flow(&self, state: &mut State) {
        let body = &self.plan.flow.body;
        let returns = |kind: &NodeKind| matches!(kind, NodeKind::Return { .. });
        state.agenda.unfinished = body.nodes.iter().filter(|node| !returns(&node.kind)).count();
        self.enter(state, &[], body);
    }

    /// A node has just finished: nodes that waited for it alone are ready, and an iteration or the flow may be done.
    pub(super) fn finished(&self, state: &mut State, path: &Path) {
        let Some(place) = self.place(&path.node).filter(|_| path.is_own()) else { return };
        for follower in &place.followers {
            let after = self.nodes.get(follower).map_or(0, |node| node.after.len());
            let next = Path::new(&path.iterations, follower);
            let left = state.agenda.waits.entry(next.clone()).or_insert(after);
            *left = left.saturating_sub(1);
            if *left == 0 {
                state.agenda.waits.remove(&next);
                state.agenda.ready.insert(self.spot(&next), next);
            }
        }
        match path.iterations.split_last() {
            None => state.agenda.unfinished = state.agenda.unfinished.saturating_sub(1),
            Some(((node, index), around)) => {
                let around = Path::new(around, node);
                if let Some(left) = state.loops.get_mut(&around).and_then(|known| known.open.get_mut(index)) {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        self.next_iteration(state, &around, *index);
                    }
                }
            }
        }
    }

    /// What an iteration could not yield.
    pub(super) fn cannot_yield(&self, state: &mut State, path: &Path, index: u64) {
        state.agenda.todo.insert(self.spot_after(path, Some(index)), Todo::Yield(path.clone(), index));
    }

    /// A node that could not begin: `decide` says why.
    pub(super) fn cannot_begin(&self, state: &mut State, spot: Spot, path: Path) {
        state.agenda.todo.insert(spot, Todo::Start(path));
    }

    /// Whether a loop is done is looked at again.
    pub(super) fn look_at_loop(&self, state: &mut State, path: &Path) {
        let spot = self.spot_after(path, None);
        let done = |known: &Looping| known.results.len() == known.items.len();
        let running = matches!(state.nodes.get(path), Some(Progress::Looping));
        if running && state.loops.get(path).is_some_and(done) {
            state.agenda.todo.insert(spot, Todo::Finish(path.clone()));
        } else {
            state.agenda.todo.remove(&spot);
        }
    }

    /// A node's progress has changed.
    pub(super) fn look_at(&self, state: &mut State, path: &Path) {
        let Some(node) = self.nodes.get(path.node.as_str()) else { return };
        let State { nodes, agenda, failing, .. } = state;
        let progress = nodes.get(path);
        let (mut waits, mut due) = (false, false);
        if let Some(Progress::Calling(calling)) = progress {
            waits = matches!(calling.phase, CallPhase::Verify { .. } | CallPhase::Intended);
            // While the run fails, what has not been sent is given up.
            let read_back = matches!(calling.phase, CallPhase::ReadBack);
            due = (!waits && !read_back) || (*failing && matches!(calling.phase, CallPhase::Verify { .. }));
        }
        let mark = |set: &mut BTreeSet<Path>, member: bool| {
            if member {
                set.insert(path.clone());
            } else {
                set.remove(path);
            }
        };
        match progress {
            Some(Progress::Waiting { until }) if !*failing => {
                agenda.timers.insert(path.clone(), *until);
            }
            _ => {
                agenda.timers.remove(path);
            }
        }
        let standing = match progress {
            Some(Progress::SubRun(known)) => {
                waits = known.standing.is_none();
                known.standing
            }
            Some(Progress::InDoubt) => Some(PauseCause::InDoubt),
            Some(Progress::Failed) if path.is_undo() => Some(PauseCause::Stuck),
            _ => None,
        };
        mark(&mut agenda.awaiting, waits);
        mark(&mut agenda.doubtful, standing == Some(PauseCause::InDoubt));
        mark(&mut agenda.stuck, standing == Some(PauseCause::Stuck));
        if !path.is_undo() {
            let spot = self.spot(path);
            match progress {
                Some(_) if due => {
                    agenda.todo.insert(spot, Todo::Call(path.clone()));
                }
                Some(_) => {
                    agenda.todo.remove(&spot);
                }
                None => {}
            }
            if path.is_own() && matches!(node.kind, NodeKind::For(_)) {
                self.look_at_loop(state, path);
            }
        }
        self.count_undone(state);
    }

    /// Everything is looked at again: after a resume, and when the run begins to fail. Then nothing new starts.
    pub(super) fn look_at_all(&self, state: &mut State) {
        if state.failing {
            state.agenda.todo.clear();
            state.agenda.ready.clear();
        }
        state.agenda.awaiting.clear();
        state.agenda.timers.clear();
        state.agenda.stuck.clear();
        state.agenda.undone = 0;
        let calling = |(path, progress): (&Path, &Progress)| {
            let looked = matches!(
                progress,
                Progress::Calling(_) | Progress::SubRun(_) | Progress::Waiting { .. } | Progress::Failed
            );
            looked.then(|| path.clone())
        };
        let paths: Vec<Path> = state.nodes.iter().filter_map(calling).collect();
        for path in paths {
            self.look_at(state, &path);
        }
        self.count_undone(state);
    }

    fn count_undone(&self, state: &mut State) {
        if !state.failing {
            return;
        }
        while let Some(path) = state.completed.iter().rev().nth(state.agenda.undone) {
            let undo = path.undo();
            let left = matches!(state.nodes.get(&undo), None | Some(Progress::Calling(_)));
            if left && self.call(&undo).is_some() {
                return;
            }
            state.agenda.undone += 1;
        }
    }
}

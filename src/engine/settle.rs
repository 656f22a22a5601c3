//! What follows from a state without any decision worth a record: values, calls that may begin, iterations.

use super::Engine;
use super::path::Path;
use super::request;
use super::state::{CallPhase, Calling, Phase, Progress, State};
use crate::base::Timestamp;
use crate::expr::evaluate;
use crate::plan::{Call, Node, NodeKind};
use crate::types::Value;

impl<'a> Engine<'a> {
    /// Moves every node that needs no recorded decision, until none is left.
    pub(super) fn settle(&self, state: &mut State) {
        while state.phase == Phase::Running
            && !state.failing
            && let Some((spot, path)) = state.agenda.ready.pop_first()
        {
            // An illegal log may have gone on with it before its turn.
            let Some(node) = self.nodes.get(path.node.as_str()).filter(|_| !state.nodes.contains_key(&path))
            else {
                continue;
            };
            if !self.begin(state, &path, node) && !matches!(node.kind, NodeKind::Return { .. }) {
                self.cannot_begin(state, spot, path);
            }
        }
    }

    /// The request of a step's call. A `key once per` that another iteration has used would make the counterparty take this
    /// effect for that one: loops check their own items before they start, this catches what only shows inside.
    pub(super) fn request(
        &self,
        state: &State,
        path: &Path,
        call: &Call,
    ) -> Result<super::Request, request::Failure> {
        let request = request::build(self.plan, state, path, call, None)?;
        match (&request.key, &call.once_per) {
            (Some((_, key)), Some(_)) if state.once_keys.contains_key(key) => {
                let earlier = state.once_keys.get(key).map(ToString::to_string).unwrap_or_default();
                let message = format!("it has the same `key once per` as `{earlier}`");
                Err((super::FailureClass::Key, message))
            }
            _ => Ok(request),
        }
    }

    /// Begins a value or a call. What cannot begin stays, and `decide` says why.
    fn begin(&self, state: &mut State, path: &Path, node: &Node) -> bool {
        let progress = match &node.kind {
            NodeKind::Let { value, .. } => match evaluate(value, &state.names(&path.iterations)) {
                Ok(value) => Progress::Done(value),
                Err(_) => return false,
            },
            NodeKind::Call(step) => {
                let guard = match &step.guard {
                    None => None,
                    Some(guard) => match evaluate(guard, &state.names(&path.iterations)) {
                        Ok(Value::Bool(true)) => Some(true),
                        _ => return false,
                    },
                };
                match self.request(state, path, &step.call) {
                    Ok(request) => {
                        if let (Some((_, key)), true) = (&request.key, step.call.once_per.is_some()) {
                            state.once_keys.insert(key.clone(), path.clone());
                        }
                        Progress::Calling(Box::new(Calling::new(request, guard, state.at)))
                    }
                    Err(_) => return false,
                }
            }
            _ => return false,
        };
        let finished = progress.is_finished();
        state.nodes.insert(path.clone(), progress);
        if finished {
            self.finished(state, path);
        } else {
            self.look_at(state, path);
        }
        true
    }

    /// Every node of an iteration is finished: keeps what it yields. Whether it could.
    fn end_iteration(&self, state: &mut State, path: &Path, index: u64) -> bool {
        let Some(NodeKind::For(looping)) = self.nodes.get(path.node.as_str()).map(|node| &node.kind) else {
            return false;
        };
        let inside = path.iteration(index);
        let result = match &looping.result {
            None => Ok(Value::Null),
            Some(result) => evaluate(result, &state.names(&inside)),
        };
        match (result, state.loops.get_mut(path)) {
            (Ok(value), Some(known)) => {
                known.results.insert(index, value);
                known.open.remove(&index);
                true
            }
            _ => {
                self.cannot_yield(state, path, index);
                false
            }
        }
    }

    /// Every node of an iteration is finished: the next ones may begin.
    pub(super) fn next_iteration(&self, state: &mut State, path: &Path, index: u64) {
        if self.end_iteration(state, path, index) {
            self.begin_iterations(state, path);
        }
    }

    /// Begins as many iterations of a loop as may run at once.
    pub(super) fn begin_iterations(&self, state: &mut State, path: &Path) {
        let Some(NodeKind::For(looping)) = self.nodes.get(path.node.as_str()).map(|node| &node.kind) else {
            return;
        };
        let most = usize::try_from(looping.parallel.max(1)).unwrap_or(usize::MAX);
        while let Some(known) = state.loops.get_mut(path)
            && known.open.len() < most
            && usize::try_from(known.begun).is_ok_and(|begun| begun < known.items.len())
        {
            let index = known.begun;
            known.begun += 1;
            known.open.insert(index, looping.body.nodes.len());
            self.enter(state, &path.iteration(index), &looping.body);
            if looping.body.nodes.is_empty() && !self.end_iteration(state, path, index) {
                return;
            }
        }
        self.look_at_loop(state, path);
    }
}

impl Calling {
    /// A call whose identities are due from some moment on.
    pub(super) fn new(request: super::Request, guard: Option<bool>, due: Timestamp) -> Calling {
        Calling {
            request,
            guard,
            attempt: 1,
            round: 1,
            earlier: 0,
            next: Value::Absent,
            items: Vec::new(),
            first_intended: None,
            leaf: None,
            unknown: false,
            phase: CallPhase::Verify { not_before: due },
        }
    }
}

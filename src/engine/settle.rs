//! What follows from a state without any decision worth a record: values, calls that may begin, iterations.

use super::Engine;
use super::path::{Iterations, Path};
use super::request;
use super::state::{CallPhase, Calling, Phase, Progress, State};
use crate::base::Timestamp;
use crate::expr::evaluate;
use crate::plan::{Block, Call, Node, NodeKind};
use crate::types::Value;

impl<'a> Engine<'a> {
    /// Whether everything a node waits for is finished.
    pub(super) fn is_ready(&self, state: &State, iterations: &Iterations, node: &Node) -> bool {
        node.after
            .iter()
            .all(|id| state.nodes.get(&Path::new(iterations, id)).is_some_and(Progress::is_finished))
    }

    /// Moves every node that needs no recorded decision, until none is left.
    pub(super) fn settle(&self, state: &mut State) {
        while state.phase == Phase::Running
            && !state.failing
            && self.settle_block(state, &Vec::new(), &self.plan.flow.body)
        {}
    }

    fn settle_block(&self, state: &mut State, iterations: &Iterations, block: &Block) -> bool {
        let mut moved = false;
        for node in &block.nodes {
            let path = Path::new(iterations, &node.id);
            match state.nodes.get(&path) {
                None if self.is_ready(state, iterations, node) => moved |= self.begin(state, path, node),
                Some(Progress::Looping) => {
                    if let NodeKind::For(looping) = &node.kind {
                        moved |= self.settle_loop(state, &path, looping);
                    }
                }
                _ => {}
            }
        }
        moved
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
                Err((super::FailureClass::Bound, message))
            }
            _ => Ok(request),
        }
    }

    /// Begins a value or a call. What cannot begin stays, and `decide` says why.
    fn begin(&self, state: &mut State, path: Path, node: &Node) -> bool {
        let progress = match &node.kind {
            NodeKind::Let { value } => match evaluate(value, &state.names(&path.iterations)) {
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
                match self.request(state, &path, &step.call) {
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
        state.nodes.insert(path, progress);
        true
    }

    fn settle_loop(&self, state: &mut State, path: &Path, looping: &crate::plan::Loop) -> bool {
        let mut moved = false;
        for (index, inside) in state.open_iterations(path) {
            moved |= self.settle_block(state, &inside, &looping.body);
            let finished = |node: &Node| {
                state.nodes.get(&Path::new(&inside, &node.id)).is_some_and(Progress::is_finished)
            };
            if looping.body.nodes.iter().all(finished) {
                let result = match &looping.result {
                    None => Ok(Value::Null),
                    Some(result) => evaluate(result, &state.names(&inside)),
                };
                if let (Ok(value), Some(known)) = (result, state.loops.get_mut(path)) {
                    known.results.insert(index, value);
                    moved = true;
                }
            }
        }
        let open = state.open_iterations(path).len();
        if let Some(known) = state.loops.get_mut(path) {
            let most = usize::try_from(looping.parallel.max(1)).unwrap_or(usize::MAX);
            for _ in open..most.max(open) {
                if usize::try_from(known.begun).is_ok_and(|begun| begun < known.items.len()) {
                    known.begun += 1;
                    moved = true;
                }
            }
        }
        moved
    }
}

impl Calling {
    /// A call whose identities are due from some moment on.
    pub(super) fn new(request: super::Request, guard: Option<bool>, due: Timestamp) -> Calling {
        Calling {
            request,
            guard,
            attempt: 1,
            first_intended: None,
            leaf: None,
            unknown: false,
            phase: CallPhase::Verify { not_before: due },
        }
    }
}

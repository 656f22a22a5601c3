//! What follows from a state without any decision worth a record: values, calls that may begin, iterations.

use super::Engine;
use super::path::{Iterations, Path};
use super::request;
use super::state::{CallPhase, Calling, Phase, Progress, State};
use crate::base::Timestamp;
use crate::expr::evaluate;
use crate::plan::{Block, Node, NodeKind};
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
                match request::build(self.plan, state, &path, &step.call, None) {
                    Ok(request) => Progress::Calling(Box::new(Calling::new(request, guard))),
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
    pub(super) fn new(request: super::Request, guard: Option<bool>) -> Calling {
        Calling {
            request,
            guard,
            attempt: 1,
            first_intended: None,
            leaf: None,
            unknown: false,
            phase: CallPhase::Verify { not_before: Timestamp::default() },
        }
    }
}

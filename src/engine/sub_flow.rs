//! Calls of other flows: how a child run is named, what it is given, and what its report makes of the step.
//!
//! A child run is a run of its own, with a log of its own. Its id and its secret follow from the parent's secret and the
//! step's path: after a crash the same child goes on, and there is never a second one.

use serde_json::{Map, Value as Json, json};

use super::Engine;
use super::apply::{Applied, illegal};
use super::event::{FailureClass, FlowStatus, Opening, Parent, PauseCause, What};
use super::path::Path;
use super::state::{Failure, Progress, State};
use crate::base::{Digest, Timestamp, canonical_json, encode_base64url, encode_hex};
use crate::expr::{MapScope, evaluate};
use crate::plan::{NodeKind, Plan, SubFlow, Verified};
use crate::types::Value;

/// A child run under way, or standing still.
#[derive(Debug, Clone)]
pub(super) struct SubRun {
    run: String,
    inputs: Map<String, Json>,
    /// The record that intends it.
    leaf: Digest,
    /// Why it stands still; `None` while it is under way.
    pub(super) standing: Option<PauseCause>,
    /// Whether it was in doubt before a resume, and with it the run.
    pub(super) was_in_doubt: bool,
}

/// What a child run is started with.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its id.
    pub run: String,
    /// Its flow.
    pub plan: Verified<Plan>,
    /// Its opening facts.
    pub opening: Opening,
}

type Started = Result<What, (FailureClass, String)>;

impl<'a> Engine<'a> {
    pub(super) fn sub_flow(&self, path: &Path) -> Option<(&'a SubFlow, &'a Verified<Plan>)> {
        match &self.nodes.get(path.node.as_str()).filter(|_| path.is_own())?.kind {
            NodeKind::SubFlow(call) => Some((call, self.plan.called(&call.flow)?)),
            _ => None,
        }
    }

    /// The moment when a run fails wherever it is: its own deadline, or its parent's where that comes first.
    pub(super) fn deadline(&self, state: &State) -> Timestamp {
        let own = state.started.plus(self.plan.flow.deadline_ms);
        let parent = state.opening.as_ref().and_then(|opening| opening.parent.as_ref());
        parent.map_or(own, |parent| own.min(parent.deadline))
    }

    /// The child run of a step that calls a flow, where one is intended.
    pub fn child(&self, state: &State, path: &Path) -> Option<Child> {
        let Some(Progress::SubRun(known)) = state.nodes.get(path) else { return None };
        let (_, plan) = self.sub_flow(path)?;
        let opening = state.opening.as_ref()?;
        Some(Child {
            run: known.run.clone(),
            plan: plan.clone(),
            opening: Opening {
                flow: plan.flow.name.clone(),
                plan_digest: plan.digest(),
                inputs: known.inputs.clone(),
                run_secret: encode_base64url(&derived("secret", opening, path)?.0),
                parent: Some(Box::new(Parent {
                    run: state.run.clone(),
                    node: path.to_string(),
                    leaf: known.leaf,
                    deadline: self.deadline(state),
                })),
                ..opening.clone()
            },
        })
    }

    /// Intends the child run of a step whose guard holds, or says why there can be none.
    pub(super) fn start_flow(&self, state: &State, path: &Path, guarded: bool) -> Started {
        let unknown = || (FailureClass::Guard, "the called flow is not in the plan".to_owned());
        let (call, callee) = self.sub_flow(path).ok_or_else(unknown)?;
        let opening = state.opening.as_ref().ok_or_else(unknown)?;
        Ok(What::FlowStarted {
            guard: guarded.then_some(true),
            flow: call.flow.clone(),
            plan_digest: callee.digest(),
            run: run_id(opening, path).ok_or_else(unknown)?,
            inputs: given(state, path, call, callee)?,
        })
    }

    pub(super) fn flow_started(&self, state: &mut State, path: &Path, what: &What, leaf: Digest) -> Applied {
        let What::FlowStarted { plan_digest, run, inputs, .. } = what else {
            return illegal("it starts no flow");
        };
        let (Some((_, callee)), None) = (self.sub_flow(path), state.nodes.get(path)) else {
            return illegal("no flow was to be called here");
        };
        let derived = state.opening.as_ref().and_then(|opening| run_id(opening, path));
        if callee.digest() != *plan_digest || derived.as_ref() != Some(run) {
            return illegal("it is not the run that the plan calls for");
        }
        let known =
            SubRun { run: run.clone(), inputs: inputs.clone(), leaf, standing: None, was_in_doubt: false };
        state.nodes.insert(path.clone(), Progress::SubRun(Box::new(known)));
        Ok(())
    }

    pub(super) fn flow_reported(&self, state: &mut State, path: &Path, what: &What) -> Applied {
        let What::FlowReported { run, status, outputs, message, .. } = what else {
            return illegal("it reports no run");
        };
        let (Some((call, callee)), Some(Progress::SubRun(known))) =
            (self.sub_flow(path), state.nodes.get_mut(path))
        else {
            return illegal("no flow was under way here");
        };
        if known.run != *run || known.standing.is_some() {
            return illegal("it is about another run");
        }
        let was_in_doubt = known.was_in_doubt;
        let failure = || {
            let message = format!("the flow `{}` failed: {message}", call.flow);
            Failure { path: Some(path.clone()), class: FailureClass::Flow, message }
        };
        match status {
            FlowStatus::Succeeded => {
                let Ok(value) = Value::decode(&callee.flow.output, outputs) else {
                    return illegal("its outputs are not those of the flow");
                };
                state.nodes.insert(path.clone(), Progress::Done(value));
                if call.undo.is_some() && !callee.is_safe() {
                    state.completed.push(path.clone());
                }
                if was_in_doubt && state.failure.is_none() {
                    if self.is_last(path) {
                        state.settled();
                    } else {
                        let message = format!(
                            "the outcome of `{}` was not known before the run was resumed; it has succeeded now",
                            call.flow
                        );
                        state.fail(Failure { path: Some(path.clone()), class: FailureClass::Flow, message });
                    }
                }
            }
            FlowStatus::Failed => {
                state.nodes.insert(path.clone(), Progress::Failed);
                state.fail(failure());
            }
            // Either way the flow has failed; what is left of it stands as it does there.
            FlowStatus::Stuck => {
                known.standing = Some(PauseCause::Stuck);
                state.fail(failure());
            }
            FlowStatus::InDoubt => {
                known.standing = Some(PauseCause::InDoubt);
                state.failing = true;
            }
        }
        Ok(())
    }
}

/// What follows for one step from the run's secret.
fn derived(what: &str, opening: &Opening, path: &Path) -> Option<Digest> {
    let parts = json!(["eczflow-child-1", what, opening.run_secret, path.to_string()]);
    canonical_json(&parts).ok().map(Digest::of)
}

fn run_id(opening: &Opening, path: &Path) -> Option<String> {
    derived("run", opening, path)?.0.get(..10).map(encode_hex)
}

/// The inputs of a called flow in wire form, complete with defaults.
fn given(
    state: &State,
    path: &Path,
    call: &SubFlow,
    callee: &Verified<Plan>,
) -> Result<Map<String, Json>, (FailureClass, String)> {
    let names = state.names(&path.iterations);
    let expression = |error: crate::expr::EvalError| (FailureClass::Expression, error.to_string());
    let defaults = MapScope { definitions: callee.functions.clone(), ..MapScope::default() };
    let mut inputs = Map::new();
    for input in &callee.flow.inputs {
        let misfit = |why: String| {
            (FailureClass::Guard, format!("input `{}` of `{}` does not fit: {why}", input.name, call.flow))
        };
        let given = call.inputs.iter().find(|given| given.name == input.name);
        let mut value = match given {
            Some(given) => evaluate(&given.value, &names).map_err(expression)?,
            None => Value::Absent,
        };
        if let (Value::Absent, Some(default)) = (&value, &input.default) {
            value = evaluate(default, &defaults).map_err(expression)?;
        }
        if value == Value::Absent && input.ty.is_optional() {
            continue;
        }
        let json = value.to_json().map_err(|error| misfit(error.to_string()))?;
        Value::decode(&input.ty, &json).map_err(|why| misfit(why.to_string()))?;
        inputs.insert(input.name.clone(), json);
    }
    Ok(inputs)
}

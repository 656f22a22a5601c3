//! The flows that a plan calls, and the signals it waits for: whole, called, given what they need, and in one name.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanError;
use super::called::{SENDER, Signal, SubFlow};
use super::check::{Verified, check};
use super::model::{Api, Operator, Plan};
use super::obligations::calls;
use super::steps::{Block, Call, Node, NodeKind};
use crate::ecz::Kind;
use crate::types::Type;

fn refused(name: &'static str, subject: &str, reason: impl Into<String>) -> PlanError {
    PlanError::Obligation { name, subject: subject.to_owned(), reason: reason.into() }
}

pub(super) fn nodes<'p>(block: &'p Block, found: &mut Vec<&'p Node>) {
    for node in &block.nodes {
        found.push(node);
        if let NodeKind::For(repeat) = &node.kind {
            nodes(&repeat.body, found);
        }
    }
}

impl Plan {
    /// This flow, and those that it calls, directly or not. One may come several times.
    pub fn all_flows(&self) -> Vec<&Plan> {
        let called = self.flows.values().flat_map(Plan::all_flows);
        std::iter::once(self).chain(called).collect()
    }

    /// The apis of this flow and of those that it calls. A name may come several times.
    pub fn all_apis(&self) -> Vec<(&str, &Api)> {
        let apis = self.all_flows().into_iter().flat_map(|flow| &flow.apis);
        apis.map(|(name, api)| (name.as_str(), api)).collect()
    }

    /// This flow with the operators, secrets and apis of all that it calls: for whoever looks at the parties of a run, not
    /// at its order. A name is one api in all of them.
    pub fn joined(&self) -> Plan {
        let mut joined = self.clone();
        for flow in self.all_flows().into_iter().skip(1) {
            for (name, operator) in &flow.operators {
                joined.operators.entry(name.clone()).or_insert_with(|| operator.clone());
            }
            for (name, secret) in &flow.secrets {
                joined.secrets.entry(name.clone()).or_insert_with(|| secret.clone());
            }
            for (name, api) in &flow.apis {
                let known = joined.apis.entry(name.clone()).or_insert_with(|| api.clone());
                known.operations.extend(api.operations.clone());
                known.classified.extend(api.classified.clone());
                known.statement = known.statement.take().or_else(|| api.statement.clone());
            }
        }
        joined
    }

    /// The calls of this flow and, as `FLOW/SUBJECT`, of those that it calls, each with the flow that it stands in.
    pub fn all_calls(&self) -> Vec<(String, &Plan, &Call)> {
        let own = calls(&self.flow.body).into_iter().map(|(subject, call)| (subject, self, call));
        let called = self.all_flows().into_iter().skip(1).flat_map(|flow| {
            let named = move |subject: String| format!("{}/{subject}", flow.flow.name);
            calls(&flow.flow.body).into_iter().map(move |(subject, call)| (named(subject), flow, call))
        });
        own.chain(called).collect()
    }

    /// The handoffs by the steps that make them: the calls of this flow and, as `STEP/SUBJECT`, those of the flows that its
    /// steps call, each with the flow that it stands in. As many as a plan may have nodes, for those count so too.
    pub fn handoffs(&self) -> Vec<(String, &Plan, &Call)> {
        let mut found = Vec::new();
        self.handed_over("", &mut found);
        found
    }

    fn handed_over<'p>(&'p self, prefix: &str, found: &mut Vec<(String, &'p Plan, &'p Call)>) {
        let own = calls(&self.flow.body).into_iter();
        found.extend(own.map(|(subject, call)| (format!("{prefix}{subject}"), self, call)));
        for (step, call) in self.sub_flows() {
            if let Some(callee) = self.flows.get(&call.flow) {
                callee.handed_over(&format!("{prefix}{step}/"), found);
            }
        }
    }

    /// Whether the flow can change nothing at any counterparty.
    pub fn is_safe(&self) -> bool {
        calls(&self.flow.body).iter().all(|(_, call)| call.is_safe())
            && self.flows.values().all(Plan::is_safe)
    }

    /// The calls of this flow and of those that it calls that are read back, each with its read.
    pub fn read_back(&self) -> Vec<(&Call, &Call)> {
        let mut all = Vec::new();
        self.all_flows().into_iter().for_each(|flow| nodes(&flow.flow.body, &mut all));
        let pairs = all.into_iter().filter_map(|node| match &node.kind {
            NodeKind::Call(step) => Some((&step.call, &step.reconcile.as_ref()?.call)),
            _ => None,
        });
        pairs.collect()
    }

    /// The calls of steps of this flow and of those that it calls that have an undo, each with it. An operation that a step
    /// calls too is left out: it may be about anything then.
    pub fn taken_back(&self) -> Vec<(&Call, &Call)> {
        let mut all = Vec::new();
        self.all_flows().into_iter().for_each(|flow| nodes(&flow.flow.body, &mut all));
        let steps = || {
            all.iter().filter_map(|node| match &node.kind {
                NodeKind::Call(step) => Some(step),
                _ => None,
            })
        };
        let own: BTreeSet<_> = steps().map(|step| (&step.call.api, &step.call.operation)).collect();
        let pairs = steps().filter_map(|step| Some((&step.call, step.undo.as_ref()?)));
        pairs.filter(|(_, undo)| !own.contains(&(&undo.api, &undo.operation))).collect()
    }

    /// Whether a call of another flow can change anything at a counterparty.
    pub(super) fn is_effect(&self, call: &SubFlow) -> bool {
        self.flows.get(&call.flow).is_some_and(|callee| !callee.is_safe())
    }

    /// The flows that this one calls, with their steps, those in loops included.
    pub fn sub_flows(&self) -> Vec<(&str, &SubFlow)> {
        let mut all = Vec::new();
        nodes(&self.flow.body, &mut all);
        let calls = all.into_iter().filter_map(|node| match &node.kind {
            NodeKind::SubFlow(call) => Some((node.id.as_str(), call.as_ref())),
            _ => None,
        });
        calls.collect()
    }

    /// The signals that this flow waits for, with their names, those in loops included.
    pub fn signals(&self) -> Vec<(&str, &Signal)> {
        let mut all = Vec::new();
        nodes(&self.flow.body, &mut all);
        let signals = all.into_iter().filter_map(|node| match &node.kind {
            NodeKind::Signal(signal) => Some((node.id.as_str(), signal.as_ref())),
            _ => None,
        });
        signals.collect()
    }
}

/// Each flow that is called is a plan that holds by itself, in the name of the same operator, and is called with its
/// inputs. That no flow calls itself follows from its standing inside the other.
pub(super) fn check_sub_flows(plan: &Plan) -> Result<BTreeMap<String, Verified<Plan>>, PlanError> {
    let calls = plan.sub_flows();
    let called: BTreeSet<&str> = calls.iter().map(|(_, call)| call.flow.as_str()).collect();
    let mut verified = BTreeMap::new();
    for (name, flow) in &plan.flows {
        if !called.contains(name.as_str()) {
            return Err(refused("P2", name, "nothing calls this flow"));
        }
        if flow.flow.name != *name {
            return Err(refused("P2", name, format!("this flow is `{}`", flow.flow.name)));
        }
        if flow.source != plan.source {
            return Err(refused("P5", name, "this flow is of another source"));
        }
        let operator = plan.operators.get(&plan.flow.operator).map(|operator| &operator.passport);
        if flow.operators.get(&flow.flow.operator).map(|operator| &operator.passport) != operator {
            return Err(refused("P4", name, "this flow runs in the name of another operator"));
        }
        verified.insert(name.clone(), check(flow.clone()).map_err(|error| within(name, error))?);
    }
    one_operator_each(plan)?;
    one_api_each(plan)?;
    for (step, call) in calls {
        let Some(callee) = plan.flows.get(&call.flow) else {
            return Err(refused("P2", step, format!("there is no flow `{}`", call.flow)));
        };
        given(step, call, callee)?;
    }
    Ok(verified)
}

/// A name is one operator in all flows: whose the data of an api without a passport is follows from it.
fn one_operator_each(plan: &Plan) -> Result<(), PlanError> {
    let mut known: BTreeMap<&str, &Operator> = BTreeMap::new();
    for (name, operator) in plan.all_flows().into_iter().flat_map(|flow| &flow.operators) {
        if *known.entry(name).or_insert(operator) != operator {
            return Err(refused("P4", name, "this operator is another one in a flow that is called"));
        }
    }
    Ok(())
}

/// A name is one api in all flows: who receives what is judged of all of them together.
fn one_api_each(plan: &Plan) -> Result<(), PlanError> {
    let mut known: BTreeMap<&str, Api> = BTreeMap::new();
    for (name, api) in plan.all_apis() {
        let Some(first) = known.get_mut(name) else {
            known.insert(name, api.clone());
            continue;
        };
        // Which operations are used is another question in each flow.
        let bare = |api: &Api| Api {
            operations: BTreeMap::new(),
            classified: BTreeMap::new(),
            statement: None,
            ..api.clone()
        };
        // So is whether a call relies on a statement.
        let stated = first.statement.is_none() || api.statement.is_none() || first.statement == api.statement;
        let same = bare(first) == bare(api) && stated;
        let slices = api.operations.iter().all(|(key, slice)| match first.operations.get(key) {
            Some(other) => other == slice && first.classified.get(key) == api.classified.get(key),
            None => true,
        });
        if !same || !slices {
            return Err(refused("P5", name, "this api is another one in a flow that is called"));
        }
        first.operations.extend(api.operations.clone());
        first.classified.extend(api.classified.clone());
        first.statement = first.statement.take().or_else(|| api.statement.clone());
    }
    Ok(())
}

/// Inputs in the callee's order, each once; every one that it needs.
fn given(step: &str, call: &SubFlow, callee: &Plan) -> Result<(), PlanError> {
    let mut left = call.inputs.iter().peekable();
    for input in &callee.flow.inputs {
        if left.next_if(|given| given.name == input.name).is_none()
            && input.default.is_none()
            && !input.ty.is_optional()
        {
            return Err(refused("P3", step, format!("it does not give the input `{}`", input.name)));
        }
    }
    match left.next() {
        Some(given) => {
            let reason = format!("`{}` has no input `{}` there", call.flow, given.name);
            Err(refused("P3", step, reason))
        }
        None => Ok(()),
    }
}

/// An error in a called flow, said with the flow's name.
fn within(flow: &str, error: PlanError) -> PlanError {
    match error {
        PlanError::Obligation { name, subject, reason } => {
            PlanError::Obligation { name, subject: format!("{flow}/{subject}"), reason }
        }
        PlanError::Range { place, reason } => PlanError::Range { place: format!("{flow}/{place}"), reason },
        PlanError::Proof { difference } => {
            PlanError::Proof { difference: format!("{difference} of `{flow}`") }
        }
        other => other,
    }
}

/// A signal is a record without a sender of its own, from Agent Credentials.
pub(super) fn check_signals(plan: &Plan) -> Result<(), PlanError> {
    for (name, signal) in plan.signals() {
        let fits = matches!(&signal.ty, Type::Record(record) if !record.fields.contains_key(SENDER));
        if !fits {
            return Err(refused("P3", name, "a signal is a record without a sender of its own"));
        }
        if signal.from.iter().any(|agent| agent.kind() != Kind::Agent || agent.is_placeholder()) {
            return Err(refused("P4", name, "a signal is sent by Agent Credentials"));
        }
    }
    Ok(())
}

//! From a checked flow to a plan with its proof.
//!
//! May import: base, ecz, documents, types, expr, plan, hir, graph. Deterministic: the same source and documents give the
//! same plan, and what is recomputed of the proof before a run is written by the functions that recompute it.

mod classes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::Digest;
use crate::ecz::{EczId, HandoffPolicy};
use crate::expr::{Definitions, Expr};
use crate::graph::Graph;
use crate::hir::{self, Hir};
use crate::plan::{self, Plan, base_url};

/// Why a flow that was found in order still makes no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// Something is not resolved: rules should have said so.
    #[error("`{0}` is not resolved")]
    Unresolved(String),
    /// The plan does not hold: a flow too large or nested too deeply, or a mistake of the compiler.
    #[error(transparent)]
    Refused(#[from] plan::PlanError),
}

/// The plan of a flow in which every rule found nothing wrong, with those of the flows that it calls. `graphs` are by
/// flow, `source` names the flows' file.
pub fn emit(
    hir: &Hir,
    graphs: &BTreeMap<String, Arc<Graph>>,
    source: plan::Source,
) -> Result<Plan, EmitError> {
    let unresolved = |what: &str| EmitError::Unresolved(what.to_owned());
    let (operator, agent) = hir.flow.agent.clone().ok_or_else(|| unresolved("as"))?;
    let graph = graphs.get(&hir.flow.name).ok_or_else(|| unresolved(&hir.flow.name))?;
    let mut flows = BTreeMap::new();
    for (name, callee) in &hir.callees {
        flows.insert(name.clone(), emit(callee, graphs, source.clone())?);
    }
    let mut emitter = Emitter { hir, graph, source: &source, agent: agent.clone(), uses: uses(hir) };
    let body = emitter.block(&hir.flow.body)?;
    let apis = emitter.apis()?;
    let inputs = hir.flow.inputs.iter().map(|input| plan::Input {
        name: input.name.clone(),
        ty: input.ty.clone(),
        default: input.default.clone(),
        classified: classes::of(hir, &hir::ClassifiedIn::Input(input.name.clone())),
    });
    let flow = plan::Flow {
        name: hir.flow.name.clone(),
        operator,
        agent,
        inputs: inputs.collect(),
        output: hir.flow.output.clone(),
        deadline_ms: hir.flow.deadline_ms,
        handoff: handoff(hir, &flows),
        cleared: classes::cleared(&hir.flow.cleared),
        body,
    };
    let secrets = hir.secrets.iter().filter(|(name, _)| {
        apis.values().flat_map(|api| &api.auth).any(|auth| auth.secrets().contains(&name.as_str()))
    });
    let secrets =
        secrets.map(|(name, secret)| (name.clone(), plan::Secret { audience: secret.audience.clone() }));
    let mut plan = Plan {
        format: plan::FORMAT.to_owned(),
        language: hir.language,
        compiler: format!("eczflow {}", env!("CARGO_PKG_VERSION")),
        source: source.clone(),
        operators: operators(hir, &flow, &apis),
        secrets: secrets.collect(),
        apis,
        functions: functions(hir, &flow),
        flows,
        flow,
        egress: Vec::new(),
        proof: plan::Proof::default(),
    };
    let plan::Proven { proof, egress } = plan::prove(&plan)?;
    (plan.proof, plan.egress) = (proof, egress);
    Ok(plan)
}

/// What the flow's expressions use of steps' answers beside their bodies, by step.
fn uses(hir: &Hir) -> BTreeMap<String, plan::Uses> {
    let mut uses = BTreeMap::new();
    hir.flow.body.each_node(&mut |node, _| {
        let later = node.on_answer();
        node.expressions()
            .into_iter()
            .chain(later)
            .for_each(|expression| plan::answer_uses(expression, &mut uses));
    });
    uses
}

/// The functions that the flow calls, directly or not.
fn functions(hir: &Hir, flow: &plan::Flow) -> Definitions {
    let mut called = BTreeSet::new();
    plan::each_expression(&flow.body, &mut |expression| called.extend(plan::applied(expression)));
    called.extend(flow.inputs.iter().filter_map(|input| input.default.as_ref()).flat_map(plan::applied));
    let called = plan::reached(called, &hir.functions);
    hir.functions
        .iter()
        .filter(|(name, _)| called.contains(*name))
        .map(|(name, found)| (name.clone(), found.clone()))
        .collect()
}

/// The operators that the plan names: the runner, whoever presents itself, whoever assumes something or is said to answer.
fn operators(
    hir: &Hir,
    flow: &plan::Flow,
    apis: &BTreeMap<String, plan::Api>,
) -> BTreeMap<String, plan::Operator> {
    let mut names: BTreeSet<&str> = BTreeSet::from([flow.operator.as_str()]);
    for api in apis.values() {
        if let plan::Party::NoPassport { operator: Some(operator), .. } = &api.identity {
            names.insert(operator);
        }
    }
    let calls = plan::calls(&flow.body);
    for (_, call) in &calls {
        if let Some(plan::Idempotency::Assumed { by, .. }) = &call.idempotency {
            names.insert(by);
        }
        let presents = |operator: &hir::Operator| operator.agent.as_ref() == Some(&call.present);
        names.extend(
            hir.operators.iter().filter(|(_, operator)| presents(operator)).map(|(name, _)| name.as_str()),
        );
    }
    let named = hir.operators.iter().filter(|(name, _)| names.contains(name.as_str()));
    let operator = |operator: &hir::Operator| plan::Operator {
        passport: operator.passport.clone(),
        agent: operator.agent.clone(),
    };
    named.map(|(name, found)| (name.clone(), operator(found))).collect()
}

/// The flow's own policy, where a flow that it calls takes a weaker one.
fn handoff(hir: &Hir, flows: &BTreeMap<String, Plan>) -> Option<HandoffPolicy> {
    let policy = hir.flow.handoff.as_ref()?.policy.as_ref()?;
    (!plan::weaker_calls(flows, policy).is_empty()).then(|| policy.clone())
}

/// Who answers at an api.
fn party(api: &hir::Api) -> Option<plan::Party> {
    if let Some(none) = &api.no_passport {
        return Some(plan::Party::NoPassport {
            because: none.because.clone(),
            operator: none.operator.clone(),
        });
    }
    let identity = api.identity.as_ref()?.fields.clone();
    Some(plan::Party::Passport { identity, declared: api.declared? })
}

struct Emitter<'a> {
    hir: &'a Hir,
    graph: &'a Graph,
    source: &'a plan::Source,
    agent: EczId,
    /// What is used of steps' answers beside their bodies.
    uses: BTreeMap<String, plan::Uses>,
}

impl Emitter<'_> {
    fn block(&mut self, block: &hir::Block) -> Result<plan::Block, EmitError> {
        let nodes = block.nodes.iter().map(|node| self.node(node)).collect::<Result<Vec<_>, EmitError>>()?;
        Ok(plan::Block { nodes })
    }

    fn node(&mut self, node: &hir::Node) -> Result<plan::Node, EmitError> {
        let kind = match &node.kind {
            hir::NodeKind::Step(step) => plan::NodeKind::Call(Box::new(plan::Step {
                call: self.call(&step.call)?,
                poll: step.poll.as_ref().map(|(poll, _)| poll.clone()),
                pages: step.pages.as_ref().map(|(pages, _)| pages.clone()),
                reconcile: step.reconcile.as_ref().map(|read| self.reconcile(read)).transpose()?,
                guard: step.guard.as_ref().map(|(guard, _)| guard.clone()),
                on: step.on.iter().map(|(status, _, message)| (*status, message.clone())).collect(),
                undo: step.undo.as_ref().map(|undo| self.call(undo)).transpose()?,
                irreversible: step.irreversible.as_ref().map(|(because, _)| because.clone()),
                answer: self.uses.get(&node.id).map(|uses| uses.of(step.headers.iter().cloned())),
            })),
            hir::NodeKind::SubFlow(call) => {
                let given =
                    |(name, value): &(String, Expr)| plan::Given { name: name.clone(), value: value.clone() };
                plan::NodeKind::SubFlow(Box::new(plan::SubFlow {
                    flow: call.flow.clone(),
                    inputs: call.arguments.iter().map(given).collect(),
                    guard: call.guard.as_ref().map(|(guard, _)| guard.clone()),
                    undo: call.undo.as_ref().map(|undo| self.call(undo)).transpose()?,
                    irreversible: call.irreversible.as_ref().map(|(because, _)| because.clone()),
                }))
            }
            hir::NodeKind::Signal(signal) => plan::NodeKind::Signal(Box::new(plan::Signal {
                ty: signal.ty.clone(),
                from: signal.from.clone(),
                within_ms: signal.within_ms,
                otherwise: signal.otherwise.clone(),
                guard: signal.guard.as_ref().map(|(guard, _)| guard.clone()),
            })),
            hir::NodeKind::Let(value) => plan::NodeKind::Let {
                value: value.clone(),
                release: self.hir.flow.releases.get(&node.id).map(|released| released.release.clone()),
            },
            hir::NodeKind::Wait(wait) => plan::NodeKind::Wait(wait.clone()),
            hir::NodeKind::Ensure { condition, message } => {
                plan::NodeKind::Ensure { condition: condition.clone(), message: message.clone() }
            }
            hir::NodeKind::Fail { condition, message } => {
                plan::NodeKind::Fail { condition: condition.clone(), message: message.clone() }
            }
            hir::NodeKind::For(repeat) => plan::NodeKind::For(Box::new(plan::Loop {
                variable: repeat.variable.clone(),
                list: repeat.list.clone(),
                at_most: repeat.at_most.0,
                parallel: repeat.parallel,
                guard: repeat.guard.as_ref().map(|(guard, _)| guard.clone()),
                body: self.block(&repeat.body)?,
                result: repeat.result.clone(),
            })),
            hir::NodeKind::Return(value) => plan::NodeKind::Return { value: value.clone() },
        };
        Ok(plan::Node { id: node.id.clone(), line: node.line, after: self.graph.after(&node.id), kind })
    }

    fn reconcile(&self, read: &hir::Reconcile) -> Result<plan::Reconcile, EmitError> {
        let (when, absent_after_ms) = (read.when.clone(), read.absent_after_ms);
        Ok(plan::Reconcile { call: self.call(&read.call)?, when, absent_after_ms })
    }

    fn call(&self, call: &hir::Call) -> Result<plan::Call, EmitError> {
        let name = format!("{}.{}", call.api, call.operation);
        let handoff =
            call.handoff().and_then(|handoff| Some((handoff.policy.clone()?, handoff.present.clone())));
        let (handoff, present) = handoff.ok_or(EmitError::Unresolved(name))?;
        // The farthest one says what the flow asks for.
        let weakened = call.weaker(&self.hir.flow).pop().and_then(|weaker| {
            let present = weaker.other.present.clone().unwrap_or_else(|| self.agent.clone());
            let (instead_of, because) = (weaker.other.policy.clone()?, weaker.because?.to_owned());
            Some(Box::new(plan::Weakening { instead_of, present, because }))
        });
        let argument = |(name, location, value): &(String, String, Expr)| plan::Argument {
            name: name.clone(),
            location: location.clone(),
            value: value.clone(),
        };
        Ok(plan::Call {
            api: call.api.clone(),
            operation: call.operation.clone(),
            method: call.view.method.clone(),
            path: call.view.path.clone(),
            arguments: call.arguments.iter().map(argument).collect(),
            body: call.body.clone(),
            idempotency: call.idempotency.clone(),
            once_per: call.key.as_ref().map(|(key, _)| key.clone()),
            retry: call.retry().cloned(),
            handoff,
            present: present.unwrap_or_else(|| self.agent.clone()),
            weakened,
        })
    }

    fn apis(&self) -> Result<BTreeMap<String, plan::Api>, EmitError> {
        let mut apis: BTreeMap<String, plan::Api> = BTreeMap::new();
        for (_, _, call, _) in self.hir.flow.calls() {
            let unresolved = || EmitError::Unresolved(format!("{} of {}", call.api, self.source.file));
            let api = self.hir.apis.get(&call.api).ok_or_else(unresolved)?;
            let document = api.document.as_ref().ok_or_else(unresolved)?;
            let entry = document.operation(&call.operation).map_err(|_| unresolved())?;
            let slice = document.slice(entry).map_err(|_| unresolved())?;
            let slice = plan::Slice { text: slice.text, digest: slice.digest };
            // It is carried where a call relies on it.
            let relied = matches!(call.idempotency, Some(plan::Idempotency::Stated { .. }));
            let statement = api.statement.as_ref().filter(|_| relied).map(|read| read.pinned.clone());
            if let Some(known) = apis.get_mut(&call.api) {
                known.statement = known.statement.take().or(statement);
                known.operations.insert(call.operation.clone(), slice);
                continue;
            }
            let region = api
                .region
                .as_ref()
                .map(|(name, origin, _)| plan::Region { name: name.clone(), origin: origin.clone() });
            let identity = party(api).ok_or_else(unresolved)?;
            let base_url = base_url(&call.view, api.choice()).map_err(|_| unresolved())?;
            let pin =
                api.pin.as_ref().and_then(|(hex, _)| Digest::from_hex(hex).ok()).ok_or_else(unresolved)?;
            let auth = self.hir.authentication(&call.api).map_err(|_| unresolved())?;
            apis.insert(
                call.api.clone(),
                plan::Api {
                    document: api.path.clone(),
                    pin,
                    identity,
                    base_url,
                    server: api.server.as_ref().map(|(url, _)| url.trim_end_matches('/').to_owned()),
                    region,
                    auth,
                    timeout: api.timeout,
                    rate: api.rate.map(|(rate, _)| rate),
                    concurrency: api.concurrency,
                    breaker: api.breaker.clone().ok_or_else(unresolved)?,
                    cleared: classes::cleared(&api.cleared),
                    statement,
                    classified: BTreeMap::new(),
                    operations: BTreeMap::from([(call.operation.clone(), slice)]),
                },
            );
        }
        for (name, api) in &mut apis {
            api.classified = classes::of_answers(self.hir, name, api.operations.keys());
        }
        Ok(apis)
    }
}

//! P7: what `key once per` is made of is the same in each run, and another for each call.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanError;
use super::called::SubFlow;
use super::model::{Block, NodeKind, Plan};
use super::names::{each_child, free_names};
use crate::expr::{Expr, Part};

/// What a key can see.
#[derive(Debug, Clone, Default)]
pub struct KeyScope<'a> {
    /// Named values.
    pub values: BTreeMap<&'a str, &'a Expr>,
    /// The loops around the call, the outermost first.
    pub loops: Vec<KeyLoop<'a>>,
}

/// A loop around a keyed call.
#[derive(Debug, Clone)]
pub struct KeyLoop<'a> {
    /// The item's name.
    pub variable: &'a str,
    /// The list.
    pub list: &'a Expr,
    /// Most items.
    pub at_most: u64,
    /// The steps of its body, those of inner loops included: their answers may differ.
    pub steps: BTreeSet<&'a str>,
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFault {
    /// It names `run.id` or `run.started`: another key in each run.
    Unstable {
        /// `id` or `started`.
        member: String,
    },
    /// Two values stand in a text with nothing between them.
    Adjoining {
        /// The first, in words.
        left: String,
        /// The second.
        right: String,
    },
    /// Two iterations of a loop have one key.
    Shared {
        /// The loop's item.
        variable: String,
        /// Whether an inner loop's item stands in it all the same.
        inner: bool,
    },
}

/// The first thing that is wrong with a key.
pub fn key_fault(key: &Expr, scope: &KeyScope<'_>) -> Option<KeyFault> {
    parts_fault(&[key], scope)
}

/// The same of a key that a called flow makes of what it is given: of several values.
fn parts_fault(parts: &[&Expr], scope: &KeyScope<'_>) -> Option<KeyFault> {
    let (reached, expressions) = reached(parts, scope);
    if let Some(member) = expressions.iter().find_map(|expression| run_member(expression)) {
        return Some(KeyFault::Unstable { member });
    }
    if let Some(fault) = expressions.iter().find_map(|expression| adjoining(expression)) {
        return Some(fault);
    }
    let differs = |outer: &KeyLoop<'_>| {
        reached.iter().any(|name| name == outer.variable || outer.steps.contains(name.as_str()))
    };
    let shared = scope.loops.iter().find(|outer| outer.at_most > 1 && !differs(outer))?;
    let inner = scope.loops.iter().any(|other| reached.contains(other.variable));
    Some(KeyFault::Shared { variable: shared.variable.to_owned(), inner })
}

/// The names that expressions are made of, through named values and lists, and every expression on the way.
fn reached<'a>(parts: &[&'a Expr], scope: &KeyScope<'a>) -> (BTreeSet<String>, Vec<&'a Expr>) {
    let (mut names, mut all) = (BTreeSet::new(), Vec::new());
    let mut open: Vec<&Expr> = parts.to_vec();
    while let Some(expression) = open.pop() {
        all.push(expression);
        for name in free_names(expression) {
            let value = scope.values.get(name.as_str()).copied();
            let of_loop = || scope.loops.iter().find(|outer| outer.variable == name).map(|outer| outer.list);
            let from = value.or_else(of_loop);
            if names.insert(name) {
                open.extend(from);
            }
        }
    }
    (names, all)
}

/// What the keys of a flow are made of, one entry a keyed call, those of flows that it calls among them: the inputs. A key
/// that an answer goes into may be another each time, like a key in a loop, and has no entry.
pub type KeyInputs = Vec<BTreeSet<String>>;

/// The inputs among what a key is made of; none where an answer is.
pub fn key_inputs<'a>(
    parts: &[&'a Expr],
    scope: &KeyScope<'a>,
    inputs: &BTreeSet<&str>,
    answers: &BTreeSet<&str>,
) -> Option<BTreeSet<String>> {
    let (names, _) = reached(parts, scope);
    let answered = names.iter().any(|name| answers.contains(name.as_str()));
    (!answered).then(|| names.into_iter().filter(|name| inputs.contains(name.as_str())).collect())
}

/// What is wrong with the keys of a called flow, by what it is given.
pub fn called_fault<'a>(
    keys: &KeyInputs,
    given: &[(&str, &'a Expr)],
    scope: &KeyScope<'a>,
) -> Option<KeyFault> {
    keys.iter().find_map(|inputs| parts_fault(&parts_given(inputs, given), scope))
}

/// The values that are given for some inputs.
pub fn parts_given<'a>(inputs: &BTreeSet<String>, given: &[(&str, &'a Expr)]) -> Vec<&'a Expr> {
    given.iter().filter(|(name, _)| inputs.contains(*name)).map(|(_, value)| *value).collect()
}

/// What a plan's keys are made of.
fn keys_of(plan: &Plan) -> KeyInputs {
    let inputs = plan.flow.inputs.iter().map(|input| input.name.as_str()).collect();
    let mut answers = BTreeSet::new();
    collect_steps(&plan.flow.body, &mut answers);
    let mut found = Vec::new();
    collect_keys(plan, &plan.flow.body, &mut KeyScope::default(), &inputs, &answers, &mut found);
    found
}

fn collect_keys<'p>(
    plan: &'p Plan,
    block: &'p Block,
    scope: &mut KeyScope<'p>,
    inputs: &BTreeSet<&str>,
    answers: &BTreeSet<&str>,
    found: &mut KeyInputs,
) {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Let { value, .. } => {
                scope.values.insert(&node.id, value);
            }
            NodeKind::Call(step) => {
                let key = step.call.once_per.as_ref();
                found.extend(key.and_then(|key| key_inputs(&[key], scope, inputs, answers)));
            }
            NodeKind::SubFlow(call) => {
                let given = given(call);
                for keys in plan.flows.get(&call.flow).map(keys_of).unwrap_or_default() {
                    found.extend(key_inputs(&parts_given(&keys, &given), scope, inputs, answers));
                }
            }
            NodeKind::For(repeat) => {
                let (variable, list, at_most) = (repeat.variable.as_str(), &repeat.list, repeat.at_most);
                scope.loops.push(KeyLoop { variable, list, at_most, steps: BTreeSet::new() });
                collect_keys(plan, &repeat.body, scope, inputs, answers, found);
                scope.loops.pop();
            }
            _ => {}
        }
    }
}

fn given(call: &SubFlow) -> Vec<(&str, &Expr)> {
    call.inputs.iter().map(|given| (given.name.as_str(), &given.value)).collect()
}

fn run_member(expression: &Expr) -> Option<String> {
    if let Expr::Run { member } = expression {
        return Some(member.clone());
    }
    let mut found = None;
    each_child(expression, &mut |child| found = found.take().or_else(|| run_member(child)));
    found
}

fn adjoining(expression: &Expr) -> Option<KeyFault> {
    if let Expr::Interpolate { parts } = expression {
        let said: Vec<&Part> = parts.iter().filter(|part| !is_empty(part)).collect();
        for pair in said.windows(2) {
            if let [Part::Value(left), Part::Value(right)] = pair {
                return Some(KeyFault::Adjoining { left: words(left), right: words(right) });
            }
        }
    }
    let mut found = None;
    each_child(expression, &mut |child| found = found.take().or_else(|| adjoining(child)));
    found
}

fn is_empty(part: &Part) -> bool {
    matches!(part, Part::Text(text) if text.is_empty())
}

/// An expression as a message names it.
fn words(expression: &Expr) -> String {
    match expression {
        Expr::Name { name } => name.clone(),
        Expr::Field { of, name, .. } => format!("{}.{name}", words(of)),
        Expr::Widen { of, .. } => words(of),
        _ => "…".to_owned(),
    }
}

/// Every key of a plan, as P7 wants it.
pub(super) fn check_keys(plan: &Plan) -> Result<(), PlanError> {
    check_block(plan, &plan.flow.body, &mut KeyScope::default())
}

fn check_block<'p>(plan: &'p Plan, block: &'p Block, scope: &mut KeyScope<'p>) -> Result<(), PlanError> {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Let { value, .. } => {
                scope.values.insert(&node.id, value);
            }
            NodeKind::Call(step) => {
                refuse(&node.id, step.call.once_per.as_ref().and_then(|key| key_fault(key, scope)))?;
            }
            NodeKind::SubFlow(call) => {
                let keys = plan.flows.get(&call.flow).map(keys_of).unwrap_or_default();
                refuse(&node.id, called_fault(&keys, &given(call), scope))?;
            }
            NodeKind::For(repeat) => {
                let mut steps = BTreeSet::new();
                collect_steps(&repeat.body, &mut steps);
                let (variable, list, at_most) = (repeat.variable.as_str(), &repeat.list, repeat.at_most);
                scope.loops.push(KeyLoop { variable, list, at_most, steps });
                check_block(plan, &repeat.body, scope)?;
                scope.loops.pop();
            }
            _ => {}
        }
    }
    Ok(())
}

fn refuse(node: &str, fault: Option<KeyFault>) -> Result<(), PlanError> {
    let reason = match fault {
        None => return Ok(()),
        Some(KeyFault::Unstable { member }) => format!("its key hangs on `run.{member}`"),
        Some(KeyFault::Adjoining { .. }) => "different values make one key".to_owned(),
        Some(KeyFault::Shared { variable, .. }) => format!("each `{variable}` has the same key"),
    };
    Err(PlanError::Obligation { name: "P7", subject: node.to_owned(), reason })
}

fn collect_steps<'p>(block: &'p Block, steps: &mut BTreeSet<&'p str>) {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Call(_) | NodeKind::SubFlow(_) | NodeKind::Signal(_) => {
                steps.insert(&node.id);
            }
            NodeKind::For(repeat) => collect_steps(&repeat.body, steps),
            _ => {}
        }
    }
}

//! P7: what `key once per` is made of is the same in each run, and another for each call.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanError;
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
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Expr> = vec![key];
    let mut adjoining = None;
    while let Some(expression) = open.pop() {
        if let Some(member) = run_member(expression) {
            return Some(KeyFault::Unstable { member });
        }
        adjoining = adjoining.or_else(|| self::adjoining(expression));
        for name in free_names(expression) {
            let value = scope.values.get(name.as_str()).copied();
            let of_loop = || scope.loops.iter().find(|outer| outer.variable == name).map(|outer| outer.list);
            let from = value.or_else(of_loop);
            if reached.insert(name) {
                open.extend(from);
            }
        }
    }
    if adjoining.is_some() {
        return adjoining;
    }
    let differs = |outer: &KeyLoop<'_>| {
        reached.iter().any(|name| name == outer.variable || outer.steps.contains(name.as_str()))
    };
    let shared = scope.loops.iter().find(|outer| outer.at_most > 1 && !differs(outer))?;
    let inner = scope.loops.iter().any(|other| reached.contains(other.variable));
    Some(KeyFault::Shared { variable: shared.variable.to_owned(), inner })
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
        for pair in parts.windows(2) {
            if let [Part::Value(left), Part::Value(right)] = pair {
                return Some(KeyFault::Adjoining { left: words(left), right: words(right) });
            }
        }
    }
    let mut found = None;
    each_child(expression, &mut |child| found = found.take().or_else(|| adjoining(child)));
    found
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
    check_block(&plan.flow.body, &mut KeyScope::default())
}

fn check_block<'p>(block: &'p Block, scope: &mut KeyScope<'p>) -> Result<(), PlanError> {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Let { value, .. } => {
                scope.values.insert(&node.id, value);
            }
            NodeKind::Call(step) => {
                let fault = step.call.once_per.as_ref().and_then(|key| key_fault(key, scope));
                let reason = match fault {
                    None => continue,
                    Some(KeyFault::Unstable { member }) => format!("its key hangs on `run.{member}`"),
                    Some(KeyFault::Adjoining { .. }) => "different values make one key".to_owned(),
                    Some(KeyFault::Shared { variable, .. }) => format!("each `{variable}` has the same key"),
                };
                return Err(PlanError::Obligation { name: "P7", subject: node.id.clone(), reason });
            }
            NodeKind::For(repeat) => {
                let mut steps = BTreeSet::new();
                collect_steps(&repeat.body, &mut steps);
                let (variable, list, at_most) = (repeat.variable.as_str(), &repeat.list, repeat.at_most);
                scope.loops.push(KeyLoop { variable, list, at_most, steps });
                check_block(&repeat.body, scope)?;
                scope.loops.pop();
            }
            _ => {}
        }
    }
    Ok(())
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

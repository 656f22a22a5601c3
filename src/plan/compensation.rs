//! P8: every effect that a failure can follow has an undo, or comes after everything that can fail.

use super::PlanError;
use super::functions::{applied, reached};
use super::model::{Obligation, Plan};
use super::names::each_child;
use super::outline::{self, Does, Failing, Item, Outline};
use super::steps::{Block, Call, NodeKind, Step};
use crate::expr::{BinaryOperator, Definitions, Expr, UnaryOperator};
use crate::types::has_too_many_digits;

/// An effect without an `undo`, and the first thing that can fail when it has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncovered<'a> {
    /// The effect's id.
    pub effect: &'a str,
    /// What can fail: a node's id; the effect's own where it is another iteration.
    pub follower: &'a str,
    /// How.
    pub how: Following,
}

/// How something can fail when an effect has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// The same call in another iteration.
    Iteration,
    /// What a loop around the effect yields.
    Yield,
    /// Another node.
    Node(Failing),
}

/// Every effect of an outline that P8 does not hold for, in source order.
pub fn uncovered<'o>(items: &'o [Item<'o>]) -> Vec<Uncovered<'o>> {
    let outline = Outline::new(items);
    let effects = outline.entries.iter().enumerate().filter(|(_, entry)| entry.item.does.stands());
    effects
        .filter_map(|(at, entry)| {
            let (follower, how) = first_failure(&outline, at)?;
            Some(Uncovered { effect: entry.item.id, follower, how })
        })
        .collect()
}

/// The first node that can fail and is not finished before the effect starts.
fn first_failure<'o>(outline: &Outline<'o>, effect: usize) -> Option<(&'o str, Following)> {
    let (before, around) = (outline.before(effect, true), outline.around(effect));
    outline.entries.iter().enumerate().find_map(|(at, entry)| {
        let how = if at == effect {
            // Another iteration of its own loop is another call.
            (!entry.once).then_some(Following::Iteration)
        } else if around.contains(&at) {
            // A loop around the effect was entered before it; only what it yields comes later.
            matches!(entry.item.does, Does::Repeat { yield_fails: true, .. }).then_some(Following::Yield)
        } else if before.get(at).is_some_and(|before| *before) {
            None
        } else {
            entry.item.fails.map(Following::Node)
        };
        Some((entry.item.id, how?))
    })
}

/// Whether evaluating can fail, in itself or in a function that it calls.
pub fn can_fail(expression: &Expr, functions: &Definitions) -> bool {
    let called = reached(applied(expression), functions);
    let mut bodies = called.iter().filter_map(|name| functions.get(name));
    fails(expression) || bodies.any(|function| fails(&function.body))
}

/// Whether an expression or a part of it can fail.
fn fails(expression: &Expr) -> bool {
    let mut inner = fails_itself(expression);
    each_child(expression, &mut |child| inner = inner || fails(child));
    inner
}

/// Whether an expression itself can fail: arithmetic overflows, divisors are zero, indices lie outside, functions refuse.
pub(super) fn fails_itself(expression: &Expr) -> bool {
    use BinaryOperator as Op;
    match expression {
        Expr::Binary { operator, .. } => {
            matches!(operator, Op::Add | Op::Subtract | Op::Multiply | Op::Divide | Op::Remainder)
        }
        Expr::Unary { operator, .. } => *operator == UnaryOperator::Negate,
        Expr::Index { optional, .. } => !optional,
        Expr::Call { .. } => true,
        // It cannot be written where it goes.
        Expr::Decimal { value } => has_too_many_digits(value),
        _ => false,
    }
}

/// What is wrong with how a step says that it is undone, or that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undoes {
    /// The undo only reads: it takes nothing back.
    Reads,
    /// It is irreversible without a reason.
    NoReason,
    /// It is irreversible, but changes nothing.
    NoEffect,
}

/// What is wrong with how a step that has an effect, or has none, says that it is undone, or that it is not. `undo` says
/// whether its undo is a safe call.
pub fn undoes(effect: bool, undo: Option<bool>, irreversible: Option<&str>) -> Option<Undoes> {
    match irreversible {
        _ if undo == Some(true) => Some(Undoes::Reads),
        Some(_) if !effect => Some(Undoes::NoEffect),
        Some(because) if because.trim().is_empty() => Some(Undoes::NoReason),
        _ => None,
    }
}

/// What P8 holds by at an effect.
fn covered_by(undo: Option<&Call>, irreversible: Option<&str>) -> String {
    match (undo, irreversible) {
        (Some(undo), _) => format!("undo {}", undo.operation_name()),
        (None, Some(because)) => format!("irreversible, after everything that can fail: {because}"),
        (None, None) => "nothing that can fail comes after it".to_owned(),
    }
}

/// P8, one entry an effect.
pub(super) fn compensated(plan: &Plan) -> Result<Vec<Obligation>, PlanError> {
    let mut found = Vec::new();
    each_step(&plan.flow.body, &mut |id, step| {
        let effect = !step.call.is_safe();
        found.extend(compensation(id, effect, step.undo.as_ref(), step.irreversible.as_deref())?);
        Ok(())
    })?;
    let items = outline::of(plan);
    for (id, call) in plan.sub_flows() {
        found.extend(compensation(
            id,
            plan.is_effect(call),
            call.undo.as_ref(),
            call.irreversible.as_deref(),
        )?);
    }
    match uncovered(&items).first() {
        Some(Uncovered { effect, follower, how: Following::Iteration | Following::Yield }) => {
            Err(refused(effect, format!("it has no undo, and `{follower}` can fail in another iteration")))
        }
        Some(Uncovered { effect, follower, .. }) => {
            Err(refused(effect, format!("it has no undo, and `{follower}` can fail after it")))
        }
        None => Ok(found),
    }
}

fn refused(subject: &str, reason: impl Into<String>) -> PlanError {
    PlanError::Obligation { name: "P8", subject: subject.to_owned(), reason: reason.into() }
}

/// What P8 holds by at a step; nothing where that has no effect.
fn compensation(
    id: &str,
    effect: bool,
    undo: Option<&Call>,
    irreversible: Option<&str>,
) -> Result<Option<Obligation>, PlanError> {
    if undo.is_some() && irreversible.is_some() {
        return Err(refused(id, "it has an undo and is irreversible"));
    }
    match undoes(effect, undo.map(Call::is_safe), irreversible) {
        None => {}
        Some(Undoes::Reads) => return Err(refused(id, "its undo only reads: it takes nothing back")),
        Some(Undoes::NoReason) => return Err(refused(id, "it does not say why it is irreversible")),
        Some(Undoes::NoEffect) => return Err(refused(id, "it is irreversible, but changes nothing")),
    }
    let holds_by = covered_by(undo, irreversible);
    Ok(effect.then(|| Obligation { name: "P8".into(), subject: id.to_owned(), holds_by }))
}

/// Every step of a block, those in loops included.
fn each_step<'p>(
    block: &'p Block,
    visit: &mut dyn FnMut(&'p str, &'p Step) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    for node in &block.nodes {
        match &node.kind {
            NodeKind::Call(step) => visit(&node.id, step)?,
            NodeKind::For(repeat) => each_step(&repeat.body, visit)?,
            _ => {}
        }
    }
    Ok(())
}

//! What is undone and what stays when a node fails, and where the outcome of a step is unknown when it does.

use std::collections::BTreeMap;

use serde::Serialize;

use super::check::Verified;
use super::compensation::can_fail;
use super::digits::Digits;
use super::model::Plan;
use super::outline::{self, Does, Failing, Outline};
use super::steps::{Block, Call, Node, NodeKind};
use super::sub_flows;
use super::typed::guards_of;
use crate::documents::Location;
use crate::expr::{Expr, Part};
use crate::types::Type;

/// A node that can fail, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The node's id.
    pub node: String,
    /// Its line in the source.
    pub line: u32,
    /// How it can fail.
    pub how: &'static str,
    /// Effects that are undone, in that order.
    pub undone: Vec<Undoing>,
    /// What is not undone.
    pub stays: Vec<Stand>,
    /// What comes of it instead where a step is in doubt; absent where none can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_doubt: Option<Doubt>,
}

/// The outcome of an effect is unknown when a node fails: then nothing is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// The steps that can be in doubt, in source order: one of them is enough.
    pub of: Vec<String>,
    /// The effects that stay then where they happened, in source order.
    pub stays: Vec<String>,
}

/// An effect that is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undoing {
    /// The step.
    pub step: String,
    /// `api.operation` that undoes it.
    pub undo: String,
    /// The effects of the called flow, `api.operation` each, that the undo has to take back; none for a step of one call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers_for: Vec<String>,
    /// Whether it has happened in any case, guards apart; otherwise it may be under way, or not begun.
    pub certain: bool,
    /// Whether it happens once an iteration: each one that was completed is undone.
    pub repeated: bool,
}

/// Something that is not undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stand {
    /// The step.
    pub step: String,
    /// Why: `irreversible`, `no_undo`, or `undo_unmade` where the undo's request may not come about.
    pub because: &'static str,
}

/// Every node that can fail in source order, with what is undone then and what stays.
pub fn failures(plan: &Verified<Plan>) -> Vec<Failure> {
    let mut found = Vec::new();
    each_failure(plan, &mut |failure| found.push(failure));
    found
}

/// The same, one at a time: all of them together are as many as the square of the flow's steps.
pub fn each_failure(plan: &Verified<Plan>, visit: &mut dyn FnMut(Failure)) {
    let items = outline::of(plan);
    let mut digits = Digits::of(&plan.flow.body, &plan.functions);
    let outline = Outline::new(&items);
    let mut nodes = BTreeMap::new();
    nodes_of(&plan.flow.body, &mut nodes);
    for (at, entry) in outline.entries.iter().enumerate() {
        let Some(how) = entry.item.fails else { continue };
        let yields_fail = matches!(entry.item.does, Does::Repeat { yield_fails: true, .. });
        let (before, after) = (outline.before(at, false), outline.after(at));
        let marked = |marks: &[bool], at: usize| marks.get(at).is_some_and(|mark| *mark);
        let (mut undone, mut stays) = (Vec::new(), Vec::new());
        let mut doubt = Doubt { of: Vec::new(), stays: Vec::new() };
        for (other, effect) in outline.entries.iter().enumerate() {
            if !effect.item.does.is_effect() {
                continue;
            }
            let Some(node) = nodes.get(effect.item.id) else { continue };
            // A list that is too long fails its loop before the first iteration.
            let inside = !yields_fail && outline.around(other).contains(&at);
            if inside || marked(&after, other) {
                continue;
            }
            let step = || effect.item.id.to_owned();
            if outline.under_way(at, other) {
                doubt.of.push(step());
            }
            doubt.stays.push(step());
            // Its own request may have an answer that does not fit: then it did happen.
            match (node.undo(), node.irreversible()) {
                (Some(undo), _) => {
                    undone.push(Undoing {
                        step: step(),
                        undo: undo.operation_name(),
                        answers_for: within(node, plan),
                        certain: marked(&before, other),
                        repeated: !effect.once,
                    });
                    if may_be_unmade(node, undo, plan, &mut digits) {
                        stays.push(Stand { step: step(), because: "undo_unmade" });
                    }
                }
                (None, reason) => {
                    let because = if reason.is_some() { "irreversible" } else { "no_undo" };
                    stays.push(Stand { step: step(), because });
                }
            }
        }
        // The newest completion is undone first; what waits for another completes after it.
        undone.reverse();
        let in_doubt = (!doubt.of.is_empty()).then_some(doubt);
        let (node, line) = (entry.item.id.to_owned(), nodes.get(entry.item.id).map_or(1, |node| node.line));
        visit(Failure { node, line, how: words(how), undone, stays, in_doubt });
    }
}

fn nodes_of<'p>(block: &'p Block, nodes: &mut BTreeMap<&'p str, &'p Node>) {
    for node in &block.nodes {
        nodes.insert(&node.id, node);
        if let NodeKind::For(repeat) = &node.kind {
            nodes_of(&repeat.body, nodes);
        }
    }
}

/// Whether the request of an undo may not come about when it is due: a value cannot be computed, a guard does not hold, or
/// what it comes to cannot be written where it goes.
fn may_be_unmade<'p>(node: &Node, undo: &'p Call, plan: &'p Verified<Plan>, digits: &mut Digits<'p>) -> bool {
    let place = format!("{}/undo", node.id);
    if guards_of(&plan.proof.guards, &place).next().is_some()
        || undo.expressions().any(|value| can_fail(value, &plan.functions))
    {
        return true;
    }
    let Some(contract) = plan.contract(&undo.api, &undo.operation) else { return true };
    let body = undo.body.as_ref().zip(contract.body.as_ref());
    if body.is_some_and(|(value, body)| digits.may_be_unwritable(value, &body.schema.ty)) {
        return true;
    }
    undo.arguments.iter().any(|argument| {
        let takes = contract.parameters_named(&argument.name);
        let mut takes = takes.into_iter().filter(|known| known.location.as_str() == argument.location);
        takes.any(|known| {
            let (value, ty) = (&argument.value, &known.schema.ty);
            let text = match known.location {
                Location::Path => may_be_no_segment(value, ty),
                Location::Header | Location::Cookie => may_be_no_header(value, ty),
                _ => false,
            };
            text || digits.may_be_unwritable(value, ty)
        })
    })
}

/// Whether text of any kind may be written for a value of this type.
fn is_free(takes: &Type) -> bool {
    match takes {
        Type::String { values } => values.is_none(),
        Type::Unknown { .. }
        | Type::List { .. }
        | Type::Map { .. }
        | Type::Record(_)
        | Type::Union { .. } => true,
        _ => false,
    }
}

/// Whether a value for a header or a cookie may hold what cannot stand there, as a line's end.
fn may_be_no_header(value: &Expr, takes: &Type) -> bool {
    is_free(takes) && !matches!(value, Expr::String { .. })
}

/// Whether a value for a path may be written as nothing, `.` or `..`, which would be another path.
fn may_be_no_segment(value: &Expr, takes: &Type) -> bool {
    let names = |text: &str| text.chars().any(|sign| sign != '.');
    let fixed = match value {
        Expr::String { value } => names(value),
        Expr::Interpolate { parts } => {
            parts.iter().any(|part| matches!(part, Part::Text(text) if names(text)))
        }
        _ => false,
    };
    is_free(takes) && !fixed
}

/// The effects of the flow that a node calls, and of those that this one calls, each operation once.
fn within(node: &Node, plan: &Plan) -> Vec<String> {
    let NodeKind::SubFlow(call) = &node.kind else { return Vec::new() };
    let Some(callee) = plan.flows.get(&call.flow) else { return Vec::new() };
    let mut inside = Vec::new();
    sub_flows::nodes(&callee.flow.body, &mut inside);
    let mut found: Vec<String> = Vec::new();
    for node in inside {
        let effects = match &node.kind {
            NodeKind::Call(step) if !step.call.is_safe() => vec![step.call.operation_name()],
            _ => within(node, callee),
        };
        for effect in effects {
            if !found.contains(&effect) {
                found.push(effect);
            }
        }
    }
    found
}

fn words(how: Failing) -> &'static str {
    match how {
        Failing::Call => "call",
        Failing::Ensure => "ensure",
        Failing::Fail => "fail",
        Failing::TooLong => "list too long",
        Failing::Late => "deadline",
        Failing::Value => "value",
        Failing::Result | Failing::Digits => "result",
    }
}

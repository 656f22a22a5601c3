//! The proof: what was found to hold, by what; what was taken for granted; what is checked at run time instead.

use std::collections::BTreeMap;

use crate::hir::Hir;
use crate::plan::{self, Obligation, Plan, PlanError, Proof, Received};
use crate::types::Answer;

pub(super) fn proof(hir: &Hir, plan: &Plan) -> Result<(Proof, Vec<Received>), PlanError> {
    let (mut obligations, egress) = plan::prove(plan)?;
    obligations.extend(resolved(plan));
    obligations.extend(typed(hir, plan));
    obligations.sort();
    Ok((
        Proof { obligations, assumptions: plan::assumptions(plan), guards: plan.proof.guards.clone() },
        egress,
    ))
}

/// Positions that are checked at run time, sorted, each once.
pub(super) fn guards(hir: &Hir) -> Vec<String> {
    let mut guards: Vec<String> = hir
        .flow
        .positions
        .iter()
        .filter_map(|position| match &position.answer {
            Answer::Unknown(why) => Some(format!("{}: {}: {why}", position.node, position.place)),
            _ => None,
        })
        .collect();
    guards.sort();
    guards.dedup();
    guards
}

fn obligation(name: &str, subject: impl Into<String>, holds_by: String) -> Obligation {
    Obligation { name: name.to_owned(), subject: subject.into(), holds_by }
}

fn resolved(plan: &Plan) -> Option<Obligation> {
    let calls = plan::calls(&plan.flow.body).len();
    let mut holds_by = format!("every name resolved; calls {calls}, apis {}", plan.apis.len());
    if !plan.flows.is_empty() {
        holds_by.push_str(&format!(", flows {}", plan.flows.len()));
    }
    Some(obligation("P2", "flow", holds_by))
}

/// One entry a call: what it is given fits, apart from what is guarded.
fn typed(hir: &Hir, plan: &Plan) -> Vec<Obligation> {
    let mut guarded: BTreeMap<&str, usize> = BTreeMap::new();
    for position in &hir.flow.positions {
        if matches!(position.answer, Answer::Unknown(_)) {
            *guarded.entry(position.node.as_str()).or_default() += 1;
        }
    }
    let calls = plan::calls(&plan.flow.body);
    calls
        .into_iter()
        .map(|(subject, call)| {
            let body = if call.body.is_some() { ", body" } else { "" };
            let guards = guarded.get(subject.as_str()).copied().unwrap_or_default();
            let holds_by = format!(
                "{}: arguments {}{body}, guarded {guards}",
                call.operation_name(),
                call.arguments.len()
            );
            obligation("P3", subject, holds_by)
        })
        .collect()
}

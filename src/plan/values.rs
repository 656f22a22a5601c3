//! What a plan's expressions call and read: its functions, and its steps' answers.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanError;
use super::answers::{answer_uses, each_expression};
use super::check::Contracts;
use super::functions::{FunctionFault, applied, cost, costs, outside, reached};
use super::matches::{arm_fault, is_documented, unmatched};
use super::model::Plan;
use super::names::{each_child, names_next};
use super::obligations::Views;
use super::steps::{Block, Node, NodeKind, Step};
use crate::expr::Expr;

fn refused(name: &'static str, subject: &str, reason: impl Into<String>) -> PlanError {
    PlanError::Obligation { name, subject: subject.to_owned(), reason: reason.into() }
}

/// Functions: in no circle, closed, all of them called, with as many arguments as they take, and bounded together with
/// the expressions that call them.
pub(super) fn check_functions(plan: &Plan) -> Result<(), PlanError> {
    let functions = &plan.functions;
    let mut expressions: Vec<&Expr> =
        plan.flow.inputs.iter().filter_map(|input| input.default.as_ref()).collect();
    each_expression(&plan.flow.body, &mut |expression| expressions.push(expression));
    let bodies = functions.values().map(|function| &function.body);
    for expression in expressions.iter().copied().chain(bodies) {
        arguments(plan, expression)?;
    }
    for (name, function) in functions {
        if let Some(seen) = outside(&function.parameters, &function.body) {
            return Err(refused("P2", name, format!("a function does not see `{seen}`")));
        }
    }
    let costs = costs(functions).map_err(|fault| match fault {
        FunctionFault::Circle(chain) => {
            let first = chain.first().cloned().unwrap_or_default();
            refused("P1", &first, format!("it calls itself: {}", chain.join(" -> ")))
        }
        FunctionFault::Deep(name) => refused("P1", &name, "with what it calls it nests too deeply"),
        FunctionFault::Long(name) => refused("P1", &name, "with what it calls it takes too many steps"),
    })?;
    if expressions.iter().any(|expression| !cost(expression, &costs).is_bounded()) {
        return Err(refused("P1", "flow", "an expression nests too deeply or takes too many steps"));
    }
    let called = expressions.iter().flat_map(|expression| applied(expression)).collect::<BTreeSet<_>>();
    let called = reached(called, functions);
    match functions.keys().find(|name| !called.contains(*name)) {
        Some(name) => Err(refused("P2", name, "nothing calls this function")),
        None => Ok(()),
    }
}

fn arguments(plan: &Plan, expression: &Expr) -> Result<(), PlanError> {
    if let Expr::Apply { function, arguments } = expression {
        let known = plan.functions.get(function);
        let known = known.ok_or_else(|| refused("P2", function, "there is no such function"))?;
        if known.parameters.len() != arguments.len() {
            return Err(refused("P3", function, "it is called with another number of arguments"));
        }
    }
    let mut result = Ok(());
    each_child(expression, &mut |child| {
        if result.is_ok() {
            result = self::arguments(plan, child);
        }
    });
    result
}

/// Each step says what the flow uses of its answer, no more and no less, and its document has it.
pub(super) fn check_answers(plan: &Plan, contracts: &Contracts) -> Result<(), PlanError> {
    let mut steps: BTreeMap<&str, &Step> = BTreeMap::new();
    collect(&plan.flow.body, &mut steps);
    let mut uses = BTreeMap::new();
    each_expression(&plan.flow.body, &mut |expression| answer_uses(expression, &mut uses));
    for input in &plan.flow.inputs {
        input.default.iter().for_each(|default| answer_uses(default, &mut uses));
    }
    if let Some(name) = uses.keys().find(|name| !steps.contains_key(name.as_str())) {
        return Err(refused("P2", name, "it is no step, so it has no answer"));
    }
    for (name, step) in steps {
        let contract = contracts.get(&step.call.api).and_then(|known| known.get(&step.call.operation));
        let documented = contract.map(|contract| contract.success_headers()).unwrap_or_default();
        let wanted = uses.get(name).map(|uses| uses.of(documented.keys().cloned()));
        if wanted.is_some() && step.reconcile.is_some() {
            return Err(refused("P3", name, "what is read back has no status and no headers of its own"));
        }
        if step.answer != wanted {
            return Err(refused("P3", name, "it does not say what the flow uses of its answer"));
        }
        let unknown =
            wanted.into_iter().flat_map(|wanted| wanted.headers).find(|name| !documented.contains_key(name));
        if let Some(header) = unknown {
            return Err(refused("P3", name, format!("its document names no response header `{header}`")));
        }
    }
    Ok(())
}

/// `on STATUS fail` names statuses that the operation documents.
pub(super) fn check_fails(plan: &Plan, views: &Views) -> Result<(), PlanError> {
    let mut steps: BTreeMap<&str, &Step> = BTreeMap::new();
    collect(&plan.flow.body, &mut steps);
    for (id, step) in steps {
        let view = views.get(&(step.call.api.clone(), step.call.operation.clone()));
        let unknown = |status: &&u16| !view.is_some_and(|view| is_documented(view, **status));
        if let Some(status) = step.on.keys().find(unknown) {
            let operation = step.call.operation_name();
            return Err(refused("P3", id, format!("`{operation}` does not document the status {status}")));
        }
    }
    Ok(())
}

/// Only a safe call is made again and again, and each page is another one.
pub(super) fn check_rounds(plan: &Plan) -> Result<(), PlanError> {
    let mut steps: BTreeMap<&str, &Step> = BTreeMap::new();
    collect(&plan.flow.body, &mut steps);
    for (id, step) in steps {
        let repeats = step.poll.is_some() || step.pages.is_some();
        if repeats && !step.call.is_safe() {
            return Err(refused("P7", id, "it makes a call that has an effect again and again"));
        }
        if step.pages.is_some()
            && !is_paged(step.call.arguments.iter().map(|argument| &argument.value).chain(&step.call.body))
        {
            return Err(refused("P1", id, "no argument says which page, so each is the first"));
        }
        if step.poll.as_ref().is_some_and(|poll| !poll.reads(id)) {
            return Err(refused("P1", id, "its condition is the same after every answer"));
        }
    }
    Ok(())
}

/// Whether what is sent says which page is asked for.
pub fn is_paged<'e>(mut sent: impl Iterator<Item = &'e Expr>) -> bool {
    sent.any(names_next)
}

/// Each arm of a `match` can be taken, and each way its step can end has one.
pub(super) fn check_matches(plan: &Plan, contracts: &Contracts) -> Result<(), PlanError> {
    let mut steps: BTreeMap<&str, &Step> = BTreeMap::new();
    collect(&plan.flow.body, &mut steps);
    let mut result = Ok(());
    each_expression(&plan.flow.body, &mut |expression| {
        if result.is_ok() {
            result = matches(expression, &steps, contracts);
        }
    });
    result
}

fn matches(expression: &Expr, steps: &BTreeMap<&str, &Step>, contracts: &Contracts) -> Result<(), PlanError> {
    let mut result = Ok(());
    if let Expr::Match { of, arms, otherwise } = expression {
        let step =
            steps.get(of.as_str()).ok_or_else(|| refused("P2", of, "it is no step, so it has no answer"))?;
        let contract = contracts.get(&step.call.api).and_then(|known| known.get(&step.call.operation));
        let contract = contract.ok_or_else(|| refused("P2", of, "its operation is not in the plan"))?;
        let fails: BTreeSet<u16> = step.on.keys().copied().collect();
        let mut seen = BTreeSet::new();
        for arm in arms {
            if !seen.insert(arm.status) || arm_fault(contract, &fails, arm.status).is_some() {
                return Err(refused("P1", of, format!("its arm for {} is never taken", arm.status)));
            }
        }
        let refusals = step.answer.iter().flat_map(|answer| &answer.refusals).copied().collect();
        let open = unmatched(contract, &refusals, &seen);
        match (open.is_empty(), otherwise.is_some()) {
            (true, true) => return Err(refused("P1", of, "the `else` of its `match` is never taken")),
            (false, false) => {
                return Err(refused("P3", of, format!("no arm is for its end with {}", open.join(", "))));
            }
            _ => {}
        }
    }
    each_child(expression, &mut |child| {
        if result.is_ok() {
            result = matches(child, steps, contracts);
        }
    });
    result
}

fn collect<'p>(block: &'p Block, steps: &mut BTreeMap<&'p str, &'p Step>) {
    for Node { id, kind, .. } in &block.nodes {
        match kind {
            NodeKind::Call(step) => {
                steps.insert(id, step);
            }
            NodeKind::For(repeat) => collect(&repeat.body, steps),
            _ => {}
        }
    }
}

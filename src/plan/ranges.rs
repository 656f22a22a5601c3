//! Fields outside a sensible range are refused before anything is made of them.

use std::collections::BTreeMap;

use super::PlanError;
use super::functions::PARAMETERS;
use super::model::{Api, Breaker, Plan, Retry, Timeout};
use super::names::each_child;
use super::pace::Rate;
use super::steps::{Block, Call, Node, NodeKind, Step};
use crate::base::limits::{MAX_SAFE_INTEGER, SYNTAX_DEPTH};
use crate::ecz::HandoffPolicy;
use crate::expr::Expr;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Nodes of one flow, those in loops included, and for each call of another flow those of that flow.
pub const NODES: usize = 20_000;
/// Most flows that call each other in a row, the outermost left out.
pub const CALL_DEPTH: usize = 8;
/// Most attempts of one call.
pub const ATTEMPTS: u32 = 100;
/// Longest wait between attempts, milliseconds.
pub const DELAY_MS: u64 = DAY;
/// Longest run, milliseconds.
pub const DEADLINE_MS: u64 = 366 * DAY;
/// Longest attempt, milliseconds.
pub const ATTEMPT_MS: u64 = HOUR;
/// Most requests that a `rate` may name.
pub const RATE_REQUESTS: u32 = 100_000;
/// Shortest time that a `rate` may be for, milliseconds.
pub const RATE_PER_MS: u64 = 1_000;
/// Most requests at once that a `concurrency` may name.
pub const CONCURRENCY: u32 = 10_000;
/// Largest response body, bytes.
pub const RESPONSE_BYTES: u64 = 256 << 20;
/// Most items of a loop.
pub const ITEMS: u64 = 100_000;
/// Most polls of one step.
pub const POLLS: u64 = 10_000;
/// Most pages of one step.
pub const PAGES: u64 = 10_000;
/// Most iterations of a loop at once.
pub const PARALLEL: u64 = 1000;
/// Oldest verdict that a policy may accept, milliseconds.
pub const WITHIN_MS: u64 = DAY;

type Checked = Result<(), PlanError>;

fn range(place: &str, field: &str, value: u64, least: u64, most: u64) -> Checked {
    require(value >= least && value <= most, place, field, &format!("{least} to {most}, not {value}"))
}

fn require(holds: bool, place: &str, field: &str, reason: &str) -> Checked {
    if holds {
        return Ok(());
    }
    Err(PlanError::Range { place: format!("{place}.{field}"), reason: reason.to_owned() })
}

/// Checks every field of a plan that has a range.
pub(super) fn check_ranges(plan: &Plan) -> Checked {
    check_flow(plan, 0).map(drop)
}

/// `depth` counts the flows around. How many nodes it has.
fn check_flow(plan: &Plan, depth: usize) -> Result<usize, PlanError> {
    require(depth <= CALL_DEPTH, "flow", "flows", &format!("at most {CALL_DEPTH} flows in a row"))?;
    require(plan.format == super::FORMAT, "plan", "format", super::FORMAT)?;
    require(plan.language == 1, "plan", "language", "1")?;
    range("flow", "deadline_ms", plan.flow.deadline_ms, 1, DEADLINE_MS)?;
    plan.flow.handoff.iter().try_for_each(|policy| check_handoff("flow", policy))?;
    for (name, api) in &plan.apis {
        check_api(name, api)?;
    }
    for input in &plan.flow.inputs {
        input.default.iter().try_for_each(|default| check_expression(&input.name, default, 0))?;
    }
    for (name, function) in &plan.functions {
        let place = format!("functions.{name}");
        require(is_word(name), &place, "name", "letters, digits and `_`")?;
        let parameters = &function.parameters;
        range(&place, "parameters", parameters.len() as u64, 0, PARAMETERS as u64)?;
        let once = parameters
            .iter()
            .enumerate()
            .all(|(at, name)| !parameters.iter().take(at).any(|other| other == name));
        require(once, &place, "parameters", "each name once")?;
        check_expression(&place, &function.body, 0)?;
    }
    let mut nodes = 0;
    check_block(&plan.flow.body, 0, &mut nodes)?;
    let mut called = BTreeMap::new();
    for (name, flow) in &plan.flows {
        called.insert(name.as_str(), check_flow(flow, depth + 1)?);
    }
    let inner = plan.sub_flows().into_iter().filter_map(|(_, call)| called.get(call.flow.as_str()));
    let nodes = inner.fold(nodes, |nodes, inner| nodes.saturating_add(*inner));
    require(nodes <= NODES, "flow", "body", &format!("at most {NODES} nodes"))?;
    Ok(nodes)
}

fn check_api(name: &str, api: &Api) -> Checked {
    check_timeout(name, api.timeout)?;
    api.rate.map_or(Ok(()), |rate| check_rate(name, rate))?;
    api.concurrency.map_or(Ok(()), |most| check_concurrency(name, most))?;
    check_breaker(name, &api.breaker)?;
    require(!api.operations.is_empty(), name, "operations", "an api without a used operation is left out")
}

pub(super) fn check_timeout(place: &str, timeout: Timeout) -> Checked {
    range(place, "timeout.attempt_ms", timeout.attempt_ms, 1, ATTEMPT_MS)?;
    range(place, "timeout.connect_ms", timeout.connect_ms, 1, timeout.attempt_ms)?;
    range(place, "timeout.response_bytes", timeout.response_bytes, 1, RESPONSE_BYTES)
}

pub(super) fn check_rate(place: &str, rate: Rate) -> Checked {
    range(place, "rate.requests", rate.requests.into(), 1, RATE_REQUESTS.into())?;
    range(place, "rate.per_ms", rate.per_ms, RATE_PER_MS, DAY)
}

pub(super) fn check_concurrency(place: &str, most: u32) -> Checked {
    range(place, "concurrency", most.into(), 1, CONCURRENCY.into())
}

pub(super) fn check_breaker(place: &str, breaker: &Breaker) -> Checked {
    range(place, "breaker.window_ms", breaker.window_ms, 1, DAY)?;
    range(place, "breaker.minimum_calls", breaker.minimum_calls.into(), 1, 1_000_000)?;
    range(place, "breaker.failure_percent", breaker.failure_percent.into(), 1, 100)?;
    range(place, "breaker.slow_ms", breaker.slow_ms, 1, HOUR)?;
    range(place, "breaker.slow_percent", breaker.slow_percent.into(), 1, 100)?;
    range(place, "breaker.open_cap_ms", breaker.open_cap_ms, 1, DAY)?;
    range(place, "breaker.open_ms", breaker.open_ms, 1, breaker.open_cap_ms)?;
    range(place, "breaker.probes", breaker.probes.into(), 1, 100)
}

pub(super) fn check_retry(place: &str, retry: &Retry) -> Checked {
    range(place, "retry.attempts", retry.attempts.into(), 1, ATTEMPTS.into())?;
    range(place, "retry.cap_ms", retry.cap_ms, 1, DELAY_MS)?;
    range(place, "retry.base_ms", retry.base_ms, 1, retry.cap_ms)?;
    retry.within_ms.map_or(Ok(()), |within| range(place, "retry.within_ms", within, 1, DEADLINE_MS))
}

pub(super) fn check_handoff(place: &str, policy: &HandoffPolicy) -> Checked {
    range(place, "handoff.verify.within_ms", policy.verify.within_ms, 1, WITHIN_MS)?;
    let headers = &policy.attest.headers;
    let plain = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    require(
        headers.is_sorted_by(|a, b| a < b) && headers.iter().all(plain),
        place,
        "handoff.attest.headers",
        "lower case, sorted, each once",
    )
}

/// A retry policy's, breaker's, timeout's or handoff policy's fields, for the compiler: the words of the first that is out of range.
pub fn out_of_range(check: impl FnOnce(&Limits) -> Result<(), PlanError>) -> Option<(String, String)> {
    match check(&Limits(())) {
        Err(PlanError::Range { place, reason }) => {
            Some((place.rsplit('.').next().unwrap_or_default().to_owned(), reason))
        }
        _ => None,
    }
}

/// The ranges that hold for the parts of a plan.
pub struct Limits(());

impl Limits {
    /// A retry policy's ranges.
    pub fn retry(&self, retry: &Retry) -> Result<(), PlanError> {
        check_retry("policy", retry)
    }

    /// A breaker's ranges.
    pub fn breaker(&self, breaker: &Breaker) -> Result<(), PlanError> {
        check_breaker("policy", breaker)
    }

    /// A handoff policy's ranges.
    pub fn handoff(&self, policy: &HandoffPolicy) -> Result<(), PlanError> {
        check_handoff("policy", policy)
    }

    /// A rate's ranges.
    pub fn rate(&self, rate: Rate) -> Result<(), PlanError> {
        check_rate("api", rate)
    }

    /// The range of a concurrency.
    pub fn concurrency(&self, most: u32) -> Result<(), PlanError> {
        check_concurrency("api", most)
    }

    /// The ranges of an attempt's bounds.
    pub fn timeout(&self, timeout: Timeout) -> Result<(), PlanError> {
        check_timeout("api", timeout)
    }
}

fn check_block(block: &Block, depth: usize, nodes: &mut usize) -> Checked {
    *nodes = nodes.saturating_add(block.nodes.len());
    require(*nodes <= NODES, "flow", "body", &format!("at most {NODES} nodes"))?;
    require(depth < SYNTAX_DEPTH, "flow", "body", "loops nested too deeply")?;
    block.nodes.iter().try_for_each(|node| check_node(node, depth, nodes))
}

fn check_node(node: &Node, depth: usize, nodes: &mut usize) -> Checked {
    let place = node.id.as_str();
    require(is_word(place), place, "id", "letters, digits and `_`")?;
    require(node.line >= 1, place, "line", "1 or more")?;
    match &node.kind {
        NodeKind::Call(step) => check_step(place, step),
        NodeKind::SubFlow(call) => {
            require(is_word(&call.flow), place, "flow", "letters, digits and `_`")?;
            let given = call.inputs.iter().map(|given| &given.value);
            given.chain(&call.guard).try_for_each(|e| check_expression(place, e, 0))?;
            call.undo.iter().try_for_each(|undo| check_undo(place, undo))
        }
        NodeKind::Wait(wait) => check_expression(place, &wait.value, 0),
        NodeKind::Signal(signal) => {
            range(place, "within_ms", signal.within_ms, 1, DEADLINE_MS)?;
            require(signal.from.is_sorted_by(|a, b| a < b), place, "from", "sorted, each once")?;
            signal.guard.iter().chain([&signal.otherwise]).try_for_each(|e| check_expression(place, e, 0))
        }
        NodeKind::Let { value, .. } | NodeKind::Return { value } => check_expression(place, value, 0),
        NodeKind::Ensure { condition, message } => {
            check_expression(place, condition, 0)?;
            check_expression(place, message, 0)
        }
        NodeKind::Fail { condition, message } => {
            condition.iter().try_for_each(|condition| check_expression(place, condition, 0))?;
            check_expression(place, message, 0)
        }
        NodeKind::For(repeat) => {
            range(place, "at_most", repeat.at_most, 1, ITEMS)?;
            range(place, "parallel", repeat.parallel, 1, PARALLEL)?;
            let expressions = [Some(&repeat.list), repeat.guard.as_ref(), repeat.result.as_ref()];
            expressions.into_iter().flatten().try_for_each(|e| check_expression(place, e, 0))?;
            check_block(&repeat.body, depth + 1, nodes)
        }
    }
}

fn is_word(text: &str) -> bool {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word && !text.is_empty() && text.len() <= 128
}

fn check_step(place: &str, step: &Step) -> Checked {
    check_call(place, &step.call)?;
    step.guard.iter().chain(step.on.values()).try_for_each(|e| check_expression(place, e, 0))?;
    if let Some(poll) = &step.poll {
        range(place, "poll.at_most", poll.at_most, 1, POLLS)?;
        range(place, "poll.every_ms", poll.every_ms, 1, DELAY_MS)?;
        check_expression(place, &poll.until, 0)?;
    }
    if let Some(pages) = &step.pages {
        require(step.poll.is_none(), place, "pages", "not beside a poll")?;
        range(place, "pages.at_most", pages.at_most, 1, PAGES)?;
        pages.expressions().try_for_each(|expression| check_expression(place, expression, 0))?;
    }
    if let Some(reconcile) = &step.reconcile {
        check_call(&format!("{place}/reconcile"), &reconcile.call)?;
        check_expression(place, &reconcile.when, 0)?;
        let after = reconcile.absent_after_ms;
        after.iter().try_for_each(|after| range(place, "reconcile.absent_after_ms", *after, 1, DELAY_MS))?;
    }
    for status in step.on.keys() {
        let answerable = (300..=599).contains(status);
        require(answerable, place, "on", &format!("a status from 300 to 599, not {status}"))?;
    }
    step.undo.iter().try_for_each(|undo| check_undo(place, undo))
}

fn check_undo(step: &str, undo: &Call) -> Checked {
    let place = format!("{step}/undo");
    require(undo.once_per.is_none(), &place, "once_per", "none: an undo has the key of its run and step")?;
    check_call(&place, undo)
}

fn check_call(place: &str, call: &Call) -> Checked {
    // OpenAPI 3.2 lets a document name methods of its own; CONNECT would open a tunnel.
    let token = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let method = call.method.as_str();
    let plain = !method.is_empty() && method.len() <= 32 && method.bytes().all(token) && method != "CONNECT";
    require(plain, place, "method", "an upper-case HTTP method")?;
    require(call.path.starts_with('/'), place, "path", "starts with `/`")?;
    for (at, argument) in call.arguments.iter().enumerate() {
        let known = matches!(argument.location.as_str(), "path" | "query" | "header" | "cookie");
        require(known, place, "arguments", "in `path`, `query`, `header` or `cookie`")?;
        let twice = call
            .arguments
            .iter()
            .take(at)
            .any(|earlier| (&earlier.name, &earlier.location) == (&argument.name, &argument.location));
        require(!twice, place, "arguments", "each parameter once")?;
    }
    call.retry.iter().try_for_each(|retry| check_retry(place, retry))?;
    check_handoff(place, &call.handoff)?;
    call.weakened.iter().try_for_each(|weaker| check_handoff(place, &weaker.instead_of))?;
    call.expressions().try_for_each(|expression| check_expression(place, expression, 0))
}

fn check_expression(place: &str, expression: &Expr, depth: usize) -> Checked {
    require(depth <= 2 * SYNTAX_DEPTH, place, "expression", "nested too deeply")?;
    let integer = |value: u64| {
        let most = MAX_SAFE_INTEGER.unsigned_abs();
        require(value <= most, place, "expression", "integers up to 2^53 - 1")
    };
    match expression {
        Expr::Int { value } => integer(value.unsigned_abs())?,
        Expr::Duration { milliseconds } => integer(*milliseconds)?,
        Expr::Number { value } => require(value.is_finite(), place, "expression", "finite numbers")?,
        Expr::Decimal { value } => {
            let plain = value.len() <= 40 && value.parse::<rust_decimal::Decimal>().is_ok();
            require(plain, place, "expression", "a decimal of at most 28 digits")?;
        }
        Expr::Run { member } => {
            require(matches!(member.as_str(), "id" | "started"), place, "run", "`id` or `started`")?;
        }
        Expr::Widen { to, .. } => {
            require(matches!(to.as_str(), "decimal" | "number"), place, "widen", "`decimal` or `number`")?;
        }
        _ => {}
    }
    let mut result = Ok(());
    each_child(expression, &mut |child| {
        if result.is_ok() {
            result = check_expression(place, child, depth + 1);
        }
    });
    result
}

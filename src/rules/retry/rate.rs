//! P9: a deadline that ends before an api's rate has let go of everything that the flow may ask of it, and that of a flow
//! which a loop calls before it has its turn.

use std::collections::BTreeMap;

use crate::base::length;
use crate::diagnostics::codes::retry::RATE_OUTLASTS_DEADLINE;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::{Node, NodeKind};
use crate::plan::{HeldUp, Item, Paced, Rate, held_up, paced, requests};
use crate::rules::limits::limits;
use crate::rules::outline::outline;
use crate::rules::{Context, Rule};
use crate::source::Span;

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/rate", codes: &[&RATE_OUTLASTS_DEADLINE], check };

/// Nodes that are named for one api.
const NAMED: usize = 3;

fn check(context: &Context<'_>, sink: &mut Sink) {
    let limits = limits(context);
    if limits.values().all(|limits| limits.rate.is_none()) {
        return;
    }
    let items = outline(context);
    let mut nodes: BTreeMap<&str, &Node> = BTreeMap::new();
    context.hir.flow.body.each_node(&mut |node, _| {
        nodes.insert(&node.id, node);
    });
    for paced in paced(&items, &limits) {
        if paced.least_ms > context.hir.flow.deadline_ms {
            sink.push(outlasts(context, &items, &nodes, &paced));
        }
    }
    for held_up in held_up(&items, &limits) {
        if let Some(node) = nodes.get(held_up.node) {
            sink.push(holds_up(context, node, &held_up));
        }
    }
}

/// The flow itself may ask more than fits into its deadline.
fn outlasts(
    context: &Context<'_>,
    items: &[Item<'_>],
    nodes: &BTreeMap<&str, &Node>,
    paced: &Paced,
) -> Diagnostic {
    let flow = &context.hir.flow;
    let Paced { apis, requests, least_ms, .. } = paced;
    let (api, least, deadline) = (named(apis), about(*least_ms), length(flow.deadline_ms));
    let takes = if apis.len() == 1 { "takes" } else { "take" };
    let message = format!(
        "at its rate, {api} {takes} {least} to be asked for all that this flow may ask; the deadline is {deadline}"
    );
    let place = flow.deadline_span.or_else(|| rates(context, apis).first().copied());
    let mut found = Diagnostic::new(&RATE_OUTLASTS_DEADLINE, place.unwrap_or(flow.span), message);
    for span in rates(context, apis).into_iter().skip(usize::from(flow.deadline_span.is_none())) {
        found = found.and(span, stated(paced.rate));
    }
    for (item, asked) in askers(items, apis) {
        let Some(node) = nodes.get(item.id) else { continue };
        let asks = if asked == 1 { "one request".to_owned() } else { format!("up to {asked} requests") };
        found = found.and(node.span, format!("{asks} to {api}"));
    }
    found
        .note(format!(
            "the last of {requests} requests begins {least} after the first, however quickly they are answered; polls and retries would come on top"
        ))
        .help(format!(
            "give the flow a deadline beyond {least}, let its loops have fewer items, or write the rate that the counterparty really allows"
        ))
}

/// A flow that a loop calls may wait for its turn beyond its own deadline.
fn holds_up(context: &Context<'_>, node: &Node, held_up: &HeldUp<'_>) -> Diagnostic {
    let Paced { apis, rate, requests, least_ms } = &held_up.paced;
    let (api, deadline, enough) = (named(apis), length(held_up.deadline_ms), about(held_up.enough_ms));
    let message = format!(
        "at the rate of {api}, a run of this flow waits for its turn beyond its own deadline of {deadline}"
    );
    let mut found = Diagnostic::new(&RATE_OUTLASTS_DEADLINE, node.span, message);
    for span in rates(context, apis) {
        found = found.and(span, stated(*rate));
    }
    if let NodeKind::SubFlow(call) = &node.kind
        && let Some(span) = context.hir.callees.get(&call.flow).and_then(|callee| callee.flow.deadline_span)
    {
        found = found.and(span, "the time that each run of it has");
    }
    found
        .note(format!(
            "the last of {requests} requests that the loop makes by it begins {} after the first, and the time of each run passes while it waits; it can end in time only where answers are slow",
            about(*least_ms)
        ))
        .help(format!("give the called flow a deadline beyond {enough}, or make its calls in the loop itself"))
}

/// The places of the rates of some apis.
fn rates(context: &Context<'_>, apis: &[String]) -> Vec<Span> {
    let rates = apis.iter().filter_map(|api| context.hir.apis.get(api)?.rate);
    rates.map(|(_, span)| span).collect()
}

/// A time in whole seconds, none too short.
fn about(milliseconds: u64) -> String {
    length(milliseconds.div_ceil(1_000).saturating_mul(1_000))
}

fn stated(rate: Rate) -> String {
    format!("{} in any {} at most", rate.requests, length(rate.per_ms))
}

fn named(apis: &[String]) -> String {
    let names: Vec<String> = apis.iter().map(|api| format!("`{api}`")).collect();
    names.join(" and ")
}

/// The nodes of the flow's own body that ask some apis most, in order of place, with how often each does.
fn askers<'i, 'o>(items: &'i [Item<'o>], apis: &[String]) -> Vec<(&'i Item<'o>, u64)> {
    let asks = |item: &'i Item<'o>| {
        let asked = requests(std::slice::from_ref(item), apis);
        (asked > 0).then_some((item, asked))
    };
    let mut found: Vec<_> = items.iter().filter_map(asks).collect();
    let mut most: Vec<u64> = found.iter().map(|(_, asked)| *asked).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    let least = most.get(NAMED - 1).copied().unwrap_or(0);
    found.retain(|(_, asked)| *asked >= least);
    found.truncate(NAMED);
    found
}

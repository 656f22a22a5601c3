//! P9: a deadline that ends before an api's rate has let go of everything that the flow may ask of it.

use std::collections::BTreeMap;

use crate::base::length;
use crate::diagnostics::codes::retry::RATE_OUTLASTS_DEADLINE;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::Node;
use crate::plan::{Item, Paced, paced};
use crate::rules::outline::outline;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/rate", codes: &[&RATE_OUTLASTS_DEADLINE], check };

/// Nodes that are named for one api.
const NAMED: usize = 3;

fn check(context: &Context<'_>, sink: &mut Sink) {
    let (flow, apis) = (&context.hir.flow, &context.hir.apis);
    if apis.values().all(|api| api.rate.is_none()) {
        return;
    }
    let rate = |api: &str| apis.get(api)?.rate;
    let items = outline(context);
    let mut nodes: BTreeMap<&str, &Node> = BTreeMap::new();
    flow.body.each_node(&mut |node, _| {
        nodes.insert(&node.id, node);
    });
    for paced in paced(&items, |api| rate(api).map(|(rate, _)| rate)) {
        let Some((_, span)) = rate(&paced.api).filter(|_| paced.least_ms > flow.deadline_ms) else {
            continue;
        };
        let Paced { api, rate, requests, least_ms } = &paced;
        let (least, deadline) = (length(*least_ms), length(flow.deadline_ms));
        let message = format!(
            "at its rate, `{api}` takes {least} to be asked for all that this flow may ask; the deadline is {deadline}"
        );
        let mut found = Diagnostic::new(&RATE_OUTLASTS_DEADLINE, flow.deadline_span.unwrap_or(span), message);
        if flow.deadline_span.is_some() {
            found = found.and(span, format!("{} in any {} at most", rate.requests, length(rate.per_ms)));
        }
        for (item, asked) in askers(&items, api) {
            let Some(node) = nodes.get(item.id) else { continue };
            let asks = if asked == 1 { "one request".to_owned() } else { format!("up to {asked} requests") };
            found = found.and(node.span, format!("{asks} to `{api}`"));
        }
        sink.push(
            found
                .note(format!(
                    "the last of {requests} requests begins {least} after the first, however quickly they are answered; polls and retries would come on top"
                ))
                .help(format!(
                    "give the flow a deadline beyond {least}, let its loops have fewer items, or write the rate that the counterparty really allows"
                )),
        );
    }
}

/// The nodes of the flow's own body that ask an api most, in order of place, with how often each does.
fn askers<'i, 'o>(items: &'i [Item<'o>], api: &str) -> Vec<(&'i Item<'o>, u64)> {
    let asks = |item: &'i Item<'o>| {
        let asked = crate::plan::requests(std::slice::from_ref(item), api);
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

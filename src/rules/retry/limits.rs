//! P9: apis of one counterparty with different limits.

use crate::base::length;
use crate::diagnostics::codes::retry::LIMITS_DIFFER;
use crate::diagnostics::{Diagnostic, Sink};
use crate::hir::Api;
use crate::plan::unlike;
use crate::rules::limits::limits;
use crate::rules::{Context, Rule};

pub(in crate::rules) const RULE: Rule = Rule { name: "retry/limits", codes: &[&LIMITS_DIFFER], check };

fn check(context: &Context<'_>, sink: &mut Sink) {
    let apis = &context.hir.apis;
    let limits = limits(context);
    for (first, other) in unlike(&limits) {
        let (Some(known), Some(api)) = (apis.get(first), apis.get(other)) else { continue };
        let breaker = |name| limits.get(name).map(|limits| &limits.breaker);
        let breakers = breaker(first) != breaker(other);
        let mut both = [(first, known), (other, api)];
        both.sort_by_key(|(_, api)| api.span);
        let [(first, known), (other, api)] = both;
        let message = format!("`{other}` and `{first}` are one counterparty with different limits");
        sink.push(
            Diagnostic::new(&LIMITS_DIFFER, api.span, message)
                .and(known.span, format!("this api states {}", stated(known, breakers)))
                .note(format!(
                    "`{other}` states {}; apis with the same passport and base URL count together, so a limit of one is a limit of all",
                    stated(api, breakers)
                ))
                .help("write the same `rate`, `concurrency` and `breaker` in both, or use one api for both"),
        );
    }
}

/// The limits of an api in words, its breaker where that is another.
fn stated(api: &Api, breakers: bool) -> String {
    let rate = api.rate.map(|(rate, _)| format!("{} in any {} at most", rate.requests, length(rate.per_ms)));
    let places = api.concurrency.map(|most| format!("{most} at once"));
    let breaker =
        api.breaker.as_ref().filter(|_| breakers).map(|breaker| format!("the breaker `{}`", breaker.name));
    let all: Vec<String> = rate.into_iter().chain(places).chain(breaker).collect();
    if all.is_empty() { "no limit".to_owned() } else { all.join(" and ") }
}

//! Policies: retry, breaker, handoff, as the plan needs them.

use super::modules::{Found, Modules, kind};
use crate::base::length;
use crate::diagnostics::codes::{names, retry as codes};
use crate::diagnostics::{Diagnostic, Sink};
use crate::ecz::{Attest, EczId, Evidence, HandoffPolicy, Verify, VerifyMode};
use crate::plan::{Breaker, Rate, Retry, Timeout, out_of_range};
use crate::source::Span;
use crate::syntax::ast;

/// A handoff policy as it is named somewhere.
#[derive(Debug, Clone)]
pub struct Handoff {
    /// The four parts; `None` where the name leads nowhere or a part is missing.
    pub policy: Option<HandoffPolicy>,
    /// `present`, where the policy says who.
    pub present: Option<EczId>,
    /// Where it is named.
    pub named_at: Span,
    /// Where it is declared, where it is.
    pub declared_at: Option<Span>,
    /// The name as shown.
    pub name: String,
    /// The name as it is written where it is named.
    pub written: String,
    /// What is missing, in words.
    pub missing: Vec<&'static str>,
    /// Whether the file that it is used from declares nothing of the name, nor of one near it.
    pub lost: bool,
    /// Why it may be weaker than the one it replaces, and where that is said.
    pub weakened: Option<(String, Span)>,
}

impl Handoff {
    /// Whether it is declared and lacks a part.
    pub fn is_incomplete(&self) -> bool {
        !self.missing.is_empty()
    }
}

/// A retry policy as it is named somewhere.
#[derive(Debug, Clone)]
pub struct NamedRetry {
    /// The policy.
    pub policy: Retry,
    /// Where it is named.
    pub named_at: Span,
}

/// What to do about a value that is out of range.
pub(super) const BOUNDS: &str = "choose a value within these bounds; nothing runs with one outside them";

/// Oldest verdict where `require` names none: the least of the language's own bound.
const WITHIN_MS: u64 = 60_000;

fn find<'m>(
    modules: &'m Modules,
    from: usize,
    path: &ast::Path,
    wanted: &'static str,
    sink: &mut Sink,
) -> Option<Found<'m>> {
    let Some(found) = modules.find_path(from, path) else {
        let name = ast::Name { text: path.text(), span: path.span };
        modules.unknown(from, &name, wanted, sink);
        return None;
    };
    if kind(found.item) != wanted {
        let message = format!("`{}` is {}, not {wanted}", path.text(), kind(found.item));
        let span = super::modules::declared_name(found.item).map_or(path.span, |name| name.span);
        sink.push(
            Diagnostic::new(&names::WRONG_KIND, path.span, message)
                .and(span, "declared here")
                .help(format!("name {wanted} here: declare one, or `use` one of the standard library")),
        );
        return None;
    }
    Some(found)
}

fn missing(parts: &[(&'static str, bool)]) -> Vec<&'static str> {
    parts.iter().filter(|(_, there)| !there).map(|(part, _)| *part).collect()
}

fn incomplete(span: Span, named_at: Span, name: &str, parts: &[&str], sink: &mut Sink) {
    let message = format!("`{name}` does not say `{}`", parts.join("`, `"));
    let mut diagnostic = Diagnostic::new(&codes::INCOMPLETE_POLICY, span, message)
        .note("how often, how long and from when on is never guessed")
        .help(format!(
            "add `{}`; `eczflow explain {}` shows a whole one",
            parts.join("`, `"),
            codes::INCOMPLETE_POLICY.number
        ));
    if named_at.file != span.file || named_at.start < span.start || named_at.end > span.end {
        diagnostic = diagnostic.and(named_at, "needed here");
    }
    sink.push(diagnostic);
}

/// A value of a policy that has a range: its member in a plan, the words for it, and where it is written.
type Ranged = (&'static str, &'static str, Option<Span>);

/// Reports the first value of `of` that is out of range, where it is written, else at `span`.
fn range(span: Span, of: &str, parts: &[Ranged], found: Option<(String, String)>, sink: &mut Sink) -> bool {
    let Some((field, reason)) = found else { return true };
    let part = parts.iter().find(|(known, ..)| *known == field);
    let words = part.map_or_else(|| format!("`{field}`"), |(_, words, _)| (*words).to_owned());
    // A plan counts in milliseconds, and a flow in lengths of time.
    let reason = if field.ends_with("_ms") { in_lengths(&reason) } else { reason };
    let message = format!("{words}{of} must be {reason}");
    let at = part.and_then(|(.., at)| *at).unwrap_or(span);
    sink.push(Diagnostic::new(&codes::OUT_OF_RANGE, at, message).help(BOUNDS));
    false
}

/// `1 to 5000, not 9000` as `1ms to 5s, not 9s`.
fn in_lengths(reason: &str) -> String {
    let words = reason.split(' ').map(|word| {
        let (number, comma) = word.strip_suffix(',').map_or((word, ""), |number| (number, ","));
        number.parse().map_or_else(|_| word.to_owned(), |number| format!("{}{comma}", length(number)))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Reports a length of time that is longer than the one which bounds it: no limit of the language, but two values of the
/// author's that do not go together.
fn longer(
    (first, value): (&str, &ast::Millis),
    (second, bound, at): (&str, u64, Option<Span>),
    sink: &mut Sink,
) -> bool {
    if value.value <= bound {
        return false;
    }
    let message = format!("{first}, {}, is longer than {second}, {}", length(value.value), length(bound));
    sink.push(
        Diagnostic::new(&codes::OUT_OF_RANGE, value.span, message)
            .and_at(at, "this is the most it may be")
            .help("shorten the first, or lengthen the second"),
    );
    true
}

/// The retry policy that a path names.
pub(crate) fn retry(modules: &Modules, from: usize, path: &ast::Path, sink: &mut Sink) -> Option<NamedRetry> {
    let found = find(modules, from, path, "a retry policy", sink)?;
    let ast::Item::Retry(item) = found.item else { return None };
    let name = modules.shown_name(found);
    let parts = missing(&[("attempts", item.attempts.is_some()), ("backoff", item.backoff.is_some())]);
    let (Some(attempts), Some(backoff)) = (&item.attempts, &item.backoff) else {
        incomplete(item.name.span, path.span, &name, &parts, sink);
        return None;
    };
    let policy = Retry {
        name,
        attempts: u32::try_from(attempts.value).unwrap_or(u32::MAX),
        base_ms: backoff.base.value,
        cap_ms: backoff.cap.value,
        within_ms: item.within.as_ref().map(|within| within.value),
    };
    let longest = ("the longest", backoff.cap.value, Some(backoff.cap.span));
    if longer(("the first pause of `backoff`", &backoff.base), longest, sink) {
        return None;
    }
    let parts = [
        ("attempts", "`attempts`", Some(attempts.span)),
        ("base_ms", "the first pause of `backoff`", Some(backoff.base.span)),
        ("cap_ms", "the longest pause of `backoff`", Some(backoff.cap.span)),
        ("within_ms", "`within`", item.within.as_ref().map(|within| within.span)),
    ];
    let fits = out_of_range(|limits| limits.retry(&policy));
    let of = format!(" of `{}`", policy.name);
    range(item.name.span, &of, &parts, fits, sink).then_some(NamedRetry { policy, named_at: path.span })
}

/// The breaker that a path names.
pub(crate) fn breaker(modules: &Modules, from: usize, path: &ast::Path, sink: &mut Sink) -> Option<Breaker> {
    let found = find(modules, from, path, "a breaker", sink)?;
    let ast::Item::Breaker(item) = found.item else { return None };
    let name = modules.shown_name(found);
    let parts = missing(&[
        ("window", item.window.is_some()),
        ("minimum", item.minimum.is_some()),
        ("failures", item.failures.is_some()),
        ("slow", item.slow.is_some()),
        ("open", item.open.is_some()),
        ("probes", item.probes.is_some()),
    ]);
    let count = |count: &ast::Count| u32::try_from(count.value).unwrap_or(u32::MAX);
    let breaker = (|| {
        Some(Breaker {
            name: name.clone(),
            window_ms: item.window.as_ref()?.value,
            minimum_calls: count(item.minimum.as_ref()?),
            failure_percent: item.failures.as_ref()?.value,
            slow_ms: item.slow.as_ref()?.over.value,
            slow_percent: item.slow.as_ref()?.percent.value,
            open_ms: item.open.as_ref()?.first.value,
            open_cap_ms: item.open.as_ref()?.cap.value,
            probes: count(item.probes.as_ref()?),
        })
    })();
    let Some(breaker) = breaker else {
        incomplete(item.name.span, path.span, &name, &parts, sink);
        return None;
    };
    if let Some(open) = &item.open
        && longer(
            ("the first time of `open`", &open.first),
            ("the longest", open.cap.value, Some(open.cap.span)),
            sink,
        )
    {
        return None;
    }
    let (slow, open) = (item.slow.as_ref(), item.open.as_ref());
    let parts = [
        ("window_ms", "`window`", item.window.as_ref().map(|window| window.span)),
        ("minimum_calls", "`minimum`", item.minimum.as_ref().map(|minimum| minimum.span)),
        ("failure_percent", "the percentage of `failures`", item.failures.as_ref().map(|part| part.span)),
        ("slow_ms", "the time of `slow`", slow.map(|slow| slow.over.span)),
        ("slow_percent", "the percentage of `slow`", slow.map(|slow| slow.percent.span)),
        ("open_ms", "the first time of `open`", open.map(|open| open.first.span)),
        ("open_cap_ms", "the longest time of `open`", open.map(|open| open.cap.span)),
        ("probes", "`probes`", item.probes.as_ref().map(|probes| probes.span)),
    ];
    let fits = out_of_range(|limits| limits.breaker(&breaker));
    range(item.name.span, &format!(" of `{}`", breaker.name), &parts, fits, sink).then_some(breaker)
}

/// The breaker of an api that names none.
pub(crate) fn standard_breaker(modules: &Modules, api: Span, sink: &mut Sink) -> Option<Breaker> {
    let word = |text: &str| ast::Name { text: text.to_owned(), span: api };
    let segments = vec![word("std"), word("breaker"), word("standard")];
    breaker(modules, modules.root, &ast::Path { segments, span: api }, sink)
}

/// The bounds of an attempt: those given, else connect 5 s, attempt 30 s, 16 MiB.
pub(crate) fn timeout(given: Option<&ast::Timeout>, sink: &mut Sink) -> Timeout {
    let standard = Timeout { connect_ms: 5_000, attempt_ms: 30_000, response_bytes: 16 << 20 };
    let Some(given) = given else { return standard };
    let attempt_ms = given.attempt.as_ref().map_or(standard.attempt_ms, |attempt| attempt.value);
    let timeout = Timeout {
        connect_ms: given
            .connect
            .as_ref()
            .map_or(standard.connect_ms.min(attempt_ms), |connect| connect.value),
        attempt_ms,
        response_bytes: given.response.as_ref().map_or(standard.response_bytes, |response| response.value),
    };
    let attempt = given.attempt.as_ref().map(|attempt| attempt.span);
    if let Some(connect) = &given.connect
        && longer(("`connect`", connect), ("`attempt`", attempt_ms, attempt), sink)
    {
        return standard;
    }
    let parts = [
        ("connect_ms", "`connect`", given.connect.as_ref().map(|connect| connect.span)),
        ("attempt_ms", "`attempt`", attempt),
        ("response_bytes", "`response`", given.response.as_ref().map(|response| response.span)),
    ];
    let fits = out_of_range(|limits| limits.timeout(timeout));
    if range(given.span, "", &parts, fits, sink) { timeout } else { standard }
}

/// `rate N per D`, where it is one.
pub(crate) fn rate(given: &ast::Rate, sink: &mut Sink) -> Option<(Rate, Span)> {
    let requests = u32::try_from(given.requests.value).unwrap_or(u32::MAX);
    let rate = Rate { requests, per_ms: given.per.value };
    let fits = out_of_range(|limits| limits.rate(rate));
    let parts = [
        ("requests", "the number of `rate`", Some(given.requests.span)),
        ("per_ms", "the time of `rate`", Some(given.per.span)),
    ];
    range(given.span, "", &parts, fits, sink).then_some((rate, given.span))
}

/// `concurrency N`, where it is one.
pub(crate) fn concurrency(given: &ast::Count, sink: &mut Sink) -> Option<u32> {
    let most = u32::try_from(given.value).unwrap_or(u32::MAX);
    let fits = out_of_range(|limits| limits.concurrency(most));
    range(given.span, "", &[], fits, sink).then_some(most)
}

/// A policy of an api, a step or an undo.
pub(crate) fn used_handoff(
    modules: &Modules,
    from: usize,
    used: &ast::UseHandoff,
    sink: &mut Sink,
) -> Handoff {
    let weakened = used.weakened.as_ref().map(|weaken| (weaken.because.value.clone(), weaken.span));
    Handoff { weakened, ..handoff(modules, from, &used.policy, sink) }
}

/// The handoff policy that a path names. What it lacks is told where it is needed, at the step.
pub(crate) fn handoff(modules: &Modules, from: usize, path: &ast::Path, sink: &mut Sink) -> Handoff {
    let mut result = Handoff {
        policy: None,
        present: None,
        named_at: path.span,
        declared_at: None,
        name: path.text(),
        written: path.text(),
        missing: Vec::new(),
        lost: modules.is_lost(from, &path.text()),
        weakened: None,
    };
    let Some(found) = find(modules, from, path, "a handoff policy", sink) else { return result };
    let ast::Item::Handoff(item) = found.item else { return result };
    result.name = modules.shown_name(found);
    result.declared_at = Some(item.name.span);
    result.missing = missing(&[
        ("verify", item.verify.is_some()),
        ("attest", item.attest.is_some()),
        ("evidence", item.evidence.is_some()),
    ]);
    if let Some(agent) = &item.present {
        match super::items::agent(modules, found.module, agent, sink) {
            Some(id) => result.present = Some(id),
            // Who presents itself is not known, which was reported.
            None => return Handoff { missing: Vec::new(), ..result },
        }
    }
    let (Some(verify), Some(attest), Some(evidence)) = (&item.verify, &item.attest, &item.evidence) else {
        return result;
    };
    let mut headers: Vec<String> =
        attest.headers.iter().map(|name| name.value.to_ascii_lowercase()).collect();
    headers.sort();
    headers.dedup();
    let policy = HandoffPolicy {
        name: result.name.clone(),
        verify: Verify {
            mode: match verify.mode.value {
                ast::VerifyMode::Require => VerifyMode::Require,
                ast::VerifyMode::Prefer => VerifyMode::Prefer,
                ast::VerifyMode::Open => VerifyMode::Open,
            },
            within_ms: verify.within.as_ref().map_or(WITHIN_MS, |within| within.value),
        },
        attest: Attest { headers },
        evidence: match evidence.value.0 {
            0 => Evidence::E0,
            1 => Evidence::E1,
            2 => Evidence::E2,
            3 => Evidence::E3,
            4 => Evidence::E4,
            _ => Evidence::E5,
        },
        trace_shared: item.trace_shared.is_some(),
    };
    let fits = out_of_range(|limits| limits.handoff(&policy));
    let parts = [
        ("within_ms", "`within` of `verify`", verify.within.as_ref().map(|within| within.span)),
        ("headers", "the headers of `attest`", None),
    ];
    let of = format!(" of `{}`", policy.name);
    if range(item.name.span, &of, &parts, fits, sink) && result.missing.is_empty() {
        result.policy = Some(policy);
    }
    result
}

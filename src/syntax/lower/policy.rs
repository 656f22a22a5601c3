//! `retry`, `breaker`, `handoff` policies.

use crate::syntax::ast::{
    Attest, Backoff, BreakerPolicy, EvidenceLevel, HandoffPolicy, Millis, Open, RetryPolicy, Slow, Spanned,
    Verify, VerifyMode,
};
use crate::syntax::grammar::{Node, Rule};

use super::{Lower, child, children, taken};

impl Lower<'_> {
    pub(super) fn retry_policy(&mut self, node: Node<'_>) -> Option<RetryPolicy> {
        let span = self.span(&node);
        let (mut name, mut attempts, mut backoff, mut within) = (None, None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::name => name = Some(self.name(part)),
                Rule::retry_attempts => {
                    let value = self.count_in(part);
                    self.once(&mut attempts, value, at, "attempts");
                }
                Rule::retry_backoff => {
                    let value = self.two_millis(part).map(|(base, cap)| Backoff { span: at, base, cap });
                    self.once(&mut backoff, value, at, "backoff");
                }
                Rule::retry_within => {
                    let value = self.millis_in(part);
                    self.once(&mut within, value, at, "within");
                }
                _ => {}
            }
        }
        Some(RetryPolicy {
            span,
            name: name?,
            attempts: taken(attempts),
            backoff: taken(backoff),
            within: taken(within),
        })
    }

    pub(super) fn breaker_policy(&mut self, node: Node<'_>) -> Option<BreakerPolicy> {
        let span = self.span(&node);
        let (mut name, mut window, mut minimum, mut failures) = (None, None, None, None);
        let (mut slow, mut open, mut probes) = (None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::name => name = Some(self.name(part)),
                Rule::breaker_window => {
                    let value = self.millis_in(part);
                    self.once(&mut window, value, at, "window");
                }
                Rule::breaker_minimum => {
                    let value = self.count_in(part);
                    self.once(&mut minimum, value, at, "minimum");
                }
                Rule::breaker_failures => {
                    let value = child(part, Rule::percent).map(|percent| self.percent(percent));
                    self.once(&mut failures, value, at, "failures");
                }
                Rule::breaker_slow => {
                    let percent = child(part.clone(), Rule::percent).map(|percent| self.percent(percent));
                    let over = self.millis_in(part);
                    let value = percent.zip(over).map(|(percent, over)| Slow { span: at, percent, over });
                    self.once(&mut slow, value, at, "slow");
                }
                Rule::breaker_open => {
                    let value = self.two_millis(part).map(|(first, cap)| Open { span: at, first, cap });
                    self.once(&mut open, value, at, "open");
                }
                Rule::breaker_probes => {
                    let value = self.count_in(part);
                    self.once(&mut probes, value, at, "probes");
                }
                _ => {}
            }
        }
        Some(BreakerPolicy {
            span,
            name: name?,
            window: taken(window),
            minimum: taken(minimum),
            failures: taken(failures),
            slow: taken(slow),
            open: taken(open),
            probes: taken(probes),
        })
    }

    pub(super) fn handoff_policy(&mut self, node: Node<'_>) -> Option<HandoffPolicy> {
        let span = self.span(&node);
        let (mut name, mut present, mut verify) = (None, None, None);
        let (mut attest, mut evidence, mut trace) = (None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::name => name = Some(self.name(part)),
                Rule::handoff_present => {
                    let value = child(part, Rule::agent_ref).and_then(|agent| self.agent(agent));
                    self.once(&mut present, value, at, "present");
                }
                Rule::handoff_verify => {
                    let value = self.verify(part);
                    self.once(&mut verify, value, at, "verify");
                }
                Rule::handoff_attest => {
                    let value = self.attest(part);
                    self.once(&mut attest, value, at, "attest");
                }
                Rule::handoff_evidence => {
                    let value = child(part, Rule::evidence_level).and_then(|level| {
                        let number = level.as_str().trim_start_matches('E').parse().ok()?;
                        Some(Spanned { value: EvidenceLevel(number), span: self.span(&level) })
                    });
                    self.once(&mut evidence, value, at, "evidence");
                }
                Rule::handoff_trace => self.once(&mut trace, Some(at), at, "trace"),
                _ => {}
            }
        }
        Some(HandoffPolicy {
            span,
            name: name?,
            present: taken(present),
            verify: taken(verify),
            attest: taken(attest),
            evidence: taken(evidence),
            trace_shared: taken(trace),
        })
    }

    fn verify(&mut self, node: Node<'_>) -> Option<Verify> {
        let span = self.span(&node);
        let (mut mode, mut within) = (None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::kw_require => mode = Some(Spanned { value: VerifyMode::Require, span: at }),
                Rule::kw_prefer => mode = Some(Spanned { value: VerifyMode::Prefer, span: at }),
                Rule::kw_open => mode = Some(Spanned { value: VerifyMode::Open, span: at }),
                Rule::verify_within => within = self.millis_in(part),
                _ => {}
            }
        }
        Some(Verify { span, mode: mode?, within })
    }

    fn attest(&mut self, node: Node<'_>) -> Option<Attest> {
        let mut attest = Attest { span: self.span(&node), headers: Vec::new() };
        let (mut headers, mut request, mut response) = (None, None, None);
        for part in node.into_inner() {
            let at = self.span(&part);
            match part.as_rule() {
                Rule::kw_request => self.once(&mut request, Some(()), at, "request"),
                Rule::kw_response => self.once(&mut response, Some(()), at, "response"),
                Rule::attest_headers => {
                    let names = children(part, Rule::string).filter_map(|name| self.text(name)).collect();
                    self.once(&mut headers, Some(names), at, "headers");
                }
                _ => {}
            }
        }
        attest.headers = taken(headers).unwrap_or_default();
        Some(attest)
    }

    fn two_millis(&mut self, node: Node<'_>) -> Option<(Millis, Millis)> {
        let mut lengths = children(node, Rule::duration);
        let (first, second) = (lengths.next()?, lengths.next()?);
        Some((self.millis(first), self.millis(second)))
    }
}

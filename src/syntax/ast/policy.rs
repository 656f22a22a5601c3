//! Policies of retries, breakers and handoffs, and how a handoff policy is used.

use super::{Count, Millis, Name, Path, Percent, Spanned, Text};
use crate::source::Span;

/// `handoff NAME`, or `weaken handoff NAME because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseHandoff {
    /// The policy.
    pub policy: Path,
    /// Why it may be weaker than the one it replaces, where that is said.
    pub weakened: Option<Weaken>,
}

/// `weaken … because "…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weaken {
    /// The place of the whole clause.
    pub span: Span,
    /// The reason.
    pub because: Text,
}

/// `retry NAME { attempts 4  backoff 200ms to 5s  within 2m }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Most attempts, the first included.
    pub attempts: Option<Count>,
    /// Delays between attempts.
    pub backoff: Option<Backoff>,
    /// No attempt starts later than this after the first.
    pub within: Option<Millis>,
}

/// `backoff 200ms to 5s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    /// Its place.
    pub span: Span,
    /// The first delay's upper end.
    pub base: Millis,
    /// Every delay's upper end.
    pub cap: Millis,
}

/// `breaker NAME { window 30s  minimum 10  failures 50%  slow 80% over 5s  open 10s to 5m  probes 2 }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Calls older than this don't count.
    pub window: Option<Millis>,
    /// Fewer calls than this open nothing.
    pub minimum: Option<Count>,
    /// Failed calls that open it.
    pub failures: Option<Percent>,
    /// Slow calls that open it.
    pub slow: Option<Slow>,
    /// How long it stays open.
    pub open: Option<Open>,
    /// Calls let through while half open.
    pub probes: Option<Count>,
}

/// `slow 80% over 5s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slow {
    /// Its place.
    pub span: Span,
    /// Slow calls that open the breaker.
    pub percent: Percent,
    /// A call that takes longer is slow.
    pub over: Millis,
}

/// `open 10s to 5m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its place.
    pub span: Span,
    /// The first opening.
    pub first: Millis,
    /// The longest opening.
    pub cap: Millis,
}

/// `handoff NAME { present acme.agent  verify require within 60s  attest request response headers "date"  evidence >= E4 }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoffPolicy {
    /// Its place.
    pub span: Span,
    /// Its name.
    pub name: Name,
    /// Who presents itself; the flow's `as` where absent.
    pub present: Option<Agent>,
    /// What the resolver must project.
    pub verify: Option<Verify>,
    /// What is committed to the log.
    pub attest: Option<Attest>,
    /// The least evidence.
    pub evidence: Option<Spanned<EvidenceLevel>>,
    /// `trace shared`: one trace id for all counterparties.
    pub trace_shared: Option<Span>,
}

/// `acme.agent`: the Agent Credential of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its place.
    pub span: Span,
    /// The operator.
    pub operator: Name,
}

/// `verify require within 60s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// Its place.
    pub span: Span,
    /// The mode.
    pub mode: Spanned<VerifyMode>,
    /// The oldest verdict that may be reused.
    pub within: Option<Millis>,
}

/// How a verdict that is not positive is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyMode {
    /// `require`: stops.
    Require,
    /// `prefer`: warns.
    Prefer,
    /// `open`: records.
    Open,
}

/// `attest request response headers "date"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attest {
    /// Its place.
    pub span: Span,
    /// Headers kept, as written.
    pub headers: Vec<Text>,
}

/// `E0` to `E5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceLevel(pub u8);

//! Handoff policies: what is presented, verified, attested, and the least evidence.

use serde::{Deserialize, Serialize};

/// How a verdict that is not positive is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyMode {
    /// Recorded.
    Open,
    /// Recorded with a warning.
    Prefer,
    /// Stops.
    Require,
}

/// What the resolver must project before a byte is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// How a verdict that is not positive is taken.
    pub mode: VerifyMode,
    /// The oldest verdict that may be reused, milliseconds.
    pub within_ms: u64,
}

/// What is committed to the audit log beside request and response.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attest {
    /// Response headers kept, lower case, sorted.
    pub headers: Vec<String>,
}

/// How far a handoff can be shown to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Evidence {
    /// None.
    E0,
    /// TLS server authentication.
    E1,
    /// Mutual TLS.
    E2,
    /// An audience-bound token.
    E3,
    /// A signed request.
    E4,
    /// A signed request and a signed receipt.
    E5,
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// A policy with all four parts. `present` stands in the plan as an ID, because the default depends on the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandoffPolicy {
    /// The policy's name as written, such as `std.handoff.strict`.
    pub name: String,
    /// What the resolver must project.
    pub verify: Verify,
    /// What is committed to the log.
    pub attest: Attest,
    /// The least evidence the edge must reach.
    pub evidence: Evidence,
    /// Whether one trace id is shared by all counterparties.
    pub trace_shared: bool,
}

impl HandoffPolicy {
    /// The parts in which `self` is weaker than `other`, by name; empty where it is at least as strong in each.
    pub fn weaker_than(&self, other: &HandoffPolicy) -> Vec<&'static str> {
        let mut parts = Vec::new();
        if self.verify.mode < other.verify.mode {
            parts.push("verify");
        } else if self.verify.within_ms > other.verify.within_ms {
            parts.push("within");
        }
        let keeps = other.attest.headers.iter().all(|header| self.attest.headers.contains(header));
        if !keeps {
            parts.push("attest");
        }
        if self.evidence < other.evidence {
            parts.push("evidence");
        }
        if self.trace_shared && !other.trace_shared {
            parts.push("trace");
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weaker_is_judged_part_by_part() {
        let strict = HandoffPolicy {
            name: "strict".into(),
            verify: Verify { mode: VerifyMode::Require, within_ms: 60_000 },
            attest: Attest { headers: vec!["date".into()] },
            evidence: Evidence::E4,
            trace_shared: false,
        };
        assert!(strict.weaker_than(&strict).is_empty());
        let verify = Verify { mode: VerifyMode::Prefer, within_ms: 90_000 };
        let loose =
            HandoffPolicy { verify, attest: Attest::default(), evidence: Evidence::E1, ..strict.clone() };
        assert_eq!(loose.weaker_than(&strict), ["verify", "attest", "evidence"]);
        assert!(strict.weaker_than(&loose).is_empty());
    }
}

//! Where the policy in force is weaker than one that it replaces.

use super::model::Flow;
use super::nodes::Call;
use super::policies::Handoff;
use crate::ecz::EczId;

/// A policy that is weaker than one farther out.
#[derive(Debug)]
pub struct Weaker<'c> {
    /// Where the weaker one stands: `step` or `api`.
    pub own: &'static str,
    /// The weaker one.
    pub handoff: &'c Handoff,
    /// Where the other stands: `api` or `flow`.
    pub layer: &'static str,
    /// The other.
    pub other: &'c Handoff,
    /// In what.
    pub parts: Vec<&'static str>,
    /// The reason that is given between the two.
    pub because: Option<&'c str>,
}

impl Call {
    /// Where the policy in force is weaker than others of the call, the nearest of these first.
    pub fn weaker(&self, flow: &Flow) -> Vec<Weaker<'_>> {
        let Some((own, handoff)) = self.handoffs.first() else { return Vec::new() };
        let mut found = Vec::new();
        for (at, (layer, other)) in self.handoffs.iter().enumerate().skip(1) {
            let parts = weaker_parts(handoff, other, flow);
            if parts.is_empty() {
                continue;
            }
            let between = self.handoffs.iter().take(at).filter_map(|(_, nearer)| nearer.weakened.as_ref());
            let because =
                between.map(|(because, _)| because.as_str()).find(|because| !because.trim().is_empty());
            found.push(Weaker { own, handoff, layer, other, parts, because });
        }
        found
    }

    /// Policies that are said to be weaker and are so than none farther out.
    pub fn needlessly_weakened(&self, flow: &Flow) -> Vec<(&'static str, &Handoff)> {
        let needless = |at: usize, handoff: &Handoff| {
            let farther = self.handoffs.iter().skip(at + 1);
            let resolved =
                handoff.policy.is_some() && farther.clone().all(|(_, other)| other.policy.is_some());
            let mut all = farther.map(|(_, other)| weaker_parts(handoff, other, flow));
            handoff.weakened.is_some() && resolved && all.all(|parts| parts.is_empty())
        };
        let layers = self.handoffs.iter().enumerate();
        layers
            .filter(|(at, (_, handoff))| needless(*at, handoff))
            .map(|(_, (own, handoff))| (*own, handoff.as_ref()))
            .collect()
    }
}

/// In what one policy is weaker than another; nothing where either could not be resolved.
fn weaker_parts(handoff: &Handoff, other: &Handoff, flow: &Flow) -> Vec<&'static str> {
    let (Some(policy), Some(stronger)) = (&handoff.policy, &other.policy) else { return Vec::new() };
    let mut parts = policy.weaker_than(stronger);
    if presents(handoff, flow) != presents(other, flow) {
        parts.push("present");
    }
    parts
}

/// Who presents itself under a policy.
fn presents<'c>(handoff: &'c Handoff, flow: &'c Flow) -> Option<&'c EczId> {
    handoff.present.as_ref().or(flow.agent.as_ref().map(|(_, id)| id))
}

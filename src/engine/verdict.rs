//! Which identities a handoff asks for, how long an answer may be reused, and whether a recorded verdict is what they demand.

use super::Engine;
use super::apply::{Applied, illegal};
use super::event::What;
use super::told::{Check, Judged, Unverified};
use crate::base::Timestamp;
use crate::ecz::{self, Asked, EczId, Observation};
use crate::plan::{Call, Plan, Verified};

/// No verdict is reused beyond this, milliseconds, whatever a policy says.
pub const VERDICT_AGE_MS: u64 = 60_000;

/// One identity that a handoff asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The ID and what its answer must agree with. `canonical_hash` is for the configuration to fill in.
    pub asked: Asked,
    /// The policy's `within`, milliseconds.
    pub within_ms: u64,
    /// Whether no older answer will do.
    pub recheck: bool,
}

/// Callee's passport where it has one, callee's agent where its document names one, our agent, our operator; in this order.
pub fn subjects(plan: &Verified<Plan>, call: &Call) -> Vec<Subject> {
    let Some(api) = plan.apis.get(&call.api) else { return Vec::new() };
    let within_ms = call.handoff.verify.within_ms;
    let operation = |key: &String| {
        let contract = plan.contract(&call.api, key);
        let route = contract.map(|contract| format!("{} {}", contract.method, contract.path));
        (key.clone(), route.unwrap_or_default())
    };
    let mut subjects = Vec::new();
    if let Some(identity) = api.identity.identity() {
        let recheck = identity.recheck_before_reliance;
        let passport = Asked {
            ecz_id: identity.api_passport_id.clone(),
            origin: Some(identity.api_origin.clone()),
            region: api.region.as_ref().map(|region| region.origin.clone()),
            spec_hash: identity.spec_hash.clone(),
            canonical_hash: None,
            operations: api.operations.keys().map(operation).collect(),
        };
        subjects.push(Subject { asked: passport, within_ms, recheck });
        if let Some(agent) = &identity.agent_credential_id {
            subjects.push(Subject { asked: only(agent), within_ms, recheck });
        }
    }
    for ours in [&call.present, &call.present.parent()] {
        subjects.push(Subject { asked: only(ours), within_ms, recheck: false });
    }
    subjects
}

fn only(id: &EczId) -> Asked {
    Asked {
        ecz_id: id.clone(),
        origin: None,
        region: None,
        spec_hash: None,
        canonical_hash: None,
        operations: Vec::new(),
    }
}

impl Subject {
    /// An answer made for an earlier handoff will do while it is younger than this, milliseconds: only one that says
    /// BOUND, for the least of the policy's `within`, its own max-age and 60 s.
    pub fn reuse_ms(&self, observation: &Observation) -> u64 {
        match observation {
            Observation::Projected(projection)
                if !self.recheck
                    && projection.state == ecz::State::Bound
                    && projection.valid
                    && projection.fail_closed.is_empty() =>
            {
                self.within_ms.min(projection.max_age_s.saturating_mul(1_000)).min(VERDICT_AGE_MS)
            }
            _ => 0,
        }
    }
}

/// The projected state, or what stood in its way, as records name it.
pub fn state_name(observation: &Observation) -> String {
    match observation {
        Observation::Projected(projection) => projection.state.to_string(),
        Observation::NotFound => "not_found".into(),
        Observation::NoEndpoint => "no_endpoint".into(),
        Observation::Unavailable(_) => "unavailable".into(),
        Observation::Malformed(_) => "malformed".into(),
    }
}

/// What a handoff that nothing stops is recorded as.
pub fn passed(plan: &Plan, call: &Call, checks: Vec<Check>, observations: Vec<Judged>) -> What {
    match plan.apis.get(&call.api).and_then(|api| api.identity.because()) {
        None => What::HandoffVerified { checks, observations },
        Some(because) => What::HandoffUnverified {
            verdict: Unverified::NoPassport,
            no_passport: because.to_owned(),
            checks,
            observations,
        },
    }
}

impl Engine<'_> {
    /// Whether a callee was verified is what the plan says of its api, and the reason is the plan's.
    pub(super) fn check_party(&self, call: &Call, what: &What) -> Applied {
        let because = self.plan.apis.get(&call.api).and_then(|api| api.identity.because());
        match (what, because) {
            (What::HandoffVerified { .. }, None) => Ok(()),
            (What::HandoffUnverified { no_passport, .. }, Some(because)) if no_passport == because => Ok(()),
            (What::HandoffUnverified { .. }, Some(_)) => illegal("its reason is not the plan's"),
            (_, None) => illegal("the callee has a passport, and was not verified"),
            (_, Some(_)) => illegal("the callee has no passport that could have been verified"),
        }
    }

    /// Judges the recorded observations of a verdict that was due at a moment and recorded at another.
    pub(super) fn check_verdict(
        &self,
        call: &Call,
        due: Timestamp,
        at: Timestamp,
        checks: &[Check],
        observations: &[Judged],
    ) -> Applied {
        let subjects = subjects(self.plan, call);
        if checks.len() != subjects.len() || observations.len() != subjects.len() {
            return illegal("it is not about the identities of this handoff");
        }
        for ((subject, check), judged) in subjects.iter().zip(checks).zip(observations) {
            let Judged { asked, observation } = judged;
            // Whether the issuer's hash is ours to compare is the configuration's affair; which hash it then is, is not.
            let compared = asked.canonical_hash.is_some() && subject.asked.spec_hash.is_some();
            let pin = self.plan.apis.get(&call.api).map(|api| api.pin).filter(|_| compared);
            let wanted = Asked { canonical_hash: pin, ..subject.asked.clone() };
            if *asked != wanted || check.ecz_id != asked.ecz_id {
                return illegal(format!("`{}` was not asked for as the plan says", subject.asked.ecz_id));
            }
            let decision = ecz::judge(call.handoff.verify.mode, asked, observation).decision;
            if check.decision != decision || check.state != state_name(observation) {
                return illegal(format!("`{}` was judged otherwise than its policy says", check.ecz_id));
            }
            let age = at.since(check.observed);
            if check.observed > at || check.age_ms != age {
                return illegal(format!("the verdict on `{}` has another age", check.ecz_id));
            }
            let fresh =
                if check.reused { age < subject.reuse_ms(observation) } else { check.observed >= due };
            if !fresh {
                return illegal(format!("the verdict on `{}` is older than its policy allows", check.ecz_id));
            }
        }
        Ok(())
    }
}

//! What a resolver projected, and what a policy makes of it (the table of the language's section on handoffs).

use serde::{Deserialize, Serialize};

use super::{EczId, VerifyMode};
use crate::base::{Digest, Timestamp};

/// The state a resolver projects for one exact ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Control evidence was observed to match at the stated time.
    Bound,
    /// Setup under way.
    Claimed,
    /// Setup under way.
    ChallengeIssued,
    /// Setup under way.
    Observed,
    /// Not valid.
    Expired,
    /// Not valid.
    Degraded,
    /// Not valid.
    Mismatch,
    /// Not valid.
    Revoked,
    /// Not valid.
    Suspended,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            State::Bound => "BOUND",
            State::Claimed => "CLAIMED",
            State::ChallengeIssued => "CHALLENGE_ISSUED",
            State::Observed => "OBSERVED",
            State::Expired => "EXPIRED",
            State::Degraded => "DEGRADED",
            State::Mismatch => "MISMATCH",
            State::Revoked => "REVOKED",
            State::Suspended => "SUSPENDED",
        })
    }
}

/// A resolver's answer in this project's own terms, made by an adapter from its wire form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// The ID the answer is about.
    pub ecz_id: EczId,
    /// The state.
    pub state: State,
    /// Whether the answer itself says that it is valid.
    pub valid: bool,
    /// The parent the child stands under, where projected.
    pub operator_ecz_id: Option<EczId>,
    /// The authorised origin, where projected.
    pub authorised_origin: Option<String>,
    /// Regional aliases, where projected.
    pub regional_aliases: Option<Vec<String>>,
    /// Operations or endpoints, where projected: `METHOD /path` or operation ids.
    pub endpoints: Option<Vec<String>>,
    /// The hash of the agent's manifest, where projected.
    pub manifest_hash: Option<String>,
    /// The document's hash as the issuer states it, where projected: an opaque string.
    pub spec_hash: Option<String>,
    /// When the state was observed.
    pub observed_at: Option<Timestamp>,
    /// How long the answer may be reused, seconds; 0 for `no-store`.
    pub max_age_s: u64,
    /// Foreign states that its machine policy says must stop a caller, in its own spelling, and apply to this answer.
    pub fail_closed: Vec<String>,
    /// Foreign reason codes, quoted as they came.
    pub reason_codes: Vec<String>,
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// An answer about some ID.
    Projected(Box<Projection>),
    /// The resolver says that it has no such record.
    NotFound,
    /// No endpoint is configured for this kind of ID.
    NoEndpoint,
    /// No usable answer within the budget; the words say what happened, without any URL.
    Unavailable(String),
    /// An answer that its adapter could not read; the words say why.
    Malformed(String),
}

/// What is asked: an ID and what the answer must agree with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The exact ID.
    pub ecz_id: EczId,
    /// The authorised origin by document or configuration, where one must agree.
    pub origin: Option<String>,
    /// The regional alias that is used, where one is.
    pub region: Option<String>,
    /// The document's `spec_hash`, where it has one.
    pub spec_hash: Option<String>,
    /// Our own canonical hash, only where configuration says the issuer uses `eczflow-c14n-1`.
    pub canonical_hash: Option<Digest>,
    /// Operations used: operation id and `METHOD /path`.
    pub operations: Vec<(String, String)>,
}

/// Why a projection is not positive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", content = "detail", rename_all = "snake_case")]
pub enum Refusal {
    /// Setup under way: a state that is no proof.
    NotYet(State),
    /// No such record.
    NotFound,
    /// No endpoint for this kind of ID, or no list of aliases to find the region in.
    NoEndpoint,
    /// The resolver could not be asked.
    Unavailable(String),
    /// A state that is not valid.
    State(State),
    /// `valid` is false, or the answer's own machine policy says stop.
    NotValid(String),
    /// An answer that could not be read.
    Malformed(String),
    /// The answer is about another ID.
    AnotherId,
    /// Origin, alias, operator, hash or scope contradict.
    Contradiction(String),
}

/// What a handoff does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Positive: go.
    Go,
    /// Not positive; recorded, goes on.
    Record,
    /// Not positive; recorded with a warning, goes on.
    Warn,
    /// Nothing is sent.
    Stop,
}

/// A judged observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// Why it is not positive; `None` when it is.
    pub refusal: Option<Refusal>,
}

impl Refusal {
    /// Whether it stops under every mode, `open` included.
    pub fn stops_always(&self) -> bool {
        !matches!(
            self,
            Refusal::NotYet(_) | Refusal::NotFound | Refusal::NoEndpoint | Refusal::Unavailable(_)
        )
    }
}

/// Judges an observation. Pure; freshness is judged by the caller, who knows when it was made.
pub fn judge(mode: VerifyMode, asked: &Asked, observation: &Observation) -> Verdict {
    let refusal = match observation {
        Observation::Projected(projection) => refuse(asked, projection),
        Observation::NotFound => Some(Refusal::NotFound),
        Observation::NoEndpoint => Some(Refusal::NoEndpoint),
        Observation::Unavailable(why) => Some(Refusal::Unavailable(why.clone())),
        Observation::Malformed(why) => Some(Refusal::Malformed(why.clone())),
    };
    let decision = match (&refusal, mode) {
        (None, _) => Decision::Go,
        (Some(refusal), _) if refusal.stops_always() => Decision::Stop,
        (Some(_), VerifyMode::Require) => Decision::Stop,
        (Some(_), VerifyMode::Prefer) => Decision::Warn,
        (Some(_), VerifyMode::Open) => Decision::Record,
    };
    Verdict { decision, refusal }
}

fn refuse(asked: &Asked, projection: &Projection) -> Option<Refusal> {
    if projection.ecz_id != asked.ecz_id {
        return Some(Refusal::AnotherId);
    }
    match projection.state {
        State::Bound => {}
        state @ (State::Claimed | State::ChallengeIssued | State::Observed) => {
            return Some(contradiction(asked, projection).unwrap_or(Refusal::NotYet(state)));
        }
        state => return Some(Refusal::State(state)),
    }
    if let Some(code) = projection.fail_closed.first() {
        return Some(Refusal::NotValid(code.clone()));
    }
    if !projection.valid {
        return Some(Refusal::NotValid("the answer says that it is not valid".into()));
    }
    if let Some(refusal) = contradiction(asked, projection) {
        return Some(refusal);
    }
    match (&asked.region, &projection.regional_aliases) {
        (Some(_), None) => Some(Refusal::NoEndpoint),
        _ => None,
    }
}

fn contradiction(asked: &Asked, projection: &Projection) -> Option<Refusal> {
    let contradicts = |what: &str| Some(Refusal::Contradiction(what.to_owned()));
    if projection.operator_ecz_id.as_ref().is_some_and(|operator| *operator != asked.ecz_id.parent()) {
        return contradicts("the projected operator is not the parent of the ID");
    }
    if let (Some(wanted), Some(projected)) = (&asked.origin, &projection.authorised_origin)
        && wanted != projected
    {
        return contradicts("the projected origin is not the one used");
    }
    if let (Some(region), Some(aliases)) = (&asked.region, &projection.regional_aliases)
        && !aliases.contains(region)
    {
        return contradicts("the region is not among the projected aliases");
    }
    if let Some(projected) = &projection.spec_hash {
        if asked.spec_hash.as_ref().is_some_and(|stated| stated != projected) {
            return contradicts("the projected spec_hash is not the document's");
        }
        if asked.canonical_hash.is_some_and(|ours| ours.to_string() != *projected) {
            return contradicts("the projected spec_hash is not the pinned document's canonical hash");
        }
    }
    if let Some(endpoints) = &projection.endpoints {
        for (id, route) in &asked.operations {
            if !endpoints.contains(id) && !endpoints.contains(route) {
                return contradicts("a used operation is not among the projected endpoints");
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound() -> Projection {
        Projection {
            ecz_id: "ECZ-GB-A1B2C3::API-000001".parse().unwrap(),
            state: State::Bound,
            valid: true,
            operator_ecz_id: Some("ECZ-GB-A1B2C3".parse().unwrap()),
            authorised_origin: Some("https://api.example".into()),
            regional_aliases: None,
            endpoints: None,
            manifest_hash: None,
            spec_hash: None,
            observed_at: None,
            max_age_s: 60,
            fail_closed: vec![],
            reason_codes: vec![],
        }
    }

    fn asked() -> Asked {
        Asked {
            ecz_id: bound().ecz_id,
            origin: Some("https://api.example".into()),
            region: None,
            spec_hash: Some("sha256:aa".into()),
            canonical_hash: None,
            operations: vec![("getTicket".into(), "GET /t".into())],
        }
    }

    fn decisions(asked: &Asked, observation: &Observation) -> [Decision; 3] {
        [VerifyMode::Require, VerifyMode::Prefer, VerifyMode::Open]
            .map(|mode| judge(mode, asked, observation).decision)
    }

    fn projected(change: impl FnOnce(&mut Projection)) -> Observation {
        let mut projection = bound();
        change(&mut projection);
        Observation::Projected(Box::new(projection))
    }

    #[test]
    fn the_three_rows_of_the_table() {
        use Decision::{Go, Record, Stop, Warn};
        assert_eq!(decisions(&asked(), &projected(|_| {})), [Go; 3]);
        for neutral in [
            Observation::NotFound,
            Observation::NoEndpoint,
            Observation::Unavailable("no answer".into()),
            projected(|p| p.state = State::Claimed),
            projected(|p| p.state = State::ChallengeIssued),
            projected(|p| p.state = State::Observed),
        ] {
            assert_eq!(decisions(&asked(), &neutral), [Stop, Warn, Record], "{neutral:?}");
        }
        for stop in [
            Observation::Malformed("no state".into()),
            projected(|p| p.state = State::Expired),
            projected(|p| p.state = State::Degraded),
            projected(|p| p.state = State::Mismatch),
            projected(|p| p.state = State::Revoked),
            projected(|p| p.state = State::Suspended),
            projected(|p| p.valid = false),
            projected(|p| p.fail_closed = vec!["abuse".into()]),
            projected(|p| p.ecz_id = "ECZ-GB-A1B2C3".parse().unwrap()),
            projected(|p| p.operator_ecz_id = Some("ECZ-GB-ZZZZZ9".parse().unwrap())),
            projected(|p| p.authorised_origin = Some("https://other.example".into())),
            projected(|p| p.spec_hash = Some("sha256:bb".into())),
            projected(|p| p.endpoints = Some(vec!["GET /other".into()])),
        ] {
            assert_eq!(decisions(&asked(), &stop), [Stop; 3], "{stop:?}");
        }
    }

    #[test]
    fn a_region_needs_a_projected_alias() {
        let regional = Asked { region: Some("https://eu.api.example".into()), ..asked() };
        assert_eq!(decisions(&regional, &projected(|_| {}))[0], Decision::Stop);
        assert_eq!(decisions(&regional, &projected(|_| {}))[2], Decision::Record);
        let aliases = |alias: &str| projected(|p| p.regional_aliases = Some(vec![alias.into()]));
        assert_eq!(decisions(&regional, &aliases("https://eu.api.example")), [Decision::Go; 3]);
        assert_eq!(decisions(&regional, &aliases("https://us.api.example")), [Decision::Stop; 3]);
    }
}

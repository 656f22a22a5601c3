//! The binding projection: the form the public documents show for children, and the flat form shown for parents.

use serde_json::{Map, Value};

use super::Adapter;
use crate::base::{Timestamp, json};
use crate::ecz::{EczId, Kind, Projection, State};

/// The most entries of a list.
const ENTRIES: usize = 1_000;
/// The longest string, bytes.
const TEXT_BYTES: usize = 2_048;
/// Members of the flat parent form whose values are foreign states.
const FLAT: [&str; 4] = ["status", "lifecycle_state", "verification_state", "abuse_state"];

const STATES: [(&str, State); 9] = [
    ("BOUND", State::Bound),
    ("CLAIMED", State::Claimed),
    ("CHALLENGE_ISSUED", State::ChallengeIssued),
    ("OBSERVED", State::Observed),
    ("EXPIRED", State::Expired),
    ("DEGRADED", State::Degraded),
    ("MISMATCH", State::Mismatch),
    ("REVOKED", State::Revoked),
    ("SUSPENDED", State::Suspended),
];

/// Reads the binding projection.
#[derive(Debug, Clone, Copy, Default)]
pub struct BindingProjection;

impl Adapter for BindingProjection {
    fn name(&self) -> &'static str {
        "binding-projection"
    }

    fn read(&self, asked: &EczId, body: &[u8]) -> Result<Projection, String> {
        let value = json::read_strict(body).map_err(|error| {
            format!("it is not strict JSON (line {}, column {})", error.line, error.column)
        })?;
        let Value::Object(members) = value else { return Err("it is no JSON object".into()) };
        Reader(&members).projection(asked)
    }
}

struct Reader<'a>(&'a Map<String, Value>);

impl Reader<'_> {
    fn projection(&self, asked: &EczId) -> Result<Projection, String> {
        let ecz_id = self.id("ecz_id")?.ok_or("`ecz_id` is missing")?;
        self.binding_type_fits(asked)?;
        let flat = self.flat()?;
        let (state, valid) = match self.text("state")? {
            Some(word) => {
                let state = STATES.iter().find(|(known, _)| *known == word).map(|(_, state)| *state);
                let state = state.ok_or("`state` is none of the nine states")?;
                (state, self.boolean("valid")?.ok_or("`valid` is missing")?)
            }
            // The flat form has no word that says BOUND, so it proves nothing; what it says against, counts.
            None if ecz_id.kind() == Kind::Parent && !flat.is_empty() => {
                (worst(&flat), self.boolean("valid")?.unwrap_or(true))
            }
            None => return Err("`state` is missing".into()),
        };
        let mut reason_codes = self.list("reason_codes")?.unwrap_or_default();
        reason_codes.extend(flat.iter().map(|(name, word)| format!("{name}={word}")));
        let origin = self.text("authorised_origin")?;
        let api_origin = self.text("api_origin")?;
        if let (Some(one), Some(other)) = (&origin, &api_origin)
            && one != other
        {
            return Err("`authorised_origin` and `api_origin` differ".into());
        }
        let endpoints = match self.list("endpoints")? {
            Some(endpoints) => Some(endpoints),
            None => self.list("scopes")?,
        };
        Ok(Projection {
            fail_closed: self.fail_closed(&flat)?,
            operator_ecz_id: self.id("operator_ecz_id")?,
            authorised_origin: origin.or(api_origin),
            regional_aliases: self.list("regional_aliases")?,
            endpoints,
            manifest_hash: self.text("manifest_hash")?,
            spec_hash: self.text("spec_hash")?,
            observed_at: self.moment("observed_at")?,
            // Only BOUND may be reused, whatever the answer says.
            max_age_s: if state == State::Bound { self.max_age()? } else { 0 },
            ecz_id,
            state,
            valid,
            reason_codes,
        })
    }

    /// A member that is there and not null.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= TEXT_BYTES => Ok(Some(text.clone())),
            Some(Value::String(_)) => Err(format!("`{name}` is longer than {TEXT_BYTES} bytes")),
            Some(_) => Err(format!("`{name}` must be a string")),
        }
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(format!("`{name}` must be a boolean")),
        }
    }

    fn id(&self, name: &str) -> Result<Option<EczId>, String> {
        let text = self.text(name)?;
        text.map(|text| text.parse().map_err(|_| format!("`{name}` is no ECZ-ID"))).transpose()
    }

    fn moment(&self, name: &str) -> Result<Option<Timestamp>, String> {
        let text = self.text(name)?;
        text.map(|text| text.parse().map_err(|_| format!("`{name}` is no RFC 3339 time"))).transpose()
    }

    fn list(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        self.get(name).map(|value| list(name, value)).transpose()
    }

    fn binding_type_fits(&self, asked: &EczId) -> Result<(), String> {
        let due = match asked.kind() {
            Kind::Agent => "agent",
            Kind::Api => "api",
            Kind::Parent | Kind::Other => return Ok(()),
        };
        match self.text("binding_type")? {
            Some(word) if word != due => Err("`binding_type` is not that of the ID".into()),
            _ => Ok(()),
        }
    }

    fn flat(&self) -> Result<Vec<(&'static str, String)>, String> {
        let mut found = Vec::new();
        for name in FLAT {
            if let Some(word) = self.text(name)? {
                found.push((name, word));
            }
        }
        Ok(found)
    }

    /// The entries of `machine_policy.fail_closed_states` that this answer itself shows.
    fn fail_closed(&self, flat: &[(&'static str, String)]) -> Result<Vec<String>, String> {
        const NAME: &str = "machine_policy.fail_closed_states";
        let policy = match self.get("machine_policy") {
            None => return Ok(Vec::new()),
            Some(Value::Object(policy)) => policy,
            Some(_) => return Err("`machine_policy` must be an object".into()),
        };
        let states = match policy.get("fail_closed_states").filter(|value| !value.is_null()) {
            None => return Ok(Vec::new()),
            Some(value) => list(NAME, value)?,
        };
        let own = self.text("state")?;
        let shown = |state: &String| {
            own.iter().chain(flat.iter().map(|(_, word)| word)).any(|word| word.eq_ignore_ascii_case(state))
        };
        Ok(states.into_iter().filter(shown).collect())
    }

    /// Seconds the answer may be reused: `cache` as a Cache-Control text, or as `{ max_age, no_store }`.
    fn max_age(&self) -> Result<u64, String> {
        match self.get("cache") {
            None => Ok(0),
            Some(Value::String(text)) => Ok(max_age_of(text)),
            Some(Value::Object(cache)) => {
                let no_store = match cache.get("no_store") {
                    None | Some(Value::Null) => false,
                    Some(Value::Bool(value)) => *value,
                    Some(_) => return Err("`cache.no_store` must be a boolean".into()),
                };
                let age = match cache.get("max_age") {
                    None | Some(Value::Null) => 0,
                    Some(value) => {
                        value.as_u64().ok_or("`cache.max_age` must be a whole number of seconds")?
                    }
                };
                Ok(if no_store { 0 } else { age })
            }
            Some(_) => Err("`cache` must be a string or an object".into()),
        }
    }
}

/// `max-age` of a Cache-Control text (RFC 9111 section 5.2); 0 where it forbids reuse or says nothing.
pub(super) fn max_age_of(text: &str) -> u64 {
    let mut age = None;
    for directive in text.split(',') {
        let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return 0,
            // Stated twice, the lesser holds; unreadable, none.
            "max-age" => {
                let seconds = value.trim_matches('"').parse().unwrap_or(0);
                age = Some(age.map_or(seconds, |known: u64| known.min(seconds)));
            }
            _ => {}
        }
    }
    age.unwrap_or(0)
}

fn list(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let refuse = || format!("`{name}` must be a list of at most {ENTRIES} strings");
    let items = value.as_array().filter(|items| items.len() <= ENTRIES).ok_or_else(refuse)?;
    let text = |item: &Value| {
        item.as_str().filter(|text| text.len() <= TEXT_BYTES).map(str::to_owned).ok_or_else(refuse)
    };
    items.iter().map(text).collect()
}

/// What a flat form says against an ID, where it uses one of the known words; else that nothing is proven.
fn worst(flat: &[(&'static str, String)]) -> State {
    let stops = [State::Revoked, State::Suspended, State::Mismatch, State::Expired, State::Degraded];
    let says = |state: &State| {
        let words = STATES.iter().filter(|(_, known)| known == state).map(|(word, _)| *word);
        words.into_iter().any(|word| flat.iter().any(|(_, said)| said.eq_ignore_ascii_case(word)))
    };
    stops.into_iter().find(says).unwrap_or(State::Observed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "ECZ-GB-A1B2C3::API-000001";

    fn bound() -> Value {
        json!({
            "ecz_id": ID, "binding_type": "api", "state": "BOUND", "operator_ecz_id": "ECZ-GB-A1B2C3",
            "authorised_origin": "https://api.example", "observed_at": "2026-11-20T18:00:00Z", "valid": true,
            "cache": "max-age=60", "spec_hash": "sha256:aa", "regional_aliases": ["https://eu.api.example"],
            "endpoints": ["GET /t"], "reason_codes": [], "something_new": {"a": 1}, "manifest_hash": null,
        })
    }

    fn read(value: &Value) -> Result<Projection, String> {
        BindingProjection.read(&ID.parse().unwrap(), value.to_string().as_bytes())
    }

    fn changed(name: &str, value: Value) -> Value {
        let mut members = bound();
        members[name] = value;
        members
    }

    #[test]
    fn a_bound_projection_is_read_whole() {
        let projection = read(&bound()).unwrap();
        assert_eq!(
            (projection.ecz_id.as_str(), projection.state, projection.valid),
            (ID, State::Bound, true)
        );
        assert_eq!(projection.authorised_origin.as_deref(), Some("https://api.example"));
        assert_eq!(projection.regional_aliases, Some(vec!["https://eu.api.example".to_owned()]));
        assert_eq!(projection.endpoints, Some(vec!["GET /t".to_owned()]));
        assert_eq!((projection.max_age_s, projection.manifest_hash), (60, None));
        assert_eq!(projection.observed_at.unwrap().to_string(), "2026-11-20T18:00:00.000Z");
    }

    #[test]
    fn every_state_is_read_and_only_bound_may_be_reused() {
        for (word, state) in STATES {
            let projection = read(&changed("state", json!(word))).unwrap();
            assert_eq!(projection.state, state);
            assert_eq!(projection.max_age_s, if state == State::Bound { 60 } else { 0 });
        }
    }

    #[test]
    fn cache_forms() {
        for (cache, seconds) in [
            (json!("max-age=60"), 60),
            (json!("private, Max-Age=\"30\""), 30),
            (json!("max-age=60, max-age=5"), 5),
            (json!("max-age=60, no-store"), 0),
            (json!("no-store"), 0),
            (json!("max-age=-1"), 0),
            (json!(""), 0),
            (Value::Null, 0),
            (json!({"max_age": 20}), 20),
            (json!({"max_age": 20, "no_store": true}), 0),
        ] {
            assert_eq!(read(&changed("cache", cache.clone())).unwrap().max_age_s, seconds, "{cache}");
        }
    }

    #[test]
    fn what_does_not_fit_is_malformed() {
        for (name, value) in [
            ("ecz_id", json!("ECZ")),
            ("ecz_id", Value::Null),
            ("binding_type", json!("agent")),
            ("state", json!("bound")),
            ("state", json!("APPROVED")),
            ("state", json!(1)),
            ("state", Value::Null),
            ("valid", json!("true")),
            ("valid", Value::Null),
            ("operator_ecz_id", json!("acme")),
            ("authorised_origin", json!(["https://api.example"])),
            ("api_origin", json!("https://other.example")),
            ("regional_aliases", json!("https://eu.api.example")),
            ("endpoints", json!([1])),
            ("observed_at", json!("yesterday")),
            ("cache", json!(60)),
            ("cache", json!({"max_age": -1})),
            ("machine_policy", json!([])),
            ("machine_policy", json!({"fail_closed_states": "x"})),
            ("spec_hash", json!("x".repeat(3_000))),
            ("reason_codes", json!(vec!["x"; 1_001])),
        ] {
            assert!(read(&changed(name, value.clone())).is_err(), "{name} {value}");
        }
        for bad in [b"".as_slice(), b"[]", b"null", b"{", b"\xff", br#"{"state":"BOUND","state":"BOUND"}"#] {
            assert!(BindingProjection.read(&ID.parse().unwrap(), bad).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at in 0..400_usize, byte: u8) {
            let id: EczId = ID.parse().unwrap();
            drop(BindingProjection.read(&id, &bytes));
            let mut body = bound().to_string().into_bytes();
            let at = at % body.len();
            body[at] = byte;
            drop(BindingProjection.read(&id, &body));
        }
    }

    #[test]
    fn a_machine_policy_adds_stops_that_the_answer_shows() {
        let mut value = changed("machine_policy", json!({"fail_closed_states": ["FROZEN", "bound"]}));
        assert_eq!(read(&value).unwrap().fail_closed, ["bound"]);
        value["machine_policy"] = json!({"fail_closed_states": ["FROZEN"]});
        assert!(read(&value).unwrap().fail_closed.is_empty());
        value["abuse_state"] = json!("frozen");
        assert_eq!(read(&value).unwrap().fail_closed, ["FROZEN"]);
    }

    #[test]
    fn the_flat_parent_form_proves_nothing_and_may_stop() {
        let parent: EczId = "ECZ-GB-A1B2C3".parse().unwrap();
        let read = |lifecycle: &str| {
            let value = json!({"ecz_id": parent, "status": "active", "lifecycle_state": lifecycle});
            BindingProjection.read(&parent, value.to_string().as_bytes()).unwrap()
        };
        let projection = read("active");
        assert_eq!((projection.state, projection.max_age_s), (State::Observed, 0));
        assert_eq!(projection.reason_codes, ["status=active", "lifecycle_state=active"]);
        assert_eq!(read("suspended").state, State::Suspended);
        let child = json!({"ecz_id": ID, "status": "active"});
        assert!(BindingProjection.read(&ID.parse().unwrap(), child.to_string().as_bytes()).is_err());
    }
}

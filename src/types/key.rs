//! Idempotency keys as values: whether the header that carries them, as its document describes it, takes them.

use serde_json::{Value as Json, json};

use super::case::{Case, Part};
use super::prove::Proof;
use super::{Answer, Contract, Counterexample, Misfit, Parameter, is_runtime_header};
use crate::base::{Digest, encode_base64url};
use crate::documents::Location;

/// Keys that are tried.
const TRIED: u32 = 64;

/// An idempotency key: a digest in base64url, so that it tells nothing of what it was made of.
pub fn key_text(digest: &Digest) -> String {
    encode_base64url(&digest.0)
}

impl Contract {
    /// Whether every key fits what the document says of the header that carries it. A header that it does not declare
    /// takes any. A no shows a key that a run could come to.
    pub fn takes_key(&self, header: &str) -> Answer {
        let Some(parameter) = self.key_parameter(header) else { return Answer::Yes };
        let refused = (0..TRIED).find_map(|number| {
            let key = key_text(&Digest::of(number.to_be_bytes()));
            Some((parameter.check_key(&key).err()?, key))
        });
        match refused {
            Some((Misfit { path, why }, key)) => Answer::No(Counterexample {
                path,
                value: Some(key.into()),
                help: Some(match is_runtime_header(header) {
                    true => "ask the counterparty for a header that takes keys of 43 characters from `A` to `Z`, `a` to `z`, `0` to `9`, `-` and `_`: what else a key is cannot be chosen".to_owned(),
                    false => format!("take `idempotency` out of the api and give `{header}` as an argument: it is then a header like any other, and the call has no key; or ask the counterparty for a header that takes keys of 43 characters from `A` to `Z`, `a` to `z`, `0` to `9`, `-` and `_`"),
                }),
                ..Counterexample::unseen(why)
            }),
            None => parameter.takes_all_keys(),
        }
    }

    /// Whether a key fits what the document says of the header that carries it.
    pub fn check_key(&self, header: &str, key: &str) -> Result<(), Misfit> {
        self.key_parameter(header).map_or(Ok(()), |parameter| parameter.check_key(key))
    }

    /// Where the document declares a header that carries keys.
    pub fn key_parameter(&self, header: &str) -> Option<&Parameter> {
        let own = self.key.as_ref().filter(|own| own.name.eq_ignore_ascii_case(header));
        own.or_else(|| self.parameter(Location::Header, header))
    }
}

impl Parameter {
    fn check_key(&self, key: &str) -> Result<(), Misfit> {
        let json = self.read_text(key)?;
        self.checked.check_strictly(&json)?;
        self.checked.decode(&json).map(drop)
    }

    /// Whether the schema alone shows that it takes every key.
    fn takes_all_keys(&self) -> Answer {
        let unknown = |why: String| Answer::Unknown(why);
        if self.schema.has_formats {
            return unknown("the schema also says format".to_owned());
        }
        let Ok(Some((normal, _))) = self.checked.strict() else { return Answer::Yes };
        let keys = keys();
        let mut proof = Proof::new();
        let part = |schema| Part { root: schema, schema };
        match proof.holds(&Case::of([part(&keys)]), part(normal), 0) {
            true => Answer::Yes,
            false => unknown(format!("the schema also says {}", proof.open.unwrap_or_default())),
        }
    }
}

/// Every key, as a schema.
fn keys() -> Json {
    json!({"type": "string", "minLength": 43, "maxLength": 43, "pattern": "^[A-Za-z0-9_-]{43}$"})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(schema: Json) -> Answer {
        let slice = json!({
            "openapi": "3.1.0",
            "x-eczflow-slice": {"format": crate::documents::SLICE_FORMAT, "method": "POST", "path": "/t"},
            "paths": {"/t": {"post": {
                "parameters": [{"name": "idempotency-key", "in": "header", "schema": schema}],
                "responses": {"204": {"description": ""}}
            }}}
        });
        let contract = Contract::from_slice(&crate::base::canonical_json(&slice).unwrap()).unwrap();
        assert_eq!(contract.takes_key("X-Other"), Answer::Yes);
        contract.takes_key("Idempotency-Key")
    }

    #[test]
    fn the_schema_of_their_header_decides_whether_keys_fit() {
        for fits in [
            json!({}),
            json!({"type": "string"}),
            json!({"type": ["string", "null"], "minLength": 43, "maxLength": 255}),
            json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}),
            json!({"anyOf": [{"type": "string", "maxLength": 9}, {"type": "string", "minLength": 9}]}),
        ] {
            assert_eq!(answer(fits.clone()), Answer::Yes, "{fits}");
        }
        for open in [
            json!({"type": "string", "pattern": "^[^ ]+$"}),
            json!({"type": "string", "pattern": "^.*$", "maxLength": 64}),
            json!({"type": "string", "format": "uri-reference"}),
        ] {
            assert!(matches!(answer(open.clone()), Answer::Unknown(_)), "{open}");
        }
        for refused in [
            json!({"type": "string", "maxLength": 36}),
            json!({"type": "string", "minLength": 44}),
            json!({"type": "string", "format": "uuid"}),
            json!({"type": "string", "format": "date-time"}),
            json!({"type": "string", "format": "byte"}),
            json!({"type": "string", "pattern": "^[0-9a-f]+$"}),
            json!({"type": "string", "enum": ["a", "b"]}),
            json!({"type": "integer"}),
        ] {
            let answer = answer(refused.clone());
            let Answer::No(counterexample) = answer else { panic!("{refused}: {answer:?}") };
            assert_eq!(counterexample.value.unwrap().as_str().unwrap().len(), 43);
        }
    }
}

//! Strict JSON without positions: what the runtime reads from the network and from disk. I-JSON (RFC 7493) with a
//! bound on depth; documents, which need spans, have their own reader.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::limits;

/// Bytes that are not strict JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct JsonError {
    /// 1-based line.
    pub line: usize,
    /// 1-based column.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Reads one JSON value: UTF-8, no duplicate member, no number that a double cannot hold, bounded depth, nothing after.
pub fn read_strict(bytes: &[u8]) -> Result<Value, JsonError> {
    read(bytes, Strict { depth: 0, members: Members::All })
}

/// As [`read_strict`], but of the object that the member `of` holds only the member `wanted`: what stands beside it is
/// passed over, so that a large file costs what is used of it.
pub fn read_strict_only(bytes: &[u8], of: &str, wanted: &str) -> Result<Value, JsonError> {
    read(bytes, Strict { depth: 0, members: Members::Of(of, wanted) })
}

fn read(bytes: &[u8], from: Strict<'_>) -> Result<Value, JsonError> {
    let position = |error: serde_json::Error| {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
        JsonError { line: error.line(), column: error.column(), reason }
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = from.deserialize(&mut deserializer).map_err(position)?;
    deserializer.end().map_err(position)?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict<'k> {
    depth: usize,
    members: Members<'k>,
}

/// Which members of an object are read.
#[derive(Clone, Copy)]
enum Members<'k> {
    All,
    /// All, but of the object that the first one holds only the second.
    Of(&'k str, &'k str),
    Only(&'k str),
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        // serde_json stops at its own depth of 128 as well; ours is named and does not depend on its features.
        if self.depth + 1 >= limits::DOCUMENT_DEPTH {
            return Err(E::custom(format!("nested deeper than {} levels", limits::DOCUMENT_DEPTH)));
        }
        Ok(Strict { depth: self.depth + 1, members: Members::All })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > limits::MAX_SAFE_INTEGER.unsigned_abs() {
            return Err(E::custom("an integer beyond 2^53 does not survive a double: send it as a string"));
        }
        Ok(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let members_of_it = match self.members {
                Members::Only(wanted) if wanted != key => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Members::Of(of, wanted) if of == key => Members::Only(wanted),
                _ => Members::All,
            };
            let value = map.next_value_seed(Strict { members: members_of_it, ..inner })?;
            if members.insert(key, value).is_some() {
                return Err(A::Error::custom("a member stands here twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_json_refuses_what_readers_disagree_on() {
        assert_eq!(read_strict(br#"{"a":[1,2.5,null]}"#).unwrap(), serde_json::json!({"a": [1, 2.5, null]}));
        let deep = "[".repeat(100_000);
        for bad in
            [r#"{"a":1,"a":2}"#, "9007199254740992", "1e999", "[1] 2", "\u{feff}1", r#""\ud800""#, "", &deep]
        {
            assert!(read_strict(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(20)]);
        }
        assert!(read_strict(b"\"\xff\"").is_err());
        let error = read_strict(b"{\n  \"a\": tru }").unwrap_err();
        assert_eq!((error.line, error.reason.is_empty()), (2, false));
    }

    #[test]
    fn what_is_passed_over_is_still_json() {
        let read = |text: &str| read_strict_only(text.as_bytes(), "flows", "b");
        let found =
            read(r#"{"format":"x","flows":{"a":{"b":1},"b":{"a":[2],"flows":3},"c":4},"b":5}"#).unwrap();
        assert_eq!(found, serde_json::json!({"format": "x", "flows": {"b": {"a": [2], "flows": 3}}, "b": 5}));
        assert_eq!(read(r#"{"flows":[7]}"#).unwrap(), serde_json::json!({"flows": [7]}));
        let deep = format!(r#"{{"flows":{{"a":{}{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep).unwrap(), serde_json::json!({"flows": {}}));
        for bad in
            [r#"{"flows":{"a":tru,"b":1}}"#, r#"{"flows":{"b":1,"b":2}}"#, r#"{"flows":{"b":{"x":1,"x":1}}}"#]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

//! How things are named: the member that a path parameter means, and the ids of what is new.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::base::folded;

/// What a path names something new by: the member that the parameter names, of the answer or else of the request; else the
/// answer's id. `said` are the request's own members, by comparable name.
pub(crate) fn id_of<'b>(
    parameter: Option<&str>,
    members: &'b Map<String, Value>,
    said: &'b BTreeMap<String, Value>,
) -> Option<&'b Value> {
    let own = named_after(parameter, members).map(|(_, id)| id);
    let asked = || said.get(&folded(parameter?)).filter(|id| id.is_string() || id.is_number());
    own.or_else(asked).or_else(|| named_by(parameter, members).map(|(_, id)| id))
}

/// The member that holds what a path parameter names: the one named after it, else the id.
pub(crate) fn named_by<'b>(
    parameter: Option<&str>,
    members: &'b Map<String, Value>,
) -> Option<(&'b str, &'b Value)> {
    let id = || identifier(members).filter(|(_, value)| value.is_string() || value.is_number());
    named_after(parameter, members).or_else(id)
}

/// Of a parameter's name (`slug` for `slug`), else the longest whose name ends it (`number` for `issue_number`).
fn named_after<'b>(parameter: Option<&str>, members: &'b Map<String, Value>) -> Option<(&'b str, &'b Value)> {
    let parameter = folded(parameter.unwrap_or_default());
    let names = members.iter().filter(|(_, value)| value.is_string() || value.is_number());
    let ends = names.filter(|(name, _)| name.len() > 1 && parameter.ends_with(&folded(name)));
    ends.max_by_key(|(name, _)| name.len()).map(|(name, value)| (name.as_str(), value))
}

/// An id as a path writes it, before encoding.
pub(crate) fn plain(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// `id`, or the only member whose name ends in `id`.
pub(crate) fn identifier(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    if let Some(id) = members.get("id") {
        return Some(("id", id));
    }
    let mut ids = members.iter().filter(|(name, _)| name.ends_with("Id") || name.ends_with("_id"));
    let (name, id) = ids.next()?;
    ids.next().is_none().then_some((name.as_str(), id))
}

/// The n-th id after an example: `R1`, `R2`, `R3`; `abc`, `abc-2`; 7, 8.
pub(crate) fn numbered(example: &Value, ordinal: u64) -> Value {
    let further = ordinal.saturating_sub(1);
    match example {
        Value::Number(number) => match number.as_u64() {
            Some(number) => Value::from(number.saturating_add(further)),
            None => example.clone(),
        },
        Value::String(text) if further > 0 => {
            let digits = text.chars().rev().take_while(char::is_ascii_digit).count().min(9);
            let (stem, digits) =
                text.split_at_checked(text.len().saturating_sub(digits)).unwrap_or((text, ""));
            match digits.parse::<u64>() {
                Ok(number) => {
                    format!("{stem}{:0width$}", number.saturating_add(further), width = digits.len()).into()
                }
                Err(_) => format!("{text}-{ordinal}").into(),
            }
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_are_numbered() {
        let ids: Vec<Value> = ["R1", "R09", "abc", "99"].map(|text| numbered(&text.into(), 2)).into();
        assert_eq!(ids, ["R2", "R10", "abc-2", "100"]);
        assert_eq!(numbered(&json!(7), 3), json!(9));
    }
}

//! What a counterparty answers: the document's examples first, else a value made from the schema; with the request's own
//! fields echoed and ids of their own for what is created.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::problem::Problem;
use super::request::Arguments;
use super::schemas::Schemas;
use super::surface::{Operation, json_content};
use super::synthesis::synthesise;
use crate::documents::{Example, MediaView, ResponseView};

/// An answer before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The JSON body and its media type.
    pub(crate) body: Option<(String, Value)>,
    /// Required headers that are documented.
    pub(crate) headers: BTreeMap<String, String>,
    /// The id of what the request created, as JSON.
    pub(crate) created: Option<String>,
}

/// The answer to a request that fits; `issued` knows the ids that were given to what the operation created before.
pub(crate) fn make_answer(
    schemas: &Schemas,
    operation: &Operation,
    arguments: &Arguments,
    issued: &BTreeSet<String>,
) -> Result<Answer, Problem> {
    let (status, documented) = operation.success();
    let Some((media_type, media)) = documented.and_then(|documented| json_content(&documented.content))
    else {
        return Ok(Answer { status, body: None, headers: headers(schemas, documented), created: None });
    };
    let known = Known::new(arguments);
    let Some(chosen) = choose(operation, media, &known) else {
        return Ok(not_found(schemas, operation));
    };
    let fits = |value: &Value| schemas.misfit(media.schema.as_deref(), value).is_none();
    let mut body = match chosen.filter(|example| fits(example)) {
        Some(example) => example.clone(),
        None => synthesise(schemas.root(), schemas.get(media.schema.as_deref())),
    };
    if let Some(misfit) = schemas.misfit(media.schema.as_deref(), &body) {
        let detail = format!(
            "the sandbox found no answer to `{}` that fits its own schema ({misfit}); give the response an example",
            operation.key
        );
        return Err(Problem::new(500, "no answer could be made", detail));
    }
    for (name, value) in personal_members(operation, status, &body, &known, issued) {
        let Some(before) = body.get(&name).cloned() else { continue };
        set(&mut body, &name, value);
        if !fits(&body) {
            set(&mut body, &name, before);
        }
    }
    let created = creates(operation, status, &known).then(|| body.as_object().and_then(identifier)).flatten();
    let created = created.map(|(_, id)| id.to_string());
    let headers = headers(schemas, documented);
    Ok(Answer { status, body: Some((media_type.to_owned(), body)), headers, created })
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(member) = body.get_mut(name) {
        *member = value;
    }
}

/// What a request says, by comparable name.
struct Known {
    /// Path parameters, in order of their names.
    path: BTreeMap<String, Value>,
    /// Path and query parameters and the body's members.
    all: BTreeMap<String, Value>,
}

impl Known {
    fn new(arguments: &Arguments) -> Known {
        let comparable_all = |values: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
            values.iter().map(|(name, value)| (comparable(name), value.clone())).collect()
        };
        let path = comparable_all(&arguments.path);
        let mut all = comparable_all(&arguments.query);
        if let Some(Value::Object(members)) = &arguments.body {
            all.extend(members.iter().map(|(name, value)| (comparable(name), value.clone())));
        }
        all.extend(path.clone());
        Known { path, all }
    }
}

/// `ticketId`, `ticket_id` and `ticket-id` mean the same.
fn comparable(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(text), Value::Number(number)) | (Value::Number(number), Value::String(text)) => {
            text.parse::<serde_json::Number>().is_ok_and(|parsed| parsed == *number)
        }
        _ => a == b,
    }
}

/// Whether an example is about what a parameter names: by a member of that name, by its `id`, or by the example's name.
fn is_about(name: &str, value: &Value, example: &Example) -> bool {
    let member = |wanted: &str| {
        let members = example.value.as_object().into_iter().flatten();
        members.into_iter().any(|(own, member)| comparable(own) == wanted && same(member, value))
    };
    member(name)
        || (name.ends_with("id") && member("id"))
        || (!example.name.is_empty() && same(&example.name.as_str().into(), value))
}

/// `None`: nothing by that path is known. `Some(None)`: the document gives no example.
fn choose<'m>(operation: &Operation, media: &'m MediaView, known: &Known) -> Option<Option<&'m Value>> {
    let examples = &media.examples;
    let meant = |example: &Example| known.path.iter().all(|(name, value)| is_about(name, value, example));
    let looks_up = operation.view.is_safe() && !known.path.is_empty() && examples.len() > 1;
    if looks_up && operation.exactly(404).is_some() && !examples.iter().any(meant) {
        return None;
    }
    let score =
        |example: &Example| known.all.iter().filter(|(name, value)| is_about(name, value, example)).count();
    let mut best: Option<(usize, &Value)> = None;
    for example in examples {
        let score = score(example);
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, &example.value));
        }
    }
    Some(best.map(|(_, example)| example))
}

/// Members that are not the example's but this request's, in order: echoes, then the id of what was created.
fn personal_members(
    operation: &Operation,
    status: u16,
    body: &Value,
    known: &Known,
    issued: &BTreeSet<String>,
) -> Vec<(String, Value)> {
    let Some(members) = body.as_object() else { return Vec::new() };
    let mut personal: Vec<(String, Value)> = Vec::new();
    for (name, member) in members {
        if let Some(value) = known.all.get(&comparable(name)).filter(|value| same_kind(member, value)) {
            personal.push((name.clone(), value.clone()));
        }
    }
    let echoed = |name: &str| personal.iter().any(|(own, _)| own == name);
    if let Some((name, member)) = identifier(members).filter(|(name, _)| !echoed(name)) {
        if creates(operation, status, known) {
            let ids = (1..=u64::MAX).map(|ordinal| numbered(member, ordinal));
            let fresh = ids.take(issued.len().saturating_add(1)).find(|id| !issued.contains(&id.to_string()));
            personal.extend(fresh.map(|id| (name.to_owned(), id)));
        } else if name == "id"
            && let [(parameter, value)] = known.path.iter().collect::<Vec<_>>().as_slice()
            && parameter.ends_with("id")
            && same_kind(member, value)
        {
            // What is looked up or changed by its id is answered with that id.
            personal.push((name.to_owned(), (*value).clone()));
        }
    }
    personal
}

/// Whether an answer tells of something new.
fn creates(operation: &Operation, status: u16, known: &Known) -> bool {
    status == 201 || (operation.view.method == "POST" && known.path.is_empty())
}

fn same_kind(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// `id`, or the only member whose name ends in `id`.
fn identifier(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    if let Some(id) = members.get("id") {
        return Some(("id", id));
    }
    let mut ids = members.iter().filter(|(name, _)| name.ends_with("Id") || name.ends_with("_id"));
    let (name, id) = ids.next()?;
    ids.next().is_none().then_some((name.as_str(), id))
}

/// The n-th id after an example: `R1`, `R2`, `R3`; `abc`, `abc-2`; 7, 8.
fn numbered(example: &Value, ordinal: u64) -> Value {
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

/// The documented 404.
fn not_found(schemas: &Schemas, operation: &Operation) -> Answer {
    let documented = operation.exactly(404);
    let body =
        documented.and_then(|documented| json_content(&documented.content)).map(|(media_type, media)| {
            let fits = |value: &&Value| schemas.misfit(media.schema.as_deref(), value).is_none();
            let example = media.examples.iter().map(|example| &example.value).find(fits).cloned();
            let made = || synthesise(schemas.root(), schemas.get(media.schema.as_deref()));
            (media_type.to_owned(), example.unwrap_or_else(made))
        });
    Answer { status: 404, body, headers: headers(schemas, documented), created: None }
}

/// The headers that a response always has.
fn headers(schemas: &Schemas, documented: Option<&ResponseView>) -> BTreeMap<String, String> {
    let headers = documented.map(|documented| &documented.headers).into_iter().flatten();
    headers
        .filter(|(_, header)| header.required)
        .map(|(name, header)| {
            let value = match synthesise(schemas.root(), schemas.get(header.schema.as_deref())) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            (name.clone(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::surface::{Surface, document};
    use super::*;
    use serde_json::json;

    fn shop() -> Surface {
        let ticket = json!({"type": "object", "required": ["id", "amount"], "properties": {
            "id": {"type": "string"}, "amount": {"type": "number"}}});
        let refund = json!({"type": "object", "required": ["id", "amount", "state"], "properties": {
            "id": {"type": "string"}, "amount": {"type": "number", "maximum": 500}, "state": {"enum": ["pending", "cancelled"]}}});
        let by = |name: &str| json!([{"name": name, "in": "path", "required": true, "schema": {"type": "string"}}]);
        let paths = json!({
            "/tickets/{ticketId}": {"get": {"parameters": by("ticketId"), "responses": {
                "404": {"description": "", "content": {"application/problem+json": {"schema": {"type": "object"}, "example": {"title": "no such ticket"}}}},
                "200": {"description": "", "content": {"application/json": {"schema": ticket, "examples": {
                    "small": {"value": {"id": "T1", "amount": 40}},
                    "wrong": {"value": {"id": "T3"}},
                    "large": {"value": {"id": "T2", "amount": 140}},
                }}}},
            }}},
            "/refunds": {"post": {"responses": {"201": {"description": "", "content": {"application/json": {"schema": refund,
                "example": {"id": "R1", "amount": 1, "state": "pending"}}}}}}},
            "/refunds/{refundId}/cancel": {"post": {"parameters": by("refundId"), "responses": {
                "200": {"description": "", "content": {"application/json": {"schema": refund}}}}}},
            "/void": {"delete": {"responses": {"204": {"description": "done"}}}},
        });
        Surface::new(&document(paths, json!({}))).unwrap()
    }

    fn answer(method: &str, path: &str, arguments: Arguments, issued: &[&str]) -> (u16, Value) {
        let surface = shop();
        let schemas = Schemas::new(surface.root());
        let operation = surface.find(method, path).unwrap().operation;
        let answer = make_answer(
            &schemas,
            operation,
            &arguments,
            &issued.iter().map(|id| json!(id).to_string()).collect(),
        )
        .unwrap();
        (answer.status, answer.body.map_or(Value::Null, |(_, body)| body))
    }

    fn by_path(name: &str, value: &str) -> Arguments {
        Arguments { path: BTreeMap::from([(name.into(), json!(value))]), ..Arguments::default() }
    }

    #[test]
    fn lookups_pick_the_example_that_is_meant() {
        let ticket = |id: &str| answer("GET", "/tickets/x", by_path("ticketId", id), &[]);
        assert_eq!(ticket("T2"), (200, json!({"id": "T2", "amount": 140})));
        assert_eq!(ticket("large"), (200, json!({"id": "large", "amount": 140})));
        assert_eq!(ticket("T9"), (404, json!({"title": "no such ticket"})));
        // An example that breaks its own schema is not answered.
        assert_eq!(ticket("T3"), (200, json!({"id": "T3", "amount": 1.0})));
    }

    #[test]
    fn requests_are_echoed_where_the_schema_allows() {
        let body = |amount: i64| Arguments {
            body: Some(json!({"amount": amount, "state": 5})),
            ..Arguments::default()
        };
        assert_eq!(
            answer("POST", "/refunds", body(40), &[]),
            (201, json!({"id": "R1", "amount": 40, "state": "pending"}))
        );
        assert_eq!(
            answer("POST", "/refunds", body(900), &["R1", "R2"]).1,
            json!({"id": "R3", "amount": 1, "state": "pending"})
        );
        assert_eq!(answer("POST", "/refunds/x/cancel", by_path("refundId", "R7"), &["R7"]).1["id"], "R7");
        assert_eq!(answer("DELETE", "/void", Arguments::default(), &[]), (204, Value::Null));
    }

    /// With nothing known of the request, every operation of the example has an answer that its contract reads.
    #[test]
    fn every_operation_of_the_example_has_an_answer() {
        for (name, text) in [
            ("support.openapi.yaml", include_str!("../../examples/refund/apis/support.openapi.yaml")),
            ("warehouse.openapi.yaml", include_str!("../../examples/refund/apis/warehouse.openapi.yaml")),
            ("payments.openapi.json", include_str!("../../examples/refund/apis/payments.openapi.json")),
        ] {
            let (mut sources, mut sink) = Default::default();
            let document =
                crate::documents::Document::read(text.as_bytes(), name, &mut sources, &mut sink).unwrap();
            let surface = Surface::new(&document).unwrap();
            let schemas = Schemas::new(surface.root());
            for operation in surface.operations() {
                let answer =
                    make_answer(&schemas, operation, &Arguments::default(), &BTreeSet::new()).unwrap();
                let contract = crate::types::Contract::from_view(&operation.view).unwrap();
                let (media_type, body) = answer.body.unwrap_or_default();
                contract.decode_json(answer.status, Some(&media_type), &body).unwrap();
            }
        }
    }

    #[test]
    fn ids_are_numbered() {
        let ids: Vec<Value> = ["R1", "R09", "abc", "99"].map(|text| numbered(&text.into(), 2)).into();
        assert_eq!(ids, ["R2", "R10", "abc-2", "100"]);
        assert_eq!(numbered(&json!(7), 3), json!(9));
    }
}

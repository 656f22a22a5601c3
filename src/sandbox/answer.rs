//! What a counterparty answers: the document's examples first, else a value made from the schema; with the request's own
//! fields echoed and ids of their own for what is created.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::naming::{id_of, identifier, named_by, numbered, plain};
use super::problem::Problem;
use super::request::Arguments;
use super::surface::{Operation, json_content};
use super::synthesis::{candidates, synthesise};
use crate::base::folded;
use crate::documents::{Example, MediaView, ResponseView};

/// Remembered things that a list is brought up to date with.
const MOST_LISTED: usize = 100;

/// An answer before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The JSON body and its media type.
    pub(crate) body: Option<(String, Value)>,
    /// Required headers that are documented.
    pub(crate) headers: BTreeMap<String, String>,
    /// What the request created.
    pub(crate) created: Option<Created>,
}

/// Something that a request created.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Created {
    /// Its id as a path names it.
    pub(crate) id: String,
    /// The members that were numbered: `name=JSON`.
    pub(crate) issued: BTreeSet<String>,
}

/// What is known from earlier requests.
#[derive(Debug, Default)]
pub(crate) struct Known<'k> {
    /// The members that the operation numbered before: `name=JSON`.
    pub(crate) issued: BTreeSet<String>,
    /// The example that is to be answered with, as it stands in the document.
    pub(crate) example: Option<&'k str>,
    /// The parameter that names a thing below the request's path.
    pub(crate) item: Option<&'k str>,
    /// The thing at the request's path.
    pub(crate) thing: Option<Value>,
    /// The things below the request's path, by id, in order; `None` for one that was deleted.
    pub(crate) children: Vec<(String, Option<Value>)>,
}

/// The answer to a request that fits.
pub(crate) fn make_answer(
    operation: &Operation,
    arguments: &Arguments,
    known: &Known<'_>,
) -> Result<Answer, Problem> {
    if let Some((name, status)) = known.example.and_then(|name| Some((name, operation.refusal_named(name)?)))
    {
        return Ok(self::documented(operation, status, Some(name)));
    }
    let (status, documented) = operation.success();
    let headers = headers(operation, documented);
    let Some((media_type, media)) = documented.and_then(|documented| json_content(&documented.content))
    else {
        return Ok(Answer { status, body: None, headers, created: None });
    };
    let said = Said::new(arguments);
    let named = known.example.and_then(|name| media.examples.iter().find(|example| example.name == name));
    let chosen = match (
        named.map(|example| Some(&example.value)).or_else(|| choose(operation, media, &said)),
        &known.thing,
    ) {
        (Some(chosen), _) => chosen,
        (None, Some(_)) => None,
        (None, None) => return Ok(not_found(operation)),
    };
    let misfit = |value: &Value| operation.misfit(status, media_type, value);
    let fits = |value: &Value| misfit(value).is_none();
    let example = chosen.filter(|example| fits(example)).cloned();
    let shown = example.is_some();
    let Some(mut body) = example.or_else(|| made(operation, media, &fits)) else {
        let why = misfit(&synthesise(operation.view.root(), schema(operation, media))).unwrap_or_default();
        let detail = format!(
            "the sandbox found no answer to `{}` that fits its own schema ({why}); give the response an example",
            operation.key
        );
        return Err(Problem::new(500, "no answer could be made", detail));
    };
    if let Some(thing) = known.thing.as_ref().filter(|_| named.is_none()) {
        overlay(&mut body, thing, &fits);
    }
    let mut issued = BTreeSet::new();
    for (name, value, is_id) in personal_members(operation, status, &body, &said, known) {
        if set(&mut body, &name, &value, &fits) && is_id {
            issued.insert(format!("{name}={value}"));
        }
    }
    if operation.view.method == "GET" && !known.children.is_empty() && named.is_none() {
        list(&mut body, known, shown, &fits);
    }
    let created = creates(operation, status, &said)
        .then(|| body.as_object().and_then(|members| id_of(known.item, members, &said.all)))
        .flatten()
        .map(|id| Created { id: plain(id), issued });
    Ok(Answer { status, body: Some((media_type.to_owned(), body)), headers, created })
}

fn schema<'o>(operation: &'o Operation, media: &MediaView) -> &'o Value {
    operation.schema(media.schema.as_deref())
}

/// The first value made from the schema that fits.
fn made(operation: &Operation, media: &MediaView, fits: &dyn Fn(&Value) -> bool) -> Option<Value> {
    candidates(operation.view.root(), schema(operation, media)).find(fits)
}

/// Sets a member where the whole still fits; says whether it did.
fn set(body: &mut Value, name: &str, value: &Value, fits: &dyn Fn(&Value) -> bool) -> bool {
    let Some(members) = body.as_object_mut() else { return false };
    let before = members.insert(name.to_owned(), value.clone());
    if fits(body) {
        return true;
    }
    if let Some(members) = body.as_object_mut() {
        match before {
            Some(before) => members.insert(name.to_owned(), before),
            None => members.remove(name),
        };
    }
    false
}

/// Puts what is remembered of a thing over an answer about it, as far as the answer's schema allows.
fn overlay(body: &mut Value, thing: &Value, fits: &dyn Fn(&Value) -> bool) {
    let (Some(members), Some(kept)) = (body.as_object(), thing.as_object()) else { return };
    let mut whole = members.clone();
    whole.extend(kept.clone());
    let whole = Value::Object(whole);
    if fits(&whole) {
        *body = whole;
        return;
    }
    for (name, value) in kept {
        set(body, name, value, fits);
    }
}

/// The list of an answer: its body, or the only list among its members.
fn list_of(body: &mut Value) -> Option<&mut Vec<Value>> {
    match body {
        Value::Array(items) => Some(items),
        Value::Object(members) => {
            let mut lists = members.values_mut().filter_map(Value::as_array_mut);
            let list = lists.next()?;
            lists.next().is_none().then_some(list)
        }
        _ => None,
    }
}

/// Brings a list up to date: what was changed is shown so, what was deleted is left out, what was created comes last. Items
/// that were only made up stand there as long as nothing was created.
fn list(body: &mut Value, known: &Known<'_>, shown: bool, fits: &dyn Fn(&Value) -> bool) {
    let Some(items) = list_of(body) else { return };
    let pattern = items.first().cloned();
    let mut now = if shown { items.clone() } else { Vec::new() };
    let is = |item: &Value, id: &str| {
        let named = item.as_object().and_then(|members| named_by(known.item, members));
        named.is_some_and(|(_, own)| plain(own) == id)
    };
    for (id, thing) in known.children.iter().take(MOST_LISTED) {
        let place = now.iter().position(|item| is(item, id));
        let Some(thing) = thing else {
            now.retain(|item| !is(item, id));
            continue;
        };
        let base = place.and_then(|place| now.get(place)).or(pattern.as_ref());
        let mut next = now.clone();
        let mut put = |item: Value| match place.and_then(|place| next.get_mut(place)) {
            Some(old) => *old = item,
            None => next.push(item),
        };
        let Some(base) = base.filter(|base| base.is_object()) else {
            put(thing.clone());
            if listed(body, &next, fits) {
                now = next;
            }
            continue;
        };
        let mut item = base.clone();
        let within = |item: &Value| listed(body, std::slice::from_ref(item), fits);
        overlay(&mut item, thing, &within);
        put(item);
        now = next;
    }
    let before = body.clone();
    if let Some(items) = list_of(body) {
        *items = now;
    }
    if !fits(body) {
        *body = before;
    }
}

/// Whether an answer with these items in its list fits.
fn listed(body: &Value, items: &[Value], fits: &dyn Fn(&Value) -> bool) -> bool {
    let mut body = body.clone();
    if let Some(own) = list_of(&mut body) {
        *own = items.to_vec();
    }
    fits(&body)
}

/// What a request says, by comparable name.
struct Said {
    /// Path parameters, in order of their names.
    path: BTreeMap<String, Value>,
    /// Path and query parameters and the body's members.
    all: BTreeMap<String, Value>,
}

impl Said {
    fn new(arguments: &Arguments) -> Said {
        let comparable_all = |values: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
            values.iter().map(|(name, value)| (folded(name), value.clone())).collect()
        };
        let path = comparable_all(&arguments.path);
        let mut all = comparable_all(&arguments.query);
        if let Some(Value::Object(members)) = &arguments.body {
            all.extend(members.iter().map(|(name, value)| (folded(name), value.clone())));
        }
        all.extend(path.clone());
        Said { path, all }
    }
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
        members.into_iter().any(|(own, member)| folded(own) == wanted && same(member, value))
    };
    member(name)
        || (name.ends_with("id") && member("id"))
        || (!example.name.is_empty() && same(&example.name.as_str().into(), value))
}

/// `None`: nothing by that path is known. `Some(None)`: the document gives no example.
fn choose<'m>(operation: &Operation, media: &'m MediaView, known: &Said) -> Option<Option<&'m Value>> {
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

/// Members that are not the example's but this request's, in order: echoes, then the ids of what was created. The last says
/// whether it is such an id.
fn personal_members(
    operation: &Operation,
    status: u16,
    body: &Value,
    said: &Said,
    known: &Known<'_>,
) -> Vec<(String, Value, bool)> {
    let Some(members) = body.as_object() else { return Vec::new() };
    let mut personal: Vec<(String, Value, bool)> = Vec::new();
    for (name, member) in members {
        if let Some(value) = said.all.get(&folded(name)).filter(|value| same_kind(member, value)) {
            personal.push((name.clone(), value.clone(), false));
        }
    }
    let echoed = |name: &str| personal.iter().any(|(own, ..)| own == name);
    if creates(operation, status, said) {
        let mut ids: Vec<(&str, &Value)> =
            named_by(known.item, members).into_iter().chain(identifier(members)).collect();
        ids.dedup();
        ids.retain(|(name, _)| !echoed(name));
        let numbered = |ordinal: u64| -> Vec<(String, Value, bool)> {
            ids.iter().map(|(name, member)| ((*name).to_owned(), numbered(member, ordinal), true)).collect()
        };
        let is_new = |ids: &Vec<(String, Value, bool)>| {
            ids.iter().all(|(name, value, _)| !known.issued.contains(&format!("{name}={value}")))
        };
        let tries = u64::try_from(known.issued.len()).unwrap_or(u64::MAX).saturating_add(1);
        personal.extend((1..=tries).map(numbered).find(is_new).into_iter().flatten());
    } else if let Some((name, member)) = identifier(members).filter(|(name, _)| !echoed(name))
        && name == "id"
        && let [(parameter, value)] = said.path.iter().collect::<Vec<_>>().as_slice()
        && parameter.ends_with("id")
        && same_kind(member, value)
    {
        // What is looked up or changed by its id is answered with that id.
        personal.push((name.to_owned(), (*value).clone(), false));
    }
    personal
}

/// Whether an answer tells of something new.
fn creates(operation: &Operation, status: u16, said: &Said) -> bool {
    status == 201 || (operation.view.method == "POST" && said.path.is_empty())
}

/// Whether an example of the document is about what a request's path names.
pub(crate) fn is_shown(operation: &Operation, arguments: &Arguments) -> bool {
    let (_, documented) = operation.success();
    let media = documented.and_then(|documented| json_content(&documented.content));
    let path = Said::new(arguments).path;
    let about = |example: &Example| path.iter().all(|(name, value)| is_about(name, value, example));
    media.is_some_and(|(_, media)| media.examples.iter().any(about))
}

fn same_kind(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// The documented 404.
pub(crate) fn not_found(operation: &Operation) -> Answer {
    documented(operation, 404, None)
}

/// What the document says of a status, or its example of a name: nothing of the request is in it. Without a body where the
/// document has none that fits.
pub(crate) fn documented(operation: &Operation, status: u16, example: Option<&str>) -> Answer {
    let documented = operation.of_status(status);
    let body = documented.and_then(|documented| json_content(&documented.content));
    let body = body.and_then(|(media_type, media)| {
        let fits = |value: &Value| operation.misfit(status, media_type, value).is_none();
        let named = media.examples.iter().find(|known| example == Some(&known.name));
        let shown = || media.examples.iter().find(|example| fits(&example.value));
        let value = named.or_else(shown).map(|example| example.value.clone());
        Some((media_type.to_owned(), value.or_else(|| made(operation, media, &fits))?))
    });
    Answer { status, body, headers: headers(operation, documented), created: None }
}

/// The headers that a response always has.
fn headers(operation: &Operation, documented: Option<&ResponseView>) -> BTreeMap<String, String> {
    let headers = documented.map(|documented| &documented.headers).into_iter().flatten();
    headers
        .filter(|(_, header)| header.required)
        .map(|(name, header)| {
            let value = match synthesise(operation.view.root(), operation.schema(header.schema.as_deref())) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            (name.clone(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::surface::{Surface, surface, surface_of};
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
                "4XX": {"description": "", "content": {"application/json": {"schema": {"type": "object", "required": ["why"], "properties": {"why": {"type": "string"}}},
                    "examples": {"none": {"value": {"no": 1}}}}}},
                "409": {"description": "", "content": {"application/json": {"schema": {}, "examples": {
                    "taken": {"value": {"why": "taken"}}, "held": {"value": {"why": "held"}}}}}},
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
        surface(paths, json!({}))
    }

    fn answer(method: &str, path: &str, arguments: Arguments, issued: &[&str]) -> (u16, Value) {
        let surface = shop();
        let operation = surface.find(method, path).unwrap().operation;
        let issued = issued.iter().map(|id| format!("id={}", json!(id))).collect();
        let answer = make_answer(operation, &arguments, &Known { issued, ..Known::default() }).unwrap();
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
        assert_eq!(ticket("T3"), (200, json!({"id": "T3", "amount": 1})));
    }

    #[test]
    fn refusals_are_answered_as_documented() {
        let surface = shop();
        let operation = surface.find("GET", "/tickets/x").unwrap().operation;
        let body = |status: u16| documented(operation, status, None).body.map(|(_, body)| body);
        assert_eq!(body(404), Some(json!({"title": "no such ticket"})));
        assert_eq!(body(409), Some(json!({"why": "held"})));
        // By its class, made from the schema where no example fits it.
        assert!(body(400).unwrap()["why"].is_string());
        assert_eq!(body(500), None);
        // An example of a name is answered with the status it is an example of.
        assert_eq!(operation.examples(), ["large", "small", "wrong", "held", "taken"]);
        let known = Known { example: Some("taken"), ..Known::default() };
        let taken = make_answer(operation, &by_path("ticketId", "T1"), &known).unwrap();
        assert_eq!((taken.status, taken.body.unwrap().1), (409, json!({"why": "taken"})));
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
            let surface = surface_of(&document);
            for operation in surface.operations() {
                let answer = make_answer(operation, &Arguments::default(), &Known::default()).unwrap();
                let (media_type, body) = answer.body.unwrap_or_default();
                operation.contract.decode_json(answer.status, Some(&media_type), &body).unwrap();
            }
        }
    }
}

//! What requests created, changed and deleted: by path, in memory, as long as the sandbox lives.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::answer::{Answer, Known, is_shown, make_answer, not_found};
use super::problem::Problem;
use super::request::Arguments;
use super::surface::{Operation, Surface};
use crate::types::percent_decode;

/// Things that are kept at most; what comes later is served, but not remembered.
const MOST: usize = 100_000;

/// The things of one counterparty, by the decoded segments of their paths. `None` for what was deleted.
#[derive(Debug, Default)]
pub(crate) struct Things(IndexMap<Vec<String>, Option<Value>>);

/// A path's decoded segments; what cannot be decoded stands as it is.
fn segments(path: &str) -> Vec<String> {
    let segments = path.trim_matches('/').split('/');
    segments.map(|text| percent_decode(text, false).unwrap_or_else(|| text.to_owned())).collect()
}

impl Things {
    /// Makes the answer to a request that fits, and remembers what it did. `issued` are the ids that the operation gave.
    pub(crate) fn answer(
        &mut self,
        surface: &Surface,
        operation: &Operation,
        path: &str,
        arguments: &Arguments,
        issued: &mut BTreeSet<String>,
        example: Option<&str>,
    ) -> Result<Answer, Problem> {
        let path = segments(path);
        let documented = operation.exactly(404).is_some();
        let missing = operation.tells_creation && self.at(&path).is_none() && example.is_none();
        if missing && documented && !is_shown(operation, arguments) {
            return Ok(not_found(operation));
        }
        if documented && example.is_none() && self.never_was(operation, &path) {
            return Ok(not_found(operation));
        }
        if self.is_gone(&path) && operation.view.method != "PUT" {
            if documented {
                return Ok(not_found(operation));
            }
            return Err(Problem::new(404, "not found", "it was deleted"));
        }
        let known = Known {
            issued: issued.clone(),
            item: surface.item_parameter(&operation.view.path),
            thing: self.asked_for(operation, &path, arguments),
            example,
            children: if operation.view.is_safe() { self.below(&path) } else { Vec::new() },
        };
        let answer = make_answer(operation, arguments, &known)?;
        issued.extend(answer.created.iter().flat_map(|created| created.issued.clone()));
        if !operation.view.is_safe() {
            self.record(operation, path, arguments, &answer);
        }
        Ok(answer)
    }

    /// The thing at a path.
    fn at(&self, path: &[String]) -> Option<&Value> {
        self.0.get(path)?.as_ref()
    }

    /// Whether an undo is to take back what no request created, where some did create others of that kind. Where none did,
    /// nobody knows by what a creation would be named.
    fn never_was(&self, undo: &Operation, path: &[String]) -> bool {
        let thing = undo.takes_back.and_then(|after| path.get(..path.len().checked_sub(after)?));
        let Some((thing, (_, above))) = thing.and_then(|thing| Some((thing, thing.split_last()?))) else {
            return false;
        };
        let beside = |at: &Vec<String>| at.len() == thing.len() && at.starts_with(above);
        !self.0.contains_key(thing) && self.0.keys().any(beside)
    }

    /// The thing that an operation on one is about, as the request wants it to be.
    fn asked_for(&self, operation: &Operation, path: &[String], asked: &Arguments) -> Option<Value> {
        let kept = self.at(path).filter(|_| operation.view.method != "PUT");
        merged([kept, asked.body.as_ref()]).filter(|_| operation.is_item())
    }

    /// Whether what a path names, or something that it lies below, was deleted.
    fn is_gone(&self, path: &[String]) -> bool {
        (1..=path.len()).any(|length| path.get(..length).is_some_and(|path| self.0.get(path) == Some(&None)))
    }

    /// The things right below a path, by id, in the order of their creation; `None` for one that was deleted.
    fn below(&self, path: &[String]) -> Vec<(String, Option<Value>)> {
        let own = self.0.iter().filter_map(|(at, thing)| match at.split_last() {
            Some((id, above)) if above == path => Some((id.clone(), thing.clone())),
            _ => None,
        });
        own.collect()
    }

    /// Remembers what an effect did: a creation below its path, a change or a deletion at it.
    fn record(&mut self, operation: &Operation, path: Vec<String>, asked: &Arguments, answer: &Answer) {
        if !(200..300).contains(&answer.status) {
            return;
        }
        let body = answer.body.as_ref().map(|(_, body)| body);
        match (operation.view.method.as_str(), &answer.created) {
            ("DELETE", _) if operation.is_item() => self.keep(path, None),
            ("PUT" | "PATCH" | "POST", None) | ("PUT" | "PATCH", Some(_)) if operation.is_item() => {
                let thing = self.asked_for(operation, &path, asked);
                if let Some(thing) = merged([thing.as_ref(), body]) {
                    self.keep(path, Some(thing));
                }
            }
            (_, Some(created)) => {
                let mut path = path;
                path.push(created.id.clone());
                if let Some(thing) = merged([asked.body.as_ref(), body]) {
                    self.keep(path, Some(thing));
                }
            }
            _ => {}
        }
    }

    fn keep(&mut self, path: Vec<String>, thing: Option<Value>) {
        if self.0.len() < MOST || self.0.contains_key(&path) {
            self.0.insert(path, thing);
        }
    }
}

/// The members of several objects, the later ones' over the earlier ones'.
fn merged<'v>(parts: impl IntoIterator<Item = Option<&'v Value>>) -> Option<Value> {
    let objects: Vec<_> = parts.into_iter().flatten().filter_map(Value::as_object).collect();
    if objects.is_empty() {
        return None;
    }
    let members = objects.into_iter().flatten();
    Some(Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::surface::surface;
    use super::*;
    use serde_json::json;

    /// A counterparty of issues: numbered below their project, listed in a page, with an answer to a creation that says less.
    struct Project {
        surface: Surface,
        things: Things,
        issued: BTreeSet<String>,
    }

    impl Project {
        fn new() -> Project {
            let issue = json!({"type": "object", "required": ["id", "number", "title"], "additionalProperties": false, "properties": {
                "id": {"type": "integer"}, "number": {"type": "integer"}, "title": {"type": "string"},
                "state": {"type": "string", "enum": ["open", "closed"]}}});
            let stub = json!({"type": "object", "required": ["id", "number"], "properties": {
                "id": {"type": "integer", "example": 70}, "number": {"type": "integer"}}});
            let json_of = |schema: Value| json!({"description": "", "content": {"application/json": {"schema": schema}}});
            let page = json!({"type": "object", "required": ["items", "more"], "properties": {
                "more": {"type": "boolean"}, "items": {"type": "array", "items": {"$ref": "#/components/schemas/Issue"}}}});
            let operation = |status: &str, schema: Option<Value>| {
                let response = schema.map_or_else(|| json!({"description": ""}), json_of);
                json!({"responses": {status: response, "404": {"description": "gone"}}})
            };
            let parameter = |name: &str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
            let reference = json!({"$ref": "#/components/schemas/Issue"});
            let paths = json!({
                "/p/{owner}/issues": {"parameters": [parameter("owner")], "post": operation("201", Some(stub)), "get": operation("200", Some(page))},
                "/p/{owner}/issues/{issue_number}": {"parameters": [parameter("owner"), parameter("issue_number")],
                    "get": operation("200", Some(reference.clone())), "patch": operation("200", Some(reference)),
                    "put": operation("204", None), "delete": operation("204", None)},
                "/p/{owner}/issues/{issue_number}/lock": {"parameters": [parameter("owner"), parameter("issue_number")], "post": operation("204", None)},
            });
            Project {
                surface: surface(paths, json!({"Issue": issue})),
                things: Things::default(),
                issued: BTreeSet::new(),
            }
        }

        fn ask(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
            let matched = self.surface.find(method, path).unwrap();
            let decoded = matched.arguments.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
            let arguments = Arguments {
                path: decoded,
                body: Some(body).filter(|body| !body.is_null()),
                ..Arguments::default()
            };
            let answer = self
                .things
                .answer(&self.surface, matched.operation, path, &arguments, &mut self.issued, None)
                .unwrap();
            (answer.status, answer.body.map_or(Value::Null, |(_, body)| body))
        }
    }

    #[test]
    fn what_tells_a_creation_knows_what_was_not_created() {
        let by = |name: &str| json!([{"name": name, "in": "path", "required": true, "schema": {"type": "string"}}]);
        let order = json!({"type": "object", "required": ["id"], "properties": {
            "id": {"type": "string", "example": "O1"}, "total": {"type": "integer"}}});
        let content =
            json!({"application/json": {"schema": order, "examples": {"B": {"value": {"id": "O7"}}}}});
        let body = json!({"200": {"description": "", "content": content}, "404": {"description": ""}});
        let made = json!({"201": {"description": "", "content": {"application/json": {"schema": order}}}});
        let operation = |id: &str, responses: &Value| json!({"operationId": id, "responses": responses});
        let paths = json!({
            "/orders": {"post": operation("create", &made)},
            "/orders/{reference}": {"parameters": by("reference"), "get": operation("find", &body), "patch": operation("change", &body)},
            "/labels/{name}": {"parameters": by("name"), "get": operation("label", &body), "put": operation("name", &body)},
        });
        let pairs = [("create", "find"), ("name", "label")];
        let statuses = |pairs: &[(&'static str, &'static str)], asked: &[(&str, &str, Value)]| -> Vec<u16> {
            let mut surface = surface(paths.clone(), json!({}));
            surface.read_back(pairs.iter().copied());
            let mut shop = Project { surface, things: Things::default(), issued: BTreeSet::new() };
            asked.iter().map(|(method, path, body)| shop.ask(method, path, body.clone()).0).collect()
        };
        let (a, none) = (json!({"reference": "A", "total": 3}), Value::Null);
        let get = |path: &'static str| ("GET", path, none.clone());
        let orders = [get("/orders/A"), ("POST", "/orders", a.clone()), get("/orders/A"), get("/orders/O1")];
        assert_eq!(statuses(&pairs, &orders), [404, 201, 200, 404]);
        assert_eq!(statuses(&pairs, &[get("/orders/B")]), [200], "the document shows it");
        let labels = [get("/labels/x"), ("PUT", "/labels/x", json!({"total": 1})), get("/labels/x")];
        assert_eq!(statuses(&pairs, &labels), [404, 200, 200]);
        // Nobody asks whether a change created anything, or nobody reads anything back.
        for pairs in [&[("change", "find")][..], &[]] {
            assert_eq!(statuses(pairs, &[get("/orders/A"), get("/labels/x")]), [200, 200]);
        }
    }

    #[test]
    fn an_undo_of_what_was_never_created_finds_nothing() {
        let undo = |pairs: &[(&'static str, &'static str)]| {
            let mut project = Project::new();
            project.surface.take_back(pairs.iter().copied());
            project
        };
        let (post, delete) = ("POST /p/{owner}/issues", "DELETE /p/{owner}/issues/{issue_number}");
        let lock = "POST /p/{owner}/issues/{issue_number}/lock";
        let mut project = undo(&[(post, delete), (post, lock)]);
        let mut ask = |method: &str, path: &str| project.ask(method, path, Value::Null).0;
        // Nothing is known of what there is.
        assert_eq!(ask("DELETE", "/p/a/issues/9"), 204);
        assert_eq!(ask("POST", "/p/b/issues"), 201);
        assert_eq!(ask("DELETE", "/p/b/issues/9"), 404);
        assert_eq!(ask("POST", "/p/b/issues/9/lock"), 404);
        assert_eq!(ask("POST", "/p/b/issues/1/lock"), 204);
        assert_eq!(ask("DELETE", "/p/b/issues/1"), 204);
        // Elsewhere, and of what is no undo, anything may be there.
        assert_eq!(ask("DELETE", "/p/c/issues/9"), 204);
        let mut project = undo(&[]);
        assert_eq!(project.ask("POST", "/p/b/issues", Value::Null).0, 201);
        assert_eq!(project.ask("DELETE", "/p/b/issues/9", Value::Null).0, 204);
    }

    #[test]
    fn what_was_created_is_read_back_changed_listed_and_gone() {
        let mut project = Project::new();
        let listed =
            |project: &mut Project| project.ask("GET", "/p/a/issues", Value::Null).1["items"].clone();
        assert_eq!(
            listed(&mut project).as_array().map(Vec::len),
            Some(1),
            "something is made up as long as nothing is there"
        );
        let create = |project: &mut Project, title: &str| {
            project.ask("POST", "/p/a/issues", json!({"title": title, "unknown": 1}))
        };
        assert_eq!(create(&mut project, "first"), (201, json!({"id": 70, "number": 1})));
        assert_eq!(create(&mut project, "second"), (201, json!({"id": 71, "number": 2})));
        // What the creation was asked for is there too, and what the schema does not know is not.
        let second = json!({"id": 71, "number": 2, "title": "second"});
        assert_eq!(project.ask("GET", "/p/a/issues/2", Value::Null), (200, second.clone()));
        let closed = json!({"id": 71, "number": 2, "title": "second", "state": "closed"});
        assert_eq!(project.ask("PATCH", "/p/a/issues/2", json!({"state": "closed"})), (200, closed.clone()));
        assert_eq!(project.ask("GET", "/p/a/issues/2", Value::Null).1, closed);
        assert_eq!(listed(&mut project), json!([{"id": 70, "number": 1, "title": "first"}, closed]));
        assert_eq!(project.ask("DELETE", "/p/a/issues/1", Value::Null).0, 204);
        for (method, path) in
            [("GET", "/p/a/issues/1"), ("DELETE", "/p/a/issues/1"), ("POST", "/p/a/issues/%31/lock")]
        {
            assert_eq!(project.ask(method, path, Value::Null).0, 404, "{method} {path}");
        }
        assert_eq!(listed(&mut project), json!([closed]));
        // Elsewhere nothing of it is known.
        assert_eq!(project.ask("GET", "/p/b/issues/1", Value::Null).1["title"], "sandbox");
        // A PUT makes what it says, where it says it.
        assert_eq!(project.ask("PUT", "/p/a/issues/1", json!({"title": "again"})).0, 204);
        assert_eq!(project.ask("GET", "/p/a/issues/1", Value::Null).1["title"], "again");
    }
}

//! The operations of one api as a server needs them: found by method and path, read from the plan's slices alone. So a
//! document's size does not matter, nor what stands in operations that the flow does not use.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::documents::{MediaView, OperationView, ResponseView, StatusRange};
use crate::plan::Api;
use crate::types::Contract;

/// An api's used operations.
pub(crate) struct Surface {
    operations: Vec<Operation>,
}

/// One operation.
pub(crate) struct Operation {
    /// Its id, or `METHOD /path` where it has none.
    pub(crate) key: String,
    /// What the document says of it.
    pub(crate) view: OperationView,
    /// What the runtime holds an answer against.
    pub(crate) contract: Contract,
    /// Whether it is read to learn whether a request created what it names.
    pub(crate) tells_creation: bool,
    /// Where it takes back what another operation creates: how many segments its path has after the one that names that.
    pub(crate) takes_back: Option<usize>,
    route: Route,
}

/// A request's path matched.
pub(crate) struct Matched<'s> {
    pub(crate) operation: &'s Operation,
    /// Path parameters, still percent-encoded.
    pub(crate) arguments: BTreeMap<String, String>,
}

impl Surface {
    /// The operations of an api that the plan uses.
    pub(crate) fn new(api: &Api) -> Result<Surface, String> {
        let operations = api.operations.iter().map(|(key, slice)| Operation::new(key, &slice.text));
        Ok(Surface::of(operations.collect::<Result<_, _>>()?))
    }

    fn of(mut operations: Vec<Operation>) -> Surface {
        // Concrete paths are matched before templated ones (OpenAPI 3.1, section 4.8.8).
        operations.sort_by_key(|operation| {
            (operation.route.placeholders(), operation.view.path.clone(), operation.view.method.clone())
        });
        Surface { operations }
    }

    /// These reads tell whether these requests had their effect. It hangs on what was created where the one creates what
    /// the other names: by a `POST` of the path above, or by a `PUT`.
    pub(crate) fn read_back<'c>(&mut self, pairs: impl Iterator<Item = (&'c str, &'c str)>) {
        for (effect, read) in pairs {
            let creates = self.operations.iter().find(|operation| operation.key == effect);
            let creates =
                creates.map(|operation| (operation.view.method.clone(), operation.view.path.clone()));
            for operation in self.operations.iter_mut().filter(|operation| operation.key == read) {
                let above = operation.view.path.rsplit_once('/').map(|(above, _)| above);
                operation.tells_creation |= operation.is_item()
                    && creates.as_ref().is_some_and(|(method, path)| match method.as_str() {
                        "POST" => above == Some(path.trim_end_matches('/')),
                        "PUT" => operation.view.path == *path,
                        _ => false,
                    });
            }
        }
    }

    /// These undos take back what these requests do. Where the one creates, by a `POST` of the path above or by a `PUT`, what
    /// the other's path names, or lies below, it is known what there is to take back.
    pub(crate) fn take_back<'c>(&mut self, pairs: impl Iterator<Item = (&'c str, &'c str)>) {
        for (effect, undo) in pairs {
            let Some(creates) = self.operations.iter().find(|operation| operation.key == effect) else {
                continue;
            };
            let (method, path) =
                (creates.view.method.clone(), creates.view.path.trim_end_matches('/').to_owned());
            for operation in self.operations.iter_mut().filter(|operation| operation.key == undo) {
                let below = operation.view.path.strip_prefix(&path);
                operation.takes_back =
                    below.and_then(|below| match (method.as_str(), below.strip_prefix('/')) {
                        ("PUT", None) if below.is_empty() && path.ends_with('}') => Some(0),
                        ("POST", Some(rest)) if rest.starts_with('{') => Some(rest.matches('/').count()),
                        _ => None,
                    });
            }
        }
    }

    /// All operations.
    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation a request means, or the methods that its path knows.
    pub(crate) fn find(&self, method: &str, path: &str) -> Result<Matched<'_>, Vec<&str>> {
        let mut methods = Vec::new();
        for operation in &self.operations {
            if let Some(arguments) = operation.route.matches(path) {
                if operation.view.method == method {
                    return Ok(Matched { operation, arguments });
                }
                methods.push(operation.view.method.as_str());
            }
        }
        Err(methods)
    }

    /// The parameter that names one of the things below a path: `id`, where `/things/{id}` is an operation too.
    pub(crate) fn item_parameter(&self, path: &str) -> Option<&str> {
        self.operations.iter().find_map(|operation| {
            let rest = operation.view.path.strip_prefix(path.trim_end_matches('/'))?.strip_prefix('/')?;
            rest.strip_prefix('{')?.strip_suffix('}').filter(|name| !name.contains(['{', '}', '/']))
        })
    }
}

impl Operation {
    /// The operation of a slice's text.
    pub(crate) fn new(key: &str, text: &str) -> Result<Operation, String> {
        let view = OperationView::from_slice(text)
            .map_err(|error| format!("`{}` {}", error.pointer, error.reason))?;
        let contract = Contract::from_view(&view).map_err(|error| error.to_string())?;
        let route = Route::new(&view.path);
        Ok(Operation { key: key.to_owned(), route, contract, view, tells_creation: false, takes_back: None })
    }

    /// The names that the document gives its examples of answers: those of the success, then those of refusals.
    pub(crate) fn examples(&self) -> Vec<&str> {
        let (_, success) = self.success();
        let refusals = self.refusals().map(|(_, response)| response);
        let names = success.into_iter().chain(refusals).flat_map(named_examples);
        names.collect()
    }

    /// The status of the refusal that has an example of a name; `None` where the success has it.
    pub(crate) fn refusal_named(&self, name: &str) -> Option<u16> {
        let has = |response: &ResponseView| named_examples(response).any(|known| known == name);
        if self.success().1.is_some_and(has) {
            return None;
        }
        self.refusals().find(|(_, response)| has(response)).map(|(status, _)| status)
    }

    fn refusals(&self) -> impl Iterator<Item = (u16, &ResponseView)> {
        self.view.responses.iter().filter_map(|response| match response.status {
            StatusRange::Exact(status) if status >= 400 => Some((status, response)),
            _ => None,
        })
    }

    /// The examples of the answer that do not fit its own schema, and why: they are never answered with unless asked for.
    pub(crate) fn misfits(&self) -> Vec<String> {
        let (status, documented) = self.success();
        let media = documented.and_then(|documented| json_content(&documented.content));
        let told = |(media_type, media): (&str, &MediaView)| {
            let misfits = media.examples.iter().filter_map(|example| {
                let named = match example.name.as_str() {
                    "" => "the example".to_owned(),
                    name => format!("the example `{name}`"),
                };
                let why = self.misfit(status, media_type, &example.value)?;
                Some(format!(
                    "{named} of `{}` {status} does not fit its own schema and is left out: {why}",
                    self.key
                ))
            });
            misfits.collect()
        };
        media.map(told).unwrap_or_default()
    }

    /// The first documented success: its status, and what it is documented as. Where no success is documented, the first
    /// status that is.
    pub(crate) fn success(&self) -> (u16, Option<&ResponseView>) {
        let status = |response: &&ResponseView| match response.status {
            StatusRange::Exact(status) => Some(status).filter(|status| (200..300).contains(status)),
            StatusRange::Class(class) => (class == 2).then_some(200),
            StatusRange::Default => Some(200),
        };
        let successes =
            || self.view.responses.iter().filter_map(|response| Some((status(&response)?, Some(response))));
        let any = || {
            self.view.responses.iter().find_map(|response| match response.status {
                StatusRange::Exact(status) => Some((status, Some(response))),
                StatusRange::Class(_) | StatusRange::Default => None,
            })
        };
        successes().next().or_else(any).unwrap_or((204, None))
    }

    /// The response documented for a status by itself.
    pub(crate) fn exactly(&self, status: u16) -> Option<&ResponseView> {
        self.view.responses.iter().find(|response| response.status == StatusRange::Exact(status))
    }

    /// The response documented for a status: by itself, by its class, or as the default.
    pub(crate) fn of_status(&self, status: u16) -> Option<&ResponseView> {
        let of = |range| self.view.responses.iter().find(|response| response.status == range);
        [StatusRange::Exact(status), StatusRange::Class(status / 100), StatusRange::Default]
            .into_iter()
            .find_map(of)
    }

    /// The schema at a pointer; without a pointer, the one that anything fits.
    pub(crate) fn schema(&self, pointer: Option<&str>) -> &Value {
        pointer.and_then(|pointer| self.view.json(pointer)).unwrap_or(&Value::Bool(true))
    }

    /// Whether its path names one thing: its last segment is a placeholder.
    pub(crate) fn is_item(&self) -> bool {
        let last = self.view.path.rsplit('/').next().unwrap_or_default();
        last.starts_with('{') && last.ends_with('}')
    }

    /// Why a body is none that the runtime would take as an answer; `None` where it would.
    pub(crate) fn misfit(&self, status: u16, media_type: &str, body: &Value) -> Option<String> {
        self.contract.decode_json(status, Some(media_type), body).err().map(|misfit| misfit.to_string())
    }
}

/// The JSON media type of a body, with its name.
pub(crate) fn json_content(content: &BTreeMap<String, MediaView>) -> Option<(&str, &MediaView)> {
    content.iter().find(|(name, _)| is_json(name)).map(|(name, media)| (name.as_str(), media))
}

/// The names of a response's JSON examples.
fn named_examples(response: &ResponseView) -> impl Iterator<Item = &str> {
    let examples = json_content(&response.content).into_iter().flat_map(|(_, media)| &media.examples);
    examples.map(|example| example.name.as_str()).filter(|name| !name.is_empty())
}

/// Whether a media type is JSON.
pub(crate) fn is_json(name: &str) -> bool {
    let essence = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// A path template cut into segments of literals and placeholders.
struct Route(Vec<Vec<Piece>>);

enum Piece {
    Literal(String),
    Placeholder(String),
}

impl Route {
    fn new(template: &str) -> Route {
        Route(template.split('/').map(pieces).collect())
    }

    fn placeholders(&self) -> usize {
        self.0.iter().flatten().filter(|piece| matches!(piece, Piece::Placeholder(_))).count()
    }

    fn matches(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let segments: Vec<&str> = path.split('/').collect();
        if segments.len() != self.0.len() {
            return None;
        }
        let mut arguments = BTreeMap::new();
        let fits = self.0.iter().zip(segments).all(|(pieces, text)| fits(pieces, text, &mut arguments));
        fits.then_some(arguments)
    }
}

fn pieces(segment: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Placeholder(name.to_owned()));
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    pieces
}

/// Whether a segment fits; a placeholder takes at least one character and ends where the next literal first begins.
fn fits(pieces: &[Piece], text: &str, arguments: &mut BTreeMap<String, String>) -> bool {
    let mut rest = text;
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Literal(literal) => match rest.strip_prefix(literal.as_str()) {
                Some(tail) => rest = tail,
                None => return false,
            },
            Piece::Placeholder(name) => {
                let end = match pieces.peek() {
                    Some(Piece::Literal(literal)) => rest.find(literal.as_str()),
                    _ => Some(rest.len()),
                };
                let Some((argument, tail)) =
                    end.filter(|end| *end > 0).and_then(|end| rest.split_at_checked(end))
                else {
                    return false;
                };
                arguments.insert(name.clone(), argument.to_owned());
                rest = tail;
            }
        }
    }
    rest.is_empty()
}

/// The surface of a document of some paths and schemas, every operation used.
#[cfg(test)]
pub(crate) fn surface(paths: Value, schemas: Value) -> Surface {
    let whole = serde_json::json!({
        "openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths, "components": {"schemas": schemas},
    });
    let (mut sources, mut sink) = Default::default();
    let read =
        crate::documents::Document::read(whole.to_string().as_bytes(), "t.json", &mut sources, &mut sink);
    surface_of(&read.unwrap_or_else(|| panic!("{sink:?}")))
}

/// The surface of a document, every operation used.
#[cfg(test)]
pub(crate) fn surface_of(document: &crate::documents::Document) -> Surface {
    let operations = document.operations().iter().map(|entry| {
        let slice = document.slice(entry).unwrap();
        Operation::new(&entry.key, &slice.text).unwrap()
    });
    Surface::of(operations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn examples_that_do_not_fit_are_named() {
        let order = json!({"type": "object", "required": ["total"], "properties": {
            "total": {"type": "number", "multipleOf": 0.01}}});
        let examples = json!({"dear": {"value": {"total": 700.005}}, "cheap": {"value": {"total": 7.5}}});
        let content = json!({"application/json": {"schema": order, "examples": examples}});
        let get =
            json!({"operationId": "get", "responses": {"200": {"description": "", "content": content}}});
        let surface = surface(json!({"/order": {"get": get}}), json!({}));
        let misfits: Vec<String> = surface.operations().iter().flat_map(Operation::misfits).collect();
        assert_eq!(misfits.len(), 1, "{misfits:?}");
        assert!(misfits[0].starts_with("the example `dear` of `get` 200 does not fit"), "{misfits:?}");
    }

    #[test]
    fn routes_match_like_openapi_says() {
        let operation = |names: &[&str]| {
            let parameters: Vec<Value> = names
                .iter()
                .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
                .collect();
            json!({"parameters": parameters, "responses": {"204": {"description": ""}}})
        };
        let mut latest = operation(&[]);
        latest["operationId"] = "latest".into();
        let surface = surface(
            json!({
                "/t/{id}": {"get": operation(&["id"]), "delete": operation(&["id"])},
                "/t/latest": {"get": latest},
                "/t/{id}/lines/{line}.json": {"get": operation(&["id", "line"])},
            }),
            json!({}),
        );
        let key = |method: &str, path: &str| {
            surface.find(method, path).map(|matched| matched.operation.key.clone())
        };
        assert_eq!(key("GET", "/t/T1"), Ok("GET /t/{id}".into()));
        assert_eq!(key("GET", "/t/latest"), Ok("latest".into()));
        assert_eq!(key("PUT", "/t/T1"), Err(vec!["DELETE", "GET"]));
        assert_eq!(key("GET", "/t/"), Err(vec![]));
        assert_eq!(key("GET", "/t/T1/lines/2.xml"), Err(vec![]));
        let matched = surface.find("GET", "/t/T1/lines/2.json").unwrap();
        assert_eq!(
            matched.arguments.into_iter().collect::<Vec<_>>(),
            [("id".to_owned(), "T1".to_owned()), ("line".to_owned(), "2".to_owned())]
        );
    }
}

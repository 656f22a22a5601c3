//! Documented responses: how an answer is read, or why it is not what the document says.

use std::sync::Arc;

use serde_json::Value as Json;

use super::checked::Checked;
use super::dialect::Direction;
use super::guard::GuardError;
use super::media::{covers, essence, is_json, is_utf8};
use super::{Misfit, ResponseHeader, Type, Value};
use crate::base::json::read_strict;
use crate::documents::{OperationView, ResponseView, StatusRange};

/// A documented response.
#[derive(Debug)]
pub struct Response {
    /// The statuses it stands for.
    pub status: StatusRange,
    /// The decoded body of a success: null where none is documented, a string where only `text/plain` is, unknown where it
    /// is nothing that is read. Unknown for failures, whose bodies are no values.
    pub ty: Type,
    /// Its documented headers, in the order of their names; without `Content-Type` and those that carry credentials.
    pub headers: Vec<ResponseHeader>,
    /// JSON pointer of its declaration.
    pub pointer: String,
    media: Vec<Media>,
    /// Whether content is documented, readable or not.
    pub(super) has_content: bool,
}

#[derive(Debug)]
struct Media {
    name: String,
    /// `text/plain`: its text is the value.
    text: bool,
    schema: Arc<Checked>,
}

impl Response {
    pub(super) fn read(view: &OperationView, response: &ResponseView) -> Result<Response, GuardError> {
        // Only answers that can be a step's value are read before they come.
        let stands = response.status == StatusRange::Default
            && !view.responses.iter().any(|other| is_success(other.status));
        let success = is_success(response.status) || stands;
        // These answers have no content, whatever is documented (RFC 9110, sections 9.3.2, 15.3.5 and 15.3.6).
        let bare = view.method == "HEAD" || matches!(response.status, StatusRange::Exact(204 | 205));
        let mut media = Vec::new();
        let mut types = Vec::new();
        if !bare {
            let json: Vec<_> = response.content.iter().filter(|(name, _)| is_json(&essence(name))).collect();
            let text = json.is_empty();
            let plain = response.content.iter().filter(|(name, _)| text && essence(name) == "text/plain");
            for (name, content) in json.into_iter().chain(plain) {
                let schema =
                    Arc::new(Checked::new(view.root(), content.schema.as_deref(), Direction::Answer));
                if success {
                    types.push(if text { Type::string() } else { schema.schema()?.ty.clone() });
                }
                media.push(Media { name: essence(name), text, schema });
            }
        }
        // The exact name is looked for before a wildcard.
        media.sort_by_key(|media| (media.name.matches('*').count(), media.name != "application/json"));
        let has_content = !response.content.is_empty() && !bare;
        let ty = match (has_content, types.is_empty()) {
            (false, _) => Type::Null,
            (true, true) => Type::unknown("it is not read"),
            (true, false) => Type::union(types),
        };
        let mut headers = Vec::new();
        if success {
            for (name, header) in &response.headers {
                headers.extend(ResponseHeader::read(view, name, header)?);
            }
        }
        let (status, pointer) = (response.status, response.pointer.clone());
        Ok(Response { status, ty, headers, pointer, media, has_content })
    }

    /// The decoded body's type, of a failure too.
    pub(super) fn body_type(&self, bare: bool) -> Type {
        let of = |media: &Media| match media.schema.schema() {
            _ if media.text => Type::string(),
            Ok(schema) => schema.ty.clone(),
            Err(_) => Type::unknown("its schema cannot be checked"),
        };
        match (bare || !self.has_content, self.media.is_empty()) {
            (true, _) => Type::Null,
            (false, true) => Type::unknown("it is not read"),
            (false, false) => Type::union(self.media.iter().map(of).collect()),
        }
    }

    /// What describes its body; `None` where it has none.
    pub(super) fn schemas(&self) -> Vec<Option<Arc<Checked>>> {
        match self.has_content {
            true => self.media.iter().map(|media| Some(Arc::clone(&media.schema))).collect(),
            false => vec![None],
        }
    }

    /// JSON pointer of the schema that its body is read by, or of its declaration.
    pub(super) fn described(&self) -> &str {
        self.media.iter().find_map(|media| media.schema.pointer()).unwrap_or(&self.pointer)
    }

    /// Whether there is content and nothing of it can be read.
    pub(super) fn is_unreadable(&self) -> bool {
        self.has_content && self.media.is_empty()
    }

    /// The media types that are read of it, ranges as JSON.
    pub(super) fn accepted(&self) -> impl Iterator<Item = &str> {
        self.media.iter().map(
            |media| {
                if media.name.contains('*') { "application/json" } else { media.name.as_str() }
            },
        )
    }

    /// Reads the bytes of an answer.
    pub(super) fn decode(&self, content_type: Option<&str>, body: &[u8]) -> Result<Value, Misfit> {
        if self.media.is_empty() {
            return Ok(Value::Null);
        }
        let media = self.media_for(content_type)?;
        // ASCII is the same in all of them, and often said to be another.
        if !body.is_ascii() && !content_type.is_none_or(is_utf8) {
            return Err(Misfit::whole("the charset of the answer is not UTF-8"));
        }
        if media.text {
            let text = std::str::from_utf8(body).map_err(|_| Misfit::whole("the body is not UTF-8"))?;
            media.schema.check(&Json::String(text.to_owned()))?;
            return Ok(Value::String(text.to_owned()));
        }
        if body.is_empty() {
            return Err(Misfit::whole("the body is empty"));
        }
        let json = read_strict(body).map_err(|error| {
            Misfit::whole(format!(
                "the body is not strict JSON: line {}, column {}",
                error.line, error.column
            ))
        })?;
        media.schema.decode(&json)
    }

    /// As [`Response::decode`], from JSON that was read before.
    pub(super) fn decode_json(&self, content_type: Option<&str>, json: &Json) -> Result<Value, Misfit> {
        if self.media.is_empty() {
            return Ok(Value::Null);
        }
        let media = self.media_for(content_type)?;
        if media.text {
            return Err(Misfit::whole("the content type is not documented for this status"));
        }
        media.schema.decode(json)
    }

    fn media_for(&self, content_type: Option<&str>) -> Result<&Media, Misfit> {
        let content_type = content_type.ok_or_else(|| Misfit::whole("the answer has no content type"))?;
        let actual = essence(content_type);
        let text = self.media.iter().any(|media| media.text);
        if actual.contains('*') || !(is_json(&actual) || text && actual == "text/plain") {
            let expected = if text { "text/plain" } else { "JSON" };
            let shown: String = actual.chars().filter(char::is_ascii_graphic).take(60).collect();
            return Err(Misfit::whole(format!("the content type is `{shown}`, not {expected}")));
        }
        self.media
            .iter()
            .find(|media| media.name == actual || covers(&media.name, &actual))
            .ok_or_else(|| Misfit::whole("the content type is not documented for this status"))
    }
}

pub(super) fn is_success(status: StatusRange) -> bool {
    matches!(status, StatusRange::Exact(200..=299) | StatusRange::Class(2))
}

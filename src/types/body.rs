//! Request bodies: the media type a body is sent as, and its bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::checked::Checked;
use super::contract::Unsupported;
use super::dialect::Direction;
use super::guard::GuardError;
use super::media::{essence, is_json};
use super::{Form, Literal, Misfit, Schema, Taken, Type, Written};
use crate::base::{CanonicalError, canonical_json};
use crate::documents::{BodyView, MediaView, OperationView};

/// A request body as it is journalled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestBody {
    /// Sent as canonical JSON.
    Json(Json),
    /// The text of `application/x-www-form-urlencoded`.
    Form(String),
}

impl RequestBody {
    /// The bytes that are sent, and that the signature's digest covers.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        match self {
            RequestBody::Json(json) => canonical_json(json).map(String::into_bytes),
            RequestBody::Form(text) => Ok(text.clone().into_bytes()),
        }
    }
}

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// A request body that an operation takes.
#[derive(Debug)]
pub struct Body {
    /// Whether it must be sent.
    pub required: bool,
    /// What it takes.
    pub schema: Schema,
    /// The content type to send.
    pub media_type: String,
    /// How it is written.
    pub encoding: Encoding,
    /// JSON pointer of the schema, or of the body without one.
    pub pointer: String,
    form: Option<Form>,
    checked: Checked,
}

impl Body {
    /// The body in the media type that is sent: JSON first, then `+json`, then a range, then a form.
    pub(super) fn read(
        view: &OperationView,
        body: &BodyView,
    ) -> Result<Result<Body, Unsupported>, GuardError> {
        let unsupported =
            |what: String| Ok(Err(Unsupported { pointer: body.pointer.clone(), what, never: None }));
        let form = body.content.iter().find(|(name, _)| essence(name) == FORM);
        let (name, media, form) = match (json_media(&body.content), form) {
            (Some((name, media)), _) => (name, media, None),
            (None, Some((_, media))) => match Form::new(&media.encoding) {
                Ok(form) => (FORM, media, Some(form)),
                Err(what) => return unsupported(what),
            },
            (None, None) => {
                let names: Vec<&str> = body.content.keys().map(String::as_str).collect();
                return unsupported(format!("a request body of type {}", names.join(", ")));
            }
        };
        let checked = Checked::new(view.root(), media.schema.as_deref(), Direction::Request);
        let schema = checked.schema()?.clone();
        let pointer = media.schema.clone().unwrap_or_else(|| body.pointer.clone());
        let exact = !name.contains('*');
        let media_type = if exact { name.to_owned() } else { "application/json".to_owned() };
        let encoding = if form.is_some() { Encoding::Form } else { Encoding::Json };
        Ok(Ok(Body { required: body.required, schema, media_type, encoding, pointer, form, checked }))
    }

    /// Reads the text of a form, where the body is written as one. Not checked yet.
    pub fn read_form(&self, text: &str) -> Result<Json, Misfit> {
        let form = self.form.as_ref().ok_or_else(|| Misfit::whole("the body is no form"))?;
        form.read(text, &self.schema.ty)
    }

    /// Whether a value of a type can be sent, as far as it is written.
    pub fn takes(&self, from: &Type, written: &Written, literal: &Literal) -> Taken {
        self.checked.takes(from, self.required, written, literal)
    }

    /// Whether the full schema takes a value to the letter; its type may take less.
    pub fn takes_to_the_letter(&self, json: &Json) -> bool {
        self.checked.check_strictly(json).is_ok()
    }

    /// Checks a body by the full schema.
    pub(super) fn check(&self, json: &Json) -> Result<(), Misfit> {
        self.checked.check(json)
    }

    /// Writes a checked body.
    pub(super) fn encode(&self, json: &Json) -> Result<RequestBody, Misfit> {
        match &self.form {
            None => Ok(RequestBody::Json(json.clone())),
            Some(form) => form.write(json).map(RequestBody::Form),
        }
    }
}

/// The JSON media type of a request body: `application/json` first, then `+json`, then a range.
fn json_media(content: &BTreeMap<String, MediaView>) -> Option<(&str, &MediaView)> {
    let rank = |name: &str| {
        let essence = essence(name);
        if essence == "application/json" { 0 } else { 1 + essence.matches('*').count() }
    };
    let json = content.iter().filter(|(name, _)| is_json(&essence(name)));
    json.min_by_key(|(name, _)| rank(name)).map(|(name, media)| (name.as_str(), media))
}

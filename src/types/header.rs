//! Headers of answers: what the document says of them, and how their text is read.

use super::checked::Checked;
use super::dialect::Direction;
use super::guard::GuardError;
use super::style::{Place, Style};
use super::{Misfit, Type, Value};
use crate::documents::{HeaderView, Location, OperationView};

/// A documented header of an answer.
#[derive(Debug)]
pub struct ResponseHeader {
    /// Its name as documented; compared without case.
    pub name: String,
    /// Whether it is always there.
    pub required: bool,
    /// What its text is read as.
    pub ty: Type,
    /// JSON pointer of its declaration.
    pub pointer: String,
    style: Style,
    schema: Checked,
}

/// Headers whose text is a credential: never kept, so never readable.
const SECRET: &[&str] = &["set-cookie", "set-cookie2", "authorization", "proxy-authorization"];

impl ResponseHeader {
    /// `None` for `Content-Type`, which OpenAPI says is documented elsewhere, and for headers that carry credentials.
    pub(super) fn read(
        view: &OperationView,
        name: &str,
        header: &HeaderView,
    ) -> Result<Option<ResponseHeader>, GuardError> {
        let lower = name.to_ascii_lowercase();
        if lower == "content-type" || SECRET.contains(&lower.as_str()) {
            return Ok(None);
        }
        let explode = view.json(&header.pointer).and_then(|header| header.get("explode"));
        let explode = explode.and_then(serde_json::Value::as_bool).unwrap_or(false);
        let place = Place::At(Location::Header);
        let style = if header.schema.is_none() && !header.content.is_empty() {
            Style::json(name, place)
        } else {
            Style::new(name, place, "simple", explode, false)
                .map_err(|reason| GuardError { pointer: header.pointer.clone(), reason })?
        };
        let schema = Checked::new(view.root(), header.schema.as_deref(), Direction::Answer);
        let ty = match &header.schema {
            Some(_) => schema.schema()?.ty.clone(),
            // Without a schema it is text all the same.
            None if matches!(style.kind, super::style::Kind::Json) => Type::any(),
            None => Type::string(),
        };
        let (name, required, pointer) = (name.to_owned(), header.required, header.pointer.clone());
        Ok(Some(ResponseHeader { name, required, ty, pointer, style, schema }))
    }

    /// Reads the text of the field by its schema (style `simple`); several fields of the name are joined by `, ` before.
    pub fn decode(&self, text: &str) -> Result<Value, Misfit> {
        let json = self.style.read_text(text.trim(), &self.ty)?;
        self.schema.check(&json)?;
        Value::decode(&self.ty, &json)
    }
}

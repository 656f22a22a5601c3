//! Bodies of `application/x-www-form-urlencoded`: a JSON object as pairs, and back.
//!
//! Properties with a style are written as query parameters are; those without one as text, lists by repetition, objects as
//! JSON text (Encoding Object of OpenAPI 3.0.4 and 3.1.1). Spaces are `+`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::media::{essence, is_json};
use super::style::{Kind, Place, Style};
use super::style_reading::{member_type, raw_pairs, read_pairs};
use super::{Misfit, Type};
use crate::documents::EncodingView;

/// How the properties of a form are written.
#[derive(Debug)]
pub struct Form {
    styles: BTreeMap<String, Style>,
}

impl Form {
    /// Reads a media type's `encoding`; an error names what can't be written.
    pub fn new(encoding: &BTreeMap<String, EncodingView>) -> Result<Form, String> {
        let mut styles = BTreeMap::new();
        for (name, encoding) in encoding {
            let styled = encoding.style.is_some() || encoding.explode.is_some() || encoding.allow_reserved;
            let content_type = encoding.content_type.as_deref().map(essence);
            let style = if styled {
                let style = encoding.style.as_deref().unwrap_or("form");
                let explode = encoding.explode.unwrap_or(style == "form");
                Style::new(name, Place::Form, style, explode, encoding.allow_reserved)?
            } else {
                match content_type.as_deref() {
                    None | Some("text/plain") => Style::plain(name),
                    Some(media_type) if is_json(media_type) => Style::json(name, Place::Form),
                    Some(other) => return Err(format!("a form's property of type {other}")),
                }
            };
            styles.insert(name.clone(), style);
        }
        Ok(Form { styles })
    }

    /// Writes an object. What a reader could not tell from something else is refused: null, what is empty, names that meet.
    pub fn write(&self, json: &Json) -> Result<String, Misfit> {
        let members = json.as_object().ok_or_else(|| Misfit::whole("a form is made of an object only"))?;
        let mut pairs = Vec::new();
        let mut taken = BTreeSet::new();
        for (name, value) in members {
            let plain = Style::plain(name);
            let style = self.styles.get(name).unwrap_or(&plain);
            let spread = style.kind == Kind::Form && style.explode;
            let names: Vec<&str> = match value {
                Json::Object(inner) if spread => inner.keys().map(String::as_str).collect(),
                _ => vec![name.as_str()],
            };
            if !names.into_iter().all(|name| taken.insert(name)) {
                return Err(Misfit::whole("two members would stand under one name in the form"));
            }
            let own = if self.styles.contains_key(name) { name.as_str() } else { "{}" };
            let text = style.write(value).map_err(|misfit| misfit.under(own))?;
            let empty = || Misfit::whole("an empty list or record has no form here; leave it out").under(own);
            pairs.push(text.ok_or_else(empty)?);
        }
        Ok(pairs.join("&"))
    }

    /// Reads a body by the type of its schema.
    pub fn read(&self, text: &str, ty: &Type) -> Result<Json, Misfit> {
        let pairs = raw_pairs(text, "&");
        let mut names: BTreeSet<String> = self.styles.keys().cloned().collect();
        for one in ty.alternatives() {
            if let Type::Record(record) = one {
                names.extend(record.fields.keys().cloned());
            }
        }
        let spreads: Vec<&Style> =
            self.styles.values().filter(|style| style.kind == Kind::Form && style.explode).collect();
        if spreads.is_empty() {
            // Members that are not declared stand for themselves.
            for (raw, _) in &pairs {
                let name = super::percent_decode(raw, true).unwrap_or_default();
                let base = name.split('[').next().unwrap_or_default();
                if !names.contains(base) {
                    names.insert(name);
                }
            }
        }
        let known: Vec<(Style, Type)> = names
            .iter()
            .map(|name| {
                let style = self.styles.get(name).cloned().unwrap_or_else(|| Style::plain(name));
                (style, member_type(ty, name))
            })
            .collect();
        let styles: Vec<(&Style, &Type)> = known.iter().map(|(style, ty)| (style, ty)).collect();
        let (values, unknown) = read_pairs(&styles, &pairs);
        if !unknown.is_empty() {
            return Err(Misfit::whole("it has a member that is not declared"));
        }
        let mut members = Map::new();
        for (name, value) in names.into_iter().zip(values) {
            if let Some(value) = value.map_err(|misfit| misfit.under(&name))? {
                members.insert(name, value);
            }
        }
        Ok(Json::Object(members))
    }
}

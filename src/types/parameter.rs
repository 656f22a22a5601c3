//! Parameters of operations: what they take, and how they are written.

use serde_json::Value as Json;

use super::checked::Checked;
use super::contract::Unsupported;
use super::dialect::Direction;
use super::guard::GuardError;
use super::media::{essence, is_json};
use super::style::{Place, Style};
use super::style_reading::{is_list, is_object, raw_pairs, read_pairs};
use super::{Answer, Literal, Misfit, Schema, Type, Value, Written};
use crate::documents::{Location, OperationView, ParameterView};

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    /// Its name as declared.
    pub name: String,
    /// Path, query, header or cookie.
    pub location: Location,
    /// Whether it must be given.
    pub required: bool,
    /// What it takes.
    pub schema: Schema,
    /// JSON pointer of its declaration.
    pub pointer: String,
    /// Set where it can't be sent for now: an error where a flow gives it.
    pub unsupported: Option<Unsupported>,
    style: Option<Style>,
    pub(super) checked: Checked,
}

/// What parameters of a query or of a cookie header say.
#[derive(Debug, Default)]
pub struct Sent {
    /// For each parameter its JSON value, nothing where it is not there, or why it can't be read.
    pub values: Vec<Result<Option<Json>, Misfit>>,
    /// Names of pairs that belong to no parameter.
    pub unknown: Vec<String>,
}

impl Parameter {
    /// Reads a declaration and compiles its schema.
    pub fn read(view: &OperationView, parameter: &ParameterView) -> Result<Parameter, GuardError> {
        let checked = Checked::new(view.root(), parameter.schema.as_deref(), Direction::Request);
        let schema = checked.schema()?.clone();
        let place = Place::At(parameter.location);
        let style = match &parameter.media_type {
            _ if parameter.location == Location::QueryString => {
                Err("a parameter that is the whole query (in: querystring)".to_owned())
            }
            Some(media_type) if is_json(&essence(media_type)) => Ok(Style::json(&parameter.name, place)),
            Some(media_type) => Err(format!("a parameter of media type {media_type}")),
            None => {
                let (style, explode) = (parameter.style.as_str(), parameter.explode);
                let style = Style::new(&parameter.name, place, style, explode, parameter.allow_reserved);
                style.and_then(|style| style.defined_for(&schema.ty).map(|()| style))
            }
        };
        let (style, what) = match style {
            Ok(style) => (Some(style), None),
            Err(what) => (None, Some(what)),
        };
        let pointer = parameter.pointer.clone();
        Ok(Parameter {
            name: parameter.name.clone(),
            location: parameter.location,
            required: parameter.required,
            schema,
            unsupported: what.map(|what| Unsupported { pointer: pointer.clone(), what, never: None }),
            pointer,
            style,
            checked,
        })
    }

    /// Checks a value by the full schema and writes it as it stands in the request, percent-encoded where its location asks
    /// for it: a path segment's text, pairs of the query (`a=1&a=2`) or of the cookie header (`a=1`), a header's value.
    /// `None` where it is absent. What would change the request's path or headers is refused.
    pub fn write(&self, value: &Value) -> Result<Option<String>, Misfit> {
        let Some(style) = &self.style else {
            let what = self.unsupported.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(Misfit::whole(what));
        };
        if value.is_absent() {
            return if self.required { Err(Misfit::whole("it is required")) } else { Ok(None) };
        }
        let json = value.to_json().map_err(|error| Misfit::whole(error.to_string()))?;
        self.checked.check(&json)?;
        let text = style.write(&json)?;
        match (self.location, text.as_deref()) {
            // An empty or dotted segment would be another path after normalisation.
            (Location::Path, None | Some("" | "." | "..")) => {
                Err(Misfit::whole("a path parameter may not be empty, `.` or `..`"))
            }
            (_, None) if self.required => {
                Err(Misfit::whole("it is required, and an empty list or record is not sent"))
            }
            _ => Ok(text),
        }
    }

    /// Reads what stands in a path segment (still percent-encoded) or in a header.
    pub fn read_text(&self, text: &str) -> Result<Json, Misfit> {
        self.supported()?.read_text(text, self.ty())
    }

    /// Reads a query, or the value of a cookie header, by the parameters of that location.
    pub fn read_sent(parameters: &[&Parameter], location: Location, text: &str) -> Sent {
        let between = if location == Location::Cookie { ";" } else { "&" };
        let pairs = raw_pairs(text, between);
        let known: Vec<(&Style, &Type)> = parameters
            .iter()
            .filter_map(|parameter| parameter.style.as_ref().map(|style| (style, parameter.ty())))
            .collect();
        let (read, unknown) = read_pairs(&known, &pairs);
        let mut read = read.into_iter();
        let values = parameters.iter().map(|parameter| {
            let unread = || parameter.supported().map(|_| None);
            if parameter.style.is_some() { read.next().unwrap_or_else(unread) } else { unread() }
        });
        Sent { values: values.collect(), unknown }
    }

    /// Checks a value by the full schema.
    pub fn check(&self, json: &Json) -> Result<(), Misfit> {
        self.checked.check(json)
    }

    /// Whether a value of a type can be given, as far as it is written.
    pub fn takes(&self, from: &Type, written: &Written, literal: &Literal) -> Answer {
        self.checked.takes(from, self.required, written, literal).answer
    }

    /// Whether the full schema takes a value to the letter; its type may take less.
    pub fn takes_to_the_letter(&self, json: &Json) -> bool {
        self.checked.check_strictly(json).is_ok()
    }

    fn ty(&self) -> &Type {
        &self.schema.ty
    }

    fn supported(&self) -> Result<&Style, Misfit> {
        self.style.as_ref().ok_or_else(|| {
            let what = self.unsupported.as_ref().map(ToString::to_string).unwrap_or_default();
            Misfit::whole(what)
        })
    }
}

impl Style {
    /// Whether OpenAPI defines the style for values of a type; an error names what it does not.
    fn defined_for(&self, ty: &Type) -> Result<(), String> {
        use super::style::Kind::{Pipe, Space};
        let composed = is_list(ty) || is_object(ty) || matches!(ty, Type::Unknown { .. });
        match self.kind {
            Space | Pipe if !composed => Err(format!("a delimited style for `{ty}`")),
            _ => Ok(()),
        }
    }
}

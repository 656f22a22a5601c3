//! Parameters of operations: what they take, and how they are written.

use super::contract::{Unsupported, compile};
use super::guard::{Guard, GuardError};
use super::{Misfit, Schema, Type, Value};
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
    guard: Guard,
}

impl Parameter {
    pub(super) fn read(view: &OperationView, parameter: &ParameterView) -> Result<Parameter, GuardError> {
        let (schema, guard) = match parameter.media_type {
            None => compile(view, parameter.schema.as_deref())?,
            Some(_) => (Schema::any(), Guard::open()),
        };
        let default = if parameter.location == Location::Query { ("form", true) } else { ("simple", false) };
        let (list, object) = (holds(&schema.ty, is_list), holds(&schema.ty, is_object));
        let what = if parameter.location == Location::Cookie {
            Some("a parameter in a cookie".to_owned())
        } else if parameter.location == Location::QueryString {
            Some("a parameter that is the whole query (in: querystring)".to_owned())
        } else if let Some(media_type) = &parameter.media_type {
            Some(format!("a parameter of media type {media_type}"))
        } else if parameter.style != default.0 {
            Some(format!("the parameter style {}", parameter.style))
        } else if object {
            Some("an object as parameter".to_owned())
        } else if list && parameter.location != Location::Query {
            Some(format!("a list as {} parameter", parameter.location.as_str()))
        } else if list && parameter.explode != default.1 {
            Some("a list in one query parameter (explode: false)".to_owned())
        } else {
            None
        };
        let pointer = parameter.pointer.clone();
        Ok(Parameter {
            name: parameter.name.clone(),
            location: parameter.location,
            required: parameter.required,
            schema,
            unsupported: what.map(|what| Unsupported { pointer: pointer.clone(), what }),
            pointer,
            guard,
        })
    }

    /// Checks a value by the full schema and writes it: one text, several for a list in the query, none where it is absent.
    /// Not percent-encoded. What would change the request's path or headers is refused.
    pub fn texts(&self, value: &Value) -> Result<Vec<String>, Misfit> {
        if let Some(unsupported) = &self.unsupported {
            return Err(Misfit::whole(format!("{unsupported} is not supported")));
        }
        if value.is_absent() {
            return if self.required { Err(Misfit::whole("it is required")) } else { Ok(Vec::new()) };
        }
        let unfit = |error: super::WireError| Misfit::whole(error.to_string());
        self.guard.check(&value.to_json().map_err(unfit)?)?;
        let texts = match (value, self.location) {
            (Value::List(items), Location::Query) => {
                items.iter().map(|item| item.to_text().map_err(unfit)).collect::<Result<Vec<_>, _>>()?
            }
            (one, _) => vec![one.to_text().map_err(unfit)?],
        };
        match self.location {
            // An empty or dotted segment would be another path after normalisation.
            Location::Path if texts.iter().any(|text| matches!(text.as_str(), "" | "." | "..")) => {
                Err(Misfit::whole("a path parameter may not be empty, `.` or `..`"))
            }
            Location::Header if texts.iter().any(|text| !is_field_value(text)) => {
                Err(Misfit::whole("a header takes visible ASCII characters only"))
            }
            _ => Ok(texts),
        }
    }
}

/// RFC 9110 field values, without obsolete bytes and without space at the ends, which is not kept.
fn is_field_value(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn holds(ty: &Type, kind: fn(&Type) -> bool) -> bool {
    match ty {
        Type::Union { of } => of.iter().any(|one| holds(one, kind)),
        one => kind(one),
    }
}

fn is_list(ty: &Type) -> bool {
    matches!(ty, Type::List { .. })
}

fn is_object(ty: &Type) -> bool {
    matches!(ty, Type::Record(_) | Type::Map { .. })
}

//! Response headers: what they hold, and how they are read.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::contract::{Contract, compile};
use super::guard::{Guard, GuardError};
use super::{Field, Members, Misfit, RecordType, Type, Value};
use crate::documents::{HeaderView, OperationView, StatusRange};

/// A header longer than this is not read, bytes.
pub const HEADER_BYTES: usize = 16 << 10;

/// A documented response header.
#[derive(Debug)]
pub struct Header {
    /// Its name as declared.
    pub name: String,
    /// Whether it is always there.
    pub required: bool,
    /// What it holds; a string where that is not said.
    pub ty: Type,
    /// JSON pointer of its declaration.
    pub pointer: String,
    guard: Guard,
}

impl Header {
    pub(super) fn read(view: &OperationView, name: &str, header: &HeaderView) -> Result<Header, GuardError> {
        let (ty, guard) = match header.schema.as_deref() {
            None => (Type::string(), Guard::open()),
            Some(pointer) => compile(view, Some(pointer)).map(|(schema, guard)| (schema.ty, guard))?,
        };
        // What says nothing of its type is text.
        let ty = if ty.is_any() { Type::string() } else { ty };
        let pointer = header.pointer.clone();
        Ok(Header { name: name.to_owned(), required: header.required, ty, pointer, guard })
    }

    /// Reads a value in the style `simple`: a list's items stand between commas, a record's members as `name,value` or
    /// `name=value`.
    pub fn decode(&self, text: &str) -> Result<Value, Misfit> {
        if text.len() > HEADER_BYTES {
            return Err(Misfit::whole(format!("it has more than {HEADER_BYTES} bytes")));
        }
        let json = self.json(text).ok_or_else(|| Misfit::whole(format!("it is no `{}`", self.ty)))?;
        self.guard.check(&json)?;
        Value::decode(&self.ty, &json)
    }

    fn json(&self, text: &str) -> Option<Json> {
        let alternatives = match &self.ty {
            Type::Union { of } => of.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut read = alternatives.iter().filter_map(|ty| json_of(ty, text));
        let first = read.next()?;
        if alternatives.len() == 1 || self.guard.check(&first).is_ok() {
            return Some(first);
        }
        Some(read.find(|json| self.guard.check(json).is_ok()).unwrap_or(first))
    }
}

fn json_of(ty: &Type, text: &str) -> Option<Json> {
    let text = text.trim_matches([' ', '\t']);
    match ty {
        Type::Never => None,
        Type::Null => text.is_empty().then_some(Json::Null),
        Type::Bool => text.parse().ok().map(Json::Bool),
        // A number of JSON and nothing else: no `+1`, no `0x10`, no `NaN`.
        Type::Int { .. } | Type::Number | Type::Decimal => {
            serde_json::from_str::<serde_json::Number>(text).ok().map(Json::Number)
        }
        Type::List { .. } if text.is_empty() => Some(Json::Array(Vec::new())),
        Type::List { of } => {
            text.split(',').map(|item| json_of(of, item)).collect::<Option<_>>().map(Json::Array)
        }
        Type::Map { of } => members(text, &|_| Some(&**of)),
        Type::Record(RecordType { fields, others }) => {
            members(text, &|name| match (fields.get(name), others) {
                (Some(field), _) => Some(&field.ty),
                (None, Members::Of(of)) => Some(&**of),
                (None, Members::Open) => Some(&Type::String { values: None }),
                (None, Members::Closed) => None,
            })
        }
        Type::Union { of } => of.iter().find_map(|ty| json_of(ty, text)),
        Type::Optional { of } => json_of(of, text),
        _ => Some(Json::String(text.to_owned())),
    }
}

fn members<'t>(text: &str, ty: &dyn Fn(&str) -> Option<&'t Type>) -> Option<Json> {
    let mut members = serde_json::Map::new();
    let parts: Vec<&str> = text.split(',').map(|part| part.trim_matches([' ', '\t'])).collect();
    let exploded = parts.iter().all(|part| part.contains('='));
    let pairs: Vec<(&str, &str)> = if text.is_empty() {
        Vec::new()
    } else if exploded {
        parts.iter().filter_map(|part| part.split_once('=')).collect()
    } else {
        let (pairs, rest) = parts.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        pairs.iter().map(|[name, value]| (*name, *value)).collect()
    };
    for (name, value) in pairs {
        let value = json_of(ty(name)?, value)?;
        if members.insert(name.to_owned(), value).is_some() {
            return None;
        }
    }
    Some(Json::Object(members))
}

impl Contract {
    /// The statuses of documented successes.
    pub fn success_status(&self) -> Type {
        let range = |low: i64, high: i64| Type::Int { minimum: Some(low), maximum: Some(high) };
        let statuses = self.successes().map(|response| match response.status {
            StatusRange::Exact(status) => range(status.into(), status.into()),
            StatusRange::Class(_) | StatusRange::Default => range(200, 299),
        });
        Type::union(statuses.collect())
    }

    /// The documented headers of successes, by the name as the first of them spells it. One is required where every success
    /// says so.
    pub fn success_headers(&self) -> BTreeMap<String, Field> {
        let successes: Vec<_> = self.successes().collect();
        let mut found: Vec<(&str, Vec<Type>, usize)> = Vec::new();
        for header in successes.iter().flat_map(|response| &response.headers) {
            let required = usize::from(header.required);
            match found.iter_mut().find(|(name, ..)| name.eq_ignore_ascii_case(&header.name)) {
                Some((_, types, count)) => {
                    types.push(header.ty.clone());
                    *count += required;
                }
                None => found.push((&header.name, vec![header.ty.clone()], required)),
            }
        }
        let field = |(name, types, required): (&str, Vec<Type>, usize)| {
            (name.to_owned(), Field { ty: Type::union(types), required: required == successes.len() })
        };
        found.into_iter().map(field).collect()
    }

    /// The named headers of a success, as a record. `sent` has lower-case names. One that is not documented for this status,
    /// or that is optional and was not sent, is left out.
    pub fn decode_headers(
        &self,
        status: u16,
        names: &[String],
        sent: &BTreeMap<String, String>,
    ) -> Result<Value, Misfit> {
        let documented =
            self.response(status).map(|response| response.headers.as_slice()).unwrap_or_default();
        let mut members = BTreeMap::new();
        for name in names {
            let Some(header) = documented.iter().find(|header| header.name.eq_ignore_ascii_case(name)) else {
                continue;
            };
            match sent.get(&name.to_ascii_lowercase()) {
                Some(text) => {
                    let value = header
                        .decode(text)
                        .map_err(|misfit| Misfit::whole(format!("the header `{name}`: {misfit}")))?;
                    members.insert(name.clone(), value);
                }
                None if header.required => {
                    return Err(Misfit::whole(format!("the header `{name}` is missing")));
                }
                None => {}
            }
        }
        Ok(Value::Record(members))
    }
}

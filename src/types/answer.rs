//! What a success answer has beside its body: its status and its headers.

use std::collections::BTreeMap;

use super::{Contract, Field, Misfit, Type, Value};
use crate::documents::StatusRange;

/// A header longer than this is not read, bytes.
pub const HEADER_BYTES: usize = 16 << 10;

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

    /// Some headers of a success, by the names of [`Contract::success_headers`], as a record. `sent` has lower-case names. One
    /// that is not documented for this status, or that is optional and was not sent, is left out.
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
            let misfit = |why: String| Misfit::whole(format!("the header `{name}` {why}"));
            match sent.get(&name.to_ascii_lowercase()) {
                Some(text) if text.len() > HEADER_BYTES => {
                    return Err(misfit(format!("has more than {HEADER_BYTES} bytes")));
                }
                Some(text) => {
                    let value =
                        header.decode(text).map_err(|error| misfit(format!("does not fit: {error}")))?;
                    members.insert(name.clone(), value);
                }
                None if header.required => return Err(misfit("is missing".into())),
                None => {}
            }
        }
        Ok(Value::Record(members))
    }
}

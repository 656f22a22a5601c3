//! How what was written in a style is read back: the exact reverse of writing, steered by the type that is expected.

use serde_json::{Map, Value as Json};

use super::style::{Kind, Place, Style};
use super::{Members, Misfit, Type};
use crate::base::{json::read_strict, limits};
use crate::documents::Location;

/// Percent-decoding (RFC 3986, section 2.1), `+` for space where `plus`; `None` for broken escapes or what is no UTF-8.
pub fn percent_decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'%' => {
                let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
                let value = digit(rest.next())? * 16 + digit(rest.next())?;
                bytes.push(u8::try_from(value).ok()?);
            }
            b'+' if plus => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

impl Style {
    fn plus(&self) -> bool {
        matches!(self.place, Place::Form | Place::At(Location::Query))
    }

    fn decode(&self, text: &str) -> Result<String, Misfit> {
        if self.place == Place::At(Location::Header) {
            return Ok(text.trim().to_owned());
        }
        percent_decode(text, self.plus()).ok_or_else(|| Misfit::whole("it is not percent-encoded UTF-8"))
    }

    /// Reads the text of a path segment or of a header.
    pub(super) fn read_text(&self, text: &str, ty: &Type) -> Result<Json, Misfit> {
        let unfit = || Misfit::whole(format!("it does not stand in its style for `{}`", self.name));
        match self.kind {
            Kind::Json => self.read_json(text),
            Kind::Label => {
                let text = text.strip_prefix('.').ok_or_else(unfit)?;
                self.read_delimited(text, if self.explode { "." } else { "," }, ty)
            }
            Kind::Matrix => {
                let pairs: Vec<(&str, &str)> = text
                    .strip_prefix(';')
                    .ok_or_else(unfit)?
                    .split(';')
                    .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                    .collect();
                match (self.explode, is_list(ty), is_object(ty), pairs.as_slice()) {
                    (true, true, _, pairs) => {
                        let item = item_type(ty);
                        let items = pairs.iter().map(|(name, text)| {
                            if self.decode(name)? != self.name {
                                return Err(unfit());
                            }
                            Ok(scalar(&item, self.decode(text)?))
                        });
                        items.collect::<Result<_, _>>().map(Json::Array)
                    }
                    (true, false, true, pairs) => {
                        let members = pairs.iter().map(|(name, text)| {
                            let name = self.decode(name)?;
                            let value = scalar(&member_type(ty, &name), self.decode(text)?);
                            Ok((name, value))
                        });
                        members.collect::<Result<Map<_, _>, _>>().map(Json::Object)
                    }
                    (_, _, _, [(name, text)]) if self.decode(name)? == self.name => {
                        self.read_delimited(text, ",", ty)
                    }
                    _ => Err(unfit()),
                }
            }
            _ => self.read_delimited(text, ",", ty),
        }
    }

    fn read_json(&self, text: &str) -> Result<Json, Misfit> {
        let text = self.decode(text)?;
        read_strict(text.as_bytes()).map_err(|_| Misfit::whole("it is no strict JSON text"))
    }

    /// A value whose parts stand in one text.
    fn read_delimited(&self, text: &str, delimiter: &str, ty: &Type) -> Result<Json, Misfit> {
        if is_list(ty) {
            let item = item_type(ty);
            let items = text.split(delimiter).map(|part| Ok(scalar(&item, self.decode(part)?)));
            return items.collect::<Result<_, _>>().map(Json::Array);
        }
        if !is_object(ty) {
            return Ok(scalar(ty, self.decode(text)?));
        }
        let mut members = Map::new();
        let mut parts = text.split(delimiter);
        let joined = self.explode && matches!(self.kind, Kind::Simple | Kind::Label);
        while let Some(part) = parts.next() {
            let pair = if joined { part.split_once('=') } else { parts.next().map(|text| (part, text)) };
            let (name, text) = pair.ok_or_else(|| Misfit::whole("its members are not pairs"))?;
            let name = self.decode(name)?;
            let value = scalar(&member_type(ty, &name), self.decode(text)?);
            if members.insert(name, value).is_some() {
                return Err(Misfit::whole("a member stands there more than once"));
            }
        }
        Ok(Json::Object(members))
    }

    /// How surely a pair of this (decoded) name is part of this value: 0 not at all.
    fn claims(&self, name: &str, ty: &Type) -> u8 {
        if name == self.name && !(self.spreads(ty)) {
            return 3;
        }
        if self.kind == Kind::Deep
            && name.strip_prefix(self.name.as_str()).is_some_and(|rest| rest.starts_with('['))
        {
            return 3;
        }
        if !self.spreads(ty) {
            return 0;
        }
        let open = ty.alternatives().iter().any(|one| match one {
            Type::Record(record) => record.others != Members::Closed,
            Type::Map { .. } | Type::Unknown { .. } => true,
            _ => false,
        });
        let declared = ty
            .alternatives()
            .iter()
            .any(|one| matches!(one, Type::Record(record) if record.fields.contains_key(name)));
        if declared { 2 } else { u8::from(open) }
    }

    /// Whether the members of a value stand there under their own names.
    fn spreads(&self, ty: &Type) -> bool {
        self.kind == Kind::Form && self.explode && is_object(ty) && !is_list(ty)
    }

    fn read_own(&self, pairs: &[(String, &str)], ty: &Type) -> Result<Option<Json>, Misfit> {
        let single = || match pairs {
            [(_, text)] => Ok(*text),
            _ => Err(Misfit::whole("it stands there more than once")),
        };
        if pairs.is_empty() {
            return Ok(None);
        }
        let value = match self.kind {
            Kind::Json => self.read_json(single()?)?,
            Kind::Deep => return self.read_deep(pairs, ty).map(Some),
            Kind::Plain => {
                let inner = if is_list(ty) { item_type(ty) } else { ty.clone() };
                let texts = pairs.iter().map(|(_, text)| match scalar(&inner, self.decode(text)?) {
                    Json::String(text) if is_list(&inner) || is_object(&inner) => {
                        read_strict(text.as_bytes()).map_err(|_| Misfit::whole("it is no strict JSON text"))
                    }
                    one => Ok(one),
                });
                let mut texts = texts.collect::<Result<Vec<_>, Misfit>>()?;
                match (is_list(ty), texts.len()) {
                    (true, _) => Json::Array(texts),
                    (false, 1) => texts.pop().unwrap_or_default(),
                    _ => return Err(Misfit::whole("it stands there more than once")),
                }
            }
            Kind::Form if self.explode && is_list(ty) => {
                let item = item_type(ty);
                let items = pairs.iter().map(|(_, text)| Ok(scalar(&item, self.decode(text)?)));
                Json::Array(items.collect::<Result<_, Misfit>>()?)
            }
            Kind::Form if self.spreads(ty) => {
                let mut members = Map::new();
                for (name, text) in pairs {
                    let value = scalar(&member_type(ty, name), self.decode(text)?);
                    if members.insert(name.clone(), value).is_some() {
                        return Err(Misfit::whole("a member stands there more than once"));
                    }
                }
                Json::Object(members)
            }
            Kind::Space => {
                let text = single()?.replace("%20", "+");
                self.read_delimited(&text, "+", ty)?
            }
            Kind::Pipe => {
                let text = single()?.replace("%7C", "|").replace("%7c", "|");
                self.read_delimited(&text, "|", ty)?
            }
            _ => self.read_delimited(single()?, ",", ty)?,
        };
        Ok(Some(value))
    }

    fn read_deep(&self, pairs: &[(String, &str)], ty: &Type) -> Result<Json, Misfit> {
        let mut tree = Deep::default();
        for (name, text) in pairs {
            let rest = name.strip_prefix(self.name.as_str()).unwrap_or_default();
            let mut keys = Vec::new();
            let mut left = rest;
            while !left.is_empty() {
                let inside = left.strip_prefix('[').and_then(|inside| inside.split_once(']'));
                let (key, after) = inside.ok_or_else(|| Misfit::whole("its brackets don't close"))?;
                keys.push(key);
                left = after;
            }
            if keys.len() > limits::DOCUMENT_DEPTH {
                return Err(Misfit::whole("it is nested too deep"));
            }
            tree.put(&keys, self.decode(text)?)?;
        }
        tree.value(ty)
    }
}

/// Bracket nesting as it is read.
#[derive(Default)]
struct Deep {
    text: Option<String>,
    inner: Vec<(String, Deep)>,
}

impl Deep {
    fn put(&mut self, keys: &[&str], text: String) -> Result<(), Misfit> {
        let twice = || Misfit::whole("it stands there more than once");
        let Some((key, rest)) = keys.split_first() else {
            let free = self.text.is_none() && self.inner.is_empty();
            self.text = Some(text);
            return free.then_some(()).ok_or_else(twice);
        };
        if self.text.is_some() {
            return Err(twice());
        }
        // `a[]` appends.
        let known = self.inner.iter().position(|(known, _)| known == key && !key.is_empty());
        match known.and_then(|at| self.inner.get_mut(at)) {
            Some((_, inner)) => inner.put(rest, text),
            None => {
                let mut inner = Deep::default();
                inner.put(rest, text)?;
                self.inner.push(((*key).to_owned(), inner));
                Ok(())
            }
        }
    }

    fn value(mut self, ty: &Type) -> Result<Json, Misfit> {
        if let Some(text) = self.text {
            return Ok(scalar(ty, text));
        }
        let numbered = |(key, _): &(String, Deep)| key.bytes().all(|byte| byte.is_ascii_digit());
        if self.inner.iter().all(numbered) {
            // Places say the order; only the appended ones have none.
            self.inner.sort_by_key(|(key, _)| key.parse::<u64>().unwrap_or(u64::MAX));
            let item = item_type(ty);
            let items = self.inner.into_iter().map(|(_, inner)| inner.value(&item));
            return items.collect::<Result<_, _>>().map(Json::Array);
        }
        let members = self.inner.into_iter().map(|(name, inner)| {
            let value = inner.value(&member_type(ty, &name)).map_err(|misfit| misfit.under("{}"))?;
            Ok((name, value))
        });
        members.collect::<Result<Map<_, _>, _>>().map(Json::Object)
    }
}

/// The raw pairs of a query or form: `a=1&b`.
pub(super) fn raw_pairs<'t>(text: &'t str, between: &str) -> Vec<(&'t str, &'t str)> {
    let pairs = text.split(between).map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()
}

/// Deals raw pairs out to the values they are parts of: a value or nothing for each style, and the names that belong to none.
pub(super) fn read_pairs(
    styles: &[(&Style, &Type)],
    pairs: &[(&str, &str)],
) -> (Vec<Result<Option<Json>, Misfit>>, Vec<String>) {
    let mut own: Vec<Vec<(String, &str)>> = styles.iter().map(|_| Vec::new()).collect();
    let mut unknown = Vec::new();
    for (raw, text) in pairs {
        let plus = styles.first().is_some_and(|(style, _)| style.plus());
        let name = percent_decode(raw, plus).unwrap_or_else(|| (*raw).to_owned());
        let best = styles
            .iter()
            .enumerate()
            .map(|(index, (style, ty))| (style.claims(&name, ty), index))
            .filter(|(claim, _)| *claim > 0)
            .max_by_key(|(claim, index)| (*claim, usize::MAX - index));
        match best.and_then(|(_, index)| own.get_mut(index)) {
            Some(mine) => mine.push((name, text)),
            None => unknown.push(name),
        }
    }
    let values = styles.iter().zip(own).map(|((style, ty), own)| style.read_own(&own, ty)).collect();
    (values, unknown)
}

pub(super) fn is_list(ty: &Type) -> bool {
    match ty {
        Type::Union { of } => of.iter().any(is_list),
        Type::Optional { of } => is_list(of),
        one => matches!(one, Type::List { .. }),
    }
}

pub(super) fn is_object(ty: &Type) -> bool {
    match ty {
        Type::Union { of } => of.iter().any(is_object),
        Type::Optional { of } => is_object(of),
        one => matches!(one, Type::Record(_) | Type::Map { .. }),
    }
}

fn item_type(ty: &Type) -> Type {
    let items = ty.alternatives().iter().filter_map(|one| match one {
        Type::List { of } => Some((**of).clone()),
        Type::Unknown { .. } => Some(one.clone()),
        _ => None,
    });
    Type::union(items.collect())
}

pub(super) fn member_type(ty: &Type, name: &str) -> Type {
    let members = ty.alternatives().iter().filter_map(|one| match one {
        Type::Record(record) => match (record.fields.get(name), &record.others) {
            (Some(field), _) => Some(field.ty.clone()),
            (None, Members::Of(of)) => Some((**of).clone()),
            (None, _) => None,
        },
        Type::Map { of } => Some((**of).clone()),
        _ => None,
    });
    Type::union(members.collect())
}

/// A text as what its type says; text stays text where it is nothing else, and the schema then judges it.
fn scalar(ty: &Type, text: String) -> Json {
    let alternatives = ty.alternatives();
    let literal = |one: &Type| matches!(one, Type::String { values: Some(values) } if values.contains(&text));
    if alternatives.iter().any(literal) {
        return Json::String(text);
    }
    let numeric = |one: &Type| matches!(one, Type::Int { .. } | Type::Number | Type::Decimal);
    if alternatives.iter().any(numeric)
        && let Ok(number) = read_strict(text.as_bytes())
        && number.is_number()
    {
        return number;
    }
    match text.as_str() {
        "true" | "false" if alternatives.contains(&Type::Bool) => Json::Bool(text == "true"),
        _ => Json::String(text),
    }
}

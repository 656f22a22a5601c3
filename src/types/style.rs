//! How one named value is written into a request, and read back: the styles of OpenAPI 3 (style values table of 3.0.4 and
//! 3.1.1, which follow RFC 6570), JSON text, and bracket nesting.
//!
//! Reading is the exact reverse of writing: what could not be told apart by a reader is refused by the writer.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::{Members, Misfit, Type};
use crate::base::{canonical_json, json::read_strict, limits};
use crate::documents::Location;

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A parameter's location.
    At(Location),
    /// A form body.
    Form,
}

/// The shape of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Simple,
    Label,
    Matrix,
    Form,
    Space,
    Pipe,
    Deep,
    /// One JSON text: a parameter described by `content`.
    Json,
    /// A form's property without a style: text, JSON for objects, repetition for lists.
    Plain,
}

/// How one named value is written.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) explode: bool,
    pub(super) reserved: bool,
    pub(super) place: Place,
}

impl Style {
    /// The style of a name at a place; an error says which combination OpenAPI does not define.
    pub(super) fn new(
        name: &str,
        place: Place,
        style: &str,
        explode: bool,
        reserved: bool,
    ) -> Result<Style, String> {
        use Location::{Cookie, Header, Path, Query};
        let kind = match (style, place) {
            ("simple", Place::At(Path | Header)) => Kind::Simple,
            ("label", Place::At(Path)) => Kind::Label,
            ("matrix", Place::At(Path)) => Kind::Matrix,
            ("form", Place::At(Query | Cookie) | Place::Form) => Kind::Form,
            ("spaceDelimited", Place::At(Query) | Place::Form) => Kind::Space,
            ("pipeDelimited", Place::At(Query) | Place::Form) => Kind::Pipe,
            ("deepObject", Place::At(Query) | Place::Form) => Kind::Deep,
            (_, Place::At(location)) => {
                return Err(format!("the style {style} for a {} parameter", location.as_str()));
            }
            (_, Place::Form) => return Err(format!("the style {style} in a form")),
        };
        if explode && matches!(kind, Kind::Space | Kind::Pipe) {
            return Err(format!("the style {style} with explode: true"));
        }
        let reserved = reserved && matches!(place, Place::At(Query));
        Ok(Style { name: name.to_owned(), kind, explode, reserved, place })
    }

    pub(super) fn json(name: &str, place: Place) -> Style {
        Style { name: name.to_owned(), kind: Kind::Json, explode: false, reserved: false, place }
    }

    pub(super) fn plain(name: &str) -> Style {
        Style { name: name.to_owned(), kind: Kind::Plain, explode: true, reserved: false, place: Place::Form }
    }

    /// The text of a value: the whole of what stands for it, its name included where the style writes it. `None` for an
    /// empty list or record, which RFC 6570 leaves out.
    pub(super) fn write(&self, value: &Json) -> Result<Option<String>, Misfit> {
        let text = match self.kind {
            Kind::Json => {
                let text = canonical_json(value).map_err(|_| Misfit::whole("it has no JSON text"))?;
                return Ok(Some(self.pair(&self.escape(&text)?)));
            }
            Kind::Plain => return self.plain_pairs(value),
            Kind::Deep => {
                let mut pairs = Vec::new();
                self.deep(&self.escape(&self.name)?, value, &mut pairs, 0)?;
                return Ok(Some(pairs.join("&")).filter(|text| !text.is_empty()));
            }
            _ => match value {
                Json::Array(items) => {
                    let texts = items.iter().map(|item| self.part(item)).collect::<Result<Vec<_>, _>>()?;
                    self.list(&texts)
                }
                Json::Object(members) => {
                    let texts = members
                        .iter()
                        .map(|(name, member)| {
                            Ok((self.member(name)?, self.part(member).map_err(|misfit| misfit.under("{}"))?))
                        })
                        .collect::<Result<Vec<_>, Misfit>>()?;
                    self.object(&texts)
                }
                _ if matches!(self.kind, Kind::Space | Kind::Pipe) => {
                    return Err(Misfit::whole("its style takes a list or a record only"));
                }
                one => Some(self.one(&self.escape(&scalar_text(one)?)?)),
            },
        };
        Ok(text)
    }

    fn pair(&self, text: &str) -> String {
        match self.place {
            Place::At(Location::Path | Location::Header) => text.to_owned(),
            _ => format!("{}={text}", self.escape(&self.name).unwrap_or_default()),
        }
    }

    fn one(&self, text: &str) -> String {
        match self.kind {
            Kind::Label => format!(".{text}"),
            Kind::Matrix => matrix(&self.encoded_name(), text),
            _ => self.pair(text),
        }
    }

    fn list(&self, texts: &[String]) -> Option<String> {
        if texts.is_empty() {
            return None;
        }
        Some(match (self.kind, self.explode) {
            (Kind::Label, true) => format!(".{}", texts.join(".")),
            (Kind::Label, false) => format!(".{}", texts.join(",")),
            (Kind::Matrix, true) => texts.iter().map(|text| matrix(&self.encoded_name(), text)).collect(),
            (Kind::Matrix, false) => matrix(&self.encoded_name(), &texts.join(",")),
            (Kind::Form, true) => {
                let pairs: Vec<String> = texts.iter().map(|text| self.pair(text)).collect();
                pairs.join(self.between())
            }
            _ => self.pair(&texts.join(self.delimiter())),
        })
    }

    fn object(&self, texts: &[(String, String)]) -> Option<String> {
        if texts.is_empty() {
            return None;
        }
        let pairs = || texts.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>();
        let flat = |delimiter: &str| {
            let flat: Vec<&str> =
                texts.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]).collect();
            flat.join(delimiter)
        };
        Some(match (self.kind, self.explode) {
            (Kind::Label, true) => format!(".{}", pairs().join(".")),
            (Kind::Label, false) => format!(".{}", flat(",")),
            (Kind::Matrix, true) => texts.iter().map(|(name, text)| matrix(name, text)).collect(),
            (Kind::Matrix, false) => matrix(&self.encoded_name(), &flat(",")),
            (Kind::Form, true) => pairs().join(self.between()),
            (Kind::Simple, true) => pairs().join(","),
            _ => self.pair(&flat(self.delimiter())),
        })
    }

    fn encoded_name(&self) -> String {
        self.escape(&self.name).unwrap_or_default()
    }

    fn delimiter(&self) -> &'static str {
        match (self.kind, self.place) {
            (Kind::Space, Place::Form) => "+",
            (Kind::Space, _) => "%20",
            (Kind::Pipe, _) => "%7C",
            _ => ",",
        }
    }

    /// What stands between the pairs of an exploded value: cookies are pairs of one header (RFC 6265).
    fn between(&self) -> &'static str {
        if self.place == Place::At(Location::Cookie) { "; " } else { "&" }
    }

    /// A list's item or a record's member, which no style but bracket nesting takes apart any further.
    fn part(&self, value: &Json) -> Result<String, Misfit> {
        if value.is_array() || value.is_object() {
            return Err(Misfit::whole("its style has no form for a list or record inside another"));
        }
        let text = scalar_text(value)?;
        let refused = match (self.kind, self.place) {
            (Kind::Space, _) => text.contains(' '),
            (Kind::Pipe, _) => text.contains('|'),
            (_, Place::At(Location::Header)) => text.contains(',') || text.trim() != text || text.is_empty(),
            _ => false,
        };
        if refused {
            return Err(Misfit::whole("it contains what its style puts between items, or is empty"));
        }
        self.escape_part(&text)
    }

    fn member(&self, name: &str) -> Result<String, Misfit> {
        let text = self.part(&Json::String(name.to_owned()))?;
        if name.is_empty() || self.place == Place::At(Location::Header) && name.contains('=') {
            return Err(Misfit::whole("a member's name has no form in its style"));
        }
        Ok(text)
    }

    fn escape_part(&self, text: &str) -> Result<String, Misfit> {
        let escaped = self.escape(text)?;
        Ok(match (self.kind, self.explode) {
            // A point in an item is no point between items.
            (Kind::Label, true) => escaped.replace('.', "%2E"),
            // As a delimiter the comma is itself; in an item it is not.
            (_, false) if self.reserved => escaped.replace(',', "%2C"),
            _ => escaped,
        })
    }

    fn escape(&self, text: &str) -> Result<String, Misfit> {
        match self.place {
            Place::At(Location::Header) if is_field_value(text) => Ok(text.to_owned()),
            Place::At(Location::Header) => Err(Misfit::whole("a header takes visible ASCII characters only")),
            Place::At(Location::Cookie) if text.chars().any(char::is_control) => {
                Err(Misfit::whole("a cookie takes no control characters"))
            }
            Place::Form => Ok(percent_encode(text, "").replace("%20", "+")),
            _ if self.reserved => Ok(percent_encode(text, "/?:@!$'()*,;")),
            _ => Ok(percent_encode(text, "")),
        }
    }

    /// Bracket nesting, as Stripe and the `qs` library read it: `a[b][0][c]=1`.
    fn deep(&self, at: &str, value: &Json, pairs: &mut Vec<String>, depth: usize) -> Result<(), Misfit> {
        if depth > limits::DOCUMENT_DEPTH {
            return Err(Misfit::whole("it is nested too deep"));
        }
        let inner = |key: &str| format!("{at}%5B{key}%5D");
        match value {
            Json::Array(items) if items.is_empty() && depth > 0 => Err(nothing("list")),
            Json::Object(members) if members.is_empty() && depth > 0 => Err(nothing("record")),
            Json::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                let inside = self.deep(&inner(&index.to_string()), item, pairs, depth + 1);
                inside.map_err(|misfit| misfit.under(&format!("[{index}]")))
            }),
            Json::Object(members) => members.iter().try_for_each(|(name, member)| {
                // A reader takes a record whose names are all numbers for a list.
                if name.is_empty() || name.contains(['[', ']']) || name.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(Misfit::whole("a member's name has no form between brackets"));
                }
                let inside = self.deep(&inner(&self.escape(name)?), member, pairs, depth + 1);
                inside.map_err(|misfit| misfit.under("{}"))
            }),
            one => {
                pairs.push(format!("{at}={}", self.escape(&scalar_text(one)?)?));
                Ok(())
            }
        }
    }

    fn plain_pairs(&self, value: &Json) -> Result<Option<String>, Misfit> {
        let text = |value: &Json| match value {
            Json::Array(_) | Json::Object(_) => {
                canonical_json(value).map_err(|_| Misfit::whole("it has no JSON text"))
            }
            one => scalar_text(one),
        };
        match value {
            Json::Array(items) => {
                let pairs = items.iter().map(|item| Ok(self.pair(&self.escape(&text(item)?)?)));
                let pairs: Vec<String> = pairs.collect::<Result<_, Misfit>>()?;
                Ok(Some(pairs.join("&")).filter(|text| !text.is_empty()))
            }
            one => Ok(Some(self.pair(&self.escape(&text(one)?)?))),
        }
    }
}

/// What an empty list or record means inside brackets is not defined anywhere.
fn nothing(kind: &str) -> Misfit {
    Misfit::whole(format!("an empty {kind} has no form here; leave it out"))
}

/// RFC 6570: an empty value leaves its `=` out.
fn matrix(name: &str, text: &str) -> String {
    if text.is_empty() { format!(";{name}") } else { format!(";{name}={text}") }
}

/// The text of a JSON value that is no list, record or null.
pub(super) fn scalar_text(value: &Json) -> Result<String, Misfit> {
    match value {
        Json::Bool(value) => Ok(value.to_string()),
        Json::String(text) => Ok(text.clone()),
        Json::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Json::Number(_) => canonical_json(value).map_err(|_| Misfit::whole("the number has no text form")),
        Json::Null => Err(Misfit::whole("null has no text form")),
        Json::Array(_) => Err(Misfit::whole("a list has no text form")),
        Json::Object(_) => Err(Misfit::whole("a record has no text form")),
    }
}

/// RFC 9110 field values, without obsolete bytes and without space at the ends, which is not kept.
pub(super) fn is_field_value(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Percent-encodes all but the unreserved characters of RFC 3986 and some more.
pub(super) fn percent_encode(text: &str, more: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            byte if byte.is_ascii() && more.contains(char::from(byte)) => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

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

// Reading.

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

#[cfg(test)]
#[path = "style_tests.rs"]
mod tests;

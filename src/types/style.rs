//! How one named value is written into a request: the styles of OpenAPI 3 (style values table of 3.0.4 and 3.1.1, which
//! follow RFC 6570), JSON text, and bracket nesting. What a reader could not tell apart is refused.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::Misfit;
use crate::base::{canonical_json, limits};
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
            _ if self.reserved => Ok(encode_but_reserved(text)),
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

/// With `allowReserved`: what would not end the value stays, and so do percent-encoded triples (RFC 6570, section 1.5).
fn encode_but_reserved(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut parts = text.split('%');
    encoded.push_str(&percent_encode(parts.next().unwrap_or(""), RESERVED));
    for part in parts {
        let triple = part.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        encoded.push_str(if triple { "%" } else { "%25" });
        encoded.push_str(&percent_encode(part, RESERVED));
    }
    encoded
}

/// Reserved characters that end no value of a query.
const RESERVED: &str = "/?:@!$'()*,;";

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

#[cfg(test)]
#[path = "style_tests.rs"]
mod tests;

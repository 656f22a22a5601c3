//! The strict JSON reader: I-JSON (RFC 7493) with places. Recursion is bounded by the limit on depth.

use indexmap::IndexMap;
use indexmap::map::Entry;

use super::node::{Member, Node, NodeValue, Report, Stop};
use super::number;
use crate::base::limits;
use crate::diagnostics::{Diagnostic, Sink, codes::documents as codes};
use crate::source::{FileId, Span};

/// Reads one JSON text. `None` exactly where an error was reported.
pub(super) fn read(text: &str, file: FileId, sink: &mut Sink) -> Option<Node> {
    let mut reader = Reader { text, at: 0, report: Report::new(file, sink) };
    let node = reader.whole().ok()?;
    reader.report.is_clean().then_some(node)
}

struct Reader<'t, 's> {
    text: &'t str,
    at: usize,
    report: Report<'s>,
}

impl Reader<'_, '_> {
    fn whole(&mut self) -> Result<Node, Stop> {
        let node = self.value(0)?;
        self.space();
        if self.at < self.text.len() {
            return Err(self.unexpected("the end of the text"));
        }
        Ok(node)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn span_from(&self, start: usize) -> Span {
        self.report.span(start, self.at)
    }

    fn unexpected(&mut self, wanted: &str) -> Stop {
        let rest = self.text.get(self.at..).unwrap_or("");
        let found = rest.chars().next();
        let span = self.report.span(self.at, self.at + found.map_or(0, char::len_utf8));
        let found =
            found.map_or("the end of the text".to_owned(), |found| format!("`{}`", found.escape_debug()));
        self.report.stop(&codes::SYNTAX, span, format!("expected {wanted}, found {found}"))
    }

    fn value(&mut self, depth: usize) -> Result<Node, Stop> {
        self.space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth + 1 >= limits::DOCUMENT_DEPTH => {
                let span = self.report.span(start, start + 1);
                let message = format!("nested deeper than {} levels", limits::DOCUMENT_DEPTH);
                return Err(self.report.stop(&codes::TOO_DEEP, span, message));
            }
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => NodeValue::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z') => self.word()?,
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Node { span: self.span_from(start), value })
    }

    fn object(&mut self, depth: usize) -> Result<NodeValue, Stop> {
        self.at += 1;
        let mut members: IndexMap<String, Member> = IndexMap::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(NodeValue::Object(members));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a member's name in double quotes"));
            }
            let name = self.string()?;
            let key = self.span_from(start);
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            insert(&mut self.report, &mut members, name, Member { key, value })?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(NodeValue::Object(members));
                }
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<NodeValue, Stop> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(NodeValue::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(NodeValue::Array(items));
                }
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
    }

    fn word(&mut self) -> Result<NodeValue, Stop> {
        let start = self.at;
        while matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_')) {
            self.at += 1;
        }
        match self.text.get(start..self.at) {
            Some("null") => Ok(NodeValue::Null),
            Some("true") => Ok(NodeValue::Bool(true)),
            Some("false") => Ok(NodeValue::Bool(false)),
            _ => {
                let span = self.span_from(start);
                Err(self.report.stop(&codes::SYNTAX, span, "expected a value, found a bare word"))
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<NodeValue, Stop> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            let span = self.span_from(start);
            return Err(self.report.stop(
                &codes::SYNTAX,
                span,
                "a number has digits, and no zero before others",
            ));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.unexpected("a digit"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected("a digit"));
            }
        }
        let span = self.span_from(start);
        match number::read(self.text.get(start..self.at).unwrap_or("")) {
            Ok(number) => Ok(NodeValue::Number(number)),
            Err(number::Lossy) => {
                self.report.push(lossy(span))?;
                Ok(NodeValue::Null)
            }
        }
    }

    fn string(&mut self) -> Result<String, Stop> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            // Stops only at ASCII bytes, so both ends are boundaries of characters.
            text.push_str(self.text.get(start..self.at).unwrap_or(""));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                None => {
                    let span = self.report.span(open, open + 1);
                    return Err(self.report.stop(&codes::SYNTAX, span, "this string has no end"));
                }
                Some(_) => {
                    return Err(self.unexpected("an escape such as `\\n` instead of a control character"));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let start = self.at;
        self.at += 1;
        let escape = self.peek();
        self.at += usize::from(escape.is_some());
        Ok(match escape {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => {
                self.at = start + 1;
                return Err(self.unexpected("one of the escapes of JSON"));
            }
        })
    }

    fn unicode(&mut self, start: usize) -> Result<char, Stop> {
        let first = self.hex()?;
        let code = match first {
            0xd800..0xdc00 if self.text.get(self.at..self.at + 2) == Some("\\u") => {
                let back = self.at;
                self.at += 2;
                match self.hex()? {
                    low @ 0xdc00..0xe000 => 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00),
                    _ => {
                        self.at = back;
                        first
                    }
                }
            }
            _ => first,
        };
        if let Some(character) = char::from_u32(code) {
            return Ok(character);
        }
        let span = self.span_from(start);
        let finding = Diagnostic::new(&codes::ENCODING, span, "half of a surrogate pair is no character")
            .help("write both halves, or the character itself");
        self.report.push(finding)?;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, Stop> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or("");
        match u32::from_str_radix(digits, 16) {
            Ok(code) if !digits.starts_with('+') => {
                self.at += 4;
                Ok(code)
            }
            _ => Err(self.unexpected("four hex digits")),
        }
    }
}

/// The finding about a number that does not survive.
pub(super) fn lossy(span: Span) -> Diagnostic {
    Diagnostic::new(&codes::LOSSY_NUMBER, span, "the value of this number does not survive a double")
        .note("readers round it differently, so that one document would have several hashes")
        .help("write fewer digits, or write it as a string in quotes")
}

/// Adds a member; a second one of the same name is reported and dropped.
pub(super) fn insert(
    report: &mut Report<'_>,
    members: &mut IndexMap<String, Member>,
    name: String,
    member: Member,
) -> Result<(), Stop> {
    match members.entry(name) {
        Entry::Vacant(vacant) => {
            vacant.insert(member);
            Ok(())
        }
        Entry::Occupied(first) => report.push(
            Diagnostic::new(
                &codes::DUPLICATE_KEY,
                member.key,
                format!("the key `{}` stands here twice", shown(first.key())),
            )
            .and(first.get().key, "first here")
            .note("readers disagree on which of the two counts"),
        ),
    }
}

/// A text of the document as it may stand in a message: one line, not long.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

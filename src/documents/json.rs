//! The strict JSON reader: I-JSON (RFC 7493) with places. Recursion is bounded by the limit on depth.

use std::ops::Range;

use super::number;
use super::report::{Report, Stop};
use super::tree::{Builder, Open, Tree, Written};
use crate::base::limits;
use crate::diagnostics::{Diagnostic, Sink, codes::documents as codes};
use crate::source::{FileId, Span, Text};

/// Reads one JSON text. `None` exactly where an error was reported.
pub(super) fn read(text: &Text, file: FileId, sink: &mut Sink) -> Option<Tree> {
    read_part(text, 0..text.len(), file, sink)
}

/// Reads one JSON text that stands in another. `None` exactly where an error was reported.
pub(super) fn read_part(text: &Text, part: Range<usize>, file: FileId, sink: &mut Sink) -> Option<Tree> {
    let builder = Builder::new(file, text.clone(), part.len(), true);
    let until = text.get(..part.end).unwrap_or(text);
    let mut reader = Reader { text: until, at: part.start, report: Report::new(file, sink), builder };
    reader.whole().ok()?;
    reader.report.is_clean().then(|| reader.builder.finish())
}

/// Bytes that end a run of a string's characters: its end, an escape, a control character.
const STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        #[expect(clippy::indexing_slicing, reason = "computed when compiling, within the array")]
        {
            stops[byte] = true;
        }
        byte += 1;
    }
    #[expect(clippy::indexing_slicing, reason = "computed when compiling, within the array")]
    {
        stops[b'"' as usize] = true;
        stops[b'\\' as usize] = true;
    }
    stops
};

struct Reader<'t, 's> {
    text: &'t str,
    at: usize,
    report: Report<'s>,
    builder: Builder,
}

impl Reader<'_, '_> {
    fn whole(&mut self) -> Result<(), Stop> {
        self.value(0)?;
        self.space();
        if self.at < self.text.len() {
            return Err(self.unexpected("the end of the text"));
        }
        Ok(())
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
        let help = "look at what stands before it: a comma, a colon or a bracket is missing, or one too many";
        self.report.stop_and(&codes::SYNTAX, span, format!("expected {wanted}, found {found}"), help)
    }

    fn value(&mut self, depth: usize) -> Result<(), Stop> {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'{' | b'[') if depth + 1 >= limits::DOCUMENT_DEPTH => {
                let span = self.report.span(start, start + 1);
                let message = format!("nested deeper than {} levels", limits::DOCUMENT_DEPTH - 1);
                Err(self.report.stop_and(&codes::TOO_DEEP, span, message, SHALLOWER))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'a'..=b'z') => self.word(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn close(&mut self, open: Open) -> Result<(), Stop> {
        self.at += 1;
        close(&mut self.builder, &mut self.report, open, self.at)
    }

    fn object(&mut self, depth: usize) -> Result<(), Stop> {
        let open = self.builder.open(self.at, true);
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            return self.close(open);
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a member's name in double quotes"));
            }
            self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            self.value(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.close(open),
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Stop> {
        let open = self.builder.open(self.at, false);
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            return self.close(open);
        }
        loop {
            self.value(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.close(open),
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
    }

    fn word(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_')) {
            self.at += 1;
        }
        match self.text.get(start..self.at) {
            Some("null") => self.builder.null(start, self.at),
            Some("true") => self.builder.bool(start, self.at, true),
            Some("false") => self.builder.bool(start, self.at, false),
            _ => {
                let span = self.span_from(start);
                return Err(self.report.stop(&codes::SYNTAX, span, "expected a value, found a bare word"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<(), Stop> {
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
        let plain = !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if plain && whole < 16 && !(leading_zero && self.at - start > 1) {
            self.builder.whole(start, self.at);
            return Ok(());
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
            Ok(number) => self.builder.number(start, self.at, number),
            Err(number::Lossy) => {
                self.report.push(lossy(span))?;
                self.builder.null(start, self.at);
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Stop> {
        let open = self.at;
        self.at += 1;
        let mut text: Option<String> = None;
        loop {
            let start = self.at;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            self.at += rest
                .iter()
                .position(|byte| STOPS.get(usize::from(*byte)) != Some(&false))
                .unwrap_or(rest.len());
            // Stops only at ASCII bytes, so both ends are boundaries of characters.
            let run = self.text.get(start..self.at).unwrap_or("");
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    match text {
                        None => self.builder.string(open, self.at, Written::Quoted),
                        Some(text) => self.builder.owned(open, self.at, text + run),
                    }
                    return Ok(());
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    let text = text.get_or_insert_default();
                    text.push_str(run);
                    text.push(character);
                }
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

/// What to do about a document that nests too deeply.
pub(super) const SHALLOWER: &str = "give parts of it a name under `components` and refer to them with `$ref`";

/// Closes a container; members that stand there twice are reported.
pub(super) fn close(
    builder: &mut Builder,
    report: &mut Report<'_>,
    open: Open,
    end: usize,
) -> Result<(), Stop> {
    let mut stopped = Ok(());
    builder.close(open, end, |key, first, second| {
        if stopped.is_err() {
            return;
        }
        let message = format!("the key `{}` stands here twice", shown(key));
        stopped = report.push(
            Diagnostic::new(&codes::DUPLICATE_KEY, second, message)
                .and(first, "first here")
                .note("readers disagree on which of the two counts")
                .help("remove one of the two"),
        );
    });
    stopped
}

/// A text of the document as it may stand in a message: one line, not long.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

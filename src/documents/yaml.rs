//! The strict YAML reader: 1.2 core schema over a parser's events, without what JSON has no counterpart for and without
//! what older readers take otherwise. Iterative; its nesting is bounded like JSON's.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde_json::Number;

use super::json::{SHALLOWER, close, lossy, shown};
use super::number;
use super::report::{Report, Stop};
use super::tree::{self, Tree, Written};
use crate::base::limits;
use crate::diagnostics::{Diagnostic, Sink, codes::documents as codes};
use crate::source::{FileId, Span, Text};

/// Values and keys of one text.
const MOST_NODES: usize = 4 << 20;
/// Brackets and commas of one text: the parser holds all of the outermost brackets before it tells of the first value.
const MOST_BRACKETS: usize = 2 << 20;
/// Other characters that begin or end something, for the same reason.
const MOST_INDICATORS: usize = 4 << 20;

/// Reads one YAML text. `None` exactly where an error was reported.
pub(super) fn read(text: &Text, file: FileId, sink: &mut Sink) -> Option<Tree> {
    read_within(text, file, sink, MOST_NODES)
}

fn read_within(text: &Text, file: FileId, sink: &mut Sink, nodes: usize) -> Option<Tree> {
    let mut reader = Reader {
        text,
        offsets: Offsets::new(text),
        report: Report::new(file, sink),
        builder: tree::Builder::new(file, text.clone(), text.len(), false),
        open: Vec::new(),
        documents: 0,
        nodes,
    };
    reader.whole().ok()?;
    reader.report.is_clean().then(|| reader.builder.finish())
}

/// A collection whose end has not come yet.
struct Open {
    cell: tree::Open,
    start: usize,
    object: bool,
    /// Whether a key has come and its value not yet.
    keyed: bool,
    /// The end of the last thing in it.
    last: usize,
}

/// What a plain scalar stands for.
#[derive(Debug, Clone, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
    String,
}

struct Reader<'t, 's> {
    text: &'t str,
    offsets: Offsets<'t>,
    report: Report<'s>,
    builder: tree::Builder,
    open: Vec<Open>,
    documents: usize,
    /// Values and keys that may still come.
    nodes: usize,
}

impl<'t> Reader<'t, '_> {
    fn whole(&mut self) -> Result<(), Stop> {
        for (at, character) in self.text.char_indices() {
            if matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}') {
                let span = self.report.span(at, at + character.len_utf8());
                self.report.push(
                    Trouble::Ambiguous("the end of a line").finding(character.encode_utf8(&mut [0; 4]), span),
                )?;
            }
        }
        self.few_indicators()?;
        let mut parser = Parser::new_from_str(self.text);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => {
                    let start = self.offsets.byte(span.start);
                    let end = self.offsets.byte(span.end).max(start);
                    self.event(event, start, end)?;
                }
                Err(error) => {
                    let at = self.offsets.byte(*error.marker());
                    let span = self.character_at(at);
                    // The parser has a bound of its own on brackets, met while it looks ahead.
                    return Err(if error.info() == "recursion limit exceeded" {
                        self.too_deep(span)
                    } else {
                        let what = format!("this is no YAML: {}", shown(error.info()));
                        let help = "look at this line and those above it: an indent, a `:`, or a quote or bracket that is not closed";
                        self.report.stop_and(&codes::SYNTAX, span, what, help)
                    });
                }
            }
        }
        if self.builder.is_empty() {
            let span = self.report.span(0, 0);
            return Err(self.report.stop(&codes::SYNTAX, span, "there is no document in this text"));
        }
        Ok(())
    }

    /// Before the parser sees the text, which takes memory for all that stands in brackets.
    fn few_indicators(&mut self) -> Result<(), Stop> {
        let (mut brackets, mut indicators) = (0_usize, 0_usize);
        for (at, byte) in self.text.bytes().enumerate() {
            match byte {
                b',' | b'[' | b']' | b'{' | b'}' => brackets += 1,
                b':' | b'"' | b'\'' | b'?' | b'&' | b'*' | b'!' => indicators += 1,
                _ => continue,
            }
            if brackets > MOST_BRACKETS || indicators > MOST_INDICATORS {
                let span = self.character_at(at);
                let message = if brackets > MOST_BRACKETS {
                    format!("there are more than {MOST_BRACKETS} brackets and commas in this text")
                } else {
                    format!("there are more than {MOST_INDICATORS} indicators in this text")
                };
                return Err(self.report.stop(&codes::SYNTAX, span, message));
            }
        }
        Ok(())
    }

    fn character_at(&self, at: usize) -> Span {
        let at = at.min(self.text.len());
        let width = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        self.report.span(at, at + width)
    }

    fn too_deep(&mut self, span: Span) -> Stop {
        let message = format!("nested deeper than {} levels", limits::DOCUMENT_DEPTH - 1);
        self.report.stop_and(&codes::TOO_DEEP, span, message, SHALLOWER)
    }

    fn event(&mut self, event: Event<'t>, start: usize, end: usize) -> Result<(), Stop> {
        if matches!(event, Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..)) {
            let Some(left) = self.nodes.checked_sub(1) else {
                let span = self.character_at(start);
                let message = format!("there are more than {MOST_NODES} values in this text");
                return Err(self.report.stop(&codes::SYNTAX, span, message));
            };
            self.nodes = left;
        }
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let span = self.character_at(start);
                    let message = "a second YAML document begins here";
                    return Err(self.report.stop(&codes::YAML_FEATURE, span, message));
                }
                Ok(())
            }
            Event::Alias(_) => {
                let span = self.report.span(start, end);
                self.refuse(span, "an alias is not read", "write the value out, or use `$ref`")?;
                self.builder.null(start, end);
                self.came(end);
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.properties(anchor, tag.is_some(), start)?;
                self.scalar(&text, style, start, end)
            }
            Event::SequenceStart(anchor, tag) => {
                self.enter(start, end)?;
                self.properties(anchor, tag.is_some(), start)?;
                self.opened(start, false);
                Ok(())
            }
            Event::MappingStart(anchor, tag) => {
                self.enter(start, end)?;
                self.properties(anchor, tag.is_some(), start)?;
                self.opened(start, true);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(start, end),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn refuse(&mut self, span: Span, what: &str, help: &str) -> Result<(), Stop> {
        self.report.push(Diagnostic::new(&codes::YAML_FEATURE, span, what).help(help))
    }

    fn properties(&mut self, anchor: usize, tagged: bool, at: usize) -> Result<(), Stop> {
        let span = self.character_at(at);
        if anchor != 0 {
            self.refuse(span, "an anchor is not read", "remove it; use `$ref` to use a value twice")?;
        }
        if tagged {
            self.refuse(span, "a tag is not read", "remove it, and quote the value if it is a string")?;
        }
        Ok(())
    }

    fn enter(&mut self, start: usize, end: usize) -> Result<(), Stop> {
        if self.expects_key() {
            let span = self.report.span(start, end);
            return Err(self.report.stop(&codes::KEY_TYPE, span, "a key is a string, not a collection"));
        }
        if self.open.len() + 1 >= limits::DOCUMENT_DEPTH {
            let span = self.character_at(start);
            return Err(self.too_deep(span));
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.object && !open.keyed)
    }

    fn opened(&mut self, start: usize, object: bool) {
        let cell = self.builder.open(start, object);
        self.open.push(Open { cell, start, object, keyed: false, last: start });
    }

    fn leave(&mut self, start: usize, end: usize) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // A bracket has a width; a block ends where its last item does, not where the next token is.
        let end = if end > start { end } else { open.last }.max(open.start);
        if open.keyed {
            // Only after something that was reported: a key without a value.
            self.builder.null(end, end);
        }
        close(&mut self.builder, &mut self.report, open.cell, end)?;
        self.came(end);
        Ok(())
    }

    /// A key or value has come whole.
    fn came(&mut self, end: usize) {
        if let Some(open) = self.open.last_mut() {
            open.last = end;
            open.keyed = open.object && !open.keyed;
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, start: usize, end: usize) -> Result<(), Stop> {
        let written = self.text.get(start..end).unwrap_or("").trim_end();
        let end = start + written.len();
        let span = self.report.span(start, end);
        let mut value = Scalar::String;
        if style == ScalarStyle::Plain {
            match resolve(text) {
                Ok(resolved) => value = resolved,
                Err(trouble) => self.report.push(trouble.finding(text, span))?,
            }
        }
        if self.expects_key() {
            match &value {
                Scalar::String => self.string(text, written, start, end),
                Scalar::Number(number) if number.is_i64() || number.is_u64() => {
                    self.string(&number.to_string(), written, start, end);
                }
                _ => {
                    let message = format!("`{}` as a key is neither a string nor an integer", shown(text));
                    let finding = Diagnostic::new(&codes::KEY_TYPE, span, message);
                    self.report.push(finding.help("put it in quotes"))?;
                    self.string(text, written, start, end);
                }
            }
        } else {
            match value {
                Scalar::Null => self.builder.null(start, end),
                Scalar::Bool(value) => self.builder.bool(start, end, value),
                Scalar::Number(number) => self.builder.number(start, end, number),
                Scalar::String => self.string(text, written, start, end),
            }
        }
        self.came(end);
        Ok(())
    }

    fn string(&mut self, text: &str, written: &str, start: usize, end: usize) {
        let quoted = |quote: char| written.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if text == written {
            self.builder.string(start, end, Written::Plain);
        } else if quoted('"').or_else(|| quoted('\'')) == Some(text) {
            self.builder.string(start, end, Written::Inner);
        } else {
            self.builder.owned(start, end, text.to_owned());
        }
    }
}

/// What is wrong with a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Older readers take it for something else; the words say for what.
    Ambiguous(&'static str),
    /// A merge key.
    Merge,
    /// A number that does not survive, or is not finite.
    Lossy,
}

impl Trouble {
    fn finding(self, text: &str, span: Span) -> Diagnostic {
        let text = shown(text);
        match self {
            Trouble::Ambiguous(what) => {
                Diagnostic::new(&codes::AMBIGUOUS_SCALAR, span, format!("readers disagree on `{text}`"))
                    .note(format!("some take it for {what}"))
                    .help("put it in quotes if it is a string, else write the value plainly")
            }
            Trouble::Merge => Diagnostic::new(&codes::YAML_FEATURE, span, "a merge key is not read")
                .help("write the members out, or use `$ref`"),
            Trouble::Lossy => lossy(span),
        }
    }
}

/// The value of a plain scalar by YAML 1.2's core schema (section 10.3).
fn resolve(text: &str) -> Result<Scalar, Trouble> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Scalar::Null),
        "true" | "True" | "TRUE" => return Ok(Scalar::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Scalar::Bool(false)),
        "<<" => return Err(Trouble::Merge),
        "=" => return Err(Trouble::Ambiguous("a default value's key")),
        _ => {}
    }
    if text.len() <= 3
        && ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
    {
        return Err(Trouble::Ambiguous("a boolean"));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(Trouble::Lossy);
    }
    if unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return numeric(text, unsigned);
    }
    Ok(Scalar::String)
}

fn numeric(text: &str, unsigned: &str) -> Result<Scalar, Trouble> {
    let string = || Ok(Scalar::String);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if unsigned.contains('_') {
        let bare: String = unsigned.chars().filter(|character| *character != '_').collect();
        return match numeric(&bare, &bare) {
            Ok(Scalar::String) => string(),
            _ => Err(Trouble::Ambiguous("a number")),
        };
    }
    if let Some((first, rest)) = unsigned.split_once(':') {
        // 190:20:30, also with a fraction: base 60 in YAML 1.1.
        let last = rest.rsplit(':').next().unwrap_or("");
        let seconds = last.split_once('.').map_or(last, |(whole, _)| whole);
        let sixty = |part: &str| (1..=2).contains(&part.len()) && digits(part);
        let middle = rest.strip_suffix(last).unwrap_or("").split_terminator(':');
        let decimal = last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if digits(first) && !first.is_empty() && sixty(seconds) && decimal && middle.clone().all(sixty) {
            return Err(Trouble::Ambiguous("a number in base 60"));
        }
        return string();
    }
    if let Some(hex) = text.strip_prefix("0x").filter(|hex| !hex.is_empty()) {
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return string();
        }
        let value = u64::from_str_radix(hex, 16).map_err(|_| Trouble::Lossy)?;
        return number::read(&value.to_string()).map(Scalar::Number).map_err(|_| Trouble::Lossy);
    }
    for (prefix, radix) in [("0o", 8), ("0b", 2), ("0x", 16)] {
        if unsigned
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|character| character.is_digit(radix)))
        {
            return Err(Trouble::Ambiguous("a number in another base"));
        }
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let signed = |exponent: &str| exponent.starts_with(['+', '-']);
    let power = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    if !digits(whole)
        || !digits(fraction)
        || (whole.is_empty() && fraction.is_empty())
        || power.is_some_and(|power| power.is_empty() || !digits(power))
    {
        return string();
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(Trouble::Ambiguous("an octal number, others for a decimal one"));
    }
    if exponent.is_some_and(|exponent| !signed(exponent) || !mantissa.contains('.')) {
        return Err(Trouble::Ambiguous(
            "a string, unless it has a point and the exponent a sign, as in `1.0e+3`",
        ));
    }
    number::read(text).map(Scalar::Number).map_err(|_| Trouble::Lossy)
}

/// From a parser's positions in characters to positions in bytes, without a table of every character.
struct Offsets<'t> {
    text: &'t str,
    ascii: bool,
    /// The byte of every `STRIDE`th character.
    marks: Vec<usize>,
}

const STRIDE: usize = 64;

impl<'t> Offsets<'t> {
    fn new(text: &'t str) -> Offsets<'t> {
        let ascii = text.is_ascii();
        let marks = if ascii {
            Vec::new()
        } else {
            text.char_indices().step_by(STRIDE).map(|(byte, _)| byte).collect()
        };
        Offsets { text, ascii, marks }
    }

    fn byte(&self, marker: Marker) -> usize {
        let index = marker.index();
        if self.ascii {
            return index.min(self.text.len());
        }
        let Some(&mark) = self.marks.get(index / STRIDE) else { return self.text.len() };
        let rest = self.text.get(mark..).unwrap_or("");
        rest.char_indices().nth(index % STRIDE).map_or(self.text.len(), |(byte, _)| mark + byte)
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;

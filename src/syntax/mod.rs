//! The language's text: grammar, parser, abstract syntax tree.
//!
//! May import: base, source, diagnostics. Knows pest; nothing else does. The parser never panics, always returns a
//! tree, takes time linear in the text, and reports several positioned errors of one file.
//!
//! A text goes through `scan` (tokens, brackets, depth), then through the grammar as a whole. Where that fails,
//! `recover` cuts the file at its items, statements and clauses, and reads each by itself.

pub mod ast;
mod characters;
mod elsewhere;
mod errors;
mod forms;
mod grammar;
mod lower;
mod recover;
mod scan;
mod slips;

use crate::base::limits;
use crate::diagnostics::codes::syntax as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::source::{FileId, Span};

pub(crate) use characters::as_written;

/// The language version this compiler reads.
pub const LANGUAGE: u32 = 1;

/// Bytes that are not UTF-8 are told one by one up to this number; a file with more is no text.
const MOST_LOST: usize = 20;

/// Text of a file's bytes. Bytes that are not UTF-8 become U+FFFD, which [`parse`] reports at its place.
pub fn decode(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Parses a text. Findings go to the sink; what could be read is returned, with [`ast::Broken`] parts for the rest.
pub fn parse(text: &str, file: FileId, sink: &mut Sink) -> ast::File {
    let mut tree = ast::File {
        span: Span::new(file, 0, text.len()),
        version: None,
        items: Vec::new(),
        trivia: Vec::new(),
        allows: Vec::new(),
    };
    // Replaced bytes are three times as long as the bytes were.
    if text.len() > limits::FLOW_BYTES.saturating_mul(3)
        || (text.len() > limits::FLOW_BYTES && !text.contains('\u{fffd}'))
    {
        let message = format!("larger than {} bytes", limits::FLOW_BYTES);
        sink.push(
            Diagnostic::new(&codes::TOO_LARGE, Span::new(file, 0, 0), message)
                .help("move policies and flows to files of their own and `use` them"),
        );
        return tree;
    }
    // Bytes that are no text would yield a finding at every other place.
    if let Some((at, lost)) = text.char_indices().find(|(_, c)| *c == char::REPLACEMENT_CHARACTER)
        && (text.contains('\0') || text.matches(char::REPLACEMENT_CHARACTER).nth(MOST_LOST).is_some())
    {
        let span = Span::new(file, at, at + lost.len_utf8());
        sink.push(
            Diagnostic::new(&codes::NOT_UTF8, span, "this file is no text")
                .help("name a flow, saved as UTF-8"),
        );
        return tree;
    }
    let scan = scan::scan(text, file, sink);
    if !scan.too_deep {
        match grammar::parse(grammar::Rule::file, &scan.clean) {
            Ok(nodes) => lower::Lower::new(file, 0, &scan, sink).file(nodes, &mut tree),
            Err(_) => recover::recover(file, &scan, sink, &mut tree),
        }
    }
    tree.trivia = scan.trivia;
    tree
}

#[cfg(test)]
mod slip_tests;
#[cfg(test)]
mod tests;

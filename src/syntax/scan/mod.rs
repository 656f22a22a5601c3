//! One linear pass before the grammar: tokens, comments, brackets and their depth, strings, forbidden characters.
//!
//! The pass bounds nesting before the grammar recurses, and gives recovery the places where a broken file can be cut.

mod brackets;

use std::collections::BTreeMap;

use crate::diagnostics::codes::syntax as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::source::{FileId, Span};

use super::ast::Trivia;
use super::characters::{forbidden_in, is_forbidden, is_reserved, is_word, is_word_start};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A word.
    Word,
    /// A number with its unit.
    Number,
    /// A whole string, holes included.
    String,
    /// One sign; the grammar joins them.
    Sign(char),
}

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: TokenKind,
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
    /// Brackets and strings open around it. A bracket has the depth of its outside.
    pub(super) depth: usize,
    /// Whether only white space stands before it on its line.
    pub(super) first: bool,
    /// Bytes from the start of its line.
    pub(super) column: usize,
}

/// What the pass found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Tokens in order.
    pub(super) tokens: Vec<Token>,
    /// Comments in order.
    pub(super) trivia: Vec<Trivia>,
    /// The text for the grammar, of the same length: slips that were reported are mended in it.
    pub(super) clean: String,
    /// Places of errors that the grammar would report again.
    pub(super) faults: Vec<usize>,
    /// Nesting is beyond the limit: the grammar must not see the text.
    pub(super) too_deep: bool,
}

impl Scan {
    /// Whether an error was already reported in a range.
    pub(super) fn is_faulty(&self, start: usize, end: usize) -> bool {
        let first = self.faults.partition_point(|place| *place < start);
        self.faults.get(first).is_some_and(|place| *place < end)
    }

    /// The index of the first token that starts at or after a place.
    pub(super) fn token_at(&self, place: usize) -> usize {
        self.tokens.partition_point(|token| token.start < place)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// An open bracket: its place, its sign, the `if`s open in it.
    Bracket(usize, char, usize),
    /// An open string: its token and its place.
    String(usize, usize),
}

/// Scans a text.
pub(super) fn scan(text: &str, file: FileId, sink: &mut Sink) -> Scan {
    let mut scanner = Scanner {
        text,
        file,
        sink,
        at: 0,
        line: 0,
        fresh: true,
        frames: Vec::new(),
        ifs: 0,
        outer_ifs: 0,
        mends: Vec::new(),
        swallowed: BTreeMap::new(),
        // About a token for three bytes: what is too much is never touched.
        scan: Scan { tokens: Vec::with_capacity(text.len() / 3), ..Scan::default() },
    };
    scanner.run();
    scanner.finish()
}

struct Scanner<'a> {
    text: &'a str,
    file: FileId,
    sink: &'a mut Sink,
    at: usize,
    line: usize,
    fresh: bool,
    frames: Vec<Frame>,
    ifs: usize,
    outer_ifs: usize,
    mends: Vec<(usize, usize, &'static str)>,
    /// Closing brackets that stand in strings which are not closed: what they would close is not told as well.
    swallowed: BTreeMap<char, usize>,
    scan: Scan,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while let Some(c) = self.peek() {
            if self.scan.too_deep {
                return;
            }
            match self.frames.last() {
                Some(Frame::String(..)) => self.in_string(c),
                _ => self.in_code(c),
            }
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.scan.faults.push(diagnostic.span().start);
        self.sink.push(diagnostic);
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line = self.at;
        self.fresh = true;
    }

    fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        let (first, column) = (self.fresh, start - self.line);
        self.fresh = false;
        self.scan.tokens.push(Token { kind, start, end, depth: self.frames.len(), first, column });
    }

    fn in_string(&mut self, c: char) {
        let start = self.at;
        match c {
            '"' => {
                self.at += 1;
                self.close_string(self.at);
            }
            '\n' => self.unclosed_strings(),
            '\r' if self.rest().starts_with("\r\n") => self.at += 1,
            '\\' => {
                self.at += 1;
                match self.peek() {
                    // `\u{…}`: its braces are no hole.
                    Some('u') if self.rest().starts_with("u{") => self.at += 2,
                    Some(next) if next != '\n' && !is_forbidden(next) => self.at += next.len_utf8(),
                    _ => {}
                }
            }
            '{' => {
                self.push(TokenKind::Sign('{'), start, start + 1);
                self.open('{');
            }
            c => {
                self.at += c.len_utf8();
                self.forbidden(c, start);
            }
        }
    }

    fn close_string(&mut self, end: usize) {
        if let Some(Frame::String(token, _)) = self.frames.pop()
            && let Some(token) = self.scan.tokens.get_mut(token)
        {
            token.end = end;
        }
    }

    /// A line ended inside a string: strings stand on one line.
    fn unclosed_strings(&mut self) {
        let outermost = self.frames.iter().position(|frame| matches!(frame, Frame::String(..)));
        let Some(Frame::String(_, start)) = outermost.and_then(|index| self.frames.get(index)).copied()
        else {
            return;
        };
        let in_hole = self.frames.len() > outermost.unwrap_or(0) + 1;
        let end = self.at;
        let mut found = Diagnostic::new(
            &codes::UNCLOSED_STRING,
            self.span(start, end),
            "this string is not closed on its line",
        )
        .help("close it with `\"`; write `\\n` for a line break in it");
        if in_hole {
            found = found.note("`{` in a string opens an expression; write `\\{` for the sign itself");
        }
        self.report(found);
        self.swallow(start, end);
        while self.frames.len() > outermost.unwrap_or(0) {
            if let Some(Frame::String(..)) = self.frames.last() {
                self.close_string(end);
            } else {
                self.pop_bracket();
            }
        }
    }

    /// Counts the brackets of an unclosed string that close nothing in it.
    fn swallow(&mut self, start: usize, end: usize) {
        let mut open = 0_usize;
        for sign in self.text.get(start..end).unwrap_or("").chars() {
            match sign {
                '{' | '(' | '[' => open += 1,
                '}' | ')' | ']' if open > 0 => open -= 1,
                '}' | ')' | ']' => *self.swallowed.entry(sign).or_default() += 1,
                _ => {}
            }
        }
    }

    fn in_code(&mut self, c: char) {
        let start = self.at;
        match c {
            '\n' => {
                if self.frames.iter().any(|frame| matches!(frame, Frame::String(..))) {
                    self.unclosed_strings();
                }
                self.newline();
            }
            ' ' | '\t' => self.at += 1,
            '\r' if self.rest().starts_with("\r\n") => self.at += 1,
            '"' => {
                self.push(TokenKind::String, start, start + 1);
                self.frames.push(Frame::String(self.scan.tokens.len() - 1, start));
                self.at += 1;
                self.check_depth(start);
            }
            '{' | '(' | '[' => {
                self.push(TokenKind::Sign(c), start, start + 1);
                self.open(c);
            }
            '}' | ')' | ']' => self.close(c, start),
            '/' if self.rest().starts_with("//") => self.comment(start),
            '#' => self.hash(start),
            '\'' | '`' => self.other_quotes(start),
            ';' => {
                self.at += 1;
                self.report(
                    Diagnostic::new(
                        &codes::UNEXPECTED,
                        self.span(start, start + 1),
                        "`;` is no sign of the language",
                    )
                    .help("remove it; nothing separates statements")
                    .fix("remove `;`", vec![(self.span(start, start + 1), String::new())]),
                );
                self.mends.push((start, start + 1, " "));
            }
            c if is_word_start(c) => self.word(start),
            c if c.is_ascii_digit() => self.number(start),
            '\u{feff}' if start == 0 => {
                self.at += c.len_utf8();
                self.mends.push((start, self.at, "   "));
            }
            c if c.is_ascii_graphic() => {
                if c == ',' {
                    self.reset_ifs();
                }
                self.at += 1;
                self.push(TokenKind::Sign(c), start, self.at);
            }
            c => {
                self.at += c.len_utf8();
                if !self.forbidden(c, start) {
                    let message = format!("`{c}` can only stand in a string or a comment");
                    let found = Diagnostic::new(&codes::UNEXPECTED, self.span(start, self.at), message);
                    self.report(match c {
                        '“' | '”' | '„' | '‘' | '’' => {
                            found.help("strings stand in straight quotes, `\"`")
                        }
                        '\u{a0}' => found.help("this is a no-break space; write a plain one"),
                        _ => found.help("names are made of the letters `a` to `z`, digits and `_`"),
                    });
                }
            }
        }
    }

    fn word(&mut self, start: usize) {
        let length = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        let word = self.text.get(start..start + length).unwrap_or("");
        self.at += length;
        let after_dot = self.scan.tokens.last().is_some_and(|token| token.kind == TokenKind::Sign('.'));
        let is_key = self.rest().trim_start().starts_with(':');
        if !after_dot && !is_key {
            match word {
                "if" => {
                    self.ifs += 1;
                    *self.open_ifs() += 1;
                    self.check_depth(start);
                }
                word if is_reserved(word) && !matches!(word, "then" | "else" | "true" | "false" | "null") => {
                    self.reset_ifs()
                }
                _ => {}
            }
        }
        self.push(TokenKind::Word, start, start + length);
    }

    fn number(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let mut end = start;
        while bytes.get(end).is_some_and(|byte| {
            byte.is_ascii_alphanumeric()
                || *byte == b'_'
                || (*byte == b'.' && bytes.get(end + 1).is_some_and(u8::is_ascii_digit))
        }) {
            end += 1;
        }
        self.at = end;
        self.push(TokenKind::Number, start, end);
    }

    fn comment(&mut self, start: usize) {
        let line = self.rest().lines().next().unwrap_or("");
        let end = start + line.len();
        let doc = line.starts_with("///") && !line.starts_with("////");
        let text = line.trim_start_matches('/').trim_end();
        let text = text.strip_prefix(' ').unwrap_or(text).to_owned();
        let trivia = Trivia { doc, text, span: self.span(start, end), next: 0 };
        let odd = forbidden_in(line, Some('\n'));
        self.scan.trivia.push(trivia);
        for (offset, c) in odd {
            self.at = start + offset + c.len_utf8();
            self.forbidden(c, start + offset);
        }
        self.at = end;
    }

    /// `# text`: reported, and read as a comment.
    fn hash(&mut self, start: usize) {
        let next = self.rest().chars().nth(1).filter(|next| !matches!(next, '\n' | '\r'));
        let sign = self.span(start, start + 1);
        self.report(
            Diagnostic::new(&codes::UNEXPECTED, sign, "`#` is no sign of the language")
                .help("comments begin with `//`")
                .fix("begin the comment with `//`", vec![(sign, "//".to_owned())]),
        );
        // As many bytes as before, so that places stay.
        let (bytes, mend) = match next.map(char::len_utf8) {
            None => (0, " "),
            Some(1) => (1, "//"),
            Some(2) => (2, "// "),
            Some(3) => (3, "//  "),
            Some(_) => (4, "//   "),
        };
        self.mends.push((start, start + 1 + bytes, mend));
        self.comment(start);
    }

    /// `'text'`, or in back-ticks: reported, and read as a string.
    fn other_quotes(&mut self, start: usize) {
        let line = self.rest().lines().next().unwrap_or("");
        let quote = line.chars().next().unwrap_or('\'');
        let closing = line.get(1..).and_then(|rest| rest.find(quote)).map(|offset| start + 1 + offset);
        let inner = closing.and_then(|end| self.text.get(start + 1..end)).unwrap_or("").to_owned();
        let mendable = closing.filter(|_| !inner.contains(['"', '{', '\\']));
        let end = closing.map_or(start + 1, |closing| closing + 1);
        let mut found =
            Diagnostic::new(&codes::UNEXPECTED, self.span(start, end), "strings stand in double quotes")
                .help(if quote == '`' {
                    "write `\"` instead of a back-tick"
                } else {
                    "write `\"` instead of `'`"
                });
        if let Some(closing) = mendable {
            let edits = vec![
                (self.span(start, start + 1), "\"".into()),
                (self.span(closing, closing + 1), "\"".into()),
            ];
            found = found.fix("use double quotes", edits);
            self.mends.extend([(start, start + 1, "\""), (closing, closing + 1, "\"")]);
        }
        self.report(found);
        let odd = forbidden_in(&inner, None);
        for (offset, c) in odd {
            self.at = start + 1 + offset + c.len_utf8();
            self.forbidden(c, start + 1 + offset);
        }
        self.push(TokenKind::String, start, end);
        self.at = end;
    }

    fn forbidden(&mut self, c: char, start: usize) -> bool {
        if !is_forbidden(c) {
            return false;
        }
        let span = self.span(start, start + c.len_utf8());
        self.report(if c == char::REPLACEMENT_CHARACTER {
            Diagnostic::new(&codes::NOT_UTF8, span, "bytes that are not UTF-8")
                .help("save the file as UTF-8; U+FFFD itself is refused too, since it marks lost text")
        } else {
            let message = format!("the invisible character U+{:04X} may not stand in a flow", u32::from(c));
            Diagnostic::new(&codes::FORBIDDEN_CHARACTER, span, message)
                .note("it can make a text read otherwise than it means")
                .help(match c {
                    '\r' => "end lines with a line feed: save the file with the line ends of Unix or Windows",
                    _ => "remove it, or write it in a string as `\\u{…}`",
                })
        });
        true
    }

    fn finish(mut self) -> Scan {
        if self.frames.iter().any(|frame| matches!(frame, Frame::String(..))) && !self.scan.too_deep {
            self.unclosed_strings();
        }
        while !self.scan.too_deep
            && let Some((start, sign)) = self.pop_bracket()
        {
            self.unclosed(start, sign, None);
        }
        let mut clean = self.text.to_owned();
        for (start, end, mend) in self.mends {
            clean.replace_range(start..end, mend);
        }
        let mut scan = self.scan;
        scan.clean = clean;
        scan.faults.sort_unstable();
        let mut token = 0;
        for trivia in &mut scan.trivia {
            while scan.tokens.get(token).is_some_and(|token| token.start < trivia.span.end) {
                token += 1;
            }
            trivia.next = scan.tokens.get(token).map_or(self.text.len(), |token| token.start);
        }
        scan
    }
}

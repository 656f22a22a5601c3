//! The source map: texts by id, and spans into them.

use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use codespan_reporting::files::{Error, Files, line_starts};

/// Names one file of a source map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FileId(u32);

/// A range of bytes in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// A span.
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start, end }
    }

    /// The span from the start of `self` to the end of `other`, in one file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A whole text that is shared, and was never copied to be so.
#[derive(Debug, Clone, Default)]
pub struct Text(Arc<String>);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(Arc::new(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        text.to_owned().into()
    }
}

/// One text with its name and line table. The table is made when a place is first asked for: of a large document nobody
/// asks for one where nothing is wrong.
#[derive(Debug, Clone)]
pub struct SourceFile {
    name: String,
    text: Text,
    lines: OnceLock<Vec<usize>>,
    columns: OnceLock<Vec<usize>>,
}

/// Bytes after which the characters before them are counted: a hostile line may be the whole text.
const COUNTED: usize = 4 << 10;

impl SourceFile {
    /// The name shown to users: a path as they wrote it, or `std.retry`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where each line starts.
    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| line_starts(&self.text).collect())
    }

    /// How many characters begin before a byte.
    fn characters_before(&self, byte: usize) -> usize {
        // Of a character its first byte alone is no continuation.
        let count = |bytes: &[u8]| bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        let bytes = self.text.as_bytes();
        let counted = self.columns.get_or_init(|| {
            let counts = bytes.chunks(COUNTED).scan(0, |before, chunk| {
                let own = *before;
                *before += count(chunk);
                Some(own)
            });
            counts.collect()
        });
        let byte = byte.min(bytes.len());
        let Some(before) = counted.get(byte / COUNTED) else { return count(bytes) };
        before + bytes.get(byte - byte % COUNTED..byte).map_or(0, count)
    }
}

/// All texts of one session.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a text and names it.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Text>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile {
            name: name.into(),
            text: text.into(),
            lines: OnceLock::new(),
            columns: OnceLock::new(),
        });
        id
    }

    /// The file of an id; `None` for an id of another map.
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(usize::try_from(id.0).ok()?)
    }

    /// The text a span covers; empty where the span does not fit.
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.file).and_then(|file| file.text().get(span.range())).unwrap_or("")
    }

    /// 1-based line and column (in characters) of a span's start.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        self.location(span.file, span.start).map_or((1, 1), |at| (at.line_number, at.column_number))
    }
}

impl<'a> Files<'a> for SourceMap {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        self.file(id).map(SourceFile::name).ok_or(Error::FileMissing)
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        self.file(id).map(SourceFile::text).ok_or(Error::FileMissing)
    }

    fn line_index(&'a self, id: FileId, byte_index: usize) -> Result<usize, Error> {
        let lines = self.file(id).ok_or(Error::FileMissing)?.lines();
        Ok(lines.partition_point(|start| *start <= byte_index).saturating_sub(1))
    }

    fn column_number(&'a self, id: FileId, line_index: usize, byte_index: usize) -> Result<usize, Error> {
        let file = self.file(id).ok_or(Error::FileMissing)?;
        let line = self.line_range(id, line_index)?;
        let byte = byte_index.clamp(line.start, line.end);
        Ok(file.characters_before(byte) - file.characters_before(line.start) + 1)
    }

    fn line_range(&'a self, id: FileId, line_index: usize) -> Result<Range<usize>, Error> {
        let file = self.file(id).ok_or(Error::FileMissing)?;
        let lines = file.lines();
        let too_large = Error::LineTooLarge { given: line_index, max: lines.len().saturating_sub(1) };
        let start = *lines.get(line_index).ok_or(too_large)?;
        Ok(start..lines.get(line_index + 1).copied().unwrap_or(file.text.len()))
    }
}

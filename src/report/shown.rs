//! Foreign text as it may reach a terminal: no control and no bidirectional characters, at unchanged byte offsets.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use codespan_reporting::files::{Error, Files};

use crate::source::{FileId, SourceFile, SourceMap};

/// The text with every character that could steer a terminal, reorder a line or hide in it replaced by one of the same length in
/// UTF-8, so that spans still fit. New lines and tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| replacement(character).is_some()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|character| replacement(character).unwrap_or(character)).collect())
}

/// One line of harmless text.
pub fn harmless_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

/// JSON text in which the same characters are escaped: its values stay what they are.
pub(crate) fn harmless_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match replacement(character) {
            // Outside strings there are none.
            Some(_) => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
            None => escaped.push(character),
        }
    }
    escaped
}

fn replacement(character: char) -> Option<char> {
    match character {
        '\n' | '\t' => None,
        '\u{0}'..='\u{1f}' | '\u{7f}' => Some('?'),
        '\u{80}'..='\u{9f}' => Some('\u{bf}'),
        '\u{61c}' => Some('\u{bf}'),
        '\u{200e}'
        | '\u{200f}'
        | '\u{200b}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{fff9}'..='\u{fffb}' => Some('\u{fffd}'),
        // Tags are read by programs and shown by nothing.
        '\u{e0000}'..='\u{e0fff}' => Some('\u{1f6ab}'),
        _ => None,
    }
}

/// A source map whose texts are harmless.
pub(crate) struct Shown<'a> {
    map: &'a SourceMap,
    replaced: BTreeMap<FileId, String>,
}

impl<'a> Shown<'a> {
    /// The map with these files' texts made harmless.
    pub(crate) fn new(map: &'a SourceMap, used: impl IntoIterator<Item = FileId>) -> Shown<'a> {
        let mut replaced = BTreeMap::new();
        for id in used {
            if let Some(file) = map.file(id)
                && let Cow::Owned(text) = harmless(file.text())
            {
                replaced.insert(id, text);
            }
        }
        Shown { map, replaced }
    }
}

impl<'f> Files<'f> for Shown<'_> {
    type FileId = FileId;
    type Name = String;
    type Source = &'f str;

    fn name(&'f self, id: FileId) -> Result<String, Error> {
        self.map.file(id).map(|file| harmless_line(file.name())).ok_or(Error::FileMissing)
    }

    fn source(&'f self, id: FileId) -> Result<&'f str, Error> {
        match self.replaced.get(&id) {
            Some(text) => Ok(text),
            None => self.map.file(id).map(SourceFile::text).ok_or(Error::FileMissing),
        }
    }

    fn line_index(&'f self, id: FileId, byte_index: usize) -> Result<usize, Error> {
        self.map.line_index(id, byte_index)
    }

    fn line_range(&'f self, id: FileId, line_index: usize) -> Result<Range<usize>, Error> {
        self.map.line_range(id, line_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_bidi_are_replaced_at_their_length() {
        let value = serde_json::json!({"a\u{202e}": "\u{9b}\u{61c}b"});
        let json = harmless_json(&value.to_string());
        assert!(json.is_ascii(), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
        let text = "a\u{1b}[31m\u{9b}b\u{202e}c\td\n";
        let shown = harmless(text);
        assert_eq!(shown, "a?[31m\u{bf}b\u{fffd}c\td\n");
        assert_eq!(shown.len(), text.len());
        assert!(matches!(harmless("plain é"), Cow::Borrowed(_)));
    }
}

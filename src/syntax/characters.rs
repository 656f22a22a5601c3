//! Characters and words that the scan knows.

/// How a member, parameter or operation is written in a flow: as a word, or in quotes. Nothing where quotes would need escapes.
pub(crate) fn as_written(name: &str) -> Option<String> {
    let word = name.starts_with(is_word_start) && name.chars().all(is_word);
    let plain = !name.chars().any(|c| matches!(c, '"' | '\\') || c.is_control() || is_forbidden(c));
    match word {
        true => Some(name.to_owned()),
        false => plain.then(|| format!("\"{name}\"")),
    }
}

/// The bracket that closes one.
pub(super) fn closer(sign: char) -> char {
    match sign {
        '{' => '}',
        '(' => ')',
        _ => ']',
    }
}

/// Whether a word can begin with a character.
pub(super) fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// Whether a word can hold a character.
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The grammar's `reserved`; a test compares the two.
pub(super) const RESERVED: [&str; 23] = [
    "step", "let", "ensure", "fail", "for", "in", "after", "return", "yield", "when", "if", "then", "else",
    "true", "false", "null", "match", "signal", "poll", "pages", "wait", "call", "release",
];

/// Whether a word can't be a name.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Control characters, characters that reorder text, and the mark of lost text.
pub(super) fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}' | char::REPLACEMENT_CHARACTER)
}

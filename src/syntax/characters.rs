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

/// Control characters, characters that reorder text, those of no width, and the mark of lost text. A carriage return before
/// a line's end is none, see [`forbidden_in`]. Joiners and variation selectors (U+200C, U+200D, U+FE00 to U+FE0F) make up
/// words and emoji, and are none either.
pub(super) fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}')
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}')
        || matches!(c, '\u{3164}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{1d173}'..='\u{1d17a}')
        || c == char::REPLACEMENT_CHARACTER
}

/// The forbidden characters of a part of a text, by where they stand in it. A carriage return ends a line only before a
/// line feed; alone it would hide what follows it.
pub(super) fn forbidden_in(part: &str, next: Option<char>) -> Vec<(usize, char)> {
    let following = |at: usize| part.get(at + 1..).and_then(|rest| rest.chars().next()).or(next);
    let odd = part.char_indices().filter(|(_, c)| is_forbidden(*c));
    odd.filter(|(at, c)| *c != '\r' || following(*at) != Some('\n')).collect()
}

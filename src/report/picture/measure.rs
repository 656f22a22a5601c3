//! How wide a text comes out, by a small table: a little wider than the usual fonts draw it, so that it fits with each.

/// Thousandths of an em that a character takes in a proportional face, after the widest of the usual sans-serif faces.
fn thousandths(character: char) -> u32 {
    match character {
        'i' | 'j' | 'l' | '\'' | '|' => 320,
        '.' | ',' | ':' | ';' | '!' | ' ' | '(' | ')' | '[' | ']' | 'I' | '·' => 390,
        'f' | 't' | 'r' | '-' | '/' | '"' => 430,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 1000,
        'A'..='Z' | '<' | '>' | '=' | '+' | '~' | '&' => 780,
        ' '..='~' => 640,
        _ => foreign(character).unwrap_or(700),
    }
}

/// Thousandths of an em of characters that are wide in every face.
fn foreign(character: char) -> Option<u32> {
    match u32::from(character) {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f => Some(0),
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => Some(1050),
        0xff00..=0xff60 | 0x1f000..=0x3ffff => Some(1350),
        _ => None,
    }
}

/// A face of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Font {
    /// Pixels.
    pub(super) size: u32,
    /// Whether every character takes the same place.
    pub(super) fixed: bool,
    /// Whether it is bold.
    pub(super) bold: bool,
}

impl Font {
    /// Thousandths of a pixel of one character.
    fn advance(self, character: char) -> u32 {
        let em = match (self.fixed, foreign(character)) {
            (_, Some(wide)) => wide,
            (true, None) => 615,
            (false, None) => thousandths(character),
        };
        em * self.size * if self.bold { 108 } else { 100 } / 100
    }

    /// Pixels of a text, rounded up.
    pub(super) fn width(self, text: &str) -> i32 {
        let sum = text.chars().fold(0_u32, |sum, character| sum.saturating_add(self.advance(character)));
        i32::try_from(sum.div_ceil(1000)).unwrap_or(i32::MAX)
    }

    /// The text, shortened with `…` where it is wider.
    pub(super) fn fit(self, text: &str, most: i32) -> String {
        if self.width(text) <= most {
            return text.to_owned();
        }
        let mut kept = String::new();
        for character in text.chars() {
            kept.push(character);
            if self.width(&kept) + self.width("…") > most {
                kept.pop();
                break;
            }
        }
        format!("{}…", kept.trim_end())
    }

    /// The text on at most `lines` lines, broken between words where that is possible; the last one shortened.
    pub(super) fn wrap(self, text: &str, most: i32, lines: usize) -> Vec<String> {
        let mut broken: Vec<String> = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            if broken.len() + 1 >= lines || self.width(rest) <= most {
                broken.push(self.fit(rest, most));
                break;
            }
            let (mut end, mut space) = (0, 0);
            for (at, character) in rest.char_indices() {
                let next = at + character.len_utf8();
                if self.width(rest.get(..next).unwrap_or(rest)) > most {
                    break;
                }
                end = next;
                if character == ' ' {
                    space = at;
                }
            }
            let cut = if space > 0 { space } else { end.max(rest.chars().next().map_or(1, char::len_utf8)) };
            let (line, left) = rest.split_at(cut);
            broken.push(line.trim_end().to_owned());
            rest = left.trim_start();
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SANS: Font = Font { size: 12, fixed: false, bold: false };

    #[test]
    fn texts_are_shortened_and_broken_to_fit() {
        let long = "a condition that is much too long for any box of a picture";
        assert_eq!(SANS.fit("short", 100), "short");
        let short = SANS.fit(long, 100);
        assert!(short.ends_with('…') && SANS.width(&short) <= 100, "{short}");
        let lines = SANS.wrap(long, 120, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| SANS.width(line) <= 120), "{lines:?}");
        assert!(SANS.wrap("", 100, 2).is_empty());
        // Narrower than any character: still an end.
        assert_eq!(SANS.wrap("日本語日本語", 3, 3).len(), 3);
    }

    #[test]
    fn wide_scripts_take_more_room() {
        assert!(SANS.width("日本") > SANS.width("ab"));
        assert_eq!(SANS.width("e\u{301}"), SANS.width("e"));
        let fixed = Font { fixed: true, ..SANS };
        assert_eq!(fixed.width("iii"), fixed.width("mmm"));
    }
}

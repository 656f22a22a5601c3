//! JSON pointers (RFC 6901) and their form as URI fragments.

/// A token in its escaped form: `~` as `~0`, `/` as `~1`.
pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// A pointer with one more token, which is escaped.
pub fn join(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", escape(token))
}

/// The pointer of a schema of `components`.
pub fn of_schema(name: &str) -> String {
    join("/components/schemas", name)
}

/// The unescaped tokens of a pointer; `None` where it is none.
pub(super) fn tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    pointer.strip_prefix('/')?.split('/').map(unescape).collect()
}

/// An array index: digits without a leading zero.
pub(super) fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { token.parse().ok() } else { None }
}

fn unescape(token: &str) -> Option<String> {
    let mut text = String::with_capacity(token.len());
    let mut rest = token.chars();
    while let Some(next) = rest.next() {
        text.push(match next {
            '~' => match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

/// Percent-decodes a URI fragment; `None` where it is not UTF-8 or an escape is broken.
pub(super) fn decode_fragment(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(rest.next()?)? << 4 | digit(rest.next()?)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_round_trip() {
        let pointer = join(&join("/paths", "/tickets/{a~b}"), "get");
        assert_eq!(pointer, "/paths/~1tickets~1{a~0b}/get");
        assert_eq!(tokens(&pointer).unwrap(), ["paths", "/tickets/{a~b}", "get"]);
        assert_eq!(
            tokens(&pointer).unwrap().iter().fold(String::new(), |at, token| join(&at, token)),
            pointer
        );
        assert_eq!((tokens("a"), tokens("/~2"), index("01"), index("")), (None, None, None, None));
        assert_eq!(decode_fragment("/a%20b%7B").as_deref(), Some("/a b{"));
        assert_eq!((decode_fragment("%f"), decode_fragment("%ff")), (None, None));
    }
}

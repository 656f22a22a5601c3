//! The trusted-logs file: verifier keys of logs whose signature answers "whose", one a line. Text only; callers do I/O.

use super::note::{NoteError, VerifierKey};
use crate::base::Explained;

/// A log that the verifier trusts to be whose it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedLog {
    /// The log's verifier key.
    pub key: VerifierKey,
    /// What the verifier calls it: the line's comment, else the key's name.
    pub label: String,
}

/// A line of the trusted-logs file that is no verifier key.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the trusted-logs file: {reason}")]
pub struct TrustedLogsError {
    /// 1-based.
    pub line: usize,
    /// What is wrong with it.
    pub reason: NoteError,
}

impl Explained for TrustedLogsError {
    fn code(&self) -> &'static str {
        "ER5007"
    }

    fn help(&self) -> Option<String> {
        Some(
            "write one verifier key a line, then what you call the log: `name+hash+base64  # our store`"
                .to_owned(),
        )
    }
}

/// Reads the file: `KEY  # comment` lines, empty lines and lines of comment only.
pub fn read_trusted_logs(text: &str) -> Result<Vec<TrustedLog>, TrustedLogsError> {
    let mut logs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // A key's name may hold `#`: a comment begins at a `#` that stands first or behind white space.
        let start = line.char_indices().find(|(at, c)| {
            *c == '#'
                && line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']))
        });
        let (key, comment) = match start {
            Some((at, _)) => line.split_at(at),
            None => (line, ""),
        };
        let (key, comment) = (key.trim(), comment.trim_start_matches('#').trim());
        if key.is_empty() {
            continue;
        }
        let key: VerifierKey = key.parse().map_err(|reason| TrustedLogsError { line: number + 1, reason })?;
        let label = if comment.is_empty() { key.name().to_owned() } else { comment.to_owned() };
        logs.push(TrustedLog { key, label });
    }
    Ok(logs)
}

/// The file's text with one more log; unchanged where the key stands there already.
pub fn add_trusted_log(text: &str, key: &VerifierKey, comment: &str) -> Result<String, TrustedLogsError> {
    if read_trusted_logs(text)?.iter().any(|log| log.key == *key) {
        return Ok(text.to_owned());
    }
    let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{text}{gap}{key}  # {comment}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Ed25519Key, SeededRandom, Signer};

    #[test]
    fn the_file_is_read_and_added_to() {
        let key = VerifierKey::of_log(Ed25519Key::generate(&SeededRandom::new("log")).public_key());
        let other = VerifierKey::of_log(Ed25519Key::generate(&SeededRandom::new("other")).public_key());
        let text = add_trusted_log("# logs we know\n\n", &key, "our\nstore").unwrap();
        assert_eq!(text, format!("# logs we know\n\n{key}  # ourstore\n"));
        assert_eq!(add_trusted_log(&text, &key, "again").unwrap(), text);
        let text = add_trusted_log(text.trim_end(), &other, "").unwrap();
        let logs = read_trusted_logs(&text).unwrap();
        assert_eq!(logs[0], TrustedLog { key, label: "ourstore".to_owned() });
        assert_eq!(logs[1], TrustedLog { label: other.name().to_owned(), key: other });
        let error = read_trusted_logs("# fine\nwhat is this").unwrap_err();
        assert_eq!((error.line, error.code()), (2, "ER5007"));
    }
}

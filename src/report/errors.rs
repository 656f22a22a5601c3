//! Operational errors, drawn once, at the top, by miette.

use std::error::Error;
use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::shown::harmless_line;
use crate::base::Explained;

/// Characters of a line on any terminal.
const WIDTH: usize = 80;
/// The indent of a message.
const MESSAGE: usize = 4;
/// That of a cause.
const CAUSE: usize = 6;
/// That of a help.
const HELP: usize = 8;

/// One line, made harmless for a terminal and broken between words. What stands in back-ticks stays whole, so that it can
/// be copied, and so does a word with hyphens, of which identifiers are full.
fn wrapped(text: &str, indent: usize) -> String {
    let text = harmless_line(text);
    let mut pieces: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in text.split(' ') {
        match pieces.last_mut() {
            Some(piece) if quoted => {
                piece.push(' ');
                piece.push_str(word);
            }
            _ => pieces.push(word.to_owned()),
        }
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    let (mut lines, mut width) = (String::with_capacity(text.len()), 0);
    for piece in pieces {
        let length = piece.chars().count();
        if width > 0 && indent + width + 1 + length > WIDTH {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(&piece);
        width += length;
    }
    lines
}

/// An [`Explained`] error as miette wants it. Messages are made harmless for a terminal.
struct Adapted<'a> {
    error: &'a dyn Explained,
    message: String,
    cause: Option<Cause>,
}

impl<'a> Adapted<'a> {
    fn new(error: &'a dyn Explained) -> Adapted<'a> {
        let message = error.to_string();
        Adapted { error, cause: Cause::of(error.source(), &message), message: wrapped(&message, MESSAGE) }
    }
}

/// The causes below, as far as they say something the message above them does not.
#[derive(Debug)]
struct Cause {
    message: String,
    next: Option<Box<Cause>>,
}

impl Cause {
    fn of(error: Option<&(dyn Error + 'static)>, above: &str) -> Option<Cause> {
        let error = error?;
        let message = error.to_string();
        if above.contains(&message) {
            return Cause::of(error.source(), above);
        }
        let next = Cause::of(error.source(), &message).map(Box::new);
        Some(Cause { next, message: wrapped(&message, CAUSE) })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|cause| cause as &dyn Error)
    }
}

impl fmt::Debug for Adapted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Adapted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Adapted<'_> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as &dyn Error)
    }
}

impl miette::Diagnostic for Adapted<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.error.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let code = self.error.code();
        let more = format!("`eczflow explain {code}` says more");
        Some(Box::new(match self.error.help() {
            Some(help) => format!("{}\n{more}", wrapped(&help, HELP)),
            None => more,
        }))
    }
}

/// The error with its code, causes and help; with ANSI colours, ending with a new line.
pub fn error(error: &dyn Explained) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode());
    let handler = handler.with_wrap_lines(false).with_links(false);
    match handler.render_report(&mut text, &Adapted::new(error)) {
        Ok(()) => text,
        Err(fmt::Error) => format!("error[{}]: {}\n", error.code(), harmless_line(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the store `a\u{1b}b`")]
    struct Outer(#[source] std::io::Error);

    impl Explained for Outer {
        fn code(&self) -> &'static str {
            "ER4001"
        }

        fn help(&self) -> Option<String> {
            Some("name another folder with `--store`".into())
        }
    }

    #[test]
    fn an_error_shows_code_cause_help_and_where_to_read_on() {
        let shown = error(&Outer(std::io::Error::other("no space left")));
        let shown = anstream::adapter::strip_str(&shown).to_string();
        insta::assert_snapshot!(shown, @r##"
        ER4001

          × cannot open the store `a?b`
          ╰─▶ no space left
          help: name another folder with `--store`
                `eczflow explain ER4001` says more
        "##);
    }

    #[test]
    fn lines_break_between_words_and_never_inside_what_is_quoted() {
        let text = "name it in eczflow.toml, where agents are: `[agent.\"ECZ-GB-A1B2C3::AGENT-7QK2M9\"]` with a `key`";
        let shown = wrapped(text, HELP);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "name it in eczflow.toml, where agents are:",
                "`[agent.\"ECZ-GB-A1B2C3::AGENT-7QK2M9\"]` with a `key`"
            ]
        );
        let command = format!("run `eczflow {}`", "word ".repeat(30));
        assert_eq!(wrapped(&command, HELP), command.replacen("run ", "run\n", 1));
        assert_eq!(wrapped("a\nb\u{1b}", HELP), "a b?");
    }
}

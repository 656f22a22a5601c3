//! Parser stops in plain words.

use crate::base::did_you_mean;
use crate::diagnostics::codes::syntax as codes;
use crate::diagnostics::{Diagnostic, Sink};
use crate::source::{FileId, Span};

use super::characters::is_reserved;
use super::grammar::{Rule, Stop, describe};
use super::recover::{CLAUSES, ITEMS, SETTINGS, STATEMENTS};
use super::scan::{Scan, Token, TokenKind};

/// Words that begin a declaration of the language which is not built yet.
pub(super) const LATER_ITEMS: [&str; 1] = ["test"];
/// Words inside declarations that are not built yet.
const LATER_MEMBERS: [&str; 3] = ["bodies", "two_sided", "receipt"];

/// Reports errors of one slice of a file.
pub(super) struct Errors<'a> {
    /// The file.
    pub(super) file: FileId,
    /// Its scan.
    pub(super) scan: &'a Scan,
}

impl Errors<'_> {
    fn text(&self, token: Token) -> &str {
        self.scan.clean.get(token.start..token.end).unwrap_or("")
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.file, token.start, token.end)
    }

    /// The text of the token at an index, if it is a word.
    pub(super) fn word(&self, index: usize) -> Option<&str> {
        self.scan
            .tokens
            .get(index)
            .filter(|token| token.kind == TokenKind::Word)
            .map(|token| self.text(*token))
    }

    /// The sign of the token at an index.
    pub(super) fn sign(&self, index: usize) -> Option<char> {
        match self.scan.tokens.get(index)?.kind {
            TokenKind::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    /// "`x` is part of the language but not built yet".
    pub(super) fn not_built_yet(&self, sink: &mut Sink, index: usize, word: &str) {
        let Some(token) = self.scan.tokens.get(index) else { return };
        let message = format!("`{word}` is part of the language but not built yet");
        sink.push(
            Diagnostic::new(&codes::NOT_BUILT_YET, self.span(*token), message)
                .help("leave it out for now; the changelog says what each version builds"),
        );
    }

    /// Reports that tokens stand where something else was expected.
    pub(super) fn unexpected(&self, sink: &mut Sink, index: usize, expected: &str) {
        let Some(token) = self.scan.tokens.get(index).copied() else { return };
        let message = format!("expected {expected}, found {}", self.found(token));
        let found = Diagnostic::new(&codes::UNEXPECTED, self.span(token), message);
        let slip = self.slip(&[Rule::EOI], index, (index, index + 1));
        sink.push(match slip.or_else(|| self.meant(index, &[Rule::EOI])) {
            Some(hint) => found.help(hint),
            None => found,
        });
    }

    /// "did you mean `operator`?", where a keyword that could stand there is near.
    fn meant(&self, index: usize, expected: &[Rule]) -> Option<String> {
        let word = self.word(index)?;
        let mut words: Vec<String> = expected
            .iter()
            .filter_map(|rule| describe(*rule))
            .map(|word| word.trim_matches('`').to_owned())
            .collect();
        if expected.contains(&Rule::EOI) {
            words.extend(
                [&ITEMS[..], &STATEMENTS, &SETTINGS, &CLAUSES].concat().into_iter().map(str::to_owned),
            );
        }
        let near = did_you_mean(word, words.iter().map(String::as_str)).filter(|near| *near != word)?;
        Some(format!("did you mean `{near}`?"))
    }

    /// Reports a stop while the tokens `from..to` were parsed as `what`.
    pub(super) fn stop(
        &self,
        sink: &mut Sink,
        stop: &Stop,
        base: usize,
        (from, to): (usize, usize),
        what: &str,
    ) {
        let at = base + stop.at;
        let mut index = self.scan.token_at(at);
        // The stop may lie inside a token: in a string, or behind the first sign of an operator.
        if let Some(before) = index.checked_sub(1)
            && self.scan.tokens.get(before).is_some_and(|token| at < token.end)
        {
            index = before;
        }
        let index = index.max(from);
        if index < to
            && let Some(later) = self.later(index, from)
        {
            let later = later.to_owned();
            return self.not_built_yet(sink, index, &later);
        }
        if stop.expected.is_empty() {
            let span =
                self.scan.tokens.get(from).map_or(Span::new(self.file, at, at), |token| self.span(*token));
            let found = Diagnostic::new(&codes::TOO_DEEP, span, "this part is too entangled to be read");
            sink.push(found.help("give parts of it names with `let`"));
            return;
        }
        let expected = list(&stop.expected, what);
        let form = self.form(&stop.expected, index, from);
        let (span, message) = match self.scan.tokens.get(index).copied().filter(|_| index < to) {
            Some(token) if token.kind == TokenKind::String && at > token.start && at < token.end => {
                let mut rest = self.scan.clean.get(at..token.end).unwrap_or("").chars();
                let first = rest.next().unwrap_or('"');
                let end = at + first.len_utf8();
                if first == '\\' {
                    let end = end + rest.next().map_or(0, char::len_utf8);
                    let message = format!("`{}` is no escape", self.scan.clean.get(at..end).unwrap_or(""));
                    let found = Diagnostic::new(&codes::BAD_LITERAL, Span::new(self.file, at, end), message);
                    sink.push(
                        found.help(r#"the escapes are `\n`, `\r`, `\t`, `\"`, `\\`, `\{`, `\}` and `\u{…}`"#),
                    );
                    return;
                }
                (Span::new(self.file, at, end), format!("expected {expected} in this string"))
            }
            // What is missing at the end of a line is missed there.
            Some(token) if form.is_some() && token.first => {
                let last = index.checked_sub(1).and_then(|last| self.scan.tokens.get(last));
                let last = self.span(last.copied().unwrap_or(token));
                (last, format!("expected {expected} after this, found {}", self.found(token)))
            }
            Some(token) => (self.span(token), format!("expected {expected}, found {}", self.found(token))),
            None => match to.checked_sub(1).and_then(|last| self.scan.tokens.get(last)) {
                Some(last) => {
                    let next = self
                        .scan
                        .tokens
                        .get(to)
                        .map_or("the end of the file".into(), |token| self.found(*token));
                    (self.span(*last), format!("expected {expected} after this, found {next}"))
                }
                None => (Span::new(self.file, at, at), format!("expected {expected}")),
            },
        };
        let found = Diagnostic::new(&codes::UNEXPECTED, span, message);
        let slip = self.slip(&stop.expected, index, (from, to));
        let hint = slip.or_else(|| self.hint(&stop.expected, index, (from, to))).or(form.map(str::to_owned));
        let hint = hint.or_else(|| self.side_by_side(index, (from, to)));
        sink.push(match hint.or_else(|| self.meant(index.min(to.saturating_sub(1)), &stop.expected)) {
            Some(hint) => found.help(hint),
            None => found,
        });
    }

    /// The later construct that a word begins where the grammar stopped at it.
    fn later(&self, index: usize, from: usize) -> Option<&str> {
        let word = self.word(index)?;
        let in_item = matches!(self.word(from), Some("api" | "handoff" | "operator" | "retry" | "breaker"));
        let member = in_item && (LATER_MEMBERS.contains(&word) || matches!(word, "operator" | "passport"));
        let name_position = index.checked_sub(1).is_some_and(|before| {
            matches!(self.word(before), Some("step" | "let" | "for" | "operator" | "api" | "flow" | "secret"))
                || self.sign(before) == Some('.')
        });
        (member && !name_position).then_some(word)
    }

    fn found(&self, token: Token) -> String {
        match token.kind {
            TokenKind::String => "a string".to_owned(),
            TokenKind::Sign(sign) => {
                let joined = self.scan.clean.get(token.start..token.start + 2).unwrap_or("");
                match joined {
                    "==" | "!=" | "<=" | ">=" | "->" | "=>" | "&&" | "||" | "??" | "?." => {
                        format!("`{joined}`")
                    }
                    _ => format!("`{sign}`"),
                }
            }
            _ => format!("`{}`", self.text(token)),
        }
    }

    /// What stands between a part and its value in other languages.
    fn side_by_side(&self, index: usize, (from, to): (usize, usize)) -> Option<String> {
        let sign = self.sign(index).filter(|sign| index < to && matches!(sign, '=' | ':'))?;
        let part = self.word(index.checked_sub(1).filter(|before| *before >= from)?)?;
        Some(format!("a part and its value stand side by side, without `{sign}`: `{part} …`"))
    }

    fn hint(&self, expected: &[Rule], index: usize, (from, to): (usize, usize)) -> Option<String> {
        let wants = |rules: &[Rule]| rules.iter().any(|rule| expected.contains(rule));
        let sign = self.sign(index).filter(|_| index < to);
        let word = self.word(index).filter(|_| index < to);
        let number =
            self.scan.tokens.get(index).filter(|token| token.kind == TokenKind::Number && index < to);
        let operators = wants(&[Rule::add, Rule::coalesce]);
        let before = index.checked_sub(1).and_then(|before| self.word(before));
        let value = wants(&[Rule::name_expr, Rule::unary]);
        let signs_before = |count: usize| -> Vec<_> {
            (1..=count).map(|back| index.checked_sub(back).and_then(|at| self.sign(at))).collect()
        };
        let hint = if operators && sign == Some('=') {
            if wants(&[Rule::colon]) {
                "members and arguments are written `name: value`"
            } else {
                "`==` compares"
            }
        } else if operators && sign == Some('?') {
            "a choice is written `if condition then a else b`"
        } else if operators && (sign == Some('&') || word == Some("and")) {
            "write `&&`"
        } else if operators && (sign == Some('|') || word == Some("or")) {
            "write `||`"
        } else if operators && word == Some("is")
            || value && sign == Some('=') && signs_before(2) == [Some('='), Some('=')]
        {
            "`==` compares"
        } else if value && sign == Some('>') && signs_before(1) == [Some('<')] {
            "`!=` tells whether two differ"
        } else if operators && before == Some("not") {
            "write `!`"
        } else if wants(&[Rule::colon]) && sign == Some('=') {
            "members and arguments are written `name: value`"
        } else if wants(&[Rule::equals]) && sign == Some(':') {
            "a value is given with `=`"
        } else if wants(&[Rule::name, Rule::binding]) && word == Some("run") {
            "`run` names the run itself (`run.id`); choose another name"
        } else if wants(&[Rule::name, Rule::binding, Rule::name_expr, Rule::unary])
            && word.is_some_and(is_reserved)
        {
            return word.map(|word| format!("`{word}` is a word of the language and can't be a name"));
        } else if wants(&[Rule::arrow]) && self.word(from) == Some("fn") {
            "a function says what it gives: `fn double(x: int) -> int = x * 2`"
        } else if wants(&[Rule::arrow]) && self.word(from) == Some("flow") {
            "a flow says what it returns: `-> { state: string }`"
        } else if wants(&[Rule::duration]) && number.is_some() {
            "lengths of time are written `500ms`, `30s`, `5m`, `26h`, `2d`"
        } else if wants(&[Rule::size]) && number.is_some() {
            "sizes are written `512KiB`, `16MiB`"
        } else if number.is_some_and(|token| self.text(*token).contains('_')) {
            "digits are not grouped: `1000`"
        } else if self.word(from) == Some("use") {
            "write `use std.retry.{ careful }`, or `use \"./policies.eczflow\".{ careful }`"
        } else {
            return None;
        };
        Some(hint.to_owned())
    }
}

/// "`a`, `b` or an operator"; `end` names what may follow the whole.
fn list(rules: &[Rule], end: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    // After an operand every operator and postfix was tried: one word stands for all.
    let after_operand = rules.contains(&Rule::add);
    for rule in rules {
        match describe(*rule) {
            _ if after_operand && matches!(rule, Rule::at_least | Rule::open_bracket) => {}
            Some(word) if word == "an operator" => last = Some(word),
            Some(word) if !words.contains(&word) => words.push(word),
            _ => {}
        }
    }
    if rules.contains(&Rule::EOI) {
        words.push(end.to_owned());
    }
    words.extend(last);
    if words.is_empty() {
        return "`.`".to_owned();
    }
    if words.len() > 12 {
        words.truncate(11);
        words.push("…".into());
    }
    match words.split_last() {
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

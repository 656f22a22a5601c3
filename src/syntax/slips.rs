//! What a beginner writes in place of the language's own, and what stands for it.

use super::characters::is_reserved;
use super::elsewhere::{ELSEWHERE, IN_API, LENGTHS, OF_API, UNITS, WAYS, said_of};
use super::errors::Errors;
use super::grammar::Rule;
use super::recover::{CLAUSES, ITEMS, SETTINGS, STATEMENTS};
use super::scan::TokenKind;

impl Errors<'_> {
    /// The help for a known slip where the grammar stopped at a token.
    pub(super) fn slip(&self, expected: &[Rule], index: usize, (from, to): (usize, usize)) -> Option<String> {
        let wants = |rule: Rule| expected.contains(&rule);
        let token = self.scan.tokens.get(index).filter(|_| index < to);
        let word = self.word(index).filter(|_| index < to);
        let sign = self.sign(index).filter(|_| index < to);
        let back = |count: usize| index.checked_sub(count).filter(|at| *at >= from);
        let behind = |count: usize| back(count).and_then(|at| self.word(at));
        let before = behind(1);
        let is_text = token.is_some_and(|token| token.kind == TokenKind::String);
        let is_number = token.is_some_and(|token| token.kind == TokenKind::Number);
        let said = |help: &str| Some(help.to_owned());
        if token.is_some_and(|token| token.first || index == from)
            && wants(Rule::EOI)
            && let Some(help) = self.opening(index)
        {
            return Some(help);
        }
        if word == Some("release") && (wants(Rule::unary) || wants(Rule::name_expr)) {
            return said_of(ELSEWHERE, "release").map(str::to_owned);
        }
        if word == Some("fail") && before.is_none() && (wants(Rule::unary) || wants(Rule::name_expr)) {
            return said(
                "an expression gives a value: a run is ended by a statement, `fail \"…\" when …`, or at its step by `on 404 fail \"…\"`",
            );
        }
        if word == Some("if") && before.is_none() && self.word(from) == Some("fail") {
            return said("a condition stands behind `when`: `fail \"…\" when …`");
        }
        if wants(Rule::ecz_id) && is_text {
            return said("an ECZ-ID stands without quotes");
        }
        let oauth2 =
            |at: &usize| self.word(*at) == Some("oauth2") && self.word(at.wrapping_sub(1)) == Some("auth");
        if wants(Rule::open_brace) && (from..index).rev().take(8).any(|at| oauth2(&at)) {
            return said(
                "say where tokens come from: `auth oauth2 secret.ID secret.SECRET { token \"https://login.example\" scopes \"a\" }`",
            );
        }
        if wants(Rule::kw_bearer) {
            return self.way(word);
        }
        if wants(Rule::kw_retry)
            && wants(Rule::close_brace)
            && word.is_some_and(|word| CLAUSES.contains(&word))
        {
            return said(
                "these braces take `retry`, `handoff` and `weaken` alone: such a call has a key of its own, and is made only where it is due",
            );
        }
        if let Some(help) = word.filter(|_| wants(Rule::kw_server)).and_then(|word| said_of(IN_API, word)) {
            return said(help);
        }
        if wants(Rule::rule_name) && is_text {
            return said("a rule is named without quotes: `allow(stale-pin)`");
        }
        if let (Some(','), Some(whole @ ("secret" | "undo"))) = (sign, self.word(from)) {
            return said(match whole {
                "secret" => "a secret has one audience: declare another for each api",
                _ => "a step has one undo: what takes two calls to take back is two steps",
            });
        }
        let operator = |word: &str| matches!(word, "and" | "or" | "is");
        let name = |word: &str| !is_reserved(word) && !operator(word);
        let operand = is_text || is_number || (word.is_some_and(name) && before != Some("not"));
        if let (Some(',' | '}'), Some(name), true) = (sign, before, wants(Rule::colon)) {
            let braces =
                back(3).is_some_and(|at| self.sign(at) == Some('{') && self.sign(at + 1) == Some('{'));
            return Some(match sign {
                Some('}') if braces => {
                    format!(
                        "a value in a text stands in one pair of braces, `{{{name}}}`; a brace itself is `\\{{`"
                    )
                }
                _ => format!("a member has its value beside it: `{name}: {name}`"),
            });
        }
        let touches = |at: usize| match (self.scan.tokens.get(at), self.scan.tokens.get(at + 1)) {
            (Some(one), Some(other)) => one.end == other.start,
            _ => false,
        };
        let is =
            |at: usize, kind: TokenKind| self.scan.tokens.get(at).is_some_and(|token| token.kind == kind);
        if is_number
            && let Some(whole) = back(2)
            && self.sign(whole + 1) == Some(',')
            && is(whole, TokenKind::Number)
            && touches(whole)
            && touches(whole + 1)
        {
            return said("a decimal is written with a point: `12.50`");
        }
        if wants(Rule::add) && wants(Rule::comma) && operand {
            return said("a `,` is missing before this, or an operator");
        }
        if wants(Rule::add) && !wants(Rule::kw_else) && is_text {
            return said("text is written in one string, with values in braces: `\"a {x} b\"`");
        }
        if let Some(policy @ ("retry" | "breaker" | "handoff")) = before
            && (is_text || is_number || matches!(sign, Some('{' | '(')))
        {
            let usual = match policy {
                "retry" => "careful",
                "breaker" => "standard",
                _ => "strict",
            };
            return Some(format!(
                "name a policy: `{policy} {usual}`, with `use std.{policy}.{{ {usual} }}` at the top; one of your own is declared there"
            ));
        }
        if let (Some("as"), true) = (self.word(from), wants(Rule::dot) || wants(Rule::name)) {
            let operator = match (before, word) {
                (Some("agent"), Some(operator)) => operator,
                (Some(operator), _) if back(1) == Some(from + 1) && sign != Some('-') => operator,
                _ => "OPERATOR",
            };
            return Some(format!("the operator's agent runs the flow: `as {operator}.agent`"));
        }
        if (self.word(from), self.word(from + 1)) == (Some("classify"), Some("input")) && wants(Rule::dot) {
            return Some(format!(
                "an input is named with its flow: `classify input FLOW.{} as personal`",
                before.unwrap_or("email")
            ));
        }
        if self.word(from) == Some("secret") && (wants(Rule::kw_for) || wants(Rule::name)) {
            return said(
                "a secret is declared `secret NAME for API`; its value stands in the runner's configuration alone",
            );
        }
        if let (Some(scheme @ ("bearer" | "basic" | "key" | "oauth2" | "certificate")), true) =
            (before, wants(Rule::kw_secret))
        {
            return Some(match word {
                Some("in") => {
                    "the secret comes first: `auth key secret.NAME in header \"X-Api-Key\"`".to_owned()
                }
                Some(name) => format!("a secret is named so: `auth {scheme} secret.{name}`"),
                None => format!(
                    "a flow holds no secret itself: declare `secret NAME for API` and write `auth {scheme} secret.NAME`"
                ),
            });
        }
        if before == Some("cleared") || (sign == Some(',') && behind(2) == Some("cleared")) {
            return said(
                "one class is cleared, and those below it with it: `cleared personal`, or `cleared personal from API`",
            );
        }
        if let (Some('.'), Some("from"), Some("cleared"), Some(party)) = (sign, behind(2), behind(4), before)
        {
            let class = behind(3).unwrap_or("personal");
            return Some(format!(
                "data is cleared of a whole api or operator: `cleared {class} from {party}`; `classify` tells its fields apart"
            ));
        }
        if sign == Some(',')
            && wants(Rule::close_brace)
            && (wants(Rule::kw_passport) || wants(Rule::kw_attempts))
        {
            return said("nothing separates these parts: remove the `,`");
        }
        if before == Some("wait") && word == Some("for") {
            return said("a flow waits by `wait 5m` or `wait until MOMENT`");
        }
        let after_number = back(1)
            .and_then(|at| self.scan.tokens.get(at))
            .is_some_and(|token| token.kind == TokenKind::Number);
        if after_number && word.is_some_and(|word| UNITS.contains(&word)) {
            return said(LENGTHS);
        }
        if wants(Rule::string) && !wants(Rule::name_expr) && !wants(Rule::name) && word.is_some() {
            return said("text stands in double quotes: `\"…\"`");
        }
        if wants(Rule::optional_mark) && sign == Some('[') || wants(Rule::pipe) && sign == Some('<') {
            return said("a list is written `[string]`, a map `{string: int}`");
        }
        if let (Some('?'), Some(name), true) = (sign, before, wants(Rule::colon)) {
            return Some(format!("what may be absent has a type that says so: `{name}: string?`"));
        }
        let called = |api: usize| Some((self.word(api)?, self.word(api + 2)?));
        match (self.word(from)?, sign) {
            ("step", Some('.')) if wants(Rule::equals) && back(1) == Some(from + 1) => {
                let (api, operation) = called(from + 1)?;
                Some(format!("a step has a name: `step NAME = {api}.{operation}(…)`"))
            }
            ("step", Some('(')) if wants(Rule::dot) && back(3) == Some(from + 1) => {
                let (name, of) = (behind(3)?, before?);
                Some(format!(
                    "an operation is one of an api, `step {name} = API.{of}(…)`; a flow is called by `step {name} = call {of}(…)`"
                ))
            }
            ("step", _) if before == Some("await") => {
                said("leave `await` out: what needs the answer waits for it")
            }
            // `let NAME = API.OPERATION(`
            ("let", Some('(')) if back(6) == Some(from) && self.sign(from + 4) == Some('.') => {
                let (name, (api, operation)) = (self.word(from + 1)?, called(from + 3)?);
                Some(format!(
                    "a call is a step: `step {name} = {api}.{operation}(…)`; a function takes its value in brackets: `{operation}({api})`"
                ))
            }
            ("flow" | "fn", _) if wants(Rule::colon) => said("each has a type: `id: string`"),
            _ => None,
        }
    }

    /// What was meant by a line that begins like no statement and no declaration.
    fn opening(&self, index: usize) -> Option<String> {
        let next = self.sign(index + 1);
        let Some(word) = self.word(index) else {
            let comment = matches!((self.sign(index), next), (Some('/'), Some('*')) | (Some('-'), Some('-')));
            return comment.then(|| "comments begin with `//`".to_owned());
        };
        let own = [&STATEMENTS[..], &SETTINGS, &CLAUSES].concat().contains(&word);
        let called = || {
            let (api, operation) = (self.word(index + 2)?, self.word(index + 4)?);
            (self.sign(index + 3) == Some('.')).then(|| format!("{api}.{operation}"))
        };
        let top = self.scan.tokens.get(index).is_some_and(|token| token.depth == 0);
        let policy = matches!(word, "retry" | "breaker" | "handoff");
        if top && policy {
            return Some(format!(
                "a policy is declared with a name and its parts, `{word} NAME {{ … }}`, and used in a flow or an api"
            ));
        }
        if top && own {
            return Some(format!(
                "`{word}` stands in a flow: `flow NAME(id: string) -> {{ state: string }} {{ … }}`"
            ));
        }
        if !top && !own && !policy && ITEMS.contains(&word) && self.word(index + 1).is_some() {
            return Some(format!("`{word}` declares something: it stands at the top, beside the flows"));
        }
        match (next, self.word(index + 2)) {
            (Some(sign @ (':' | '=')), _) if own => {
                Some(format!("a word and its value stand side by side, without `{sign}`: `{word} …`"))
            }
            (Some('='), _) => Some(match called() {
                Some(call) => format!("a call is a step: `step {word} = {call}(…)`"),
                None => format!("a value is named so: `let {word} = …`"),
            }),
            (Some('.'), Some(operation)) if self.sign(index + 3) == Some('(') => {
                Some(format!("a call is a step, and has a name: `step NAME = {word}.{operation}(…)`"))
            }
            _ if OF_API.contains(&word) => Some(format!("`{word}` stands in the block of its `api`")),
            _ => said_of(ELSEWHERE, word).map(str::to_owned),
        }
    }

    /// How requests authenticate, where a word says it otherwise than the language does.
    fn way(&self, word: Option<&str>) -> Option<String> {
        let lower = word?.to_ascii_lowercase();
        if lower == "none" {
            return Some("where nothing authenticates, leave `auth` out".to_owned());
        }
        Some(match said_of(WAYS, &lower) {
            Some(way) => format!("write `auth {way}`"),
            None => "write one of `auth bearer secret.NAME`, `auth basic secret.USER secret.PASSWORD`, `auth key secret.NAME`, `auth oauth2 …` and `auth certificate secret.NAME`".to_owned(),
        })
    }
}

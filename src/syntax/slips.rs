//! What a beginner writes in place of the language's own, and what stands for it.

use super::errors::Errors;
use super::grammar::Rule;
use super::scan::TokenKind;

impl Errors<'_> {
    /// The help for a known slip where the grammar stopped at a token.
    pub(super) fn slip(&self, expected: &[Rule], index: usize, (from, to): (usize, usize)) -> Option<String> {
        let wants = |rule: Rule| expected.contains(&rule);
        let token = self.scan.tokens.get(index).filter(|_| index < to);
        let word = self.word(index).filter(|_| index < to);
        let sign = self.sign(index).filter(|_| index < to);
        let back = |count: usize| index.checked_sub(count).filter(|at| *at >= from);
        let before = back(1).and_then(|at| self.word(at));
        let is_text = token.is_some_and(|token| token.kind == TokenKind::String);
        let is_number = token.is_some_and(|token| token.kind == TokenKind::Number);
        if word == Some("if") && token.is_some_and(|token| token.first) && wants(Rule::EOI) {
            let help = "there is no `if` statement: write `when …` on a step, or `fail \"…\" when …`";
            return Some(help.to_owned());
        }
        if word == Some("release") && (wants(Rule::unary) || wants(Rule::name_expr)) {
            let help = "a release is a `let` of its own: `let NAME = release VALUE to API as internal because \"…\"`";
            return Some(help.to_owned());
        }
        if before == Some("retry") && (is_text || is_number) {
            let help = "name a policy: `retry careful`, with `use std.retry.{ careful }` at the top";
            return Some(help.to_owned());
        }
        if let (Some("as"), Some(operator), true) = (self.word(from), before, wants(Rule::dot))
            && back(1) == Some(from + 1)
        {
            return Some(format!("the operator's agent runs the flow: `as {operator}.agent`"));
        }
        if let (Some(scheme @ ("bearer" | "basic" | "key" | "oauth2" | "certificate")), true) =
            (before, wants(Rule::kw_secret))
        {
            return Some(match word {
                Some(name) => format!("a secret is named so: `auth {scheme} secret.{name}`"),
                None => format!(
                    "a flow holds no secret itself: declare `secret NAME for API` and write `auth {scheme} secret.NAME`"
                ),
            });
        }
        let called = |api: usize| Some((self.word(api)?, self.word(api + 2)?));
        match (self.word(from)?, sign?) {
            ("step", '.') if wants(Rule::equals) && back(1) == Some(from + 1) => {
                let (api, operation) = called(from + 1)?;
                Some(format!("a step has a name: `step NAME = {api}.{operation}(…)`"))
            }
            // `let NAME = API.OPERATION(`
            ("let", '(') if back(6) == Some(from) && self.sign(from + 4) == Some('.') => {
                let (name, (api, operation)) = (self.word(from + 1)?, called(from + 3)?);
                Some(format!(
                    "a call is a step: `step {name} = {api}.{operation}(…)`; a function takes its value in brackets: `{operation}({api})`"
                ))
            }
            _ => None,
        }
    }
}

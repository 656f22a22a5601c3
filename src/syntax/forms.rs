//! Constructs of several parts, as they are written whole.

use super::errors::Errors;
use super::grammar::Rule;

/// Constructs of several parts: the word that begins one, the parts that may be missing, and the whole as it is written.
const FORMS: &[(&str, &[Rule], &str)] = &[
    (
        "idempotency",
        &[
            Rule::kw_header,
            Rule::string,
            Rule::kw_assumed,
            Rule::kw_stated,
            Rule::kw_by,
            Rule::ecz_id,
            Rule::kw_because,
            Rule::kw_in,
            Rule::stated_in,
        ],
        "written whole: `idempotency header \"Idempotency-Key\" stated by ECZ-… in file(\"api.statement.json\")`, or `… assumed by OPERATOR because \"…\"`",
    ),
    (
        "poll",
        &[Rule::kw_until, Rule::kw_every, Rule::duration],
        "a poll is written `step job = poll api.getJob(id: id) until job.done every 5s at most 100`",
    ),
    (
        "pages",
        &[Rule::kw_next],
        "pages are written `step all = pages api.list(cursor: next) next all.next items all.items at most 20`",
    ),
    ("reconcile", &[Rule::kw_when], "written whole: `reconcile api.get(id: id) when STEP.id == id`"),
    (
        "release",
        &[Rule::kw_to, Rule::kw_as, Rule::kw_because],
        "written whole: `let name = release value to api as internal because \"…\"`",
    ),
    ("weaken", &[Rule::kw_handoff, Rule::kw_because], "written whole: `weaken handoff POLICY because \"…\"`"),
    ("no", &[Rule::kw_passport, Rule::kw_because], "written whole: `no passport because \"…\"`"),
    ("irreversible", &[Rule::kw_because], "written whole: `irreversible because \"…\"`"),
    ("on", &[Rule::integer, Rule::kw_fail], "written whole: `on 404 fail \"…\"`"),
    ("key", &[Rule::kw_once, Rule::kw_per], "write `key once per ticket.id`"),
    (
        "ensure",
        &[Rule::kw_else],
        "an `ensure` says what its failure means: `ensure amount <= limit else \"too much\"`",
    ),
    (
        "for",
        &[Rule::binding, Rule::kw_in, Rule::at_most, Rule::kw_at, Rule::kw_most],
        "a `for` is bounded: `for line in lines at most 100 { … }`",
    ),
    ("within", &[Rule::kw_else], "written whole: `within 2d else …`"),
    (
        "undo",
        &[Rule::name, Rule::dot, Rule::open_paren],
        "an undo is a call: `undo api.operation(id: STEP.id)`",
    ),
    (
        "step",
        &[Rule::equals, Rule::dot, Rule::open_paren],
        "a step is written `step NAME = api.operation(id: id)`",
    ),
    (
        "classify",
        &[Rule::dot, Rule::kw_as, Rule::arrow, Rule::name],
        "written whole: `classify api.operation -> customer.email as personal`, or `classify input FLOW.email as personal`",
    ),
    ("cleared", &[Rule::name], "written whole: `cleared personal`, or `cleared personal from API`"),
    ("rate", &[Rule::integer, Rule::kw_per, Rule::duration], "a rate is written `rate 600 per 1m`"),
    ("concurrency", &[Rule::integer], "written whole: `concurrency 8`"),
    (
        "timeout",
        &[Rule::open_brace, Rule::kw_connect],
        "written whole: `timeout { connect 2s  attempt 20s  response 1MiB }`",
    ),
    ("region", &[Rule::name, Rule::kw_at], "written whole: `region eu at \"https://eu.api.example\"`"),
    (
        "api",
        &[Rule::equals, Rule::kw_openapi, Rule::open_paren],
        "an api is written `api NAME = openapi(\"FILE\")`",
    ),
    ("backoff", &[Rule::duration, Rule::kw_to], "written whole: `backoff 1s to 10s`"),
    ("evidence", &[Rule::at_least], "written whole: `evidence >= E4`"),
    (
        "attest",
        &[Rule::kw_request, Rule::kw_response, Rule::attest_headers],
        "written whole: `attest request response headers \"date\"`",
    ),
    ("fn", &[Rule::equals], "a function is one expression: `fn double(x: int) -> int = x * 2`"),
    (
        "match",
        &[Rule::match_arm, Rule::fat_arrow],
        "a match is written `match STEP { 200 body => body.amount, 404 => 0, else => 1 }`",
    ),
    (
        "signal",
        &[Rule::colon, Rule::signal_from],
        "a signal is written `signal answer: { yes: bool } from acme.agent within 2d else { yes: false }`",
    ),
    ("if", &[Rule::kw_then, Rule::kw_else], "a choice is written `if condition then a else b`"),
    ("type", &[Rule::equals], "a type is written `type Total = { items: int }`"),
    (
        "operator",
        &[Rule::open_brace],
        "an operator is written `operator acme { passport ECZ-GB-…  agent ECZ-GB-…::AGENT-… }`",
    ),
    ("flow", &[Rule::open_paren], "a flow is written `flow NAME(id: string) -> { state: string } { … }`"),
    ("call", &[Rule::colon], "inputs of a flow are named: `call FLOW(id: id)`"),
];

impl Errors<'_> {
    /// The whole of the construct that the tokens before an index are in, where it is one of its parts that is missing.
    pub(super) fn form(&self, expected: &[Rule], index: usize, from: usize) -> Option<&'static str> {
        let words = (from..index).rev().filter_map(|at| self.word(at));
        let mut forms = words.filter_map(|word| FORMS.iter().find(|(begins, ..)| *begins == word));
        let (_, parts, form) = forms.next()?;
        parts.iter().any(|part| expected.contains(part)).then_some(*form)
    }
}

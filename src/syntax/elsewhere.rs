//! Words that beginners bring along from other languages.

/// Words of other languages that begin a statement or a declaration there, and what is written here.
pub(super) const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["if", "unless"], "there is no `if` statement: write `when …` on a step, or `fail \"…\" when …`"),
    (
        &["release"],
        "a release is a `let` of its own: `let NAME = release VALUE to API as internal because \"…\"`",
    ),
    (
        &["call", "poll", "pages"],
        "it is written in a step: `step NAME = call FLOW(…)`, `poll …` or `pages …`",
    ),
    (
        &["match"],
        "it gives a value: `let NAME = match STEP { 200 body => …, 404 => … }`; a refusal that is to end the run is `on 404 fail \"…\"` at its step",
    ),
    (&["var", "const", "val", "set"], "a value is named so: `let NAME = …`"),
    (
        &["throw", "raise", "error", "abort"],
        "a run ends as failed by `fail \"…\"`, or by `ensure … else \"…\"`",
    ),
    (&["sleep", "delay", "pause"], "a flow waits by `wait 5m` or `wait until MOMENT`"),
    (
        &["foreach", "while", "loop", "repeat"],
        "a loop goes over a list and is bounded: `for line in lines at most 100 { … }`; a call is made again until something holds by `poll`",
    ),
    (
        &["switch", "case"],
        "what a step's answer means is told apart by `let NAME = match STEP { 200 body => …, 404 => … }`",
    ),
    (
        &["try", "catch"],
        "what a refusal means is said at its step, by `on 404 fail \"…\"` or `match`, and what is undone by `undo`",
    ),
    (
        &["print", "log", "echo"],
        "nothing is printed: what a flow gives stands in its `return`, and every call in its log",
    ),
    (
        &["parallel", "async", "await"],
        "steps that need nothing of each other run at the same time; `after` orders them",
    ),
    (
        &["compensate", "rollback", "revert"],
        "what takes a step back is its `undo api.operation(id: STEP.id)`",
    ),
    (&["retries", "attempts"], "name a policy: `retry careful`, with `use std.retry.{ careful }` at the top"),
    (
        &["needs", "requires"],
        "`after STEP` orders a step; one that uses the answer of another comes after it by itself",
    ),
    (&["break", "continue"], "a loop goes over all of its list: `[x for x in xs when …]` takes some of it"),
    (&["enum"], "a choice of texts is a type: `type State = \"open\" | \"closed\"`"),
    (&["struct", "record", "interface", "class"], "a record is a type: `type Total = { items: int }`"),
    (
        &["passport", "agent"],
        "it stands in an operator: `operator acme { passport ECZ-GB-…  agent ECZ-GB-…::AGENT-… }`",
    ),
    (&["allow"], "a warning is silenced by `allow(stale-pin)`"),
    (
        &["import", "include"],
        "write `use std.retry.{ careful }`, or `use \"./policies.eczflow\".{ careful }`",
    ),
    (&["function", "func", "def"], "a function is written `fn double(x: int) -> int = x * 2`"),
    (&["workflow"], "a flow is written `flow NAME(id: string) -> { state: string } { … }`"),
];

/// What is looked for in the block of an `api`, and what is said of it.
pub(super) const IN_API: &[(&[&str], &str)] = &[
    (
        &["url", "base_url", "baseUrl", "host", "endpoint"],
        "requests go to a server of the document; `server \"https://…\"` names which",
    ),
    (&["pinned"], "the pin stands before the block: `openapi(\"FILE\") pinned sha256:… { … }`"),
    (&["headers", "header"], "a header is an argument of the call, where the document has such a parameter"),
    (&["secret"], "what authenticates is one secret, or two for `basic` and `oauth2`"),
];

/// Members of an `api` that are looked for at a step or a flow.
pub(super) const OF_API: [&str; 7] =
    ["auth", "timeout", "rate", "concurrency", "region", "idempotency", "breaker"];

/// Names that other languages have for a way to authenticate.
pub(super) const WAYS: &[(&[&str], &str)] = &[
    (&["apikey", "api_key", "header", "query", "cookie", "in"], "key secret.NAME"),
    (
        &["oauth", "oidc", "client_credentials"],
        "oauth2 secret.ID secret.SECRET { token \"https://login.example\" }",
    ),
    (&["token", "jwt", "secret", "openidconnect"], "bearer secret.NAME"),
    (&["mtls", "tls", "mutualtls", "cert"], "certificate secret.NAME"),
    (&["user", "password", "login"], "basic secret.USER secret.PASSWORD"),
];

/// Units of time as they are not written.
pub(super) const UNITS: [&str; 12] =
    ["second", "seconds", "sec", "minute", "minutes", "min", "mins", "hour", "hours", "hr", "day", "days"];

pub(super) const LENGTHS: &str = "lengths of time are written `500ms`, `30s`, `5m`, `26h`, `2d`";

/// What is said of a word, in one of these tables.
pub(super) fn said_of(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, help)| *help)
}

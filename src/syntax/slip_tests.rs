//! What newcomers write, what they are told, and that what they are told to write is read.

use std::collections::BTreeSet;

use super::tests::{drawn, parsed};

/// Where a piece of text stands.
#[derive(Clone, Copy)]
enum At {
    /// In the block of an api.
    Api,
    /// At the top.
    Item,
    /// Before the statements of a flow.
    Setting,
    /// Below a step.
    Clause,
    /// Among the statements of a flow.
    Body,
}
use At::{Api, Body, Clause, Item, Setting};

impl At {
    fn around(self, piece: &str) -> String {
        let flow = |settings: &str, body: &str| {
            format!(
                "eczflow 1\nflow f(id: string) -> {{ a: string }} {{\n  {settings}\n  {body}\n  return {{ a: id }}\n}}\n"
            )
        };
        match self {
            Api => format!("eczflow 1\napi a = openapi(\"a.yaml\") {{\n  {piece}\n}}\n"),
            Item => format!("eczflow 1\n{piece}\n"),
            Setting => flow(piece, "let y = 1"),
            Clause => flow("handoff strict", &format!("step x = a.b(c: id)\n    {piece}")),
            Body => flow("handoff strict", piece),
        }
    }
}

/// Each slip by name and place, as it is made, and as its help leads to write it.
#[rustfmt::skip]
const SLIPS: &[(&str, At, &str, &str)] = &[
    ("auth apikey", Api, "auth apikey secret.t", "auth key secret.t"),
    ("auth apiKey in a header", Api, r#"auth key in header "X-Api-Key" secret.t"#, r#"auth key secret.t in header "X-Api-Key""#),
    ("auth oauth", Api, r#"auth oauth secret.a secret.b { token "https://login.example" }"#, r#"auth oauth2 secret.a secret.b { token "https://login.example" }"#),
    ("auth oauth2 without its block", Api, "auth oauth2 secret.a secret.b", r#"auth oauth2 secret.a secret.b { token "https://login.example" }"#),
    ("auth token", Api, "auth token secret.t", "auth bearer secret.t"),
    ("auth mtls", Api, "auth mtls secret.t", "auth certificate secret.t"),
    ("auth digest", Api, "auth digest secret.t", "auth basic secret.user secret.password"),
    ("auth none", Api, "auth none", ""),
    ("auth with a colon", Api, "auth: bearer secret.t", "auth bearer secret.t"),
    ("cleared from an operation", Api, "cleared personal from hr.getPerson", "cleared personal from hr"),
    ("cleared of several classes", Api, "cleared personal, restricted", "cleared restricted"),
    ("cleared quoted", Api, r#"cleared "personal""#, "cleared personal"),
    ("a rate by a slash", Api, "rate 10/min", "rate 10 per 1m"),
    ("a rate in words", Api, "rate 10 per minute", "rate 10 per 1m"),
    ("a rate alone", Api, "rate 10", "rate 10 per 1s"),
    ("concurrency max", Api, "concurrency max 8", "concurrency 8"),
    ("timeout of one time", Api, "timeout 5s", "timeout { attempt 5s }"),
    ("a region without a name", Api, r#"region "https://eu.a.example""#, r#"region eu at "https://eu.a.example""#),
    ("a server without quotes", Api, "server https", r#"server "https://a.example""#),
    ("a breaker in numbers", Api, "breaker 5", "breaker standard"),
    ("commas between parts", Item, "operator o { passport ECZ-GB-A1B2C3, agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }", "operator o { passport ECZ-GB-A1B2C3 agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }"),
    ("a passport in quotes", Item, r#"operator o { passport "ECZ-GB-A1B2C3" }"#, "operator o { passport ECZ-GB-A1B2C3 }"),
    ("a passport behind a colon", Item, "operator o { passport: ECZ-GB-A1B2C3 }", "operator o { passport ECZ-GB-A1B2C3 }"),
    ("an api without openapi", Item, r#"api a = "a.yaml""#, r#"api a = openapi("a.yaml")"#),
    ("an api that is a block", Item, r#"api a { openapi "a.yaml" }"#, r#"api a = openapi("a.yaml")"#),
    ("a secret with its value", Item, r#"secret t = "abc""#, "secret t for a"),
    ("a classified input without its flow", Item, "classify input email as personal", "classify input f.email as personal"),
    ("classify without input", Item, "classify email as personal", "classify input f.email as personal"),
    ("classify by a dot", Item, "classify a.get.email as personal", "classify a.get -> email as personal"),
    ("classify without as", Item, "classify a.get -> email personal", "classify a.get -> email as personal"),
    ("import", Item, "import std.retry.{ careful }", "use std.retry.{ careful }"),
    ("a backoff of one time", Item, "retry r { attempts 3 backoff 1s }", "retry r { attempts 3 backoff 1s to 10s }"),
    ("attempts behind a colon", Item, "retry r { attempts: 3 }", "retry r { attempts 3 }"),
    ("evidence without a sign", Item, "handoff h { evidence E4 }", "handoff h { evidence >= E4 }"),
    ("attest all", Item, "handoff h { attest all }", r#"handoff h { attest request response headers "date" }"#),
    ("a function in braces", Item, "fn f(x: int) -> int { return x }", "fn f(x: int) -> int = x"),
    ("a function's type behind a colon", Item, "fn f(x: int): int = x", "fn f(x: int) -> int = x"),
    ("an input without a type", Item, "flow f(a) -> int { return 1 }", "flow f(a: string) -> int { return 1 }"),
    ("a list as elsewhere", Item, "flow f(a: string[]) -> int { return 1 }", "flow f(a: [string]) -> int { return 1 }"),
    ("a list of angles", Item, "flow f(a: List<string>) -> int { return 1 }", "flow f(a: [string]) -> int { return 1 }"),
    ("a name that may be absent", Item, "flow f(a?: string) -> int { return 1 }", "flow f(a: string?) -> int { return 1 }"),
    ("an agent in quotes", Setting, r#"as "acme.agent""#, "as acme.agent"),
    ("an agent by its id", Setting, "as ECZ-GB-A1B2C3::AGENT-7QK2M9", "as acme.agent"),
    ("an agent before its operator", Setting, "as agent acme", "as acme.agent"),
    ("as with a colon", Setting, "as: acme.agent", "as acme.agent"),
    ("cleared of a flow from an operation", Setting, "cleared personal from hr.getPerson", "cleared personal from hr"),
    ("a deadline in words", Setting, "deadline 5 minutes", "deadline 5m"),
    ("an undo by name", Clause, "undo cancel", "undo a.cancel(id: x.id)"),
    ("an undo without brackets", Clause, "undo a.cancel", "undo a.cancel(id: x.id)"),
    ("an undo in braces", Clause, "undo { a.cancel(id: x.id) }", "undo a.cancel(id: x.id)"),
    ("a key in an undo", Clause, "undo a.cancel(id: x.id) { key once per x.id }", "undo a.cancel(id: x.id) { retry careful }"),
    ("a guard in an undo", Clause, r#"undo a.cancel(id: x.id) { when id == "" }"#, "undo a.cancel(id: x.id)"),
    ("a retry in braces", Clause, "retry { attempts 3 }", "retry careful"),
    ("a retry in brackets", Clause, "retry(3)", "retry careful"),
    ("a handoff in braces", Clause, "handoff { verify open }", "handoff strict"),
    ("on an error", Clause, r#"on error fail "no""#, r#"on 404 fail "no""#),
    ("when with a colon", Clause, r#"when: id == """#, r#"when id == """#),
    ("a timeout of a step", Clause, "timeout 5s", ""),
    ("auth of a step", Clause, "auth bearer secret.t", ""),
    ("a key that is equal", Clause, "key = id", "key once per id"),
    ("a comment of two dashes", Body, "-- look up", "// look up"),
    ("a comment in C", Body, "/* look up */", "// look up"),
    ("back-ticks", Body, "let x = `it`", r#"let x = "it""#),
    ("a step without its word", Body, "x = a.b(c: id)", "step x = a.b(c: id)"),
    ("a call alone", Body, "a.b(c: id)", "step x = a.b(c: id)"),
    ("a value without its word", Body, "x = 1", "let x = 1"),
    ("a step of a name alone", Body, "step x", "step x = a.b(c: id)"),
    ("a step in braces", Body, "step x { a.b(c: id) }", "step x = a.b(c: id)"),
    ("await", Body, "step x = await a.b(c: id)", "step x = a.b(c: id)"),
    ("a flow called as an operation", Body, "step x = other(id: id)", "step x = call other(id: id)"),
    ("a call without its step", Body, "call other(id: id)", "step x = call other(id: id)"),
    ("inputs in order", Body, "step x = call other(id)", "step x = call other(id: id)"),
    ("a release alone", Body, r#"release id to a as internal because "so""#, r#"let x = release id to a as internal because "so""#),
    ("fail if", Body, r#"fail "no" if id == """#, r#"fail "no" when id == """#),
    ("throw", Body, r#"throw "no""#, r#"fail "no""#),
    ("var", Body, "var x = 1", "let x = 1"),
    ("print", Body, "print id", ""),
    ("parallel", Body, "parallel { step x = a.b() }", "step x = a.b()"),
    ("while", Body, "while true { let x = 1 }", "for x in [1] at most 1 { let y = x }"),
    ("try", Body, "try { step x = a.b() }", "step x = a.b()\n    on 404 fail \"no\""),
    ("for each", Body, "for each x in [1] at most 1 { let y = x }", "for x in [1] at most 1 { let y = x }"),
    ("for of", Body, "for x of [1] at most 1 { let y = x }", "for x in [1] at most 1 { let y = x }"),
    ("wait for", Body, "wait for 5m", "wait 5m"),
    ("wait in words", Body, "wait 5 minutes", "wait 5m"),
    ("sleep", Body, "sleep 5m", "wait 5m"),
    ("match with case", Body, "let y = match x { case 200: 1 }", "let y = match x { 200 => 1 }"),
    ("match with an underscore", Body, "let y = match x { 200 => 1, _ => 2 }", "let y = match x { 200 => 1, else => 2 }"),
    ("match with a thin arrow", Body, "let y = match x { 200 -> 1 }", "let y = match x { 200 => 1 }"),
    ("a signal without a type", Body, "signal go from acme.agent within 1h else null", "signal go: { yes: bool } from acme.agent within 1h else null"),
    ("a policy without a name", Item, "retry { attempts 3 }", "retry mine { attempts 3 }"),
    ("a step at the top", Item, "step x = a.b(c: 1)", "flow f() -> int { step x = a.b(c: 1) return 1 }"),
    ("an agent at the top", Item, "agent ECZ-GB-A1B2C3::AGENT-7QK2M9", "operator acme { passport ECZ-GB-A1B2C3 agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }"),
    ("an operator without braces", Item, "operator acme = ECZ-GB-A1B2C3", "operator acme { passport ECZ-GB-A1B2C3 }"),
    ("a flow without brackets", Item, "flow f -> int { return 1 }", "flow f() -> int { return 1 }"),
    ("a type without a sign", Item, "type T { a: int }", "type T = { a: int }"),
    ("enum", Item, "enum T { a, b }", r#"type T = "a" | "b""#),
    ("a secret of two", Item, "secret t for a, b", "secret t for a"),
    ("allow without brackets", Item, "allow stale-pin", "allow(stale-pin)"),
    ("allow in quotes", Item, r#"allow("stale-pin")"#, "allow(stale-pin)"),
    ("auth of two secrets", Api, "auth bearer secret.a secret.b", "auth basic secret.a secret.b"),
    ("a url", Api, r#"base_url "https://a.example""#, r#"server "https://a.example""#),
    ("a pin in the block", Api, "pinned sha256:aa", ""),
    ("another time", Api, "timeout { total 2s }", "timeout { attempt 2s }"),
    ("two undos", Clause, "undo a.c(id: x.id), a.d(id: x.id)", "undo a.c(id: x.id)"),
    ("rollback", Clause, "rollback a.c(id: x.id)", "undo a.c(id: x.id)"),
    ("needs", Clause, "needs y", "after y"),
    ("retries", Clause, "retries 3", "retry careful"),
    ("a flow in a flow", Body, "flow g() -> int { return 1 }", "step y = call g()"),
    ("break", Body, "for x in [1] at most 3 { break }", "let y = [x for x in [1] when x > 0]"),
    ("an if in braces", Body, r#"let x = if id == "" { 1 } else { 2 }"#, r#"let x = if id == "" then 1 else 2"#),
    ("an if without else", Body, r#"let x = if id == "" then 1"#, r#"let x = if id == "" then 1 else 2"#),
    ("is", Body, "let x = id is null", "let x = id == null"),
    ("three equals signs", Body, r#"let x = id === "a""#, r#"let x = id == "a""#),
    ("less and greater", Body, r#"let x = id <> "a""#, r#"let x = id != "a""#),
    ("and in a list", Body, "let x = [true and false]", "let x = [true && false]"),
    ("not in a list", Body, "let x = [not true]", "let x = [!true]"),
    ("a list without commas", Body, "let x = [1 2]", "let x = [1, 2]"),
    ("a record without commas", Body, "let x = { a: 1 b: 2 }", "let x = { a: 1, b: 2 }"),
    ("a member without its value", Body, "let x = { id, a: 1 }", "let x = { id: id, a: 1 }"),
    ("a decimal with a comma", Body, "let x = { a: 12,50 }", "let x = { a: 12.50 }"),
    ("two braces in a text", Body, r#"let x = "a {{id}}""#, r#"let x = "a {id}""#),
    ("match as a statement", Body, "match x { 200 => 1 }", "let y = match x { 200 => 1 }"),
    ("an arm that fails", Body, r#"let y = match x { 200 => 1, 404 => fail "no" }"#, r#"let y = match x { 200 => 1 }"#),
    ("three quotes", Body, r#"let x = """a""""#, r#"let x = "a""#),
    ("at least", Body, "for x in [1] at least 3 { let y = x }", "for x in [1] at most 3 { let y = x }"),
];

#[test]
fn each_slip_has_a_help() {
    let mut out = String::new();
    for (name, at, slip, _) in SLIPS {
        let text = at.around(slip);
        let (_, findings) = parsed(&text);
        assert_eq!(findings.len(), 1, "{name}: one slip is one finding\n{}", drawn(&text));
        assert!(findings.iter().all(|finding| finding.help.is_some()), "{name}\n{}", drawn(&text));
        out += &format!("== {name}: {slip}\n{}\n", drawn(&text));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn what_the_help_leads_to_is_read() {
    let names: BTreeSet<&str> = SLIPS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), SLIPS.len());
    for (name, at, _, mended) in SLIPS {
        let text = at.around(mended);
        assert_eq!(drawn(&text), "", "{name}\n{text}");
    }
}

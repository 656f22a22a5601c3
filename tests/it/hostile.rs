//! Documents and flows that are very large, or whose names mislead.

use std::fmt::Write as _;

use camino::Utf8Path;
use eczflow::compile::{Compilation, Session};
use eczflow::report::{Findings, Format};
use eczflow::source::MemoryFiles;

use super::process::Desk;

const FLOW: &str = "f/flow.eczflow";

/// A document with one operation, `begun` but for its schemas, that is filled up to a size.
fn document(yaml: bool, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 1_000);
    text.push_str(
        r##"{"openapi": "3.1.1", "info": {"title": "Large", "version": "one", "x-ecz-id": {"operator_ecz_id": "ECZ-GB-L4RG31",
"api_passport_id": "ECZ-GB-L4RG31::API-LARG31", "api_origin": "https://large.example",
"spec_hash": "sha256:c55d4abdb10c725c3a7da884997837e1c44a1ab71bf2878a1fefc7728acb855f",
"resolver_url": "https://resolver.ecocitizenz.org/p/ECZ-GB-L4RG31/API/LARG31"}},
"servers": [{"url": "https://large.example"}], "paths": {"/first": {"get": {"operationId": "getFirst", "responses": {"200": {
"description": "The first.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}}}}}},
"components": {"schemas": {"##,
    );
    if yaml {
        // The same, as YAML writes it.
        text = r##"openapi: "3.1.1"
info:
  title: Large
  version: one
  x-ecz-id:
    operator_ecz_id: ECZ-GB-L4RG31
    api_passport_id: ECZ-GB-L4RG31::API-LARG31
    api_origin: https://large.example
    spec_hash: sha256:c55d4abdb10c725c3a7da884997837e1c44a1ab71bf2878a1fefc7728acb855f
    resolver_url: https://resolver.ecocitizenz.org/p/ECZ-GB-L4RG31/API/LARG31
servers:
  - url: https://large.example
paths:
  /first:
    get:
      operationId: getFirst
      responses:
        "200":
          description: The first.
          content:
            application/json:
              schema: { $ref: "#/components/schemas/S0" }
components:
  schemas:
"##
        .to_owned();
    }
    let filler = "what nobody reads ".repeat(12);
    for index in 0.. {
        let members = r#"{"count": {"type": "integer", "maximum": 9}}"#;
        let done = text.len() >= bytes;
        if yaml {
            writeln!(text, "    S{index}:\n      type: object\n      description: {}", filler.trim())
                .unwrap();
            writeln!(text, "      required: [count]\n      properties: {}", members.replace('"', ""))
                .unwrap();
        } else {
            let end = if done { "}}}" } else { ",\n" };
            write!(
                text,
                r#""S{index}": {{"type": "object", "description": "{filler}", "required": ["count"], "properties": {members}}}{end}"#
            )
            .unwrap();
        }
        if done {
            break;
        }
    }
    text
}

fn flow(name: &str, statements: &str) -> String {
    format!(
        "eczflow 1\nuse std.handoff.{{ strict }}\n\
         operator acme {{ passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }}\n\
         api large = openapi(\"{name}\")\nflow f() -> {{ count: int }} {{\n  as acme.agent\n  handoff strict\n{statements}}}\n"
    )
}

/// The flow, pinned, and compiled once the document is what `after` makes of it.
fn compiled(
    name: &str,
    text: &str,
    statements: &str,
    after: impl FnOnce(&str) -> Option<String>,
) -> Compilation {
    let mut files = MemoryFiles::default();
    let document = format!("f/{name}");
    files.insert(document.as_str(), text);
    files.insert(FLOW, flow(name, statements));
    let pinned = Session::new(&files).pin(Utf8Path::new(FLOW)).unwrap();
    files.insert(FLOW, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    if let Some(changed) = after(text) {
        files.insert(document.as_str(), changed);
    }
    Session::new(&files).compile(Utf8Path::new(FLOW), None).unwrap()
}

fn codes(compilation: &Compilation) -> Vec<&str> {
    compilation.diagnostics.iter().map(|finding| finding.code.number).collect()
}

const READ: &str = "  step first = large.getFirst()\n  return { count: first.count }\n";

#[test]
fn fifty_megabytes_of_json_are_held_against_their_pin() {
    let text = document(false, 50 << 20);
    let compilation = compiled("large.json", &text, READ, |_| None);
    assert!(compilation.plan.is_some(), "{:?}", codes(&compilation));
    assert!(compilation.diagnostics.is_empty(), "{:?}", codes(&compilation));
}

#[test]
fn megabytes_of_yaml_are_held_against_their_pin() {
    let text = document(true, 4 << 20);
    let compilation = compiled("large.yaml", &text, READ, |_| None);
    assert!(compilation.diagnostics.is_empty(), "{:?}", codes(&compilation));
    let changed =
        compiled("large.yaml", &text, READ, |text| Some(text.replacen("maximum: 9", "maximum: 8", 1)));
    assert_eq!(codes(&changed), ["EF4009"]);
}

#[test]
fn a_document_beyond_the_bound_is_named() {
    let mut files = MemoryFiles::default();
    files.insert("f/large.json", " ".repeat((64 << 20) + 1));
    files.insert(FLOW, flow("large.json", READ));
    let compilation = Session::new(&files).compile(Utf8Path::new(FLOW), None).unwrap();
    let finding = compilation.diagnostics.iter().find(|finding| finding.message.contains("large.json"));
    let said = finding.map(|finding| format!("{finding:?}")).unwrap_or_default();
    assert!(said.contains("67108864") || said.contains("64 MiB"), "{:?} {said}", codes(&compilation));
}

/// A small document whose answer has members of these names.
fn named(members: &[&str]) -> String {
    let text = document(false, 0);
    let members: Vec<String> =
        members.iter().map(|name| format!("{name:?}: {{\"type\": \"integer\"}}")).collect();
    text.replace("\"count\": {\"type\": \"integer\", \"maximum\": 9}", &members.join(", "))
        .replace("\"required\": [\"count\"]", "\"additionalProperties\": false")
}

#[test]
fn names_that_look_alike_are_told_apart() {
    let text = named(&["p\u{430}yload"]).replace("\\u{430}", "\u{430}");
    let read = "  step first = large.getFirst()\n  return { count: first.payload ?? 0 }\n";
    let compilation = compiled("names.json", &text, read, |_| None);
    assert_eq!(codes(&compilation), ["EF2002"]);
    let help = compilation.diagnostics[0].help.clone().unwrap();
    assert!(help.contains("its character 2 is U+0430, and what stands here has U+0061"), "{help}");
}

#[test]
fn no_format_of_findings_turns_a_line_around() {
    let text = named(&["pay\u{202e}load", "odd\u{61c}"])
        .replace("\\u{202e}", "\u{202e}")
        .replace("\\u{61c}", "\u{61c}");
    assert!(text.contains('\u{202e}') && text.contains('\u{61c}'));
    let read = "  step first = large.getFirst()\n  return { count: first.total ?? 0 }\n";
    let compilation = compiled("names.json", &text, read, |_| None);
    assert_eq!(codes(&compilation), ["EF2002"]);
    for format in [Format::Text, Format::Concise, Format::Json, Format::Sarif, Format::Github] {
        let mut findings = Findings::new(format);
        let written = findings.add(&compilation.source_map, &compilation.diagnostics);
        let written = written + &findings.finish();
        assert!(
            written.contains("EF2002") && !written.contains(['\u{202e}', '\u{61c}']),
            "{format:?}: {written}"
        );
    }
}

/// What is kept of the keys of called flows does not grow with what they are given, nor with calls times keys.
#[cfg(target_os = "linux")]
#[test]
fn keys_of_called_flows_take_little_memory() {
    let desk = Desk::new();
    for (keys, calls, length, too_large) in [(140, 140, 20_000, false), (400, 2_000, 1_000, true)] {
        let mut text = "eczflow 1\nuse std.handoff.{ strict }\n\
            operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }\n\
            api payments = openapi(\"apis/payments.openapi.json\")\n\
            flow pay(ref: string) -> { n: int } {\n  as acme.agent\n  handoff strict\n"
            .to_owned();
        for key in 0..keys {
            writeln!(text, "  step e{key} = payments.createRefund({{ charge: ref, amount: 1 }})").unwrap();
            writeln!(text, "    key once per ref\n    undo payments.cancelRefund(refundId: e{key}.id)")
                .unwrap();
        }
        text += "  return { n: 1 }\n}\nflow all() -> { n: int } {\n  as acme.agent\n  handoff strict\n";
        let filler = "x".repeat(length);
        for call in 0..calls {
            writeln!(text, "  step r{call} = call pay(ref: \"{filler}{call}\")").unwrap();
            writeln!(text, "    undo payments.cancelRefund(refundId: \"{{r{call}.n}}\")").unwrap();
        }
        text += "  return { n: 1 }\n}\n";
        std::fs::write(desk.path("refund/keys.eczflow"), text).unwrap();
        let checked = desk.command("check refund/keys.eczflow --format json");
        let mut limited = std::process::Command::new("sh");
        limited.args(["-c", "ulimit -v 900000; exec \"$0\" \"$@\""]).arg(checked.get_program());
        limited.args(checked.get_args()).current_dir(checked.get_current_dir().unwrap());
        limited.env("NO_COLOR", "1").env("XDG_CONFIG_HOME", desk.path("config"));
        let ended = limited.output().unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(said.contains("EF3007"), too_large, "{said}");
        assert!(said.contains("EF4008") && !said.contains("EF5005"), "{said}");
    }
}

/// Ten million nodes in a few kilobytes: flows that call the one before them ten times each.
#[test]
fn flows_that_multiply_are_refused_before_they_are_judged() {
    let mut text = "eczflow 1\nuse std.handoff.{ strict }\noperator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }\napi support = openapi(\"apis/support.openapi.yaml\")\n".to_owned();
    let head = "  as acme.agent\n  handoff strict\n";
    let first = "  step ticket = support.getTicket(ticketId: id)\n  return { id: ticket.id }\n";
    write!(text, "flow f0(id: string) -> {{ id: string }} {{\n{head}{first}}}\n").unwrap();
    for level in 1..8 {
        write!(text, "flow f{level}(id: string) -> {{ id: string }} {{\n{head}").unwrap();
        for call in 0..10 {
            writeln!(text, "  step r{call} = call f{}(id: \"{{id}}/{call}\")", level - 1).unwrap();
        }
        text.push_str("  return { id: r9.id }\n}\n");
    }
    let files = crate::flows::refund_files(Some(&text));
    let compilation = Session::new(&files).check(Utf8Path::new("refund.eczflow"), None).unwrap();
    let told = compilation.diagnostics.iter().filter(|finding| finding.code.number == "EF3007");
    let told: Vec<&str> = told.map(|finding| finding.message.as_str()).collect();
    assert_eq!(told, ["`f4` with the flows that it calls has 32221 nodes, more than 20000"]);
}

/// A flow whose only finding is what its statements bring, and that its documents are not pinned.
fn judged(statements: &str) -> String {
    format!(
        "eczflow 1\nuse std.handoff.{{ strict }}\n\
         operator acme {{ passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }}\n\
         api support = openapi(\"apis/support.openapi.yaml\")\n\
         api payments = openapi(\"apis/payments.openapi.json\") {{ idempotency header \"Idempotency-Key\" assumed by acme because \"their guide\" }}\n\
         flow f() -> {{ n: int }} {{\n  as acme.agent\n  handoff strict\n{statements}}}\n"
    )
}

/// A text may have something wrong at every byte, all of it in one line: it is told as far as anybody reads.
#[test]
fn wrong_characters_without_end_are_told_to_a_bound() {
    let line = format!("eczflow 1\n{}\n", "\u{430}".repeat(1_000_000));
    let lines = format!("eczflow 1\n{}", "\0\n".repeat(500_000));
    for text in [line, lines] {
        let files = crate::flows::refund_files(Some(&text));
        let compilation = Session::new(&files).check(Utf8Path::new("refund.eczflow"), None).unwrap();
        let told = &compilation.diagnostics;
        assert_eq!(told.len(), 10_000);
        let notes = &told.last().unwrap().notes;
        assert!(notes.iter().any(|note| note.ends_with("more of these are left out")), "{notes:?}");
        let last = told.last().unwrap().span();
        let (at, column) = compilation.source_map.line_column(last);
        assert!((at, column) == (2, 10_000) || (at, column) == (10_001, 1), "{at}:{column}");
    }
}

/// What a file of a few megabytes holds of one kind is gone through once, whatever it is: many of them take as long as they
/// are many. The bound is far from both: twenty times as much in at most sixty times as long.
#[test]
fn many_of_one_kind_take_as_long_as_they_are_many() {
    #[expect(clippy::disallowed_methods, reason = "what is measured is the time it takes")]
    let took = |text: &str| {
        let files = crate::flows::refund_files(Some(text));
        let start = std::time::Instant::now();
        let compilation = Session::new(&files).check(Utf8Path::new("refund.eczflow"), None).unwrap();
        let took = start.elapsed();
        let known = ["EF1003", "EF4008", "EF6003"];
        let other = compilation.diagnostics.iter().find(|found| !known.contains(&found.code.number));
        assert!(other.is_none(), "{other:#?}");
        took
    };
    let functions = |count: usize| {
        let one = |at: usize| format!("fn f{at}(a: int) -> int = a\n");
        judged("  return { n: 1 }\n") + &(0..count).map(one).collect::<String>()
    };
    let members = |count: usize| {
        let all: Vec<String> = (0..count).map(|at| format!("a{at}: {at}")).collect();
        judged(&format!("  let all = {{ {} }}\n  return {{ n: 1 }}\n", all.join(", ")))
    };
    let undone = |count: usize| {
        let one = |at: usize| {
            format!(
                "  step e{at} = payments.createRefund({{ charge: \"c\", amount: 1 }})\n    key once per \"{at}\"\n    undo payments.cancelRefund(refundId: e{at}.id)\n"
            )
        };
        judged(&((0..count).map(one).collect::<String>() + "  return { n: 1 }\n"))
    };
    let all = [
        ("functions", functions(1_500), functions(30_000)),
        ("members", members(1_500), members(30_000)),
        ("undone", undone(250), undone(5_000)),
    ];
    for (what, few, many) in all {
        took(&few);
        let few = (0..3).map(|_| took(&few)).min().unwrap();
        let many = took(&many);
        assert!(many < few * 60, "{what}: {few:?} and {many:?}");
    }
}

/// Loops in loops: each level is judged once, not once for each level around it.
#[test]
fn loops_in_loops_are_judged_once_each() {
    let mut text = "  step ticket = support.getTicket(ticketId: \"t\")\n".to_owned();
    for level in 0..30 {
        writeln!(text, "  for l{level} in ticket.lines at most 2 {{").unwrap();
    }
    text += "  step note = support.getTicket(ticketId: l29.sku)\n";
    text += &"  }\n".repeat(30);
    let files = crate::flows::refund_files(Some(&judged(&(text + "  return { n: 1 }\n"))));
    // With a doubling at each level it would take hours.
    let compilation = Session::new(&files).check(Utf8Path::new("refund.eczflow"), None).unwrap();
    let found: Vec<&str> = codes(&compilation).into_iter().filter(|code| *code != "EF4008").collect();
    assert_eq!(found, ["EF1003"]);
}

/// Types that double at each line and begin anew where they became too large: what is kept of them has an end.
#[cfg(target_os = "linux")]
#[test]
fn types_that_double_again_and_again_take_little_memory() {
    let desk = Desk::new();
    let mut text = judged("  return { n: 1 }\n") + "type T0 = { a: int }\n";
    for level in 1..300 {
        writeln!(text, "type T{level} = {{ a: T{0}, b: T{0} }}", level - 1).unwrap();
    }
    std::fs::write(desk.path("refund/types.eczflow"), text).unwrap();
    let checked = desk.command("check refund/types.eczflow --format json");
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\""]).arg(checked.get_program());
    limited.args(checked.get_args()).current_dir(checked.get_current_dir().unwrap());
    limited.env("NO_COLOR", "1").env("XDG_CONFIG_HOME", desk.path("config"));
    let ended = limited.output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("EF3007"), "{said}");
}

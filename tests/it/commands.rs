//! Commands as a user and a script meet them, where the pages of the docs don't already show them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use super::process::Desk;

const FLOW: &str = "refund/refund.eczflow";

#[test]
fn findings_are_data_on_stdout_and_numbers_on_stderr() {
    let desk = Desk::new();
    let path = desk.path(FLOW);
    let text =
        std::fs::read_to_string(&path).unwrap().replace("ticket.amount <= limit", "ticket.amonut <= limit");
    std::fs::write(&path, text).unwrap();
    let json = desk.run(&format!("check {FLOW} --format json")).expect(1);
    let report = json.json();
    assert_eq!((&report["version"], &report["errors"]), (&1.into(), &1.into()));
    let finding = &report["findings"][0];
    assert_eq!((&finding["code"], &finding["name"]), (&"EF2002".into(), &"unknown-member".into()));
    let edit = &finding["fix"]["edits"][0];
    assert_eq!((&edit["file"], &edit["text"]), (&FLOW.into(), &"amount".into()));
    assert_eq!(json.stderr, "1 error\n");
    let both = desk.run(&format!("check {FLOW} {FLOW} --format sarif")).expect(1).json();
    assert_eq!(both["runs"][0]["results"].as_array().unwrap().len(), 2);
    let told = desk.run(&format!("check {FLOW} --format github")).expect(1).stdout;
    assert!(told.starts_with(&format!("::error file={FLOW},line=")), "{told}");
    let drawn = desk.run(&format!("check {FLOW}")).expect(1);
    assert!(!drawn.stdout.contains('\u{1b}'), "{}", drawn.stdout);
    let coloured =
        desk.command(&format!("check {FLOW}")).env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").output();
    assert!(String::from_utf8(coloured.unwrap().stdout).unwrap().contains("\u{1b}["));
}

#[test]
fn a_warning_can_be_silenced_by_name_and_an_error_cannot() {
    let desk = Desk::new();
    let path = desk.path(FLOW);
    let text = std::fs::read_to_string(&path).unwrap().replace("{ strict }", "{ strict, observe }");
    std::fs::write(&path, text).unwrap();
    assert!(desk.run(&format!("check {FLOW}")).expect(0).stdout.contains("EF1003"));
    let rules =
        |line: &str| std::fs::write(desk.path("refund/eczflow.toml"), format!("[rules]\n{line}\n")).unwrap();
    rules("unused-name = \"off\"");
    assert_eq!(desk.run(&format!("check {FLOW}")).expect(0).stdout, "");
    rules("unused-name = \"error\"");
    assert!(desk.run(&format!("check {FLOW}")).expect(1).stdout.contains("error[EF1003]"));
    desk.run(&format!("compile {FLOW}")).expect(1);
    rules("no-handoff-policy = \"off\"");
    desk.run(&format!("check {FLOW}")).expect_error(2, "ER1077");
}

/// One mend shows the next: a misspelt member hides nothing, a name used no more is dropped, and the file is whole after it.
#[test]
fn what_can_be_mended_is_mended_in_one_go() {
    let desk = Desk::new();
    let path = desk.path(FLOW);
    let good = std::fs::read_to_string(&path).unwrap();
    let bad = good
        .replace("{ strict }", "{ strict, observe }")
        .replace("ticket.amount <= limit", "ticket.amonut <= limit")
        .replace("  step ticket", "  allow(unused-nam)\n  step ticket");
    std::fs::write(&path, &bad).unwrap();
    let dry = desk.run(&format!("check {FLOW} --fix --dry-run")).expect(1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), bad);
    assert!(dry.stdout.contains("EF2002") && dry.stderr.contains("would fix "), "{}", dry.stderr);
    let mended = desk.run(&format!("check {FLOW} --fix")).expect(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), good, "{}", mended.stderr);
    assert_eq!(mended.stdout, "");
    for mend in [
        "write `amount` (EF2002 unknown-member)",
        "write `unused-name` (EF7002 unknown-rule)",
        "remove the `allow` (EF7001 unused-allow)",
        "remove `observe` from the `use` (EF1003 unused-name)",
    ] {
        assert_eq!(mended.stderr.matches(mend).count(), 1, "{mend}: {}", mended.stderr);
    }
    assert_eq!(desk.run(&format!("check {FLOW} --fix")).expect(0).stderr, "");
    let document = desk.path("refund/apis/payments.openapi.json");
    let text = std::fs::read_to_string(&document).unwrap();
    std::fs::write(&path, bad.replace("amonut", "anything")).unwrap();
    desk.run(&format!("check {FLOW} --fix")).expect(1);
    assert_eq!(std::fs::read_to_string(&document).unwrap(), text);
}

/// Whoever makes the edits that SARIF gives has the file that `--fix` writes: of a whole `use` no empty line stays.
#[test]
fn the_fixes_of_a_log_are_those_that_are_made() {
    let desk = Desk::new();
    let path = desk.path(FLOW);
    let good = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = good.split_once("use std").unwrap();
    for (more, end) in
        [("use std.handoff.{ observe, two_sided }\n", "\n"), ("  use std.breaker.{ standard }  \n", "\r\n")]
    {
        let (good, text) = (good.replace('\n', end), format!("{head}{more}use std{rest}").replace('\n', end));
        std::fs::write(&path, &text).unwrap();
        let log = desk.run(&format!("check {FLOW} --format sarif")).expect(0).json();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let fixes: Vec<&Json> = results.iter().filter_map(|result| result.get("fixes")).collect();
        let [fix] = fixes.as_slice() else { panic!("{results:?}") };
        let replacement = &fix[0]["artifactChanges"][0]["replacements"][0];
        let place = |line: &str, column: &str| {
            let number =
                |name: &str| usize::try_from(replacement["deletedRegion"][name].as_u64().unwrap()).unwrap();
            let start: usize = text.split_inclusive('\n').take(number(line) - 1).map(str::len).sum();
            start + number(column) - 1
        };
        let (start, end) = (place("startLine", "startColumn"), place("endLine", "endColumn"));
        assert_eq!(replacement["insertedContent"]["text"], "");
        assert_eq!(format!("{}{}", &text[..start], &text[end..]), good);
        desk.run(&format!("check {FLOW} --fix")).expect(0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
    }
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let desk = Desk::new();
    let mut child = desk.command("explain").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn every_listed_code_can_be_explained() {
    let desk = Desk::new();
    let listed = desk.run("explain").expect(0).stdout;
    let codes: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(codes.len() > 80, "{}", codes.len());
    for code in ["EF4001", "ER1001"] {
        assert!(codes.contains(&code));
        assert!(desk.run(&format!("explain {code}")).expect(0).stdout.starts_with(&format!("# {code}")));
    }
    let by_name = desk.run("explain no-handoff-policy").expect(0).stdout;
    assert_eq!(by_name, desk.run("explain ef4001").expect(0).stdout);
    let obligation = desk.run("explain P4").expect(0).stdout;
    assert!(
        obligation.starts_with("# P4\n") && obligation.contains("- EF4001 no-handoff-policy\n"),
        "{obligation}"
    );
}

#[test]
fn pins_are_written_once_and_keep_the_layout() {
    let desk = Desk::new();
    let path = desk.path(FLOW);
    let pinned = std::fs::read_to_string(&path).unwrap();
    let lock = std::fs::read(desk.path("refund/eczflow.lock")).unwrap();
    desk.run(&format!("pin --check {FLOW}")).expect(0);
    // Other digits, no lock: both are written as they were.
    let at = pinned.find("sha256:").unwrap() + "sha256:".len();
    let stale = format!("{}{}{}", &pinned[..at], "0".repeat(64), &pinned[at + 64..]);
    std::fs::write(&path, &stale).unwrap();
    std::fs::remove_file(desk.path("refund/eczflow.lock")).unwrap();
    let told = desk.run(&format!("pin --check {FLOW}")).expect(1);
    assert!(told.stderr.contains("there is no lock `refund/eczflow.lock`"), "{}", told.stderr);
    assert!(told.stdout.contains("pinned to another version"), "{}", told.stdout);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), stale, "--check writes nothing");
    desk.run(&format!("pin {FLOW}")).expect(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), pinned);
    assert_eq!(std::fs::read(desk.path("refund/eczflow.lock")).unwrap(), lock);
    desk.run(&format!("pin --check {FLOW}")).expect(0);
    desk.run(&format!("check {FLOW}")).expect(0);
}

/// What is remembered of a large document changes no finding: not when it is read back, damaged, or the document another.
#[test]
fn a_remembered_document_is_judged_like_one_that_is_read() {
    let desk = Desk::new();
    let (document, cache) = (desk.path("refund/apis/payments.openapi.json"), desk.path("kept"));
    let text = std::fs::read_to_string(&document).unwrap();
    let padding = format!("{{ \"x-padding\": \"{}\",", "p".repeat(300 << 10));
    std::fs::write(&document, text.replacen('{', &padding, 1)).unwrap();
    desk.run(&format!("pin {FLOW} --update")).expect(0);
    let check = |more: &str| {
        let ended = desk.run(&format!("check {FLOW} --format json {more}"));
        (ended.code, ended.stdout)
    };
    let anew = check("--no-cache");
    assert_eq!(anew.0, Some(0), "{}", anew.1);
    let entries = || -> Vec<_> {
        let files = std::fs::read_dir(&cache).into_iter().flatten().flatten();
        files.map(|file| file.path()).collect()
    };
    assert_eq!((check("--cache kept"), entries().len()), (anew.clone(), 1));
    assert_eq!((check("--cache kept"), entries().len()), (anew.clone(), 1));
    let mut damaged = std::fs::read(&entries()[0]).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&entries()[0], damaged).unwrap();
    assert_eq!(check("--cache kept"), anew);
    let text = std::fs::read_to_string(&document).unwrap();
    std::fs::write(&document, text.replace("\"x-padding\": \"p", "\"x-padding\": \"q")).unwrap();
    let changed = check("--no-cache");
    assert!(changed.1.contains("EF"), "{}", changed.1);
    assert_eq!(check("--cache kept"), changed);
    assert_eq!(check("--cache kept"), changed);
}

/// A plain `pin` never passes over a change of what is used; what is not used may change.
#[test]
fn a_used_change_is_looked_at_before_it_is_pinned() {
    let desk = Desk::new();
    let (document, lock) = (desk.path("refund/apis/payments.openapi.json"), desk.path("refund/eczflow.lock"));
    let text = std::fs::read_to_string(&document).unwrap();
    let before = (std::fs::read(desk.path(FLOW)).unwrap(), std::fs::read(&lock).unwrap());
    let now = || (std::fs::read(desk.path(FLOW)).unwrap(), std::fs::read(&lock).unwrap());
    std::fs::write(&document, text.replace("\"charge\"", "\"charge_id\"")).unwrap();
    let refused = desk.run(&format!("pin {FLOW}")).expect(1);
    assert!(refused.stdout.contains("pinned to another version"), "{}", refused.stdout);
    for told in ["uses it: `payments.createRefund`", "`eczflow pin --update --dry-run refund/refund.eczflow`"]
    {
        assert!(refused.stderr.contains(told), "{told} in {}", refused.stderr);
    }
    assert_eq!(now(), before);
    let told = desk.run(&format!("pin --update --dry-run {FLOW}")).expect(1).stdout;
    assert!(told.contains("createRefund  breaks"), "{told}");
    desk.run(&format!("pin --update --force {FLOW}")).expect(1);
    desk.run(&format!("pin {FLOW}")).expect(0);
    assert_ne!(now(), before);
    // Nothing used: the pin is written as ever.
    std::fs::write(desk.path(FLOW), &before.0).unwrap();
    std::fs::write(&lock, &before.1).unwrap();
    let title = text.find("\"title\": \"").unwrap() + "\"title\": \"".len();
    std::fs::write(&document, format!("{}Other {}", &text[..title], &text[title..])).unwrap();
    let told = desk.run(&format!("pin {FLOW}")).expect(0).stdout;
    assert!(told.contains("pinned anew"), "{told}");
}

/// What is asked again and again shows how often, and what it waits for.
#[test]
fn a_graph_shows_the_bounds_of_a_poll() {
    let desk = Desk::with("statement");
    let drawn = |format: &str| {
        desk.run(&format!("graph statement/statement.eczflow --format {format}")).expect(0).stdout
    };
    for (format, shown) in [
        ("dot", &["poll every 200ms at most 50"][..]),
        ("mermaid", &["poll every 200ms at most 50"]),
        ("svg", &[">poll every 200ms at most 50<", ">until made.state != &quot;making&quot;<"]),
        ("html", &["<td>poll every 200ms at most 50, until made.state != &quot;making&quot;</td>"]),
    ] {
        let text = drawn(format);
        assert!(shown.iter().all(|part| text.contains(part)), "{format}: {text}");
    }
}

/// `check` and `pin --check` mean the same by a document that is not what it was.
#[test]
fn a_changed_document_is_told_alike_by_check_and_by_pin() {
    let desk = Desk::new();
    let document = desk.path("refund/apis/support.openapi.yaml");
    let text = std::fs::read_to_string(&document).unwrap();
    let (check, current) = (format!("check {FLOW}"), format!("pin --check {FLOW}"));
    // One document to its canonical hash: its own `spec_hash`, a comment.
    for other in [text.replace("spec_hash: sha256:76", "spec_hash: sha256:67"), format!("{text}# read\n")] {
        assert_ne!(other, text);
        std::fs::write(&document, other).unwrap();
        assert_eq!(desk.run(&check).expect(0).stdout, "");
        let told = desk.run(&current).expect(0).stdout;
        assert_eq!(told.matches("  current\n").count(), 3, "{told}");
        let lock = std::fs::read(desk.path("refund/eczflow.lock")).unwrap();
        desk.run(&format!("pin {FLOW}")).expect(0);
        assert_eq!(std::fs::read(desk.path("refund/eczflow.lock")).unwrap(), lock);
    }
    std::fs::write(&document, text.replacen("title: ", "title: Other ", 1)).unwrap();
    let told = desk.run(&check).expect(0).stdout;
    assert!(told.contains("EF4010") && told.contains("nothing in it that this flow uses"), "{told}");
    let told = desk.run(&current).expect(1).stdout;
    assert!(
        told.contains("pinned to another version, of which nothing that this flow uses changed"),
        "{told}"
    );
    // What the lock does not hold is told as that by both.
    std::fs::write(&document, text).unwrap();
    let flow = std::fs::read_to_string(desk.path(FLOW)).unwrap();
    let more = "  step notes = support.listNotes(ticketId: ticket_id)\n  ensure length(notes) > 0 else \"no note\"\n";
    std::fs::write(desk.path(FLOW), flow.replacen("  let go", &format!("{more}  let go"), 1)).unwrap();
    let told = desk.run(&check).expect(1).stdout;
    assert!(told.contains("EF4011") && told.contains("does not hold `listNotes`"), "{told}");
    let told = desk.run(&current).expect(1).stdout;
    assert!(told.contains("  pinned, and not in the lock as it is used\n"), "{told}");
}

#[test]
fn a_file_that_cannot_be_written_is_told_by_its_cause() {
    let desk = Desk::new();
    for (words, help) in [
        ("graph refund/refund.eczflow --format svg -o nope/x.svg", "there is no folder `nope`"),
        (
            "compile refund/refund.eczflow -o refund/refund.eczflow/x",
            "`refund/refund.eczflow` is a file, not a folder",
        ),
        ("compile refund/refund.eczflow -o refund", "`refund` is a folder"),
    ] {
        let ended = desk.run(words).expect(2);
        assert!(ended.stderr.contains("ER1073") && ended.stderr.contains(help), "{}", ended.stderr);
        assert!(!ended.stdout.contains("refund.eczflow/x"), "{}", ended.stdout);
    }
}

#[test]
fn a_hash_is_the_pin_and_a_plan_the_same_each_time() {
    let desk = Desk::new();
    let flow = std::fs::read_to_string(desk.path(FLOW)).unwrap();
    let told = desk.run("hash refund/apis/support.openapi.yaml").expect(0).stdout;
    assert!(flow.contains(told.split_whitespace().next().unwrap()), "{told}");
    desk.run(&format!("compile {FLOW} -o a.plan.json")).expect(0);
    let again = desk.run(&format!("compile {FLOW} -o -")).expect(0).stdout;
    assert_eq!(std::fs::read_to_string(desk.path("a.plan.json")).unwrap(), again);
    let plan: Json = serde_json::from_str(&again).unwrap();
    desk.run("check a.plan.json").expect_error(2, "ER1082");
    desk.run("check refund/apis/support.openapi.yaml").expect_error(2, "ER1082");
    desk.run(&format!("hash {FLOW}")).expect_error(2, "ER1082");
    desk.run(&format!("operations {FLOW}")).expect_error(2, "ER1082");
    desk.run("check refund").expect_error(2, "ER1001");
    std::fs::copy(desk.path("refund/apis/support.openapi.yaml"), desk.path("yaml.json")).unwrap();
    let told = desk.run("hash yaml.json").expect(1).stderr;
    assert!(told.contains("EF8001") && told.contains("name it `.yaml`"), "{told}");
    let told = desk.run("pin --fetch http://127.0.0.1:1/a.json -o a.json").expect(2).stderr;
    assert!(told.contains("ER1083") && told.contains("use https"), "{told}");
    let told = desk.run("run a.plan.json --sandbox --input ticket_id=T1").expect(2).stderr;
    assert!(told.contains("ER1075") && told.contains("`./apis/payments.openapi.json`"), "{told}");
    assert!(told.contains("--allow-detached"), "{told}");
    desk.run("run a.plan.json --sandbox --allow-detached --input ticket_id=T1").expect(0);
    let told = desk.run("egress a.plan.json").expect(2).stderr;
    assert!(told.contains("ER1075") && !told.contains("--allow-detached"), "it has no such option: {told}");
    let digest = desk.run(&format!("compile {FLOW}")).expect(0).stdout;
    assert_eq!(plan["plan_digest"], digest.trim_end());
}

/// Whatever a flow names and is no file is not waited for: it is a finding, and the lock is none.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let desk = Desk::with("payout");
    let lock = "payout/eczflow.lock";
    for (piped, code) in [
        ("payout/apis/bank.openapi.yaml", "EF1004"),
        ("payout/apis/ledger.statement.json", "EF5040"),
        (lock, "EF4011"),
    ] {
        let kept = desk.path("kept");
        std::fs::rename(desk.path(piped), &kept).unwrap();
        assert!(Command::new("mkfifo").arg(desk.path(piped)).status().unwrap().success());
        let found = desk.run("check payout/payout.eczflow").expect(1);
        let told = found.stdout + &found.stderr;
        assert!(told.contains(code) && told.contains("it is no regular file"), "{told}");
        std::fs::rename(kept, desk.path(piped)).unwrap();
    }
    desk.run("check payout/payout.eczflow").expect(0);
}

#[test]
fn operations_are_listed_and_one_is_shown_whole() {
    let desk = Desk::new();
    let document = "refund/apis/payments.openapi.json";
    let listed = desk.run(&format!("operations {document}")).expect(0).stdout;
    assert!(listed.contains("createRefund  POST    /refunds\n"), "{listed}");
    assert_eq!(
        desk.run(&format!("operations {document} GET refunds")).expect(0).stdout.lines().next(),
        Some("getRefund")
    );
    let shown = desk.run(&format!("operations {document} createRefund")).expect(0).stdout;
    for line in [
        "  POST /refunds, OpenAPI 3.1\n",
        "            charge: string\n",
        "  fails   402, 503\n",
        "  auth    bearer\n",
        "  step x = API.createRefund({ … })\n",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    let pets = r#"
openapi: 3.1.0
info: { title: pets, version: '1' }
paths:
  /pet:
    get:
      responses:
        '200': { description: '', content: { application/json: { schema: { oneOf: [
          { type: object, required: [born], properties: { born: { type: string } } },
          { type: object, required: [died], properties: { died: { type: string } } }] } } } }
        '404': { description: '', content: { application/json: { schema: { properties: { why: { type: string } } } } } }
"#;
    std::fs::write(desk.path("pets.yaml"), pets).unwrap();
    let shown = desk.run("operations pets.yaml GET /pet").expect(0).stdout;
    let answers = "  200     {\n            born: string\n          } | {\n            died: string\n          }\n  fails   404\n  404     {\n            why: string?\n          }\n";
    assert!(shown.contains(answers), "{shown}");
    let missed = desk.run(&format!("operations {document} nosuch")).expect(1);
    assert!(missed.stderr.contains("no operation has `nosuch`"), "{}", missed.stderr);
}

#[test]
fn graphs_cluster_operators_and_mark_handoffs() {
    let desk = Desk::new();
    let dot = desk.run(&format!("graph {FLOW} --format dot")).expect(0).stdout;
    assert_eq!(dot.matches("subgraph cluster_").count(), 4, "{dot}");
    assert!(dot.contains(r#""ticket" -> "refund" [label="handoff""#), "{dot}");
    let mermaid = desk.run(&format!("graph {FLOW} --format mermaid")).expect(0).stdout;
    assert!(
        mermaid.starts_with("flowchart LR\n") && mermaid.contains("n_ticket ==>|handoff| n_refund"),
        "{mermaid}"
    );
}

#[test]
fn pictures_are_whole_files_that_need_nothing_else() {
    let desk = Desk::new();
    desk.run(&format!("graph {FLOW} --format svg -o refund.svg")).expect(0);
    let svg = std::fs::read_to_string(desk.path("refund.svg")).unwrap();
    assert_eq!(svg, desk.run(&format!("graph {FLOW} --format svg")).expect(0).stdout, "the same bytes");
    let parsed = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<&str> = parsed
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text())
        .collect();
    for said in ["acme", "ECZ-GB-PAYM01", "for line in ticket.lines", "when go", "strict · E4", "undo"] {
        assert!(texts.contains(&said), "{said} is missing in {texts:?}");
    }
    let page = desk.run(&format!("graph {FLOW} --format html -o -")).expect(0).stdout;
    assert!(
        page.contains("<td><code>payments.cancelRefund</code>")
            && page.contains("should the run fail after refund")
    );
    assert!(
        page.contains("prefers-color-scheme:dark") && !page.contains("<script") && !page.contains("src=")
    );
}

#[test]
fn keys_are_private_and_never_written_over() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let told = desk.run("key new -o agent.key").expect(0);
    let jwk = told.json();
    assert_eq!((&jwk["kty"], &jwk["crv"]), (&"OKP".into(), &"Ed25519".into()));
    assert_eq!(jwk.get("d"), None, "the private part stays in the file");
    let mode = std::fs::metadata(desk.path("agent.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    desk.run("key new -o agent.key").expect_error(2, "ER1019");
}

/// Waits for a line that begins so, then interrupts as Ctrl-C does.
fn interrupt_at(mut command: Command, beginning: &str) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for line in lines.by_ref() {
        let line = line.unwrap();
        told.push_str(&format!("{line}\n"));
        if line.starts_with(beginning) {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
            break;
        }
    }
    for line in lines {
        told.push_str(&format!("{}\n", line.unwrap()));
    }
    (child.wait().unwrap().code(), told)
}

#[test]
fn ctrl_c_pauses_and_resume_goes_on() {
    let desk = Desk::new();
    let served = desk.sandbox("--fault payments.createRefund=503x4");
    let config = &served.config;
    let run = desk.command(&format!("run {FLOW} --config {config} --input ticket_id=T1"));
    let (code, told) = interrupt_at(run, "refund: again in");
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("run: paused") && told.contains("go on with `eczflow resume"), "{told}");
    let runs = desk.run(&format!("runs --config {config} --json")).expect(0).json();
    assert_eq!(runs["flow"], "refund_ticket");
    assert_ne!(runs["status"], "succeeded");
    // A log of a run that stands still can be exported and verified too.
    desk.run(&format!("audit export latest --config {config} -o a.audit")).expect(0);
    let key = desk.run(&format!("audit key --config {config}")).expect(0).stdout;
    let verified = desk.run(&format!("audit verify a.audit --log-key {}", key.trim())).expect(0).stdout;
    assert!(verified.contains("complete: so far"), "{verified}");
    // Elsewhere it does not go on.
    let elsewhere =
        std::fs::read_to_string(config).unwrap().replace("name = \"sandbox\"", "name = \"other\"");
    std::fs::write(desk.path("other.toml"), elsewhere).unwrap();
    desk.run("resume latest --config other.toml").expect_error(2, "ER1081");
    let other =
        std::fs::read_to_string(config).unwrap().replace(".example\"\nhosts", ".example:444\"\nhosts");
    std::fs::write(desk.path("other.toml"), other).unwrap();
    desk.run("resume latest --config other.toml").expect_error(2, "ER1080");
    let ended = desk.run(&format!("resume latest --config {config} --json")).expect(0).json();
    assert_eq!((&ended["status"], &ended["run_id"]), (&"succeeded".into(), &runs["run_id"]));
}

#[test]
fn a_run_does_not_outlive_a_sandbox_of_its_own() {
    let desk = Desk::new();
    let run = desk
        .command(&format!("run {FLOW} --sandbox --input ticket_id=T1 --fault payments.createRefund=503x4"));
    assert_eq!(interrupt_at(run, "refund: again in").0, Some(4));
    desk.run("resume latest --store .eczflow/sandbox").expect_error(2, "ER1081");
    let told = desk.run("audit export latest -o a.audit").expect(2).stderr;
    assert!(told.contains("ER4013") && told.contains("`--store .eczflow/sandbox`"), "{told}");
    // A run that ends before its first record leaves a store without runs, and the hint stays.
    desk.run(&format!("run {FLOW} --input ticket_id=T1")).expect_error(2, "ER10");
    let told = desk.run("resume latest").expect(2).stderr;
    assert!(told.contains("ER1074") && told.contains("`--store .eczflow/sandbox`"), "{told}");
    // While somebody holds the store, that is what is told.
    let lock = std::fs::OpenOptions::new().write(true).open(desk.path(".eczflow/sandbox/lock")).unwrap();
    lock.lock().unwrap();
    let told = desk.run("resume latest --store .eczflow/sandbox").expect(2).stderr;
    assert!(told.contains("ER4001") && told.contains("still going"), "{told}");
}

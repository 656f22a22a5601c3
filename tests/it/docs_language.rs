//! The examples of `docs/language.md`: what it shows is accepted, what it calls refused is refused with that code.
//!
//! And the lists of `docs/checks.md` and `docs/README.md`.
//!
//! Tags: `eczflow` is a whole file; `eczflow frame` the one that `eczflow body` (statements) and `eczflow items`
//! (declarations) are put into; `fail=CODE` expects that code and no other error. In a part, a line `// declarations`
//! begins declarations that go with statements, and `// file NAME` another file beside it.

use std::collections::BTreeSet;

use camino::Utf8Path;
use eczflow::compile::Session;
use eczflow::diagnostics::{Severity, codes};
use eczflow::expr::functions::FUNCTIONS;

use crate::flows::refund_files;

pub(crate) const LANGUAGE: &str = include_str!("../../docs/language.md");

/// Fenced blocks: line, info string, text.
pub(crate) fn blocks(page: &str) -> Vec<(usize, String, String)> {
    let mut found: Vec<(usize, String, String)> = Vec::new();
    let mut open = false;
    for (at, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                found.push((at + 1, info.to_owned(), String::new()));
            }
            None if open => {
                let text = &mut found.last_mut().unwrap().2;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "a block is not closed");
    found
}

/// What compiling a pinned text finds: codes of errors, codes of warnings, and all of it in words.
fn findings(text: &str) -> (BTreeSet<&'static str>, BTreeSet<&'static str>, String) {
    let mut parts = text.split("// file ");
    let mut files = refund_files(parts.next());
    files.insert("apis/orders.openapi.yaml", include_str!("../ui/apis/orders.openapi.yaml"));
    files.insert("apis/refunds.statement.json", include_str!("../ui/apis/refunds.statement.json"));
    for part in parts {
        let (name, content) = part.split_once('\n').unwrap();
        files.insert(name.trim(), content);
    }
    let path = Utf8Path::new("refund.eczflow");
    let pinned = Session::new(&files).pin(path).unwrap();
    let was_pinned = !pinned.has_errors();
    files.insert(path, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    let compilation = Session::new(&files).check(path, None).unwrap();
    let (mut errors, mut warnings, mut words) = (BTreeSet::new(), BTreeSet::new(), String::new());
    for finding in &compilation.diagnostics {
        let code = finding.code.number;
        // What cannot be resolved cannot be pinned: that the pins are missing is no news then.
        if !was_pinned && matches!(code, "EF4008" | "EF4011") {
            continue;
        }
        let (line, _) = compilation.source_map.line_column(finding.span());
        words.push_str(&format!("  {line}: {code} {} {:?}\n", finding.message, finding.help));
        if finding.severity == Severity::Error {
            errors.insert(code)
        } else {
            warnings.insert(code)
        };
    }
    (errors, warnings, words)
}

fn framed(frame: &str, declarations: &str, statements: &str) -> String {
    let statements: String = statements.lines().map(|line| format!("  {line}\n")).collect();
    let text = frame.replace("  // statements\n", &statements);
    let (declarations, file) = declarations.split_once("// file ").unwrap_or((declarations, ""));
    let file = if file.is_empty() { String::new() } else { format!("// file {file}") };
    text.replace("// declarations", declarations) + &file
}

#[test]
fn every_example_does_what_the_page_says() {
    let blocks = blocks(LANGUAGE);
    let (_, _, frame) = blocks.iter().find(|(_, info, _)| info == "eczflow frame").unwrap();
    let mut problems = Vec::new();
    for (line, info, text) in &blocks {
        let mut words: Vec<&str> = info.split(' ').collect();
        let expected: BTreeSet<&str> = match words.last().and_then(|word| word.strip_prefix("fail=")) {
            Some(code) => {
                words.pop();
                let name = codes::all().into_iter().find(|known| known.number == code).map(|code| code.name);
                let first = format!("// refused: {code} {}\n", name.unwrap_or("?"));
                assert!(text.starts_with(&first), "line {line}: the block does not begin with {first}");
                BTreeSet::from([code])
            }
            None => BTreeSet::new(),
        };
        let whole = matches!(words.as_slice(), ["eczflow"]);
        let text = match words.as_slice() {
            // Commands are run by the test of all pages.
            ["text" | "console"] => continue,
            ["eczflow"] => text.clone(),
            ["eczflow", "frame"] => framed(text, "", ""),
            ["eczflow", "items"] => framed(frame, text, ""),
            ["eczflow", "body"] => match text.split_once("// declarations\n") {
                Some((statements, declarations)) => framed(frame, declarations, statements),
                None => framed(frame, "", text),
            },
            _ => panic!("line {line}: nothing executes a block tagged `{info}`"),
        };
        let (errors, warnings, found) = findings(&text);
        // Parts leave things of the frame unused; whole files that are accepted have nothing to be warned of.
        let clean = !whole || !expected.is_empty() || warnings.is_empty();
        if errors != expected || !clean {
            problems.push(format!("line {line}, `{info}`:\n{found}"));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_table_of_functions_is_the_language_s() {
    let rows: Vec<String> = FUNCTIONS
        .iter()
        .map(|function| {
            format!("| `{}({})` | {} |", function.name, function.parameters.join(", "), function.summary)
        })
        .collect();
    let (_, table) = LANGUAGE.split_once("### Built-in functions\n").unwrap();
    let shown: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).take(rows.len()).collect();
    assert_eq!(shown, rows);
}

/// Every word of the table of later constructs is answered with the one message that says so.
#[test]
fn later_words_are_met_with_one_message() {
    let (_, table) = LANGUAGE.split_once("## What is not built yet\n").unwrap();
    let blocks = blocks(LANGUAGE);
    let (_, _, frame) = blocks.iter().find(|(_, info, _)| info == "eczflow frame").unwrap();
    let mut tried = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let words = row.split('|').nth(1).unwrap();
        let inside = words.rsplit_once("in an").map(|(_, inside)| inside);
        let (first, second) = (words.split(" in an").next().unwrap(), inside.unwrap_or(""));
        for word in first.split('`').skip(1).step_by(2) {
            let text = match (second.trim(), word) {
                ("", "type" | "fn" | "test") => framed(frame, &format!("{word} x"), ""),
                ("", "reconcile") => {
                    let step =
                        format!("step x = support.getTicket(ticketId: \"T1\")\n  {word} because \"…\"");
                    framed(frame, "", &step)
                }
                ("", _) => framed(frame, "", &format!("{word} x")),
                (place, word) => {
                    let member = match place.trim_matches(|c| c != '`' && !char::is_alphabetic(c)) {
                        "`api`" => format!("{word} x"),
                        "`auth`" => format!("auth {word} secret.payments_token"),
                        other => panic!("{other}"),
                    };
                    let api = format!("api other = openapi(\"apis/support.openapi.yaml\") {{ {member} }}");
                    framed(frame, &api, "")
                }
            };
            let (errors, _, found) = findings(&text);
            assert_eq!(errors, BTreeSet::from([codes::syntax::NOT_BUILT_YET.number]), "{word}:\n{found}");
            assert!(found.contains(&format!("`{word}` is part of the language")), "{word}:\n{found}");
            tried += 1;
        }
    }
    assert!(tried > 0, "{tried}");
}

/// Each code belongs to exactly one row of the table of obligations, and no row names another.
#[test]
fn the_table_of_obligations_holds_every_code_once() {
    let page = include_str!("../../docs/checks.md");
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let mut named: Vec<&str> = rows.flat_map(str::split_whitespace).filter(|word| is_code(word)).collect();
    named.sort_unstable();
    let known: Vec<&str> = codes::all().into_iter().map(|code| code.number).collect();
    assert_eq!(named, known);
}

fn is_code(word: &str) -> bool {
    word.strip_prefix("EF").is_some_and(|digits| digits.len() == 4 && digits.parse::<u16>().is_ok())
}

/// The index names every page but those of codes, and every local link of every page leads to a file.
#[test]
fn the_index_names_every_page_and_links_lead_somewhere() {
    let docs = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let pages = |folder: &Utf8Path| -> Vec<camino::Utf8PathBuf> {
        let all = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
        all.filter(|path| path.extension() == Some("md")).collect()
    };
    let index = std::fs::read_to_string(docs.join("README.md")).unwrap();
    let mut problems = Vec::new();
    for folder in [docs.clone(), docs.join("formats")] {
        for page in pages(&folder) {
            let name = page.strip_prefix(&docs).unwrap();
            if name != "README.md" && !index.contains(&format!("({name})")) {
                problems.push(format!("README.md does not name {name}"));
            }
            let text = std::fs::read_to_string(&page).unwrap();
            for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = link.split('#').next().unwrap();
                let local = !target.is_empty() && !target.contains("://");
                if local && !folder.join(target).exists() {
                    problems.push(format!("{name}: the link {link} leads nowhere"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The `x-ecz-id` that the page shows is that of a document of the example, which is compiled and run.
#[test]
fn the_identity_that_is_shown_is_the_example_s() {
    let page = include_str!("../../docs/language.md");
    let shown = page.split("```text\ninfo:\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(include_str!("../../examples/refund/apis/support.openapi.yaml").contains(shown));
}

//! The compiler against cases: `tests/ui/GROUP/CODE-NAME/{fail,pass}/*.eczflow`, and the examples of `docs/rules`.
//!
//! In a case `//~ EF4001` expects that code on its line, `//~^ EF4001` on the line above. Documents of
//! `examples/refund/apis` and `tests/ui/apis` lie in `apis/`. A case is pinned in memory first, unless it says
//! `// unpinned`; with `// unlocked` the lock is lost again. Lines `// file NAME` begin another file beside it;
//! `// afterwards in PATH: OLD -> NEW` changes a document once the case is pinned. `// flow NAME` chooses a flow, `// flow *`
//! has them all checked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test binary: what cannot be read is a failing test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use eczflow::compile::{Compilation, Session};
use eczflow::diagnostics::{Code, Severity, codes};
use eczflow::report::{Findings, Format};
use eczflow::rules::{self, Rule};
use eczflow::source::{MemoryFiles, Span};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|all| all.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The file of a case that is compiled.
const MAIN: &str = "case/flow.eczflow";

fn compile(text: &str) -> Compilation {
    compile_with(text, |_| true)
}

/// With some of the rules. A session that runs them all makes a plan too.
fn compile_with(text: &str, keep: impl Fn(&Rule) -> bool) -> Compilation {
    let mut files = MemoryFiles::default();
    let mut documents = BTreeMap::new();
    for folder in ["examples/refund/apis", "tests/ui/apis"] {
        for document in entries(&root().join(folder)) {
            documents.insert(format!("case/apis/{}", name(&document)), read(&document));
        }
    }
    for (path, document) in &documents {
        files.insert(path.as_str(), document.as_str());
    }
    let mut parts = text.split("// file ");
    let main = parts.next().unwrap();
    for part in parts {
        let (name, content) = part.split_once('\n').unwrap();
        files.insert(format!("case/{}", name.trim()), content);
    }
    files.insert(MAIN, main);
    let path = Utf8Path::new(MAIN);
    if !text.contains("// unpinned") {
        let pinned = Session::new(&files).pin(path).unwrap();
        files.insert(MAIN, pinned.text);
        let locked = !text.contains("// unlocked");
        if locked && !pinned.diagnostics.iter().any(|finding| finding.severity == Severity::Error) {
            files.insert(pinned.lock_path, pinned.lock);
        }
    }
    for line in text.lines() {
        if let Some(change) = line.strip_prefix("// afterwards in ") {
            let (path, change) = change.split_once(": ").unwrap();
            let (old, new) = change.split_once(" -> ").unwrap();
            let path = format!("case/{path}");
            let document = documents.get_mut(&path).unwrap();
            assert!(document.contains(old), "{path} does not hold {old}");
            *document = document.replacen(old, new, 1);
            files.insert(path, document.as_str());
        }
    }
    let session = Session::new(&files).with_rules(keep);
    match chosen(text) {
        Some(EVERY) => session.check(path, None).unwrap(),
        flow => session.compile(path, flow).unwrap(),
    }
}

/// Checks every flow of a case, which makes no plan.
const EVERY: &str = "*";

/// `// flow NAME` chooses one, where a case has several.
fn chosen(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("// flow ")).map(str::trim)
}

/// `LINE CODE` of each finding in the case's own file; `FILE CODE` elsewhere.
fn found(compilation: &Compilation) -> BTreeSet<String> {
    let place = |span: Span| {
        let file = compilation.source_map.file(span.file).unwrap().name();
        if file == MAIN { compilation.source_map.line_column(span).0.to_string() } else { file.to_owned() }
    };
    compilation
        .diagnostics
        .iter()
        .map(|finding| format!("{} {}", place(finding.span()), finding.code.number))
        .collect()
}

fn expected(text: &str) -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    let mut file = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("// file ") {
            file = Some(name.trim());
        }
        let Some((_, marker)) = line.split_once("//~") else { continue };
        let above = marker.chars().take_while(|c| *c == '^').count();
        for code in marker.trim_start_matches('^').split_whitespace() {
            expected.insert(match file {
                Some(name) => format!("case/{name} {code}"),
                None => format!("{} {code}", at + 1 - above),
            });
        }
    }
    expected
}

fn draw(compilation: &Compilation) -> String {
    let mut text = String::new();
    let place = |span: Span| {
        let (line, column) = compilation.source_map.line_column(span);
        let shown: String = compilation.source_map.slice(span).chars().take(60).collect();
        let file = compilation.source_map.file(span.file).unwrap().name().trim_start_matches("case/");
        // Pins follow the documents: only that one stands there is worth a snapshot.
        let shown =
            if shown.starts_with("sha256:") { "sha256:…".to_owned() } else { shown.replace('\n', " ") };
        format!("{file}:{line}:{column} `{shown}`")
    };
    for finding in &compilation.diagnostics {
        let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
        writeln!(text, "{severity}[{} {}]: {}", finding.code.number, finding.code.name, finding.message)
            .unwrap();
        for label in &finding.labels {
            let mark = if label.primary { "-->" } else { "   " };
            writeln!(text, "  {mark} {} {}", place(label.span), label.message).unwrap();
        }
        finding.notes.iter().for_each(|note| writeln!(text, "  note: {note}").unwrap());
        finding.help.iter().for_each(|help| writeln!(text, "  help: {help}").unwrap());
        if let Some(fix) = &finding.fix {
            writeln!(text, "  fix: {}", fix.title).unwrap();
        }
    }
    let hide = |line: &str| match line.split_once("sha256:") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
            format!("{before}sha256:{}{rest}", if rest.len() < after.len() { "…" } else { "" })
        }
        None => line.to_owned(),
    };
    text.lines().map(hide).map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The families whose findings come from the compiler.
fn compiler_codes() -> Vec<&'static Code> {
    codes::all().into_iter().filter(|code| ("EF1".."EF8").contains(&code.number)).collect()
}

/// `GROUP/CODE-NAME`: the group is the code's family.
fn folder(code: &Code) -> String {
    let family = match &code.number[..3] {
        "EF1" => "names",
        "EF2" => "types",
        "EF3" => "graph",
        "EF4" => "identity",
        "EF5" => "retry",
        "EF6" => "secrets",
        "EF7" => "style",
        other => panic!("{other} is no family of the compiler"),
    };
    format!("{family}/{}", code.name)
}

fn cases_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = entries(folder);
    found.retain(|case| case.extension().is_some_and(|end| end == "eczflow"));
    found
}

/// Codes, folders of cases and pages bear the same names, and the list of rules names the files of `src/rules`.
#[test]
fn rules_codes_and_folders_bear_the_same_names() {
    let ui = root().join("tests/ui");
    let groups = entries(&ui).into_iter().filter(|group| !["apis", "mixed"].contains(&name(group).as_str()));
    let folders: BTreeSet<String> = groups
        .flat_map(|group| entries(&group).into_iter().map(move |rule| (name(&group), name(&rule))))
        .map(|(group, rule)| format!("{group}/{rule}"))
        .collect();
    let codes: BTreeSet<String> = compiler_codes().into_iter().map(folder).collect();
    assert_eq!(folders, codes, "folders of tests/ui, and the compiler's codes");

    let source = root().join("src/rules");
    let files: BTreeSet<String> = entries(&source)
        .into_iter()
        .filter(|group| group.is_dir())
        .flat_map(|group| entries(&group).into_iter().map(move |file| (name(&group), file)))
        .filter(|(_, file)| read(file).contains("const RULE: Rule"))
        .map(|(group, file)| format!("{group}/{}", file.file_stem().unwrap().to_string_lossy()))
        .collect();
    let rules: BTreeSet<String> = rules::ALL.iter().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(files, rules, "files of src/rules, and rules::ALL");
}

/// A rule finds its cases alone, and without it they are not found: whoever breaks a rule turns a case red.
#[test]
fn each_rule_is_what_its_cases_depend_on() {
    let mut problems = Vec::new();
    for rule in rules::ALL {
        for code in rule.codes {
            let depends =
                cases_in(&root().join("tests/ui").join(folder(code)).join("fail")).iter().any(|case| {
                    let text = read(case);
                    let own = |compilation: &Compilation| {
                        let mut found = found(compilation);
                        found.retain(|found| found.ends_with(code.number));
                        found
                    };
                    let alone = own(&compile_with(&text, |other| other.name == rule.name));
                    let without = own(&compile_with(&text, |other| other.name != rule.name));
                    alone.intersection(&expected(&text)).any(|found| !without.contains(found))
                });
            if !depends {
                problems.push(format!("no case of {} {} depends on {}", code.number, code.name, rule.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn cases() {
    let mut problems = Vec::new();
    let mut failing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut passing = BTreeSet::new();
    for group in entries(&root().join("tests/ui")).iter().filter(|group| name(group) != "apis") {
        for rule in entries(group) {
            for kind in ["fail", "pass"] {
                for case in &cases_in(&rule.join(kind)) {
                    let label = format!("{}/{}/{kind}/{}", name(group), name(&rule), name(case));
                    let text = read(case);
                    let compilation = compile(&text);
                    let (found, expected) = (found(&compilation), expected(&text));
                    if found != expected {
                        let drawn = draw(&compilation);
                        problems.push(format!("{label}: expected {expected:?}, found {found:?}\n{drawn}"));
                    }
                    if kind == "pass" {
                        passing.insert(name(&rule));
                        if compilation.plan.is_none() && chosen(&text) != Some(EVERY) {
                            problems.push(format!("{label}: no plan"));
                        }
                        continue;
                    }
                    let yielded = found.iter().filter_map(|found| found.split(' ').nth(1)).map(str::to_owned);
                    failing.entry(name(&rule)).or_default().extend(yielded);
                    let stem = case.file_stem().unwrap().to_string_lossy().into_owned();
                    insta::with_settings!({
                        snapshot_path => rule.join(kind), prepend_module_to_snapshot => false, omit_expression => true,
                    }, { insta::assert_snapshot!(stem, draw(&compilation)) });
                }
            }
        }
    }
    for code in compiler_codes() {
        if !failing.get(code.name).is_some_and(|found| found.contains(code.number)) {
            problems.push(format!("no failing case of {} {}", code.number, code.name));
        }
        if !passing.contains(code.name) {
            problems.push(format!("no passing case of {} {}", code.number, code.name));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// A schema whose objects take no members beside those it names.
fn closed(schema: &mut serde_json::Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") {
            object.insert("additionalProperties".into(), false.into());
        }
        object.values_mut().for_each(closed);
    }
}

/// What every failing case yields, in both formats that have a schema. SARIF's is the official one, as the crate
/// `serde-sarif` 0.8.0 (MIT) carries it.
#[test]
fn findings_hold_against_the_schemas_of_their_formats() {
    let schema = |path: &str| serde_json::from_str::<serde_json::Value>(&read(&root().join(path))).unwrap();
    let mut own = schema("docs/formats/findings.schema.json");
    closed(&mut own);
    let mut sarif = schema("tests/it/support/sarif-2.1.0.schema.json");
    // Its one pattern has a bracket too many for some dialects of expressions; nothing here has a language.
    for of in ["run", "toolComponent"] {
        let pattern = sarif.pointer_mut(&format!("/definitions/{of}/properties/language/pattern"));
        *pattern.unwrap() = "^[a-zA-Z-]+$".into();
    }
    let schemas = [(Format::Json, own), (Format::Sarif, sarif)];
    let (mut fixes, mut both_sides) = (0, 0);
    for (format, schema) in schemas {
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut all = Findings::new(format);
        for code in compiler_codes() {
            for case in cases_in(&root().join("tests/ui").join(folder(code)).join("fail")) {
                let compilation = compile(&read(&case));
                all.add(&compilation.source_map, &compilation.diagnostics);
            }
        }
        let written: serde_json::Value = serde_json::from_str(&all.finish()).unwrap();
        let problems: Vec<String> = validator
            .iter_errors(&written)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{format:?}: {}", problems.join("\n"));
        if format == Format::Sarif {
            let results = written["runs"][0]["results"].as_array().unwrap();
            fixes = results.iter().filter(|result| result.get("fixes").is_some()).count();
            both_sides = results
                .iter()
                .filter(|result| {
                    result.get("relatedLocations").is_some_and(|all| all.to_string().contains("/apis/"))
                })
                .count();
        }
    }
    assert!(fixes > 3 && both_sides > 10, "{fixes} with fixes, {both_sides} with a document's place");
}

/// Codes whose failing example would be a file of megabytes.
const TOO_LARGE_FOR_A_PAGE: [&str; 1] = ["EF0002"];

/// Fenced blocks of a page by their info string.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(info) => {
                open = true;
                found.push((info.to_owned(), String::new()));
            }
            None if open => {
                let (_, text) = found.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    found
}

#[test]
fn every_code_has_a_page_whose_examples_do_what_they_say() {
    let mut problems = Vec::new();
    let pages: BTreeSet<String> = entries(&root().join("docs/rules")).iter().map(|page| name(page)).collect();
    let codes: BTreeSet<String> =
        codes::all().iter().map(|code| format!("{}-{}.md", code.number, code.name)).collect();
    problems.extend(
        pages.symmetric_difference(&codes).map(|page| format!("{page}: a code or a page is missing")),
    );
    for code in codes::all() {
        let page = root().join(format!("docs/rules/{}-{}.md", code.number, code.name));
        if !page.exists() {
            continue;
        }
        let text = read(&page);
        if !text.starts_with(&format!("# {} {}\n", code.number, code.name)) {
            problems.push(format!("{}: the heading is not `# {} {}`", name(&page), code.number, code.name));
        }
        let mut kinds = BTreeSet::new();
        for (info, block) in blocks(&text) {
            let words: Vec<&str> = info.split_whitespace().collect();
            if words.first() != Some(&"eczflow") {
                kinds.extend(words.get(1).map(|kind| (*kind).to_owned()));
                continue;
            }
            let fails = words.get(1) == Some(&"fail");
            kinds.insert(if fails { "fail".to_owned() } else { "pass".to_owned() });
            let block = if words.contains(&"unpinned") { format!("{block}\n// unpinned\n") } else { block };
            let compilation = compile(&block);
            let yields = compilation.diagnostics.iter().any(|finding| finding.code.number == code.number);
            // Pages of the grammar show parts of files; the compiler's are whole and have nothing else wrong.
            let compiler = compiler_codes().contains(&code);
            let clean = if compiler { compilation.diagnostics.is_empty() } else { !yields };
            if (fails && !yields) || (!fails && !clean) {
                problems.push(format!("{}, the block `{info}`:\n{}", name(&page), draw(&compilation)));
            }
        }
        let shown = kinds.contains("fail") && kinds.contains("pass");
        if !shown && !TOO_LARGE_FOR_A_PAGE.contains(&code.number) {
            problems.push(format!("{}: no failing or no passing example", name(&page)));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

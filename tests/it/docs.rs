//! What README and docs show is true: every command in a `console` block is run and must print what stands there, every
//! link leads somewhere, every excerpt of a flow stands in an example.
//!
//! Commands run in a copy of `examples/`, with a user's configuration folder of their own. What differs from run to run
//! (audit roots, run ids, milliseconds, times of day) is not compared. Hidden comments prepare what follows them:
//! `<!-- file NAME` … `-->` writes a file, `<!-- the next block is NAME -->` one that is shown, ``<!-- in a copy where `FILE` has `NEW` for `OLD` -->`` starts anew with an
//! example that was changed, `<!-- in a fresh copy -->` with none.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use eczflow::config::NoEnvironment;
use eczflow::source::DiskFiles;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn markdown_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            markdown_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// README and its neighbours, and everything in `docs/`.
fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .into_iter()
        .map(|name| root().join(name))
        .collect();
    markdown_files(&root().join("docs"), &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// A part of a page whose commands run one after another in one folder.
#[derive(Default)]
struct Part {
    /// File, new text, old text.
    change: Option<(String, String, String)>,
    /// Name and text.
    files: Vec<(String, String)>,
    /// Its `console` blocks, as trycmd reads them.
    blocks: String,
}

fn parts(page: &str) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let last = parts.last_mut().unwrap();
        if let Some(change) = line.strip_prefix("<!-- in a copy where `") {
            let words: Vec<&str> = change.trim_end_matches(" -->").split('`').collect();
            let [file, " has ", new, " for ", old, ""] = words.as_slice() else { panic!("{line}") };
            let change = Some(((*file).to_owned(), (*new).to_owned(), (*old).to_owned()));
            parts.push(Part { change, ..Part::default() });
        } else if line == "<!-- in a fresh copy -->" {
            parts.push(Part::default());
        } else if let Some(name) = line.strip_prefix("<!-- file ") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "-->").collect();
            last.files.push((name.to_owned(), text.join("\n") + "\n"));
        } else if let Some(name) =
            line.strip_prefix("<!-- the next block is ").and_then(|name| name.strip_suffix(" -->"))
        {
            let block = lines.by_ref().skip_while(|line| !line.starts_with("```")).skip(1);
            let text: Vec<&str> = block.take_while(|line| *line != "```").collect();
            last.files.push((name.to_owned(), text.join("\n") + "\n"));
        } else if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            last.blocks.push_str(&console(&block));
        }
    }
    parts
}

/// A block as trycmd wants it: every output ends with an empty line.
fn console(lines: &[&str]) -> String {
    let mut block = "```console\n".to_owned();
    let mut output = false;
    for line in lines {
        let command = line.starts_with("$ ");
        if command && output {
            block = block.trim_end().to_owned() + "\n\n";
        }
        output = !command && (output || !line.starts_with("? "));
        let _ = writeln!(block, "{}", comparable(line));
    }
    block = block.trim_end().to_owned() + if output { "\n\n" } else { "\n" };
    block + "```\n"
}

/// A line without what differs from run to run.
fn comparable(line: &str) -> String {
    let line = line.replace("$ cargo run --release -- ", "$ eczflow ");
    if line.starts_with("$ ") {
        return line;
    }
    let mut text = String::new();
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let hex = rest.chars().take_while(|c| c.is_ascii_digit() || ('a'..='f').contains(c)).count();
        let after = rest.get(hex..).unwrap_or_default();
        let run_id = hex == 20 || (hex == 8 && after.starts_with(".audit"));
        let random = run_id || (hex == 64 && !text.ends_with("sha256:"));
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        if random && !after.starts_with(|c: char| c.is_alphanumeric()) {
            text.push_str("[..]");
            rest = after;
        } else if digits > 0 && rest.get(digits..).is_some_and(|rest| rest.starts_with(" ms")) {
            text.push_str("[..]");
            rest = rest.get(digits..).unwrap_or_default();
        } else if is_moment(rest) {
            text.push_str("[..]");
            rest = rest.get(24..).unwrap_or_default();
        } else if hex > 0 {
            text.push_str(rest.get(..hex).unwrap_or_default());
            rest = after;
        } else {
            text.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    text
}

/// `2026-11-20T20:08:15.940Z`.
fn is_moment(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() >= shape.len()
        && text
            .chars()
            .zip(shape.chars())
            .all(|(c, due)| if due == 'd' { c.is_ascii_digit() } else { c == due })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        // Published documents, where they were fetched.
        if entry.file_name() == "documents" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn commands_print_what_the_pages_show() {
    let (mut shown, mut wrong) = (0, Vec::new());
    for (name, text) in pages() {
        for (number, part) in parts(&text).into_iter().enumerate() {
            if part.blocks.is_empty() {
                continue;
            }
            shown += 1;
            let folder = tempfile::tempdir().unwrap();
            // trycmd runs `page.md` in a copy of `page.in`, all commands in one copy where there is a `page.out`.
            let stem = format!("{}-{number}", name.replace(['/', '.'], "-"));
            let world = folder.path().join(format!("{stem}.in"));
            copy(&root().join("examples"), &world.join("examples"));
            fs::create_dir(folder.path().join(format!("{stem}.out"))).unwrap();
            if let Some((file, new, old)) = part.change {
                let path = world.join(file);
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.contains(&old), "{name}: `{old}` is not in the example");
                fs::write(path, text.replace(&old, &new)).unwrap();
            }
            for (file, text) in part.files {
                fs::write(world.join(file), text).unwrap();
            }
            let page = folder.path().join(format!("{stem}.md"));
            fs::write(&page, part.blocks).unwrap();
            let home = folder.path().join("home").to_str().unwrap().to_owned();
            // trycmd prints the difference, then panics.
            let ended = std::panic::catch_unwind(|| {
                trycmd::TestCases::new()
                    .register_bin("eczflow", Path::new(env!("CARGO_BIN_EXE_eczflow")))
                    .env("XDG_CONFIG_HOME", home)
                    .case(page)
                    .run();
            });
            if ended.is_err() {
                wrong.push(name.clone());
            }
        }
    }
    assert!(shown > 10, "only {shown} parts of pages show a command");
    assert_eq!(wrong, Vec::<String>::new(), "these pages show something else than what is printed");
}

/// The blocks of a page that bear a tag.
fn tagged(page: &str, tag: &str) -> Vec<String> {
    let opening = format!("```{tag}\n");
    let found = page.split(&opening).skip(1);
    found.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

#[test]
fn configurations_that_are_shown_are_read() {
    let (mut shown, folder) = (0, tempfile::tempdir().unwrap());
    let file = folder.path().join("eczflow.toml");
    for (name, text) in pages() {
        for block in tagged(&text, "toml") {
            shown += 1;
            fs::write(&file, &block).unwrap();
            let path = camino::Utf8Path::from_path(&file).unwrap();
            let read = eczflow::config::load(Some(path), None, &NoEnvironment, &DiskFiles);
            assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
        }
        for block in tagged(&text, "json") {
            assert!(serde_json::from_str::<serde_json::Value>(&block).is_ok(), "{name}: {block}");
        }
        // What a shell runs beside `eczflow` is tried where it is shown.
        assert!(tagged(&text, "sh").is_empty() || name == "docs/sandbox.md", "{name}");
    }
    assert!(shown > 2, "only {shown} configurations are shown");
}

#[test]
fn links_lead_somewhere() {
    let mut broken = String::new();
    for (name, text) in pages() {
        let folder = root().join(&name).parent().unwrap().to_owned();
        let mut inside_fence = false;
        for line in text.lines() {
            if line.starts_with("```") {
                inside_fence = !inside_fence;
            }
            if inside_fence {
                continue;
            }
            for link in line.split("](").skip(1) {
                let target = link.split(')').next().unwrap_or_default();
                let target = target.split('#').next().unwrap_or_default();
                let foreign = target.starts_with("http") || target.starts_with("mailto:");
                if !target.is_empty() && !foreign && !folder.join(target).exists() {
                    let _ = writeln!(broken, "{name}: {target}");
                }
            }
        }
    }
    assert_eq!(broken, "");
}

#[test]
fn the_flow_in_the_readme_is_the_example() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = fs::read_to_string(root().join("examples/refund/refund.eczflow")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```eczflow\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        assert!(example.contains(block), "this is no part of the example:\n{block}");
    }
}

#[test]
fn what_differs_from_run_to_run_is_left_out() {
    let root = "a519cd95094ba89f77c77be40ce909137aa981623ef5f6916e84b64868155677";
    for (line, due) in [
        (format!("audit root: {root}"), "audit root: [..]".to_owned()),
        (format!("sha256:{root}  a.json"), format!("sha256:{root}  a.json")),
        ("run: 0168bb610aec43bf4222 of".into(), "run: [..] of".into()),
        ("  eczflow audit verify 0168bb61.audit".into(), "  eczflow audit verify [..].audit".into()),
        ("200 after 45 ms, accede".into(), "200 after [..] ms, accede".into()),
        ("at 2026-11-20T20:08:15.940Z".into(), "at [..]".into()),
        ("$ cargo run --release -- runs".into(), "$ eczflow runs".into()),
    ] {
        assert_eq!(comparable(&line), due);
    }
}

//! What becomes of a folder of published OpenAPI documents: every one is read, hashed, and each of its operations cut out
//! and read as a contract. `cargo bench --bench survey -- FOLDER [SECONDS A DOCUMENT] > docs/survey-DATE.md`
//!
//! The table goes to stdout, one line a refused document to stderr. `--list` prints operations by document instead, to be
//! held against another count.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reads a folder and tells"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use eczflow::diagnostics::Sink;
use eczflow::documents::Document;
use eczflow::source::SourceMap;
use eczflow::types::Contract;

/// What was found in one document.
#[derive(Default)]
pub(crate) struct Found {
    bytes: usize,
    dialect: Option<&'static str>,
    /// Why the document can't be read: code and message of the first finding.
    refused: Option<(String, String)>,
    operations: usize,
    /// Operations that were read: all, unless the time was up.
    looked_at: usize,
    callable: usize,
    /// Operations that can't be called, by reason.
    reasons: BTreeMap<String, usize>,
    /// An example of each reason: its place and its words.
    examples: BTreeMap<String, String>,
    took: Duration,
}

fn main() {
    let mut arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let list = arguments.iter().any(|argument| argument == "--list");
    arguments.retain(|argument| argument != "--list");
    let Some(folder) = arguments.first() else {
        println!("survey: left out, no folder of documents was named");
        return;
    };
    let bound = arguments.get(1).and_then(|seconds| seconds.parse().ok()).unwrap_or(20);
    let all = survey(Path::new(folder), bound, list);
    if list {
        for (name, found) in &all {
            println!("{name}\t{}", found.operations);
        }
    } else {
        print!("{}", table(&all, bound));
    }
}

/// Every document below a folder, by its path there.
pub(crate) fn survey(folder: &Path, bound: u64, list: bool) -> BTreeMap<String, Found> {
    let mut paths = Vec::new();
    documents_in(folder, &mut paths);
    // The largest first, so that the cores end together.
    paths.sort_by_key(|path| std::cmp::Reverse(std::fs::metadata(path).map_or(0, |about| about.len())));
    let next = AtomicUsize::new(0);
    let all: Mutex<BTreeMap<String, Found>> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let worker = std::thread::Builder::new().stack_size(16 << 20);
            let _ = worker.spawn_scoped(scope, || {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
                    let found = one(path, &name, Duration::from_secs(bound), list);
                    if let Ok(mut all) = all.lock() {
                        all.insert(name, found);
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_default()
}

fn documents_in(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() {
            documents_in(&path, paths);
        } else if matches!(ending, "json" | "yaml" | "yml") {
            paths.push(path);
        }
    }
}

fn one(path: &Path, name: &str, bound: Duration, only_list: bool) -> Found {
    let start = Instant::now();
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut found = Found { bytes: bytes.len(), ..Found::default() };
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let Some(document) = Document::read(bytes.as_slice(), name, &mut sources, &mut sink) else {
        let findings = sink.into_sorted();
        for finding in &findings {
            let (line, _) = sources.line_column(finding.span());
            let text: String = sources.slice(finding.span()).chars().take(40).collect();
            eprintln!("{name}:{line}: {} {}: {text}", finding.code.number, finding.message);
        }
        found.refused = findings.first().map(|finding| {
            (format!("{} {}", finding.code.number, finding.code.name), finding.message.clone())
        });
        found.took = start.elapsed();
        return found;
    };
    found.dialect = Some(document.dialect().as_str());
    found.operations = document.operations().len();
    for entry in document.operations() {
        if only_list || start.elapsed() > bound {
            break;
        }
        found.looked_at += 1;
        let reason = match document.view(entry) {
            Err(finding) => {
                Some((format!("{} {}", finding.code.number, finding.code.name), finding.message.clone()))
            }
            Ok(view) => match Contract::from_view(&view) {
                Err(error) => Some(("EF2008 a schema can't be checked".to_owned(), error.reason)),
                Ok(contract) => contract
                    .unsupported
                    .first()
                    .map(|reason| ("EF2008 not supported".to_owned(), reason.what.clone())),
            },
        };
        match reason {
            None => found.callable += 1,
            Some((code, message)) => {
                // Which media type it is would only make the table long.
                let what = message.split_once(" of type ").map_or(message.as_str(), |(what, _)| what);
                let other =
                    if what.len() < message.len() { " of a media type that is not built" } else { "" };
                let reason = format!("{code}: {}{other}", kind(what));
                found
                    .examples
                    .entry(reason.clone())
                    .or_insert_with(|| format!("`{name}` {}: {message}", entry.key));
                *found.reasons.entry(reason).or_default() += 1;
            }
        }
    }
    found.took = start.elapsed();
    found
}

/// A message without what is particular to its document.
fn kind(message: &str) -> String {
    let mut parts = message.split('`');
    let mut text = parts.next().unwrap_or_default().to_owned();
    while let Some(_quoted) = parts.next() {
        text.push('…');
        text.push_str(parts.next().unwrap_or_default());
    }
    text.chars().take(90).collect()
}

pub(crate) fn table(all: &BTreeMap<String, Found>, bound: u64) -> String {
    let read = all.values().filter(|found| found.refused.is_none()).count();
    let sum = |count: fn(&Found) -> usize| all.values().map(count).sum::<usize>();
    let mut text = format!(
        "| | |\n|---|---:|\n| documents | {} |\n| bytes | {} |\n| read and hashed | {read} |\n| refused | {} |\n\
         | operations listed | {} |\n| operations cut out and read as contracts | {} |\n| of these callable | {} |\n",
        all.len(),
        sum(|found| found.bytes),
        all.len() - read,
        sum(|found| found.operations),
        sum(|found| found.looked_at),
        sum(|found| found.callable),
    );
    let mut dialects: BTreeMap<&str, usize> = BTreeMap::new();
    let mut refused: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut reasons: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
    for (name, found) in all {
        if let Some(dialect) = found.dialect {
            *dialects.entry(dialect).or_default() += 1;
        }
        if let Some((code, message)) = &found.refused {
            let entry = refused.entry(format!("{code}: {}", kind(message))).or_default();
            entry.0 += 1;
            if entry.1.is_empty() {
                entry.1 = name.clone();
            }
        }
        for (reason, count) in &found.reasons {
            let entry = reasons.entry(reason.clone()).or_default();
            entry.0 += count;
            entry.1 += 1;
            if entry.2.is_empty() {
                entry.2 = found.examples.get(reason).cloned().unwrap_or_default().replace('|', "/");
            }
        }
    }
    for (dialect, count) in dialects {
        text.push_str(&format!("| of OpenAPI {dialect} | {count} |\n"));
    }
    text.push_str("\n## Documents that are refused\n\n| reason | documents | first |\n|---|---:|---|\n");
    for (reason, (count, first)) in sorted(refused, |(count, _)| *count) {
        text.push_str(&format!("| {reason} | {count} | `{first}` |\n"));
    }
    text.push_str("\n## Operations that can't be called\n\n| reason | operations | documents | first |\n|---|---:|---:|---|\n");
    for (reason, (count, documents, first)) in sorted(reasons, |(count, _, _)| *count) {
        text.push_str(&format!("| {reason} | {count} | {documents} | {first} |\n"));
    }
    text.push_str(&format!(
        "\n## Documents whose {bound} seconds were up before each operation was read\n\n"
    ));
    for (name, found) in all.iter().filter(|(_, found)| found.looked_at < found.operations) {
        text.push_str(&format!("- `{name}`: {} of {}\n", found.looked_at, found.operations));
    }
    let slowest = all.iter().max_by_key(|(_, found)| found.took);
    if let Some((name, found)) = slowest {
        text.push_str(&format!("\nSlowest: `{name}`, {:.1} s.\n", found.took.as_secs_f64()));
    }
    text
}

/// The most frequent first.
fn sorted<T>(all: BTreeMap<String, T>, count: fn(&T) -> usize) -> Vec<(String, T)> {
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by(|(a, x), (b, y)| count(y).cmp(&count(x)).then(a.cmp(b)));
    all
}

//! Every response schema of published OpenAPI documents against every request schema of the same document: how often the
//! checker says yes, no, or that it does not know. `cargo bench --bench subtypes -- FOLDER [DOCUMENTS] [SECONDS A DOCUMENT]`
//!
//! Documents are taken at even distances from the list of paths. A schema that only refers to another is that one; a pair
//! of one and the same schema is no question. The table goes to stdout.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reads a folder and tells"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use eczflow::base::canonical_json;
use eczflow::diagnostics::Sink;
use eczflow::documents::{Document, MediaView};
use eczflow::source::SourceMap;
use eczflow::types::{Answer, Direction, JsonSchema};

/// What was found in one document.
#[derive(Default)]
struct Found {
    read: bool,
    responses: usize,
    requests: usize,
    /// Schemas that no guard can be made of, which is a finding of the checker.
    refused: usize,
    yes: usize,
    no: usize,
    unknown: usize,
    /// Pairs, and before them operations, that the time did not suffice for.
    left: usize,
    operations_left: usize,
    /// Of the unknown, what could not be compared, and the first such pair.
    reasons: BTreeMap<String, (usize, String)>,
    took: Duration,
    slowest: Duration,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some(folder) = arguments.first() else {
        println!("subtypes: left out, no folder of documents was named");
        return;
    };
    let number =
        |at: usize, usual: usize| arguments.get(at).and_then(|number| number.parse().ok()).unwrap_or(usual);
    let (documents, bound) = (number(1, 500).max(1), number(2, 120));
    let mut paths = Vec::new();
    documents_in(Path::new(folder), &mut paths);
    paths.sort();
    let all = paths.len();
    let chosen: BTreeSet<usize> = (0..documents).map(|index| index * all / documents).collect();
    let mut index = 0;
    paths.retain(|_| {
        index += 1;
        chosen.contains(&(index - 1))
    });
    let bound = Duration::from_secs(u64::try_from(bound).unwrap_or(120));
    let found = ask_all(Path::new(folder), paths, bound);
    print!("{}", table(all, &found, bound));
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

fn ask_all(folder: &Path, mut paths: Vec<PathBuf>, bound: Duration) -> BTreeMap<String, Found> {
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
                    let found = one(path, &name, bound);
                    if found.took > bound / 4 {
                        eprintln!("{name}: {:.0} s", found.took.as_secs_f64());
                    }
                    if let Ok(mut all) = all.lock() {
                        all.insert(name, found);
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_default()
}

fn one(path: &Path, name: &str, bound: Duration) -> Found {
    let start = Instant::now();
    let mut found = Found::default();
    let bytes = std::fs::read(path).unwrap_or_default();
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let Some(document) = Document::read(bytes.as_slice(), name, &mut sources, &mut sink) else {
        return found;
    };
    found.read = true;
    let (mut answers, mut requests) = (Side::default(), Side::default());
    for entry in document.operations() {
        if start.elapsed() > bound / 2 {
            found.operations_left += 1;
            continue;
        }
        let Ok(view) = document.view(entry) else { continue };
        let root = view.root();
        for media in view.responses.iter().flat_map(|response| response.content.values()) {
            found.refused += usize::from(!answers.add(root, media, Direction::Answer));
        }
        for media in view.body.iter().flat_map(|body| body.content.values()) {
            found.refused += usize::from(!requests.add(root, media, Direction::Request));
        }
    }
    (found.responses, found.requests) = (answers.places.len(), requests.places.len());
    let mut known: BTreeMap<(usize, usize), Answer> = BTreeMap::new();
    for (from, left) in &answers.places {
        for (to, right) in requests.places.iter().filter(|(to, _)| *to != from) {
            if start.elapsed() > bound {
                found.left += 1;
                continue;
            }
            let (Some(a), Some(b)) = (answers.schemas.get(*left), requests.schemas.get(*right)) else {
                continue;
            };
            let asked = Instant::now();
            let answer = known.entry((*left, *right)).or_insert_with(|| a.is_within(b));
            found.slowest = found.slowest.max(asked.elapsed());
            match answer {
                Answer::Yes => found.yes += 1,
                Answer::No(_) => found.no += 1,
                Answer::Unknown(why) => {
                    found.unknown += 1;
                    let pair = || (0, format!("`{name}` `{from}` `{to}`"));
                    found.reasons.entry(why.clone()).or_insert_with(pair).0 += 1;
                }
            }
        }
    }
    found.took = start.elapsed();
    found
}

/// The schemas of one side: by place, and those that say the same once.
#[derive(Default)]
struct Side {
    /// Where a schema stands, and which it is.
    places: BTreeMap<String, usize>,
    schemas: Vec<JsonSchema>,
    texts: BTreeMap<String, usize>,
    seen: BTreeSet<String>,
}

impl Side {
    /// Adds a body's schema; false where it can't be read.
    fn add(&mut self, root: &serde_json::Value, media: &MediaView, direction: Direction) -> bool {
        let Some(mut pointer) = media.schema.clone() else { return true };
        for _ in 0..32 {
            let target =
                root.pointer(&pointer).and_then(|schema| schema.get("$ref")?.as_str()?.strip_prefix('#'));
            match target {
                Some(target) => pointer = target.to_owned(),
                None => break,
            }
        }
        if !self.seen.insert(pointer.clone()) {
            return true;
        }
        let Ok(schema) = JsonSchema::read(root, &pointer, direction) else { return false };
        let text = canonical_json(schema.normal()).unwrap_or_default();
        let index = *self.texts.entry(text).or_insert_with(|| {
            self.schemas.push(schema);
            self.schemas.len() - 1
        });
        self.places.insert(pointer, index);
        true
    }
}

fn table(all: usize, found: &BTreeMap<String, Found>, bound: Duration) -> String {
    let sum = |count: fn(&Found) -> usize| found.values().map(count).sum::<usize>();
    let (yes, no, unknown) = (sum(|found| found.yes), sum(|found| found.no), sum(|found| found.unknown));
    let asked = (yes + no + unknown).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a share that is printed")]
    let share = |count: usize| 100.0 * count as f64 / asked as f64;
    let mut text = format!(
        "| | |\n|---|---:|\n| documents | {} of {all} |\n| of these read | {} |\n| response schemas | {} |\n\
         | request schemas | {} |\n| schemas that can't be checked | {} |\n| pairs asked | {asked} |\n| yes | {yes} ({:.2} %) |\n\
         | no, with a value that both validators confirm | {no} ({:.2} %) |\n| unknown | {unknown} (**{:.2} %**) |\n\
         | pairs left when a document's {} s were up | {} |\n| operations not read when half of them were up | {} |\n\
         | slowest question | {:.0} ms |\n",
        found.len(),
        sum(|found| usize::from(found.read)),
        sum(|found| found.responses),
        sum(|found| found.requests),
        sum(|found| found.refused),
        share(yes),
        share(no),
        share(unknown),
        bound.as_secs(),
        sum(|found| found.left),
        sum(|found| found.operations_left),
        found.values().map(|found| found.slowest).max().unwrap_or_default().as_secs_f64() * 1000.0,
    );
    let mut reasons: BTreeMap<&str, (usize, usize, &str)> = BTreeMap::new();
    for (why, (count, first)) in found.values().flat_map(|found| &found.reasons) {
        let entry = reasons.entry(why).or_insert((0, 0, first));
        entry.0 += count;
        entry.1 += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(why, (count, ..))| (std::cmp::Reverse(*count), *why));
    text.push_str(
        "\n## Where it is not known\n\n| what | pairs | documents | first |\n|---|---:|---:|---|\n",
    );
    for (why, (count, documents, first)) in reasons {
        text.push_str(&format!("| {why} | {count} | {documents} | {first} |\n"));
    }
    text.push_str("\n## Documents that took longest\n\n| document | s | pairs | unknown | pairs left | operations not read |\n|---|---:|---:|---:|---:|---:|\n");
    let mut slow: Vec<_> = found.iter().collect();
    slow.sort_by_key(|(name, found)| (std::cmp::Reverse(found.took), *name));
    for (name, found) in slow.into_iter().take(8) {
        let pairs = found.yes + found.no + found.unknown;
        let seconds = found.took.as_secs_f64();
        text.push_str(&format!(
            "| `{name}` | {seconds:.1} | {pairs} | {} | {} | {} |\n",
            found.unknown, found.left, found.operations_left
        ));
    }
    text
}

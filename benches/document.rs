//! Checking a flow over a large real document: time over that of parsing its JSON with serde_json and nothing else.
//! Needs the document in the folder that `ECZFLOW_REAL_DOCUMENTS` names. See `docs/performance.md`.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures this process's own time, and is told a folder"
)]

mod timing;

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use eczflow::compile::Session;
use eczflow::diagnostics::Sink;
use eczflow::documents::Document;
use eczflow::source::{MemoryFiles, SourceMap};
use timing::{busy, fastest};

const DOCUMENT: &str = "octokit-openapi/generated/api.github.com.json";
const REPETITIONS: usize = 7;

const FLOW: &str = r#"eczflow 1
use std.handoff.{ observe }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
api github = openapi("api.github.com.json") {
  no passport because "GitHub publishes none as of 2026-11"
}
flow look(owner: string, repo: string) -> { name: string } {
  as acme.agent
  handoff observe
  step found = github."repos/get"(owner: owner, repo: repo)
  step commits = github."repos/list-commits"(owner: owner, repo: repo)
  step issues = github."issues/list-for-repo"(owner: owner, repo: repo)
  ensure length(commits) >= 0 && length(issues) >= 0 else "no lists"
  return { name: found.full_name }
}
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    let Some(folder) = std::env::var("ECZFLOW_REAL_DOCUMENTS").ok().map(Utf8PathBuf::from) else {
        writeln!(out, "left out: ECZFLOW_REAL_DOCUMENTS names no folder with {DOCUMENT}")?;
        return Ok(());
    };
    let bytes = std::fs::read(folder.join(DOCUMENT))?;
    let path = Utf8Path::new("look.eczflow");
    let mut files = MemoryFiles::default();
    files.insert("api.github.com.json", bytes.clone());
    files.insert(path, FLOW);
    let pinned = Session::new(&files).pin(path)?;
    files.insert(path, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    let first = Session::new(&files).compile(path, None)?;
    let (mut parses, mut reads, mut checks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let begin = busy();
        black_box(serde_json::from_slice::<serde_json::Value>(black_box(&bytes))?);
        parses.push(busy() - begin);
        let begin = busy();
        let (mut map, mut sink) = (SourceMap::default(), Sink::default());
        black_box(Document::read(black_box(bytes.as_slice()), DOCUMENT, &mut map, &mut sink));
        reads.push(busy() - begin);
        let begin = busy();
        black_box(Session::new(&files).check(path, None)?);
        checks.push(busy() - begin);
    }
    let unit = fastest(&parses);
    writeln!(out, "{} MB of JSON, over parsing it with serde_json", bytes.len() >> 20)?;
    writeln!(out, "{:24}{:>6.1}", "read and hashed", fastest(&reads) / unit)?;
    writeln!(out, "{:24}{:>6.1}", "check of three steps", fastest(&checks) / unit)?;
    if first.plan.is_none() {
        let why = first
            .diagnostics
            .iter()
            .find(|finding| finding.severity == eczflow::diagnostics::Severity::Error);
        writeln!(out, "the flow makes no plan: {:?}", why.map(|finding| &finding.message))?;
    }
    Ok(())
}

//! Drift by slice, judged on published versions of one document: GitHub's for its enterprise server.

use std::io::Write as _;
use std::path::Path;

use camino::Utf8Path;
use eczflow::compile::{PartUpdate, Session, Standing};
use eczflow::source::MemoryFiles;

/// The flow of `benches/peers/drift.py`, which holds the same verdicts against a comparison of the raw documents.
fn flow() -> &'static str {
    let script = include_str!("../../benches/peers/drift.py");
    script.split("FLOW = \"\"\"").nth(1).unwrap().split("\"\"\"").next().unwrap()
}

fn document(version: &str) -> Option<Vec<u8>> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/real/documents/octokit-openapi/generated");
    std::fs::read(folder.join(format!("ghes-{version}.json"))).ok()
}

/// What pinning the flow to another version means: `OPERATION VERDICT`, and the changes of one that changed in more than words.
fn told(from: Vec<u8>, to: Vec<u8>) -> Vec<String> {
    let mut files = MemoryFiles::default();
    let path = Utf8Path::new("look.eczflow");
    files.insert(path, flow());
    files.insert("ghes.json", from);
    let pinned = Session::new(&files).pin(path).unwrap();
    assert!(!pinned.has_errors(), "{:#?}", pinned.diagnostics);
    files.insert(path, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    let checked = Session::new(&files).check(path, None).unwrap();
    assert!(checked.diagnostics.is_empty(), "{:#?}", checked.diagnostics);
    files.insert("ghes.json", to);
    let update = Session::new(&files).update(path).unwrap();
    assert!(!update.breaks() && update.unlocked.is_none(), "{update:#?}");
    let standing = |(key, operation): (&String, &PartUpdate)| {
        let verdict = match operation.standing {
            Standing::Compatible if operation.words_only => "words",
            Standing::Compatible => "compatible",
            other => panic!("{key}: {other:?}"),
        };
        assert!(operation.changes.iter().all(|change| change.breaks.is_empty()), "{key}: {operation:#?}");
        format!("{key} {verdict}")
    };
    update.apis["github"].operations.iter().map(standing).collect()
}

/// Needs `examples/real/fetch` to have been run; `.ci/run` does.
#[test]
fn what_an_enterprise_server_s_next_version_means_is_told_by_operation() {
    let (Some(first), Some(second), Some(third)) = (document("3.17"), document("3.18"), document("3.19"))
    else {
        assert!(std::env::var_os("ECZFLOW_REAL_DOCUMENTS").is_none(), "the published documents are missing");
        // Past the test harness, which keeps what a passing test prints to itself.
        writeln!(std::io::stderr(), "left out: published versions; `examples/real/fetch` brings them")
            .unwrap();
        return;
    };
    let words =
        ["issues/list-for-repo", "orgs/get", "repos/get", "repos/list-branches", "repos/list-commits"];
    let expected = |changed: &[&str], more: &[&str]| {
        let words = words.iter().chain(more).map(|key| format!("{key} words"));
        let mut all: Vec<String> =
            words.chain(changed.iter().map(|key| format!("{key} compatible"))).collect();
        all.sort();
        all
    };
    let (runs, alerts) = ("actions/list-workflow-runs-for-repo", "secret-scanning/list-alerts-for-repo");
    assert_eq!(told(first, second.clone()), expected(&[runs, alerts], &[]));
    assert_eq!(told(second, third), expected(&[alerts], &[runs]));
}

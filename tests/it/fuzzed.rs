//! Every kept input of the fuzz targets, through the same functions that the targets call.

use std::path::{Path, PathBuf};

#[allow(unreachable_pub, reason = "a library in its own package")]
#[path = "../../fuzz/src/lib.rs"]
mod bodies;

type Body = fn(&[u8]) -> bool;

const TARGETS: [(&str, Body); 9] = [
    ("flow", bodies::flow),
    ("json_document", bodies::json_document),
    ("yaml_document", bodies::yaml_document),
    ("subschema", bodies::subschema),
    ("plan", bodies::plan),
    ("bundle", bodies::bundle),
    ("resolver", bodies::resolver),
    ("handoff", bodies::handoff),
    ("signature", bodies::signature),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// No input of `fuzz/seeds` or `fuzz/regressions` breaks what its target asserts, and each `valid` seed is still accepted.
#[test]
fn every_kept_input_is_answered() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (name, body) in TARGETS {
        let seeds = files(&fuzz.join("seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seed");
        for path in seeds.iter().chain(&files(&fuzz.join("regressions").join(name))) {
            let accepted = body(&std::fs::read(path).unwrap());
            let valid = path.file_stem().is_some_and(|stem| stem == "valid");
            assert!(accepted || !valid, "{}: written anew by fuzz/seeds.sh?", path.display());
        }
        let targets = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        assert!(targets.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

/// The seeds of signed fields are what this version signs.
#[test]
fn signed_seeds_are_as_they_are_made() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    assert_eq!(std::fs::read_to_string(seeds.join("handoff/valid.txt")).unwrap(), bodies::trust_context());
    let request = std::fs::read(seeds.join("signature/valid.txt")).unwrap();
    assert_eq!(String::from_utf8(request), String::from_utf8(bodies::signed_request()));
}

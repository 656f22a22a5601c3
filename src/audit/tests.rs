//! What nobody without the log's key can do to a bundle.

use serde_json::{Value, json};

use super::*;
use crate::base::{Digest, Ed25519Key, Explained, SeededRandom, Signer, Timestamp, canonical_json};

fn key(seed: &str) -> Ed25519Key {
    Ed25519Key::generate(&SeededRandom::new(seed))
}

/// The sample run in a log whose other leaves are of other runs.
fn export(signer: &Ed25519Key) -> Export {
    let leaves: Vec<(String, Payload)> = sample::run("r1", &SeededRandom::new("r1"))
        .into_iter()
        .map(|(record, payload)| (record.leaf().unwrap(), payload))
        .collect();
    let hashes: Vec<Digest> = leaves.iter().map(|(leaf, _)| record_hash(leaf.as_bytes())).collect();
    let log_leaf = LogLeaf {
        v: LOG_FORMAT.to_owned(),
        kind: LogKind::RunClosed,
        run: "r1".to_owned(),
        size: 12,
        root: tree_hash(&hashes),
        time: Timestamp(1_795_000_000_077),
    };
    let mut log: Vec<Digest> = (0..6).map(|other| Digest::of([other])).collect();
    log[3] = record_hash(log_leaf.leaf().unwrap().as_bytes());
    let verifier = VerifierKey::of_log(signer.public_key());
    let checkpoint = Checkpoint { origin: verifier.name().to_owned(), size: 6, root: tree_hash(&log) };
    Export {
        log: verifier,
        plan: sample::PLAN.to_owned(),
        leaves,
        log_leaf,
        index: 3,
        proof: inclusion_proof(&log, 3).unwrap(),
        checkpoint: checkpoint.sign(signer).unwrap(),
    }
}

fn written(export: &Export, disclosure: Disclosure) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_bundle(export, disclosure, &mut bytes).unwrap();
    bytes
}

fn verified(bytes: &[u8], trust: Trust<'_>) -> Answers {
    verify_bundle(&mut &bytes[..], trust)
}

const NOBODY: Trust<'static> = Trust::Logs(&[]);

#[test]
fn a_bundle_answers_whole_whose_and_complete() {
    let signer = key("log");
    let export = export(&signer);
    for disclosure in [Disclosure::Full, Disclosure::Sealed] {
        let bytes = written(&export, disclosure);
        assert_eq!(bytes, written(&export, disclosure));
        let answers = verified(&bytes, NOBODY);
        answers.whole.as_ref().unwrap();
        assert!(matches!(&answers.whose, Whose::Unknown(key) if *key == export.log.to_string()));
        assert!(matches!(answers.complete, Complete::Yes));
        assert_eq!((answers.failed(false), answers.failed(true)), (false, true));
        let bundle = answers.bundle.unwrap();
        assert_eq!((bundle.records.len(), bundle.header.environment.as_str()), (12, "sandbox"));
        assert_eq!(bundle.payloads.len(), if disclosure == Disclosure::Full { 7 } else { 0 });

        let trusted = [TrustedLog { key: export.log.clone(), label: "ours".to_owned() }];
        assert!(
            matches!(verified(&bytes, Trust::Logs(&trusted)).whose, Whose::Trusted(label) if label == "ours")
        );
        assert!(!verified(&bytes, Trust::Key(&export.log)).failed(true));
    }
    let sealed = String::from_utf8(written(&export, Disclosure::Sealed)).unwrap();
    assert!(!sealed.contains("ticket_id") && !sealed.contains("R1"));
}

#[test]
fn signed_by_another_key_it_is_of_an_unknown_log() {
    let ours = VerifierKey::of_log(key("log").public_key());
    let bytes = written(&export(&key("stranger")), Disclosure::Full);
    let trusted = [TrustedLog { key: ours.clone(), label: "ours".to_owned() }];
    let answers = verified(&bytes, Trust::Logs(&trusted));
    assert!(matches!(answers.whose, Whose::Unknown(_)) && !answers.failed(false));
    let answers = verified(&bytes, Trust::Key(&ours));
    assert!(matches!(&answers.whose, Whose::Refused(error) if error.code() == "ER5006"));
    assert!(answers.failed(false));
}

#[test]
fn an_unfinished_run_says_so() {
    let signer = key("log");
    let mut export = export(&signer);
    export.leaves.truncate(5);
    let hashes: Vec<Digest> = export.leaves.iter().map(|(leaf, _)| record_hash(leaf.as_bytes())).collect();
    export.log_leaf =
        LogLeaf { kind: LogKind::RunPaused, size: 5, root: tree_hash(&hashes), ..export.log_leaf };
    let root = record_hash(export.log_leaf.leaf().unwrap().as_bytes());
    let checkpoint = Checkpoint { origin: export.log.name().to_owned(), size: 1, root };
    (export.index, export.proof, export.checkpoint) = (0, Vec::new(), checkpoint.sign(&signer).unwrap());
    let answers = verified(&written(&export, Disclosure::Full), NOBODY);
    answers.whole.as_ref().unwrap();
    assert!(matches!(answers.complete, Complete::Unfinished(Kind::RetryScheduled)));
    assert!(!answers.failed(false));

    // The operator's own signature does not mend a broken chain.
    export.leaves.remove(2);
    let hashes: Vec<Digest> = export.leaves.iter().map(|(leaf, _)| record_hash(leaf.as_bytes())).collect();
    export.log_leaf = LogLeaf { size: 4, root: tree_hash(&hashes), ..export.log_leaf };
    let root = record_hash(export.log_leaf.leaf().unwrap().as_bytes());
    export.checkpoint =
        Checkpoint { origin: export.log.name().to_owned(), size: 1, root }.sign(&signer).unwrap();
    let answers = verified(&written(&export, Disclosure::Sealed), NOBODY);
    answers.whole.as_ref().unwrap();
    assert!(
        matches!(&answers.complete, Complete::Broken(error) if (error.line, error.code()) == (4, "ER5008"))
    );
}

#[test]
fn every_changed_byte_fails() {
    let bytes = written(&export(&key("log")), Disclosure::Full);
    std::thread::scope(|scope| {
        for half in 0..2 {
            let mut changed = bytes.clone();
            scope.spawn(move || {
                for place in (half..changed.len()).step_by(2) {
                    changed[place] ^= 1 << (place % 8);
                    assert!(verified(&changed, NOBODY).failed(false), "byte {place}");
                    changed[place] ^= 1 << (place % 8);
                }
            });
        }
    });
    for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        assert!(verified(&bytes[..end], NOBODY).failed(false), "cut at {end}");
    }
    for more in ["\n", " ", "{}\n"] {
        assert!(verified(&[&bytes, more.as_bytes()].concat(), NOBODY).failed(false), "{more:?}");
    }
}

/// Where every value stands: line and JSON pointer.
fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
    if !pointer.is_empty() {
        found.push(pointer.to_owned());
    }
}

/// Other values of the same kind, so that as much as possible still parses.
fn edits(value: &Value) -> Vec<Value> {
    match value {
        Value::String(text) => {
            let next = |c: char| match c {
                '9' | 'f' | 'Z' | 'z' => 'a',
                '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(u32::from(c) + 1).unwrap(),
                c => c,
            };
            let last = text.rfind(|c: char| c.is_ascii_digit() || c.is_ascii_lowercase()).unwrap_or(0);
            let one = text.char_indices().map(|(at, c)| if at == last { next(c) } else { c }).collect();
            vec![Value::String(one), Value::String(format!("{text}0"))]
        }
        Value::Number(number) => vec![json!(number.as_f64().unwrap() as i64 + 1), json!(0.5), json!("1")],
        Value::Bool(value) => vec![json!(!value)],
        Value::Null => vec![json!(false)],
        Value::Array(items) => {
            let mut shorter = items.clone();
            shorter.pop();
            vec![Value::Array(shorter), Value::Array([&items[..], &items[..1]].concat())]
        }
        Value::Object(members) => {
            let mut more = members.clone();
            more.insert("more".to_owned(), json!(1));
            vec![json!({}), Value::Object(more)]
        }
    }
}

/// A bundle as an attacker edits it: lines as values, and what was edited, which recomputing leaves alone.
struct Forgery {
    lines: Vec<Value>,
    edited: (usize, String),
}

impl Forgery {
    fn set(&mut self, line: usize, pointer: &str, value: Value) {
        if line == self.edited.0 && self.edited.1.starts_with(pointer) {
            return;
        }
        if let Some(place) = self.lines.get_mut(line).and_then(|line| line.pointer_mut(pointer)) {
            *place = value;
        }
    }

    /// Recomputes every unkeyed hash: commitments, chain, retry provenance, root, log leaf, log tree, digest.
    fn bytes(mut self, recompute_checkpoint: bool) -> Vec<u8> {
        let last = self.lines.len() - 1;
        let text = |value: &Value| canonical_json(value).unwrap();
        for line in 1..last {
            let Some(seq) = self.lines[line].get("disclosed").and_then(Value::as_u64) else { continue };
            let Ok(payload) = serde_json::from_value::<Payload>(self.lines[line]["payload"].clone()) else {
                continue;
            };
            for (name, item) in payload {
                let digest = commitment(&name, &item).unwrap().to_string();
                self.set(seq as usize + 1, &format!("/commitments/{name}"), json!(digest));
            }
        }
        let mut hashes: Vec<Digest> = Vec::new();
        let mut renamed = std::collections::BTreeMap::new();
        for line in (1..last).filter(|line| *line < 13) {
            let before = record_hash(text(&self.lines[line]).as_bytes()).to_string();
            if let Some(prev) = hashes.last() {
                self.set(line, "/prev", json!(prev.to_string()));
            }
            if let Some(new) = self.lines[line]["previous_attempt"].as_str().and_then(|old| renamed.get(old))
            {
                self.set(line, "/previous_attempt", json!(new));
            }
            let hash = record_hash(text(&self.lines[line]).as_bytes());
            renamed.insert(before, hash.to_string());
            hashes.push(hash);
        }
        let root = tree_hash(&hashes).to_string();
        self.set(last, "/root", json!(root));
        self.set(last, "/leaf/root", json!(root));
        if recompute_checkpoint {
            let mut log: Vec<Digest> = (0..6).map(|other| Digest::of([other])).collect();
            log[3] = record_hash(text(&self.lines[last]["leaf"]).as_bytes());
            let proof: Vec<String> =
                inclusion_proof(&log, 3).unwrap().iter().map(Digest::to_string).collect();
            self.set(last, "/proof", json!(proof));
            let note = self.lines[last]["checkpoint"].as_str().unwrap_or_default().to_owned();
            if let Some((_, signature)) = note.split_once("\n\n") {
                let origin = note.lines().next().unwrap().to_owned();
                let text = Checkpoint { origin, size: 6, root: tree_hash(&log) }.text();
                self.set(last, "/checkpoint", json!(format!("{text}\n{signature}")));
            }
        }
        let earlier: String = self.lines[..last].iter().map(|line| text(line) + "\n").collect();
        self.set(last, "/digest", json!(Digest::of(&earlier).to_string()));
        format!("{earlier}{}\n", text(&self.lines[last])).into_bytes()
    }
}

#[test]
fn every_edited_field_fails_with_all_unkeyed_hashes_recomputed() {
    let bytes = written(&export(&key("log")), Disclosure::Full);
    let lines: Vec<Value> =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let forge =
        |line, pointer: &str, lines: Vec<Value>| Forgery { lines, edited: (line, pointer.to_owned()) };
    for recompute in [false, true] {
        assert_eq!(
            forge(0, "", lines.clone()).bytes(recompute),
            bytes,
            "recomputing must change nothing by itself"
        );
    }
    let mut tried = 0;
    for (line, value) in lines.iter().enumerate() {
        let mut pointers = Vec::new();
        places(value, "", &mut pointers);
        for pointer in pointers {
            let original = value.pointer(&pointer).unwrap();
            for edit in edits(original).into_iter().filter(|edit| edit != original) {
                let mut edited = lines.clone();
                *edited[line].pointer_mut(&pointer).unwrap() = edit.clone();
                let forged = forge(line, &pointer, edited).bytes(tried % 2 == 0);
                assert!(forged != bytes, "line {line}, {pointer}: {edit}");
                assert!(verified(&forged, NOBODY).failed(false), "line {line}, {pointer}: {edit}");
                tried += 1;
            }
            let mut removed = lines.clone();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            if let Some(members) = removed[line].pointer_mut(parent).unwrap().as_object_mut() {
                members.remove(name);
                let forged = forge(line, &pointer, removed).bytes(tried % 2 == 0);
                assert!(verified(&forged, NOBODY).failed(false), "line {line}, {pointer} removed");
            }
        }
        let mut removed = lines.clone();
        removed.remove(line);
        assert!(verified(&forge(0, "", removed).bytes(false), NOBODY).failed(false), "line {line} removed");
    }
    assert!(tried > 300, "{tried}");
}

/// Edits that keep header and records in agreement: only the signed tree can tell.
#[test]
fn consistent_edits_fail_too() {
    let bytes = written(&export(&key("log")), Disclosure::Full);
    let text = String::from_utf8(bytes).unwrap();
    let plan = Digest::of(sample::PLAN).to_string();
    let other = sample::PLAN.replace("refund", "refine");
    let in_line = |plan: &str| plan.replace('"', "\\\"");
    for edited in [
        text.replace("\"sandbox\"", "\"live\""),
        text.replace("\"run\":\"r1\"", "\"run\":\"r2\""),
        text.replace(&in_line(sample::PLAN), &in_line(&other))
            .replace(&plan, &Digest::of(&other).to_string()),
        text.replace("A1B2C3", "A1B2C4"),
        text.replace(":503", ":500"),
    ] {
        assert_ne!(edited, text);
        let lines: Vec<Value> = edited.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for recompute in [false, true] {
            let forged = Forgery { lines: lines.clone(), edited: (0, String::new()) }.bytes(recompute);
            let answers = verified(&forged, NOBODY);
            assert!(answers.bundle.is_some(), "it must be well-formed, so that only signed hashes tell");
            assert_eq!(answers.whole.is_ok(), recompute, "{:?}", answers.whole);
            assert_eq!(matches!(answers.whose, Whose::Refused(_)), recompute);
            assert!(answers.failed(false));
        }
    }
}

#[test]
fn foreign_bytes_are_refused_with_a_line() {
    let good = String::from_utf8(written(&export(&key("log")), Disclosure::Full)).unwrap();
    let first = good.lines().next().unwrap();
    let deep = format!("{first}\n{}\n", "[".repeat(100_000));
    for (bad, line) in [
        ("", 1),
        ("\n", 1),
        ("{}\n", 1),
        ("\u{feff}{}\n", 1),
        (first, 1),
        (&format!("{first}\n"), 2),
        (&format!("{first}\n\n"), 2),
        (&deep, 2),
        (&good.replacen('\n', "\r\n", 1), 1),
        (&good.replacen("bundle-1", "bundle-2", 1), 1),
    ] {
        let error = read_bundle(&mut bad.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.code()), (line, "ER5001"), "{error}");
        assert!(error.help().is_some() && error.to_string().len() < 400);
    }
    let error = read_bundle(&mut &b"\xff\xfe\n"[..]).unwrap_err();
    assert_eq!(error.line, 1);
    let endless = std::io::BufReader::with_capacity(1 << 20, std::io::repeat(b'x'));
    let error = read_bundle(&mut { endless }).unwrap_err();
    assert!(matches!((error.line, error.fault), (1, Fault::TooLong(_))));
}

//! What nobody without the log's key can do to a bundle.

use super::*;
use crate::base::{Digest, Ed25519Key, Explained, SeededRandom, Signer, Timestamp};

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
    assert!(matches!(&answers.complete, Complete::Unfinished(known) if known.last == Kind::RetryScheduled));
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

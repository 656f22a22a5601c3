use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::*;
use crate::audit::{Kind, LogKind, Record, VerifierKey, record_hash, sample, verify_inclusion_proof};
use crate::base::{Explained, SeededRandom, Timestamp};

/// The sample run, one batch a record.
fn batches(run: &str) -> Vec<Batch> {
    let batch = |(record, payload): (Record, _)| Batch {
        run: run.to_owned(),
        opening: (record.seq == 0)
            .then(|| Opening { flow: "refund".to_owned(), plan: sample::PLAN.to_owned() }),
        entries: vec![Entry { record, payload }],
    };
    sample::run(run, &SeededRandom::new(run)).into_iter().map(batch).collect()
}

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, &LogKey::InStore, &SeededRandom::new("store"))
}

fn edit(folder: &Path, sql: &str) {
    Connection::open(folder.join("journal.sqlite")).unwrap().execute_batch(sql).unwrap();
}

/// Copies the folder while a writer holds it: what the disk would hold after a kill.
fn crash_image(folder: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(file.path(), image.path().join(file.file_name())).unwrap();
        }
    }
    image
}

fn record_and_read(store: &dyn Store) {
    for (at, batch) in batches("r1").into_iter().enumerate() {
        let appended = store.append(batch).wait().unwrap();
        assert_eq!(appended.size, at as u64 + 1);
    }
    let expected: Vec<Entry> = batches("r1").into_iter().flat_map(|batch| batch.entries).collect();
    assert_eq!(store.load("r1").unwrap(), expected);
    let run = store.run("r1").unwrap();
    assert_eq!((run.status.as_str(), run.size, run.flow.as_str()), ("done", 12, "refund"));
    assert_eq!(run.finished, Some(expected[11].record.time));
    assert_eq!(store.runs().unwrap(), vec![run.clone()]);
    assert_eq!(store.plan(&run.plan).unwrap().as_deref(), Some(sample::PLAN));

    let export = store.export("r1").unwrap();
    assert_eq!((export.log_leaf.kind, export.log_leaf.root), (LogKind::RunClosed, run.root));
    let checkpoint = crate::audit::Checkpoint::open(&export.checkpoint, &store.log_key()).unwrap();
    let hash = record_hash(export.log_leaf.leaf().unwrap().as_bytes());
    assert!(verify_inclusion_proof(hash, export.index, checkpoint.size, &export.proof, &checkpoint.root));
    assert_eq!((export.index, checkpoint.size), (1, 2));

    assert!(matches!(store.load("r2"), Err(StoreError::UnknownRun(_))));
    let mut late = batches("r1").remove(11);
    late.entries[0].record.seq = 12;
    assert!(matches!(store.append(late).wait(), Err(StoreError::Refused { .. })));
}

#[test]
fn both_stores_record_and_read_back() {
    record_and_read(&MemoryStore::new(&SeededRandom::new("memory")));
    let folder = tempfile::tempdir().unwrap();
    record_and_read(&open(folder.path()).unwrap());
}

#[test]
fn what_does_not_follow_is_refused_and_stops_nothing() {
    let store = MemoryStore::new(&SeededRandom::new("memory"));
    let all = batches("r1");
    assert!(matches!(store.append(all[1].clone()).wait(), Err(StoreError::UnknownRun(_))));
    let _ = store.append(all[0].clone()).wait().unwrap();
    type Spoil = fn(&mut Batch);
    let spoils: [Spoil; 7] = [
        |batch| batch.entries[0].record.seq = 2,
        |batch| batch.entries[0].record.prev = None,
        |batch| batch.entries[0].record.run = "r2".to_owned(),
        |batch| batch.entries[0].record.kind = Kind::RunStarted,
        |batch| batch.entries[0].payload.clear(),
        |batch| batch.entries.clear(),
        |batch| batch.opening = Some(Opening { flow: String::new(), plan: sample::PLAN.to_owned() }),
    ];
    for (number, spoil) in spoils.iter().enumerate() {
        let mut batch = all[1].clone();
        spoil(&mut batch);
        assert!(matches!(store.append(batch).wait(), Err(StoreError::Refused { .. })), "{number}");
    }
    let mut other = batches("r3").remove(0);
    other.opening.as_mut().unwrap().plan.push(' ');
    assert!(matches!(store.append(other).wait(), Err(StoreError::Refused { .. })));
    assert_eq!(store.append(all[1].clone()).wait().unwrap().size, 2);
}

#[test]
fn an_unfinished_run_is_exported_once_the_log_covers_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let memory = MemoryStore::new(&SeededRandom::new("memory"));
    for store in [&store as &dyn Store, &memory] {
        for batch in batches("r1").into_iter().take(5) {
            let _ = store.append(batch).wait().unwrap();
        }
        assert!(matches!(store.export("r1"), Err(StoreError::NotCovered(_))));
        let covered = store.cover("r1", Timestamp(1)).wait().unwrap();
        assert_eq!(store.cover("r1", Timestamp(2)).wait().unwrap(), covered);
        let export = store.export("r1").unwrap();
        assert_eq!((export.log_leaf.kind, export.log_leaf.size, export.index), (LogKind::RunPaused, 5, 1));
        assert_eq!(store.run("r1").unwrap().status, "running");
        assert!(matches!(store.cover("r9", Timestamp(2)).wait(), Err(StoreError::UnknownRun(_))));
    }
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.export("r1").unwrap().leaves.len(), 5);
    assert_eq!((reader.runs().unwrap().len(), reader.log_key()), (1, &store.log_key()));
}

#[test]
fn a_store_goes_on_after_any_crash() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    for (at, batch) in batches("r1").into_iter().enumerate() {
        let root = store.append(batch).wait().unwrap().root;
        let image = crash_image(folder.path());
        let again = open(image.path()).unwrap();
        assert_eq!((again.epoch(), again.run("r1").unwrap().root), (2, root));
        for batch in batches("r1").into_iter().skip(at + 1) {
            let _ = again.append(batch).wait().unwrap();
        }
        assert_eq!(again.run("r1").unwrap().status, "done");
    }
}

#[test]
fn what_waits_when_the_store_is_dropped_is_still_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let pending: Vec<Pending> = batches("r1").into_iter().map(|batch| store.append(batch)).collect();
    drop(store);
    assert_eq!(pending.into_iter().map(|append| append.wait().unwrap().size).max(), Some(12));
    assert_eq!(open(folder.path()).unwrap().run("r1").unwrap().size, 12);
}

#[tokio::test]
async fn runs_are_recorded_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(open(folder.path()).unwrap());
    let runs: Vec<_> = (0..4)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                for batch in batches(&format!("r{number}")) {
                    let _ = store.append(batch).await.unwrap();
                }
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap();
    }
    assert_eq!(store.runs().unwrap().len(), 4);
    for number in 0..4 {
        let export = store.export(&format!("r{number}")).unwrap();
        let checkpoint = crate::audit::Checkpoint::open(&export.checkpoint, &export.log).unwrap();
        let hash = record_hash(export.log_leaf.leaf().unwrap().as_bytes());
        assert!(verify_inclusion_proof(hash, export.index, checkpoint.size, &export.proof, &checkpoint.root));
    }
}

/// Fails each statement of each batch in turn, the commit too: nothing of that batch stays, nothing more is accepted,
/// and the reopened store goes on to the same end.
#[test]
fn a_failed_write_stops_the_store_and_keeps_nothing_of_it() {
    let fault = |event: &str, condition: &str| {
        format!(
            "CREATE TRIGGER fault BEFORE {event} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'fault'); END;"
        )
    };
    let at_commit = "CREATE TABLE parent (id INTEGER PRIMARY KEY) STRICT;
         CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED) STRICT;
         CREATE TRIGGER fault AFTER INSERT ON records WHEN NEW.seq = 3 BEGIN INSERT INTO child VALUES (1); END;";
    for (fault, failing) in [
        (fault("INSERT ON plans", "TRUE"), 0),
        (fault("INSERT ON runs", "TRUE"), 0),
        (fault("INSERT ON records", "NEW.seq = 0"), 0),
        (fault("INSERT ON log_leaves", "NEW.place = 0"), 0),
        (fault("UPDATE ON log_head", "TRUE"), 0),
        (fault("INSERT ON payloads", "NEW.seq = 2"), 2),
        (at_commit.to_owned(), 3),
        (fault("INSERT ON records", "NEW.seq = 5"), 5),
        (fault("UPDATE ON runs", "NEW.size = 7"), 6),
        (fault("INSERT ON log_leaves", "NEW.place = 1"), 11),
    ] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        edit(folder.path(), &fault);
        let store = open(folder.path()).unwrap();
        for (at, batch) in batches("r1").into_iter().enumerate() {
            match store.append(batch).wait() {
                Ok(_) => assert!(at < failing, "{fault}"),
                Err(StoreError::Write(_)) => assert_eq!(at, failing, "{fault}"),
                Err(StoreError::Stopped(_)) => assert!(at > failing, "{fault}"),
                Err(error) => panic!("{fault}: {error}"),
            }
        }
        drop(store);
        edit(folder.path(), "DROP TRIGGER fault;");
        let store = open(folder.path()).unwrap();
        let kept = store.run("r1").map_or(0, |run| run.size);
        assert_eq!(kept, failing as u64, "{fault}");
        for batch in batches("r1").into_iter().skip(failing) {
            let _ = store.append(batch).wait().unwrap();
        }
        assert_eq!(store.run("r1").unwrap().status, "done", "{fault}");
    }
}

#[test]
fn a_full_store_says_so_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open_limited(folder.path(), &LogKey::InStore, &SeededRandom::new("full"), Some(24))
            .unwrap();
    let mut kept = Vec::new();
    let mut refused = None;
    for number in 0..40 {
        let mut batch = batches(&format!("r{number}")).remove(0);
        batch.opening.as_mut().unwrap().flow = "f".repeat(2000);
        match store.append(batch).wait() {
            Ok(_) if refused.is_none() => kept.push(format!("r{number}")),
            Ok(_) => panic!("accepted after a failure"),
            Err(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    assert_eq!(refused, Some(StoreError::Full));
    drop(store);
    let store = open(folder.path()).unwrap();
    let runs: Vec<String> = store.runs().unwrap().into_iter().map(|run| run.run).collect();
    assert_eq!(runs, kept);
    assert!(!kept.is_empty());
    for batch in batches("later") {
        let _ = store.append(batch).wait().unwrap();
    }
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert_eq!(error, StoreError::InUse { path: folder.path().to_owned(), pid: Some(std::process::id()) });
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())));
    drop(store);
    assert_eq!(open(folder.path()).unwrap().epoch(), 2);
}

#[test]
fn other_versions_and_other_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(folder.path()), Err(StoreError::NoStore { .. })));
    drop(open(folder.path()).unwrap());
    edit(folder.path(), "PRAGMA user_version = 2");
    for error in [open(folder.path()).unwrap_err(), Reader::open(folder.path()).unwrap_err()] {
        assert!(matches!(error, StoreError::NewerVersion { found: 2, known: 1, .. }), "{error}");
        assert!(error.help().is_some());
    }
    edit(folder.path(), "PRAGMA user_version = 1; PRAGMA application_id = 7;");
    assert!(matches!(open(folder.path()), Err(StoreError::NotAStore { .. })));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("journal.sqlite"), "no database, but long enough to be one ".repeat(100))
        .unwrap();
    assert!(matches!(open(folder.path()), Err(StoreError::NotAStore { .. })));
    let file = folder.path().join("journal.sqlite");
    assert!(matches!(open(&file), Err(StoreError::NotAFolder { .. })));
}

#[cfg(unix)]
#[test]
fn the_log_key_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/store");
    let store = open(&folder).unwrap();
    let key = folder.join("log.key");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&folder), mode(&key), mode(&folder.join("journal.sqlite"))), (0o700, 0o600, 0o600));
    assert_eq!(mode(&folder.join("journal.sqlite-wal")), 0o600);
    drop(store);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(open(&folder), Err(StoreError::KeyMode { mode: 0o640, .. })));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let other = parent.path().join("other.key");
    fs::copy(&key, &other).unwrap();
    let configured = LogKey::File(other.clone());
    drop(SqliteStore::open(&folder, &configured, &SeededRandom::new("x")).unwrap());
    let stranger = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(stranger.path(), &LogKey::InStore, &SeededRandom::new("stranger")).unwrap());
    fs::copy(stranger.path().join("log.key"), &other).unwrap();
    assert!(matches!(
        SqliteStore::open(&folder, &configured, &SeededRandom::new("x")),
        Err(StoreError::Key { .. })
    ));
    fs::write(&other, "no key").unwrap();
    assert!(matches!(
        SqliteStore::open(&folder, &configured, &SeededRandom::new("x")),
        Err(StoreError::Key { .. })
    ));
    fs::remove_file(&key).unwrap();
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, StoreError::Key { .. }), "a lost key must not be replaced: {error}");
    assert!(!key.exists());
}

#[test]
fn what_was_changed_on_disk_is_noticed() {
    for (sql, on_open) in [
        ("UPDATE records SET leaf = replace(leaf, '503', '500') WHERE run = 1 AND seq = 3", true),
        ("DELETE FROM payloads WHERE run = 1 AND seq = 2", true),
        ("UPDATE payloads SET payload = replace(payload, 'C1', 'C2') WHERE run = 1 AND seq = 2", true),
        ("PRAGMA foreign_keys = OFF; DELETE FROM records WHERE run = 1 AND seq = 4", true),
        ("UPDATE runs SET size = 3, frontier = substr(frontier, 1, 64) WHERE number = 1", true),
        ("UPDATE log_leaves SET leaf = replace(leaf, 'run_opened', 'run_paused') WHERE place = 0", true),
        ("DELETE FROM log_leaves WHERE place = 2", true),
        ("UPDATE log_head SET checkpoint = (SELECT checkpoint || ' ' FROM log_head)", true),
        ("PRAGMA foreign_keys = OFF; DELETE FROM runs WHERE number = 2", true),
        ("UPDATE records SET leaf = replace(leaf, '201', '200') WHERE run = 2 AND seq = 8", false),
        ("PRAGMA foreign_keys = OFF; UPDATE plans SET text = text || ' '", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        for batch in batches("r1").into_iter().take(5).chain(batches("r2")) {
            let _ = store.append(batch).wait().unwrap();
        }
        drop(store);
        edit(folder.path(), sql);
        match open(folder.path()) {
            Err(StoreError::Mismatch(_)) => assert!(on_open, "{sql}"),
            Err(error) => panic!("{sql}: {error}"),
            Ok(store) => {
                assert!(!on_open, "{sql}");
                assert!(matches!(store.export("r2"), Err(StoreError::Mismatch(_))), "{sql}");
            }
        }
    }
}

#[test]
fn a_log_key_is_verifiable_by_its_text() {
    let store = MemoryStore::new(&SeededRandom::new("memory"));
    let text = store.log_key().to_string();
    assert_eq!(text.parse::<VerifierKey>().unwrap(), store.log_key());
    assert!(text.starts_with("eczflow.log/"));
}

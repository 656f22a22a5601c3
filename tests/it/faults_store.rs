//! What disks and their owners do to a store: after each, the log verifies and the store goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use eczflow::audit::{Disclosure, Export, Kind, Trust, VerifierKey, write_bundle};
use eczflow::base::{Clock, Digest, Explained as _, OsRandom, SystemClock, Timestamp};
use eczflow::engine::{PauseCause, Phase, Status};
use eczflow::host::Silent;
use eczflow::sandbox::Faults;
use eczflow::store::{Batch, Entry, LogKey, Pending, Reader, RunSummary, SqliteStore, Store, StoreError};
use eczflow::verify::verify;
use serde_json::Value as Json;
use tokio::sync::watch;

use crate::flows;
use crate::process::{Desk, Ended};
use crate::stage::{Stage, t1};

/// A file system of its own, as large as said; `None`, and a note, where that is not allowed here.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, kilobytes: u32) -> Option<Disk> {
        fs::create_dir_all(at).unwrap();
        let disk = Disk(at.to_owned());
        if disk.call("mount", &["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"]) {
            return Some(disk);
        }
        #[allow(clippy::print_stderr, reason = "a case that is left out says so")]
        {
            eprintln!("left out: no file system may be mounted here");
        }
        std::mem::forget(disk);
        None
    }

    fn call(&self, program: &str, words: &[&str]) -> bool {
        let status = Command::new(program).args(words).arg(&self.0).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Leaves so much room.
    fn fill(&self, kilobytes: u32) {
        let _ = fs::remove_file(self.0.join("ballast"));
        // Whatever fits, then as much less as is asked for.
        let ballast = self.0.join("ballast");
        let size = (0..).map(|n| n * 4096).take_while(|size| {
            use std::io::Write as _;
            let mut file = fs::OpenOptions::new().create(true).append(true).open(&ballast).unwrap();
            file.metadata().unwrap().len() == *size && file.write_all(&[0; 4096]).is_ok()
        });
        let size = size.last().unwrap_or(0) + 4096;
        let file = fs::OpenOptions::new().write(true).open(&ballast).unwrap();
        file.set_len(size.saturating_sub(u64::from(kilobytes) * 1024)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.call("umount", &["-l"]);
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Every file of a folder with its bytes.
fn image(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

fn intents(store: &Path) -> usize {
    let Ok(reader) = Reader::open(store) else { return 0 };
    let runs = reader.runs().unwrap();
    let entries = runs.iter().flat_map(|run| reader.load(&run.run).unwrap());
    entries.filter(|entry| entry.record.kind == Kind::AttemptIntended).count()
}

#[test]
fn a_full_disk_stops_a_run_and_room_lets_it_go_on() {
    let desk = Desk::new();
    let Some(disk) = Disk::mount(&desk.path("disk"), 2048) else { return };
    let (mut stopped, mut refused) = (0, 0);
    for room in [0, 40, 132, 180, 240] {
        let served = desk.sandbox("--folder served");
        let store = desk.path("disk").join(format!("store{room}"));
        let name = store.to_str().unwrap();
        disk.fill(room);
        let ran = desk.run(&format!(
            "run refund/refund.eczflow --config {} --input ticket_id=T1 --store {name}",
            served.config
        ));
        let counted = served.ledger("").requests.iter().filter(|entry| entry.request.is_some()).count();
        fs::remove_file(desk.path("disk/ballast")).unwrap();
        if ran.code == Some(0) {
            continue;
        }
        ran.expect_error(2, "ER4008");
        assert!(counted <= intents(&store), "{room}: sent without a record");
        if Reader::open(&store).is_ok_and(|reader| !reader.runs().unwrap().is_empty()) {
            stopped += 1;
            desk.run(&format!("resume latest --config {} --store {name}", served.config)).expect(0);
            assert_eq!(served.effects()["payments"].len(), 1, "{room}");
        } else {
            refused += 1;
            desk.run(&format!(
                "run refund/refund.eczflow --config {} --input ticket_id=T1 --store {name}",
                served.config
            ))
            .expect(0);
        }
        desk.run(&format!("audit export latest --store {name} -o disk{room}.audit")).expect(0);
        assert!(desk.run(&format!("audit verify disk{room}.audit")).expect(0).stdout.contains("legal: yes"));
    }
    assert!(stopped > 0 && refused > 0, "{stopped} stopped, {refused} refused");
}

#[test]
fn a_store_that_cannot_be_written_is_named_and_still_read() {
    let desk = Desk::new();
    let run = |desk: &Desk, store: &str| {
        desk.run(&format!("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store {store}"))
    };
    fs::write(desk.path("file"), "text").unwrap();
    run(&desk, "file").expect_error(2, "ER4015");
    run(&desk, "file/store").expect_error(2, "ER4015");
    assert_eq!(fs::read(desk.path("file")).unwrap(), b"text");

    // Not ours: read by nobody else, and told so.
    run(&desk, "store").expect(0);
    let as_other = |words: &str| {
        let mut command = desk.command(words);
        if is_root() {
            fs::set_permissions(desk.path(""), fs::Permissions::from_mode(0o755)).unwrap();
            command.uid(65_534).gid(65_534);
        } else {
            fs::set_permissions(desk.path("store"), fs::Permissions::from_mode(0o000)).unwrap();
        }
        Ended::from(command.output().unwrap())
    };
    if as_other("--version").code == Some(0) {
        as_other("runs --store store").expect_error(2, "ER4004");
        as_other("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store store")
            .expect_error(2, "ER4004");
        as_other("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store other")
            .expect_error(2, "ER4014");
    }
    fs::set_permissions(desk.path("store"), fs::Permissions::from_mode(0o700)).unwrap();

    let Some(disk) = Disk::mount(&desk.path("disk"), 4096) else { return };
    run(&desk, "disk/store").expect(0);
    let before = image(&desk.path("disk/store"));
    assert!(disk.call("mount", &["-o", "remount,ro"]));
    run(&desk, "disk/store").expect_error(2, "ER4014");
    run(&desk, "disk/another").expect_error(2, "ER4014");
    assert!(desk.run("runs --store disk/store").expect(0).stdout.contains("refund"));
    desk.run("audit export latest --store disk/store -o ro.audit").expect(0);
    desk.run("audit verify ro.audit").expect(0);
    assert!(disk.call("mount", &["-o", "remount,rw"]));
    assert_eq!(image(&desk.path("disk/store")), before);
    run(&desk, "disk/store").expect(0);
}

#[test]
fn two_runs_do_not_share_a_store_and_a_killed_one_frees_it() {
    let desk = Desk::new();
    let served = desk.sandbox("--folder served --hold 2");
    let words =
        format!("run refund/refund.eczflow --config {} --input ticket_id=T1 --store store", served.config);
    let mut first = desk.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    served.ledger("?requests=2");
    let second = desk.run(&words).expect(2);
    assert!(second.stderr.contains(&format!("in use by process {}", first.id())), "{}", second.stderr);
    second.expect_error(2, "ER4001");
    // It only reads, and works beside the writer.
    desk.run("runs --store store").expect(0);
    first.kill().unwrap();
    first.wait().unwrap();
    desk.run(&format!("resume latest --config {} --store store", served.config)).expect(0);
    // Ended by itself, it frees the store as well.
    desk.run(&words).expect(0);
    desk.run("audit export latest --store store -o out.audit").expect(0);
    desk.run("audit verify out.audit").expect(0);
}

#[test]
fn a_store_of_a_newer_version_is_left_as_it_is() {
    let desk = Desk::new();
    desk.run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store store").expect(0);
    let database = desk.path("store/journal.sqlite");
    let mut bytes = fs::read(&database).unwrap();
    // SQLite's user version, big-endian.
    bytes[60..64].copy_from_slice(&2_u32.to_be_bytes());
    fs::write(&database, &bytes).unwrap();
    fs::remove_dir_all(desk.path("store/sandbox")).unwrap();
    let before = image(&desk.path("store"));
    desk.run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store store")
        .expect_error(2, "ER4002");
    assert_eq!(image(&desk.path("store")), before);
    for words in ["runs --store store", "audit export latest --store store -o out.audit"] {
        desk.run(words).expect_error(2, "ER4002");
        assert_eq!(fs::read(&database).unwrap(), bytes);
    }
}

/// One page after the other is overwritten, and the file is cut off: either the store says that it is damaged, or what it
/// gives out is what was signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_gives_out_nothing_that_was_not_signed() {
    let stage = Stage::new(flows::refund(), Faults::default()).await;
    let run = stage.run(t1()).await;
    let whole = stage.bundle(&run);
    let (folder, key) = (stage.store_folder(), stage.store.log_key());
    let bytes = {
        let copy = tempfile::tempdir().unwrap();
        for name in ["journal.sqlite", "journal.sqlite-wal", "log.key"] {
            fs::copy(folder.join(name), copy.path().join(name)).unwrap();
        }
        // Opened and closed: the write-ahead log goes into the database.
        drop(SqliteStore::open(copy.path(), &LogKey::InStore, &OsRandom).unwrap());
        [
            fs::read(copy.path().join("journal.sqlite")).unwrap(),
            fs::read(copy.path().join("log.key")).unwrap(),
        ]
    };
    let (mut named, mut unharmed) = (0, 0);
    let page = 4096;
    let pages = bytes[0].len() / page;
    assert!(pages > 8);
    let spoils = (0..pages).flat_map(|number| [(number, Some(0)), (number, Some(0x5a)), (number, None)]);
    for (number, spoil) in spoils {
        let copy = tempfile::tempdir().unwrap();
        let mut spoilt = bytes[0].clone();
        match spoil {
            Some(byte) => spoilt[number * page + 40..(number + 1) * page].fill(byte),
            None => spoilt.truncate(number * page + 100),
        }
        fs::write(copy.path().join("journal.sqlite"), &spoilt).unwrap();
        fs::write(copy.path().join("log.key"), &bytes[1]).unwrap();
        fs::set_permissions(copy.path().join("log.key"), fs::Permissions::from_mode(0o600)).unwrap();
        let export = |store: &SqliteStore| -> Result<Export, StoreError> {
            store.load(&run.run)?;
            store.export(&run.run)
        };
        let opened = SqliteStore::open(copy.path(), &LogKey::InStore, &OsRandom);
        match opened.and_then(|store| export(&store)) {
            Err(error) => {
                assert!(
                    ["ER4003", "ER4007", "ER4010"].contains(&error.code()),
                    "{number} {spoil:?}: {error}"
                );
                assert!(error.help().is_some());
                named += 1;
            }
            Ok(export) => {
                let mut bundle = Vec::new();
                write_bundle(&export, Disclosure::Full, &mut bundle).unwrap();
                assert_eq!(bundle, whole, "{number} {spoil:?}");
                assert!(!verify(&mut bundle.as_slice(), Trust::Key(&key)).failed(true));
                unharmed += 1;
            }
        }
    }
    assert!(named > pages && unharmed < named, "{named} named, {unharmed} unharmed, of {pages} pages");
}

/// A store whose n-th commit fails, before or after it reached the disk, and which accepts nothing more.
pub(crate) struct Failing {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) left: AtomicUsize,
    /// The failing commit is kept all the same: only its answer is lost.
    pub(crate) kept: bool,
}

impl Store for Failing {
    fn append(&self, batch: Batch) -> Pending {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(1) => {
                if self.kept {
                    let _ = self.store.append(batch).wait().unwrap();
                }
                Pending::failed(StoreError::Write("the disk is gone".into()))
            }
            Ok(0) | Err(_) => Pending::failed(StoreError::Stopped("the disk is gone".into())),
            Ok(_) => self.store.append(batch),
        }
    }

    fn cover(&self, run: &str, time: Timestamp) -> Pending {
        self.store.cover(run, time)
    }

    fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.store.runs()
    }

    fn run(&self, run: &str) -> Result<RunSummary, StoreError> {
        self.store.run(run)
    }

    fn load(&self, run: &str) -> Result<Vec<Entry>, StoreError> {
        self.store.load(run)
    }

    fn plan(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        self.store.plan(digest)
    }

    fn export(&self, run: &str) -> Result<Export, StoreError> {
        self.store.export(run)
    }

    fn log_key(&self) -> VerifierKey {
        self.store.log_key()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_commit_fails_nothing_is_sent_after_it_and_the_run_goes_on() {
    for kept in [false, true] {
        for n in 1.. {
            let mut stage = Stage::new(flows::refund(), Faults::default()).await;
            let store = stage.store.clone();
            stage.behind(Arc::new(Failing { store: store.clone(), left: AtomicUsize::new(n), kept }));
            let Json::Object(inputs) = t1() else { unreachable!() };
            let Err(error) = stage.try_run(inputs).await else {
                assert!(n > 6, "the run has {n} commits");
                break;
            };
            assert_eq!(error.code(), "ER4009", "{n}");
            let sent =
                || stage.ledger().report().requests.iter().filter(|entry| entry.request.is_some()).count();
            let runs = store.runs().unwrap();
            let entries = runs.iter().flat_map(|run| store.load(&run.run).unwrap());
            let intended = entries.filter(|entry| entry.record.kind == Kind::AttemptIntended).count();
            let before = sent();
            assert!(before <= intended, "{n}: {before} sent, {intended} intended");
            let Some(run) = runs.first() else {
                assert!(n == 1 && !kept && before == 0);
                continue;
            };
            let requests = sent();
            stage.behind(store);
            assert_eq!(requests, before, "{n}: sent after the store stopped");
            let (_keep, go) = watch::channel(false);
            match stage.host.resume(stage.plan.clone(), &run.run, go).await {
                Ok(report) => {
                    assert_eq!(report.phase, Phase::Finished(Status::Succeeded), "{n}: {:?}", report.failure);
                    stage.audit(&report);
                }
                // Only the answer to the very last record was lost.
                Err(error) => assert!(kept && error.code() == "ER3003", "{n}: {error}"),
            }
            assert_eq!((stage.effects("payments").len(), stage.effects("warehouse").len()), (1, 2), "{n}");
        }
    }
}

/// The system's clock, set back by hand.
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_between_pause_and_resume_turns_no_record_back() {
    let clock = Arc::new(Set(AtomicI64::new(0)));
    let stage = Stage::at(flows::refund(), Faults::default(), |_| {}, clock.clone(), Arc::new(Silent)).await;
    let (pause, asked) = watch::channel(true);
    let Json::Object(inputs) = t1() else { unreachable!() };
    let run = stage.host.run(stage.plan.clone(), inputs, asked).await.unwrap();
    assert_eq!(run.phase, Phase::Paused(PauseCause::Asked));
    drop(pause);
    clock.0.store(-45_000, Ordering::SeqCst);
    let (_keep, go) = watch::channel(false);
    let run = stage.host.resume(stage.plan.clone(), &run.run, go).await.unwrap();
    assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
    assert!(stage.entries(&run).is_sorted_by_key(|entry| entry.record.time));
    stage.audit(&run);
}

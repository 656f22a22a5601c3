//! Whole runs: compiler, host, store and sandbox over real HTTPS on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use camino::Utf8Path;
use eczflow::audit::{Export, Kind, Record, VerifierKey};
use eczflow::base::{Clock, Digest, SystemClock, Timestamp};
use eczflow::engine::{Event, FailureClass, Phase, Status};
use eczflow::host::Observer;
use eczflow::sandbox::{Faults, Ledger};
use eczflow::source::FileSystem as _;
use eczflow::store::{Batch, Entry, Pending, RunSummary, SqliteStore, Store, StoreError};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::flows;
use crate::stage::{Stage, t1};

fn faults(fault: &str) -> Faults {
    Faults { answers: vec![fault.parse().unwrap()], ..Faults::default() }
}

fn kinds(entries: &[Entry], node: &str) -> Vec<Kind> {
    entries
        .iter()
        .filter(|entry| entry.record.node.as_deref() == Some(node))
        .map(|entry| entry.record.kind)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refund_example_runs_and_its_audit_verifies() {
    let stage = Stage::new(flows::refund(), Faults::default()).await;
    let run = stage.run(t1()).await;
    assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
    assert!(run.outputs["refund_id"].is_string(), "{}", run.outputs);
    stage.audit(&run);
    assert_eq!((stage.effects("warehouse").len(), stage.effects("payments").len()), (2, 1));
    // The servers' ledger and the log agree: one request an attempt, the same nonces.
    let report = stage.ledger().report();
    let served: Vec<String> = report
        .requests
        .iter()
        .filter(|entry| entry.request.is_some())
        .filter_map(|entry| entry.nonce.clone())
        .collect();
    let mut sent: Vec<String> = stage
        .entries(&run)
        .iter()
        .filter_map(|entry| entry.payload.get("signature")?.value["nonce"].as_str().map(str::to_owned))
        .collect();
    let mut served = served;
    served.sort();
    sent.sort();
    assert_eq!(served, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_503_make_three_attempts_with_one_key_and_three_nonces() {
    let stage = Stage::new(flows::refund(), faults("payments.createRefund=503x2")).await;
    let run = stage.run(t1()).await;
    assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
    let entries = stage.entries(&run);
    let intents: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            entry.record.kind == Kind::AttemptIntended && entry.record.node.as_deref() == Some("refund")
        })
        .collect();
    let keys: BTreeSet<String> =
        intents.iter().map(|entry| entry.payload["request"].value["key"][1].to_string()).collect();
    assert_eq!((intents.len(), keys.len()), (3, 1));
    assert!(intents[0].record.previous_attempt.is_none() && intents[1].record.previous_attempt.is_some());
    let nonces: BTreeSet<String> = entries
        .iter()
        .filter(|entry| entry.record.node.as_deref() == Some("refund"))
        .filter_map(|entry| entry.payload.get("signature").map(|item| item.value["nonce"].to_string()))
        .collect();
    assert_eq!(nonces.len(), 3);
    assert_eq!(stage.effects("payments").len(), 1);
    stage.audit(&run);
}

/// Payments receives not a byte, both returns are taken back, newest first.
async fn refused_at_payments(faults: Faults) {
    let stage = Stage::new(flows::refund(), faults).await;
    let run = stage.run(t1()).await;
    assert_eq!(run.phase, Phase::Finished(Status::Failed));
    assert_eq!(run.failure.as_ref().unwrap().class, FailureClass::Identity);
    let report = stage.ledger().report();
    assert_eq!((report.servers["payments"].bytes, report.servers["payments"].connections), (0, 0));
    // Newest completion first, by the log's own order of completions.
    let entries = stage.entries(&run);
    let done = |suffix: &str| -> Vec<String> {
        let answered = entries.iter().filter(|entry| entry.record.kind == Kind::AttemptAnswered);
        answered
            .filter_map(|entry| entry.record.node.clone()?.strip_suffix(suffix).map(str::to_owned))
            .collect()
    };
    let mut completed = done(".moved");
    completed.reverse();
    assert_eq!(done(".moved/undo"), completed);
    let taken_back =
        stage.effects("warehouse").into_iter().filter(|path| path.ends_with("take-back")).count();
    assert_eq!((completed.len(), taken_back), (2, 2));
    stage.audit(&run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_passport_stops_its_step_and_undoes_the_rest() {
    let revoked = vec!["ECZ-GB-PAYM01::API-REFD01@refund".parse().unwrap()];
    refused_at_payments(Faults { revoked, ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drifted_document_stops_its_step_and_undoes_the_rest() {
    refused_at_payments(Faults { drifted: vec!["payments".to_owned()], ..Faults::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_ensure_touches_nobody() {
    let stage = Stage::new(flows::refund(), Faults::default()).await;
    let run = stage.run(json!({"ticket_id": "T1", "limit": 39})).await;
    assert_eq!(run.phase, Phase::Finished(Status::Failed));
    assert_eq!(run.failure.as_ref().unwrap().class, FailureClass::Rule);
    assert!(stage.ledger().report().effects.values().all(Vec::is_empty));
    stage.audit(&run);
}

/// A redirect is not followed, a closed kept-alive socket is not hidden: every request served is an attempt recorded.
#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_requests_equals_the_attempts() {
    for fault in [
        "payments.createRefund=303",
        "payments.createRefund=closex1",
        "warehouse.returnItem=resetx1",
        "support.getTicket=closex1",
    ] {
        let stage = Stage::new(flows::refund(), faults(fault)).await;
        let run = stage.run(t1()).await;
        let mut served: BTreeMap<String, usize> = BTreeMap::new();
        for entry in stage.ledger().report().requests.into_iter().filter(|entry| entry.request.is_some()) {
            *served.entry(entry.operation.unwrap()).or_default() += 1;
        }
        let mut attempts: BTreeMap<String, usize> = BTreeMap::new();
        for entry in stage.entries(&run).iter().filter(|entry| entry.record.kind == Kind::AttemptIntended) {
            *attempts.entry(entry.record.operation.clone().unwrap()).or_default() += 1;
        }
        assert_eq!(served, attempts, "{fault}");
        if fault.ends_with("303") {
            assert_eq!(run.phase, Phase::Paused(eczflow::engine::PauseCause::InDoubt));
        } else {
            assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{fault}: {:?}", run.failure);
        }
    }
}

/// A document whose `resolver_url` names another host stops the run before anything is asked, of that host least of all.
#[tokio::test(flavor = "multi_thread")]
async fn another_resolver_page_is_refused_and_never_fetched() {
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    let mut files = flows::refund_files(None);
    let path = "apis/payments.openapi.json";
    let document = String::from_utf8(files.read(Utf8Path::new(path), 1 << 20).unwrap()).unwrap();
    files.insert(path, document.replace("https://resolver.ecocitizenz.org/", "https://elsewhere.example/"));
    let stage = Stage::with(flows::compile(files), Faults::default(), |config| {
        config.origins.insert("https://elsewhere.example".into(), address);
    })
    .await;
    let Json::Object(inputs) = t1() else { unreachable!() };
    let error = stage.try_run(inputs).await.unwrap_err();
    assert_eq!(eczflow::base::Explained::code(&error), "ER6018");
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert!(stage.ledger().report().servers.values().all(|server| server.connections == 0));
    assert!(stage.store.runs().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_lets_attempts_end_and_a_resume_goes_on() {
    let stage = Stage::new(flows::refund(), Faults::default()).await;
    let (pause, asked) = watch::channel(true);
    let Json::Object(inputs) = t1() else { unreachable!() };
    let run = stage.host.run(stage.plan.clone(), inputs, asked).await.unwrap();
    assert_eq!(run.phase, Phase::Paused(eczflow::engine::PauseCause::Asked));
    drop(pause);
    let (_keep, go) = watch::channel(false);
    let again = stage.host.resume(stage.plan.clone(), &run.run, go.clone()).await.unwrap();
    assert_eq!(again.phase, Phase::Finished(Status::Succeeded));
    stage.audit(&again);
    let twice = stage.host.resume(stage.plan.clone(), &run.run, go).await.unwrap_err();
    assert_eq!(eczflow::base::Explained::code(&twice), "ER3003");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_step_has_one_record() {
    let stage = Stage::new(
        flows::refund_with("let go = ticket.amount > 0", "let go = ticket.amount > 100"),
        Faults::default(),
    )
    .await;
    let run = stage.run(t1()).await;
    assert_eq!(run.outputs, json!({"state": "declined"}));
    assert_eq!(kinds(&stage.entries(&run), "refund"), [Kind::StepSkipped]);
    stage.audit(&run);
}

/// The system's clock, moved by a number of milliseconds when the ticket is about to be asked for.
struct Jump {
    ahead: AtomicI64,
    by: i64,
}

impl Clock for Jump {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.ahead.load(Ordering::SeqCst))
    }
}

struct AtTicket(Arc<Jump>);

impl Observer for AtTicket {
    fn recorded(&self, record: &Record, _event: &Event) {
        if record.kind == Kind::AttemptIntended && record.node.as_deref() == Some("ticket") {
            self.0.ahead.fetch_add(self.0.by, Ordering::SeqCst);
        }
    }
}

/// Every verdict grows too old at once, and the steps of a loop ask again at the same time; or the clock is set back. The
/// run goes on, its times don't go back, and its log is legal.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_neither_ends_a_run_nor_breaks_its_log() {
    for (start, by) in [(-50_000, 61_000), (0, -20_000)] {
        for _ in 0..3 {
            let clock = Arc::new(Jump { ahead: AtomicI64::new(start), by });
            let observer = Arc::new(AtTicket(clock.clone()));
            let stage = Stage::at(flows::refund(), Faults::default(), |_| {}, clock, observer).await;
            let run = stage.run(t1()).await;
            assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{by}: {:?}", run.failure);
            assert!(stage.entries(&run).is_sorted_by_key(|entry| entry.record.time));
            stage.audit(&run);
        }
    }
}

/// A store that takes its time: others run while it writes, and it counts the requests that reached a counterparty
/// before their intent was durable.
struct Slow {
    store: Arc<SqliteStore>,
    ledger: Ledger,
    intended: Arc<AtomicUsize>,
    early: Arc<AtomicUsize>,
}

impl Store for Slow {
    fn append(&self, batch: Batch) -> Pending {
        let intents = batch.entries.iter().filter(|entry| entry.record.kind == Kind::AttemptIntended).count();
        let sent = || self.ledger.report().requests.iter().filter(|entry| entry.request.is_some()).count();
        let before = self.intended.fetch_add(intents, Ordering::SeqCst);
        // Whatever was spawned too early has its chance now.
        tokio::task::block_in_place(|| {
            let until = SystemClock.now().plus(if intents == 0 { 0 } else { 40 });
            while SystemClock.now() < until && sent() <= before {
                std::thread::yield_now();
            }
        });
        self.early.fetch_max(sent().saturating_sub(before), Ordering::SeqCst);
        self.store.append(batch)
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
async fn nothing_is_sent_before_its_intent_is_durable() {
    let mut stage = Stage::new(flows::refund(), faults("payments.createRefund=503x1")).await;
    let (intended, early) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let slow = Slow {
        store: stage.store.clone(),
        ledger: stage.ledger().clone(),
        intended: intended.clone(),
        early: early.clone(),
    };
    stage.behind(Arc::new(slow));
    let run = stage.run(t1()).await;
    assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
    assert_eq!((intended.load(Ordering::SeqCst), early.load(Ordering::SeqCst)), (5, 0));
}

//! Running generated flows against servers on loopback: time of a step over that of a bare request to the same server.
//! See `docs/performance.md`.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures this process's own time")]

mod timing;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use eczflow::base::{OsRandom, SystemClock};
use eczflow::compile::Session;
use eczflow::config::NoEnvironment;
use eczflow::engine::{Phase, Status};
use eczflow::host::{Host, Parts, Silent};
use eczflow::plan::{Plan, Verified};
use eczflow::sandbox::{Options, Sandbox};
use eczflow::source::MemoryFiles;
use eczflow::store::{LogKey, MemoryStore, SqliteStore, Store};
use serde_json::{Map, Value as Json, json};
use timing::fastest;
use tokio::sync::watch;

/// Steps of the chain.
const STEPS: usize = 200;
/// Items of the loop; 40 of them at once.
const ITEMS: [usize; 4] = [100, 300, 1_000, 3_000];
const REPETITIONS: usize = 9;
const ORIGIN: &str = "https://warehouse.example";
const STOCK: &str = "/stock/KETTLE-1";

type Failed = Box<dyn Error>;

fn compile(body: &str) -> Result<Verified<Plan>, Failed> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/refund/apis");
    let path = Utf8Path::new("generated.eczflow");
    let mut files = MemoryFiles::default();
    files.insert("apis/warehouse.openapi.yaml", std::fs::read(root.join("warehouse.openapi.yaml"))?);
    let text = format!(
        "eczflow 1\nuse std.handoff.{{ strict }}\n\
         operator acme {{ passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }}\n\
         api warehouse = openapi(\"apis/warehouse.openapi.yaml\")\n\
         flow generated(skus: [string]) -> {{ sku: string }} {{\n  as acme.agent\n  handoff strict\n{body}\n}}\n"
    );
    files.insert(path, text);
    let pinned = Session::new(&files).pin(path)?;
    files.insert(path, pinned.text);
    files.insert(pinned.lock_path, pinned.lock);
    let compilation = Session::new(&files).compile(path, None)?;
    let why = compilation.diagnostics.first().map(|finding| finding.message.clone());
    Ok(compilation.plan.ok_or_else(|| format!("no plan: {why:?}"))?)
}

fn chain() -> String {
    let mut body = "  step s0 = warehouse.getStock(sku: skus[0])\n".to_owned();
    for at in 1..STEPS {
        let _ = writeln!(body, "  step s{at} = warehouse.getStock(sku: s{}.sku)", at - 1);
    }
    let _ = write!(body, "  return {{ sku: s{}.sku }}", STEPS - 1);
    body
}

const LOOP: &str = "  let seen = for sku in skus at most 10000 parallel 40 {\n    \
     step stock = warehouse.getStock(sku: sku)\n    yield stock.sku\n  }\n  \
     return { sku: seen[0] }";

/// A sandbox, and a way to run a plan in it over a store.
struct Bench {
    plan: Arc<Verified<Plan>>,
    sandbox: Sandbox,
}

impl Bench {
    async fn start(body: &str, folder: &Utf8Path) -> Result<Bench, Failed> {
        let plan = compile(body)?;
        let options = Options { accept_unsigned: true, ..Options::default() };
        let sandbox = Sandbox::start(&plan, options, folder).await?;
        Ok(Bench { plan: Arc::new(plan), sandbox })
    }

    /// Seconds of one run.
    async fn run(&self, store: Arc<dyn Store>, skus: usize) -> Result<f64, Failed> {
        let host = Host::new(Parts {
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            store,
            config: Arc::new(self.sandbox.config().clone()),
            environment: Arc::new(NoEnvironment),
            observer: Arc::new(Silent),
        })?;
        let (_keep, pause) = watch::channel(false);
        let skus: Vec<Json> = (0..skus).map(|_| json!("KETTLE-1")).collect();
        let inputs = Map::from_iter([("skus".to_owned(), Json::Array(skus))]);
        let begin = Instant::now();
        let report = host.run(self.plan.clone(), inputs, pause).await?;
        let elapsed = begin.elapsed().as_secs_f64();
        if report.phase != Phase::Finished(Status::Succeeded) {
            return Err(format!("the run did not succeed: {:?}", report.failure).into());
        }
        Ok(elapsed)
    }

    /// Seconds of so many bare requests, one after another on one connection.
    async fn bare(&self, requests: usize) -> Result<f64, Failed> {
        let authority = std::fs::read(self.sandbox.ca_path())?;
        let address = *self.sandbox.origins().get(ORIGIN).ok_or("no such origin")?;
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&authority)?])
            .resolve("warehouse.example", address)
            .no_proxy()
            .build()?;
        let url = format!("{ORIGIN}{STOCK}");
        let begin = Instant::now();
        for _ in 0..requests {
            let answer = client.get(&url).header("accept", "application/json").send().await?;
            if !answer.status().is_success() {
                return Err(format!("the bare request was answered {}", answer.status()).into());
            }
            let _ = answer.bytes().await?;
        }
        Ok(begin.elapsed().as_secs_f64())
    }
}

fn sqlite(folder: &Utf8Path) -> Result<Arc<dyn Store>, Failed> {
    Ok(Arc::new(SqliteStore::open(folder.as_std_path(), &LogKey::InStore, &OsRandom)?))
}

fn main() -> Result<(), Failed> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Beside the build's output: a real disk, where the folder for temporary files may be memory.
    let root = Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-run");
    if root.exists() {
        std::fs::remove_dir_all(&root)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut out = std::io::stdout().lock();
    runtime.block_on(async {
        let bench = Bench::start(&chain(), &root.join("chain")).await?;
        let (mut bare, mut memory, mut disk) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..REPETITIONS {
            bare.push(bench.bare(STEPS).await?);
            memory.push(bench.run(Arc::new(MemoryStore::new(&OsRandom)), 1).await?);
            disk.push(bench.run(sqlite(&root.join(format!("store-{round}")))?, 1).await?);
        }
        let unit = fastest(&bare);
        writeln!(out, "a step of a chain of {STEPS}, over a bare request to the same server")?;
        writeln!(out, "{:8}{:>8.1}", "memory", fastest(&memory) / unit)?;
        writeln!(out, "{:8}{:>8.1}", "sqlite", fastest(&disk) / unit)?;

        let bench = Bench::start(LOOP, &root.join("loop")).await?;
        let mut times = vec![Vec::new(); ITEMS.len()];
        for _ in 0..REPETITIONS {
            for (items, times) in ITEMS.iter().zip(&mut times) {
                let store = Arc::new(MemoryStore::new(&OsRandom));
                times.push(bench.run(store, *items).await? / *items as f64);
            }
        }
        let best: Vec<f64> = times.iter().map(|times| fastest(times)).collect();
        let unit = best.first().copied().unwrap_or(1.0);
        writeln!(
            out,
            "an iteration of a loop, 40 at once, memory journal, over that of {} items",
            ITEMS.first().copied().unwrap_or_default()
        )?;
        for (items, time) in ITEMS.iter().zip(&best) {
            writeln!(out, "{items:<8}{:>8.2}", time / unit)?;
        }
        Ok(())
    })
}

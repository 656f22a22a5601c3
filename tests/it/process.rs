//! The binary as a user meets it: real processes, real kills, exit codes and messages.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use eczflow::audit::{Checkpoint, VerifierKey};
use eczflow::base::{Digest, Ed25519Key, OsRandom, Signer as _, canonical_json, limits};
use eczflow::sandbox::Report;
use eczflow::store::Reader;
use serde_json::Value as Json;

/// A folder with a copy of the examples and a configuration home of its own.
pub(super) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    pub(super) fn new() -> Desk {
        Desk::with("refund")
    }

    /// With a copy of another example.
    pub(super) fn with(example: &str) -> Desk {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        copy(&examples.join(example), &desk.path(example));
        desk
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eczflow"));
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("NO_COLOR", "1");
        command
    }

    pub(super) fn run(&self, words: &str) -> Ended {
        Ended::from(self.command(words).output().unwrap())
    }

    /// `eczflow sandbox`, kept running until dropped.
    pub(super) fn sandbox(&self, more: &str) -> Served {
        self.sandbox_of("refund/refund.eczflow", more)
    }

    pub(super) fn sandbox_of(&self, flow: &str, more: &str) -> Served {
        let mut child = self
            .command(&format!("sandbox {flow} --json {more}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Json = serde_json::from_str(&line).unwrap();
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        Served {
            child,
            config: text("config"),
            control: text("control").trim_start_matches("http://").trim_end_matches("/ledger").to_owned(),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A finished command.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    #[track_caller]
    pub(super) fn expect(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The failure names its code and says what to do.
    #[track_caller]
    pub(super) fn expect_error(self, exit: i32, code: &str) {
        let ended = self.expect(exit);
        assert!(ended.stderr.contains(code), "{code} in: {}", ended.stderr);
        assert!(ended.stderr.contains("help:"), "no help in: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }

    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{} {}", self.stdout, self.stderr))
    }
}

pub(super) struct Served {
    child: Child,
    pub(super) config: String,
    control: String,
}

impl Served {
    pub(super) fn ledger(&self, query: &str) -> Report {
        let mut stream = TcpStream::connect(&self.control).unwrap();
        write!(stream, "GET /ledger{query} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.control)
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    pub(super) fn effects(&self) -> BTreeMap<String, Vec<String>> {
        let effects = self.ledger("").effects.into_iter();
        effects
            .map(|(api, effects)| {
                let mut paths: Vec<String> = effects.into_iter().map(|effect| effect.path).collect();
                paths.sort();
                (api, paths)
            })
            .collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each node's kinds of records, in order.
fn kinds(store: &Path) -> BTreeMap<String, Vec<&'static str>> {
    let reader = Reader::open(store).unwrap();
    let run = reader.runs().unwrap().pop().unwrap();
    let mut kinds: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for entry in reader.load(&run.run).unwrap() {
        kinds.entry(entry.record.node.unwrap_or_default()).or_default().push(entry.record.kind.as_str());
    }
    kinds
}

/// A bundle whose checkpoint another key has signed, under that key's own name.
fn resigned(bundle: &Path) -> String {
    let text = std::fs::read_to_string(bundle).unwrap();
    let mut lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let key = Ed25519Key::generate(&OsRandom);
    let log = VerifierKey::of_log(key.public_key());
    let checkpoint = lines.last().unwrap()["checkpoint"].as_str().unwrap();
    let (body, _) = checkpoint.split_once("\n\n").unwrap();
    let old = Checkpoint::read(&format!("{body}\n")).unwrap();
    let new = Checkpoint { origin: log.name().to_owned(), ..old }.sign(&key).unwrap();
    lines[0]["log"] = log.to_string().into();
    let mut trailer = lines.pop().unwrap();
    let earlier: String = lines.iter().map(|line| canonical_json(line).unwrap() + "\n").collect();
    trailer["checkpoint"] = new.into();
    trailer["digest"] = Digest::of(&earlier).to_string().into();
    format!("{earlier}{}\n", canonical_json(&trailer).unwrap())
}

#[test]
fn the_main_job_runs_and_its_audit_is_verified() {
    let desk = Desk::new();
    let ran =
        desk.run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store store --json").expect(0);
    let said = ran.json();
    let root = said["audit_root"].as_str().unwrap();
    assert!(root.len() == 64 && root.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(said["outputs"]["refund_id"], "R1");
    let run = said["run_id"].as_str().unwrap();
    assert_eq!(desk.run(&format!("audit root {run} --store store")).expect(0).stdout.trim(), root);
    desk.run(&format!("audit export {run} -o out.audit --store store")).expect(0);
    assert_eq!(desk.path("out.audit").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let verified = desk.run("audit verify out.audit").expect(0);
    for line in ["whole: yes", "whose:", "complete: yes", "legal: yes", "environment: sandbox", root] {
        assert!(verified.stdout.contains(line), "{line} in {}", verified.stdout);
    }
    // Nobody relies on what ran in a sandbox: its key is entered nowhere, and the answer says what it is.
    let key =
        |store: &str| desk.run(&format!("audit key --store {store}")).expect(0).stdout.trim().to_owned();
    let told = format!(
        "whose: not answered: the log of a sandbox, which nobody relies on, {}\ncomplete",
        key("store")
    );
    assert!(verified.stdout.contains(&told), "{}", verified.stdout);
    assert!(!desk.path("config/eczflow/trusted-logs").exists());

    let mut bytes = std::fs::read(desk.path("out.audit")).unwrap();
    bytes[1_000] ^= 1;
    std::fs::write(desk.path("bad.audit"), bytes).unwrap();
    desk.run("audit verify bad.audit").expect(5);
    desk.run("audit verify nothing-there.audit").expect(5);
    // Another log's key.
    let other = desk
        .run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store other --json")
        .expect(0)
        .json();
    let other = other["run_id"].as_str().unwrap().to_owned();
    desk.run(&format!("audit export {other} -o other.audit --store other")).expect(0);
    let keys = [key("store"), key("other")];
    desk.run(&format!("audit verify out.audit --log-key {}", keys[0])).expect(0);
    desk.run(&format!("audit verify out.audit --log-key {}", keys[1])).expect(5);
    // Signed again by somebody else, with everything that hangs on the key made anew.
    std::fs::write(desk.path("resigned.audit"), resigned(&desk.path("out.audit"))).unwrap();
    desk.run(&format!("audit verify resigned.audit --log-key {}", keys[0])).expect(5);
    let stranger = desk.run("audit verify resigned.audit").expect(0).stdout;
    assert!(stranger.contains("whole: yes") && stranger.contains("the log of a sandbox"), "{stranger}");
    assert!(desk.run("audit verify out.audit --strict").expect(5).stdout.contains("failed: with `--strict`"));
    // Whoever trusts it all the same is reminded.
    std::fs::create_dir_all(desk.path("config/eczflow")).unwrap();
    std::fs::write(desk.path("config/eczflow/trusted-logs"), format!("{}  # ours\n", keys[0])).unwrap();
    let trusted = desk.run("audit verify out.audit --strict").expect(0).stdout;
    assert!(trusted.contains("whose: a log you trust: ours; of a run in a sandbox"), "{trusted}");
    desk.run("audit verify resigned.audit --strict").expect(5);
}

/// The key of a store is entered among the logs that its user trusts when its first run has begun, and can be handed over.
#[test]
fn a_log_is_known_by_its_key() {
    let desk = Desk::new();
    let served = desk.sandbox("");
    let config = std::fs::read_to_string(desk.path(&served.config)).unwrap();
    let own = config.replace("name = \"sandbox\"", "name = \"staging\"");
    assert_ne!(own, config);
    std::fs::write(desk.path("own.toml"), &own).unwrap();
    let agent = own.find("[agent").unwrap();
    let next = own[agent + 1..].find("\n[").map_or(own.len(), |at| agent + 1 + at);
    std::fs::write(desk.path("keyless.toml"), format!("{}{}", &own[..agent], &own[next..])).unwrap();
    let run = |config: &str| {
        desk.run(&format!(
            "run refund/refund.eczflow --config {config} --input ticket_id=T1 --store own --json"
        ))
    };
    // What never began has no log to know.
    run("keyless.toml").expect_error(2, "ER1017");
    assert!(!desk.path("trusted-logs").exists());
    let key = desk.run("audit key --store own").expect(0).stdout;
    let begun = run("own.toml").expect(0).json();
    let trusted = std::fs::read_to_string(desk.path("trusted-logs")).unwrap();
    assert!(trusted.starts_with(key.trim()) && trusted.lines().count() == 1, "{trusted}");
    let run = begun["run_id"].as_str().unwrap();
    let told = desk.run(&format!("audit export {run} --sealed -o out.audit --store own")).expect(0).stderr;
    assert!(told.contains("`eczflow audit key`"), "{told}");
    let answers = desk.run("audit verify out.audit --config own.toml --strict").expect(0).stdout;
    assert!(answers.contains("whose: a log you trust: store "), "{answers}");
    // Somebody else does not know it, is told what to do, and does it.
    let answers = desk.run("audit verify out.audit").expect(0).stdout;
    assert!(answers.contains(&format!("unknown log {}\n  next: ask", key.trim())), "{answers}");
    assert!(answers.contains("config/eczflow/trusted-logs`\n"), "{answers}");
    desk.run(&format!("audit verify out.audit --log-key {}", key.trim())).expect(0);
}

/// The process is killed when the counterparties have seen their n-th request, for every n; the resumed run ends as the
/// undisturbed one did, for its caller and for everybody it called.
#[test]
fn a_kill_at_every_request_changes_nothing_for_anybody() {
    let desk = Desk::new();
    let calm = desk.sandbox("--folder calm");
    let words = |served: &Served, store: &str| {
        format!(
            "run refund/refund.eczflow --config {} --input ticket_id=T1 --store {store} --json",
            served.config
        )
    };
    let whole = desk.run(&words(&calm, "calm-store")).expect(0).json();
    let requests = calm.ledger("").requests.iter().filter(|entry| entry.request.is_some()).count();
    assert_eq!(requests, 4, "a ticket, two returns, a refund");
    for n in 1..=requests {
        let served = desk.sandbox(&format!("--folder served-{n} --hold {n}"));
        let store = format!("store-{n}");
        let mut child = desk
            .command(&words(&served, &store))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        served.ledger(&format!("?requests={n}"));
        child.kill().unwrap();
        child.wait().unwrap();
        let listed = desk.run(&format!("runs --store {store}")).expect(0).stdout;
        assert!(listed.contains(" interrupted "), "{listed}");
        let run = listed.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
        let resumed = desk
            .run(&format!("resume {run} --config {} --store {store} --json", served.config))
            .expect(0)
            .json();
        assert_eq!(resumed["outputs"], whole["outputs"], "killed at request {n}");
        assert_eq!(served.effects(), calm.effects(), "killed at request {n}");
        desk.run(&format!("audit export {run} -o {n}.audit --store {store}")).expect(0);
        desk.run(&format!("audit verify {n}.audit")).expect(0);
    }
}

#[test]
fn a_run_against_a_served_sandbox_records_what_a_run_in_one_does() {
    let desk = Desk::new();
    desk.run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store inside").expect(0);
    let served = desk.sandbox("");
    desk.run(&format!(
        "run refund/refund.eczflow --config {} --input ticket_id=T1 --store outside",
        served.config
    ))
    .expect(0);
    assert_eq!(kinds(&desk.path("inside")), kinds(&desk.path("outside")));
}

#[test]
fn the_faults_of_the_sandbox_end_as_they_should() {
    let desk = Desk::new();
    let run = |more: &str| {
        desk.run(&format!("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store store {more}"))
    };
    run("--fault payments.createRefund=503x2").expect(0);
    run("--revoke ECZ-GB-PAYM01::API-REFD01@refund").expect(3);
    run("--drift payments").expect(3);
    run("--input limit=1").expect(3);
    run("--fault payments.createRefund=303").expect(4);
    run("--fault payments.createRefund=400 --fault warehouse.takeBackItem=409").expect(4);
    desk.run("runs --store store").expect(0);
    // With the names of the sandbox, but not of this flow.
    run("--fault payments.createRefnd=503").expect_error(2, "ER3907");
    run("--drift payment").expect_error(2, "ER3906");
    run("--revoke ECZ-GB-SUPP01").expect_error(2, "ER3908");
    // Its verdict was asked for at the start: what comes too late is said.
    let late = run("--revoke ECZ-GB-WARE01::API-RETN01@refund");
    assert!(late.stderr.contains("API-RETN01@refund` never came into force"), "{}", late.stderr);
    let met = run("--revoke ECZ-GB-PAYM01::API-REFD01@refund");
    assert!(!met.stderr.contains("never came into force"), "{}", met.stderr);
}

#[test]
fn a_plan_runs_beside_its_documents_and_elsewhere_only_when_allowed() {
    let desk = Desk::new();
    desk.run("compile refund/refund.eczflow -o refund/refund.plan.json").expect(0);
    let first = std::fs::read(desk.path("refund/refund.plan.json")).unwrap();
    desk.run("compile refund/refund.eczflow -o refund/refund.plan.json").expect(0);
    assert_eq!(first, std::fs::read(desk.path("refund/refund.plan.json")).unwrap());
    let served = desk.sandbox("");
    let run = |plan: &str, more: &str| {
        desk.run(&format!("run {plan} --config {} --input ticket_id=T1 --store store {more}", served.config))
    };
    run("refund/refund.plan.json", "").expect(0);
    std::fs::write(desk.path("alone.plan.json"), &first).unwrap();
    let ended = run("alone.plan.json", "").expect(2);
    assert!(ended.stderr.contains("--allow-detached"), "{}", ended.stderr);
    run("alone.plan.json", "--allow-detached").expect(0);
    let edited = String::from_utf8(first).unwrap().replace("\"attempts\":8", "\"attempts\":9");
    std::fs::write(desk.path("refund/edited.plan.json"), edited).unwrap();
    run("refund/edited.plan.json", "").expect_error(2, "ER2");
}

#[test]
fn what_goes_wrong_says_so_and_what_to_do() {
    let desk = Desk::new();
    let served = desk.sandbox("");
    let config = std::fs::read_to_string(&served.config).unwrap();
    let with = |name: &str, text: &str| {
        std::fs::write(desk.path(name), text).unwrap();
        desk.run(&format!(
            "run refund/refund.eczflow --config {name} --input ticket_id=T1 --store {name}.store"
        ))
    };
    desk.run("run nothing.eczflow --sandbox").expect_error(2, "ER1001");
    desk.run("run refund/refund.eczflow --sandbox --input ticket=T1").expect_error(2, "ER");
    desk.run("run refund/refund.eczflow --sandbox").expect_error(2, "ER");
    desk.run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --input limit=much")
        .expect_error(2, "ER");
    desk.run("resume abc --store nowhere").expect_error(2, "ER4013");
    // Without a configuration there is no key for the agent.
    desk.run("run refund/refund.eczflow --input ticket_id=T1 --store empty").expect_error(2, "ER10");
    // An unmapped secret ends the run before its first step.
    let unmapped = config.replace("[secrets.payments_token]", "[secrets.another_token]");
    assert_ne!(unmapped, config);
    with("unmapped.toml", &unmapped).expect_error(2, "ER10");
    assert!(served.ledger("").requests.is_empty());
    // A certificate of another authority: nothing is sent.
    let line = config.lines().find(|line| line.starts_with("ca")).unwrap();
    let other = desk.sandbox("--folder other-authority");
    let other_ca = std::fs::read_to_string(&other.config).unwrap();
    let other_line = other_ca.lines().find(|line| line.starts_with("ca")).unwrap();
    let ended = with("untrusted.toml", &config.replace(line, other_line)).expect(3);
    for told in ["the resolver is unavailable for", "certificate", "`ticket` failed", "help: "] {
        assert!(ended.stderr.contains(told), "{told} in {}", ended.stderr);
    }
    assert!(served.ledger("").requests.is_empty());
    // One callee answers with another's certificate, or not at all.
    let address = |origin: &str| {
        let begins = format!("\"{origin}\" = ");
        config.lines().find_map(|line| line.strip_prefix(&begins)).unwrap().to_owned()
    };
    let (support, payments) = (address("https://support.example"), address("https://payments.example"));
    let at = |address: &str| {
        let from = format!("\"https://support.example\" = {support}");
        config.replace(&from, &format!("\"https://support.example\" = {address}"))
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = at(&format!("\"{nobody}\"")).replace("private = [", &format!("private = [\"{nobody}\", "));
    for (name, text, says) in
        [("tls.toml", at(&payments), "TLS failed"), ("down.toml", down, "the connection was refused")]
    {
        let ended = with(name, &text).expect(3);
        for told in ["the resolver projects BOUND", says, "`ticket` failed", "help: "] {
            assert!(ended.stderr.contains(told), "{told} in {}", ended.stderr);
        }
    }
    assert!(served.ledger("").requests.iter().all(|entry| entry.request.is_none()), "no callee was reached");
    // The control address's port is held by the other sandbox; nothing is written.
    let port = served.control.rsplit_once(':').unwrap().1;
    desk.run(&format!("sandbox refund/refund.eczflow --folder late --port {port}")).expect_error(2, "ER3910");
    assert!(!desk.path("late").exists());
    // A store of a newer version, and one in use.
    desk.run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store held").expect(0);
    let lock = std::fs::OpenOptions::new().write(true).open(desk.path("held/lock")).unwrap();
    lock.lock().unwrap();
    let again = "run refund/refund.eczflow --sandbox --input ticket_id=T1 --store held";
    desk.run(again).expect_error(2, "ER4001");
    drop(lock);
    let database = rusqlite::Connection::open(desk.path("held/journal.sqlite")).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(database);
    for words in [again, "runs --store held", "audit root latest --store held"] {
        desk.run(words).expect_error(2, "ER4002");
    }
    // The callee is down, then the resolver too.
    let mut gone = desk.sandbox("--folder gone");
    let dead = std::fs::read_to_string(&gone.config).unwrap();
    gone.child.kill().unwrap();
    gone.child.wait().unwrap();
    let ended = with("dead.toml", &dead).expect(3);
    assert!(ended.stderr.contains("unavailable") && ended.stderr.contains("\nhelp: "), "{}", ended.stderr);
}

#[test]
fn an_unreadable_file_is_named() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("refund/folder.eczflow")).unwrap();
    desk.run("check refund/folder.eczflow").expect_error(2, "ER1001");
    let mut long = std::fs::File::create(desk.path("refund/long.eczflow")).unwrap();
    long.write_all(&vec![b' '; limits::FLOW_BYTES + 1]).unwrap();
    desk.run("check refund/long.eczflow").expect_error(2, "ER1002");
}

/// What this user may not read or write is told from what is not there. The superuser may everything: then the command
/// is run as nobody.
#[test]
fn what_is_not_permitted_is_named() {
    const NOBODY: u32 = 65_534;
    let desk = Desk::new();
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(desk.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let root = std::fs::metadata(desk.path("refund")).unwrap().uid() == 0;
    let run = |words: &str| {
        let mut command = desk.command(words);
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        Ended::from(command.output().unwrap())
    };
    desk.run("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store private").expect(0);
    std::fs::create_dir(desk.path("closed")).unwrap();
    std::fs::write(desk.path("flow.eczflow"), "eczflow 1\n").unwrap();
    for (name, bits) in [("", 0o755), ("closed", 0o555), ("flow.eczflow", 0o000), ("private", 0o000)] {
        mode(name, bits);
    }
    for (words, code) in [
        ("check flow.eczflow", "ER1001"),
        ("runs --store private", "ER4004"),
        ("run refund/refund.eczflow --sandbox --input ticket_id=T1 --store closed/store", "ER4014"),
        ("compile refund/refund.eczflow -o closed/plan.json", "ER1073"),
        ("sandbox refund/refund.eczflow --folder closed/served", "ER3903"),
        ("key new -o closed/agent.key", "ER1019"),
    ] {
        let ended = run(words);
        assert!(ended.stderr.contains("Permission denied"), "{words}: {}", ended.stderr);
        ended.expect_error(2, code);
    }
    mode("refund/apis/support.openapi.yaml", 0o000);
    let told = run("check refund/refund.eczflow").expect(1).stdout;
    assert!(told.contains("Permission denied") && told.contains("may not read it"), "{told}");
    mode("private", 0o700);
}

/// The page's own command, where this machine has curl.
#[test]
fn a_sandbox_is_looked_at_by_hand_as_its_page_says() {
    let page = include_str!("../../docs/sandbox.md");
    let command = page.split("```sh\n").nth(1).unwrap().split_once("```").unwrap().0;
    let desk = Desk::new();
    let served = desk.sandbox("--accept-unsigned --folder by-hand");
    let config = std::fs::read_to_string(&served.config).unwrap();
    let begins = "\"https://support.example\" = \"127.0.0.1:";
    let port = config.lines().find_map(|line| line.strip_prefix(begins)).unwrap().trim_end_matches('"');
    let folder = Path::new(&served.config).parent().unwrap().to_str().unwrap();
    let command = command.replace("FOLDER", folder).replace("PORT", port);
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let told = Command::new("sh").args(["-c", &command]).output().unwrap();
    let told: Json = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["id"], &told["amount"]), (&"T1".into(), &40.into()), "{told}");
}

/// The recipe of the README: one terminal serves, another runs, is killed, and resumes.
#[test]
fn the_readme_s_recipe_for_a_kill_works_as_written() {
    let readme = include_str!("../../README.md");
    let block = readme.split("```text\n").find(|block| block.starts_with("eczflow sandbox ")).unwrap();
    let words = |line: &str| line.split("  #").next().unwrap().replace("examples/refund/", "refund/");
    let commands: Vec<String> =
        block.lines().map_while(|line| line.strip_prefix("eczflow ")).map(words).collect();
    let [serve, run, resume] = commands.as_slice() else { panic!("{commands:?}") };
    let desk = Desk::new();
    let served = desk.sandbox(serve.strip_prefix("sandbox refund/refund.eczflow ").unwrap());
    let mut child = desk.command(run).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    served.ledger("?requests=4");
    child.kill().unwrap();
    child.wait().unwrap();
    desk.run(resume).expect(0);
    assert_eq!(served.effects()["payments"].len(), 1);
}

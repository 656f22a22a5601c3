//! The sandbox over real HTTPS on loopback: what it refuses, what it does once, what it does wrong on request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use eczflow::base::{Clock as _, Digest, Ed25519Key, Explained as _, SystemClock};
use eczflow::config::{NoEnvironment, load};
use eczflow::documents::Document;
use eczflow::ecz::{
    Asked, Attest, Decision, DocumentIdentity, EczId, Evidence, HandoffPolicy, Refusal, State, Verify,
    VerifyMode, judge,
};
use eczflow::expr::Expr;
use eczflow::plan::{
    Api, Argument, Auth, Block, Breaker, Call, Flow, Idempotency, Loop, Node, NodeKind, Operator, Plan,
    Proof, Region, Secret, Slice, Source, Step, Timeout,
};
use eczflow::sandbox::{Options, Outcome, Report, Sandbox, read_documents};
use eczflow::source::DiskFiles;
use eczflow::types::Type;
use eczflow::wire::handoff::TrustContext;
use eczflow::wire::resolver::{HttpResolver, Resolver as _, check_resolver_url};
use eczflow::wire::signature::{Message, Target, sign};
use eczflow::wire::{Connector, Request};
use serde_json::{Value, json};

const AGENT: &str = "ECZ-GB-A1B2C3::AGENT-7QK2M9";
const PAYMENTS: &str = "ECZ-GB-PAYM01::API-REFD01";

fn name(name: &str) -> Expr {
    Expr::Name { name: name.into() }
}

fn field(of: &str, member: &str) -> Expr {
    Expr::Field { of: Box::new(name(of)), name: member.into(), optional: false }
}

fn call(api: &str, operation: &str, method: &str, path: &str) -> Call {
    let assumed = Idempotency::Assumed {
        header: "Idempotency-Key".into(),
        by: "acme".into(),
        because: "its guide says so".into(),
    };
    let documented = Idempotency::Documented { header: "Idempotency-Key".into() };
    Call {
        api: api.into(),
        operation: operation.into(),
        method: method.into(),
        path: path.into(),
        arguments: Vec::<Argument>::new(),
        body: None,
        idempotency: match api {
            "payments" => Some(assumed),
            "warehouse" => Some(documented),
            _ => None,
        },
        once_per: None,
        retry: None,
        handoff: HandoffPolicy {
            name: "strict".into(),
            verify: Verify { mode: VerifyMode::Require, within_ms: 60_000 },
            attest: Attest::default(),
            evidence: Evidence::E4,
            trace_shared: false,
        },
        present: AGENT.parse().unwrap(),
    }
}

fn step(id: &str, after: &[&str], call: Call) -> Node {
    let step = Step { call, guard: None, on: BTreeMap::new(), undo: None, irreversible: None };
    node(id, after, NodeKind::Call(Box::new(step)))
}

fn node(id: &str, after: &[&str], kind: NodeKind) -> Node {
    Node { id: id.into(), line: 1, after: after.iter().map(ToString::to_string).collect(), kind }
}

/// Lookup, a loop of returns over the ticket's lines, a refund after both.
fn body() -> Block {
    let returns = Loop {
        variable: "line".into(),
        list: field("ticket", "lines"),
        at_most: 200,
        parallel: 8,
        guard: None,
        body: Block {
            nodes: vec![step("moved", &[], call("warehouse", "returnItem", "POST", "/returns/{sku}"))],
        },
        result: None,
    };
    Block {
        nodes: vec![
            step("ticket", &[], call("support", "getTicket", "GET", "/tickets/{ticketId}")),
            node("for_1", &["ticket"], NodeKind::For(Box::new(returns))),
            step("refund", &["for_1", "ticket"], call("payments", "createRefund", "POST", "/refunds")),
        ],
    }
}

fn api(apis: &Utf8Path, file: &str, operation: &str, auth: Auth, region: Option<&str>) -> Api {
    let bytes = std::fs::read(apis.join(file)).unwrap();
    let (mut sources, mut sink) = Default::default();
    let document = Document::read(&bytes, file, &mut sources, &mut sink).unwrap();
    let identity = document.value().pointer("/info/x-ecz-id").unwrap().clone();
    let identity: DocumentIdentity = serde_json::from_value(identity).unwrap();
    let slice = document.slice(document.operation(operation).unwrap()).unwrap();
    Api {
        document: file.into(),
        pin: document.canonical_hash(),
        base_url: region.unwrap_or(&identity.api_origin).into(),
        identity,
        region: region.map(|origin| Region { name: "eu".into(), origin: origin.into() }),
        auth,
        timeout: Timeout { connect_ms: 5_000, attempt_ms: 30_000, response_bytes: 1 << 20 },
        breaker: Breaker {
            name: "standard".into(),
            window_ms: 1,
            minimum_calls: 1,
            failure_percent: 50,
            slow_ms: 1,
            slow_percent: 100,
            open_ms: 1,
            open_cap_ms: 1,
            probes: 1,
        },
        operations: BTreeMap::from([(operation.into(), Slice { text: slice.text, digest: slice.digest })]),
    }
}

fn apis() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/refund/apis")
}

fn plan() -> Plan {
    let apis = apis();
    let bearer = Auth::Bearer { secret: "payments_token".into() };
    let payments =
        api(&apis, "payments.openapi.json", "createRefund", bearer, Some("https://eu.payments.example"));
    Plan {
        format: eczflow::plan::FORMAT.into(),
        language: 1,
        compiler: "test".into(),
        source: Source { file: "refund.eczflow".into(), digest: Digest::of("") },
        operators: BTreeMap::from([(
            "acme".into(),
            Operator { passport: "ECZ-GB-A1B2C3".parse().unwrap(), agent: AGENT.parse().ok() },
        )]),
        secrets: BTreeMap::from([("payments_token".into(), Secret { audience: "payments".into() })]),
        apis: BTreeMap::from([
            ("support".into(), api(&apis, "support.openapi.yaml", "getTicket", Auth::None, None)),
            ("warehouse".into(), api(&apis, "warehouse.openapi.yaml", "returnItem", Auth::None, None)),
            ("payments".into(), payments),
        ]),
        flow: Flow {
            name: "refund".into(),
            operator: "acme".into(),
            agent: AGENT.parse().unwrap(),
            inputs: vec![],
            output: Type::Null,
            deadline_ms: 1,
            body: body(),
        },
        proof: Proof::default(),
    }
}

/// A sandbox and a client that signs like a runner.
struct World {
    sandbox: Sandbox,
    client: reqwest::Client,
    key: Ed25519Key,
    token: String,
    _folder: tempfile::TempDir,
}

#[derive(Clone)]
struct Sent {
    url: String,
    method: &'static str,
    audience: String,
    body: Vec<u8>,
    key: Option<String>,
    handoff: String,
    nonce: Option<String>,
    token: Option<String>,
    unsigned: bool,
    /// The body that really goes out.
    tampered: Option<Vec<u8>>,
}

static NONCE: AtomicU64 = AtomicU64::new(0);

impl World {
    async fn start(options: Options) -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("sandbox");
        let plan = plan();
        let documents = read_documents(&plan, &apis(), &DiskFiles).unwrap();
        let sandbox = Sandbox::start(&plan, &documents, options, &path).await.unwrap();
        let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
        // The first installs it; the provider is the process's.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let ca = reqwest::Certificate::from_pem(read("ca.pem").as_bytes()).unwrap();
        let mut client = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        for (origin, address) in sandbox.origins() {
            client = client.resolve(origin.strip_prefix("https://").unwrap(), *address);
        }
        let client = client.build().unwrap();
        let key = Ed25519Key::from_pem(&read("agent.key")).unwrap();
        World { sandbox, client, key, token: read("payments_token.token"), _folder: folder }
    }

    /// With faults as the command line has them.
    async fn with(faults: &[&str]) -> World {
        let mut options = Options::default();
        for fault in faults {
            match fault.split_once(' ') {
                Some(("hold", n)) => options.faults.hold = n.parse().ok(),
                Some(("drift", api)) => options.faults.drifted.push(api.into()),
                Some(("revoke", text)) => options.faults.revoked.push(text.parse().unwrap()),
                _ => options.faults.answers.push(fault.parse().unwrap()),
            }
        }
        World::start(options).await
    }

    /// The real port stands in the URL: `resolve` maps names only.
    fn url(&self, origin: &str, path: &str) -> String {
        format!("{origin}:{}{path}", self.sandbox.origins()[origin].port())
    }

    fn ticket(&self, id: &str) -> Sent {
        Sent {
            url: format!("https://support.example/tickets/{id}"),
            method: "GET",
            audience: "ECZ-GB-SUPP01::API-TICK01".into(),
            body: vec![],
            key: None,
            handoff: format!("ticket-{id}"),
            nonce: None,
            token: None,
            unsigned: false,
            tampered: None,
        }
    }

    fn refund(&self, key: &str, amount: u32) -> Sent {
        Sent {
            url: "https://eu.payments.example/refunds".into(),
            method: "POST",
            audience: PAYMENTS.into(),
            body: json!({"charge": "C1", "amount": amount}).to_string().into_bytes(),
            key: Some(key.into()),
            handoff: format!("refund-{key}"),
            token: Some(self.token.clone()),
            ..self.ticket("")
        }
    }

    fn give_back(&self, sku: &str) -> Sent {
        Sent {
            url: format!("https://warehouse.example/returns/{sku}"),
            method: "POST",
            audience: "ECZ-GB-WARE01::API-RETN01".into(),
            body: br#"{"quantity":2}"#.to_vec(),
            key: Some(format!("key-of-returning-{sku}")),
            handoff: format!("return-{sku}"),
            ..self.ticket("")
        }
    }

    async fn send(&self, sent: &Sent) -> Result<(u16, Value), reqwest::Error> {
        let target = url::Url::parse(&sent.url).unwrap();
        let address = self.sandbox.origins()[&target.origin().ascii_serialization()];
        let mut real = target.clone();
        real.set_port(Some(address.port())).unwrap();
        let mut request = self.client.request(sent.method.parse().unwrap(), real);
        // What a runner's connector does by dialling the address itself.
        request = request.header("host", target.host_str().unwrap());
        let content_type = (!sent.body.is_empty()).then_some("application/json");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        if let Some(key) = &sent.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(token) = &sent.token {
            request = request.bearer_auth(token);
        }
        if !sent.unsigned {
            let context = TrustContext {
                operator: "ECZ-GB-A1B2C3".parse().unwrap(),
                agent: AGENT.parse().unwrap(),
                audience: sent.audience.parse().unwrap(),
                run: "run-1".into(),
                handoff: sent.handoff.clone(),
                attempt: 1,
                leaf: Digest::of("leaf"),
                trace: "0af7651916cd43dd8448eb211c80319c".into(),
                parent: None,
            };
            let handoff = context.to_field().unwrap();
            let fresh = || format!("nonce-{:016}", NONCE.fetch_add(1, Ordering::SeqCst));
            let message = Message {
                target: Target::of(sent.method, &target),
                content_type,
                idempotency: sent.key.as_deref().map(|key| ("Idempotency-Key", key)),
                handoff: Some(&handoff),
                body: &sent.body,
            };
            let nonce = sent.nonce.clone().unwrap_or_else(fresh);
            let signed = sign(&message, &self.key, SystemClock.now(), &nonce).unwrap();
            request = request.header("ecz-handoff", &handoff);
            for (name, value) in signed.headers() {
                request = request.header(name, value);
            }
        }
        let body = sent.tampered.as_ref().unwrap_or(&sent.body);
        let response = if body.is_empty() { request } else { request.body(body.clone()) }.send().await?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// The status and the problem's detail, or the body.
    async fn answer(&self, sent: &Sent) -> (u16, Value) {
        let (status, body) = self.send(sent).await.unwrap();
        (status, body.get("detail").cloned().unwrap_or(body))
    }

    async fn projected(&self, id: &str) -> (Value, String) {
        let url = self.url("https://resolver.sandbox.example", &format!("/projections/{id}"));
        let response = self.client.get(url).send().await.unwrap();
        let cache = response.headers()["cache-control"].to_str().unwrap().to_owned();
        (serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(), cache)
    }

    fn effects(&self, api: &str) -> Vec<String> {
        self.sandbox.ledger().report().effects[api].iter().map(|effect| effect.path.clone()).collect()
    }

    fn last(&self) -> eczflow::sandbox::Entry {
        self.sandbox.ledger().report().requests.last().cloned().unwrap()
    }
}

fn says(answer: (u16, Value), status: u16, words: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert!(answer.1.to_string().contains(words), "{}", answer.1);
}

#[tokio::test]
async fn only_what_is_signed_whole_and_fresh_is_let_in() {
    let world = World::with(&[]).await;
    let (status, ticket) = world.send(&world.ticket("T1")).await.unwrap();
    assert_eq!((status, ticket["lines"].as_array().map(Vec::len)), (200, Some(2)));
    assert!(world.last().signed);

    says(world.answer(&Sent { unsigned: true, ..world.ticket("T1") }).await, 401, "not signed");
    let tampered = Some(br#"{"charge":"C1","amount":4000}"#.to_vec());
    says(world.answer(&Sent { tampered, ..world.refund("k", 40) }).await, 401, "content-digest");
    let once = Sent { nonce: Some("nonce-of-one-request".into()), ..world.ticket("T1") };
    assert_eq!(world.answer(&once).await.0, 200);
    says(world.answer(&once).await, 401, "nonce");
    says(
        world.answer(&Sent { audience: PAYMENTS.into(), ..world.ticket("T1") }).await,
        401,
        "another API Passport",
    );
    let stranger = World { key: Ed25519Key::generate(&eczflow::base::OsRandom), ..World::with(&[]).await };
    says(stranger.answer(&stranger.ticket("T1")).await, 401, "not known");
    says(world.answer(&Sent { token: None, ..world.refund("k", 40) }).await, 401, "bearer");
    says(world.answer(&Sent { token: Some("guess".into()), ..world.refund("k", 40) }).await, 401, "own");
    assert_eq!(world.effects("payments"), [""; 0]);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn requests_are_held_against_the_document() {
    let world = World::with(&[]).await;
    let body = |body: &str| Sent { body: body.into(), ..world.refund("k", 1) };
    says(world.answer(&body(r#"{"charge":"C1"}"#)).await, 400, "amount");
    says(world.answer(&body(r#"{"charge":"C1","amount":0.001}"#)).await, 400, "multipleOf");
    says(world.answer(&body(r#"{"charge":"C1","amount":1,"more":1}"#)).await, 400, "body");
    let path = |path: &str| Sent { url: format!("https://support.example{path}"), ..world.ticket("") };
    says(world.answer(&path("/tickets/T1?verbose=1")).await, 400, "verbose");
    says(world.answer(&path("/tickets/T9")).await, 404, "there is no such ticket");
    says(world.answer(&path("/elsewhere")).await, 404, "no such path");
    says(world.answer(&Sent { method: "DELETE", ..path("/tickets/T1") }).await, 405, "method");
    // An operation that the flow does not use is served too.
    says(world.answer(&path("/tickets/T1/notes")).await, 200, "written_at");
    let elsewhere = Sent { url: "https://warehouse.example/tickets/T1".into(), ..world.ticket("T1") };
    assert_eq!(world.answer(&elsewhere).await.0, 404);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_key_makes_one_effect() {
    let world = World::with(&[]).await;
    let first = world.answer(&world.refund("k1", 40)).await;
    assert_eq!(first, (201, json!({"id": "R1", "state": "pending", "charge": "C1", "amount": 40})));
    assert_eq!(world.answer(&world.refund("k1", 40)).await, first);
    assert!(!world.last().effect);
    says(world.answer(&world.refund("k1", 41)).await, 422, "another");
    assert_eq!(world.answer(&world.refund("k2", 7)).await.1["id"], "R2");
    for _ in 0..2 {
        assert_eq!(world.answer(&Sent { key: None, ..world.refund("none", 7) }).await.0, 201);
    }
    assert_eq!(world.effects("payments").len(), 4);
    assert_eq!(world.answer(&world.give_back("MUG-4")).await.1["quantity"], 2);
    assert_eq!(world.effects("warehouse"), ["/returns/MUG-4"]);
    let keys: Vec<_> =
        world.sandbox.ledger().report().effects["payments"].iter().map(|e| e.key.clone()).collect();
    assert_eq!(keys, [Some("k1".into()), Some("k2".into()), None, None]);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn faults_change_answers_only() {
    let world = World::with(&[
        "payments.createRefund=503x2",
        "payments.createRefund=303x1",
        "support.getTicket=close",
    ])
    .await;
    for status in [503, 503, 303, 201, 201] {
        assert_eq!(world.answer(&world.refund("k", 40)).await.0, status);
    }
    assert_eq!(world.effects("payments").len(), 1);
    world.send(&world.ticket("T1")).await.unwrap_err();
    assert_eq!(world.last().outcome, Outcome::Closed);

    // The answer is lost, the effect is not.
    let world = World::with(&["payments.createRefund=resetx1"]).await;
    world.send(&world.refund("k", 40)).await.unwrap_err();
    assert_eq!((world.last().outcome, world.last().effect), (Outcome::Reset, true));
    assert_eq!(world.answer(&world.refund("k", 40)).await.0, 201);
    assert_eq!(world.effects("payments").len(), 1);
}

#[tokio::test]
async fn a_withheld_answer_is_counted_and_outlives_its_caller() {
    for fault in ["hold 2", "payments.createRefund=timeoutx1"] {
        let world = World::with(&[fault]).await;
        world.answer(&world.ticket("T1")).await;
        let (refund, ledger) = (world.refund("k", 40), world.sandbox.ledger().clone());
        tokio::select! {
            answer = world.send(&refund) => panic!("answered: {answer:?}"),
            () = ledger.reached(2) => {}
        }
        let entry = world.last();
        assert_eq!((entry.request, entry.effect, entry.status), (Some(2), true, None), "{fault}");
        // The caller is gone; the next one is served, and told of the same effect.
        let control = format!("http://{}/ledger?requests=3", world.sandbox.control());
        let (again, report) = tokio::join!(world.answer(&refund), world.client.get(control).send());
        assert_eq!(again.0, 201);
        let report: Report = serde_json::from_slice(&report.unwrap().bytes().await.unwrap()).unwrap();
        assert_eq!((report.requests.len(), report.effects["payments"].len()), (3, 1));
        world.sandbox.stop().await;
    }
}

#[tokio::test]
async fn the_resolver_projects_bindings_with_aliases() {
    let world = World::with(&["drift support", "revoke ECZ-GB-WARE01::API-RETN01"]).await;
    let (payments, cache) = world.projected(PAYMENTS).await;
    assert_eq!(cache, "max-age=60");
    assert_eq!(
        [
            &payments["state"],
            &payments["authorised_origin"],
            &payments["operator_ecz_id"],
            &payments["binding_type"]
        ],
        ["BOUND", "https://payments.example", "ECZ-GB-PAYM01", "api"]
    );
    assert_eq!(payments["regional_aliases"], json!(["https://eu.payments.example"]));
    assert_eq!(payments["spec_hash"], plan().apis["payments"].identity.spec_hash);
    for id in [AGENT, "ECZ-GB-A1B2C3", "ECZ-GB-PAYM01::AGENT-SETTL1"] {
        assert_eq!(world.projected(id).await.0["state"], "BOUND", "{id}");
    }
    let (support, cache) = world.projected("ECZ-GB-SUPP01::API-TICK01").await;
    assert_eq!((support["state"].as_str(), cache.as_str()), (Some("MISMATCH"), "no-store"));
    assert_ne!(support["spec_hash"], plan().apis["support"].identity.spec_hash);
    assert_eq!(world.projected("ECZ-GB-WARE01::API-RETN01").await.0["state"], "REVOKED");
    assert_eq!(world.projected("ECZ-GB-WARE01::API-RETN09").await.0["status"], 404);
    // Whose agent is revoked is not let in.
    let world = World::with(&[&format!("revoke {AGENT}")]).await;
    says(world.answer(&world.ticket("T1")).await, 401, "REVOKED");
}

#[tokio::test]
async fn a_revocation_waits_for_every_call_before_its_step() {
    let world = World::with(&[&format!("revoke {PAYMENTS}@refund"), "warehouse.returnItem=503x1"]).await;
    let state = async || world.projected(PAYMENTS).await.0["state"].clone();
    assert_eq!(state().await, "BOUND");
    world.answer(&world.ticket("T1")).await;
    assert_eq!(world.answer(&world.give_back("KETTLE-1")).await.0, 503);
    assert_eq!(world.answer(&world.give_back("KETTLE-1")).await.0, 201);
    assert_eq!(world.answer(&world.give_back("KETTLE-1")).await.0, 201);
    // One of the ticket's two lines is still to come.
    assert_eq!(state().await, "BOUND");
    world.answer(&world.give_back("MUG-4")).await;
    assert_eq!(state().await, "REVOKED");
    let report = world.sandbox.ledger().report();
    assert_eq!((report.servers["payments"].connections, report.servers["payments"].bytes), (0, 0));
    assert!(report.servers["warehouse"].bytes > 0);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn the_configuration_reads_back_and_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start(Options { accept_unsigned: true, ..Options::default() }).await;
    let path = world.sandbox.config_path();
    let mode = |path: &Utf8Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.parent().unwrap()), mode(&path.with_file_name("agent.key"))), (0o700, 0o600));
    let config = load(Some(path), None, &NoEnvironment, &DiskFiles);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.environment, "sandbox");
    assert_eq!(config.origins, *world.sandbox.origins());
    assert_eq!(config.secret("payments_token", &NoEnvironment).unwrap().expose(), world.token);
    assert_eq!(config.apis["payments"].spec_hash_profile.as_deref(), Some("eczflow-c14n-1"));
    // By hand, as the option allows: served, and marked.
    says(world.answer(&Sent { unsigned: true, ..world.ticket("T1") }).await, 200, "T1");
    assert!(!world.last().signed);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn the_configuration_is_all_that_the_runtime_needs() {
    let world = World::with(&["drift support"]).await;
    let config = load(Some(world.sandbox.config_path()), None, &NoEnvironment, &DiskFiles).unwrap();
    let connector = Arc::new(Connector::new(&config).unwrap());
    let resolver = HttpResolver::new(connector.clone(), config.resolver.clone(), Arc::new(SystemClock));
    let plan = plan();
    let decide = async |id: &str, api: Option<&str>| {
        let ecz_id: EczId = id.parse().unwrap();
        let api = api.map(|name| (name, &plan.apis[name]));
        let profiled = |name: &str| config.apis[name].spec_hash_profile.is_some();
        let asked = Asked {
            origin: api.map(|(_, api)| api.identity.api_origin.clone()),
            region: api.and_then(|(_, api)| api.region.as_ref().map(|region| region.origin.clone())),
            spec_hash: api.map(|(_, api)| api.identity.spec_hash.clone()),
            canonical_hash: api.filter(|(name, _)| profiled(name)).map(|(_, api)| api.pin),
            operations: vec![],
            ecz_id: ecz_id.clone(),
        };
        judge(VerifyMode::Require, &asked, &resolver.observe(&ecz_id).await.observation)
    };
    for (id, api) in [
        (PAYMENTS, Some("payments")),
        ("ECZ-GB-WARE01::API-RETN01", Some("warehouse")),
        ("ECZ-GB-PAYM01::AGENT-SETTL1", None),
        (AGENT, None),
        ("ECZ-GB-A1B2C3", None),
    ] {
        let verdict = decide(id, api).await;
        assert_eq!((verdict.decision, verdict.refusal), (Decision::Go, None), "{id}");
    }
    let drifted = decide("ECZ-GB-SUPP01::API-TICK01", Some("support")).await;
    assert_eq!(drifted.refusal, Some(Refusal::State(State::Mismatch)));
    for api in plan.apis.values() {
        check_resolver_url(&config.resolver, &api.identity.api_passport_id, &api.identity.resolver_url)
            .unwrap();
    }
    // The runtime's own client reaches the counterparties under their own names.
    let unsigned = Request {
        method: "GET".into(),
        url: "https://support.example/tickets/T1".parse().unwrap(),
        headers: vec![],
        body: None,
        connect_ms: 5_000,
        attempt_ms: 10_000,
        response_bytes: 1 << 20,
        fresh_connection: false,
    };
    assert_eq!(connector.send(unsigned).await.unwrap().status, 401);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_fault_that_names_nothing_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("sandbox");
    let plan = plan();
    let documents = read_documents(&plan, &apis(), &DiskFiles).unwrap();
    let mut options = Options::default();
    options.faults.answers.push("payments.createRefunds=503".parse().unwrap());
    let error = Sandbox::start(&plan, &documents, options, &path).await.err().unwrap();
    assert_eq!((error.code(), error.help().as_deref()), ("ER3907", Some("did you mean `createRefund`?")));
    assert!(!path.exists());
}

//! The sandbox over real HTTPS on loopback: what it refuses, what it does once, what it does wrong on request.

mod auth;
mod world;

use std::sync::Arc;

use camino::Utf8Path;
use eczflow::base::{Ed25519Key, Explained as _, SystemClock};
use eczflow::config::{NoEnvironment, load};
use eczflow::ecz::{Asked, Decision, EczId, Refusal, State, VerifyMode, judge};
use eczflow::sandbox::{Options, Outcome, Report, Sandbox};
use eczflow::source::DiskFiles;
use eczflow::wire::resolver::{HttpResolver, Resolver as _, check_resolver_url};
use eczflow::wire::{Connector, Request};
use serde_json::{Value, json};

use world::{AGENT, PAYMENTS, Sent, World, plan};

fn says(answer: (u16, Value), status: u16, words: &str) {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert!(answer.1.to_string().contains(words), "{}", answer.1);
}

fn stated(api: &eczflow::plan::Api) -> &eczflow::ecz::DocumentIdentity {
    api.identity.identity().unwrap()
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
    says(world.answer(&Sent { audience: PAYMENTS.into(), ..world.ticket("T1") }).await, 401, "somebody else");
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
    says(world.answer(&path("/elsewhere")).await, 404, "no operation");
    says(world.answer(&Sent { method: "DELETE", ..path("/tickets/T1") }).await, 405, "method");
    // Only what the flow uses is served.
    says(world.answer(&path("/tickets/T1/notes")).await, 404, "uses no operation");
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
    // The document wants 16 characters at least.
    says(
        world.answer(&Sent { key: Some("short".into()), ..world.give_back("MUG-4") }).await,
        400,
        "minLength",
    );
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
    let error = world.send(&world.refund("k", 40)).await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
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
        let gone = async {
            while world.last().outcome != Outcome::Abandoned {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.unwrap();
        // The next caller is served, and told of the same effect.
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
    assert_eq!(payments["spec_hash"].as_str(), stated(&plan().apis["payments"]).spec_hash.as_deref());
    for id in [AGENT, "ECZ-GB-A1B2C3", "ECZ-GB-PAYM01::AGENT-SETTL1"] {
        assert_eq!(world.projected(id).await.0["state"], "BOUND", "{id}");
    }
    let (support, cache) = world.projected("ECZ-GB-SUPP01::API-TICK01").await;
    assert_eq!((support["state"].as_str(), cache.as_str()), (Some("MISMATCH"), "no-store"));
    assert_ne!(support["spec_hash"].as_str(), stated(&plan().apis["support"]).spec_hash.as_deref());
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
            origin: api.map(|(_, api)| stated(api).api_origin.clone()),
            region: api.and_then(|(_, api)| api.region.as_ref().map(|region| region.origin.clone())),
            spec_hash: api.and_then(|(_, api)| stated(api).spec_hash.clone()),
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
        let identity = stated(api);
        let page = identity.resolver_url.as_ref().unwrap();
        check_resolver_url(&config.resolver, &identity.api_passport_id, page).unwrap();
    }
    // The runtime's own client reaches the counterparties under their own names.
    let unsigned = Request {
        attempt_ms: 10_000,
        ..Request::new("GET", "https://support.example/tickets/T1".parse().unwrap())
    };
    assert_eq!(connector.send(unsigned).await.unwrap().status, 401);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_fault_that_names_nothing_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap().join("sandbox");
    let plan = plan();
    let mut options = Options::default();
    options.faults.answers.push("payments.createRefunds=503".parse().unwrap());
    let error = Sandbox::start(&plan, options, &path).await.err().unwrap();
    assert_eq!((error.code(), error.help().as_deref()), ("ER3907", Some("did you mean `createRefund`?")));
    assert!(!path.exists());
}

//! Asking a resolver over real TLS.

use std::sync::Arc;

use eczflow::base::{Digest, Timestamp, VirtualClock};
use eczflow::config::{Config, EndpointKind, Template};
use eczflow::ecz::{EczId, Observation, State};
use eczflow::wire::Connector;
use eczflow::wire::resolver::{Budget, HttpResolver, Observed, Resolver as _};

use crate::support::server::{Authority, Received, Reply, Server, answer};

const NAME: &str = "resolver.example";
const BODY: &str =
    r#"{"ecz_id":"ECZ-GB-A1B2C3::API-000001","state":"BOUND","valid":true,"cache":"max-age=60"}"#;
const JSON: &str = "content-type: application/json; charset=utf-8";
const BUDGET: Budget = Budget { attempts: 3, attempt_ms: 2_000, total_ms: 10_000, pause_ms: 1 };

fn id() -> EczId {
    "ECZ-GB-A1B2C3::API-000001".parse().unwrap()
}

fn config(server: &Server, authority: &Authority) -> Config {
    let mut config = server.config(authority, NAME);
    config.resolver.base = format!("https://{NAME}");
    let template = Template::new("/m/{PARENT}/{CODE}/{SUFFIX}", EndpointKind::Api).unwrap();
    config.resolver.machine.insert(EndpointKind::Api, template);
    config
}

fn resolver(config: &Config, budget: Budget) -> HttpResolver {
    let connector = Arc::new(Connector::new(config).unwrap());
    let clock = Arc::new(VirtualClock::new(Timestamp(7_000)));
    HttpResolver::new(connector, config.resolver.clone(), clock).with_budget(budget)
}

async fn ask(
    script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static,
    budget: Budget,
) -> (Observed, Vec<Received>) {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, script).await;
    let observed = resolver(&config(&server, &authority), budget).observe(&id()).await;
    (observed, server.ledger())
}

#[tokio::test]
async fn a_projection_is_asked_for_with_get_and_kept_with_its_digest() {
    let (observed, ledger) = ask(|_, _| Reply::Answer(answer(200, &[JSON], BODY)), BUDGET).await;
    let Observation::Projected(projection) = observed.observation else { panic!("{observed:?}") };
    assert_eq!((projection.state, projection.max_age_s), (State::Bound, 60));
    assert_eq!((observed.observed_at, observed.raw_digest), (Timestamp(7_000), Some(Digest::of(BODY))));
    assert_eq!(
        (ledger[0].method.as_str(), ledger[0].target.as_str()),
        ("GET", "/m/ECZ-GB-A1B2C3/API/000001")
    );
    assert_eq!(ledger[0].header("accept"), Some("application/json"));
}

#[tokio::test]
async fn http_may_shorten_reuse_and_never_lengthens_it() {
    for (headers, seconds) in [
        (vec![JSON, "cache-control: no-store"], 0),
        (vec![JSON, "cache-control: public, max-age=9"], 9),
        (vec![JSON, "cache-control: max-age=900"], 60),
        (vec![JSON, "age: 20"], 40),
        (vec![JSON, "age: old"], 0),
    ] {
        let script = {
            let headers = headers.clone();
            move |_: usize, _: &Received| Reply::Answer(answer(200, &headers, BODY))
        };
        let (observed, _) = ask(script, BUDGET).await;
        let Observation::Projected(projection) = observed.observation else { panic!("{observed:?}") };
        assert_eq!(projection.max_age_s, seconds, "{headers:?}");
    }
}

#[tokio::test]
async fn only_transport_errors_and_four_statuses_are_asked_again() {
    for status in [429, 502, 503, 504] {
        let script = move |number: usize, _: &Received| match number {
            0 => Reply::Answer(answer(status, &[], "")),
            1 => Reply::Close,
            _ => Reply::Answer(answer(200, &[JSON], BODY)),
        };
        let (observed, ledger) = ask(script, BUDGET).await;
        assert!(matches!(observed.observation, Observation::Projected(_)), "{status}");
        assert_eq!(ledger.len(), 3);
    }
    let (observed, ledger) = ask(|_, _| Reply::Answer(answer(503, &[], "")), BUDGET).await;
    assert_eq!(observed.observation, Observation::Unavailable("the resolver answered 503".into()));
    assert_eq!(ledger.len(), 3);
    for status in [301, 400, 403, 410, 500] {
        let script = move |_: usize, _: &Received| {
            Reply::Answer(answer(status, &["location: https://resolver.example/x"], ""))
        };
        let (observed, ledger) = ask(script, BUDGET).await;
        assert!(matches!(observed.observation, Observation::Unavailable(_)), "{status}");
        assert_eq!(ledger.len(), 1);
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_malformed() {
    let large = "x".repeat((256 << 10) + 1);
    for (headers, body) in [
        (vec![JSON], "{}".to_owned()),
        (vec!["content-type: text/html"], BODY.to_owned()),
        (vec![], BODY.to_owned()),
        (vec![JSON], large),
    ] {
        let script = move |_: usize, _: &Received| Reply::Answer(answer(200, &headers, &body));
        let (observed, ledger) = ask(script, BUDGET).await;
        assert!(matches!(observed.observation, Observation::Malformed(_)), "{observed:?}");
        assert_eq!(ledger.len(), 1);
    }
}

#[tokio::test]
async fn no_record_no_endpoint_and_no_answer_are_told_apart() {
    let (observed, _) = ask(|_, _| Reply::Answer(answer(404, &[JSON], "{}")), BUDGET).await;
    assert_eq!(observed.observation, Observation::NotFound);

    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |_, _| Reply::Answer(answer(200, &[JSON], BODY))).await;
    let mut config = config(&server, &authority);
    let agent = "ECZ-GB-A1B2C3::AGENT-7QK2M9".parse().unwrap();
    let observed = resolver(&config, BUDGET).observe(&agent).await;
    assert_eq!(observed.observation, Observation::NoEndpoint);
    config.allow_private.clear();
    let observed = resolver(&config, BUDGET).observe(&id()).await;
    assert!(matches!(observed.observation, Observation::Unavailable(_)));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_whole_time_is_bounded() {
    let budget = Budget { attempts: 1_000, attempt_ms: 500, total_ms: 1_200, pause_ms: 1 };
    let (observed, ledger) = ask(|_, _| Reply::Hang, budget).await;
    assert!(matches!(observed.observation, Observation::Unavailable(_)), "{observed:?}");
    assert!(!ledger.is_empty() && ledger.len() <= 3, "{}", ledger.len());
}

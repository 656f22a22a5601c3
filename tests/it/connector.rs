//! The one connector against real TLS servers.

use eczflow::config::Config;
use eczflow::wire::{Connector, NotSent, Request, SendError, Unknown};
use tokio::net::TcpListener;

use crate::support::server::{Authority, Reply, Server, answer};

const NAME: &str = "payments.example";

fn request(method: &str, url: &str) -> Request {
    Request {
        body: (method == "POST").then(|| b"{}".to_vec()),
        response_bytes: 1_000,
        fresh_connection: method == "POST",
        ..Request::new(method, url::Url::parse(url).unwrap())
    }
}

fn get() -> Request {
    request("GET", "https://payments.example/x?a=1")
}

fn post() -> Request {
    request("POST", "https://payments.example/x")
}

async fn send(config: &Config, request: Request) -> Result<eczflow::wire::Answer, SendError> {
    Connector::new(config).unwrap().send(request).await
}

fn not_sent(result: Result<eczflow::wire::Answer, SendError>) -> NotSent {
    match result {
        Err(SendError::NotSent { cause, reason }) => {
            assert!(!reason.contains("://") && !reason.contains("/x"), "{reason}");
            cause
        }
        other => panic!("{other:?}"),
    }
}

fn unknown(result: Result<eczflow::wire::Answer, SendError>) -> Unknown {
    match result {
        Err(SendError::Unknown { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_arrives_whole_under_the_origins_own_name() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |_, _| {
        Reply::Answer(answer(201, &["X-Id: 7", "x-id: 8", "etag: a"], "{\"a\":1}"))
    })
    .await;
    let mut request = post();
    request.headers =
        vec![("Idempotency-Key".into(), "k".into()), ("authorization".into(), "Bearer s3cret".into())];
    assert!(!format!("{request:?}").contains("s3cret"));
    let answer = send(&server.config(&authority, NAME), request).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (201, b"{\"a\":1}".as_slice()));
    assert_eq!((answer.header("etag"), answer.header("x-id")), (Some("a"), None));
    let ledger = server.ledger();
    assert_eq!((ledger.len(), ledger[0].method.as_str(), ledger[0].target.as_str()), (1, "POST", "/x"));
    assert_eq!((ledger[0].header("host"), ledger[0].header("idempotency-key")), (Some(NAME), Some("k")));
    assert_eq!(ledger[0].body, b"{}");
}

#[tokio::test]
async fn an_explicit_port_is_kept_in_the_name_and_replaced_in_the_address() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |_, _| Reply::Answer(answer(200, &[], ""))).await;
    let config = server.config(&authority, "payments.example:8443");
    send(&config, request("GET", "https://payments.example:8443/x")).await.unwrap();
    assert_eq!(server.ledger()[0].header("host"), Some("payments.example:8443"));
}

#[tokio::test]
async fn private_addresses_need_an_entry() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |_, _| Reply::Answer(answer(200, &[], ""))).await;
    let allowed = server.config(&authority, NAME);
    let refused = Config { allow_private: vec!["127.0.0.1:1".parse().unwrap()], ..allowed.clone() };
    assert_eq!(not_sent(send(&refused, get()).await), NotSent::RefusedAddress);
    for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("https://{host}:{}/x", server.address.port());
        assert_eq!(not_sent(send(&refused, request("GET", &url)).await), NotSent::RefusedAddress, "{host}");
    }
    assert_eq!(server.connections(), 0);
    send(&allowed, get()).await.unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn only_https_is_spoken() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |_, _| Reply::Answer(answer(200, &[], ""))).await;
    let config = server.config(&authority, NAME);
    for url in ["http://payments.example/x", "https://user:word@payments.example/x"] {
        assert_eq!(not_sent(send(&config, request("GET", url)).await), NotSent::Request);
    }
    for (name, value) in
        [("a b", "c"), ("a", "b\r\nc: d"), ("host", "other.example"), ("Content-Length", "0")]
    {
        let mut request = get();
        request.headers = vec![(name.into(), value.into())];
        assert_eq!(not_sent(send(&config, request).await), NotSent::Request, "{name}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_certificate_must_be_of_a_known_authority_and_for_the_name() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Server::start(&authority, NAME, |_, _| Reply::Answer(answer(200, &[], ""))).await;
    let trusted = server.config(&authority, NAME);
    let untrusted = Config { tls_ca: Some(other.file()), ..trusted.clone() };
    assert_eq!(not_sent(send(&untrusted, post()).await), NotSent::Tls);
    let elsewhere = server.config(&authority, "other.example");
    let result = send(&elsewhere, request("POST", "https://other.example/x")).await;
    assert_eq!(not_sent(result), NotSent::Tls);
    assert_eq!(server.ledger(), []);
    let none = Config { tls_ca: Some(authority.file().with_file_name("none.pem")), ..trusted };
    assert_eq!(eczflow::base::Explained::code(&Connector::new(&none).unwrap_err()), "ER1020");
}

#[tokio::test]
async fn redirects_are_answers() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |_, _| {
        Reply::Answer(answer(303, &["location: https://payments.example/elsewhere"], ""))
    })
    .await;
    for request in [get(), post()] {
        assert_eq!(send(&server.config(&authority, NAME), request).await.unwrap().status, 303);
    }
    assert_eq!(server.ledger().len(), 2);
}

#[tokio::test]
async fn error_answers_are_not_retried() {
    let authority = Authority::new();
    let server =
        Server::start(&authority, NAME, |_, _| Reply::Answer(answer(503, &["retry-after: 0"], ""))).await;
    assert_eq!(send(&server.config(&authority, NAME), get()).await.unwrap().status, 503);
    assert_eq!(server.ledger().len(), 1);
}

#[tokio::test]
async fn pooled_requests_share_a_connection_and_fresh_ones_do_not() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |_, _| Reply::Answer(answer(200, &[], "{}"))).await;
    let connector = Connector::new(&server.config(&authority, NAME)).unwrap();
    for _ in 0..3 {
        connector.send(get()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    for _ in 0..2 {
        connector.send(post()).await.unwrap();
    }
    assert_eq!(server.connections(), 3);
}

/// The ledger holds one request for every attempt, however the server treats a connection that it kept.
#[tokio::test]
async fn a_closed_kept_alive_socket_leads_to_no_second_request() {
    let authority = Authority::new();
    // Answers on a connection first, then hangs up at the next request on any.
    let server = Server::start(&authority, NAME, |number, _| match number {
        0 => Reply::Answer(answer(200, &[], "{}")),
        1 | 2 => Reply::Close,
        3 => Reply::AnswerAndClose(answer(200, &[], "{}")),
        _ => Reply::Answer(answer(200, &[], "{}")),
    })
    .await;
    let connector = Connector::new(&server.config(&authority, NAME)).unwrap();
    connector.send(get()).await.unwrap();
    assert_eq!(unknown(connector.send(get()).await), Unknown::Reset);
    assert_eq!(server.ledger().iter().map(|received| received.connection).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(unknown(connector.send(post()).await), Unknown::Reset);
    assert_eq!(server.ledger().len(), 3);
    connector.send(get()).await.unwrap();
    connector.send(post()).await.unwrap();
    assert_eq!(server.ledger().len(), 5);
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_bound() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |number, _| {
        let body = "x".repeat(1_001);
        Reply::AnswerAndClose(match number {
            0 => answer(200, &[], &body[1..]),
            1 => answer(404, &["x-id: 7"], &body),
            // No length: the bound must hold while reading.
            _ => format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}").into_bytes(),
        })
    })
    .await;
    let config = server.config(&authority, NAME);
    assert_eq!(send(&config, get()).await.unwrap().body.len(), 1_000);
    for status in [404, 200] {
        let Err(SendError::TooLarge { answer, limit }) = send(&config, get()).await else {
            panic!("{status}")
        };
        assert_eq!((answer.status, answer.body.len(), limit), (status, 0, 1_000));
    }
}

#[tokio::test]
async fn broken_answers_leave_the_effect_unknown() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |number, _| {
        let many = "a: b\r\n".repeat(200);
        Reply::AnswerAndClose(match number {
            0 => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".to_vec(),
            1 => b"no http\r\n\r\n".to_vec(),
            _ => format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes(),
        })
    })
    .await;
    for _ in 0..3 {
        assert_eq!(unknown(send(&server.config(&authority, NAME), post()).await), Unknown::Reset);
    }
    assert_eq!(server.ledger().len(), 3);
}

#[tokio::test]
async fn times_are_told_apart_by_whether_a_connection_stood() {
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, |number, _| match number {
        0 => Reply::Hang,
        _ => Reply::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".to_vec()),
    })
    .await;
    let mut config = server.config(&authority, NAME);
    let short = |mut request: Request| {
        request.attempt_ms = 1_000;
        request
    };
    for _ in 0..2 {
        assert_eq!(unknown(send(&config, short(post())).await), Unknown::Timeout);
    }
    // A listener that accepts and never speaks TLS: the time is over before a byte of the request.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    config.origins.insert(format!("https://{NAME}"), address);
    config.allow_private = vec!["127.0.0.1".parse().unwrap()];
    assert_eq!(not_sent(send(&config, short(post())).await), NotSent::Connect);
    let mut request = post();
    request.connect_ms = 50;
    assert_eq!(not_sent(send(&config, request).await), NotSent::Connect);
    // Nobody listens.
    drop(silent);
    assert_eq!(not_sent(send(&config, post()).await), NotSent::Connect);
}

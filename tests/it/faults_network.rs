//! Faults of ordinary life on the network, over real sockets: each is named with its code, leaves a log that verifies and a
//! store that goes on.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eczflow::audit::{Kind, Record};
use eczflow::base::{Explained as _, SystemClock};
use eczflow::config::Config;
use eczflow::engine::{Event, PauseCause, Phase, Status};
use eczflow::host::{Observer, RunReport};
use eczflow::plan::{Plan, Verified};
use eczflow::sandbox::Faults;
use eczflow::wire::{Answer, Connector, NotSent, Request, SendError, Unknown};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::flows;
use crate::stage::Stage;
use crate::support::http2::{Http2, Reply as Http2Reply};
use crate::support::server::{Authority, Reply, Server, answer, lead};

const NAME: &str = "support.example";
const TICKET: &str =
    r#"{"id":"T3","amount":25.5,"charge_id":"C3","lines":[],"customer":{"email":"a@b.example"}}"#;

/// The refund flow with short times and small answers for support, and quick retries for its ticket.
fn plan() -> Verified<Plan> {
    let text = include_str!("../../examples/refund/refund.eczflow");
    let bounds = " {\n  timeout { connect 1s attempt 1500ms response 64KiB }\n}\n\napi warehouse";
    let policy = "retry quick {\n  attempts 20\n  backoff 1ms to 2ms\n  within 1h\n}\n\nflow refund_ticket";
    let changes = [
        ("\n\napi warehouse", bounds),
        ("flow refund_ticket", policy),
        ("retry careful\n    on", "retry quick\n    on"),
    ];
    let text = changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    });
    flows::compile(flows::refund_files(Some(&text)))
}

/// Asks for a pause at the first record of a kind.
struct PauseAt(Kind, watch::Sender<bool>);

impl Observer for PauseAt {
    fn recorded(&self, record: &Record, _event: &Event) {
        if record.kind == self.0 {
            self.1.send_replace(true);
        }
    }
}

/// A run whose support is at another address; it is paused at the first record of a kind.
struct Scene {
    stage: Stage,
    run: RunReport,
}

impl Scene {
    async fn new(address: SocketAddr, authority: Option<&Authority>, pause_at: Kind) -> Scene {
        let pause = watch::Sender::new(false);
        let receiver = pause.subscribe();
        let observer = Arc::new(PauseAt(pause_at, pause));
        let change = |config: &mut Config| lead(config, NAME, address, authority);
        let stage = Stage::at(plan(), Faults::default(), change, Arc::new(SystemClock), observer).await;
        let serde_json::Value::Object(inputs) = json!({"ticket_id": "T3", "limit": 500}) else { panic!() };
        let run = stage.host.run(stage.plan.clone(), inputs, receiver).await.unwrap();
        Scene { stage, run }
    }

    /// Everything that the journal says, in clear.
    fn journal(&self) -> String {
        let entries = self.stage.entries(&self.run);
        let payloads = entries.iter().flat_map(|entry| entry.payload.iter());
        payloads.map(|(name, item)| format!("{name}: {}\n", item.value)).collect()
    }

    fn count(&self, kind: Kind) -> usize {
        self.stage.entries(&self.run).iter().filter(|entry| entry.record.kind == kind).count()
    }

    /// The log verifies; a run that was paused goes on to its end once the fault is gone, and so does a new one.
    async fn recovers(mut self) {
        self.stage.audit(&self.run);
        self.stage.behind(self.stage.store.clone());
        let run = if self.run.phase == Phase::Paused(PauseCause::Asked) {
            let (_keep, pause) = watch::channel(false);
            self.stage.host.resume(self.stage.plan.clone(), &self.run.run, pause).await.unwrap()
        } else {
            assert_eq!(self.run.phase, Phase::Finished(Status::Failed));
            self.stage.run(json!({"ticket_id": "T3", "limit": 500})).await
        };
        assert_eq!(run.phase, Phase::Finished(Status::Succeeded), "{:?}", run.failure);
        self.stage.audit(&run);
    }
}

/// A fault that may pass: named in the journal; the run pauses, and goes on.
async fn passes(address: SocketAddr, authority: Option<&Authority>, words: &[&str]) {
    let scene = Scene::new(address, authority, Kind::AttemptFailed).await;
    assert_eq!(scene.run.phase, Phase::Paused(PauseCause::Asked), "{words:?}: {:?}", scene.run.failure);
    let journal = scene.journal();
    assert!(words.iter().all(|word| journal.contains(word)), "{words:?} in {journal}");
    scene.recovers().await;
}

/// A fault that stays: the step fails with words that name it.
async fn stays(address: SocketAddr, authority: Option<&Authority>, words: &[&str]) {
    let scene = Scene::new(address, authority, Kind::RunFinished).await;
    assert_eq!(scene.run.phase, Phase::Finished(Status::Failed), "{words:?}");
    let message = &scene.run.failure.as_ref().unwrap().message;
    assert!(words.iter().all(|word| message.contains(word)), "{words:?} in {message}");
    assert!(!message.contains("://") && !message.contains("/tickets"), "{message}");
    scene.recovers().await;
}

/// Serves every connection by itself, without TLS.
async fn raw<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Sends a beginning over TLS, then a piece again and again until the client goes away; counts what was sent.
async fn endless(
    acceptor: TlsAcceptor,
    begin: &'static str,
    piece: Vec<u8>,
    pause: Duration,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let (count, piece) = (sent.clone(), Arc::new(piece));
    let address = raw(move |stream| {
        let (acceptor, count, piece) = (acceptor.clone(), count.clone(), piece.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(begin.as_bytes()).await;
            while stream.write_all(&piece).await.is_ok() && stream.flush().await.is_ok() {
                count.fetch_add(piece.len(), Ordering::SeqCst);
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    })
    .await;
    (address, sent)
}

/// An address where nobody listens.
async fn dead() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn http1(authority: &Authority) -> TlsAcceptor {
    authority.tls(NAME, &[b"http/1.1"], false)
}

fn get() -> Request {
    Request { response_bytes: 64 << 10, ..Request::new("GET", format!("https://{NAME}/x").parse().unwrap()) }
}

fn led(address: SocketAddr, authority: Option<&Authority>) -> Connector {
    let mut config = Config::default();
    // Some authority is needed where nothing answers either: a machine may have none of its own.
    let other = Authority::new();
    lead(&mut config, NAME, address, Some(authority.unwrap_or(&other)));
    Connector::new(&config).unwrap()
}

fn not_sent(result: Result<Answer, SendError>) -> (NotSent, String) {
    match result {
        Err(SendError::NotSent { cause, reason }) => (cause, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_refused_connections_cost_little() {
    let connector = led(dead().await, None);
    let started = Instant::now();
    for _ in 0..10_000 {
        let (cause, reason) = not_sent(connector.send(get()).await);
        assert_eq!((cause, reason.as_str()), (NotSent::Connect, "the connection was refused"));
    }
    assert!(started.elapsed() < Duration::from_secs(100), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_connections_open_the_breaker_and_a_resume_goes_on() {
    let scene = Scene::new(dead().await, None, Kind::BreakerOpened).await;
    assert_eq!(scene.run.phase, Phase::Paused(PauseCause::Asked), "{:?}", scene.run.failure);
    assert!(scene.journal().contains("the connection was refused [ER3023]"));
    assert_eq!((scene.count(Kind::AttemptFailed), scene.count(Kind::BreakerOpened)), (10, 1));
    scene.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_one_byte_at_a_time_ends_with_the_attempt() {
    let authority = Authority::new();
    let begin = "HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n";
    let (address, sent) = endless(http1(&authority), begin, b" ".to_vec(), Duration::from_millis(100)).await;
    passes(address, Some(&authority), &["no whole answer within 1", "[ER3030]"]).await;
    assert!(sent.load(Ordering::SeqCst) > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_stops_at_the_cap() {
    let authority = Authority::new();
    // One announces 1 GiB, one announces nothing and sends it.
    let announced = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n";
    let unannounced = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    for begin in [announced, unannounced] {
        let (address, sent) = endless(http1(&authority), begin, vec![b' '; 16 << 10], Duration::ZERO).await;
        stays(address, Some(&authority), &["it has more than 65536 bytes", "[ER3031]"]).await;
        // What was under way in sockets' buffers counts too.
        assert!(sent.load(Ordering::SeqCst) < 64 << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_are_bounded() {
    let authority = Authority::new();
    for piece in ["x-a: b\r\n".repeat(1_000), "a".repeat(16 << 10)] {
        let begin = "HTTP/1.1 200 OK\r\nx-first: ";
        let (address, sent) = endless(http1(&authority), begin, piece.into_bytes(), Duration::ZERO).await;
        passes(address, Some(&authority), &["[ER3029]"]).await;
        assert!(sent.load(Ordering::SeqCst) < 64 << 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_charset_is_named() {
    let authority = Authority::new();
    let latin = TICKET.replace("a@b", "\u{e9}@b").chars().map(|c| c as u8).collect::<Vec<u8>>();
    for (charset, words) in [("; charset=ISO-8859-1", "in the charset `iso-8859-1`"), ("", "is not UTF-8")] {
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json{charset}\r\ncontent-length: {}\r\n\r\n",
            latin.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&latin);
        let server = Server::start(&authority, NAME, move |_, _| Reply::Answer(bytes.clone())).await;
        stays(server.address, Some(&authority), &[words, "[ER3032]"]).await;
    }
    // ASCII is the same in both.
    let server = Server::start(&authority, NAME, |_, _| {
        Reply::Answer(answer(200, &["content-type: application/json; charset=ISO-8859-1"], TICKET))
    })
    .await;
    let scene = Scene::new(server.address, Some(&authority), Kind::RunFinished).await;
    assert_eq!(scene.run.phase, Phase::Finished(Status::Succeeded), "{:?}", scene.run.failure);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_handshake_is_no_connection() {
    // A record that announces a ServerHello of 100 bytes and has 4 of them; then silence, or the end.
    const HALF: &[u8] = &[0x16, 3, 3, 0, 104, 2, 0, 0, 100, 3, 3, 0, 0];
    let silent = raw(|mut stream| async move {
        let _ = stream.write_all(HALF).await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    passes(silent, None, &["no connection within 1000 ms", "[ER3023]"]).await;
    let ended = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(HALF).await;
        let _ = stream.shutdown().await;
    })
    .await;
    passes(ended, None, &["within the TLS handshake", "[ER3023]"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_between_is_named() {
    let plain = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let page = "<html><h1>502 Bad Gateway</h1></html>";
        let head = format!(
            "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
            page.len()
        );
        let _ = stream.write_all(format!("{head}{page}").as_bytes()).await;
        let _ = stream.shutdown().await;
    })
    .await;
    stays(plain, None, &["what answered speaks no TLS", "a proxy in between", "[ER3024]"]).await;
    // One that takes TLS apart with an authority of its own.
    let other = Authority::new();
    let server = Server::start(&other, NAME, |_, _| Reply::Answer(answer(200, &[], ""))).await;
    stays(server.address, None, &["an authority that is not trusted here", "[ER3024]"]).await;
    assert_eq!(server.ledger(), []);
    // One that is trusted and answers with a page.
    let server = Server::start(&other, NAME, |_, _| {
        Reply::Answer(answer(200, &["content-type: text/html"], "<html>Please log in</html>"))
    })
    .await;
    stays(server.address, Some(&other), &["the content type is `text/html`"]).await;
}

#[tokio::test]
async fn a_server_with_an_ipv6_address_only_is_reached() {
    let authority = Authority::new();
    let script = |_: usize, _: &_| Reply::Answer(answer(200, &[], "{}"));
    let Ok(server) = Server::at("[::1]:0", http1(&authority), script).await else {
        println!("left out: this machine has no IPv6 loopback");
        return;
    };
    let connector = led(server.address, Some(&authority));
    assert_eq!(connector.send(get()).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_end_early_are_unknown() {
    let authority = Authority::new();
    let truncated =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"id\":";
    let server = Server::start(&authority, NAME, |_, _| Reply::AnswerAndClose(truncated.to_vec())).await;
    passes(server.address, Some(&authority), &["the connection ended within the answer [ER3029]"]).await;
    let server = Server::start(&authority, NAME, |_, _| Reply::Close).await;
    passes(server.address, Some(&authority), &["before a whole answer came [ER3029]"]).await;
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_read() {
    let authority = Authority::new();
    let acceptor = http1(&authority);
    let address = raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let _ = stream.read(&mut [0; 64]).await;
            let _ = stream.write_all(&answer(413, &["connection: close"], "")).await;
            let _ = stream.flush().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await;
    let request =
        Request { method: "POST".into(), body: Some(vec![b' '; 1 << 20]), fresh_connection: true, ..get() };
    assert_eq!(led(address, Some(&authority)).send(request).await.unwrap().status, 413);
}

#[tokio::test]
async fn compressed_answers_are_read_up_to_the_cap() {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;
    let coded = |text: &[u8]| {
        let mut coder = GzEncoder::new(Vec::new(), Compression::best());
        coder.write_all(text).unwrap();
        coder.finish().unwrap()
    };
    let bodies =
        [coded(TICKET.as_bytes()), coded(&vec![b' '; 8 << 20]), coded(b"{}")[..15].to_vec(), coded(b"{}")];
    let authority = Authority::new();
    let server = Server::start(&authority, NAME, move |number, received| {
        let asked = received.header("accept-encoding");
        assert_eq!(asked, (number != 4).then_some("gzip, deflate"));
        let body = &bodies[number.min(3)];
        let coding = if number == 3 { "br" } else { "gzip" };
        let mut bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Reply::Answer(bytes)
    })
    .await;
    let connector = led(server.address, Some(&authority));
    let send = |compressed| connector.send(Request { compressed, ..get() });
    assert_eq!(send(true).await.unwrap().body, TICKET.as_bytes());
    assert!(matches!(send(true).await, Err(SendError::TooLarge { limit: 65_536, .. })));
    for (compressed, words) in [
        (true, "the answer (200) is no whole `gzip`"),
        (true, "the answer (200) came in the content coding `br`, which is not read"),
        (false, "the answer (200) came as `gzip`, which was not asked for"),
    ] {
        let error = send(compressed).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.code()), (words, "ER3032"));
    }
}

#[tokio::test]
async fn http2_requests_share_a_connection_unless_they_must_not() {
    let authority = Authority::new();
    let server = Http2::start(&authority, NAME, |_| Http2Reply::Json("{}")).await;
    let connector = led(server.address, Some(&authority));
    for _ in 0..3 {
        assert_eq!(connector.send(get()).await.unwrap().body, b"{}");
    }
    for _ in 0..2 {
        let post =
            Request { method: "POST".into(), body: Some(b"{}".to_vec()), fresh_connection: true, ..get() };
        assert_eq!(connector.send(post).await.unwrap().header("content-type"), Some("application/json"));
    }
    assert_eq!((server.ledger(), server.connections()), (vec![0, 0, 0, 1, 2], 3));
}

/// What an HTTP/2 server says of a request decides what is known of its effect; and nothing below ever sends again.
#[tokio::test]
async fn http2_refusals_are_told_apart_and_never_resent() {
    let cases = [
        (Http2Reply::Reset(7), "ER3025"),
        (Http2Reply::GoAwayBefore(0), "ER3025"),
        (Http2Reply::GoAwayBefore(11), "ER3025"),
        (Http2Reply::Reset(2), "ER3029"),
        (Http2Reply::GoAwayAfter(0), "ER3029"),
        (Http2Reply::GoAwayAfter(2), "ER3029"),
        (Http2Reply::Close, "ER3029"),
    ];
    for (reply, code) in cases {
        for (fresh, method) in [(false, "GET"), (true, "POST")] {
            let authority = Authority::new();
            // On a connection that is new, and on one that has answered before.
            let server = Http2::start(&authority, NAME, move |number| match number {
                1 => Http2Reply::Json("{}"),
                _ => reply,
            })
            .await;
            let connector = led(server.address, Some(&authority));
            for number in 0..3 {
                let request = Request { method: method.into(), fresh_connection: fresh, ..get() };
                let result = connector.send(request).await;
                match &result {
                    Ok(answer) => assert_eq!((answer.status, number), (200, 1), "{reply:?}"),
                    Err(error) => assert_eq!(error.code(), code, "{reply:?} {number} {error}"),
                }
                assert_eq!(server.ledger().len(), number + 1, "{reply:?} {method}: one request a send");
                if let Err(SendError::Unknown { cause, .. }) = result {
                    assert_eq!(cause, Unknown::Reset);
                }
            }
        }
    }
}

/// The ledger of requests equals the attempt records, whatever HTTP/2 does to the connection.
#[tokio::test(flavor = "multi_thread")]
async fn over_http2_the_ledger_equals_the_attempts() {
    let authority = Authority::new();
    let server = Http2::start(&authority, NAME, |number| match number {
        0 => Http2Reply::Reset(7),
        1 => Http2Reply::GoAwayBefore(0),
        2 => Http2Reply::Close,
        3 => Http2Reply::GoAwayAfter(0),
        _ => Http2Reply::Json(TICKET),
    })
    .await;
    let scene = Scene::new(server.address, Some(&authority), Kind::RunFinished).await;
    assert_eq!(scene.run.phase, Phase::Finished(Status::Succeeded), "{:?}", scene.run.failure);
    let entries = scene.stage.entries(&scene.run);
    let of_ticket = |kind: Kind| {
        let mine = entries.iter().filter(|entry| entry.record.node.as_deref() == Some("ticket"));
        mine.filter(|entry| entry.record.kind == kind).count()
    };
    assert_eq!((of_ticket(Kind::AttemptIntended), of_ticket(Kind::AttemptFailed)), (5, 4));
    assert_eq!(server.ledger().len(), 5);
    let journal = scene.journal();
    assert!(
        journal.contains("REFUSED_STREAM) [ER3025]") && journal.contains("GOAWAY) [ER3025]"),
        "{journal}"
    );
    // A refused stream was signed and sent all the same: its signature is kept.
    let failed = entries.iter().filter(|entry| entry.record.kind == Kind::AttemptFailed);
    assert!(failed.into_iter().all(|entry| !entry.payload["signature"].value.is_null()));
    scene.stage.audit(&scene.run);
}

//! Every way to authenticate, over real TLS: what stands where, and that no secret stands anywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eczflow::base::{Explained as _, SystemClock, Timestamp, VirtualClock, encode_base64};
use eczflow::config::{Config, Secret, SecretSource};
use eczflow::engine::{Event, Phase, Status};
use eczflow::host::Observer;
use eczflow::plan::{Plan, Verified};
use eczflow::sandbox::Faults;
use eczflow::wire::{Connector, Grant, SendError, Tokens};
use serde_json::json;

use crate::flows;
use crate::stage::Stage;
use crate::support::server::{Authority, Received, Reply, Server, answer, lead};

const API: &str = "eu.payments.example";
const LOGIN: &str = "login.payments.example";
const REFUND: &str = r#"{"id":"R1","state":"pending","charge":"C3","amount":25.5}"#;
const TOKEN: &str = r#"{"access_token":"t0ken-s3cret","token_type":"Bearer","expires_in":3600}"#;

/// One way to authenticate.
struct Case {
    scheme: &'static str,
    auth: &'static str,
    secrets: Vec<(&'static str, String)>,
}

impl Case {
    /// The refund flow with payments' document and block changed to it.
    fn plan(&self) -> Verified<Plan> {
        let text = include_str!("../../examples/refund/refund.eczflow");
        let declared: String =
            self.secrets.iter().map(|(name, _)| format!("secret {name} for payments\n")).collect();
        let line = |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
        let text = text.replace(line("secret payments_token"), &declared).replace(line("auth "), self.auth);
        let mut files = flows::refund_files(Some(&text));
        let document = include_str!("../../examples/refund/apis/payments.openapi.json");
        let scheme = document.lines().find(|line| line.trim_start().starts_with("\"token\":")).unwrap();
        files.insert(
            "apis/payments.openapi.json",
            document.replace(scheme, &format!("\"token\": {}", self.scheme)),
        );
        flows::compile(files)
    }
}

/// Keeps what an observer is shown.
#[derive(Default)]
struct Heard(std::sync::Mutex<String>);

impl Observer for Heard {
    fn recorded(&self, record: &eczflow::audit::Record, event: &Event) {
        self.0.lock().unwrap().push_str(&format!("{record:?} {event:?}\n"));
    }
}

/// Runs a case once to its success and once to a 401: what the api received, and how often the token endpoint was asked.
async fn both(case: Case, authority: Authority, mutual: bool) -> (Vec<Received>, Vec<Received>) {
    let asked = AtomicUsize::new(0);
    let acceptor = authority.tls(API, &[b"http/1.1"], mutual);
    let server = Server::at("127.0.0.1:0", acceptor, move |_, _| {
        Reply::Answer(match asked.fetch_add(1, Ordering::SeqCst) {
            0 => answer(201, &["content-type: application/json"], REFUND),
            _ => answer(401, &[], ""),
        })
    });
    let server = server.await.unwrap();
    let login = Server::start(&authority, LOGIN, |_, _| {
        Reply::Answer(answer(200, &["content-type: application/json"], TOKEN))
    })
    .await;
    let heard = Arc::new(Heard::default());
    let change = |config: &mut Config| {
        lead(config, API, server.address, Some(&authority));
        lead(config, LOGIN, login.address, None);
        config.secrets = case
            .secrets
            .iter()
            .map(|(name, value)| {
                let command = ["printf", "%s", value].map(str::to_owned);
                ((*name).to_owned(), SecretSource::Command(command.into()))
            })
            .collect();
    };
    let stage = Stage::at(case.plan(), Faults::default(), change, Arc::new(SystemClock), heard.clone()).await;
    let inputs = || json!({"ticket_id": "T3", "limit": 500});
    let done = stage.run(inputs()).await;
    assert_eq!(done.phase, Phase::Finished(Status::Succeeded), "{}: {:?}", case.auth, done.failure);
    let refused = stage.run(inputs()).await;
    assert_eq!(refused.phase, Phase::Finished(Status::Failed), "{}", case.auth);
    stage.audit(&done);
    stage.audit(&refused);

    // Everything that was written or could be printed.
    let mut all = format!("{done:?} {refused:?} {}", heard.0.lock().unwrap()).into_bytes();
    for run in [&done, &refused] {
        all.extend(stage.bundle(run));
    }
    for entry in stage.store_folder().read_dir().unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap_or_default());
    }
    assert!(all.windows(8).any(|bytes| bytes == b"/refunds"), "there is something to look at");
    for (name, value) in
        case.secrets.iter().map(|(name, value)| (*name, value.as_str())).chain([("token", "t0ken-s3cret")])
    {
        // Of a PEM, the key.
        let inner =
            value.split_once("PRIVATE KEY-----\n").map_or(value, |(_, key)| key.lines().next().unwrap());
        for form in [inner.to_owned(), encode_base64(inner.as_bytes()), inner.replace(' ', "%20")] {
            let found = all.windows(form.len()).any(|bytes| bytes == form.as_bytes());
            assert!(!found, "{}: `{name}` was written", case.auth);
        }
    }
    (server.ledger(), login.ledger())
}

#[tokio::test(flavor = "multi_thread")]
async fn bearer_basic_and_keys_stand_where_the_document_says() {
    let value = || "s3cret value+1".to_owned();
    let one = || vec![("payments_token", value())];
    type Place = fn(&Received) -> Option<String>;
    let cases: [(Case, Place, &str); 5] = [
        (
            Case {
                scheme: r#"{ "type": "http", "scheme": "bearer" }"#,
                auth: "  auth bearer secret.payments_token",
                secrets: one(),
            },
            |received| received.header("authorization").map(str::to_owned),
            "Bearer s3cret value+1",
        ),
        (
            Case {
                scheme: r#"{ "type": "http", "scheme": "basic" }"#,
                auth: "  auth basic secret.payments_user secret.payments_word",
                secrets: vec![("payments_user", "us3r-name".into()), ("payments_word", value())],
            },
            |received| received.header("authorization").map(str::to_owned),
            // Python: base64.b64encode(b"us3r-name:s3cret value+1")
            "Basic dXMzci1uYW1lOnMzY3JldCB2YWx1ZSsx",
        ),
        (
            Case {
                scheme: r#"{ "type": "apiKey", "in": "header", "name": "X-Api-Key" }"#,
                auth: "  auth key secret.payments_token",
                secrets: one(),
            },
            |received| received.header("x-api-key").map(str::to_owned),
            "s3cret value+1",
        ),
        (
            Case {
                scheme: r#"{ "type": "apiKey", "in": "query", "name": "api_key" }"#,
                auth: "  auth key secret.payments_token",
                secrets: one(),
            },
            |received| Some(received.target.clone()),
            "/refunds?api_key=s3cret%20value%2B1",
        ),
        (
            Case {
                scheme: r#"{ "type": "apiKey", "in": "cookie", "name": "session" }"#,
                auth: "  auth key secret.payments_token",
                secrets: vec![("payments_token", "s3cret-cookie".into())],
            },
            |received| received.header("cookie").map(str::to_owned),
            "session=s3cret-cookie",
        ),
    ];
    for (case, place, expected) in cases {
        let auth = case.auth;
        let (received, tokens) = both(case, Authority::new(), false).await;
        assert_eq!(received.len(), 2, "{auth}");
        assert!(
            received.iter().all(|received| place(received).as_deref() == Some(expected)),
            "{auth}: {received:?}"
        );
        assert!(
            received
                .iter()
                .all(|received| !received.header("signature-input").unwrap().contains("\"@query\""))
        );
        assert_eq!(tokens, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_asked_for_with_its_scopes_and_audience() {
    let case = Case {
        scheme: r#"{ "type": "oauth2", "flows": { "clientCredentials":
            { "tokenUrl": "https://login.payments.example/token", "scopes": { "refunds": "", "read all": "" } } } }"#,
        auth: "  auth oauth2 secret.payments_client secret.payments_secret {\n    token \"https://login.payments.example\"\n    scopes \"refunds\"\n    audience \"https://payments.example\"\n  }",
        secrets: vec![("payments_client", "cl1ent:id".into()), ("payments_secret", "s3cret word".into())],
    };
    let (received, tokens) = both(case, Authority::new(), false).await;
    assert!(received.iter().all(|received| received.header("authorization") == Some("Bearer t0ken-s3cret")));
    // One for each run: credentials are read anew.
    assert_eq!((received.len(), tokens.len()), (2, 2));
    let asked = &tokens[0];
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/token"));
    // Python: base64.b64encode(b"cl1ent%3Aid:s3cret%20word")
    assert_eq!(asked.header("authorization"), Some("Basic Y2wxZW50JTNBaWQ6czNjcmV0JTIwd29yZA=="));
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        String::from_utf8_lossy(&asked.body),
        "grant_type=client_credentials&scope=refunds&audience=https%3A%2F%2Fpayments.example"
    );
}

fn mutual(pem: String) -> Case {
    Case {
        scheme: r#"{ "type": "mutualTLS" }"#,
        auth: "  auth certificate secret.payments_pem",
        secrets: vec![("payments_pem", pem)],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown_and_an_expired_one_ends_the_run_before_its_first_step() {
    let authority = Authority::new();
    let case = mutual(authority.client(2090));
    assert_eq!(both(case, authority, true).await.0.len(), 2);

    let authority = Authority::new();
    let (right, other) = (authority.client(2090), authority.client(2090));
    let (certificate, _) = right.split_once("-----BEGIN PRIVATE").unwrap();
    let (_, key) = other.split_once("-----BEGIN PRIVATE").unwrap();
    for (pem, words) in [
        (authority.client(2021), "expired at 2021-01-01"),
        (format!("{certificate}-----BEGIN PRIVATE{key}"), "do not belong together"),
        (certificate.to_owned(), "no unencrypted private key"),
    ] {
        let case = mutual(pem);
        let source = SecretSource::Command(["printf", "%s", &case.secrets[0].1].map(str::to_owned).into());
        let stage = Stage::with(case.plan(), Faults::default(), |config| {
            config.secrets.insert("payments_pem".into(), source);
        })
        .await;
        let error = stage.try_run(serde_json::Map::new()).await.unwrap_err();
        assert_eq!(error.code(), "ER1022");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(stage.ledger().report().requests.len(), 0);
    }
}

/// A server that does not take our certificate says so after our side of the handshake: it is no effect all the same.
/// On one thread, so that the request goes out before the alert is read: the other way round nobody is told the reason.
#[tokio::test]
async fn a_certificate_that_the_server_refuses_is_named() {
    let (authority, other) = (Authority::new(), Authority::new());
    let acceptor = authority.tls(API, &[b"http/1.1"], true);
    let server =
        Server::at("127.0.0.1:0", acceptor, |_, _| Reply::Answer(answer(201, &[], REFUND))).await.unwrap();
    for pem in [None, Some(other.client(2090))] {
        let connector = Connector::new(&server.config(&authority, API)).unwrap();
        let pem = pem.map(|pem| eczflow::wire::ClientCertificate::from_pem(&Secret::new(pem)).unwrap());
        let known = pem.is_some();
        let request = eczflow::wire::Request {
            certificate: pem.map(Arc::new),
            ..eczflow::wire::Request::new("POST", format!("https://{API}/refunds").parse().unwrap())
        };
        let error = connector.send(request).await.unwrap_err();
        let words = if known { "our client certificate" } else { "the server asks for a client certificate" };
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.code(), "ER3024");
    }
    assert_eq!(server.ledger(), []);
}

/// Which of the two is first is up to the machine; either way the effect is known not to be.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_the_server_refuses_is_never_an_unknown_effect() {
    let authority = Authority::new();
    let acceptor = authority.tls(API, &[b"http/1.1"], true);
    let script = |_: usize, _: &_| Reply::Answer(answer(201, &[], REFUND));
    let server = Server::at("127.0.0.1:0", acceptor, script).await.unwrap();
    let connector = Connector::new(&server.config(&authority, API)).unwrap();
    for _ in 0..40 {
        let to = format!("https://{API}/refunds").parse().unwrap();
        let error = connector.send(eczflow::wire::Request::new("POST", to)).await.unwrap_err();
        assert!(matches!(error, eczflow::wire::SendError::NotSent { .. }), "{error}");
    }
    assert_eq!(server.ledger(), []);
}

fn grant() -> Grant {
    Grant {
        token_url: format!("https://{LOGIN}/token").parse().unwrap(),
        client_id: Arc::new(Secret::new("cl1ent".into())),
        client_secret: Arc::new(Secret::new("s3cret".into())),
        scopes: vec!["refunds".into()],
        audience: None,
        connect_ms: 5_000,
        attempt_ms: 10_000,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_kept_renewed_in_time_and_asked_for_once_at_a_time() {
    let authority = Authority::new();
    let server = Server::start(&authority, LOGIN, |number, _| {
        let body = TOKEN.replace("t0ken", &format!("t{number}"));
        Reply::Answer(answer(200, &["content-type: application/json"], &body))
    })
    .await;
    let connector = Connector::new(&server.config(&authority, LOGIN)).unwrap();
    let (clock, tokens, grant) = (VirtualClock::new(Timestamp(0)), Tokens::default(), grant());
    let get = async || tokens.get("payments", &grant, &connector, &clock).await.unwrap();
    let (first, same) = tokio::join!(get(), get());
    assert_eq!((first.expose(), same.expose()), ("t0-s3cret", "t0-s3cret"));
    clock.set(Timestamp(3_569_999));
    assert_eq!(get().await.expose(), "t0-s3cret");
    // 30 seconds before its end.
    clock.set(Timestamp(3_570_000));
    let second = get().await;
    assert_eq!(second.expose(), "t1-s3cret");
    // An older one that was refused late does not drop the new one.
    tokens.forget("payments", &first).await;
    assert_eq!(get().await.expose(), "t1-s3cret");
    tokens.forget("payments", &second).await;
    tokens.forget("payments", &second).await;
    assert_eq!(get().await.expose(), "t2-s3cret");
    assert_eq!(server.ledger().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_had_says_why_and_whether_it_may_pass() {
    let authority = Authority::new();
    let server = Server::start(&authority, LOGIN, |number, _| match number {
        0 => Reply::Answer(answer(503, &[], "")),
        1 => Reply::Answer(answer(429, &[], "")),
        2 => Reply::Close,
        3 => Reply::Answer(answer(401, &[], r#"{"error":"invalid_client","error_description":"s3cret"}"#)),
        4 => Reply::Answer(answer(302, &["location: https://elsewhere.example/"], "")),
        _ => Reply::Answer(answer(200, &["content-type: text/html"], "<html>s3cret</html>")),
    })
    .await;
    let connector = Connector::new(&server.config(&authority, LOGIN)).unwrap();
    let (clock, tokens, grant) = (VirtualClock::new(Timestamp(0)), Tokens::default(), grant());
    for (code, words) in [
        ("ER3026", "answered 503"),
        ("ER3026", "answered 429"),
        ("ER3026", "gave no answer: the connection ended"),
        ("ER3027", "refused with `invalid_client` (401)"),
        ("ER3027", "refused (302)"),
        ("ER3027", "is no token"),
    ] {
        let error = tokens.get("payments", &grant, &connector, &clock).await.err().unwrap();
        assert_eq!((error.code(), error.is_transient()), (code, code == "ER3026"), "{error}");
        let told = format!("{error} {:?} {error:?}", error.help());
        assert!(told.contains(words) && !told.contains("s3cret"), "{told}");
        assert!(matches!(error, SendError::NotSent { .. }));
    }
    assert_eq!(server.ledger().len(), 6);
}

//! What callers must show at a counterparty, whichever way the document says.

use camino::Utf8Path;
use eczflow::base::encode_base64;
use eczflow::plan::{Auth, Secret};
use eczflow::sandbox::{Faults, Options, Sandbox};
use reqwest::header::{AUTHORIZATION, COOKIE};
use serde_json::Value;

use super::world::plan;

const HOST: &str = "support.example";

/// A sandbox whose tickets ask for something, and a client without signatures.
struct Door {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Door {
    async fn with(auth: Vec<Auth>, faults: &[&str]) -> Door {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = plan();
        for secret in auth.iter().flat_map(Auth::secrets) {
            plan.secrets.insert(secret.into(), Secret { audience: "support".into() });
        }
        plan.apis.get_mut("support").unwrap().auth = auth;
        let faults: Vec<String> = faults.iter().map(|fault| (*fault).to_owned()).collect();
        let faults = Faults::parse(&faults, &[], &[], None).unwrap();
        let options = Options { faults, accept_unsigned: true, ..Options::default() };
        let path = Utf8Path::from_path(folder.path()).unwrap().join("sandbox");
        let sandbox = Sandbox::start(&plan, options, &path).await.unwrap();
        Door { sandbox, folder }
    }

    /// A secret's value, as the configuration leads to it.
    fn secret(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("sandbox").join(file)).unwrap()
    }

    fn client(&self, identity: Option<String>) -> reqwest::Client {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let ca = reqwest::Certificate::from_pem(self.secret("ca.pem").as_bytes()).unwrap();
        let mut client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy();
        for (origin, address) in self.sandbox.origins() {
            client = client.resolve(origin.strip_prefix("https://").unwrap(), *address);
        }
        if let Some(pem) = identity {
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        client.build().unwrap()
    }

    fn url(&self, host: &str, target: &str) -> String {
        format!("https://{host}:{}{target}", self.sandbox.origins()[&format!("https://{host}")].port())
    }

    fn ticket(&self, query: &str) -> reqwest::RequestBuilder {
        self.client(None).get(self.url(HOST, &format!("/tickets/T1{query}"))).header("host", HOST)
    }

    async fn token(&self) -> (u16, Value) {
        let basic = format!("{}:{}", self.secret("id.token"), self.secret("password.token"));
        let request =
            self.client(None).post(self.url("id.example", "/oauth/token")).header("host", "id.example");
        let request = request.header(AUTHORIZATION, format!("Basic {}", encode_base64(basic.as_bytes())));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body("grant_type=client_credentials&scope=read").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_password_or_a_key_is_due_where_the_document_says() {
    let auth = Auth::Basic { user: "user".into(), password: Some("password".into()) };
    let door = Door::with(vec![auth], &[]).await;
    let refused = door.ticket("").send().await.unwrap();
    assert_eq!(refused.headers()["www-authenticate"], "Basic realm=\"sandbox\"");
    assert_eq!(refused.status(), 401);
    let pair = |user: &str, password: &str| {
        format!("Basic {}", encode_base64(format!("{user}:{password}").as_bytes()))
    };
    let (user, password) = (door.secret("user.token"), door.secret("password.token"));
    assert_eq!(status(door.ticket("").header(AUTHORIZATION, pair(&user, &user))).await, 401);
    assert_eq!(status(door.ticket("").header(AUTHORIZATION, pair(&user, &password))).await, 200);

    // Two schemes together: a key in the query and one in a cookie.
    let key = |location: &str, name: &str| Auth::ApiKey {
        secret: location.into(),
        location: location.into(),
        name: name.into(),
    };
    let door = Door::with(vec![key("query", "api_key"), key("cookie", "session")], &[]).await;
    let (own, cookie) = (door.secret("query.token"), format!("session={}", door.secret("cookie.token")));
    let query = format!("?api_key={own}");
    assert_eq!(status(door.ticket(&query)).await, 401);
    assert_eq!(status(door.ticket("?api_key=guess").header(COOKIE, &cookie)).await, 401);
    assert_eq!(status(door.ticket(&query).header(COOKIE, &cookie)).await, 200);
    let report = serde_json::to_string(&door.sandbox.ledger().report()).unwrap();
    assert!(
        report.contains("/tickets/T1") && !report.contains("api_key=") && !report.contains(&own),
        "{report}"
    );
}

#[tokio::test]
async fn tokens_come_from_the_token_endpoint_and_expire_on_demand() {
    let auth = Auth::OAuth2 {
        client_id: "id".into(),
        client_secret: "password".into(),
        token_url: "https://id.example/oauth/token".into(),
        scopes: vec!["read".into()],
        audience: None,
    };
    let door = Door::with(vec![auth], &["support.getTicket=expiredx1", "support.@token=503x1"]).await;
    assert_eq!(status(door.ticket("").bearer_auth("guess")).await, 401);
    assert_eq!(door.token().await.0, 503);
    let token = async || door.token().await.1["access_token"].as_str().unwrap().to_owned();
    let first = token().await;
    let refused = door.ticket("").bearer_auth(&first).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert_eq!(status(door.ticket("").bearer_auth(&first)).await, 401, "it stays expired");
    assert_eq!(status(door.ticket("").bearer_auth(token().await)).await, 200);
    // Asking for tokens is no request of a step.
    let report = door.sandbox.ledger().report();
    let tokens = report.requests.iter().filter(|entry| entry.operation.as_deref() == Some("support.@token"));
    assert!(tokens.clone().count() == 3 && tokens.clone().all(|entry| entry.request.is_none()));
    assert_eq!(report.requests.iter().filter_map(|entry| entry.request).max(), Some(4));
}

#[tokio::test]
async fn a_client_certificate_is_due_and_is_issued_by_the_sandbox() {
    let door = Door::with(vec![Auth::MutualTls { secret: "client".into() }], &[]).await;
    assert_eq!(status(door.ticket("")).await, 401);
    let ask = |identity| {
        let request = door.client(Some(identity)).get(door.url(HOST, "/tickets/T1"));
        status(request.header("host", HOST))
    };
    assert_eq!(ask(door.secret("client.pem")).await, 200);
    // Of another sandbox: the handshake ends.
    let other = Door::with(vec![Auth::MutualTls { secret: "client".into() }], &[]).await;
    let stranger = door.client(Some(other.secret("client.pem")));
    assert!(stranger.get(door.url(HOST, "/tickets/T1")).header("host", HOST).send().await.is_err());
}

//! The one way out: https only, no redirects, no retries, no proxies of the client's own, the address checked that is
//! actually connected to, everything bounded.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::Instant;
use url::{Host, Url};

use super::address::AddressPolicy;
use super::certificate::ClientCertificate;
use super::coding::{ACCEPT_ENCODING, Coding, CodingError};
use super::credential::{self, Credential};
use super::failure::{AddressError, ConnectorError, NotSent, SendError, Unknown};
use crate::base::{Digest, limits};
use crate::config::Config;

/// The most clients kept; more hosts than that and all start anew.
const CLIENTS: usize = 256;
/// The most header fields of an answer.
const HEADERS: usize = 100;
/// The largest header section of an answer that is kept, bytes of names and values.
const HEADER_BYTES: u32 = 64 << 10;

/// One request.
pub struct Request {
    /// Upper-case method.
    pub method: String,
    /// An `https` URL.
    pub url: Url,
    /// Names and values, in the order they are to be sent. `Host` and `Content-Length` are added.
    pub headers: Vec<(String, String)>,
    /// What proves who is calling: added at the last moment.
    pub credentials: Vec<Credential>,
    /// Our side of mutual TLS.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// Whether the answer may come compressed.
    pub compressed: bool,
    /// The body; `None` and empty send none.
    pub body: Option<Vec<u8>>,
    /// Bound on resolving, connecting and TLS together, milliseconds.
    pub connect_ms: u64,
    /// Bound on the whole attempt, the answer's body included, milliseconds.
    pub attempt_ms: u64,
    /// Largest body of the answer, bytes, decompressed.
    pub response_bytes: usize,
    /// Whether it must have a connection of its own. An effect without a key must: on a reused connection the client
    /// below would send again what it takes for unsent.
    pub fresh_connection: bool,
}

impl Request {
    /// A request without headers and body, with the bounds that hold by default.
    pub fn new(method: impl Into<String>, url: Url) -> Request {
        Request {
            method: method.into(),
            url,
            headers: Vec::new(),
            credentials: Vec::new(),
            certificate: None,
            compressed: false,
            body: None,
            connect_ms: 5_000,
            attempt_ms: 30_000,
            response_bytes: 16 << 20,
            fresh_connection: false,
        }
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers carry secrets, paths and bodies low-entropy values.
        write!(f, "Request({} {})", self.method, self.url.origin().ascii_serialization())
    }
}

/// A whole answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Lower-case names and values, in their order; bytes beyond ASCII are read as Latin-1.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed. A `Content-Digest` among the headers is that of the bytes as they came (RFC 9530 section 2).
    pub body: Vec<u8>,
    /// From the start of sending to the end of the body, milliseconds.
    pub elapsed_ms: u64,
}

impl Answer {
    /// The value of a field that stands there once; `None` where it stands there not at all or more than once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name);
        let first = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() { None } else { first }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Makes connections and sends requests. Shared by everything that speaks to the outside.
pub struct Connector {
    policy: Arc<AddressPolicy>,
    origins: BTreeMap<String, SocketAddr>,
    tls: rustls::ClientConfig,
    clients: Mutex<BTreeMap<ClientKey, reqwest::Client>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ClientKey {
    authority: String,
    connect_ms: u64,
    fresh: bool,
    pinned: Option<SocketAddr>,
    http1: bool,
    certificate: Option<Digest>,
}

impl Connector {
    /// A connector for `[allow]`, `[origins]` and `[tls]` of a configuration.
    pub fn new(config: &Config) -> Result<Connector, ConnectorError> {
        Ok(Connector {
            policy: Arc::new(AddressPolicy::new(config.allow_private.clone())),
            origins: config.origins.clone(),
            tls: {
                let mut tls = tls(config)?;
                // The server chooses; what offers nothing gets HTTP/1.1.
                tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                tls
            },
            clients: Mutex::default(),
        })
    }

    /// Sends a request once and reads the whole answer. Never follows, never resends.
    pub async fn send(&self, request: Request) -> Result<Answer, SendError> {
        let started = Instant::now();
        let attempt = Duration::from_millis(request.attempt_ms);
        // Below the bound of the attempt, so that a connection that never stands is told as such.
        let connect_ms = request.connect_ms.min(request.attempt_ms.saturating_sub(1)).max(1);
        let (limit, compressed) = (request.response_bytes, request.compressed);
        let prepared = self.prepare(request, connect_ms)?;
        let exchange = async {
            let response = prepared.send().await;
            let response = response.map_err(|error| SendError::of_request(&error, connect_ms))?;
            read(response, limit, compressed).await
        };
        let mut outcome = match tokio::time::timeout(attempt, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let words = format!("no whole answer within {} ms", attempt.as_millis());
                Err(SendError::unknown(Unknown::Timeout, words))
            }
        };
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &mut outcome {
            Ok(answer) => answer.elapsed_ms = elapsed_ms,
            Err(SendError::TooLarge { answer, .. } | SendError::Unreadable { answer, .. }) => {
                answer.elapsed_ms = elapsed_ms;
            }
            Err(_) => {}
        }
        outcome
    }

    fn prepare(&self, request: Request, connect_ms: u64) -> Result<reqwest::RequestBuilder, SendError> {
        let refuse = |words: &str| SendError::not_sent(NotSent::Request, words);
        let mut url = request.url;
        if url.scheme() != "https" {
            return Err(refuse("only `https` is spoken"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a URL may not carry a user name or password"));
        }
        url.set_fragment(None);
        let port = url.port_or_known_default().unwrap_or(443);
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err(refuse("a URL needs a host")),
        };
        // The client below asks its resolver for names only.
        if let Some(ip) = literal
            && !self.policy.allows(SocketAddr::new(ip, port))
        {
            let words = AddressError::Refused(ip).to_string();
            return Err(SendError::not_sent(NotSent::RefusedAddress, words));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("a header has no valid name"))?;
            let value = HeaderValue::from_str(value).map_err(|_| refuse("a header has no valid value"))?;
            if ["host", "content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
                return Err(refuse("a header is the connection's own"));
            }
            headers.append(name, value);
        }
        if request.compressed {
            headers.insert(reqwest::header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPT_ENCODING));
        }
        credential::add(&request.credentials, &mut url, &mut headers)?;
        let pinned = self.origins.get(&url.origin().ascii_serialization()).copied();
        // A port of the URL's own wins over the resolver's, and an address is not resolved at all. Then the URL has to name the
        // port that is connected to, which HTTP/2 would send as the authority; in HTTP/1.1 `Host` keeps the origin's name.
        let rewritten = pinned.filter(|_| url.port().is_some() || literal.is_some());
        if let Some(address) = rewritten {
            let host = HeaderValue::from_str(&authority(&url)).map_err(|_| refuse("a URL needs a host"))?;
            headers.insert(reqwest::header::HOST, host);
            url.set_port(Some(address.port())).map_err(|()| refuse("a URL needs a host"))?;
        }
        let connected = Pinned { port: url.port_or_known_default().unwrap_or(443), address: pinned };
        let key = ClientKey {
            authority: authority(&url),
            connect_ms,
            fresh: request.fresh_connection,
            pinned,
            http1: rewritten.is_some(),
            certificate: request.certificate.as_ref().map(|certificate| certificate.id()),
        };
        let client = self.client(key, connected, request.certificate.as_deref())?;
        let method = reqwest::Method::from_bytes(request.method.as_bytes());
        let method = method.map_err(|_| refuse("the method is no token"))?;
        let mut builder = client.request(method, url).headers(headers);
        if let Some(body) = request.body.filter(|body| !body.is_empty()) {
            builder = builder.body(body);
        }
        Ok(builder)
    }

    /// The client for an authority. One each, because its resolver must know the port that is connected to, and because a
    /// connection made with one certificate must not serve who has another or none.
    fn client(
        &self,
        key: ClientKey,
        connected: Pinned,
        certificate: Option<&ClientCertificate>,
    ) -> Result<reqwest::Client, SendError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let resolver = AddressResolver { policy: Arc::clone(&self.policy), connected };
        let mut tls = self.tls.clone();
        if let Some(certificate) = certificate {
            tls.client_auth_cert_resolver = certificate.resolver();
        }
        if key.http1 {
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_max_headers(HEADERS)
            .http2_max_header_list_size(HEADER_BYTES)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .dns_resolver(resolver)
            .connect_timeout(Duration::from_millis(key.connect_ms))
            .user_agent(concat!("eczflow/", env!("CARGO_PKG_VERSION")));
        let builder = if key.http1 { builder.http1_only() } else { builder };
        let builder = if key.fresh { builder.pool_max_idle_per_host(0) } else { builder };
        let client = builder.build().map_err(|_| {
            SendError::not_sent(NotSent::Request, "the HTTP client could not be made for this host")
        })?;
        if clients.len() >= CLIENTS {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("origins", &self.origins).finish_non_exhaustive()
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

async fn read(mut response: reqwest::Response, limit: usize, compressed: bool) -> Result<Answer, SendError> {
    let status = response.status().as_u16();
    let mut size = 0;
    let mut headers = Vec::new();
    for (name, value) in response.headers() {
        size += name.as_str().len() + value.len();
        headers.push((name.as_str().to_owned(), value.as_bytes().iter().copied().map(char::from).collect()));
    }
    // Over HTTP/2 the number of fields is bounded by their size alone.
    if u32::try_from(size).is_ok_and(|size| size > HEADER_BYTES) || headers.len() > HEADERS {
        return Err(SendError::unknown(Unknown::Reset, "the header section of the answer is too large"));
    }
    let mut answer = Answer { status, headers, body: Vec::new(), elapsed_ms: 0 };
    let fields = answer.headers.iter().filter(|(name, _)| name == "content-encoding");
    let coding = Coding::of(fields.map(|(_, value): &(String, String)| value.as_str()));
    let unreadable = |answer: Answer, reason: String| {
        let answer = Box::new(Answer { body: Vec::new(), ..answer });
        Err(SendError::Unreadable { answer, reason })
    };
    // Few bytes more than they stand for, where nothing can be compressed.
    let most = limit.saturating_add(limit / 1000).saturating_add(1 << 10);
    let most = if coding == Ok(Coding::Identity) { limit } else { most };
    let announced = response.content_length().unwrap_or(0);
    let mut whole = false;
    if usize::try_from(announced).is_ok_and(|announced| announced <= most) {
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if answer.body.len().saturating_add(chunk.len()) > most => break,
                Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
                Ok(None) => {
                    whole = true;
                    break;
                }
                Err(_) => {
                    let words = "the connection ended within the answer";
                    return Err(SendError::unknown(Unknown::Reset, words));
                }
            }
        }
    }
    let coded = std::mem::take(&mut answer.body);
    if !whole {
        return Err(SendError::TooLarge { answer: Box::new(answer), limit });
    }
    let coding = match coding {
        Ok(coding) if compressed || coding == Coding::Identity || coded.is_empty() => coding,
        Ok(coding) => {
            return unreadable(answer, format!("came as `{}`, which was not asked for", coding.as_str()));
        }
        Err(_) if coded.is_empty() => Coding::Identity,
        Err(names) => {
            return unreadable(answer, format!("came in the content coding `{names}`, which is not read"));
        }
    };
    match coding.decode(coded, limit) {
        Ok(body) => Ok(Answer { body, ..answer }),
        Err(CodingError::TooLarge) => Err(SendError::TooLarge { answer: Box::new(answer), limit }),
        Err(CodingError::Broken) => unreadable(answer, format!("is no whole `{}`", coding.as_str())),
    }
}

/// What a client connects to.
#[derive(Clone, Copy)]
struct Pinned {
    port: u16,
    address: Option<SocketAddr>,
}

/// Resolves names and leaves only addresses that may be connected to.
struct AddressResolver {
    policy: Arc<AddressPolicy>,
    connected: Pinned,
}

impl Resolve for AddressResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, connected) = (Arc::clone(&self.policy), self.connected);
        Box::pin(async move {
            let found: Vec<SocketAddr> = match connected.address {
                Some(address) => vec![address],
                None => match tokio::net::lookup_host((name.as_str(), connected.port)).await {
                    Ok(addresses) => addresses.collect(),
                    Err(error) => return Err(AddressError::Unresolved(words(&error)).into()),
                },
            };
            let refused = found.iter().find(|address| !policy.allows(**address)).copied();
            let fit: Vec<SocketAddr> = found.into_iter().filter(|address| policy.allows(*address)).collect();
            match refused {
                Some(address) if fit.is_empty() => Err(AddressError::Refused(address.ip()).into()),
                None if fit.is_empty() => Err(AddressError::Unresolved("it has no address".into()).into()),
                _ => Ok(Box::new(fit.into_iter()) as Addrs),
            }
        })
    }
}

fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}

fn tls(config: &Config) -> Result<rustls::ClientConfig, ConnectorError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let platform = |error: rustls::Error| ConnectorError::Platform(error.to_string());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(platform)?;
    let Some(path) = &config.tls_ca else {
        let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(platform)?;
        // "Dangerous" only by its name: this is the platform's own verifier.
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        return Ok(builder.with_no_client_auth());
    };
    let refuse = |reason: String| ConnectorError::Authorities { path: path.clone(), reason };
    let file = std::fs::File::open(path).map_err(|error| refuse(error.to_string()))?;
    let pem = crate::source::read_bounded(path, file, limits::CONFIG_BYTES);
    let pem = pem.map_err(|error| refuse(error.to_string()))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| refuse("it is not PEM".into()))?;
        roots.add(certificate).map_err(|_| refuse("it holds a certificate that cannot be read".into()))?;
    }
    if roots.is_empty() {
        return Err(refuse("it holds no certificate".into()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(name: &str, policy: AddressPolicy) -> Result<Vec<SocketAddr>, AddressError> {
        let connected = Pinned { port: 4433, address: None };
        let resolver = AddressResolver { policy: Arc::new(policy), connected };
        let found = resolver.resolve(name.parse().unwrap()).await;
        found.map(Iterator::collect).map_err(|error| *error.downcast::<AddressError>().unwrap())
    }

    /// What the client makes of a name without addresses is told apart from everything else: no effect, and it may pass.
    #[tokio::test]
    async fn a_name_that_is_gone_is_not_sent_and_may_be_tried_again() {
        struct Gone;
        impl Resolve for Gone {
            fn resolve(&self, _: Name) -> Resolving {
                Box::pin(async { Err(AddressError::Unresolved("Name or service not known".into()).into()) })
            }
        }
        let tls =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let tls = tls.with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .dns_resolver(Gone)
            .build()
            .unwrap();
        let error = client.get("https://support.example/x").send().await.unwrap_err();
        let error = SendError::of_request(&error, 1_000);
        assert_eq!(
            error.to_string(),
            "not sent: the host name could not be resolved: Name or service not known"
        );
        assert_eq!((crate::base::Explained::code(&error), error.is_transient()), ("ER3021", true));
    }

    #[tokio::test]
    async fn names_lead_to_allowed_addresses_only() {
        let error = resolve("localhost", AddressPolicy::default()).await.unwrap_err();
        assert!(matches!(error, AddressError::Refused(ip) if ip.is_loopback()));
        let one = AddressPolicy::new(vec!["127.0.0.1:4433".parse().unwrap()]);
        assert_eq!(resolve("localhost", one).await.unwrap(), ["127.0.0.1:4433".parse().unwrap()]);
        // No label may be longer than 63 bytes: refused by the machine's own resolver, which asks nobody.
        let long = resolve(&format!("{}.invalid", "a".repeat(64)), AddressPolicy::default()).await;
        assert!(matches!(long.unwrap_err(), AddressError::Unresolved(_)));
    }
}

//! A scripted HTTPS server on loopback with a certificate authority of its own: it counts connections and bytes, keeps
//! every request, and answers, hangs or hangs up as its script says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use camino::Utf8PathBuf;
use eczflow::config::Config;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A test authority; its certificate lies in a folder that goes away with it.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Authority { issuer: Issuer::new(params, key), folder }
    }

    pub(crate) fn file(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.folder.path().join("ca.pem")).unwrap()
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        self.tls(name, &[b"http/1.1"], false)
    }

    /// A PEM with a chain and a key, from 2020 to the given year.
    pub(crate) fn client(&self, until: i32) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["acme.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        format!("{}{}", certificate.pem(), key.serialize_pem())
    }

    /// A server's side of TLS that speaks these protocols and, where asked, wants a certificate of this authority.
    pub(crate) fn tls(&self, name: &str, protocols: &[&[u8]], clients: bool) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = if clients {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(self.file()).unwrap()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let mut config = config
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) connection: usize,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// What a script does with a request.
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Answer(Vec<u8>),
    /// Sends these bytes and closes the connection without announcing it.
    AnswerAndClose(Vec<u8>),
    /// Closes the connection without an answer.
    Close,
    /// Sends nothing until the client gives up.
    Hang,
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Any\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    ledger: Mutex<Vec<Received>>,
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    /// Serves as `name`; the script sees each request with its number from 0.
    pub(crate) async fn start(
        authority: &Authority,
        name: &str,
        script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static,
    ) -> Server {
        Server::at("127.0.0.1:0", authority.acceptor(name), script).await.unwrap()
    }

    /// Serves at an address; an error where the machine has no such address.
    pub(crate) async fn at(
        address: &str,
        acceptor: TlsAcceptor,
        script: impl Fn(usize, &Received) -> Reply + Send + Sync + 'static,
    ) -> std::io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let (script, shared) = (Arc::new(script), Arc::clone(&state));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = shared.connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, script, state) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&shared));
                tokio::spawn(async move { serve(acceptor, stream, connection, &state, &*script).await });
            }
        });
        Ok(Server { address, state })
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn ledger(&self) -> Vec<Received> {
        self.state.ledger.lock().unwrap().clone()
    }

    /// A configuration that trusts the authority, finds `https://NAME` here, and may connect to it.
    pub(crate) fn config(&self, authority: &Authority, name: &str) -> Config {
        let mut config = Config::default();
        lead(&mut config, name, self.address, Some(authority));
        config
    }
}

/// Leads `https://NAME` to an address, and trusts an authority beside those that are trusted already.
pub(crate) fn lead(config: &mut Config, name: &str, address: SocketAddr, authority: Option<&Authority>) {
    config.origins.insert(format!("https://{name}"), address);
    config.allow_private.push(address.to_string().parse().unwrap());
    let Some(authority) = authority else { return };
    let file = match &config.tls_ca {
        None => authority.file(),
        Some(other) => {
            let both = [other, &authority.file()].map(|file| std::fs::read_to_string(file).unwrap());
            let file = authority.file().with_file_name("both.pem");
            std::fs::write(&file, both.concat()).unwrap();
            file
        }
    };
    config.tls_ca = Some(file);
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    connection: usize,
    state: &State,
    script: &(dyn Fn(usize, &Received) -> Reply + Send + Sync),
) {
    let mut stream = match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        // A socket closed with bytes unread is reset, and a reset can overtake the alert: the caller ends first.
        Err((_, mut stream)) => {
            drop(stream.read_to_end(&mut Vec::new()).await);
            return;
        }
    };
    while let Some(received) = read_request(&mut stream, connection).await {
        let number = {
            let mut ledger = state.ledger.lock().unwrap();
            ledger.push(received.clone());
            ledger.len() - 1
        };
        match script(number, &received) {
            Reply::Answer(bytes) => {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Reply::AnswerAndClose(bytes) => {
                drop(stream.write_all(&bytes).await);
                drop(stream.shutdown().await);
                return;
            }
            Reply::Close => return,
            Reply::Hang => {
                drop(stream.read_to_end(&mut Vec::new()).await);
                return;
            }
        }
    }
}

async fn read_request(stream: &mut TlsStream<TcpStream>, connection: usize) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { method, target, headers, body, connection })
}

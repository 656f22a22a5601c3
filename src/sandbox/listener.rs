//! Loopback listeners: plain or TLS, HTTP/1.1 with keep-alive, counted, and able to end a connection rudely.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::SandboxError;
use super::ledger::Traffic;
use crate::base::Digest;

/// Largest request body, bytes (the gateway's limit too).
pub(crate) const BODY_BYTES: usize = 1 << 20;

/// A request with its body read.
pub(crate) struct Received {
    /// Method, target and headers.
    pub(crate) head: Parts,
    /// The body.
    pub(crate) body: Body,
    /// Digest of the client certificate that the TLS handshake verified.
    pub(crate) certificate: Option<Digest>,
}

/// What was read of a body.
pub(crate) enum Body {
    /// All of it.
    Whole(Bytes),
    /// More than [`BODY_BYTES`].
    TooLarge,
    /// The connection broke, or its framing was no HTTP.
    Broken,
}

/// How a request ends.
pub(crate) enum Ending {
    /// With an answer.
    Answer(Response<Full<Bytes>>),
    /// With a TCP reset instead of an answer.
    Reset,
    /// With a closed connection instead of an answer.
    Close,
}

/// What a server does with a request. Dropped, when the caller goes away first.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Handles one request.
    fn handle(self: Arc<Self>, received: Received) -> impl Future<Output = Ending> + Send;
}

/// A listener that is bound but not yet served.
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// Binds a free port of the loopback interface.
pub(crate) async fn bind() -> Result<Bound, SandboxError> {
    bind_to(0).await.map_err(|error| SandboxError::Listen { reason: error.to_string() })
}

/// Binds one port of the loopback interface (0: any free one).
pub(crate) async fn bind_port(port: u16) -> Result<Bound, SandboxError> {
    bind_to(port).await.map_err(|error| SandboxError::Port { port, reason: error.to_string() })
}

async fn bind_to(port: u16) -> io::Result<Bound> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

impl Bound {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` changes or its sender is dropped.
    pub(crate) fn serve<H: Handler>(
        self,
        tls: Option<Arc<ServerConfig>>,
        traffic: Arc<Traffic>,
        handler: Arc<H>,
        mut stop: watch::Receiver<bool>,
    ) -> JoinHandle<()> {
        let acceptor = tls.map(TlsAcceptor::from);
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = self.listener.accept() => accepted,
                    _ = stop.changed() => break,
                    Some(_) = connections.join_next() => continue,
                };
                // A failed accept concerns that connection, or passes (no descriptors free): give others their turn.
                let Ok((stream, _)) = accepted else {
                    tokio::task::yield_now().await;
                    continue;
                };
                traffic.connected();
                let rude = Arc::new(AtomicBool::new(false));
                let stream = Counted { stream, traffic: traffic.clone(), rude: rude.clone() };
                connections.spawn(connection(stream, acceptor.clone(), handler.clone(), rude));
            }
            connections.shutdown().await;
        })
    }
}

async fn connection<H: Handler>(
    stream: Counted,
    acceptor: Option<TlsAcceptor>,
    handler: Arc<H>,
    rude: Arc<AtomicBool>,
) {
    let http = http1::Builder::new();
    let serve = |certificate: Option<Digest>| {
        service_fn(move |request| respond(request, handler.clone(), certificate, rude.clone()))
    };
    // Whatever ends a connection is the caller's doing or a fault asked for: the ledger tells it, nobody is told here.
    let _ended = match acceptor {
        None => http.serve_connection(TokioIo::new(stream), serve(None)).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => {
                let certificates = stream.get_ref().1.peer_certificates();
                let certificate =
                    certificates.and_then(|chain| chain.first()).map(|own| Digest::of(own.as_ref()));
                http.serve_connection(TokioIo::new(stream), serve(certificate)).await
            }
            Err(_) => return,
        },
    };
}

/// A connection is ended without an answer by an error of its service.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox ended this connection")]
struct Ended;

async fn respond<H: Handler>(
    request: Request<Incoming>,
    handler: Arc<H>,
    certificate: Option<Digest>,
    rude: Arc<AtomicBool>,
) -> Result<Response<Full<Bytes>>, Ended> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => Body::Whole(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Body::TooLarge,
        Err(_) => Body::Broken,
    };
    match handler.handle(Received { head, body, certificate }).await {
        Ending::Answer(response) => Ok(response),
        Ending::Close => Err(Ended),
        Ending::Reset => {
            rude.store(true, Ordering::SeqCst);
            Err(Ended)
        }
    }
}

/// A TCP stream whose received bytes are counted, handshake included.
struct Counted {
    stream: TcpStream,
    traffic: Arc<Traffic>,
    rude: Arc<AtomicBool>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.rude.load(Ordering::SeqCst) {
            // Zero linger makes the operating system send RST; where it can't, the connection closes all the same.
            let _sent = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.traffic.received(buffer.filled().len().saturating_sub(before));
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A response with a body.
pub(crate) fn response(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    if let Ok(status) = hyper::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    if let Ok(value) = hyper::header::HeaderValue::from_str(content_type) {
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, value);
    }
    response
}

//! A scripted HTTP/2 server, frame by frame (RFC 9113), so that it can say what libraries don't: that it took nothing.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use super::server::Authority;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a script does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// 200 with this JSON.
    Json(&'static str),
    /// `RST_STREAM` with this code: 7 is `REFUSED_STREAM`.
    Reset(u32),
    /// `GOAWAY` with this code that names the stream before as the last one taken.
    GoAwayBefore(u32),
    /// `GOAWAY` with this code that names this stream as taken; then the connection ends.
    GoAwayAfter(u32),
    /// The connection ends.
    Close,
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    /// The connection of each request, in the order of arrival.
    ledger: Mutex<Vec<usize>>,
}

/// A running server; it ends with the test's runtime.
pub(crate) struct Http2 {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Http2 {
    /// Serves as `name`; the script sees each request's number from 0.
    pub(crate) async fn start(
        authority: &Authority,
        name: &str,
        script: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Http2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, script) = (Arc::new(State::default()), Arc::new(script));
        let (acceptor, shared) = (authority.tls(name, &[b"h2"], false), Arc::clone(&state));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = shared.connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, script, state) = (acceptor.clone(), Arc::clone(&script), Arc::clone(&shared));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
                        drop(serve(stream, connection, &state, &*script).await);
                    }
                });
            }
        });
        Http2 { address, state }
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The connection of each request.
    pub(crate) fn ledger(&self) -> Vec<usize> {
        self.state.ledger.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TlsStream<TcpStream>,
    connection: usize,
    state: &State,
    script: &(dyn Fn(usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    send(&mut stream, SETTINGS, 0, 0, &[]).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        stream.read_exact(&mut vec![0; length]).await?;
        if kind == SETTINGS && flags == 0 {
            send(&mut stream, SETTINGS, 1, 0, &[]).await?;
        }
        if kind != HEADERS {
            continue;
        }
        let number = {
            let mut ledger = state.ledger.lock().unwrap();
            ledger.push(connection);
            ledger.len() - 1
        };
        let go_away = |last: u32, code: u32| [last.to_be_bytes(), code.to_be_bytes()].concat();
        match script(number) {
            Reply::Json(body) => {
                // Indexed `:status: 200`; `content-type` by its index, literal, never indexed (RFC 7541).
                let mut block = vec![0x88, 0x1f, 0x10, 16];
                block.extend_from_slice(b"application/json");
                send(&mut stream, HEADERS, END_HEADERS, id, &block).await?;
                send(&mut stream, DATA, END_STREAM, id, body.as_bytes()).await?;
            }
            Reply::Reset(code) => send(&mut stream, RST_STREAM, 0, id, &code.to_be_bytes()).await?,
            Reply::GoAwayBefore(code) => {
                send(&mut stream, GOAWAY, 0, 0, &go_away(id.saturating_sub(2), code)).await?;
            }
            Reply::GoAwayAfter(code) => {
                send(&mut stream, GOAWAY, 0, 0, &go_away(id, code)).await?;
                return stream.shutdown().await;
            }
            Reply::Close => return Ok(()),
        }
    }
}

async fn send(
    stream: &mut TlsStream<TcpStream>,
    kind: u8,
    flags: u8,
    id: u32,
    payload: &[u8],
) -> std::io::Result<()> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}

//! Opening connections, through a proxy too.

use std::time::Duration;

use bytes::Bytes;
use dendro_net::{Address, ConnectError, Stream, Tls};
use http_body_util::Full;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::answer::shown;

/// The most that an answer's head may have.
const MAX_HEAD_BYTES: usize = 64 << 10;
const MAX_HEADERS: usize = 128;

/// How the server is reached.
pub(super) struct Route {
    pub(super) address: Address,
    pub(super) tls: Option<Tls>,
    pub(super) proxy: Option<Proxy>,
    pub(super) timeout: Duration,
}

#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) address: Address,
    pub(super) authorization: Option<HeaderValue>,
}

/// An open connection. Dropping it closes it.
pub(super) struct Connection {
    pub(super) requests: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Route {
    /// # Errors
    /// There is none, or it took too long.
    pub(super) async fn open(&self) -> Result<Connection, ConnectError> {
        let connected = tokio::time::timeout(self.timeout, self.connect()).await;
        let stream = connected.unwrap_or_else(|_| {
            Err(ConnectError::new(format!("no connection to {} within {:?}", self.address, self.timeout)))
        })?;
        let mut builder = Builder::new();
        builder.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
        let (requests, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| {
            ConnectError::new(format!("no HTTP with {}", self.address)).with_source(error)
        })?;
        // How it ends is what the request sees.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { requests, driver })
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, ConnectError> {
        match (&self.proxy, &self.tls) {
            (None, tls) => self.address.connect(tls.as_ref()).await,
            (Some(proxy), None) => proxy.address.connect(None).await,
            (Some(proxy), Some(tls)) => {
                let mut tcp = proxy.address.connect_tcp().await?;
                proxy.tunnel(&mut tcp, &self.address).await?;
                Ok(Box::new(tls.connect(&self.address.host, tcp).await?))
            }
        }
    }
}

impl Proxy {
    /// Asks for a tunnel (RFC 9110, section 9.3.6).
    async fn tunnel(&self, tcp: &mut TcpStream, to: &Address) -> Result<(), ConnectError> {
        let failed = |error: std::io::Error| {
            ConnectError::new(format!("the proxy {} gave no tunnel to {to}", self.address)).with_source(error)
        };
        let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(authorization.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        tcp.write_all(&request).await.map_err(failed)?;
        let mut head = Vec::with_capacity(1_024);
        let end = loop {
            if let Some(at) = memchr::memmem::find(&head, b"\r\n\r\n") {
                break at + 4;
            }
            if head.len() >= MAX_HEAD_BYTES {
                return Err(ConnectError::new(format!("the proxy {} sends no end of a head", self.address)));
            }
            if tcp.read_buf(&mut head).await.map_err(failed)? == 0 {
                return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
            }
        };
        let status = head.split(|b| *b == b'\r').next().unwrap_or_default();
        let accepted = matches!(status, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'2', _, _, ..]);
        // Behind TLS it is the client who speaks first.
        if accepted && end == head.len() {
            return Ok(());
        }
        let status = shown(status, 200);
        Err(ConnectError::new(format!("the proxy {} gave no tunnel to {to}: {status}", self.address)))
    }
}

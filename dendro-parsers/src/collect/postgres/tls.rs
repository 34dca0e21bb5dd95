//! Our TLS, in the form that the client library asks for.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use dendro_net::{ConnectError, Tls};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_rustls::client;

pub(super) struct Connector {
    pub(super) tls: Tls,
    pub(super) host: String,
}

impl TlsConnect<TcpStream> for Connector {
    type Stream = Encrypted;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted, ConnectError>> + Send>>;

    fn connect(self, tcp: TcpStream) -> Self::Future {
        Box::pin(async move { self.tls.connect(&self.host, tcp).await.map(Encrypted) })
    }
}

pub(super) struct Encrypted(client::TlsStream<TcpStream>);

impl TlsStream for Encrypted {
    /// The certificate is checked, and the server's SCRAM proof is too.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

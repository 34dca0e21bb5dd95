//! Connections, plain or with TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

use crate::{Address, ConnectError, Tls};

/// How long one address has until the next one of the same name is tried beside it (RFC 8305 says 250 ms).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// A connection of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

impl Address {
    /// Connects to whichever of the name's addresses answers first.
    ///
    /// # Errors
    /// There is no such name, or none of its addresses can be reached.
    ///
    /// # Cancel safety
    /// What was begun is given up.
    pub async fn connect_tcp(&self) -> Result<TcpStream, ConnectError> {
        let failed =
            |error: io::Error| ConnectError::new(format!("can't connect to {self}")).with_source(error);
        let addresses: Vec<SocketAddr> =
            lookup_host((self.host.as_str(), self.port)).await.map_err(failed)?.collect();
        let tcp = first_of(addresses).await.map_err(failed)?;
        // Requests are small, and the answer is waited for.
        let _ = tcp.set_nodelay(true);
        Ok(tcp)
    }

    /// Connects, and shakes hands if there is to be TLS.
    ///
    /// # Errors
    /// [`connect_tcp`](Self::connect_tcp)'s and [`Tls::connect`]'s.
    ///
    /// # Cancel safety
    /// What was begun is given up.
    pub async fn connect(&self, tls: Option<&Tls>) -> Result<Box<dyn Stream>, ConnectError> {
        let tcp = self.connect_tcp().await?;
        match tls {
            None => Ok(Box::new(tcp)),
            Some(tls) => Ok(Box::new(tls.connect(&self.host, tcp).await?)),
        }
    }
}

/// One after the other, without waiting for long for one that does not answer at all.
async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut untried = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        let next = untried.next();
        let more = next.is_some();
        if let Some(address) = next {
            attempts.spawn(TcpStream::connect(address));
        }
        let ended = match more {
            true => tokio::time::timeout(NEXT_ADDRESS_AFTER, attempts.join_next()).await,
            false => Ok(attempts.join_next().await),
        };
        match ended {
            Ok(Some(Ok(Ok(tcp)))) => return Ok(tcp),
            Ok(Some(Ok(Err(error)))) => last = error,
            Ok(Some(Err(error))) => last = io::Error::other(error),
            Ok(None) if !more => return Err(last),
            Ok(None) | Err(_) => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_refuses_or_is_silent_is_passed_over() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        // Full of connections that nobody accepts: it answers no more.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent_at = silent.local_addr().unwrap();
        let fill = |n: usize| (0..n).map(|_| tokio::spawn(TcpStream::connect(silent_at))).collect::<Vec<_>>();
        let filled = fill(600);
        let tcp = first_of(vec![closed, silent_at, good]).await.unwrap();
        assert!(tcp.peer_addr().unwrap() == good || tcp.peer_addr().unwrap() == silent_at);
        filled.iter().for_each(tokio::task::JoinHandle::abort);
        let error = first_of(vec![closed, closed]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(first_of(Vec::new()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

//! Connections to services, plain or with TLS.

#[cfg(feature = "_tls")]
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "_tls")]
use tokio::net::TcpStream;

use super::CollectError;
#[cfg(feature = "_tls")]
use super::tls::Tls;

/// A connection of either kind.
#[cfg(feature = "_tls")]
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
#[cfg(feature = "_tls")]
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// Where a service listens.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// A name or an address, that of IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    /// Reads `host`, `host:port`, `[::1]` or `[::1]:port`.
    pub(crate) fn parse(text: &str, default_port: u16) -> Result<Self, CollectError> {
        let wrong = || CollectError::new(format!("`{text}` is no address: expected `host:port`"));
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
                (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")).ok_or_else(wrong)?)
            }
            None => text.rsplit_once(':').unwrap_or((text, "")),
        };
        let port = if port.is_empty() { default_port } else { port.parse().map_err(|_| wrong())? };
        let plain = !host.is_empty() && !host.contains(['/', '@', ' ', '[', ']']);
        if !plain || (!text.starts_with('[') && host.contains(':')) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }

    #[cfg(feature = "_tls")]
    pub(crate) async fn connect_tcp(&self) -> Result<TcpStream, CollectError> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| CollectError::new(format!("can't connect to {self}")).with_source(error))?;
        // Requests are small, and the answer is waited for.
        let _ = tcp.set_nodelay(true);
        Ok(tcp)
    }

    #[cfg(feature = "_tls")]
    #[allow(dead_code, reason = "some clients do TLS themselves")]
    pub(crate) async fn connect(&self, tls: Option<&Tls>) -> Result<Box<dyn Stream>, CollectError> {
        let tcp = self.connect_tcp().await?;
        match tls {
            None => Ok(Box::new(tcp)),
            Some(tls) => Ok(Box::new(tls.connect(&self.host, tcp).await?)),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_names_or_numbers_with_or_without_a_port() {
        for (text, expected) in [
            ("localhost", "localhost:80"),
            ("db.example:5433", "db.example:5433"),
            ("192.0.2.1:1", "192.0.2.1:1"),
            ("[::1]", "[::1]:80"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ] {
            assert_eq!(Address::parse(text, 80).unwrap().to_string(), expected);
        }
        for text in ["", ":80", "a:b", "a:70000", "::1", "[::1", "[::1]x", "user@host", "a/b", "a b:1"] {
            assert!(Address::parse(text, 80).is_err(), "{text}");
        }
    }
}

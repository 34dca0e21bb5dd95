//! Where a service listens.

use std::fmt;

use crate::ConnectError;

/// Where a service listens.
#[derive(Clone, Debug)]
pub struct Address {
    /// A name or an address, that of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads `host`, `host:port`, `[::1]` or `[::1]:port`.
    ///
    /// # Errors
    /// It is none of these.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, ConnectError> {
        let wrong = || ConnectError::new(format!("`{text}` is no address: expected `host:port`"));
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
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

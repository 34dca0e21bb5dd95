//! Where requests go.

use dendro_net::Address;
use hyper::Uri;
use hyper::header::HeaderValue;

/// A URL, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: Address,
    pub(super) is_https: bool,
    /// Path and query, which may hold a token: not to be shown.
    pub(super) path: String,
    /// What the header `Host` says.
    pub(super) host: HeaderValue,
    /// Scheme, host and port.
    pub(super) shown: String,
}

impl Target {
    /// Reads `http://host:port/path?query` or `https://...`; `what` it is the URL of.
    ///
    /// # Errors
    /// What is wrong with it. Nothing of it is quoted, since it may hold a password.
    pub(super) fn parse(what: &str, url: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the URL of {what} {why}: expected `https://host:port/path`");
        if url.contains('#') {
            return Err(wrong("has a fragment (`#`), which no server gets to see"));
        }
        let uri: Uri = url.parse().map_err(|_| {
            wrong("is not valid (what is not ASCII has to be percent-encoded, or Punycode in the host)")
        })?;
        let (scheme, is_https, port) = match uri.scheme_str() {
            Some("http") => ("http", false, 80),
            Some("https") => ("https", true, 443),
            Some(_) => return Err(wrong("is neither http nor https")),
            None => return Err(wrong("has no scheme")),
        };
        let host = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if host.contains('@') {
            return Err(wrong("has credentials in it; give them by `basic_auth`, which keeps them secret"));
        }
        let address = Address::parse(host, port).map_err(|_| wrong("names no host and port"))?;
        if address.port == 0 {
            return Err(wrong("has the port 0"));
        }
        Ok(Self {
            is_https,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            host: HeaderValue::from_str(host).map_err(|_| wrong("names no host"))?,
            shown: format!("{scheme}://{host}"),
            address,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let parse = |url| Target::parse("the sink", url).unwrap();
        let target = parse("https://logs.example/in?token=s3cret");
        assert_eq!((target.address.to_string().as_str(), target.is_https), ("logs.example:443", true));
        assert_eq!(
            (target.path.as_str(), target.shown.as_str()),
            ("/in?token=s3cret", "https://logs.example")
        );
        let target = parse("http://[::1]:8080");
        assert_eq!((target.address.to_string().as_str(), target.path.as_str()), ("[::1]:8080", "/"));
        assert_eq!(target.host, "[::1]:8080");
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_quoted() {
        for (url, why) in [
            ("", "valid"),
            ("hunter2.example/in", "valid"),
            ("/in", "scheme"),
            ("ftp://hunter2/", "neither"),
            ("http://", ""),
            ("http://a b/hunter2", "valid"),
            ("http://user:hunter2@a/", "basic_auth"),
            ("http://a:hunter2/", ""),
            ("http://a:0/", "port 0"),
            ("http://a:99999/", ""),
            ("http://ä/hunter2", "Punycode"),
            ("http://a/#hunter2", "fragment"),
        ] {
            let error = Target::parse("the sink", url).unwrap_err();
            assert!(error.contains(why) && error.starts_with("the URL of the sink "), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

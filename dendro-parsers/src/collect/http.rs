//! Asking status pages over HTTP/1.1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dendro_net::{Address, Tls};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use super::{CollectError, Secret};

/// No status page is longer.
const MAX_BODY_BYTES: usize = 16 << 20;

/// A page of a server, and how to get in.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    address: Address,
    tls: Option<Tls>,
    /// What stands behind the address, with its `/`.
    pub(crate) path: String,
    /// The address as people write it, without credentials.
    pub(crate) target: String,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
}

impl Http {
    /// Reads `http://host:port/path` or `https://…`, also with `user:password@` in front of the host.
    pub(crate) fn new(url: &str) -> Result<Self, CollectError> {
        // The URL is not quoted: it may hold a password.
        let wrong = |why: &str| CollectError::new(format!("the URL {why}: expected `http://host:port/path`"));
        let uri: Uri = url.parse().map_err(|_| wrong("is not valid"))?;
        let (scheme, tls, port) = match uri.scheme_str() {
            Some("http") => ("http", None, 80),
            Some("https") => ("https", Some(Tls::new()), 443),
            _ => return Err(wrong("is neither http nor https")),
        };
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let address = Address::parse(host, port).map_err(|_| wrong("names no host"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let http = Self {
            address,
            tls,
            target: format!("{scheme}://{host}{}", uri.path()),
            path,
            host: HeaderValue::from_str(host).map_err(|_| wrong("names no host"))?,
            authorization: None,
        };
        match user {
            None => Ok(http),
            Some(user) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                Ok(http.basic_auth(&percent_decoded(name), &Secret::new(percent_decoded(password))))
            }
        }
    }

    pub(crate) fn basic_auth(mut self, user: &str, password: &Secret) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{}", password.expose()));
        self.authorization = HeaderValue::from_str(&format!("Basic {credentials}")).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        self
    }

    /// For https; without an effect on http.
    pub(crate) fn tls(mut self, tls: Tls) -> Self {
        self.tls = self.tls.map(|_| tls);
        self
    }

    pub(crate) fn session(&self) -> Session<'_> {
        Session { http: self, open: None }
    }
}

/// One connection after the other, as long as the server keeps them open.
pub(crate) struct Session<'a> {
    http: &'a Http,
    open: Option<Connection>,
}

struct Connection {
    requests: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session<'_> {
    /// The body of the page at this path, if the server says that all is well.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes, CollectError> {
        let (status, body) = self.ask(path).await?;
        if status.is_success() { Ok(body) } else { Err(refused(path, status)) }
    }

    /// The same; `None` if there is no such page.
    #[cfg(feature = "nginx_metrics")]
    pub(crate) async fn get_if_there(&mut self, path: &str) -> Result<Option<Bytes>, CollectError> {
        let (status, body) = self.ask(path).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(body)),
            status => Err(refused(path, status)),
        }
    }

    async fn ask(&mut self, path: &str) -> Result<(StatusCode, Bytes), CollectError> {
        let failed = |what: &str| CollectError::new(format!("{what} for {path}"));
        let mut request = Request::get(path)
            .header(HOST, &self.http.host)
            .header(USER_AGENT, concat!("dendro/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "application/json, text/plain");
        if let Some(authorization) = &self.http.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request =
            request.body(Empty::new()).map_err(|error| failed("no valid request").with_source(error))?;
        let mut open = match self.open.take().filter(|open| !open.requests.is_closed()) {
            Some(open) => open,
            None => self.connect().await?,
        };
        let no_answer = |error: hyper::Error| failed("no answer").with_source(error);
        open.requests.ready().await.map_err(no_answer)?;
        let answer = open.requests.send_request(request).await.map_err(no_answer)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_BODY_BYTES)
            .collect()
            .await
            .map_err(|error| failed("no whole answer").with_source(error))?;
        self.open = Some(open);
        Ok((status, body.to_bytes()))
    }

    async fn connect(&self) -> Result<Connection, CollectError> {
        let Http { address, tls, .. } = self.http;
        let stream = address.connect(tls.as_ref()).await?;
        let (requests, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| CollectError::new(format!("no HTTP with {address}")).with_source(error))?;
        // How it ends is what the request sees.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { requests, driver })
    }
}

fn refused(path: &str, status: StatusCode) -> CollectError {
    let hint = match status.as_u16() {
        300..=399 => ", which leads elsewhere: give that address",
        401 | 403 => ": it lets only some in",
        404 => ": is the status page switched on there?",
        _ => "",
    };
    CollectError::new(format!("{path} was answered with {status}{hint}"))
}

fn percent_decoded(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|c| char::from(*c).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_target_and_path_and_keeps_its_credentials_to_itself() {
        let http = Http::new("http://me:p%40ss%2@[::1]:8080/a/status?auto&x=1").unwrap();
        assert_eq!(
            (http.target.as_str(), http.path.as_str()),
            ("http://[::1]:8080/a/status", "/a/status?auto&x=1")
        );
        assert_eq!(http.address.to_string(), "[::1]:8080");
        // me:p@ss%2
        assert_eq!(http.authorization.as_ref().unwrap().to_str().unwrap(), "Basic bWU6cEBzcyUy");
        let printed = format!("{http:?}");
        assert!(!printed.contains("bWU6") && !printed.contains("p%40ss"), "{printed}");
        assert_eq!(Http::new("https://a").unwrap().address.to_string(), "a:443");
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_quoted() {
        for url in [
            "",
            "a.example/status",
            "ftp://user:hunter2@a/",
            "http://",
            "http://user:hunter2@/",
            "http://a b",
        ] {
            let error = Http::new(url).unwrap_err().full_message();
            assert!(error.starts_with("the URL ") && !error.contains("hunter2"), "{url}: {error}");
        }
    }
}

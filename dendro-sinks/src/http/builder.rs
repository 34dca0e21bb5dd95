//! What a user chooses.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dendro_core::Secret;
use dendro_net::Tls;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap,
    HeaderName, HeaderValue, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::{Method, Uri};

use super::client::Client;
use super::connection::{Proxy, Route};
use super::format::Format;
use super::json::{Encoding, Json};
use super::requests::Requests;
use super::sink::HttpSink;
use super::status::{StatusAction, Statuses};
use super::target::Target;
use crate::compression::Compression;

/// Headers that are the sink's or the connection's own.
const OWN_HEADERS: &[HeaderName] = &[
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Makes an [`HttpSink`].
#[derive(Clone)]
#[must_use]
pub struct HttpSinkBuilder {
    url: Secret,
    method: String,
    headers: Vec<(String, Secret)>,
    authorization: Option<Authorization>,
    tls: Tls,
    proxy: Option<(Secret, Option<(String, Secret)>)>,
    idempotency_header: String,
    connect_timeout: Duration,
    idle_timeout: Duration,
    json: Json,
    options: Options,
}

#[derive(Clone)]
enum Authorization {
    Basic(String, Secret),
    Bearer(Secret),
}

/// What requests go by, whatever their format.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) compression: Compression,
    pub(super) max_body_bytes: usize,
    pub(super) request_timeout: Duration,
    pub(super) max_retry_after: Duration,
    pub(super) hold_interval: Duration,
    pub(super) statuses: Statuses,
}

/// Why an [`HttpSink`] can't be built. Quotes neither the URL nor any value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHttpSink(String);

impl fmt::Display for InvalidHttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidHttpSink {}

impl HttpSinkBuilder {
    pub(super) fn new(url: Secret) -> Self {
        Self {
            url,
            method: "POST".to_owned(),
            headers: Vec::new(),
            authorization: None,
            tls: Tls::new(),
            proxy: None,
            idempotency_header: "Idempotency-Key".to_owned(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            json: Json::default(),
            options: Options {
                compression: Compression::None,
                max_body_bytes: 1 << 20,
                request_timeout: Duration::from_secs(30),
                max_retry_after: Duration::from_secs(300),
                hold_interval: Duration::from_secs(60),
                statuses: Statuses::default(),
            },
        }
    }

    #[cfg(feature = "influxdb")]
    pub(crate) fn url(mut self, url: impl Into<Secret>) -> Self {
        self.url = url.into();
        self
    }

    /// `POST` unless told otherwise; `PUT` and `PATCH` are the others that make sense.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// How events are put together; newline-delimited unless told otherwise.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.json.encoding = encoding;
        self
    }

    /// How bodies are compressed; they are not unless told so.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// Adds a header; one of the same name that was given before is replaced.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        let name = name.into();
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        self.headers.push((name, value.into()));
        self
    }

    /// Says who we are by user and password (RFC 7617).
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.authorization = Some(Authorization::Basic(user.into(), password.into()));
        self
    }

    /// Says who we are by a token (RFC 6750).
    pub fn bearer(mut self, token: impl Into<Secret>) -> Self {
        self.authorization = Some(Authorization::Bearer(token.into()));
        self
    }

    /// Whom an `https` server has to be certified by, and our own certificate; the system's authorities and none unless
    /// told otherwise. There is no way to leave out the check.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Goes through an HTTP proxy, `http://host:port`; by a tunnel if the server's URL is `https`. The environment's
    /// `http_proxy` is not looked at.
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.proxy = Some((url.into(), self.proxy.and_then(|(_, auth)| auth)));
        self
    }

    /// The same, for a proxy that wants user and password.
    pub fn proxy_with_auth(
        mut self,
        url: impl Into<Secret>,
        user: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Self {
        self.proxy = Some((url.into(), Some((user.into(), password.into()))));
        self
    }

    /// The header that has the id of the write: `Idempotency-Key` unless told otherwise.
    pub fn idempotency_header(mut self, name: impl Into<String>) -> Self {
        self.idempotency_header = name.into();
        self
    }

    /// The most bytes of events in one request, before compression: 1 MiB unless told otherwise, which is what nginx takes.
    /// A single event that is longer is sent alone.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.options.max_body_bytes = bytes.max(1);
        self
    }

    /// Whether the fields of the [`Origin`](dendro_core::Origin) are sent too; they are not unless told so.
    pub fn with_origin(mut self, with_origin: bool) -> Self {
        self.json.with_origin = with_origin;
        self
    }

    /// The name of a field that has the [`DedupKey`](dendro_core::DedupKey) of each event that has one; there is none unless
    /// told so.
    pub fn dedup_key(mut self, name: impl Into<String>) -> Self {
        self.json.dedup_key = Some(name.into());
        self
    }

    /// How long connecting may take, name and handshakes included; ten seconds unless told otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a request may take, connecting included; 30 seconds unless told otherwise. The sink asks the driver for a
    /// [time-out](dendro_core::SinkSettings::timeout) of twice that for a write.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.options.request_timeout = timeout;
        self
    }

    /// How long a connection is kept without a request; 30 seconds unless told otherwise. Less than what the server keeps it.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The most that a server's `Retry-After` is heeded; five minutes unless told otherwise.
    pub fn max_retry_after(mut self, most: Duration) -> Self {
        self.options.max_retry_after = most;
        self
    }

    /// How long to wait after an answer that means [`StatusAction::Hold`]; a minute unless told otherwise.
    pub fn hold_interval(mut self, interval: Duration) -> Self {
        self.options.hold_interval = interval;
        self
    }

    /// Whether a success may name [events that have failed](super#partial-failure); not unless told so.
    pub fn partial_answers(mut self, partial_answers: bool) -> Self {
        self.json.partial_answers = partial_answers;
        self
    }

    /// What these statuses mean, in the place of [what they mean otherwise](super#what-an-answer-means): a number, several, or
    /// a range of them.
    ///
    /// ```
    /// use dendro_sinks::http::{HttpSink, StatusAction};
    /// let sink = HttpSink::builder("https://logs.example.com/ingest")
    ///     .on_status([404], StatusAction::Hold)
    ///     .on_status(401..=403, StatusAction::Fatal);
    /// # let _ = sink.build().unwrap();
    /// ```
    pub fn on_status(mut self, statuses: impl IntoIterator<Item = u16>, action: StatusAction) -> Self {
        statuses.into_iter().for_each(|status| self.options.statuses.set(status, action));
        self
    }

    /// Makes the sink. Nothing is connected to before the first write.
    ///
    /// # Errors
    /// What can't be: a URL, a header, a certificate, a time-out of nothing.
    pub fn build(self) -> Result<HttpSink, InvalidHttpSink> {
        let content_type = self.json.encoding.content_type();
        let json = self.json.clone();
        self.requests(content_type, json).map(HttpSink::new).map_err(InvalidHttpSink)
    }

    /// Requests in this format.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub(crate) fn requests<F: Format>(
        self,
        content_type: &'static str,
        format: F,
    ) -> Result<Requests<F>, String> {
        let target = Target::parse("the sink", self.url.expose())?;
        let options = self.options.clone();
        options.compression.check()?;
        for (what, timeout) in [
            ("connect_timeout", self.connect_timeout),
            ("request_timeout", options.request_timeout),
            ("hold_interval", options.hold_interval),
        ] {
            if timeout.is_zero() {
                return Err(format!("{what} is zero: nothing can be done in that time"));
            }
        }
        let method = match Method::from_bytes(self.method.as_bytes()) {
            Ok(method @ (Method::POST | Method::PUT | Method::PATCH)) => method,
            _ => return Err(format!("the method `{}` is none of POST, PUT and PATCH", self.method)),
        };
        let mut headers = self.headers(&target, content_type)?;
        let proxy = self.checked_proxy()?;
        let through_proxy = proxy.is_some() && !target.is_https;
        // Without a tunnel the proxy wants to see the whole URL.
        let uri = match through_proxy {
            true => format!("{}{}", target.shown, target.path),
            false => target.path.clone(),
        };
        let uri: Uri = uri.parse().map_err(|_| "the URL of the sink is not valid".to_owned())?;
        if let Some(authorization) =
            proxy.as_ref().filter(|_| through_proxy).and_then(|proxy| proxy.authorization.clone())
        {
            headers.insert(PROXY_AUTHORIZATION, authorization);
        }
        let idempotency = header_name(&self.idempotency_header)?;
        if headers.contains_key(&idempotency) || OWN_HEADERS.contains(&idempotency) {
            return Err(format!(
                "the header `{idempotency}` can't be the one for the id: it is set otherwise"
            ));
        }
        if target.is_https {
            self.tls.check().map_err(|error| {
                let (message, source) = error.into_parts();
                source.map_or(message.clone(), |source| format!("{message}: {source}"))
            })?;
        }
        let client = Client {
            route: Route {
                address: target.address.clone(),
                tls: target.is_https.then(|| self.tls.clone()),
                proxy,
                timeout: self.connect_timeout,
            },
            method,
            uri,
            idle_timeout: self.idle_timeout,
            idle: Default::default(),
        };
        Ok(Requests::new(client, target.shown, headers, idempotency, options, format))
    }

    fn headers(&self, target: &Target, content_type: &'static str) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, target.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("dendro/", env!("CARGO_PKG_VERSION"))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(coding) = self.options.compression.content_coding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        for (name, value) in &self.headers {
            let name = header_name(name)?;
            if OWN_HEADERS.contains(&name) {
                return Err(format!("the header `{name}` is set by the sink and can't be given"));
            }
            if name == AUTHORIZATION && self.authorization.is_some() {
                return Err("the header `authorization` is given, and other credentials are too".to_owned());
            }
            let secret = secret_value(value).ok_or_else(|| {
                format!("the value of the header `{name}` has a character that no header can have")
            })?;
            headers.insert(name, secret);
        }
        match &self.authorization {
            None => {}
            Some(Authorization::Basic(user, password)) => {
                headers.insert(AUTHORIZATION, basic(user, password)?);
            }
            Some(Authorization::Bearer(token)) => {
                let value = secret_value(&Secret::new(format!("Bearer {}", token.expose())));
                let wrong = "the bearer token has a character that no header can have: a line end behind it?";
                headers.insert(AUTHORIZATION, value.ok_or(wrong)?);
            }
        }
        Ok(headers)
    }

    fn checked_proxy(&self) -> Result<Option<Proxy>, String> {
        let Some((url, auth)) = &self.proxy else { return Ok(None) };
        let target = Target::parse("the proxy", url.expose())?;
        if target.is_https {
            return Err("the URL of the proxy is https: only http to the proxy is supported, with TLS to the server through it".to_owned());
        }
        if target.path != "/" {
            return Err("the URL of the proxy has a path: expected `http://host:port`".to_owned());
        }
        let authorization = auth.as_ref().map(|(user, password)| basic(user, password)).transpose()?;
        Ok(Some(Proxy { address: target.address, authorization }))
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` can't be the name of a header"))
}

fn secret_value(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn basic(user: &str, password: &Secret) -> Result<HeaderValue, String> {
    if user.contains(':') {
        return Err("a user's name can't have a colon in it: basic authentication ends it there".to_owned());
    }
    let credentials = STANDARD.encode(format!("{user}:{}", password.expose()));
    secret_value(&Secret::new(format!("Basic {credentials}"))).ok_or_else(|| "invalid credentials".to_owned())
}

impl fmt::Debug for HttpSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSinkBuilder")
            .field("method", &self.method)
            .field("format", &self.json)
            .field("compression", &self.options.compression)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn builder() -> HttpSinkBuilder {
        HttpSinkBuilder::new("https://logs.example/in?key=hunter2".into())
    }

    #[test]
    fn what_cannot_be_is_refused_by_name_and_without_its_value() {
        let bad = [
            (builder().method("GET"), "GET"),
            (builder().compression(Compression::Gzip(10)), "no 10"),
            (builder().compression(Compression::Zstd(0)), "no 0"),
            (builder().header("x y", "hunter2"), "`x y`"),
            (builder().header("x-key", "hunter2\n"), "x-key"),
            (builder().header("Host", "hunter2"), "`host`"),
            (builder().header("Authorization", "hunter2").bearer("x"), "authorization"),
            (builder().bearer("hunter2\n"), "line end"),
            (builder().basic_auth("a:b", "hunter2"), "colon"),
            (builder().request_timeout(Duration::ZERO), "request_timeout"),
            (builder().idempotency_header("content-length"), "content-length"),
            (builder().proxy("https://hunter2/"), "only http to the proxy"),
            (builder().proxy("http://a/hunter2"), "has a path"),
            (builder().proxy("hunter2"), "the URL of the proxy"),
            (builder().tls(Tls::new().authorities_pem("hunter2")), "no certificate authorities"),
            (builder().tls(Tls::new().identity_pem("", "hunter2")), "our key is not valid"),
            (builder().tls(Tls::new().server_name("a b")), "`a b`"),
        ];
        for (builder, why) in bad {
            let error = builder.build().unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(why) && !text.contains("hunter2"), "{why}: {text}");
        }
    }

    #[test]
    fn neither_builder_nor_sink_prints_a_secret() {
        let builder = builder()
            .basic_auth("me", "hunter2")
            .header("x-key", "hunter2")
            .proxy_with_auth("http://proxy:3128", "me", "hunter2")
            .tls(Tls::new().identity_pem("hunter2", "hunter2"));
        assert!(!format!("{builder:#?}").contains("hunter2"));
        let sink = builder.tls(Tls::new()).build().unwrap();
        let printed = format!("{sink:#?}");
        assert!(printed.contains("https://logs.example") && !printed.contains("hunter2"), "{printed}");
        // me:hunter2
        assert!(!printed.contains("bWU6"), "{printed}");
    }
}

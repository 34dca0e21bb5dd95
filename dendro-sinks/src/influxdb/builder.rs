//! What a user chooses.

use std::fmt;
use std::time::Duration;

use dendro_core::Secret;
use dendro_net::Tls;

use super::line::Points;
use super::sink::InfluxDbSink;
use crate::compression::Compression;
use crate::http::{HttpSink, HttpSinkBuilder, StatusAction};

/// By which interface a server is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Api {
    /// `/write` of InfluxDB 1, and of what speaks like it.
    V1 {
        /// The database.
        database: String,
        /// The retention policy; the database's own one if there is none.
        retention_policy: Option<String>,
    },
    /// `/api/v2/write` of InfluxDB 2, Timestream for InfluxDB, and what speaks like them.
    V2 {
        /// The organisation, by name or id.
        org: String,
        /// The bucket, by name or id.
        bucket: String,
    },
    /// `/api/v3/write_lp` of InfluxDB 3.
    V3 {
        /// The database.
        database: String,
    },
}

impl Api {
    /// InfluxDB 1, to the database's own retention policy.
    pub fn v1(database: impl Into<String>) -> Self {
        Self::V1 { database: database.into(), retention_policy: None }
    }

    /// InfluxDB 2.
    pub fn v2(org: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self::V2 { org: org.into(), bucket: bucket.into() }
    }

    /// InfluxDB 3.
    pub fn v3(database: impl Into<String>) -> Self {
        Self::V3 { database: database.into() }
    }

    /// Path and query.
    fn path(&self) -> Result<String, String> {
        let named = |what: &str, name: &str| match name {
            "" => Err(format!("the name of the {what} is empty")),
            name => Ok(percent_encoded(name)),
        };
        Ok(match self {
            Self::V1 { database, retention_policy } => {
                let database = named("database", database)?;
                let mut path = format!("/write?precision=ns&db={database}");
                if let Some(policy) = retention_policy {
                    path.push_str(&format!("&rp={}", named("retention policy", policy)?));
                }
                path
            }
            Self::V2 { org, bucket } => {
                let (org, bucket) = (named("organisation", org)?, named("bucket", bucket)?);
                format!("/api/v2/write?precision=ns&org={org}&bucket={bucket}")
            }
            Self::V3 { database } => {
                let database = named("database", database)?;
                format!("/api/v3/write_lp?precision=nanosecond&accept_partial=true&db={database}")
            }
        })
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Makes an [`InfluxDbSink`].
#[derive(Clone)]
#[must_use]
pub struct InfluxDbSinkBuilder {
    url: Secret,
    api: Api,
    points: Points,
    http: HttpSinkBuilder,
    has_credentials: bool,
}

/// Why an [`InfluxDbSink`] can't be built. Quotes neither the URL nor a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidInfluxDbSink(String);

impl fmt::Display for InvalidInfluxDbSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidInfluxDbSink {}

impl InfluxDbSinkBuilder {
    pub(super) fn new(url: Secret, api: Api) -> Self {
        // None of these says that an event is bad: somebody has to make the database, or to mend the URL.
        let http = HttpSink::builder("").on_status([404, 405, 415], StatusAction::Hold);
        Self {
            url,
            api,
            points: Points { origin_tags: true, distinct_times: true, unsigned: false },
            http: http.compression(Compression::Gzip(6)).max_body_bytes(8 << 20),
            has_credentials: false,
        }
    }

    /// Says who we are by a token: `Authorization: Token ...` for the first two versions, which InfluxDB 1 wants as `user:password`,
    /// and `Bearer` for the third.
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        let token = token.into();
        let scheme = if matches!(self.api, Api::V3 { .. }) { "Bearer" } else { "Token" };
        self.http = self.http.header("authorization", format!("{scheme} {}", token.expose()));
        self.has_credentials = true;
        self
    }

    /// Says who we are by user and password.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.http = self.http.basic_auth(user, password);
        self
    }

    /// Adds a header; one of the same name that was given before is replaced.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.http = self.http.header(name, value);
        self
    }

    /// How requests are compressed: gzip unless told otherwise, which is all that InfluxDB reads.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.http = self.http.compression(compression);
        self
    }

    /// Whether the host, service, source, tenant and static tags of the [`Origin`](dendro_core::Origin) are tags; they are unless told
    /// otherwise.
    pub fn origin_tags(mut self, origin_tags: bool) -> Self {
        self.points.origin_tags = origin_tags;
        self
    }

    /// Whether events of one stream and time get [times of their own](super#one-point-a-time); they do unless told otherwise.
    pub fn distinct_times(mut self, distinct_times: bool) -> Self {
        self.points.distinct_times = distinct_times;
        self
    }

    /// Whether unsigned integers are written as such (`1u`), which InfluxDB 2 and 3 know; as signed ones unless told so, so that
    /// a field has one type everywhere.
    pub fn unsigned(mut self, unsigned: bool) -> Self {
        self.points.unsigned = unsigned;
        self
    }

    /// The most bytes of points in one request, before compression: 8 MiB unless told otherwise. InfluxDB takes 25 MB.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.http = self.http.max_body_bytes(bytes);
        self
    }

    /// Whom an `https` server has to be certified by, and our own certificate.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.http = self.http.tls(tls);
        self
    }

    /// Goes through an HTTP proxy, `http://host:port`.
    pub fn proxy(mut self, url: impl Into<Secret>) -> Self {
        self.http = self.http.proxy(url);
        self
    }

    /// How long connecting may take; ten seconds unless told otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.connect_timeout(timeout);
        self
    }

    /// How long a request may take, connecting included; 30 seconds unless told otherwise.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.http = self.http.request_timeout(timeout);
        self
    }

    /// How long to wait after an answer that somebody has to do something about; a minute unless told otherwise.
    pub fn hold_interval(mut self, interval: Duration) -> Self {
        self.http = self.http.hold_interval(interval);
        self
    }

    /// Makes the sink. Nothing is connected to before the first write.
    ///
    /// # Errors
    /// What can't be: a URL, a name, a compression that InfluxDB does not read.
    pub fn build(self) -> Result<InfluxDbSink, InvalidInfluxDbSink> {
        self.checked().map_err(InvalidInfluxDbSink)
    }

    fn checked(self) -> Result<InfluxDbSink, String> {
        let url = self.url.expose().trim_end_matches('/');
        if url.contains('?') {
            return Err(
                "the URL of the sink has a query: database and credentials are given otherwise".into()
            );
        }
        let url = format!("{url}{}", self.api.path()?);
        let http = self.http.url(url);
        http.requests("text/plain; charset=utf-8", self.points).map(InfluxDbSink::new)
    }
}

impl fmt::Debug for InfluxDbSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfluxDbSinkBuilder")
            .field("api", &self.api)
            .field("points", &self.points)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_interface_has_its_path_with_names_encoded() {
        let policy = Api::V1 { database: "a b".into(), retention_policy: Some("x&y".into()) };
        for (api, path) in [
            (Api::v1("logs"), "/write?precision=ns&db=logs"),
            (policy, "/write?precision=ns&db=a%20b&rp=x%26y"),
            (Api::v2("my org", "b/ä"), "/api/v2/write?precision=ns&org=my%20org&bucket=b%2F%C3%A4"),
            (Api::v3("logs"), "/api/v3/write_lp?precision=nanosecond&accept_partial=true&db=logs"),
        ] {
            assert_eq!(api.path().unwrap(), path);
        }
    }

    #[test]
    fn what_cannot_be_is_refused_without_a_secret() {
        let builder = |url: &str| InfluxDbSink::builder(url, Api::v1("logs")).token("hunter2");
        for (builder, why) in [
            (builder("localhost:8086"), "the URL of the sink"),
            (builder("http://localhost/?p=hunter2"), "has a query"),
            (builder("http://localhost").header("Host", "x"), "`host`"),
            (builder("http://localhost").token("hunter2\n"), "authorization"),
            (builder("http://localhost").basic_auth("me", "hunter2"), "authorization"),
            (builder("http://localhost").request_timeout(Duration::ZERO), "request_timeout"),
            (InfluxDbSink::builder("http://localhost", Api::v1("")), "database is empty"),
            (InfluxDbSink::builder("http://localhost", Api::v2("", "b")), "organisation is empty"),
        ] {
            let printed = format!("{builder:?}");
            let error = builder.build().unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hunter2"), "{why}: {error}");
            assert!(!printed.contains("hunter2"), "{printed}");
        }
    }
}

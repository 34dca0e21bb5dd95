//! The columns of CloudFront's logs, of standard and of real-time ones.

use std::collections::HashMap;
use std::sync::LazyLock;

use dendro_core::{FieldSchema, ValueType};

/// How a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, percent-encoded.
    Text,
    /// The user agent, which older logs encode twice.
    Agent,
    /// A whole number.
    Count,
    /// A number with a fraction.
    Number,
    /// A length of time in seconds.
    Seconds,
    /// A length of time in milliseconds.
    Milliseconds,
    /// The day of the event, `2026-11-20`.
    Date,
    /// The time of day of the event in UTC, `16:59:47`.
    Time,
    /// The time of the event in seconds since the epoch.
    Epoch,
    /// The time of the event in milliseconds since the epoch.
    EpochMilliseconds,
}

impl Kind {
    /// The type of the field; `None` if it is part of the event's time instead.
    fn value_type(self) -> Option<ValueType> {
        match self {
            Self::Text | Self::Agent => Some(ValueType::Str),
            Self::Count => Some(ValueType::U64),
            Self::Number => Some(ValueType::F64),
            Self::Seconds | Self::Milliseconds => Some(ValueType::Duration),
            Self::Date | Self::Time | Self::Epoch | Self::EpochMilliseconds => None,
        }
    }
}

/// A column of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// The name of its field.
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Column {
    /// The column that AWS calls `aws`. One that is not known is text.
    pub(super) fn new(aws: &str) -> Self {
        static KINDS: LazyLock<HashMap<String, Kind>> =
            LazyLock::new(|| KNOWN.iter().map(|known| (field_name(known.aws), known.kind)).collect());
        let name = field_name(aws);
        let kind = KINDS.get(&name).copied().unwrap_or(Kind::Text);
        Self { name, kind }
    }
}

/// The columns of logs that are JSON, by their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct ByKey {
    known: HashMap<Vec<u8>, Column>,
    /// One that is not remembered.
    other: Option<Column>,
}

impl ByKey {
    /// How many keys are remembered.
    const MOST: usize = 256;

    /// The column of this key.
    #[inline]
    pub(super) fn column(&mut self, key: &[u8]) -> &Column {
        let new = || Column::new(&String::from_utf8_lossy(key));
        if !self.known.contains_key(key) {
            if self.known.len() >= Self::MOST {
                return self.other.insert(new());
            }
            self.known.insert(key.to_vec(), new());
        }
        match self.known.get(key) {
            Some(column) => column,
            None => self.other.get_or_insert_with(new),
        }
    }
}

/// `cs(User-Agent)` becomes `cs_user_agent`, `DistributionId` `distribution_id`.
pub(super) fn field_name(aws: &str) -> String {
    let mut name = String::with_capacity(aws.len() + 2);
    let mut after_lower = false;
    for c in aws.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && after_lower {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        after_lower = c.is_ascii_lowercase();
    }
    if name.ends_with('_') {
        name.pop();
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert(0, '_');
    }
    name
}

/// What is published of a column.
pub(super) fn schema(aws: &str) -> Option<FieldSchema> {
    let name = field_name(aws);
    let Some(known) = KNOWN.iter().find(|known| field_name(known.aws) == name) else {
        return Some(FieldSchema::attribute(name, ValueType::Str).doc("A column that is read as text."));
    };
    let value_type = known.kind.value_type()?;
    let field = match known.role {
        Role::Dimension => FieldSchema::dimension(name, value_type),
        Role::Attribute => FieldSchema::attribute(name, value_type),
        Role::Delta => FieldSchema::delta(name, value_type),
        Role::Gauge => FieldSchema::gauge(name, value_type),
    };
    let field = if known.unit.is_empty() { field } else { field.unit(known.unit) };
    let field = if known.otel.is_empty() { field } else { field.otel(known.otel) };
    Some(field.doc(known.doc))
}

/// A column that AWS documents.
pub(super) struct Known {
    /// AWS's name.
    pub(super) aws: &'static str,
    kind: Kind,
    role: Role,
    unit: &'static str,
    otel: &'static str,
    doc: &'static str,
}

#[derive(Clone, Copy)]
enum Role {
    Dimension,
    Attribute,
    Delta,
    Gauge,
}

const fn known(
    aws: &'static str,
    kind: Kind,
    role: Role,
    unit: &'static str,
    otel: &'static str,
    doc: &'static str,
) -> Known {
    Known { aws, kind, role, unit, otel, doc }
}

const fn text(aws: &'static str, doc: &'static str) -> Known {
    known(aws, Kind::Text, Role::Attribute, "", "", doc)
}

const fn label(aws: &'static str, doc: &'static str) -> Known {
    known(aws, Kind::Text, Role::Dimension, "", "", doc)
}

/// The columns of standard logs, in their order. It only ever grew at its end, so that a log of fewer columns has the first ones.
pub(super) const STANDARD: [&str; 33] = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
];

/// How many columns standard logs had over the years.
pub(super) const STANDARD_LENGTHS: [usize; 8] = [12, 15, 18, 19, 23, 24, 26, 33];

/// The columns of real-time logs, in the order in which CloudFront writes those that are chosen.
pub(super) const REALTIME: [&str; 64] = [
    "timestamp",
    "c-ip",
    "s-ip",
    "time-to-first-byte",
    "sc-status",
    "sc-bytes",
    "cs-method",
    "cs-protocol",
    "cs-host",
    "cs-uri-stem",
    "cs-bytes",
    "x-edge-location",
    "x-edge-request-id",
    "x-host-header",
    "time-taken",
    "cs-protocol-version",
    "c-ip-version",
    "cs-user-agent",
    "cs-referer",
    "cs-cookie",
    "cs-uri-query",
    "x-edge-response-result-type",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-result-type",
    "fle-encrypted-fields",
    "fle-status",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
    "c-port",
    "x-edge-detailed-result-type",
    "c-country",
    "cs-accept-encoding",
    "cs-accept",
    "cache-behavior-path-pattern",
    "cs-headers",
    "cs-header-names",
    "cs-headers-count",
    "primary-distribution-id",
    "primary-distribution-dns-name",
    "origin-fbl",
    "origin-lbl",
    "asn",
    "cmcd-encoded-bitrate",
    "cmcd-buffer-length",
    "cmcd-buffer-starvation",
    "cmcd-content-id",
    "cmcd-object-duration",
    "cmcd-deadline",
    "cmcd-measured-throughput",
    "cmcd-next-object-request",
    "cmcd-next-range-request",
    "cmcd-object-type",
    "cmcd-playback-rate",
    "cmcd-requested-maximum-throughput",
    "cmcd-streaming-format",
    "cmcd-session-id",
    "cmcd-stream-type",
    "cmcd-startup",
    "cmcd-top-bitrate",
    "cmcd-version",
];

/// All columns that are known, of standard logs (both versions) and of real-time ones.
pub(super) const KNOWN: &[Known] = &[
    known("date", Kind::Date, Role::Attribute, "", "", "The day of the event's time."),
    known("time", Kind::Time, Role::Attribute, "", "", "The time of day of the event's time."),
    known("timestamp", Kind::Epoch, Role::Attribute, "s", "", "The event's time."),
    known("timestamp(ms)", Kind::EpochMilliseconds, Role::Attribute, "ms", "", "The event's time."),
    label("x-edge-location", "The edge location that served the request: an airport code and a number."),
    known(
        "sc-bytes",
        Kind::Count,
        Role::Delta,
        "By",
        "http.response.size",
        "The bytes sent to the viewer, headers included.",
    ),
    known(
        "c-ip",
        Kind::Text,
        Role::Attribute,
        "",
        "client.address",
        "The address of the viewer, or of the proxy that it came through.",
    ),
    text("s-ip", "The address of the CloudFront server."),
    known("cs-method", Kind::Text, Role::Dimension, "", "http.request.method", "The method of the request."),
    label(
        "cs(Host)",
        "In standard logs the domain name of the distribution; in real-time ones (`cs-host`) the viewer's header Host.",
    ),
    known(
        "cs-uri-stem",
        Kind::Text,
        Role::Attribute,
        "",
        "url.path",
        "The path of the request; in real-time logs with the query.",
    ),
    known(
        "sc-status",
        Kind::Count,
        Role::Dimension,
        "",
        "http.response.status_code",
        "The status of the response; 0 (`000`) if the viewer went away before there was one.",
    ),
    known(
        "cs(Referer)",
        Kind::Text,
        Role::Attribute,
        "",
        "http.request.header.referer",
        "The header Referer.",
    ),
    known(
        "cs(User-Agent)",
        Kind::Agent,
        Role::Attribute,
        "",
        "user_agent.original",
        "The header User-Agent.",
    ),
    known(
        "cs-uri-query",
        Kind::Text,
        Role::Attribute,
        "",
        "url.query",
        "The query of the request; null if there is none.",
    ),
    known(
        "cs(Cookie)",
        Kind::Text,
        Role::Attribute,
        "",
        "http.request.header.cookie",
        "The header Cookie, if cookies are logged.",
    ),
    label(
        "x-edge-result-type",
        "How the response was classified when it was sent: `Hit`, `Miss`, `Error`, ...",
    ),
    text("x-edge-request-id", "What tells this request from all others."),
    label(
        "x-host-header",
        "In standard logs the viewer's header Host; in real-time ones the domain name of the distribution.",
    ),
    known(
        "cs-protocol",
        Kind::Text,
        Role::Dimension,
        "",
        "url.scheme",
        "The protocol of the request: `http`, `https`, `ws`, `wss`, `grpcs`.",
    ),
    known(
        "cs-bytes",
        Kind::Count,
        Role::Delta,
        "By",
        "http.request.size",
        "The bytes of the request, headers included.",
    ),
    known(
        "time-taken",
        Kind::Seconds,
        Role::Gauge,
        "s",
        "",
        "From the request's arrival to the last byte of the response.",
    ),
    text("x-forwarded-for", "The viewer's address, if it came through a proxy."),
    known("ssl-protocol", Kind::Text, Role::Dimension, "", "tls.protocol.version", "The version of TLS."),
    known("ssl-cipher", Kind::Text, Role::Dimension, "", "tls.cipher", "The cipher of TLS."),
    label("x-edge-response-result-type", "How the response was classified just before it was sent."),
    known(
        "cs-protocol-version",
        Kind::Text,
        Role::Dimension,
        "",
        "network.protocol.version",
        "The version of HTTP, as in HTTP/2.0.",
    ),
    label("fle-status", "What became of the body under field-level encryption."),
    known(
        "fle-encrypted-fields",
        Kind::Count,
        Role::Gauge,
        "1",
        "",
        "How many fields of the body were encrypted.",
    ),
    known("c-port", Kind::Count, Role::Attribute, "", "client.port", "The viewer's port."),
    known(
        "time-to-first-byte",
        Kind::Seconds,
        Role::Gauge,
        "s",
        "",
        "From the request's arrival to the first byte of the response.",
    ),
    label("x-edge-detailed-result-type", "The result type; of an error, its kind."),
    label("sc-content-type", "The header Content-Type of the response."),
    known(
        "sc-content-len",
        Kind::Count,
        Role::Gauge,
        "By",
        "http.response.header.content-length",
        "The header Content-Length of the response.",
    ),
    known(
        "sc-range-start",
        Kind::Count,
        Role::Attribute,
        "By",
        "",
        "Where the range begins that was asked for.",
    ),
    known("sc-range-end", Kind::Count, Role::Attribute, "By", "", "Where it ends."),
    label("c-ip-version", "`IPv4` or `IPv6`."),
    known(
        "c-country",
        Kind::Text,
        Role::Dimension,
        "",
        "client.geo.country_iso_code",
        "The country of the viewer's address.",
    ),
    text("cs-accept-encoding", "The header Accept-Encoding."),
    text("cs-accept", "The header Accept."),
    label("cache-behavior-path-pattern", "The pattern of the cache behaviour that the request matched."),
    text("cs-headers", "The headers of the request, as lines of a name, a colon and a value."),
    text("cs-header-names", "The names of the request's headers, a line each."),
    known("cs-headers-count", Kind::Count, Role::Gauge, "1", "", "How many headers the request has."),
    label("primary-distribution-id", "The primary distribution, in continuous deployment."),
    label(
        "primary-distribution-dns-name",
        "The domain name of the primary distribution, in continuous deployment.",
    ),
    known("origin-fbl", Kind::Seconds, Role::Gauge, "s", "", "How long the origin took to its first byte."),
    known("origin-lbl", Kind::Seconds, Role::Gauge, "s", "", "How long the origin took to its last byte."),
    known("asn", Kind::Count, Role::Attribute, "", "", "The autonomous system of the viewer."),
    label("DistributionId", "The distribution."),
    label("distribution-tenant-id", "The tenant of the distribution."),
    text("connection-id", "The TLS connection."),
    known(
        "cmcd-encoded-bitrate",
        Kind::Count,
        Role::Gauge,
        "kbit/s",
        "",
        "The bit rate of the media object.",
    ),
    known(
        "cmcd-buffer-length",
        Kind::Milliseconds,
        Role::Gauge,
        "s",
        "",
        "How much the player has buffered.",
    ),
    label("cmcd-buffer-starvation", "Whether the player's buffer ran dry."),
    text("cmcd-content-id", "The content that is played."),
    known(
        "cmcd-object-duration",
        Kind::Milliseconds,
        Role::Gauge,
        "s",
        "",
        "How long the media object plays.",
    ),
    known(
        "cmcd-deadline",
        Kind::Milliseconds,
        Role::Gauge,
        "s",
        "",
        "From the request to when the first sample is needed.",
    ),
    known(
        "cmcd-measured-throughput",
        Kind::Count,
        Role::Gauge,
        "kbit/s",
        "",
        "The throughput that the player measured.",
    ),
    text("cmcd-next-object-request", "The path of the next object that will be asked for."),
    text("cmcd-next-range-request", "The range that will be asked for next."),
    label("cmcd-object-type", "The type of the media object."),
    known(
        "cmcd-playback-rate",
        Kind::Number,
        Role::Gauge,
        "1",
        "",
        "1 at real time, 2 at double speed, 0 when paused.",
    ),
    known(
        "cmcd-requested-maximum-throughput",
        Kind::Count,
        Role::Gauge,
        "kbit/s",
        "",
        "The throughput that is enough for the player.",
    ),
    label(
        "cmcd-streaming-format",
        "The streaming format: `d` DASH, `h` HLS, `s` Smooth Streaming, `o` other.",
    ),
    text("cmcd-session-id", "The playback session."),
    label("cmcd-stream-type", "`v` on demand, `l` live."),
    label("cmcd-startup", "Whether the object is needed urgently."),
    known(
        "cmcd-top-bitrate",
        Kind::Count,
        Role::Gauge,
        "kbit/s",
        "",
        "The highest bit rate that the player may use.",
    ),
    label("cmcd-version", "The version of CMCD."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quoting() {
        for (aws, name) in [
            ("cs(User-Agent)", "cs_user_agent"),
            ("cs-uri-stem", "cs_uri_stem"),
            ("timestamp(ms)", "timestamp_ms"),
            ("DistributionId", "distribution_id"),
            ("sc(X-Cache)", "sc_x_cache"),
            ("2nd", "_2nd"),
        ] {
            assert_eq!(field_name(aws), name);
        }
    }

    #[test]
    fn every_listed_column_is_known() {
        for aws in STANDARD.iter().chain(&REALTIME) {
            let name = field_name(aws);
            assert!(KNOWN.iter().any(|known| field_name(known.aws) == name), "{aws}");
        }
        assert_eq!(Column::new("cs-user-agent"), Column::new("cs(User-Agent)"));
        assert_eq!(Column::new("x-new").kind, Kind::Text);
        assert!(STANDARD_LENGTHS.iter().all(|len| *len <= STANDARD.len()));
    }
}

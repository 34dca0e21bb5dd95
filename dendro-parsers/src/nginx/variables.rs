//! The variables of nginx, with what is known of their values.

use dendro_core::{FieldSchema, ValueType};

use crate::http_request::parts_schema;
use crate::log_format::{Chars, Field, Kind, Missing, Number, Part, Stamp};

/// A variable that nginx documents.
struct Variable {
    name: &'static str,
    value: Is,
    role: Role,
    /// Of [`Semantic conventions`](https://opentelemetry.io/docs/specs/semconv/); empty if they have none.
    otel: &'static str,
    doc: &'static str,
}

/// What a variable's values are.
#[derive(Clone, Copy)]
enum Is {
    Token,
    Host,
    Uri,
    /// Text that seldom has spaces.
    Name,
    Text,
    Byte,
    /// So many hexadecimal digits.
    Id(usize),
    Request,
    Status,
    /// Written by the log module itself, and never missing.
    Bytes,
    Seconds,
    /// The same of variables that may be missing.
    MaybeBytes,
    MaybeCount,
    MaybeSeconds,
    MaybeMicros,
    Decimal,
    /// One for each server that was tried.
    Texts,
    Statuses,
    Sizes,
    Times,
    /// The time of the line; the number tells how precise.
    Time(u8),
}

#[derive(Clone, Copy)]
enum Role {
    Dim,
    Attr,
    Gauge,
    Delta,
}

use Is::{
    Byte, Bytes, Decimal, Host, Id, MaybeBytes, MaybeCount, MaybeMicros, MaybeSeconds, Name, Request,
    Seconds, Sizes, Status, Statuses, Text, Texts, Time, Times, Token, Uri,
};
use Role::{Attr, Delta, Dim, Gauge};

const fn v(name: &'static str, value: Is, role: Role, otel: &'static str, doc: &'static str) -> Variable {
    Variable { name, value, role, otel, doc }
}

/// Those with names of their own, by the modules that have them.
const VARIABLES: &[Variable] = &[
    // ngx_http_log_module
    v("time_local", Time(0), Attr, "", "The time in the Common Log Format."),
    v("time_iso8601", Time(1), Attr, "", "The time as in RFC 3339."),
    v("msec", Time(2), Attr, "", "The time with milliseconds."),
    v(
        "status",
        Status,
        Dim,
        "http.response.status_code",
        "The status that was sent; 499 if the client went away first, 0 (`000`) if none was sent, 9 (`009`) after a request of HTTP/0.9.",
    ),
    v(
        "body_bytes_sent",
        Bytes,
        Delta,
        "http.response.body.size",
        "The bytes sent to the client without the header.",
    ),
    v("bytes_sent", Bytes, Delta, "http.response.size", "The bytes sent to the client."),
    v(
        "request_length",
        Bytes,
        Delta,
        "http.request.size",
        "The bytes of the request, with its line, header and body.",
    ),
    v(
        "request_time",
        Seconds,
        Gauge,
        "http.server.request.duration",
        "From the first bytes of the request to the last ones sent, in milliseconds.",
    ),
    v("pipe", Byte, Dim, "", "`p` if the request was pipelined, else `.`."),
    // ngx_http_core_module
    v("args", Text, Attr, "url.query", "The arguments of the request line."),
    v("binary_remote_addr", Text, Attr, "", "The client's address, of 4 or 16 bytes."),
    v("connection", MaybeCount, Attr, "", "The serial number of the connection."),
    v("connection_requests", MaybeCount, Gauge, "", "The requests made through the connection so far."),
    v("connection_time", MaybeSeconds, Gauge, "", "How long the connection has been open."),
    v("content_length", Text, Attr, "", "The header Content-Length of the request, as it was sent."),
    v(
        "content_type",
        Text,
        Attr,
        "http.request.header.content-type",
        "The header Content-Type of the request.",
    ),
    v("document_root", Text, Attr, "", "The root of the request."),
    v("document_uri", Uri, Attr, "url.path", "The path, decoded and after rewrites."),
    v(
        "host",
        Host,
        Dim,
        "server.address",
        "The host of the request line, else of the header Host, else the server's name.",
    ),
    v("hostname", Token, Dim, "host.name", "The name of the machine."),
    v("https", Token, Dim, "", "`on` if the connection has TLS, else empty."),
    v("is_args", Text, Attr, "", "`?` if the request line has arguments, else empty."),
    v("is_request_port", Text, Attr, "", "`:` if the request has a port, else empty."),
    v("limit_rate", MaybeCount, Gauge, "", "The limit of the response's rate, in bytes a second."),
    v("nginx_version", Token, Dim, "", "The version of nginx."),
    v("pid", MaybeCount, Attr, "process.pid", "The process id of the worker."),
    v(
        "proxy_protocol_addr",
        Token,
        Attr,
        "client.address",
        "The client's address in the PROXY protocol's header.",
    ),
    v(
        "proxy_protocol_port",
        MaybeCount,
        Attr,
        "client.port",
        "The client's port in the PROXY protocol's header.",
    ),
    v("proxy_protocol_server_addr", Token, Attr, "", "The server's address in the PROXY protocol's header."),
    v("proxy_protocol_server_port", MaybeCount, Dim, "", "The server's port in the PROXY protocol's header."),
    v("query_string", Text, Attr, "url.query", "The arguments of the request line."),
    v("realpath_root", Text, Attr, "", "The root of the request, with its links resolved."),
    v(
        "remote_addr",
        Token,
        Attr,
        "client.address",
        "The client's address; `unix:` if it came through a socket.",
    ),
    v("remote_port", MaybeCount, Attr, "client.port", "The client's port."),
    v("remote_user", Name, Attr, "user.name", "The user name of basic authentication."),
    v("request", Request, Attr, "", "The request line as the client sent it."),
    v("request_body", Text, Attr, "", "The body of the request."),
    v("request_body_file", Text, Attr, "", "The file with the body of the request."),
    v("request_completion", Token, Dim, "", "`OK` if the request was completed, else empty."),
    v("request_filename", Text, Attr, "", "The file of the request."),
    v("request_id", Id(32), Attr, "", "The id of the request, 16 random bytes."),
    v("request_method", Token, Dim, "http.request.method", "The method."),
    v("request_port", MaybeCount, Dim, "", "The port of the request line, else of the header Host."),
    v("request_uri", Uri, Attr, "url.original", "The path and the arguments as the client sent them."),
    v("scheme", Token, Dim, "url.scheme", "`http` or `https`."),
    v("server_addr", Token, Dim, "network.local.address", "The address of the server that took the request."),
    v("server_name", Host, Dim, "", "The name of the server that took the request."),
    v("server_port", MaybeCount, Dim, "server.port", "The port of the server that took the request."),
    v(
        "server_protocol",
        Token,
        Dim,
        "network.protocol.version",
        "The protocol with its version, as in HTTP/1.1.",
    ),
    v("tcpinfo_rcv_space", MaybeBytes, Gauge, "", "The space of the client's TCP connection to receive."),
    v("tcpinfo_rtt", MaybeMicros, Gauge, "", "The round trip of the client's TCP connection."),
    v("tcpinfo_rttvar", MaybeMicros, Gauge, "", "How the round trip of the client's TCP connection varies."),
    v(
        "tcpinfo_snd_cwnd",
        MaybeCount,
        Gauge,
        "",
        "The congestion window of the client's TCP connection, in segments.",
    ),
    v("uri", Uri, Attr, "url.path", "The path, decoded and after rewrites."),
    // ngx_http_upstream_module, and that of stream
    v("upstream_addr", Texts, Attr, "", "The addresses of the servers that were tried."),
    v("upstream_bytes_received", Sizes, Attr, "", "The bytes received from each server that was tried."),
    v("upstream_bytes_sent", Sizes, Attr, "", "The bytes sent to each server that was tried."),
    v("upstream_cache_age", MaybeCount, Gauge, "", "The age of the cached answer, in seconds."),
    v("upstream_cache_key", Text, Attr, "", "The key of the cached answer."),
    v("upstream_cache_last_modified", Text, Attr, "", "The header Last-Modified of the cached answer."),
    v(
        "upstream_cache_status",
        Token,
        Dim,
        "",
        "What the cache did: MISS, BYPASS, EXPIRED, STALE, UPDATING, REVALIDATED, HIT.",
    ),
    v("upstream_connect_time", Times, Attr, "", "How long connecting to each server took that was tried."),
    v("upstream_first_byte_time", Times, Attr, "", "How long each server took to the first byte."),
    v("upstream_header_time", Times, Attr, "", "How long the header of each server took that was tried."),
    v("upstream_last_server_name", Host, Dim, "", "The name of the server that was chosen last."),
    v("upstream_queue_time", Times, Attr, "", "How long the request waited for each server."),
    v("upstream_response_length", Sizes, Attr, "", "The bytes of the answer of each server that was tried."),
    v("upstream_response_time", Times, Attr, "", "How long the answer of each server took that was tried."),
    v("upstream_session_time", Times, Attr, "", "How long the session with each server took."),
    v("upstream_status", Statuses, Attr, "", "The status of each server that was tried."),
    // ngx_http_proxy_module, ngx_http_fastcgi_module
    v(
        "proxy_add_x_forwarded_for",
        Text,
        Attr,
        "",
        "The header X-Forwarded-For with the client's address added.",
    ),
    v("proxy_host", Host, Dim, "", "The name and port of the proxied server."),
    v("proxy_port", MaybeCount, Dim, "", "The port of the proxied server."),
    v("fastcgi_path_info", Text, Attr, "", "The path behind the script's name."),
    v("fastcgi_script_name", Uri, Attr, "", "The path of the FastCGI script."),
    // ngx_http_gzip_module, ngx_http_realip_module, ngx_http_stub_status_module
    v("gzip_ratio", Decimal, Gauge, "", "The compression ratio."),
    v(
        "realip_remote_addr",
        Token,
        Attr,
        "network.peer.address",
        "The address that the connection came from.",
    ),
    v("realip_remote_port", MaybeCount, Attr, "network.peer.port", "The port that the connection came from."),
    v("connections_active", MaybeCount, Gauge, "", "The open connections, idle ones included."),
    v("connections_reading", MaybeCount, Gauge, "", "The connections whose header is being read."),
    v("connections_waiting", MaybeCount, Gauge, "", "The idle connections."),
    v("connections_writing", MaybeCount, Gauge, "", "The connections that are being answered."),
    // ngx_http_ssl_module, ngx_stream_ssl_preread_module
    v("ssl_alpn_protocol", Token, Dim, "", "The protocol that was agreed on."),
    v("ssl_cipher", Token, Dim, "tls.cipher", "The cipher."),
    v("ssl_ciphers", Token, Attr, "", "The client's ciphers."),
    v("ssl_client_cert", Text, Attr, "tls.client.certificate", "The client's certificate."),
    v("ssl_client_escaped_cert", Text, Attr, "", "The client's certificate, percent-encoded."),
    v(
        "ssl_client_fingerprint",
        Token,
        Attr,
        "tls.client.hash.sha1",
        "The SHA-1 of the client's certificate.",
    ),
    v("ssl_client_i_dn", Text, Attr, "tls.client.issuer", "Who issued the client's certificate."),
    v("ssl_client_i_dn_legacy", Text, Attr, "", "Who issued the client's certificate."),
    v("ssl_client_raw_cert", Text, Attr, "", "The client's certificate."),
    v("ssl_client_s_dn", Text, Attr, "tls.client.subject", "The subject of the client's certificate."),
    v("ssl_client_s_dn_legacy", Text, Attr, "", "The subject of the client's certificate."),
    v("ssl_client_serial", Token, Attr, "", "The serial number of the client's certificate."),
    v("ssl_client_sigalg", Token, Dim, "", "The signature algorithm of the client's certificate."),
    v("ssl_client_v_end", Text, Attr, "", "The end of the client's certificate."),
    v("ssl_client_v_remain", MaybeCount, Gauge, "", "The days until the client's certificate ends."),
    v("ssl_client_v_start", Text, Attr, "", "The beginning of the client's certificate."),
    v("ssl_client_verify", Text, Dim, "", "`SUCCESS`, `FAILED:` and the reason, or `NONE`."),
    v("ssl_curve", Token, Dim, "tls.curve", "The curve that was agreed on."),
    v("ssl_curves", Token, Attr, "", "The client's curves."),
    v("ssl_early_data", Token, Dim, "", "`1` if the request came before the handshake was complete."),
    v("ssl_preread_alpn_protocols", Text, Attr, "", "The protocols that the client asked for."),
    v("ssl_preread_protocol", Token, Dim, "", "The highest TLS version of the client."),
    v("ssl_preread_server_name", Host, Dim, "", "The server name that the client asked for."),
    v("ssl_protocol", Token, Dim, "tls.protocol.version", "The TLS version."),
    v("ssl_server_name", Host, Dim, "tls.client.server_name", "The server name that the client asked for."),
    v("ssl_session_id", Token, Attr, "", "The id of the TLS session."),
    v("ssl_session_reused", Token, Dim, "", "`r` if the TLS session was resumed, else `.`."),
    v("ssl_sigalg", Token, Dim, "", "The signature algorithm of the server."),
    // Further modules of http
    v("ancient_browser", Text, Attr, "", "Whether the browser is an ancient one."),
    v("date_gmt", Text, Attr, "", "The time in UTC, as SSI was told to write it."),
    v("date_local", Text, Attr, "", "The time, as SSI was told to write it."),
    v("http2", Token, Dim, "", "`h2`, `h2c`, or empty."),
    v("http3", Token, Dim, "", "`h3`, `hq`, or empty."),
    v("invalid_referer", Text, Dim, "", "`1` if the header Referer is not one of those allowed, else empty."),
    v("limit_conn_status", Token, Dim, "", "What the limit of connections did: PASSED, REJECTED, ..."),
    v("limit_req_status", Token, Dim, "", "What the limit of requests did: PASSED, DELAYED, REJECTED, ..."),
    v("memcached_key", Text, Attr, "", "The key of the value in memcached."),
    v("modern_browser", Text, Attr, "", "Whether the browser is a modern one."),
    v("msie", Text, Attr, "", "`1` if the browser is Internet Explorer."),
    v("otel_parent_id", Token, Attr, "", "The id of the span's parent."),
    v("otel_parent_sampled", Token, Dim, "", "`1` if the span's parent is sampled."),
    v("otel_span_id", Token, Attr, "", "The id of the span."),
    v("otel_trace_id", Token, Attr, "", "The id of the trace."),
    v("secure_link", Text, Attr, "", "What checking the link gave."),
    v("secure_link_expires", MaybeCount, Attr, "", "When the link ends, in seconds since 1970."),
    v("slice_range", Text, Attr, "", "The range of the slice."),
    v("uid_got", Text, Attr, "", "The cookie of the client and its name."),
    v("uid_reset", Text, Attr, "", "Whether the cookie is to be reset."),
    v("uid_set", Text, Attr, "", "The cookie that was sent and its name."),
    // ngx_http_geoip_module
    v("geoip_area_code", Text, Attr, "", "The telephone area of the client's address."),
    v("geoip_city", Text, Attr, "geo.locality.name", "The city of the client's address."),
    v(
        "geoip_city_continent_code",
        Token,
        Dim,
        "geo.continent.code",
        "The continent of the client's address.",
    ),
    v("geoip_city_country_code", Token, Dim, "geo.country.iso_code", "The country of the client's address."),
    v("geoip_city_country_code3", Token, Dim, "", "The country of the client's address, in three letters."),
    v("geoip_city_country_name", Text, Dim, "", "The country of the client's address."),
    v("geoip_country_code", Token, Dim, "geo.country.iso_code", "The country of the client's address."),
    v("geoip_country_code3", Token, Dim, "", "The country of the client's address, in three letters."),
    v("geoip_country_name", Text, Dim, "", "The country of the client's address."),
    v("geoip_dma_code", Text, Attr, "", "The market area of the client's address."),
    v("geoip_latitude", Decimal, Attr, "geo.location.lat", "The latitude of the client's address."),
    v("geoip_longitude", Decimal, Attr, "geo.location.lon", "The longitude of the client's address."),
    v("geoip_org", Text, Attr, "", "The organization of the client's address."),
    v("geoip_postal_code", Text, Attr, "geo.postal_code", "The postal code of the client's address."),
    v("geoip_region", Text, Dim, "geo.region.iso_code", "The region of the client's address."),
    v("geoip_region_name", Text, Dim, "", "The region of the client's address."),
    // ingress-nginx
    v("ingress_name", Token, Dim, "", "The name of the ingress."),
    v("namespace", Token, Dim, "", "The namespace of the ingress."),
    v("proxy_alternative_upstream_name", Token, Dim, "", "The name of the alternative backend."),
    v("proxy_upstream_name", Token, Dim, "", "The name of the backend."),
    v("req_id", Token, Attr, "", "The id of the request."),
    v("service_name", Token, Dim, "", "The name of the service."),
    v("service_port", Token, Dim, "", "The port of the service."),
    v("the_real_ip", Token, Attr, "client.address", "The client's address."),
    // ngx_stream_log_module and ngx_stream_core_module
    v("bytes_received", MaybeBytes, Delta, "", "The bytes received from the client."),
    v("protocol", Token, Dim, "network.transport", "TCP or UDP."),
    v("session_time", MaybeSeconds, Gauge, "", "How long the session took."),
];

/// How names of variables begin of which there are as many as headers, cookies and arguments.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("http_", "http.request.header.", "The header of the request"),
    ("sent_http_", "http.response.header.", "The header of the response"),
    ("sent_trailer_", "", "The trailer of the response"),
    ("cookie_", "", "The cookie of the request"),
    ("arg_", "", "The argument of the request line"),
    ("upstream_http_", "", "The header of the upstream server's answer"),
    ("upstream_trailer_", "", "The trailer of the upstream server's answer"),
    ("upstream_cookie_", "", "The cookie that the upstream server set"),
    ("proxy_protocol_tlv_", "", "The value in the PROXY protocol's header of type"),
    ("jwt_header_", "", "The token's header"),
    ("jwt_claim_", "", "The token's claim"),
];

/// How precise a time is that the variable tells, if it tells one.
pub(super) fn time_precision(name: &str) -> Option<u8> {
    match known(name)?.value {
        Time(precision) => Some(precision),
        _ => None,
    }
}

fn known(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}

/// The field of a variable. It stands at byte `at` of the configuration text; `stamp` is what becomes of it if it is a time.
pub(super) fn field(name: &str, shown: &str, at: usize, stamp: Stamp) -> Field {
    Field {
        shown: shown.to_owned(),
        at,
        kind: known(name).map_or(Kind::Text(Chars::of_name(name)), |variable| variable.kind(stamp)),
        published: published(name),
    }
}

impl Variable {
    fn kind(&self, stamp: Stamp) -> Kind {
        const MICROS: Number = Number::Duration(1_000);
        const SECONDS: Number = Number::Duration(1_000_000_000);
        match self.value {
            Token => Kind::Text(Chars::Token),
            Host => Kind::Text(Chars::Host),
            Uri => Kind::Text(Chars::Uri),
            Name => Kind::Text(Chars::Name),
            Text => Kind::Text(Chars::Free),
            Byte => Kind::Byte(b"p."),
            Id(digits) => Kind::Hex(digits),
            Request => Kind::Request,
            Status => Kind::Number(Number::Status, Missing::Never),
            Bytes => Kind::Number(Number::U64, Missing::Never),
            Seconds => Kind::Number(SECONDS, Missing::Never),
            MaybeBytes | MaybeCount => Kind::Number(Number::U64, Missing::Null),
            MaybeSeconds => Kind::Number(SECONDS, Missing::Null),
            MaybeMicros => Kind::Number(MICROS, Missing::Null),
            Decimal => Kind::Number(Number::F64, Missing::Null),
            Texts => Kind::Texts,
            Statuses => Kind::Numbers(Number::Status),
            Sizes => Kind::Numbers(Number::U64),
            Times => Kind::Numbers(SECONDS),
            Time(0) => Kind::Time(Part::Clf, stamp),
            Time(1) => Kind::Time(Part::Iso8601, stamp),
            Time(_) => Kind::Time(Part::Seconds, stamp),
        }
    }
}

/// What is published of a variable: nothing of a time, the parts of a request too.
pub(super) fn published(name: &str) -> Vec<FieldSchema> {
    let Some(Variable { value, role, otel, doc, .. }) = known(name) else { return vec![unknown(name)] };
    let (value_type, unit) = match value {
        Time(_) => return Vec::new(),
        Token | Host | Uri | Name | Text | Byte | Id(_) | Request => (ValueType::Str, ""),
        Status | MaybeCount => (ValueType::U64, ""),
        Bytes | MaybeBytes => (ValueType::U64, "By"),
        Seconds | MaybeSeconds | MaybeMicros => (ValueType::Duration, "s"),
        Decimal => (ValueType::F64, "1"),
        Texts | Statuses => (ValueType::Array, ""),
        Sizes => (ValueType::Array, "By"),
        Times => (ValueType::Array, "s"),
    };
    let name = name.to_owned();
    let mut field = match role {
        Dim => FieldSchema::dimension(name, value_type),
        Attr => FieldSchema::attribute(name, value_type),
        Gauge => FieldSchema::gauge(name, value_type),
        Delta => FieldSchema::delta(name, value_type),
    };
    if !unit.is_empty() {
        field = field.unit(unit);
    }
    if !otel.is_empty() {
        field = field.otel(*otel);
    }
    let mut fields = vec![field.doc(*doc)];
    if let Request = value {
        fields.extend(parts_schema());
    }
    fields
}

/// A variable of a family, or one that the configuration has set.
fn unknown(name: &str) -> FieldSchema {
    let family = FAMILIES.iter().find_map(|family| Some((family, name.strip_prefix(family.0)?)));
    let Some(((_, otel, doc), rest)) = family.filter(|(_, rest)| !rest.is_empty()) else {
        let field = if name.starts_with(|first: char| first.is_ascii_digit()) {
            FieldSchema::attribute(format!("capture_{name}"), ValueType::Str)
        } else {
            FieldSchema::attribute(name.to_owned(), ValueType::Str)
        };
        return field.doc(format!("The variable ${name}."));
    };
    let header = header(rest);
    let field = FieldSchema::attribute(name.to_owned(), ValueType::Str);
    let field = match (name, *otel) {
        ("http_user_agent", _) => field.otel("user_agent.original"),
        (_, "") => field,
        (_, otel) => field.otel(format!("{otel}{}", header.to_ascii_lowercase())),
    };
    let doc = match *doc {
        "The header of the request" => {
            format!("The header {header}; empty if it was sent empty, null if it was not sent.")
        }
        "The header of the response" => {
            format!("The header {header} of the response; null if it was not sent.")
        }
        doc => format!("{doc} {rest}; null if there is none."),
    };
    field.doc(doc)
}

/// A header's name as it is usually written: `User-Agent`.
fn header(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_listed_once_and_its_name_needs_no_quoting() {
        for (index, variable) in VARIABLES.iter().enumerate() {
            assert!(VARIABLES[..index].iter().all(|other| other.name != variable.name), "{}", variable.name);
            assert!(variable.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            assert!(variable.doc.ends_with('.') || variable.doc.ends_with("..."), "{}", variable.name);
        }
    }

    #[test]
    fn families_are_named_after_the_header() {
        let otel = |name: &str| published(name)[0].otel.clone();
        assert_eq!(otel("http_user_agent").as_deref(), Some("user_agent.original"));
        assert_eq!(otel("http_x_forwarded_for").as_deref(), Some("http.request.header.x-forwarded-for"));
        assert_eq!(otel("sent_http_content_type").as_deref(), Some("http.response.header.content-type"));
        assert_eq!(otel("http_"), None);
        assert_eq!(published("1")[0].name, "capture_1");
        assert_eq!(published("my_own")[0].doc, "The variable $my_own.");
    }
}

//! What the API of NGINX Plus tells at which path.

use std::sync::{Arc, LazyLock};

use dendro_core::Schema;

use super::super::table::{Measure, Reads, attribute, counter, dimension, gauge, schema};

/// Objects of the API: one for each name that the object at the path has.
pub(super) struct Endpoint {
    /// Below the version.
    pub(super) path: &'static str,
    /// The dimension that the names become.
    pub(super) named: &'static str,
    pub(super) measures: &'static [Measure],
    pub(super) schema: &'static LazyLock<Arc<Schema>>,
    /// What each of them has several of.
    pub(super) peers: Option<&'static Peers>,
}

/// The servers of an upstream.
pub(super) struct Peers {
    pub(super) measures: &'static [Measure],
    pub(super) schema: &'static LazyLock<Arc<Schema>>,
}

/// The event of the server as a whole is made of several paths.
pub(super) const WHOLE: &[(&str, &[Measure])] = &[
    ("nginx", NGINX),
    ("connections", CONNECTIONS),
    ("http/requests", REQUESTS),
    ("ssl", SSL),
    ("processes", PROCESSES),
];

pub(super) const ENDPOINTS: &[Endpoint] = &[
    named("http/server_zones", "zone", SERVER_ZONE, &SERVER_ZONE_SCHEMA, None),
    named("http/location_zones", "zone", LOCATION_ZONE, &LOCATION_ZONE_SCHEMA, None),
    named("http/upstreams", "upstream", UPSTREAM, &UPSTREAM_SCHEMA, Some(&HTTP_PEERS)),
    named("http/caches", "cache", CACHE, &CACHE_SCHEMA, None),
    named("http/limit_reqs", "zone", LIMIT_REQS, &LIMIT_REQS_SCHEMA, None),
    named("http/limit_conns", "zone", LIMIT_CONNS, &LIMIT_CONNS_SCHEMA, None),
    named("stream/server_zones", "zone", STREAM_ZONE, &STREAM_ZONE_SCHEMA, None),
    named("stream/upstreams", "upstream", STREAM_UPSTREAM, &STREAM_UPSTREAM_SCHEMA, Some(&STREAM_PEERS)),
    named("resolvers", "resolver", RESOLVER, &RESOLVER_SCHEMA, None),
    named("slabs", "zone", SLAB, &SLAB_SCHEMA, None),
];

const fn named(
    path: &'static str,
    dimension: &'static str,
    measures: &'static [Measure],
    schema: &'static LazyLock<Arc<Schema>>,
    peers: Option<&'static Peers>,
) -> Endpoint {
    Endpoint { path, named: dimension, measures, schema, peers }
}

const HTTP_PEERS: Peers = Peers { measures: PEER, schema: &PEER_SCHEMA };
const STREAM_PEERS: Peers = Peers { measures: STREAM_PEER, schema: &STREAM_PEER_SCHEMA };

const fn requests(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{request}", doc).named(name)
}
const fn connections(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{connection}", doc).named(name)
}
const fn bytes(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "By", doc).named(name)
}
const fn checks(from: &'static str, name: &'static str, doc: &'static str) -> Measure {
    counter(from, "{check}", doc).named(name)
}
const fn average_time(from: &'static str, doc: &'static str) -> Measure {
    gauge(from, "s", doc).reads(Reads::Millis)
}

const NGINX: &[Measure] = &[
    attribute("version", "The version of nginx."),
    attribute("build", "The release of NGINX Plus."),
    counter("generation", "{reload}", "How often the configuration was loaded."),
    gauge("load_timestamp", "", "When it was loaded last.").reads(Reads::Rfc3339),
];
const CONNECTIONS: &[Measure] = &[
    connections("accepted", "accepted", "Connections accepted."),
    connections("dropped", "dropped", "Connections dropped for want of room."),
    gauge("active", "{connection}", "Connections that do something."),
    gauge("idle", "{connection}", "Connections that wait."),
];
const REQUESTS: &[Measure] = &[
    requests("total", "requests", "Requests."),
    gauge("current", "{request}", "Requests under way.").named("requests_current"),
];
const SSL: &[Measure] = &[
    counter("handshakes", "{handshake}", "TLS handshakes.").named("ssl_handshakes"),
    counter("handshakes_failed", "{handshake}", "TLS handshakes that failed.").named("ssl_handshakes_failed"),
    counter("session_reuses", "{handshake}", "TLS sessions used again.").named("ssl_session_reuses"),
];
const PROCESSES: &[Measure] =
    &[counter("respawned", "{process}", "Workers that died and were started again.").named("respawned")];

pub(super) static WHOLE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let all: Vec<&[Measure]> = WHOLE.iter().map(|(_, measures)| *measures).collect();
    schema("nginx_plus", "What NGINX Plus says of itself as a whole.", &all).into()
});

const SERVER_ZONE: &[Measure] = &[
    gauge("processing", "{request}", "Requests under way."),
    requests("requests", "requests", "Requests."),
    requests("responses.1xx", "responses_1xx", "Answers with a status of 100 to 199."),
    requests("responses.2xx", "responses_2xx", "Answers with a status of 200 to 299."),
    requests("responses.3xx", "responses_3xx", "Answers with a status of 300 to 399."),
    requests("responses.4xx", "responses_4xx", "Answers with a status of 400 to 499."),
    requests("responses.5xx", "responses_5xx", "Answers with a status of 500 to 599."),
    requests("responses.total", "responses", "Answers."),
    requests("discarded", "discarded", "Requests that ended without an answer."),
    bytes("received", "received", "Bytes received from clients."),
    bytes("sent", "sent", "Bytes sent to clients."),
    counter("ssl.handshakes", "{handshake}", "TLS handshakes.").named("ssl_handshakes"),
    counter("ssl.handshakes_failed", "{handshake}", "TLS handshakes that failed.")
        .named("ssl_handshakes_failed"),
    counter("ssl.session_reuses", "{handshake}", "TLS sessions used again.").named("ssl_session_reuses"),
];
static SERVER_ZONE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    table(
        "nginx_plus_server_zone",
        "Requests of the servers that share a `status_zone`.",
        "zone",
        &[SERVER_ZONE],
    )
});

/// As a server zone but for what is under way.
const LOCATION_ZONE: &[Measure] = match SERVER_ZONE {
    [_, rest @ ..] => rest,
    [] => &[],
};
static LOCATION_ZONE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    table(
        "nginx_plus_location_zone",
        "Requests of the locations that share a `status_zone`.",
        "zone",
        &[LOCATION_ZONE],
    )
});

const UPSTREAM: &[Measure] = &[
    gauge("keepalive", "{connection}", "Idle connections that are kept open."),
    gauge("zombies", "{server}", "Servers that were removed and still answer requests."),
    gauge("queue.size", "{request}", "Requests that wait for a server.").named("queue_size"),
    gauge("queue.max_size", "{request}", "How many may wait.").named("queue_max_size"),
    requests("queue.overflows", "queue_overflows", "Requests refused since the queue was full."),
];
static UPSTREAM_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    table(
        "nginx_plus_upstream",
        "One group of servers that nginx passes requests to.",
        "upstream",
        &[UPSTREAM],
    )
});

const PEER_NAMES: &[Measure] = &[
    dimension("id", "The server's number in its group.").named("server_id").reads(Reads::U64),
    dimension("server", "The server's address.").otel("server.address"),
    dimension("name", "The server as the configuration names it."),
    dimension("backup", "Whether it is a backup.").reads(Reads::Bool),
    dimension("state", "`up`, `draining`, `down`, `unavail`, `checking` or `unhealthy`."),
    gauge("weight", "1", "Its weight."),
    gauge("active", "{connection}", "Connections to it."),
    gauge("max_conns", "{connection}", "How many there may be."),
    bytes("sent", "sent", "Bytes sent to it."),
    bytes("received", "received", "Bytes received from it."),
    counter("fails", "{attempt}", "Attempts to talk to it that failed."),
    counter("unavail", "{event}", "How often it became `unavail` for its failures."),
    checks("health_checks.checks", "health_checks", "Health checks."),
    checks("health_checks.fails", "health_checks_failed", "Health checks that failed."),
    checks("health_checks.unhealthy", "health_checks_unhealthy", "How often it became `unhealthy`."),
    gauge("downtime", "s", "How long it has not been available, in all.").reads(Reads::Millis),
    gauge("selected", "", "When it was chosen last.").reads(Reads::Rfc3339),
];
const PEER_HTTP: &[Measure] = &[
    requests("requests", "requests", "Requests passed to it."),
    requests("responses.1xx", "responses_1xx", "Its answers with a status of 100 to 199."),
    requests("responses.2xx", "responses_2xx", "Its answers with a status of 200 to 299."),
    requests("responses.3xx", "responses_3xx", "Its answers with a status of 300 to 399."),
    requests("responses.4xx", "responses_4xx", "Its answers with a status of 400 to 499."),
    requests("responses.5xx", "responses_5xx", "Its answers with a status of 500 to 599."),
    requests("responses.total", "responses", "Its answers."),
    average_time("header_time", "How long it takes to the header of an answer, on average."),
    average_time("response_time", "How long it takes to the end of an answer, on average."),
];
const PEER_STREAM: &[Measure] = &[
    connections("connections", "connections", "Connections passed to it."),
    average_time("connect_time", "How long it takes to connect, on average."),
    average_time("first_byte_time", "How long it takes to its first byte, on average."),
    average_time("response_time", "How long it takes to its last byte, on average."),
];

/// The two slices as one, which a constant can't make by itself.
const PEER: &[Measure] = &concat::<{ PEER_NAMES.len() + PEER_HTTP.len() }>(PEER_NAMES, PEER_HTTP);
const STREAM_PEER: &[Measure] = &concat::<{ PEER_NAMES.len() + PEER_STREAM.len() }>(PEER_NAMES, PEER_STREAM);

const fn concat<const N: usize>(a: &[Measure], b: &[Measure]) -> [Measure; N] {
    let mut all = [a[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < a.len() { a[at] } else { b[at - a.len()] };
        at += 1;
    }
    all
}

static PEER_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    table(
        "nginx_plus_upstream_server",
        "One server of a group that nginx passes requests to.",
        "upstream",
        &[PEER],
    )
});

const CACHE: &[Measure] = &[
    gauge("size", "By", "What it takes."),
    gauge("max_size", "By", "What it may take."),
    dimension("cold", "Whether its content is still being loaded.").reads(Reads::Bool),
    requests("hit.responses", "hit", "Answers from the cache."),
    bytes("hit.bytes", "hit_bytes", "Bytes of these."),
    requests(
        "stale.responses",
        "stale",
        "Expired answers from the cache, since the server could not be asked.",
    ),
    bytes("stale.bytes", "stale_bytes", "Bytes of these."),
    requests(
        "updating.responses",
        "updating",
        "Expired answers from the cache while they were fetched anew.",
    ),
    bytes("updating.bytes", "updating_bytes", "Bytes of these."),
    requests(
        "revalidated.responses",
        "revalidated",
        "Expired answers from the cache that the server said are still good.",
    ),
    bytes("revalidated.bytes", "revalidated_bytes", "Bytes of these."),
    requests("miss.responses", "miss", "Answers that were not in the cache."),
    bytes("miss.bytes", "miss_bytes", "Bytes of these."),
    requests("expired.responses", "expired", "Answers fetched anew since they had expired."),
    bytes("expired.bytes", "expired_bytes", "Bytes of these."),
    requests("bypass.responses", "bypass", "Answers fetched without a look into the cache."),
    bytes("bypass.bytes", "bypass_bytes", "Bytes of these."),
];
static CACHE_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| table("nginx_plus_cache", "One cache of nginx.", "cache", &[CACHE]));

const LIMIT_REQS: &[Measure] = &[
    requests("passed", "passed", "Requests that went through at once."),
    requests("delayed", "delayed", "Requests that were held back."),
    requests("rejected", "rejected", "Requests that were refused."),
    requests("delayed_dry_run", "delayed_dry_run", "Requests that would have been held back."),
    requests("rejected_dry_run", "rejected_dry_run", "Requests that would have been refused."),
];
static LIMIT_REQS_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| table("nginx_plus_limit_req", "One zone of `limit_req`.", "zone", &[LIMIT_REQS]));

const LIMIT_CONNS: &[Measure] = &[
    connections("passed", "passed", "Connections that went through."),
    connections("rejected", "rejected", "Connections that were refused."),
    connections("rejected_dry_run", "rejected_dry_run", "Connections that would have been refused."),
];
static LIMIT_CONNS_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| table("nginx_plus_limit_conn", "One zone of `limit_conn`.", "zone", &[LIMIT_CONNS]));

const STREAM_ZONE: &[Measure] = &[
    gauge("processing", "{connection}", "Connections under way."),
    connections("connections", "connections", "Connections."),
    connections("sessions.2xx", "sessions_2xx", "Sessions that ended well."),
    connections("sessions.4xx", "sessions_4xx", "Sessions that the client made fail."),
    connections("sessions.5xx", "sessions_5xx", "Sessions that the server made fail."),
    connections("sessions.total", "sessions", "Sessions that have ended."),
    connections("discarded", "discarded", "Connections that ended without a session."),
    bytes("received", "received", "Bytes received from clients."),
    bytes("sent", "sent", "Bytes sent to clients."),
];
static STREAM_ZONE_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    table(
        "nginx_plus_stream_server_zone",
        "Connections of the stream servers that share a `status_zone`.",
        "zone",
        &[STREAM_ZONE],
    )
});

const STREAM_UPSTREAM: &[Measure] =
    &[gauge("zombies", "{server}", "Servers that were removed and still have connections.")];
static STREAM_UPSTREAM_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    table(
        "nginx_plus_stream_upstream",
        "One group of servers that nginx passes connections to.",
        "upstream",
        &[STREAM_UPSTREAM],
    )
});
static STREAM_PEER_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let doc = "One server of a group that nginx passes connections to.";
    table("nginx_plus_stream_upstream_server", doc, "upstream", &[STREAM_PEER])
});

const RESOLVER: &[Measure] = &[
    requests("requests.name", "requests_name", "Names that were asked for."),
    requests("requests.srv", "requests_srv", "Services that were asked for."),
    requests("requests.addr", "requests_addr", "Addresses whose name was asked for."),
    requests("responses.noerror", "responses_noerror", "Good answers."),
    requests("responses.formerr", "responses_formerr", "Answers that the request was wrong."),
    requests("responses.servfail", "responses_servfail", "Answers that the name server failed."),
    requests("responses.nxdomain", "responses_nxdomain", "Answers that there is no such name."),
    requests("responses.notimp", "responses_notimp", "Answers that the name server can't do that."),
    requests("responses.refused", "responses_refused", "Answers that the name server won't do that."),
    requests("responses.timedout", "responses_timedout", "Requests without an answer."),
    requests("responses.unknown", "responses_unknown", "Other answers."),
];
static RESOLVER_SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    table("nginx_plus_resolver", "One resolver with a `status_zone`.", "resolver", &[RESOLVER])
});

const SLAB: &[Measure] = &[
    gauge("pages.used", "{page}", "Pages in use.").named("pages_used"),
    gauge("pages.free", "{page}", "Pages that are free.").named("pages_free"),
];
static SLAB_SCHEMA: LazyLock<Arc<Schema>> =
    LazyLock::new(|| table("nginx_plus_slab", "One zone of shared memory.", "zone", &[SLAB]));

fn table(name: &'static str, doc: &'static str, key: &'static str, measures: &[&[Measure]]) -> Arc<Schema> {
    let key = dimension(key, "Its name in the configuration.");
    schema(name, doc, &[&[&[key][..]][..], measures].concat()).into()
}

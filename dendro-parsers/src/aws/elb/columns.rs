//! The columns of load balancers' access logs, and what is published of them.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

/// How a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The time of the event.
    Time,
    /// Another time.
    Timestamp,
    /// Text; `\xHH` stands for a byte.
    Text,
    /// An address and a port: two fields.
    Address,
    /// A length of time in seconds; negative if there was none.
    Seconds,
    /// A whole number.
    Count,
    /// A whole number that may be negative.
    Signed,
    /// The request line, and behind it the fields of its parts.
    Request,
    /// Texts with commas between.
    Texts,
    /// Addresses with spaces between.
    Addresses,
    /// Statuses with spaces between.
    Statuses,
}

/// A column: its field, or the first of those that it has.
pub(super) type Column = (Kind, &'static str);

/// The parts of a request line, which are fields behind it.
pub(super) const REQUEST: [&str; 7] = ["method", "url", "host", "port", "path", "query", "protocol"];

/// Application Load Balancers: the column names of AWS are those of the fields, except that `client:port` is `client_ip` and
/// `client_port`, and so on.
pub(super) const APPLICATION: [Column; 33] = [
    (Kind::Text, "type"),
    (Kind::Time, "time"),
    (Kind::Text, "elb"),
    (Kind::Address, "client_ip"),
    (Kind::Address, "target_ip"),
    (Kind::Seconds, "request_processing_time"),
    (Kind::Seconds, "target_processing_time"),
    (Kind::Seconds, "response_processing_time"),
    (Kind::Count, "elb_status_code"),
    (Kind::Count, "target_status_code"),
    (Kind::Count, "received_bytes"),
    (Kind::Count, "sent_bytes"),
    (Kind::Request, "request"),
    (Kind::Text, "user_agent"),
    (Kind::Text, "ssl_cipher"),
    (Kind::Text, "ssl_protocol"),
    (Kind::Text, "target_group_arn"),
    (Kind::Text, "trace_id"),
    (Kind::Text, "domain_name"),
    (Kind::Text, "chosen_cert_arn"),
    (Kind::Signed, "matched_rule_priority"),
    (Kind::Timestamp, "request_creation_time"),
    (Kind::Texts, "actions_executed"),
    (Kind::Text, "redirect_url"),
    (Kind::Text, "error_reason"),
    (Kind::Addresses, "target_port_list"),
    (Kind::Statuses, "target_status_code_list"),
    (Kind::Text, "classification"),
    (Kind::Text, "classification_reason"),
    (Kind::Text, "conn_trace_id"),
    (Kind::Text, "transformed_host"),
    (Kind::Text, "transformed_uri"),
    (Kind::Text, "request_transform_status"),
];

/// How many columns the first Application Load Balancers wrote.
pub(super) const APPLICATION_LEAST: usize = 18;

/// Classic Load Balancers.
pub(super) const CLASSIC: [Column; 15] = [
    (Kind::Time, "time"),
    (Kind::Text, "elb"),
    (Kind::Address, "client_ip"),
    (Kind::Address, "backend_ip"),
    (Kind::Seconds, "request_processing_time"),
    (Kind::Seconds, "backend_processing_time"),
    (Kind::Seconds, "response_processing_time"),
    (Kind::Count, "elb_status_code"),
    (Kind::Count, "backend_status_code"),
    (Kind::Count, "received_bytes"),
    (Kind::Count, "sent_bytes"),
    (Kind::Request, "request"),
    (Kind::Text, "user_agent"),
    (Kind::Text, "ssl_cipher"),
    (Kind::Text, "ssl_protocol"),
];

/// How many columns the first Classic Load Balancers wrote.
pub(super) const CLASSIC_LEAST: usize = 12;

/// The field for columns that AWS has added since.
pub(super) const FURTHER: &str = "further";

/// The port of a field of [`Kind::Address`].
pub(super) fn port_of(ip: &str) -> &'static str {
    match ip {
        "client_ip" => "client_port",
        "target_ip" => "target_port",
        _ => "backend_port",
    }
}

pub(super) fn application() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let doc = "One request to an Application Load Balancer; the time is that of the end of the response. Fields of columns \
                   that the line does not have are not there.";
        Arc::new(build(Schema::new("alb_access").doc(doc), &APPLICATION))
    })
}

pub(super) fn classic() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let doc = "One request or connection to a Classic Load Balancer; the time is that of the end of the response.";
        Arc::new(build(Schema::new("elb_access").doc(doc), &CLASSIC))
    })
}

fn build(base: Schema, columns: &[Column]) -> Schema {
    let mut schema = base;
    for (kind, name) in columns {
        if *kind == Kind::Time {
            continue;
        }
        schema = schema.field(field(name));
        match kind {
            Kind::Address => schema = schema.field(field(port_of(name))),
            Kind::Request => schema = REQUEST.iter().fold(schema, |schema, name| schema.field(field(name))),
            _ => {}
        }
    }
    schema.field(
        FieldSchema::attribute(FURTHER, ValueType::Array)
            .doc("Columns that were added to the log since, as texts; not there without any."),
    )
}

fn field(name: &'static str) -> FieldSchema {
    use ValueType::{Array, Duration, I64, Str, Timestamp, U64};
    let attribute = |value_type| FieldSchema::attribute(name, value_type);
    let dimension = |value_type| FieldSchema::dimension(name, value_type);
    match name {
        "type" => dimension(Str).doc("The kind of request: `http`, `https`, `h2`, `grpcs`, `ws`, `wss`."),
        "elb" => dimension(Str).doc("The load balancer."),
        "client_ip" => attribute(Str).otel("client.address").doc("The client's address."),
        "client_port" => attribute(U64).otel("client.port").doc("The client's port."),
        "target_ip" | "backend_ip" => attribute(Str)
            .otel("network.peer.address")
            .doc("Who answered the request; null if nobody did, or a Lambda function."),
        "target_port" | "backend_port" => attribute(U64).otel("network.peer.port").doc("Its port."),
        "request_processing_time" => FieldSchema::gauge(name, Duration)
            .unit("s")
            .doc("From the request's arrival until it was sent on; null if it was not."),
        "target_processing_time" | "backend_processing_time" => FieldSchema::gauge(name, Duration)
            .unit("s")
            .doc("From then until the answer's headers began; null if there was none."),
        "response_processing_time" => FieldSchema::gauge(name, Duration)
            .unit("s")
            .doc("From then until the answer was sent to the client; null if it was not."),
        "elb_status_code" => dimension(U64)
            .otel("http.response.status_code")
            .doc("The status that the client got; null if it got none."),
        "target_status_code" | "backend_status_code" => {
            dimension(U64).doc("The status that the load balancer got; null if it got none.")
        }
        "received_bytes" => FieldSchema::delta(name, U64)
            .unit("By")
            .otel("http.request.size")
            .doc("The bytes of the request."),
        "sent_bytes" => FieldSchema::delta(name, U64)
            .unit("By")
            .otel("http.response.size")
            .doc("The bytes of the response."),
        "request" => attribute(Str).doc("The request line with an absolute URL."),
        "method" => dimension(Str).otel("http.request.method").doc("The method of the request line."),
        "url" => attribute(Str).otel("url.full").doc("The URL of the request line."),
        "host" => dimension(Str).otel("server.address").doc("The host of the URL."),
        "port" => dimension(U64).otel("server.port").doc("The port of the URL."),
        "path" => attribute(Str).otel("url.path").doc("The path of the URL, percent-encoding kept."),
        "query" => {
            attribute(Str).otel("url.query").doc("What follows the URL's first `?`; null if there is none.")
        }
        "protocol" => dimension(Str)
            .otel("network.protocol.version")
            .doc("The protocol with its version, as in HTTP/1.1."),
        "user_agent" => attribute(Str).otel("user_agent.original").doc("The header User-Agent."),
        "ssl_cipher" => dimension(Str).otel("tls.cipher").doc("The cipher of TLS."),
        "ssl_protocol" => dimension(Str).otel("tls.protocol.version").doc("The version of TLS."),
        "target_group_arn" => dimension(Str).doc("The target group."),
        "trace_id" => attribute(Str).doc("The header X-Amzn-Trace-Id."),
        "domain_name" => dimension(Str).doc("The name that the client asked for in TLS."),
        "chosen_cert_arn" => {
            attribute(Str).doc("The certificate that the client got; `session-reused` if none was needed.")
        }
        "matched_rule_priority" => attribute(I64)
            .unit("1")
            .doc("The priority of the rule that matched; 0 for the default one, -1 after an error."),
        "request_creation_time" => attribute(Timestamp).doc("When the request arrived."),
        "actions_executed" => {
            attribute(Array).doc("What was done with the request: `forward`, `redirect`, `waf`, ...")
        }
        "redirect_url" => attribute(Str).doc("Where the client was redirected to."),
        "error_reason" => dimension(Str).doc("Why the request failed."),
        "target_port_list" => {
            attribute(Array).doc("The targets that were tried, as texts of address and port.")
        }
        "target_status_code_list" => attribute(Array).doc("The statuses that they answered, as numbers."),
        "classification" => {
            dimension(Str).doc("The desync mitigation's verdict: `Acceptable`, `Ambiguous` or `Severe`.")
        }
        "classification_reason" => dimension(Str).doc("The reason for that."),
        "conn_trace_id" => attribute(Str).doc("The connection, as in the connection log."),
        "transformed_host" => attribute(Str).doc("The header Host, after a transform."),
        "transformed_uri" => attribute(Str).doc("The path and query, after a transform."),
        _ => dimension(Str).doc("What became of the transforms."),
    }
}

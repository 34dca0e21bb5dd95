//! What [`NginxAccess`](super::NginxAccess) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn access() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    use ValueType::{F64, Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    Schema::new("nginx_access")
        .doc("One request that nginx has answered; the time is that of the end of the request.")
        .field(attribute("remote_addr", Str).otel("client.address").doc("The client's address; `unix:` if it came through a socket."))
        .field(attribute("remote_user", Str).otel("user.name").doc("The user name of basic authentication."))
        .field(attribute("request", Str).doc("The request line as the client sent it."))
        .field(dimension("method", Str).otel("http.request.method").doc("The method of the request line."))
        .field(attribute("path", Str).otel("url.path").doc("The path of the request line, percent-encoding kept."))
        .field(attribute("query", Str).otel("url.query").doc("What follows the first `?`; empty if nothing does, null if there is none."))
        .field(dimension("protocol", Str).otel("network.protocol.version").doc("The protocol with its version, as in HTTP/1.1."))
        .field(dimension("status", U64).otel("http.response.status_code").doc("The status that was sent; 499 if the client went away first, 0 (`000`) if none was sent, 9 (`009`) after a request of HTTP/0.9."))
        .field(FieldSchema::delta("body_bytes_sent", U64).unit("By").otel("http.response.body.size").doc("The bytes sent to the client without the header."))
        .field(attribute("http_referer", Str).otel("http.request.header.referer").doc("The header Referer; empty if it was sent empty, null if it was not sent."))
        .field(attribute("http_user_agent", Str).otel("user_agent.original").doc("The header User-Agent; empty if it was sent empty, null if it was not sent."))
        .field(attribute("http_x_forwarded_for", Str).otel("http.request.header.x-forwarded-for").doc("The header X-Forwarded-For, in logs that have a ninth field."))
        .field(FieldSchema::gauge("gzip_ratio", F64).unit("1").doc("The compression ratio, in logs whose ninth field is a decimal number."))
}

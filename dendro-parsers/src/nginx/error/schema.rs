//! What [`NginxError`](super::NginxError) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn error() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    use ValueType::{F64, Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    let delta = |name, unit, doc| FieldSchema::delta(name, U64).unit(unit).doc(doc);
    Schema::new("nginx_error")
        .doc("Something that nginx had to say: an error, a warning, a notice.")
        .field(dimension("level", Str).doc("emerg, alert, crit, error, warn, notice, info or debug."))
        .field(attribute("pid", U64).otel("process.pid").doc("The process."))
        .field(attribute("tid", U64).otel("thread.id").doc("The thread, or the process again if there are none."))
        .field(attribute("cid", U64).doc("The number of the connection, `$connection` of the access log."))
        .field(attribute("message", Str).doc("What was said, without the values behind it."))
        .field(dimension("error_code", U64).doc("The number of the operating system's error that the message names."))
        .field(dimension("error_text", Str).doc("The text of that error."))
        .field(attribute("client", Str).otel("client.address").doc("The client's address; `unix:` if it came through a socket."))
        .field(dimension("server", Str).doc("The server's first name, or the address that it listens on if there is no request yet; empty if it has none."))
        .field(attribute("request", Str).doc("The request line as the client sent it."))
        .field(dimension("method", Str).otel("http.request.method").doc("The method of the request line."))
        .field(attribute("path", Str).otel("url.path").doc("The path of the request line, percent-encoding kept."))
        .field(attribute("query", Str).otel("url.query").doc("What follows the first `?`; empty if nothing does, null if there is none."))
        .field(dimension("protocol", Str).otel("network.protocol.version").doc("The protocol with its version, as in HTTP/1.1."))
        .field(attribute("upstream", Str).doc("The upstream server: the URL that it was asked for, or its address."))
        .field(attribute("host", Str).otel("http.request.header.host").doc("The header Host."))
        .field(attribute("referrer", Str).otel("http.request.header.referer").doc("The header Referer."))
        .field(attribute("subrequest", Str).doc("The URI of the subrequest, in events of one."))
        .field(attribute("login", Str).otel("user.name").doc("The user of the mail module, in its events."))
        .field(attribute("resolver", Str).doc("The name server, in events of the resolver."))
        .field(FieldSchema::gauge("excess", F64).unit("1").doc("By how many requests the client exceeds its rate, in events of `limit_req`."))
        .field(dimension("zone", Str).doc("The zone of that limit."))
        .field(delta("packets_from_client", "{packet}", "Packets received from the client, in events of the stream module."))
        .field(delta("packets_to_client", "{packet}", "Packets sent to the client, likewise."))
        .field(delta("bytes_from_client", "By", "Bytes received from the client, in events of the stream module."))
        .field(delta("bytes_to_client", "By", "Bytes sent to the client, likewise."))
        .field(delta("bytes_from_upstream", "By", "Bytes received from the upstream server, in events of the stream module."))
        .field(delta("bytes_to_upstream", "By", "Bytes sent to the upstream server, likewise."))
}

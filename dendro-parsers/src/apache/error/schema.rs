//! What [`ApacheError`](super::ApacheError) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

use super::directive::Directive;
use super::values::{CLIENT, ERROR_CODE, FIELDS, FILE, LEVEL, MODULE, PID, REFERER, TID};

/// Of the lines that httpd writes without a configured format.
pub(super) fn default() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    use ValueType::{Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    Schema::new("apache_error")
        .doc("Something that Apache httpd, or what it runs, had to say: an error, a warning, a notice.")
        .field(dimension("level", Str).doc("emerg, alert, crit, error, warn, notice, info, debug or trace1 to trace8."))
        .field(dimension("module", Str).doc("The module that said it, as in `core` or `proxy_fcgi`."))
        .field(attribute("pid", U64).otel("process.pid").doc("The process."))
        .field(attribute("tid", U64).otel("thread.id").doc("The thread."))
        .field(attribute("client", Str).otel("client.address").doc("The client's address."))
        .field(attribute("client_port", U64).otel("client.port").doc("The client's port; 0 if only its address is known."))
        .field(attribute("remote", Str).otel("network.peer.address").doc("The address of the other side of a connection that is not a client's own: a backend, or a stream of HTTP/2."))
        .field(attribute("remote_port", U64).otel("network.peer.port").doc("The port of that side."))
        .field(dimension("error_code", U64).doc("The number of the error of the operating system or of APR."))
        .field(dimension("error_class", Str).doc("`EAI` if that number is one of name resolution, `OS` or `os` if it is one of Windows."))
        .field(dimension("error_text", Str).doc("The text of that error."))
        .field(dimension("file", Str).otel("code.file.path").doc("The file of httpd's source, from the level debug on."))
        .field(attribute("line", U64).otel("code.line.number").doc("The line of that file."))
        .field(dimension("code", Str).doc("The code of the message, as in AH00128."))
        .field(attribute("message", Str).doc("What was said, the code included."))
        .field(attribute("referer", Str).otel("http.request.header.referer").doc("The header Referer of the request."))
}

/// The fields of configured formats.
#[derive(Clone, Debug, Default)]
pub(super) struct Further {
    fields: Vec<FieldSchema>,
    /// The ones that the format that is being compiled has already.
    taken: Vec<usize>,
}

/// Where a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The number of the first of its fields.
    pub(super) first: usize,
    /// How many fields it has.
    pub(super) count: usize,
}

impl Further {
    /// The next format begins.
    pub(super) fn next_format(&mut self) {
        self.taken.clear();
    }

    /// The schema with these fields.
    pub(super) fn schema(&self) -> Arc<Schema> {
        let schema = default();
        if self.fields.is_empty() {
            return schema.clone();
        }
        Arc::new(self.fields.iter().cloned().fold((**schema).clone(), Schema::field))
    }

    /// The names, in the order of their numbers behind [`FIELDS`].
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name)
    }

    /// Where the value of a directive goes, if its place is not taken.
    pub(super) fn target(&mut self, directive: &Directive) -> Option<Target> {
        let target = self.place(directive)?;
        if self.taken.contains(&target.first) {
            return None;
        }
        self.taken.push(target.first);
        Some(target)
    }

    fn place(&mut self, directive: &Directive) -> Option<Target> {
        use ValueType::{Str, U64};
        let dimension = FieldSchema::dimension;
        let attribute = |name: &'static str, of| FieldSchema::attribute(name, of);
        let name = directive.name.as_deref().unwrap_or_default();
        let named = |prefix: &str| {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
            format!("{prefix}_{}", name.chars().map(plain).collect::<String>())
        };
        let known = |first, count| Some(Target { first, count });
        let field = match directive.letter {
            b'l' => return known(LEVEL, 1),
            b'm' => return known(MODULE, 1),
            b'P' => return known(PID, 1),
            b'E' => return known(ERROR_CODE, 3),
            b'F' => return known(FILE, 2),
            b'a' if name.starts_with('c') => {
                let doc = "The address of the other side of the connection, which may be a proxy.";
                let port =
                    attribute("peer_port", U64).otel("network.peer.port").doc("The port of that side.");
                return Some(self.pair(attribute("peer", Str).otel("network.peer.address").doc(doc), port));
            }
            b'a' => return known(CLIENT, 2),
            b'A' => {
                let doc = "The address of the server's side of the connection.";
                let port =
                    attribute("local_port", U64).otel("network.local.port").doc("The port of that side.");
                return Some(
                    self.pair(attribute("local_addr", Str).otel("network.local.address").doc(doc), port),
                );
            }
            b'T' if name.starts_with('g') => {
                attribute("system_tid", U64).doc("The number of the thread in the system.")
            }
            b'T' => return known(TID, 1),
            b'k' => attribute("keepalives", U64).doc("How many requests the connection was kept for."),
            b'L' if name.eq_ignore_ascii_case("c") => {
                attribute("connection_log_id", Str).doc("The log id of the connection.")
            }
            b'L' => attribute("request_log_id", Str).doc("The log id of the request."),
            b'v' => dimension("server_name", Str).doc("The canonical name of the server."),
            b'V' => dimension("request_server_name", Str).doc("The name of the server by UseCanonicalName."),
            b'i' if name.eq_ignore_ascii_case("referer") => return known(REFERER, 1),
            b'i' => {
                FieldSchema::attribute(named("http"), Str).doc(format!("The header {name} of the request."))
            }
            b'e' => FieldSchema::attribute(named("env"), Str)
                .doc(format!("The variable {name} of the request's environment.")),
            b'n' => {
                FieldSchema::attribute(named("note"), Str).doc(format!("The note {name} of the request."))
            }
            _ => return None,
        };
        Some(Target { first: FIELDS.len() + self.number(field), count: 1 })
    }

    fn pair(&mut self, address: FieldSchema, port: FieldSchema) -> Target {
        let first = FIELDS.len() + self.number(address);
        self.number(port);
        Target { first, count: 2 }
    }

    /// The number of a field; it is added if it is new.
    fn number(&mut self, field: FieldSchema) -> usize {
        let known = self.fields.iter().position(|known| known.name == field.name);
        known.unwrap_or_else(|| {
            self.fields.push(field);
            self.fields.len() - 1
        })
    }
}

//! What [`MysqlError`](super::MysqlError) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn error() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

/// The fields that only the JSON log has, by their key there, and the field's name and type.
pub(super) const JSON_ONLY: &[(&str, &str, ValueType, &str)] = {
    use ValueType::{I64, Str, U64};
    &[
        ("err_symbol", "err_symbol", Str, "The symbol of the message, as in ER_STARTING_AS. JSON only."),
        ("SQL_state", "sql_state", Str, "The SQLSTATE of the message. JSON only."),
        ("component", "component", Str, "The component that logged it. JSON only."),
        ("source_file", "source_file", Str, "The file of the server's source. JSON only."),
        ("source_line", "source_line", U64, "The line of the server's source. JSON only."),
        ("function", "function", Str, "The function of the server's source. JSON only."),
        ("OS_errno", "os_errno", I64, "The operating system's error number. JSON only."),
        ("OS_errmsg", "os_errmsg", Str, "The operating system's error text. JSON only."),
        ("log_type", "log_type", U64, "The log: 1 is the error log. JSON only."),
        ("ts", "ts", U64, "When it was written, in milliseconds since 1970. JSON only."),
        (
            "buffered",
            "buffered",
            U64,
            "When it was buffered before the log was open, in microseconds since 1970. JSON only.",
        ),
    ]
};

#[rustfmt::skip]
fn build() -> Schema {
    use ValueType::{Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    let mut schema = Schema::new("mysql_error")
        .doc("One event of the error log. Keys of the JSON log that are not listed here are further fields, in lower case.")
        .field(attribute("thread", U64).otel("thread.id").doc("The connection, 0 for the server itself; in MySQL 5.6 the process, or InnoDB's own thread."))
        .field(dimension("prio", U64).doc("How grave it is: 0 system, 1 error, 2 warning, 3 note."))
        .field(dimension("label", Str).doc("The same in words: System, Error, Warning, Note."))
        .field(dimension("err_code", Str).doc("The message's number, as in MY-010116. MySQL 8.0 and later."))
        .field(dimension("subsystem", Str).doc("What logged it, as in Server, InnoDB, Repl (MySQL 8.0 and later), or the script that starts the server."))
        .field(attribute("message", Str).doc("The message, with all its lines."));
    for &(_, name, ty, doc) in JSON_ONLY {
        let field = match name {
            "source_file" => attribute(name, ty).otel("code.file.path"),
            "source_line" => attribute(name, ty).otel("code.line.number"),
            "function" => attribute(name, ty).otel("code.function.name"),
            "ts" => attribute(name, ty).unit("ms"),
            "buffered" => attribute(name, ty).unit("us"),
            "err_symbol" | "sql_state" | "component" => dimension(name, ty),
            _ => attribute(name, ty),
        };
        schema = schema.field(field.doc(doc));
    }
    schema
}

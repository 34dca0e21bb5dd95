//! What [`Syslog`](super::Syslog) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn syslog() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    use ValueType::{Object, Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    Schema::new("syslog")
        .doc("One record of syslog; the time is the one that the record tells, if it does.")
        .field(attribute("pri", U64).doc("The priority: eight times the facility, and the severity."))
        .field(dimension("facility", Str).otel("syslog.facility").doc("The facility by its name: `kern`, `user`, ... `local7`; `invld` if the priority is none."))
        .field(attribute("facility_code", U64).doc("The facility by its number, 0 to 23."))
        .field(dimension("severity", Str).doc("The severity by its name: `emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info` or `debug`."))
        .field(attribute("severity_code", U64).doc("The severity by its number, 0 to 7, the gravest first."))
        .field(attribute("version", U64).otel("syslog.version").doc("The version of the protocol: null in RFC 3164."))
        .field(dimension("hostname", Str).otel("host.name").doc("The host that the record tells."))
        .field(attribute("syslogtag", Str).doc("The tag as written, with process and colon, as in `sshd[812]:`; in RFC 5424 application and process, as in `sshd[812]`."))
        .field(dimension("program", Str).doc("The name in the tag, as in `postfix/smtpd`; in RFC 5424 APP-NAME."))
        .field(dimension("programname", Str).doc("The same up to the first slash, as in `postfix`."))
        .field(dimension("app_name", Str).otel("service.name").doc("What rsyslog calls so: APP-NAME of RFC 5424; in RFC 3164 the same as `programname`."))
        .field(attribute("procid", Str).otel("syslog.procid").doc("The process: what the tag has between brackets, PROCID of RFC 5424. Not always a number."))
        .field(dimension("msgid", Str).otel("syslog.msgid").doc("MSGID of RFC 5424."))
        .field(attribute("message", Str).doc("The message."))
        .field(attribute("structured_data", Object).doc("Each element of the structured data by its id: an object of its parameters; one that is there more than once is an array."))
        .field(attribute("structured_data_text", Str).doc("The text of structured data that are not well-formed, or not followed by a space as RFC 5424 demands."))
        .field(attribute("sequence", U64).doc("The number that Cisco's devices count their records by."))
}

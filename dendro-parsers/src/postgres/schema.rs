//! What PostgreSQL's logs tell, in one vocabulary for the three ways in which it writes them.

use std::sync::{Arc, OnceLock};

use dendro_core::{Batch, BatchFull, FieldSchema, Key, Schema, ValueType};

/// A field of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Field {
    UserName,
    DatabaseName,
    ProcessId,
    ConnectionFrom,
    SessionId,
    SessionLineNum,
    CommandTag,
    SessionStartTime,
    VirtualTransactionId,
    TransactionId,
    ErrorSeverity,
    SqlStateCode,
    Message,
    Detail,
    Hint,
    InternalQuery,
    InternalQueryPos,
    Context,
    Query,
    QueryPos,
    Location,
    ApplicationName,
    BackendType,
    LeaderPid,
    QueryId,
    Severity,
    RemoteHost,
    RemotePort,
    LocalHost,
    FuncName,
    FileName,
    FileLineNum,
    Backtrace,
    Duration,
    Phase,
    StatementName,
    PortalName,
    Statement,
    Parameters,
    Plan,
}

#[cfg(test)]
const COUNT: usize = Field::Plan as usize + 1;

/// The keys of the fields in a batch.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<Key>,
    pub(super) ty: u16,
}

impl Keys {
    pub(super) fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        let keys =
            schema().fields.iter().map(|field| batch.add_key(&field.name)).collect::<Result<_, _>>()?;
        Ok(Self { keys, ty: batch.add_type(schema())? })
    }

    #[inline]
    pub(super) fn of(&self, field: Field) -> Key {
        self.keys[field as usize]
    }
}

/// The fields in the order of [`Field`].
pub(super) fn schema() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    use ValueType::{Array, Duration, I64, Str, Timestamp, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    Schema::new("postgres")
        .doc("One event that PostgreSQL has logged; the time is that at which it was logged (`log_time`). jsonlog of a later version may have further fields.")
        .field(dimension("user_name", Str).otel("user.name").doc("The role of the session; `%u`, jsonlog's `user`."))
        .field(dimension("database_name", Str).otel("db.namespace").doc("The database of the session; `%d`, jsonlog's `dbname`."))
        .field(attribute("process_id", U64).otel("process.pid").doc("The number of the server's process; `%p`, jsonlog's `pid`."))
        .field(attribute("connection_from", Str).doc("The client as csvlog writes it: `host:port`, or `[local]`; `%r`."))
        .field(attribute("session_id", Str).otel("session.id").doc("The session: its start and its process in hexadecimal; `%c`."))
        .field(attribute("session_line_num", U64).doc("The number of the line in its session; `%l`, jsonlog's `line_num`. From syslog the number of the event, unless the prefix has it."))
        .field(dimension("command_tag", Str).otel("db.operation.name").doc("The command that runs; `%i`, jsonlog's `ps`."))
        .field(attribute("session_start_time", Timestamp).doc("When the session, or the process, began; `%s`, jsonlog's `session_start`."))
        .field(attribute("virtual_transaction_id", Str).doc("The virtual transaction, null outside of one; `%v`, jsonlog's `vxid`."))
        .field(attribute("transaction_id", U64).doc("The transaction, 0 if it has no number; `%x`, jsonlog's `txid`."))
        .field(dimension("error_severity", Str).doc("LOG, ERROR, ...: in csvlog in the server's language, as it stands there; else in English."))
        .field(dimension("sql_state_code", Str).otel("db.response.status_code").doc("The SQLSTATE; `%e` or, with verbose logging, before the message; jsonlog's `state_code`."))
        .field(attribute("message", Str).doc("The message, without the place in the query that stderr logs add to it."))
        .field(attribute("detail", Str).doc("DETAIL: more about it."))
        .field(attribute("hint", Str).doc("HINT: what to do."))
        .field(attribute("internal_query", Str).doc("QUERY: the query that the server made itself and that failed."))
        .field(attribute("internal_query_pos", U64).doc("The character of `internal_query` that is at fault, from 1; jsonlog's `internal_position`."))
        .field(attribute("context", Str).doc("CONTEXT: where it happened, innermost first."))
        .field(attribute("query", Str).otel("db.query.text").doc("STATEMENT: the user's query that led to it; jsonlog's `statement`."))
        .field(attribute("query_pos", U64).doc("The character of `query` that is at fault, from 1; jsonlog's `cursor_position`."))
        .field(attribute("location", Str).doc("LOCATION: the place in the server's source, with verbose logging."))
        .field(attribute("application_name", Str).doc("What the client calls itself; `%a`. Empty if it does not."))
        .field(dimension("backend_type", Str).doc("The kind of process; `%b`. From version 13 on."))
        .field(attribute("leader_pid", U64).doc("The process that a parallel worker works for; `%P`. From version 14 on."))
        .field(attribute("query_id", I64).doc("The number of the query as pg_stat_statements has it, 0 if there is none; `%Q`. From version 14 on."))
        .field(dimension("severity", Str).otel("log.record.severity_text").doc("The severity in English whatever language the server speaks: DEBUG, INFO, NOTICE, WARNING, ERROR, LOG, FATAL or PANIC."))
        .field(attribute("remote_host", Str).otel("client.address").doc("The client's address or name, `[local]` for a socket; `%h`."))
        .field(attribute("remote_port", U64).otel("client.port").doc("The client's port."))
        .field(attribute("local_host", Str).otel("server.address").doc("The server's address that the client has connected to; `%L`. From version 18 on."))
        .field(attribute("func_name", Str).otel("code.function.name").doc("The function of `location`."))
        .field(attribute("file_name", Str).otel("code.file.path").doc("The file of `location`."))
        .field(attribute("file_line_num", U64).otel("code.line.number").doc("The line of `location`."))
        .field(attribute("backtrace", Str).otel("code.stacktrace").doc("BACKTRACE: the calls that led to it."))
        .field(FieldSchema::gauge("duration", Duration).unit("s").otel("db.client.operation.duration").doc("How long a statement took, split from the message."))
        .field(dimension("phase", Str).doc("What the message says was done: `statement` (a simple query), `parse`, `bind`, `execute`, `fetch`, `fastpath` or `plan`."))
        .field(attribute("statement_name", Str).doc("The name of the prepared statement, split from the message; null for the unnamed one."))
        .field(attribute("portal_name", Str).doc("The name of the portal, split from the message."))
        .field(attribute("statement", Str).otel("db.query.text").doc("The statement, split from the message of a duration or of log_statement."))
        .field(attribute("parameters", Array).otel("db.query.parameter").doc("The parameters of `statement` in order, as text, split from `detail`; null is a parameter that is."))
        .field(attribute("plan", Str).doc("The plan of auto_explain, split from the message."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_schema_are_in_the_order_of_their_numbers() {
        let fields = &schema().fields;
        assert_eq!(fields.len(), COUNT);
        for (field, name) in [
            (Field::UserName, "user_name"),
            (Field::Message, "message"),
            (Field::QueryId, "query_id"),
            (Field::Severity, "severity"),
            (Field::FileLineNum, "file_line_num"),
            (Field::Plan, "plan"),
        ] {
            assert_eq!(fields[field as usize].name, name);
        }
    }
}

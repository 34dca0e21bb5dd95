//! What [`MongoDb`](super::MongoDb) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn log() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    use ValueType::{Array, Duration, Object, Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    let gauge = FieldSchema::gauge;
    Schema::new("mongodb")
        .doc("A message of mongod or mongos; the time is that of `t`. Members that MongoDB may add to its messages are further fields.")
        .field(dimension("s", Str).doc("The severity: F (fatal), E (error), W (warning), I (information), D1 to D5 (debug)."))
        .field(dimension("c", Str).doc("The component: COMMAND, NETWORK, REPL and so on; `-` if it is none."))
        .field(dimension("id", U64).doc("The number of the statement that logs, the same for every message of this kind."))
        .field(attribute("ctx", Str).doc("The context: the thread, as in conn42."))
        .field(dimension("svc", Str).doc("The service: S (shard), R (router), `-` (none); since 8.0."))
        .field(attribute("msg", Str).doc("The message, without its attributes."))
        .field(attribute("attr", Object).doc("The attributes of the message, in MongoDB's names."))
        .field(attribute("tags", Array).doc("Tags, as in startupWarnings."))
        .field(attribute("truncated", Object).doc("Which attributes were cut off, and why."))
        .field(attribute("size", Object).doc("How large the attributes were that were cut off."))
        .field(attribute("ns", Str).otel("db.collection.name").doc("attr.ns: the namespace, database and collection."))
        .field(attribute("remote", Str).otel("client.address").doc("attr.remote: the client, address and port."))
        .field(dimension("app_name", Str).doc("attr.appName: what the client calls itself."))
        .field(attribute("plan_summary", Str).doc("attr.planSummary: how a slow query was answered, as in COLLSCAN."))
        .field(gauge("keys_examined", U64).unit("{key}").doc("attr.keysExamined: the index keys that a slow query has read."))
        .field(gauge("docs_examined", U64).unit("{document}").doc("attr.docsExamined: the documents that a slow query has read."))
        .field(gauge("nreturned", U64).unit("{document}").otel("db.response.returned_rows").doc("attr.nreturned: the documents that a slow query gave."))
        .field(gauge("num_yields", U64).unit("{yield}").doc("attr.numYields: how often a slow query let others go first."))
        .field(gauge("reslen", U64).unit("By").doc("attr.reslen: the length of the answer to a slow query."))
        .field(gauge("duration", Duration).unit("s").doc("attr.durationMillis: the time that it took."))
        .field(gauge("cpu", Duration).unit("s").doc("attr.cpuNanos: the processor time that a slow query took."))
}

//! What [`LambdaLog`](super::LambdaLog) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn platform() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build_platform()))
}

pub(super) fn function() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build_function()))
}

fn build_platform() -> Schema {
    use ValueType::{Array, Bool, Duration, Object, Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    let gauge = FieldSchema::gauge;
    let took = |name| gauge(name, Duration).unit("s");
    let size = |name| gauge(name, U64).unit("By");
    Schema::new("lambda_platform")
        .doc("Something that Lambda's platform tells of a function: an invocation, its report, a start. Has the fields that are told.")
        .field(dimension("type", Str).doc("What is told, as the Telemetry API names it: `platform.report`, `platform.initStart`, ..."))
        .field(attribute("request_id", Str).otel("faas.invocation_id").doc("The invocation."))
        .field(dimension("version", Str).otel("faas.version").doc("The version of the function that is invoked."))
        .field(dimension("status", Str).doc("How it went: `success`, `failure`, `error`, `timeout`."))
        .field(dimension("error_type", Str).otel("error.type").doc("The kind of error, as in `Runtime.ExitError`."))
        .field(took("duration").doc("How long the invocation took."))
        .field(took("billed_duration").doc("For how long it is billed."))
        .field(size("memory_size").otel("faas.max_memory").doc("The memory that the function may use."))
        .field(size("max_memory_used").doc("The most memory that it used."))
        .field(took("init_duration").doc("How long the initialisation took."))
        .field(took("restore_duration").doc("How long it took to restore a snapshot."))
        .field(took("billed_restore_duration").doc("For how long the restore is billed."))
        .field(took("timeout").doc("After which time the invocation was ended."))
        .field(attribute("trace_id", Str).doc("The trace in X-Ray."))
        .field(attribute("segment_id", Str).doc("The segment in X-Ray."))
        .field(attribute("sampled", Bool).doc("Whether X-Ray keeps the trace."))
        .field(attribute("tracing", Object).doc("The trace context: `span_id`, `type` and `value`."))
        .field(attribute("spans", Array).doc("Parts of the time: objects with `name`, `start` and `duration`."))
        .field(dimension("phase", Str).doc("When the initialisation ran: `init` or `invoke`."))
        .field(dimension("initialization_type", Str).doc("Why it ran: `on-demand`, `provisioned-concurrency`, `snap-start`."))
        .field(dimension("runtime_version", Str).doc("The runtime and its version."))
        .field(attribute("runtime_version_arn", Str).doc("The resource name of the runtime's version."))
        .field(dimension("name", Str).doc("The extension."))
        .field(dimension("state", Str).doc("Its state: `Ready`, `Registered`, `Subscribed`, ..."))
        .field(attribute("events", Array).doc("The events that it wants."))
        .field(attribute("types", Array).doc("The telemetry that it wants."))
        .field(FieldSchema::delta("produced_bytes", U64).unit("By").doc("The bytes of the response."))
        .field(dimension("reason", Str).doc("Why records were dropped."))
        .field(FieldSchema::delta("dropped_records", U64).unit("1").doc("How many were."))
        .field(FieldSchema::delta("dropped_bytes", U64).unit("By").doc("How many bytes they had."))
        .field(dimension("function_name", Str).otel("faas.name").doc("The function."))
        .field(dimension("function_version", Str).doc("The version of the function."))
        .field(attribute("function_arn", Str).otel("cloud.resource_id").doc("The resource name of the function."))
        .field(attribute("instance_id", Str).otel("faas.instance").doc("The environment that runs the function."))
        .field(size("instance_max_memory").doc("The memory of the environment."))
        .field(attribute("log_stream", Str).otel("aws.log.stream.names").doc("The log stream, if it stands before the line."))
        .field(attribute("message", Str).doc("The text of a fault."))
        .field(attribute("record", Object).doc("What else the record tells."))
}

fn build_function() -> Schema {
    use ValueType::{Object, Str};
    let attribute = FieldSchema::attribute;
    Schema::new("lambda_function")
        .doc("A line that a Lambda function, or an extension, has logged.")
        .field(FieldSchema::dimension("type", Str).doc("`function` or `extension`."))
        .field(FieldSchema::dimension("level", Str).doc("The level, as the runtime writes it."))
        .field(
            attribute("request_id", Str)
                .otel("faas.invocation_id")
                .doc("The invocation; null if there is none yet, or the line does not tell."),
        )
        .field(
            attribute("log_stream", Str)
                .otel("aws.log.stream.names")
                .doc("The log stream, if it stands before the line."),
        )
        .field(attribute("message", Str).doc("The text that was logged."))
        .field(attribute("record", Object).doc("What else a line of JSON tells."))
}

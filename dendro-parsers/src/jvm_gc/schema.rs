//! What [`JvmGc`](super::JvmGc) publishes.

use std::sync::{Arc, OnceLock};

use dendro_core::{FieldSchema, Schema, ValueType};

pub(super) fn jvm_gc() -> &'static Arc<Schema> {
    static SCHEMA: OnceLock<Arc<Schema>> = OnceLock::new();
    SCHEMA.get_or_init(|| Arc::new(build()))
}

fn build() -> Schema {
    use ValueType::{Duration, F64, Str, U64};
    let dimension = FieldSchema::dimension;
    let attribute = FieldSchema::attribute;
    let gauge = FieldSchema::gauge;
    Schema::new("jvm_gc")
        .doc("One line of the log of a JVM's garbage collector; without a time where it has only the uptime.")
        .field(gauge("uptime", Duration).unit("s").doc("How long the JVM had been running."))
        .field(dimension("level", Str).doc("The level: `error`, `warning`, `info`, `debug` or `trace`."))
        .field(dimension("tags", Str).doc("The tags, as in `gc,phases`."))
        .field(attribute("gc_id", U64).doc("The number of the collection: its lines share it."))
        .field(dimension("name", Str).otel("jvm.gc.action").doc("What was done, as in `Pause Young`, `Concurrent Mark`, `Evacuate Collection Set`; `GC` or `Full GC` with JDK 8."))
        .field(dimension("mode", Str).doc("What kind of it, as in `Normal`, `Concurrent Start`, `Mixed`."))
        .field(dimension("cause", Str).otel("jvm.gc.cause").doc("Why, as in `G1 Evacuation Pause`, `Allocation Failure`; of a safepoint, its operation."))
        .field(gauge("duration", Duration).unit("s").otel("jvm.gc.duration").doc("How long it took."))
        .field(attribute("message", Str).doc("The line behind its decorations."))
        .field(dimension("hostname", Str).otel("host.name").doc("The host, if it was chosen."))
        .field(attribute("pid", U64).otel("process.pid").doc("The process, if it was chosen; the thread, if that was chosen alone."))
        .field(attribute("tid", U64).otel("thread.id").doc("The thread, if it was chosen with the process."))
        .field(dimension("collector", Str).otel("jvm.gc.name").doc("The collector that the JVM says it uses."))
        .field(gauge("heap_before", U64).unit("By").doc("The heap in use before."))
        .field(gauge("heap_after", U64).unit("By").otel("jvm.memory.used_after_last_gc").doc("The heap in use after."))
        .field(gauge("heap_capacity", U64).unit("By").otel("jvm.memory.committed").doc("The size of the heap."))
        .field(gauge("heap_before_percent", F64).unit("%").doc("The part of the heap in use before, with ZGC."))
        .field(gauge("heap_after_percent", F64).unit("%").doc("The part of the heap in use after, with ZGC."))
        .field(gauge("user_time", Duration).unit("s").doc("Processor time outside of the kernel, all threads together."))
        .field(gauge("sys_time", Duration).unit("s").doc("Processor time in the kernel."))
        .field(gauge("real_time", Duration).unit("s").doc("Time that passed."))
        .field(gauge("metaspace_before", U64).unit("By").doc("The metaspace in use before."))
        .field(gauge("metaspace_after", U64).unit("By").doc("The metaspace in use after."))
        .field(gauge("metaspace_committed", U64).unit("By").doc("The metaspace that is committed."))
        .field(dimension("regions", Str).doc("The kind of regions: `Eden`, `Survivor`, `Old`, `Humongous`, `Archive`."))
        .field(gauge("regions_before", U64).unit("{region}").doc("How many of them there were before."))
        .field(gauge("regions_after", U64).unit("{region}").doc("How many there were after."))
        .field(gauge("regions_target", U64).unit("{region}").doc("How many there may be until the next collection."))
        .field(gauge("time_to_safepoint", Duration).unit("s").doc("How long it took until all threads had stopped."))
}

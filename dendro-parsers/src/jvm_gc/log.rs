//! Logs of garbage collectors as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::{
    Batch, BatchFull, EventWriter, Key, Schema, SignedDuration, Timestamp, Transform, TransformError,
};

use super::decorations::Decorations;
use super::jdk8::Jdk8;
use super::message::Message;
use super::schema;
use crate::{Refused, Zone};

/// Parses the logs of the garbage collectors of HotSpot JVMs: `-Xlog:gc*` of JDK 9 and later, with any decorations, and lines of
/// `-XX:+PrintGCDetails` of JDK 8.
///
/// - Each line is an event; those of one collection share `gc_id`. What a message tells beyond its text: the collector, the name of a pause or
///   phase, its cause and duration, heap, metaspace and regions before and after, processor times, safepoints. Any other line is a message.
/// - The time is that of the decorations `time`, `utctime` or `timemillis`; a log that has only the uptime has no times.
/// - One number among the decorations is the process, though it may be the thread: nothing tells. Milliseconds are uptime below
///   100 billion, nanoseconds if they stand alone.
/// - A line without decorations is read if it begins with `GC(12)`, `Using ` or a blank, or as lines of JDK 8 do; another is refused unless
///   [it is asked for](Self::undecorated).
/// - Of JDK 8, stamps, cause, heap, duration and processor times are read, decimal commas too; details of generations stay text.
///
/// ```
/// use dendro_parsers::jvm_gc::JvmGc;
/// assert_eq!(JvmGc::schema().get("heap_after").unwrap().unit.as_deref(), Some("By"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct JvmGc {
    zone: Zone,
    undecorated: bool,
}

impl JvmGc {
    /// Times without a zone are in UTC.
    pub fn new() -> Self {
        Self::default()
    }

    /// The zone of times that don't tell theirs.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Whether any line without decorations is a message, as in logs that were written with the decorations `none`.
    pub fn undecorated(mut self, undecorated: bool) -> Self {
        self.undecorated = undecorated;
        self
    }

    /// The schema of its events, `jvm_gc`.
    pub fn schema() -> Arc<Schema> {
        schema::jvm_gc().clone()
    }
}

impl Transform for JvmGc {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys::new(batch)?;
        let Self { zone, undecorated } = self;
        batch.parse_each(|event| {
            let line = event.raw();
            let mut decorations = Decorations::read(line);
            let tags = decorations.tags.clone().and_then(|tags| line.get(tags)).unwrap_or_default();
            let mut message = Message::read(line, decorations.end, tags);
            if decorations.say_little() && message.gc_id.is_none() && message.collector.is_none() {
                decorations = Decorations::default();
                match Jdk8::read(line) {
                    Some(jdk8) => {
                        (decorations.time, decorations.uptime) = (jdk8.time, jdk8.uptime);
                        decorations.end = jdk8.start;
                        message = jdk8.message;
                    }
                    None if *undecorated => {}
                    None => return Err(Refused::new(0, EXPECTED).into()),
                }
            }
            event.set_type(keys.ty);
            if let Some(time) = decorations.time.and_then(|time| time.near(Timestamp::EPOCH, zone)) {
                event.set_time(time);
            }
            keys.write(&decorations, &message, event);
            Ok(())
        });
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        vec![Self::schema()]
    }
}

const EXPECTED: &str = "decorations as in `[0.123s][info][gc]`, `GC(12)`, or a line as JDK 8 writes it";

/// What is made once a batch.
struct Keys {
    ty: u16,
    uptime: Key,
    level: Key,
    tags: Key,
    gc_id: Key,
    name: Key,
    mode: Key,
    cause: Key,
    duration: Key,
    message: Key,
    hostname: Key,
    pid: Key,
    tid: Key,
    collector: Key,
    heap: [Key; 5],
    cpu: [Key; 3],
    metaspace: [Key; 3],
    regions: [Key; 4],
    time_to_safepoint: Key,
}

impl Keys {
    fn new(batch: &mut Batch) -> Result<Self, BatchFull> {
        let ty = batch.add_type(schema::jvm_gc())?;
        let mut key = |name: &str| batch.add_key(name);
        Ok(Self {
            ty,
            uptime: key("uptime")?,
            level: key("level")?,
            tags: key("tags")?,
            gc_id: key("gc_id")?,
            name: key("name")?,
            mode: key("mode")?,
            cause: key("cause")?,
            duration: key("duration")?,
            message: key("message")?,
            hostname: key("hostname")?,
            pid: key("pid")?,
            tid: key("tid")?,
            collector: key("collector")?,
            heap: [
                key("heap_before")?,
                key("heap_after")?,
                key("heap_capacity")?,
                key("heap_before_percent")?,
                key("heap_after_percent")?,
            ],
            cpu: [key("user_time")?, key("sys_time")?, key("real_time")?],
            metaspace: [key("metaspace_before")?, key("metaspace_after")?, key("metaspace_committed")?],
            regions: [key("regions")?, key("regions_before")?, key("regions_after")?, key("regions_target")?],
            time_to_safepoint: key("time_to_safepoint")?,
        })
    }

    fn write(&self, decorations: &Decorations, message: &Message, event: &mut EventWriter<'_>) {
        let len = event.raw().len();
        // Every event has these.
        duration_or_null(event, self.uptime, decorations.uptime);
        str_or_null(event, self.level, &decorations.level);
        str_or_null(event, self.tags, &decorations.tags);
        match message.gc_id {
            Some(id) => event.u64(self.gc_id, id),
            None => event.null(self.gc_id),
        }
        str_or_null(event, self.name, &message.name);
        str_or_null(event, self.mode, &message.mode);
        str_or_null(event, self.cause, &message.cause);
        duration_or_null(event, self.duration, message.duration);
        event.str(self.message, decorations.end..len);

        let text = |event: &mut EventWriter<'_>, key: Key, range: &Option<Range<usize>>| {
            if let Some(range) = range {
                event.str(key, range.clone());
            }
        };
        let number = |event: &mut EventWriter<'_>, key: Key, number: Option<u64>| {
            if let Some(number) = number {
                event.u64(key, number);
            }
        };
        text(event, self.hostname, &decorations.hostname);
        number(event, self.pid, decorations.pid);
        number(event, self.tid, decorations.tid);
        text(event, self.collector, &message.collector);
        if let Some(heap) = &message.heap {
            let [before, after, capacity, before_percent, after_percent] = self.heap;
            event.u64(before, heap.before);
            event.u64(after, heap.after);
            number(event, capacity, heap.capacity);
            if let Some((percent_before, percent_after)) = heap.percents {
                event.f64(before_percent, percent_before);
                event.f64(after_percent, percent_after);
            }
        }
        if let Some(times) = message.cpu {
            for (key, nanos) in self.cpu.into_iter().zip(times) {
                event.duration(key, SignedDuration::from_nanos(nanos));
            }
        }
        if let Some(metaspace) = message.metaspace {
            let [before, after, committed] = self.metaspace;
            number(event, before, metaspace.before);
            event.u64(after, metaspace.after);
            number(event, committed, metaspace.committed);
        }
        if let Some(regions) = &message.regions {
            let [kind, before, after, target] = self.regions;
            event.str(kind, regions.kind.clone());
            event.u64(before, regions.before);
            event.u64(after, regions.after);
            number(event, target, regions.target);
        }
        if let Some(nanos) = message.time_to_safepoint {
            event.duration(self.time_to_safepoint, SignedDuration::from_nanos(nanos));
        }
    }
}

fn str_or_null(event: &mut EventWriter<'_>, key: Key, range: &Option<Range<usize>>) {
    match range {
        Some(range) => event.str(key, range.clone()),
        None => event.null(key),
    }
}

fn duration_or_null(event: &mut EventWriter<'_>, key: Key, nanos: Option<i64>) {
    match nanos {
        Some(nanos) => event.duration(key, SignedDuration::from_nanos(nanos)),
        None => event.null(key),
    }
}

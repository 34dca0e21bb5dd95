//! The half that sits in the subscriber.

use std::cell::RefCell;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dendro_core::{Clock, SystemClock, own_work};
use tracing_core::span::{Attributes, Id};
use tracing_core::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::buffer::{Buffer, Kind, Meta, Record};
use super::record::{FieldWriter, Ids, Timing, put_head, put_span};
use super::{Recorded, TracingStats};

/// Records events and spans for its [`TracingSource`](super::TracingSource): a `tracing-subscriber` layer.
///
/// Goes on any subscriber that is built on a `Registry`, beside other layers, and takes a filter of its own by
/// [`with_filter`](Layer::with_filter). When it is dropped, the source ends.
pub struct TracingLayer {
    buffer: Arc<Buffer>,
    record: Recorded,
    time: Time,
    ids: IdSource,
}

impl TracingLayer {
    pub(super) fn new(buffer: Arc<Buffer>, record: Recorded, clock: Option<Arc<dyn Clock>>) -> Self {
        let time = clock.map_or_else(|| Time::Machine(Instant::now()), Time::Given);
        Self { buffer, record, time, ids: IdSource::new() }
    }

    /// What it has recorded and shed so far.
    pub fn stats(&self) -> TracingStats {
        TracingStats(self.buffer.clone())
    }
}

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let parent = span.parent().and_then(|parent| self.with(&parent, |data| (data.of_dendro, data.ids)));
        let of_dendro = own_work::is_active()
            || is_dendro(span.metadata().target())
            || parent.is_some_and(|(of_dendro, _)| of_dendro);
        let mut data = SpanData { of_dendro, ..SpanData::default() };
        if !of_dendro {
            if self.record.ids {
                data.ids = self.ids.child_of(parent.map(|(_, ids)| ids));
            }
            if self.record.span_events {
                data.start = self.time.wall();
                data.last = self.time.ticks();
            }
            if self.record.span_fields || self.record.span_events {
                Local::use_now(|local| {
                    local.bytes.clear();
                    attrs.record(&mut FieldWriter(&mut local.bytes));
                    data.fields.extend_from_slice(&local.bytes);
                });
            }
        }
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Spans>() {
            Some(spans) => spans.0.push((self.key(), data)),
            None => extensions.insert(Spans(vec![(self.key(), data)])),
        }
    }

    fn on_record(&self, id: &Id, values: &tracing_core::span::Record<'_>, ctx: Context<'_, S>) {
        if !self.record.span_fields && !self.record.span_events {
            return;
        }
        let Some(span) = ctx.span(id) else { return };
        Local::use_now(|local| {
            local.bytes.clear();
            values.record(&mut FieldWriter(&mut local.bytes));
            self.with_mut(&span, |data| {
                if !data.of_dendro {
                    data.fields.extend_from_slice(&local.bytes);
                }
            });
        });
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let meta = event.metadata();
        if own_work::is_active() || is_dendro(meta.target()) {
            return;
        }
        let span = ctx.event_span(event);
        let around = span.as_ref().and_then(|span| self.with(span, |data| (data.of_dendro, data.ids)));
        if around.is_some_and(|(of_dendro, _)| of_dendro) {
            return;
        }
        if self.buffer.is_closed() {
            self.buffer.count_shed();
            return;
        }
        let time = self.time.wall();
        Local::use_now(|local| {
            let ids = around.map(|(_, ids)| ids).filter(|_| self.record.ids);
            local.begin(meta, self.record.thread_name, ids, None);
            self.put_spans(local, span);
            event.record(&mut FieldWriter(&mut local.bytes));
            self.push(local, time, Kind::Event);
        });
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if self.record.span_events {
            self.clock_span(id, &ctx, |data, passed| data.timing.idle += passed);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        if self.record.span_events {
            self.clock_span(id, &ctx, |data, passed| data.timing.busy += passed);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if !self.record.span_events {
            return;
        }
        self.clock_span(&id, &ctx, |data, passed| data.timing.idle += passed);
        let Some(span) = ctx.span(&id) else { return };
        let found = self.with_mut(&span, |data| {
            let fields = std::mem::take(&mut data.fields);
            (!data.of_dendro).then_some((data.start, data.timing, data.ids, fields))
        });
        let Some((start, timing, ids, fields)) = found.flatten() else { return };
        if self.buffer.is_closed() {
            self.buffer.count_shed();
            return;
        }
        Local::use_now(|local| {
            let ids = self.record.ids.then_some(ids);
            local.begin(span.metadata(), self.record.thread_name, ids, Some(timing));
            self.put_spans(local, span.parent());
            local.bytes.extend_from_slice(&fields);
            self.push(local, start, Kind::Span);
        });
    }
}

impl TracingLayer {
    /// Writes the fields of `innermost` and of the spans around it.
    fn put_spans<'a, S: LookupSpan<'a>>(&self, local: &mut Local, innermost: Option<SpanRef<'a, S>>) {
        for span in innermost.iter().flat_map(SpanRef::scope) {
            local.metas.push(span.metadata());
            let written = self.with(&span, |data| {
                put_span(&mut local.bytes, if self.record.span_fields { &data.fields } else { &[] });
            });
            if written.is_none() {
                put_span(&mut local.bytes, &[]);
            }
        }
    }

    fn push(&self, local: &Local, time: i64, kind: Kind) {
        let record = Record { time, kind, bytes: &local.bytes, metas: &local.metas };
        self.buffer.push(record, local.home);
    }

    fn clock_span<S>(&self, id: &Id, ctx: &Context<'_, S>, add: impl FnOnce(&mut SpanData, i64))
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(span) = ctx.span(id) else { return };
        let now = self.time.ticks();
        self.with_mut(&span, |data| {
            let passed = (now - data.last).max(0);
            data.last = now;
            add(data, passed);
        });
    }

    fn with<'a, S: LookupSpan<'a>, R>(
        &self,
        span: &SpanRef<'a, S>,
        f: impl FnOnce(&SpanData) -> R,
    ) -> Option<R> {
        let extensions = span.extensions();
        let (_, data) = extensions.get::<Spans>()?.0.iter().find(|(key, _)| *key == self.key())?;
        Some(f(data))
    }

    fn with_mut<'a, S: LookupSpan<'a>, R>(
        &self,
        span: &SpanRef<'a, S>,
        f: impl FnOnce(&mut SpanData) -> R,
    ) -> Option<R> {
        let mut extensions = span.extensions_mut();
        let (_, data) = extensions.get_mut::<Spans>()?.0.iter_mut().find(|(key, _)| *key == self.key())?;
        Some(f(data))
    }

    /// Tells this layer's data from that of another one on the same subscriber.
    fn key(&self) -> usize {
        Arc::as_ptr(&self.buffer).addr()
    }
}

impl Drop for TracingLayer {
    fn drop(&mut self) {
        self.buffer.finish();
    }
}

impl std::fmt::Debug for TracingLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TracingLayer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// What the layers of this kind keep of a span, each for itself.
struct Spans(Vec<(usize, SpanData)>);

#[derive(Default)]
struct SpanData {
    /// It is one of the pipeline's own, or within one.
    of_dendro: bool,
    ids: Ids,
    start: i64,
    last: i64,
    timing: Timing,
    fields: Vec<u8>,
}

/// Whether a target is one of Dendro's own crates.
fn is_dendro(target: &str) -> bool {
    let Some(rest) = target.strip_prefix("dendro") else { return false };
    let krate = rest.split("::").next().unwrap_or_default();
    matches!(krate, "" | "_core" | "_sources" | "_parsers" | "_transforms" | "_sinks" | "_wasm")
}

/// What a thread writes a record with, before it is known whether there is room for it. While it is in use, nothing
/// else is recorded on the thread: that is what keeps recording from causing records.
pub(super) struct Local {
    bytes: Vec<u8>,
    metas: Vec<Meta>,
    thread: Option<String>,
    home: usize,
}

/// What a record's buffer keeps of its memory.
const KEPT_BYTES: usize = 64 << 10;

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local::new());
}

impl Local {
    fn new() -> Self {
        let thread = std::thread::current();
        let mut hasher = std::hash::DefaultHasher::new();
        thread.id().hash(&mut hasher);
        Self {
            bytes: Vec::new(),
            metas: Vec::new(),
            thread: thread.name().map(str::to_owned),
            home: hasher.finish() as usize & 0xffff,
        }
    }

    /// Calls `f`, unless the thread is recording already or is ending.
    pub(super) fn use_now<R>(f: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let used = LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut local| f(&mut local)));
        used.ok().flatten()
    }

    fn begin(&mut self, meta: Meta, thread_name: bool, ids: Option<Ids>, timing: Option<Timing>) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.metas.clear();
        self.metas.push(meta);
        let thread = self.thread.as_deref().filter(|_| thread_name).unwrap_or_default();
        put_head(&mut self.bytes, thread, ids, timing);
    }
}

/// The machine's clock, whose durations are monotonic; or one clock for both.
enum Time {
    Machine(Instant),
    Given(Arc<dyn Clock>),
}

impl Time {
    fn wall(&self) -> i64 {
        match self {
            Self::Machine(_) => SystemClock.now().as_nanos(),
            Self::Given(clock) => clock.now().as_nanos(),
        }
    }

    fn ticks(&self) -> i64 {
        match self {
            Self::Machine(base) => i64::try_from(base.elapsed().as_nanos()).unwrap_or(i64::MAX),
            Self::Given(clock) => clock.now().as_nanos(),
        }
    }
}

/// Ids that don't repeat: SplitMix64 over a counter, from a random start.
struct IdSource {
    next: AtomicU64,
}

impl IdSource {
    fn new() -> Self {
        // The standard library's only randomness: the keys of a hasher.
        Self { next: AtomicU64::new(RandomState::new().hash_one(0u8)) }
    }

    fn child_of(&self, parent: Option<Ids>) -> Ids {
        let span = self.draw();
        match parent {
            Some(parent) => Ids { trace: parent.trace, span, parent: parent.span },
            None => Ids { trace: u128::from(self.draw()) << 64 | u128::from(self.draw()), span, parent: 0 },
        }
    }

    fn draw(&self) -> u64 {
        let mut z = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Zero means none.
        (z ^ (z >> 31)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::is_dendro;

    #[test]
    fn only_dendros_own_crates_are_skipped() {
        for own in ["dendro", "dendro::x", "dendro_core", "dendro_core::pipeline::run", "dendro_sinks::file"]
        {
            assert!(is_dendro(own), "{own}");
        }
        for other in ["dendrology", "dendro_agent", "my::dendro_core", "dendro_core2", ""] {
            assert!(!is_dendro(other), "{other}");
        }
    }
}

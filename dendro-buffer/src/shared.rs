//! What the two halves of a buffer know together.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dendro_core::blocking::Exclusive;
use dendro_core::{Level, Severity, SinkError, Snapshot};
use tokio::sync::Notify;

use crate::directory::{Lock, Refused};
use crate::open;
use crate::options::Options;
use crate::position::{Place, Position};
use crate::segment;
use crate::stats::DiskBufferStats;

/// What the states of all streams may take; the file that they are stored in is read as a whole.
const MAX_STATE_BYTES: usize = 64 << 20;

pub(crate) struct Shared {
    pub(crate) options: Options,
    /// Something was written, or the reader should look around for another reason.
    pub(crate) written: Notify,
    /// There is room again.
    pub(crate) freed: Notify,
    lock: Exclusive<Option<Lock>>,
    /// It is locked: nobody has to go and look.
    is_open: AtomicBool,
    pub(crate) ledger: Arc<Ledger>,
}

/// What the buffer holds. Outlives the halves, and with them the lock of the directory.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<View>);

impl Ledger {
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        // Nothing panics while it is held, and it is valid after each statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is.
#[derive(Default)]
pub(crate) struct View {
    /// By number; those that are done are not among them.
    pub(crate) segments: BTreeMap<u64, Segment>,
    /// What is acknowledged.
    pub(crate) position: Position,
    /// Segments that are acknowledged: their files go when that is stored.
    pub(crate) done: Vec<Done>,
    /// Bytes on the disk, those of `done` included.
    pub(crate) used: u64,
    /// Bytes of writes that are under way.
    pub(crate) reserved: u64,
    /// Something is being written to the last segment.
    pub(crate) is_appending: bool,
    /// Writes that wait for room.
    pub(crate) waiting: usize,
    pub(crate) next_number: u64,
    pub(crate) next_sequence: u64,
    pub(crate) last_number: u64,
    pub(crate) stats: DiskBufferStats,
    /// What the user has still to be told.
    pub(crate) notices: Vec<(Severity, String)>,
}

/// A segment that is not yet acknowledged as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Where what can be read ends.
    pub(crate) end: u64,
    /// What it takes on the disk.
    pub(crate) size: u64,
    /// Nothing will be written to it any more.
    pub(crate) is_sealed: bool,
    /// Events that are not acknowledged.
    pub(crate) events: u64,
    /// Damaged bytes of it could not be set aside: the file is kept.
    pub(crate) keep: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) number: u64,
    pub(crate) size: u64,
    pub(crate) keep: bool,
}

/// Where a batch that was read ends, for when it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) segment: u64,
    pub(crate) end: u64,
    /// Of the next frame.
    pub(crate) sequence: u64,
    pub(crate) events: u64,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            written: Notify::new(),
            freed: Notify::new(),
            lock: Exclusive::new(None),
            is_open: AtomicBool::new(false),
            ledger: Arc::default(),
        }
    }

    /// Opens the directory, if that was not done before.
    ///
    /// # Cancel safety
    /// What was begun goes on; who comes next waits for it.
    pub(crate) async fn open(self: &Arc<Self>) -> Result<(), Refused> {
        if self.is_open.load(Ordering::Acquire) {
            return Ok(());
        }
        let shared = self.clone();
        let opened = self.lock.run(move |lock| {
            if lock.is_none() {
                let (held, view) = open::open(&shared.options)?;
                *shared.view() = view;
                *lock = Some(held);
                shared.is_open.store(true, Ordering::Release);
            }
            Ok(())
        });
        opened.await.unwrap_or_else(|e: SinkError| Err(Refused::Retry(e.to_string())))
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.ledger.view()
    }
}

impl Level for Ledger {
    fn events(&self) -> u64 {
        self.view().segments.values().map(|s| s.events).sum()
    }

    fn bytes(&self) -> u64 {
        let view = self.view();
        let place = &view.position.place;
        let left = |(number, s): (&u64, &Segment)| {
            let from = if *number == place.segment { place.offset } else { 0 };
            s.end.saturating_sub(from.max(segment::HEADER))
        };
        view.segments.iter().map(left).sum()
    }
}

impl View {
    /// Whether so many bytes are free, and takes them.
    pub(crate) fn reserve(&mut self, options: &Options, bytes: u64) -> bool {
        // A segment may have to be begun, and the one before it ended.
        let overhead = segment::HEADER + crate::record::END as u64;
        if self.used + self.reserved + bytes + 2 * overhead > options.max_bytes {
            return false;
        }
        self.reserved += bytes;
        true
    }

    pub(crate) fn set_size(&mut self, number: u64, size: u64) {
        if let Some(segment) = self.segments.get_mut(&number) {
            self.used = self.used + size - segment.size;
            segment.size = size;
        }
    }

    /// The batch of this mark is acknowledged, and all before it.
    pub(crate) fn settle(&mut self, mark: &Mark) {
        let place = &mut self.position.place;
        let before = if place.segment == mark.segment { place.events } else { 0 };
        *place = Place {
            segment: mark.segment,
            offset: mark.end,
            sequence: mark.sequence.max(place.sequence),
            events: before + mark.events,
        };
        if let Some(segment) = self.segments.get_mut(&mark.segment) {
            segment.events = segment.events.saturating_sub(mark.events);
        }
        self.advance();
    }

    /// Takes over the states of a stream's transforms, and forgets those of the streams that are one too many.
    pub(crate) fn take_states(&mut self, stream: &str, told: Vec<Snapshot>, max_streams: usize) {
        let states = &mut self.position.states;
        states.take_over(stream, told);
        let forgotten = states.forget_beyond(max_streams, MAX_STATE_BYTES);
        if forgotten > 0 && self.stats.forgotten_streams == 0 {
            self.notices.push((
                Severity::Warning,
                format!(
                    "more streams have states of transforms than are remembered ({} of {max_streams}, of {} MiB at the most): \
                     after a restart those begin anew that have been quiet the longest; max_streams sets the limit",
                    states.len(),
                    MAX_STATE_BYTES >> 20
                ),
            ));
        }
        self.stats.forgotten_streams += forgotten;
    }

    /// Takes out the segments that are acknowledged as a whole.
    pub(crate) fn advance(&mut self) {
        loop {
            let place = &mut self.position.place;
            let Some((number, first)) = self.segments.iter().next().map(|(n, s)| (*n, s)) else { return };
            let passed = number < place.segment
                || (number == place.segment
                    && first.is_sealed
                    && place.offset.max(segment::HEADER) >= first.end);
            if !passed {
                if number > place.segment {
                    (place.segment, place.offset, place.events) = (number, 0, 0);
                }
                return;
            }
            self.done.push(Done { number, size: first.size, keep: first.keep });
            if number == place.segment {
                (place.segment, place.offset, place.events) = (number + 1, 0, 0);
            }
            self.segments.remove(&number);
        }
    }

    /// Whether all that there is stands in one segment, and is acknowledged.
    pub(crate) fn is_drained(&self) -> bool {
        let place = self.position.place;
        let is_passed = |s: &Segment| place.offset.max(segment::HEADER) >= s.end;
        self.segments.len() == 1 && self.segments.get(&place.segment).is_some_and(is_passed)
    }

    /// Ends the last segment if all that is in it is acknowledged, so that nothing is left of a drained buffer.
    pub(crate) fn retire_drained(&mut self) {
        let place = self.position.place;
        if self.is_appending || self.reserved > 0 || !self.is_drained() {
            return;
        }
        if let Some(last) = self.segments.get_mut(&place.segment) {
            last.is_sealed = true;
            self.advance();
        }
    }

    /// Whether a write waits for what storing the position would set free.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.done.is_empty() || (self.waiting > 0 && self.is_drained())
    }

    pub(crate) fn is_writable(&self, number: u64) -> bool {
        self.segments.get(&number).is_some_and(|s| !s.is_sealed)
    }
}

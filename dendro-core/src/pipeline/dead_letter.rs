//! Dead letters: events that a component has refused, with their raw text, the component and the reason.

use std::sync::{Arc, LazyLock};

use super::queue::{Closed, QueueSender, Room};
use super::stats::Stats;
use crate::{
    Acks, Batch, EventRef, FieldSchema, Origin, Outcome, Schema, Timestamp, Value, ValueRef, ValueType,
};

/// The schema of dead letters.
///
/// A letter says all that is needed to replay it exactly: the event as it was when it was refused is in `event`, as a
/// [frame](crate::batch). A record that no parser had read, of an origin that is no more than a source and a stream, has no `event`: it
/// is made of `raw`, `event_type`, `observed`, `event_time`, `position`, `source` and `stream`.
pub fn dead_letter_schema() -> &'static Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let dimension = FieldSchema::dimension;
        let attribute = FieldSchema::attribute;
        let fields = [
            dimension("component", ValueType::Str).doc("Who refused it."),
            attribute("reason", ValueType::Str).doc("Why."),
            attribute("raw", ValueType::Str)
                .doc("The raw text, or bytes; the event as JSON where there is none."),
            dimension("event_type", ValueType::Str).doc("The type that the event had."),
            attribute("observed", ValueType::Timestamp).doc("When the event was first seen."),
            attribute("event_time", ValueType::Timestamp).doc("When the event happened, if it was known."),
            dimension("source", ValueType::Str).doc("The source that it came from."),
            attribute("stream", ValueType::Str).doc("The file or connection that it was read from."),
            attribute("position", ValueType::U64).unit("By").doc("Where in its stream the record begins."),
            FieldSchema::gauge("attempts", ValueType::U64).unit("1").doc("How often it was tried."),
            attribute("fields", ValueType::Object)
                .doc("The fields that the event had beside its raw text, to be read."),
            attribute("event", ValueType::Bytes)
                .doc("The event as it was when it was refused: a frame, to be replayed."),
        ];
        let schema = Schema::new("dead_letter")
            .doc("An event that a component has refused. Its time is when that happened.");
        Arc::new(fields.into_iter().fold(schema, Schema::field))
    });
    &SCHEMA
}

/// Where dead letters go.
#[derive(Clone)]
pub(super) struct DeadLetters {
    /// `None`: the user has chosen to count and drop them.
    to: Option<QueueSender>,
}

impl DeadLetters {
    pub(super) fn to(queue: QueueSender) -> Self {
        Self { to: Some(queue) }
    }

    pub(super) fn dropped() -> Self {
        Self { to: None }
    }

    /// Sends the rejected events of `batch` and purges it.
    pub(super) async fn take_rejected(
        &self,
        batch: &mut Batch,
        stats: &Stats,
        now: Timestamp,
    ) -> Result<(), Closed> {
        let letters = self.letters_of(batch, stats, now);
        match purge(batch, stats) {
            Some(acks) => self.send(letters, acks).await,
            None => Ok(()),
        }
    }

    /// Letters for the rejected events of `batch`.
    pub(super) fn letters_of(&self, batch: &Batch, stats: &Stats, now: Timestamp) -> Vec<Batch> {
        let mut letters = LetterWriter::new(&stats.name, now, 1);
        if self.to.is_some() {
            batch.rejected().for_each(|rejected| letters.add(rejected.event, rejected.reason));
        }
        letters.finish()
    }

    /// Room for letters, if there is some now.
    pub(super) fn try_room(&self, letters: &[Batch]) -> Result<Option<LetterRoom<'_>>, Closed> {
        match &self.to {
            Some(queue) if !letters.is_empty() => Ok(queue.try_room(letters)?.map(|r| LetterRoom(Some(r)))),
            _ => Ok(Some(LetterRoom(None))),
        }
    }

    /// Sends letters that came from what `acks` stands for.
    pub(super) async fn send(&self, letters: Vec<Batch>, acks: Acks) -> Result<(), Closed> {
        let Some(queue) = &self.to else {
            acks.resolve(Outcome::Dropped);
            return Ok(());
        };
        for batch in with_acks(letters, acks) {
            queue.send(batch).await?;
        }
        Ok(())
    }
}

/// Room for the letters of one batch; `None` if there are none, or they are dropped.
pub(super) struct LetterRoom<'a>(Option<Room<'a>>);

impl LetterRoom<'_> {
    /// Purges `batch` and puts the letters that were made of it where there is room for them.
    pub(super) fn push(self, batch: &mut Batch, letters: Vec<Batch>, stats: &Stats) -> Result<(), Closed> {
        let Some(acks) = purge(batch, stats) else { return Ok(()) };
        match self.0 {
            Some(room) => return room.push(with_acks(letters, acks)).map_err(|_| Closed),
            None => acks.resolve(Outcome::Dropped),
        }
        Ok(())
    }
}

/// Takes out the events that are gone, and counts them; gives a share of the acknowledgement for the rejected ones.
fn purge(batch: &mut Batch, stats: &Stats) -> Option<Acks> {
    let purged = batch.purge();
    stats.filtered.add(purged.filtered as u64);
    stats.rejected.add(purged.rejected as u64);
    (purged.rejected > 0).then(|| batch.acks().clone())
}

/// The letters, each with a share of the acknowledgement of what they came from.
fn with_acks(mut letters: Vec<Batch>, acks: Acks) -> Vec<Batch> {
    letters.iter_mut().for_each(|letter| letter.add_acks(acks.clone()));
    acks.resolve(Outcome::Delivered);
    letters
}

/// Makes letters for one component.
pub(super) struct LetterWriter<'a> {
    component: &'a str,
    now: Timestamp,
    attempts: u32,
    full: Vec<Batch>,
    batch: Batch,
}

/// Letters go on in another batch from here on, far from the caps of one.
const LETTER_BYTES: usize = 4 << 20;

impl<'a> LetterWriter<'a> {
    pub(super) fn new(component: &'a str, now: Timestamp, attempts: u32) -> Self {
        Self { component, now, attempts, full: Vec::new(), batch: Batch::default() }
    }

    pub(super) fn finish(mut self) -> Vec<Batch> {
        if !self.batch.is_empty() {
            self.full.push(self.batch);
        }
        self.full
    }

    /// Adds an event. A raw text is no longer than a batch can hold.
    pub(super) fn add(&mut self, event: EventRef<'_>, reason: &str) {
        let default = Arc::default();
        let origin = event.origin().unwrap_or(&default);
        let mut json = Vec::new();
        if event.raw().is_empty() {
            crate::json::write_event(event, &mut json);
        }
        let raw = if json.is_empty() { event.raw() } else { &json[..] };
        let mut frame = Vec::new();
        if !says_itself(event, origin) {
            match Batch::alone(event) {
                Ok(alone) => alone.write_frame(&mut frame),
                Err(full) => frame.extend_from_slice(format!("too large to be kept: {full}").as_bytes()),
            }
        }
        let bytes = self.batch.retained_bytes() + raw.len() + frame.len();
        if !self.batch.is_empty() && bytes > LETTER_BYTES {
            self.full.push(std::mem::take(&mut self.batch));
        }
        let has_fields = !event.raw().is_empty() && event.fields().next().is_some();
        let fields = has_fields.then(|| Value::Object(event.to_event().fields));
        let ty = self.batch.add_type(dead_letter_schema()).unwrap_or_default();
        let row = self.batch.add_origin(origin).unwrap_or_default();
        let mut letter = self.batch.push_event(ty, row, self.now);
        letter.set_time(Some(self.now));
        let values = [
            ("raw", Some(ValueRef::from(raw))),
            ("component", Some(self.component.into())),
            ("reason", Some(reason.into())),
            ("event_type", Some(event.event_type().into())),
            ("observed", Some(event.observed().into())),
            ("event_time", event.time().map(ValueRef::from)),
            ("source", origin.source.as_deref().map(ValueRef::from)),
            ("stream", origin.stream.as_deref().map(ValueRef::from)),
            ("position", Some(event.position().into())),
            ("attempts", Some(self.attempts.into())),
            ("event", (!frame.is_empty()).then_some(ValueRef::Bytes(&frame))),
            ("fields", fields.as_ref().map(ValueRef::from)),
        ];
        for (name, value) in values {
            // Only the last two can find no room, where the raw text is nearly as large as a batch can be.
            if let Some(value) = value
                && letter.insert(name, value).is_err()
                && name == "event"
            {
                let _ = letter.insert(name, "too large to be kept");
            }
        }
    }
}

/// Whether the readable part of a letter says all of the event: a record that nobody has read, of a plain origin.
fn says_itself(event: EventRef<'_>, origin: &Origin) -> bool {
    let plain = Origin { source: origin.source.clone(), stream: origin.stream.clone(), ..Origin::default() };
    let is_record = event.is_unparsed() && !event.is_self() && !event.raw().is_empty();
    is_record && event.fields().next().is_none() && *origin == plain
}

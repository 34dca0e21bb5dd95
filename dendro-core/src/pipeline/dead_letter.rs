//! Dead letters: events that a component has refused, with their raw text, the component and the reason.

use std::sync::{Arc, LazyLock};

use super::queue::{Closed, QueueSender, Room};
use super::stats::Stats;
use crate::{Acks, Batch, EventRef, FieldSchema, Outcome, Schema, Timestamp, ValueRef, ValueType};

/// The schema of dead letters.
pub fn dead_letter_schema() -> &'static Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        Arc::new(
            Schema::new("dead_letter")
                .doc("An event that a component has refused. Its time is when that happened.")
                .field(FieldSchema::dimension("component", ValueType::Str).doc("Who refused it."))
                .field(FieldSchema::attribute("reason", ValueType::Str).doc("Why."))
                .field(
                    FieldSchema::attribute("raw", ValueType::Str)
                        .doc("The raw text, or bytes; the event as JSON where there is none."),
                )
                .field(
                    FieldSchema::dimension("event_type", ValueType::Str).doc("The type that the event had."),
                )
                .field(
                    FieldSchema::attribute("position", ValueType::U64)
                        .unit("By")
                        .doc("Where in its stream the record begins."),
                )
                .field(
                    FieldSchema::attribute("event_time", ValueType::Timestamp)
                        .doc("When the event happened, if it was known."),
                )
                .field(
                    FieldSchema::attribute("stream", ValueType::Str)
                        .doc("The file or connection that it was read from."),
                )
                .field(
                    FieldSchema::gauge("attempts", ValueType::U64).unit("1").doc("How often it was tried."),
                ),
        )
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

    /// Adds an event. A raw text is no longer than a batch can hold, and a batch of letters has room for one more.
    pub(super) fn add(&mut self, event: EventRef<'_>, reason: &str) {
        if self.batch.retained_bytes() > LETTER_BYTES {
            self.full.push(std::mem::take(&mut self.batch));
        }
        let default = Arc::default();
        let ty = self.batch.add_type(dead_letter_schema()).unwrap_or_default();
        let origin = self.batch.add_origin(event.origin().unwrap_or(&default)).unwrap_or_default();
        let mut letter = self.batch.push_event(ty, origin, self.now);
        letter.set_time(Some(self.now));
        let mut json = Vec::new();
        let raw = match event.raw() {
            [] => {
                crate::json::write_event(event, &mut json);
                &json[..]
            }
            raw => raw,
        };
        let stream = event.origin().and_then(|o| o.stream.as_deref());
        let fields = [
            ("raw", Some(ValueRef::from(raw))),
            ("component", Some(self.component.into())),
            ("reason", Some(reason.into())),
            ("event_type", Some(event.event_type().into())),
            ("position", Some(event.position().into())),
            ("event_time", event.time().map(ValueRef::from)),
            ("stream", stream.map(ValueRef::from)),
            ("attempts", Some(self.attempts.into())),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                let _ = letter.insert(name, value);
            }
        }
    }
}

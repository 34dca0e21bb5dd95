//! One type for all fixtures of a role, so that a test binary compiles each property once and not once for every fixture.

use std::sync::Arc;

use async_trait::async_trait;
use dendro_core::{Buffer, Event, EventRef, Schema, Sink, Source, Transform, WhenFull};

use super::{BufferFixture, Pace, Sample, SinkFixture, SourceFixture, TransformFixture};

macro_rules! erase {
    ($role:ident, $fixture:ident) => {
        /// A factory of fixtures whose type says nothing of them.
        pub fn $role<F: $fixture + 'static>(
            make: impl Fn() -> F + 'static,
        ) -> Box<dyn Fn() -> Box<dyn $fixture>> {
            Box::new(move || Box::new(make()))
        }
    };
}
erase!(source, SourceFixture);
erase!(transform, TransformFixture);
erase!(sink, SinkFixture);
erase!(buffer, BufferFixture);

#[async_trait]
impl SourceFixture for Box<dyn SourceFixture> {
    fn source(&self) -> Box<dyn Source> {
        (**self).source()
    }
    async fn feed(&self, stream: usize, records: &[String]) {
        (**self).feed(stream, records).await;
    }
    fn can_replay(&self) -> bool {
        (**self).can_replay()
    }
    fn pace(&self) -> Pace {
        (**self).pace()
    }
    fn feeds_itself(&self) -> bool {
        (**self).feeds_itself()
    }
    fn keeps_checkpoint(&self) -> bool {
        (**self).keeps_checkpoint()
    }
    fn record(&self, event: EventRef<'_>) -> String {
        (**self).record(event)
    }
    fn streams(&self) -> usize {
        (**self).streams()
    }
    fn burst(&self) -> usize {
        (**self).burst()
    }
    fn longest_record(&self) -> usize {
        (**self).longest_record()
    }
    fn max_batch_events(&self) -> usize {
        (**self).max_batch_events()
    }
    fn max_batch_bytes(&self) -> usize {
        (**self).max_batch_bytes()
    }
}

impl TransformFixture for Box<dyn TransformFixture> {
    fn transform(&self) -> Box<dyn Transform> {
        (**self).transform()
    }
    fn samples(&self) -> Vec<Sample> {
        (**self).samples()
    }
    fn input_schemas(&self) -> Vec<Arc<Schema>> {
        (**self).input_schemas()
    }
    fn has_open_schemas(&self) -> bool {
        (**self).has_open_schemas()
    }
}

#[async_trait]
impl SinkFixture for Box<dyn SinkFixture> {
    fn sink(&self) -> Box<dyn Sink> {
        (**self).sink()
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        (**self).read_back().await
    }
    async fn set_down(&self, down: bool) -> bool {
        (**self).set_down(down).await
    }
    fn is_idempotent(&self) -> bool {
        (**self).is_idempotent()
    }
    fn unwritable(&self) -> Option<Event> {
        (**self).unwritable()
    }
    fn largest_write(&self) -> usize {
        (**self).largest_write()
    }
}

impl BufferFixture for Box<dyn BufferFixture> {
    fn buffer(&self) -> Box<dyn Buffer> {
        (**self).buffer()
    }
    fn bounded(&self, events: u64, when_full: WhenFull) -> Option<Box<dyn Buffer>> {
        (**self).bounded(events, when_full)
    }
    fn is_durable(&self) -> bool {
        (**self).is_durable()
    }
}

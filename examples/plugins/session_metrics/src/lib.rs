//! Counts what belongs to one session, and emits an event of type `session` when it has ended.
//!
//! Configuration: `{"by": "session_id", "idle_seconds": 1800}`. A session has ended when the stream's time has gone on for that
//! long without it. What is open when the pipeline stops is emitted too; it is also in the state that is stored with
//! the checkpoint, so a session that goes on after a restart is emitted again, with all that belongs to it.

mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use dendro_plugin::{
    Access, Batch, FieldSchema, FlushReason, Json, Origin, Plugin, Schema, Timestamp, Transform,
    TransformError, ValueType,
};
use serde::Deserialize;

use state::{Session, Sessions};

/// What the plugin is configured with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The field that names a session.
    by: String,
    /// After how long without an event a session has ended.
    #[serde(default = "half_an_hour")]
    idle_seconds: u32,
}

fn half_an_hour() -> u32 {
    1_800
}

/// The transform.
pub struct SessionMetrics {
    config: Config,
    schema: Arc<Schema>,
    streams: BTreeMap<String, Stream>,
}

#[derive(Default)]
struct Stream {
    origin: Arc<Origin>,
    sessions: Sessions,
}

impl Plugin for SessionMetrics {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Counts what belongs to one session.";
    type Config = Json<Config>;

    fn new(Json(config): Json<Config>) -> Result<Self, String> {
        if config.by.is_empty() {
            return Err("`by` is empty: name the field that names a session".to_owned());
        }
        let schema = Schema::new("session")
            .doc("What belongs to one session.")
            .field(FieldSchema::dimension("session", ValueType::Str).doc("Its name."))
            .field(FieldSchema::delta("events", ValueType::U64).unit("1").doc("Its events."))
            .field(
                FieldSchema::gauge("duration", ValueType::Duration)
                    .unit("s")
                    .doc("From the first to the last."),
            );
        Ok(Self { config, schema: Arc::new(schema), streams: BTreeMap::new() })
    }

    fn access(&self) -> Access {
        let written = ["session", "events", "duration"];
        written.into_iter().fold(Access::default().reads(&*self.config.by).reads("stream"), Access::writes)
    }
}

impl Transform for SessionMetrics {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let Some(name) = batch.stream().map(str::to_owned) else { return Ok(()) };
        let stream = self.streams.entry(name).or_default();
        for event in batch.iter() {
            if let Some(origin) = event.origin() {
                stream.origin = origin.clone();
            }
            if let Some(session) = event.get(&self.config.by).and_then(|v| v.as_str()) {
                stream.sessions.see(session, event.timestamp().as_nanos());
            }
        }
        Ok(())
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        input.iter().chain([&self.schema]).cloned().collect()
    }

    fn is_stateful(&self) -> bool {
        true
    }

    fn flush(&mut self, reason: FlushReason, now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        let idle = i64::from(self.config.idle_seconds) * 1_000_000_000;
        for stream in self.streams.values_mut() {
            let ended = stream.sessions.ended(idle, reason == FlushReason::Drain);
            if ended.is_empty() {
                continue;
            }
            let (ty, origin) = (out.add_type(&self.schema)?, out.add_origin(&stream.origin)?);
            for (name, session) in ended {
                let Session { first, last, events } = session;
                let mut event = out.push_event(ty, origin, now);
                event.set_time(Some(Timestamp::from_nanos(last)));
                event.insert("session", name.as_str())?;
                event.insert("events", events)?;
                event.insert("duration", dendro_plugin::SignedDuration::from_nanos(last - first))?;
            }
        }
        Ok(())
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.streams.get(stream).map(|stream| stream.sessions.to_bytes())
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        let sessions =
            Sessions::from_bytes(state).ok_or_else(|| TransformError::new("this is no state of sessions"))?;
        // The origin comes with the stream's first batch.
        self.streams.insert(stream.to_owned(), Stream { sessions, ..Stream::default() });
        Ok(())
    }
}

dendro_plugin::export!(SessionMetrics);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::Event;

    const CONFIG: &str = r#"{"by": "id", "idle_seconds": 10}"#;

    fn batch(events: &[(&str, i64)]) -> Batch {
        let events: Vec<Event> = events
            .iter()
            .map(|(id, second)| {
                Event::new("t").at(Timestamp::from_nanos(second * 1_000_000_000)).with("id", *id)
            })
            .collect();
        let mut batch = Batch::default();
        let origin = Origin { stream: Some("s".into()), host: Some("h".into()), ..Origin::default() };
        let origin = batch.add_origin(&Arc::new(origin)).unwrap();
        let ty = batch.add_type(&Arc::new(Schema::new("t"))).unwrap();
        for event in &events {
            let mut target = batch.push_event(ty, origin, Timestamp::EPOCH);
            target.set_time(event.time);
            event.fields.iter().for_each(|(name, value)| target.insert(name, value).unwrap());
        }
        batch
    }

    fn flushed(transform: &mut impl Transform, reason: FlushReason) -> Vec<String> {
        let mut out = Batch::default();
        transform.flush(reason, Timestamp::EPOCH, &mut out).unwrap();
        out.iter()
            .map(|e| {
                let text = |name: &str| e.get(name).unwrap().as_str().unwrap().to_owned();
                format!(
                    "{} {} on {}",
                    text("session"),
                    e.get("events").unwrap().as_u64().unwrap(),
                    text("host")
                )
            })
            .collect()
    }

    #[test]
    fn a_session_is_emitted_when_it_has_ended_with_the_origin_of_its_stream() {
        let mut sessions = dendro_plugin::native::<SessionMetrics>(CONFIG).unwrap();
        sessions.transform(&mut batch(&[("a", 0), ("b", 1), ("a", 5)])).unwrap();
        assert_eq!(flushed(&mut sessions, FlushReason::Tick), [""; 0]);
        sessions.transform(&mut batch(&[("c", 12)])).unwrap();
        assert_eq!(flushed(&mut sessions, FlushReason::Tick), ["b 1 on h"]);
        assert_eq!(flushed(&mut sessions, FlushReason::Drain), ["a 2 on h", "c 1 on h"]);
    }

    #[test]
    fn a_session_goes_on_from_a_snapshot() {
        let mut before = dendro_plugin::native::<SessionMetrics>(CONFIG).unwrap();
        before.transform(&mut batch(&[("a", 0), ("b", 1)])).unwrap();
        let state = before.snapshot("s").unwrap();
        let mut after = dendro_plugin::native::<SessionMetrics>(CONFIG).unwrap();
        after.restore("s", &state).unwrap();
        after.transform(&mut batch(&[("a", 3)])).unwrap();
        assert_eq!(flushed(&mut after, FlushReason::Drain), ["a 2 on h", "b 1 on h"]);
        assert!(after.restore("s", b"nonsense").is_err());
    }
}

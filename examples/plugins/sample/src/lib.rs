//! Keeps one event in so many, all or none of those that belong together.
//!
//! Configuration: `{"one_in": 10, "by": "request_id"}`. Events that have one value in `by` are kept or dropped together; without
//! `by`, or where the field is missing, each stands for itself.

use dendro_plugin::{Access, Batch, EventRef, Json, Plugin, Transform, TransformError, counter};
use serde::Deserialize;

/// What the plugin is configured with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Of how many one is kept.
    one_in: u64,
    /// The field that says what belongs together.
    by: Option<String>,
}

/// The transform.
pub struct Sample(Config);

impl Plugin for Sample {
    const NAME: &str = env!("CARGO_PKG_NAME");
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    const DOC: &str = "Keeps one event in so many.";
    type Config = Json<Config>;

    fn new(Json(config): Json<Config>) -> Result<Self, String> {
        match config.one_in {
            0 => Err("`one_in` is 0, which would keep nothing: 1 keeps all, 10 a tenth".to_owned()),
            _ => Ok(Self(config)),
        }
    }

    fn access(&self) -> Access {
        self.0.by.iter().fold(Access::default(), |access, by| access.reads(&**by))
    }
}

impl Transform for Sample {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let before = batch.len();
        batch.retain(|event| self.hash(event).is_multiple_of(self.0.one_in));
        counter("dropped", (before - batch.len()) as u64);
        Ok(())
    }
}

impl Sample {
    /// The same for events that belong together, also in another process and after a restart.
    fn hash(&self, event: EventRef<'_>) -> u64 {
        let group = self.0.by.as_ref().and_then(|by| event.get(by)).and_then(|v| v.as_bytes());
        mix(match group {
            Some(bytes) => bytes
                .iter()
                .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)),
            None => event.position() ^ event.timestamp().as_nanos() as u64,
        })
    }
}

/// Spreads what differs in some bits over all of them (the end of MurmurHash3).
fn mix(mut n: u64) -> u64 {
    n = (n ^ n >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    n = (n ^ n >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    n ^ n >> 33
}

dendro_plugin::export!(Sample);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use dendro_plugin::Event;

    #[test]
    fn what_belongs_together_stays_together_and_a_tenth_is_kept() {
        let events: Vec<Event> = (0..2_000)
            .map(|i| Event::new("t").with("id", format!("request-{}", i / 2)).with("n", i as u64))
            .collect();
        let mut batch = Batch::from_events(&events).unwrap();
        let config = r#"{"one_in": 10, "by": "id"}"#;
        dendro_plugin::native::<Sample>(config).unwrap().transform(&mut batch).unwrap();
        assert!((140..260).contains(&batch.len()), "{}", batch.len());
        let kept: Vec<u64> = batch.iter().map(|e| e.get("n").unwrap().as_u64().unwrap()).collect();
        assert!(kept.chunks(2).all(|pair| pair[0] + 1 == pair[1]));
    }

    #[test]
    fn nothing_can_not_be_kept() {
        assert!(dendro_plugin::native::<Sample>(r#"{"one_in": 0}"#).is_err());
    }
}

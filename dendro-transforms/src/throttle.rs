//! No more events than a rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dendro_core::{Batch, EventRef, Transform, TransformError};

use crate::field::Bindings;
use crate::{ConfigError, Field, scalar};

/// The port of what is too much.
pub const EXCESS: &str = "excess";

/// Lets no more than a rate of events, or of bytes of raw text, pass: a token bucket for each key. What is too much is dropped and
/// counts as filtered, or leaves by the port [`EXCESS`].
///
/// Time is when events were read, so that a log of the past is throttled by how fast it is read. A clone shares
/// the budget: all lanes of a pipeline have one together.
///
/// ```
/// use dendro_core::{Batch, Event, Transform};
/// use dendro_transforms::Throttle;
///
/// let mut throttle = Throttle::events_per_second(1.0)?.burst(2.0)?.by(["user"]);
/// let of = |user: &str| Event::new("t").with("user", user);
/// let mut batch = Batch::from_events([&of("ann"), &of("ann"), &of("ann"), &of("bob")])?;
/// throttle.transform(&mut batch)?;
/// assert_eq!(batch.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Throttle {
    per_second: f64,
    burst: f64,
    bytes: bool,
    key: Vec<Field>,
    max_keys: usize,
    route: bool,
    buckets: Arc<Mutex<Buckets>>,
    room: Vec<u8>,
}

#[derive(Debug, Default)]
struct Buckets {
    by_key: HashMap<Box<[u8]>, Bucket>,
    /// Of all keys for which there was no room.
    others: Option<Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    /// In nanoseconds.
    filled_at: i64,
}

impl Throttle {
    /// So many events a second, and as many at once after a quiet time, one at least.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not a positive number.
    pub fn events_per_second(rate: f64) -> Result<Self, ConfigError> {
        Self::new(rate, false)
    }

    /// So many bytes of raw text a second, and as many at once after a quiet time. An event longer than that passes when the
    /// budget is full, and overdraws it. An event without raw text costs nothing.
    ///
    /// # Errors
    /// As [`events_per_second`](Self::events_per_second).
    pub fn bytes_per_second(rate: f64) -> Result<Self, ConfigError> {
        Self::new(rate, true)
    }

    fn new(rate: f64, bytes: bool) -> Result<Self, ConfigError> {
        if !(rate > 0.0 && rate.is_finite()) {
            return Err(ConfigError::new(format!("a rate of {rate} a second: it has to be more than 0")));
        }
        Ok(Self {
            per_second: rate,
            burst: rate.max(1.0),
            bytes,
            key: Vec::new(),
            max_keys: 10_000,
            route: false,
            buckets: Arc::default(),
            room: Vec::new(),
        })
    }

    /// So many events or bytes at once after a quiet time.
    ///
    /// # Errors
    /// [`ConfigError`] if it is less than 1 or no number.
    pub fn burst(mut self, burst: f64) -> Result<Self, ConfigError> {
        if !(burst >= 1.0 && burst.is_finite()) {
            return Err(ConfigError::new(format!("a burst of {burst}: it has to be 1 at least")));
        }
        self.burst = burst;
        Ok(self)
    }

    /// Each combination of the values of these fields has a budget of its own.
    pub fn by<F: Into<Field>>(mut self, fields: impl IntoIterator<Item = F>) -> Self {
        self.key.extend(fields.into_iter().map(Into::into));
        self
    }

    /// The most budgets that are kept at once; the keys beyond share one. 10,000 by default.
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// What is too much leaves by the port [`EXCESS`] instead of being dropped.
    pub fn route_excess(mut self) -> Self {
        self.route = true;
        self
    }

    /// Whether the event is within the budget of the key in `room`.
    fn takes(&self, buckets: &mut Buckets, event: EventRef<'_>) -> bool {
        let now = event.observed().as_nanos();
        let cost = if self.bytes { event.raw().len() as f64 } else { 1.0 };
        let full = Bucket { tokens: self.burst, filled_at: now };
        let known = buckets.by_key.contains_key(&self.room[..]);
        if !known && buckets.by_key.len() >= self.max_keys {
            // A full bucket is as good as none.
            buckets.by_key.retain(|_, bucket| self.level(*bucket, now) < self.burst);
        }
        let has_room = known || buckets.by_key.len() < self.max_keys;
        let bucket = match has_room {
            true if known => buckets.by_key.get_mut(&self.room[..]),
            true => Some(buckets.by_key.entry(self.room.as_slice().into()).or_insert(full)),
            false => None,
        };
        let bucket = match bucket {
            Some(bucket) => bucket,
            None => buckets.others.get_or_insert(full),
        };
        bucket.tokens = self.level(*bucket, now);
        bucket.filled_at = bucket.filled_at.max(now);
        let takes = cost == 0.0 || bucket.tokens >= cost.min(self.burst);
        if takes {
            bucket.tokens -= cost;
        }
        takes
    }

    fn level(&self, bucket: Bucket, now: i64) -> f64 {
        let seconds = now.saturating_sub(bucket.filled_at).max(0) as f64 / 1e9;
        (bucket.tokens + seconds * self.per_second).min(self.burst)
    }
}

impl Transform for Throttle {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let bindings = Bindings::new(&self.key, batch);
        let shared = self.buckets.clone();
        // What a panic leaves is a budget like any other.
        let mut buckets = shared.lock().unwrap_or_else(PoisonError::into_inner);
        for index in 0..batch.end_index() {
            let Some(event) = batch.get(index) else { continue };
            self.room.clear();
            for (field, bound) in self.key.iter().zip(bindings.of(event)) {
                scalar::write(field.get(*bound, event), &mut self.room);
            }
            if self.takes(&mut buckets, event) {
                continue;
            }
            match batch.get_mut(index) {
                Some(mut event) if self.route => event.set_port(1),
                Some(event) => event.remove(),
                None => {}
            }
        }
        Ok(())
    }

    fn ports(&self) -> Vec<String> {
        let ports = ["out", EXCESS];
        ports[..1 + usize::from(self.route)].iter().map(|p| (*p).to_owned()).collect()
    }
}

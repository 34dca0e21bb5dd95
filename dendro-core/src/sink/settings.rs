//! What the driver does around a sink: batching, time-outs, retries, concurrency, rate, circuit, order.

use std::time::Duration;

#[cfg(feature = "rate_limit")]
use std::num::NonZeroU32;

/// What the driver does around a sink.
///
/// A write is attempted when it has passed, in this order, the number of writes in flight, the rate limit and the
/// circuit. First attempts do so one after the other, so that they begin in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkSettings {
    /// The most events in one write. A larger batch is split.
    pub max_events: usize,
    /// The most retained bytes in one write, unless a single batch has more.
    pub max_bytes: usize,
    /// How long a write waits for more events when it is not full. Zero takes what is there.
    pub linger: Duration,
    /// How long an attempt may take. One that takes longer is cancelled, and its outcome is not known. It is the limit of a
    /// [commit](crate::Sink::commit) as well, which is asked for again.
    pub timeout: Duration,
    /// When to try again.
    pub retry: Retry,
    /// How many writes may be in flight, those that wait to be tried again among them; [`Order::Strict`] means one.
    pub in_flight: usize,
    /// Finds out how many attempts the destination can bear at once, between one and [`in_flight`](Self::in_flight).
    /// `None`: as many as there are writes in flight.
    pub adaptive: Option<AdaptiveConcurrency>,
    /// How fast may be written.
    #[cfg(feature = "rate_limit")]
    pub rate: RateLimits,
    /// Stops trying while the destination is down. `None`: every write is tried for itself.
    pub circuit: Option<CircuitBreaker>,
    /// What happens to the order of a stream.
    pub order: Order,
    /// How often [`Sink::commit`](crate::Sink::commit) is called.
    pub commit_interval: Duration,
    /// How many retained bytes of staged events are kept, where a source can't send them again should their stage be
    /// lost. Beyond that the sink is asked to commit, and nothing is written until it has.
    pub max_staged_bytes: usize,
}

impl Default for SinkSettings {
    /// What is there is written at once, one write at a time, for as long as it takes.
    fn default() -> Self {
        Self {
            max_events: 65_536,
            max_bytes: 1 << 20,
            linger: Duration::ZERO,
            timeout: Duration::from_secs(60),
            retry: Retry::default(),
            in_flight: 1,
            adaptive: None,
            #[cfg(feature = "rate_limit")]
            rate: RateLimits::default(),
            circuit: None,
            order: Order::FirstDelivery,
            commit_interval: Duration::from_secs(1),
            max_staged_bytes: 16 << 20,
        }
    }
}

/// When a failed write is tried again: after a random time between zero and a limit that doubles from attempt to
/// attempt ([full jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)), and not before
/// the time that the destination has [asked for](crate::SinkError::after).
///
/// When the attempts or the time are used up, the events go to the dead letters. The dead letters' own sink is tried
/// for ever, since there is nowhere else: what is before it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// The limit before the second attempt.
    pub initial: Duration,
    /// The most that the limit grows to.
    pub max: Duration,
    /// After how many attempts to give up; `None`: never. What remains of a partial failure goes on counting.
    pub max_attempts: Option<u32>,
    /// How long after the beginning of the first attempt to give up: no attempt begins later. `None`: never.
    ///
    /// The time that events have waited before, in a queue or a durable buffer, does not count: else the end of an outage would
    /// send to the dead letters what could be delivered now.
    pub max_age: Option<Duration>,
}

impl Default for Retry {
    fn default() -> Self {
        let (initial, max) = (Duration::from_millis(100), Duration::from_secs(30));
        Self { initial, max, max_attempts: None, max_age: None }
    }
}

/// How the number of attempts at once follows what the destination can bear: additive increase, multiplicative
/// decrease, as in TCP's congestion avoidance ([RFC 5681](https://www.rfc-editor.org/rfc/rfc5681), 3.1).
///
/// It begins with one. Results are looked at in windows of one mean latency. After a window in which all allowed
/// attempts were used and the mean latency stayed near its best, one more is allowed. After one whose latency was
/// more than `tolerance_percent` of the best, a tenth fewer. After a throttling answer, a time-out or another error that is to
/// be tried again, half as many, once a window. Never fewer than one.
///
/// The *best* is the lowest mean latency of a window; it follows a higher one by a twentieth a window, so that a service
/// that has become slower for good is learned anew. That is TCP Vegas' base round-trip time with the tolerance of Netflix'
/// [gradient limit](https://github.com/Netflix/concurrency-limits); the windows and the tenth are those of
/// Vector's [adaptive request concurrency](https://vector.dev/docs/architecture/arc), whose average follows the load upwards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdaptiveConcurrency {
    /// Up to how much of the best latency counts as near it; 100 is the best itself.
    pub tolerance_percent: u32,
}

impl Default for AdaptiveConcurrency {
    /// Twice the best latency.
    fn default() -> Self {
        Self { tolerance_percent: 200 }
    }
}

/// How fast a sink may write, by each of three measures; every attempt counts, also one that fails.
#[cfg(feature = "rate_limit")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Attempts.
    pub writes: Option<RateLimit>,
    /// Events.
    pub events: Option<RateLimit>,
    /// KiB of live events (what they need in a batch; each write is rounded up).
    pub kib: Option<RateLimit>,
}

/// So much a second, with a burst: the generic cell rate algorithm, by the `governor` crate.
///
/// A write that is larger than the burst waits until all of it would have passed. The timer's resolution is a
/// millisecond: a burst of less than a millisecond's worth keeps the rate below what was asked for.
#[cfg(feature = "rate_limit")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// How many a second, on average.
    pub per_second: NonZeroU32,
    /// How many at once after a pause.
    pub burst: NonZeroU32,
}

#[cfg(feature = "rate_limit")]
impl RateLimit {
    /// So many a second, and a second's worth at once after a pause.
    pub const fn per_second(per_second: NonZeroU32) -> Self {
        Self { per_second, burst: per_second }
    }

    /// So many at once after a pause.
    pub const fn with_burst(self, burst: NonZeroU32) -> Self {
        Self { burst, ..self }
    }
}

/// Stops trying while the destination is down: after so many failed writes in a row the circuit *opens*, and nothing
/// is attempted but, at intervals, one write as a probe (*half-open*). A success *closes* it.
///
/// A failure is an error that means to try the whole write again, a time-out, or a panic. An answer about single events
/// (rejected, partial) shows that the destination is there. What waits for the circuit ages, and its attempts count,
/// as [`Retry`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitBreaker {
    /// After how many failures in a row it opens; at least one.
    pub failures: u32,
    /// How long after a failure the next probe is let through, unless the destination has asked for a longer time.
    pub probe_interval: Duration,
}

impl Default for CircuitBreaker {
    /// Five failures, a probe every 10 s.
    fn default() -> Self {
        Self { failures: 5, probe_interval: Duration::from_secs(10) }
    }
}

/// What happens to the order of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// First attempts begin in order; with several writes in flight a repeated one may come behind later ones.
    #[default]
    FirstDelivery,
    /// One write in flight; nothing is written while one has still to be repeated.
    Strict,
}

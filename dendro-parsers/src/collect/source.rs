//! The source that runs a collector.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::{
    FieldSchema, Output, Receipts, Schema, Severity, SignedDuration, Source, SourceContext, SourceError,
    Timestamp, ValueType,
};
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::scrape::with_target;
use super::{CollectError, Collector, Scrape};

/// Unless told, no service is waited for longer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Unless told, a service that is down is asked at least this often.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// Runs a [`Collector`] at an interval; see the [module](super).
///
/// Scrapes fall on multiples of the interval by the clock, as 12:00:10, 12:00:20 for ten seconds, so that those of
/// several hosts can be laid over each other. One that would begin before the last has ended is left out.
#[must_use]
pub struct CollectSource<C> {
    collector: C,
    interval: Duration,
    timeout: Duration,
    jitter: Duration,
    max_backoff: Duration,
    aligned: bool,
    up: Arc<Schema>,
}

impl<C: Collector> CollectSource<C> {
    /// Asks at this interval, of at least one millisecond.
    pub fn new(collector: C, interval: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Self {
            collector,
            interval,
            timeout: interval.min(TIMEOUT),
            jitter: Duration::ZERO,
            max_backoff: MAX_BACKOFF,
            aligned: true,
            up: Arc::new(up_schema()),
        }
    }

    /// Takes a service for down that has not answered by then: ten seconds unless told, or the interval if that is less.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Moves all scrapes of this run by a random time below this one, so that many agents don't ask all at once.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Waits for no longer than this between two attempts while the service is down: a minute unless told. An
    /// interval that is longer stays.
    pub fn max_backoff(mut self, max: Duration) -> Self {
        self.max_backoff = max;
        self
    }

    /// Begins at once, whatever the clock says.
    pub fn at_once(mut self) -> Self {
        self.aligned = false;
        self
    }

    fn start_after(&self, now: Timestamp) -> Duration {
        let jitter = random_below(nanos(self.jitter));
        let interval = nanos(self.interval).max(1);
        let into = now.as_nanos().rem_euclid(interval as i64) as u64;
        let to_boundary = if self.aligned && into > 0 { interval - into } else { 0 };
        Duration::from_nanos(to_boundary.saturating_add(jitter))
    }

    async fn scrape(&mut self, scrape: &mut Scrape) -> Result<(), CollectError> {
        match timeout(self.timeout, self.collector.collect(scrape)).await {
            Ok(result) => result,
            Err(_) => Err(CollectError::new(format!("no answer within {:?}", self.timeout))),
        }
    }

    fn tell_up(&self, scrape: &mut Scrape, took: Duration, error: Option<&str>) -> Result<(), CollectError> {
        scrape.event(&self.up, |event| {
            event.insert("collector", self.collector.name())?;
            event.insert("up", u64::from(error.is_none()))?;
            event.insert("scrape_duration", SignedDuration::from(took))?;
            error.map_or(Ok(()), |error| event.insert("error", error))
        })
    }
}

#[async_trait]
impl<C: Collector> Source for CollectSource<C> {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Receipts::new();
        let mut ticks = tokio::time::interval_at(Instant::now() + self.start_after(cx.now()), self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut scrape = Scrape::new(cx.clone(), self.collector.target().map(str::to_owned));
        let mut health = Health::new(self.max_backoff, self.interval);
        loop {
            tokio::select! {
                biased;
                () = cx.stopping() => break,
                _ = receipts.next() => continue,
                _ = ticks.tick() => {}
            }
            if !health.is_due() {
                continue;
            }
            let began = Instant::now();
            scrape.begin();
            let result = tokio::select! {
                biased;
                () = cx.stopping() => break,
                result = self.scrape(&mut scrape) => result,
            };
            let error = result.err().map(|error| error.full_message());
            if error.is_some() {
                scrape.discard();
            }
            if let Some((severity, change)) = health.note(error.as_deref()) {
                let target =
                    self.collector.target().map(|target| format!(" at {target}")).unwrap_or_default();
                cx.report(severity, format!("{}{target} {change}", self.collector.name()));
            }
            self.tell_up(&mut scrape, began.elapsed(), error.as_deref())
                .map_err(|error| SourceError::fatal(error.full_message()))?;
            for batch in scrape.finish() {
                receipts.push(out.send(batch).await?, ());
            }
        }
        receipts.drain(out, |(), _| {}).await;
        Ok(())
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        let mut schemas = self.collector.schemas();
        schemas.push(self.up.clone());
        if self.collector.target().is_some() {
            schemas = schemas.iter().map(|schema| Arc::new(with_target(schema))).collect();
        }
        schemas
    }
}

impl<C: Collector> std::fmt::Debug for CollectSource<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectSource")
            .field("collector", &self.collector.name())
            .field("target", &self.collector.target())
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// Whether the service is up, and when to ask again while it is not.
struct Health {
    failures: u32,
    /// How many ticks to leave out.
    skip: u64,
    max_ticks: u64,
    was_up: Option<bool>,
}

impl Health {
    fn new(max_backoff: Duration, interval: Duration) -> Self {
        let max_ticks = (nanos(max_backoff) / nanos(interval).max(1)).max(1);
        Self { failures: 0, skip: 0, max_ticks, was_up: None }
    }

    fn is_due(&mut self) -> bool {
        let due = self.skip == 0;
        self.skip = self.skip.saturating_sub(1);
        due
    }

    /// Takes the result of an attempt; says what has changed, for people.
    fn note(&mut self, error: Option<&str>) -> Option<(Severity, String)> {
        let before = self.was_up.replace(error.is_none());
        match error {
            None => {
                (self.failures, self.skip) = (0, 0);
                (before == Some(false)).then(|| (Severity::Info, "is up again".to_owned()))
            }
            Some(error) => {
                self.failures += 1;
                // Doubled each time; between half of that and all of it, so that agents that saw the same service
                // go down don't come back together.
                let ticks = 1u64.checked_shl(self.failures - 1).unwrap_or(u64::MAX).min(self.max_ticks);
                self.skip = ticks - 1 - random_below(ticks / 2 + 1);
                (before != Some(false)).then(|| (Severity::Warning, format!("is down: {error}")))
            }
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX) as u64
}

/// Good enough to spread requests.
fn random_below(limit: u64) -> u64 {
    RandomState::new().build_hasher().finish().checked_rem(limit).unwrap_or(0)
}

fn up_schema() -> Schema {
    Schema::new("collector_up")
        .doc("One attempt to ask a service how it is.")
        .field(FieldSchema::dimension("collector", ValueType::Str).doc("What was asked, as in `nginx`."))
        .field(FieldSchema::gauge("up", ValueType::U64).unit("1").doc("1 if there was an answer, else 0."))
        .field(
            FieldSchema::gauge("scrape_duration", ValueType::Duration)
                .unit("s")
                .doc("How long the attempt took."),
        )
        .field(FieldSchema::attribute("error", ValueType::Str).doc("Why there was no answer."))
}

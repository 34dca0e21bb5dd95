//! Properties of sources.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::batch::MAX_SECTION_BYTES;
use dendro_core::{Batch, EventRef, Outcome, Source, Timestamp};

use super::{LIMIT, QUIET, Verdict, ensure, ensure_all, ensure_order, nothing_to_check};
use crate::{SourceHarness, batches};

const NO_REPLAY: &str = "the source can't send again, or makes its events itself";

/// Which time a suite waits by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// tokio's clock, paused: waiting costs nothing.
    Paused,
    /// Real time, for a source with a thread of its own that tokio's clock does not wait for. What has to come may take
    /// as long as it needs; that nothing more comes is believed after this long.
    Real(Duration),
}

/// A source and its outside world, for the suite.
///
/// Records are lines of text without line ends.
#[async_trait]
pub trait SourceFixture: Send + Sync {
    /// An instance over this world; called again, what a process that was started anew would have.
    fn source(&self) -> Box<dyn Source>;

    /// Brings records into the world, for the source to find; called after [`source`](Self::source).
    /// Must not wait for the source: what has no room is left out.
    async fn feed(&self, stream: usize, records: &[String]);

    /// Whether the source should say that it can send again.
    fn can_replay(&self) -> bool;

    /// Which time the suite waits by.
    fn pace(&self) -> Pace {
        Pace::Paused
    }

    /// Whether it makes its events itself (a generator, a sampler): then nothing is fed.
    fn feeds_itself(&self) -> bool {
        false
    }

    /// Whether a restart goes on where the last run ended; if not, it may begin anew.
    fn keeps_checkpoint(&self) -> bool {
        self.can_replay()
    }

    /// The record that an event was made of.
    fn record(&self, event: EventRef<'_>) -> String {
        batches::id(event)
    }

    /// How many streams there may be.
    fn streams(&self) -> usize {
        1
    }

    /// The most records that the world takes at once.
    fn burst(&self) -> usize {
        5_000
    }

    /// The longest record that is not refused.
    fn longest_record(&self) -> usize {
        64 << 10
    }

    /// The most events in a batch.
    fn max_batch_events(&self) -> usize {
        1 << 20
    }

    /// The most retained bytes of a batch.
    fn max_batch_bytes(&self) -> usize {
        MAX_SECTION_BYTES
    }
}

/// Nothing is settled, the process dies: all comes again.
pub async fn checkpoint_waits_for_settlement<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let Some(suite) = Suite::of_replayable(make()) else { return nothing_to_check(NO_REPLAY) };
    let harness = suite.start();
    let fed = suite.feed(0, 0..20).await;
    let held = suite.receive(&harness, &fed).await?;
    suite.wait().await;
    harness.kill().await;
    drop(held);
    let again = suite.delivered_after_restart(&fed).await;
    ensure_all(&fed, &again, "sent before a kill and not settled, but not sent again after the restart")
}

/// Later batches are settled, an earlier one is not, the process dies: the earlier one comes again.
pub async fn checkpoint_is_never_ahead_of_the_oldest_unsettled<F: SourceFixture>(
    make: impl Fn() -> F,
) -> Verdict {
    let Some(suite) = Suite::of_replayable(make()) else { return nothing_to_check(NO_REPLAY) };
    let harness = suite.start();
    let first = suite.feed(0, 0..5).await;
    let mut held = suite.receive(&harness, &first).await?;
    for n in 1..4 {
        suite.feed(0, n * 5..n * 5 + 5).await;
        while let Some(mut batch) = harness.recv_within(suite.quiet).await {
            match suite.records(std::slice::from_ref(&batch)).iter().any(|r| first.contains(r)) {
                true => held.push(batch),
                false => settle(&mut batch),
            }
        }
    }
    harness.kill().await;
    drop(held);
    let again = suite.delivered_after_restart(&first).await;
    ensure_all(&first, &again, "the checkpoint ran ahead: not settled, but not sent again after the restart")
}

/// A batch is abandoned: its records come again, in this run or the next.
pub async fn abandoned_is_sent_again<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let Some(suite) = Suite::of_replayable(make()) else { return nothing_to_check(NO_REPLAY) };
    let mut harness = suite.start();
    let mut wanted = suite.feed(0, 0..5).await;
    drop(suite.receive(&harness, &wanted).await?);
    wanted.extend(suite.feed(0, 5..10).await);
    let mut delivered = suite.records(&harness.acknowledge_until_quiet(suite.quiet).await);
    harness.stop();
    delivered.extend(suite.records(&suite.drained(&harness).await?));
    suite.ended(&mut harness).await?;
    let found =
        |d: &Vec<String>| ensure_all(&wanted, d, "abandoned, or fed behind what was, and not sent again");
    if found(&delivered).is_err() {
        let missing: Vec<String> = wanted.iter().filter(|w| !delivered.contains(w)).cloned().collect();
        delivered.extend(suite.delivered_after_restart(&missing).await);
    }
    found(&delivered)
}

/// One batch is settled, the next is not, the process dies: the next one comes again, and what is new.
pub async fn restart_sends_what_was_not_settled<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let Some(suite) = Suite::of_replayable(make()) else { return nothing_to_check(NO_REPLAY) };
    let harness = suite.start();
    let settled = suite.feed(0, 0..5).await;
    suite.acknowledge(&harness, &settled).await;
    suite.wait().await;
    let mut wanted = suite.feed(0, 5..10).await;
    let held = suite.receive(&harness, &wanted).await?;
    harness.kill().await;
    drop(held);
    wanted.extend(suite.feed(0, 10..15).await);
    let again = suite.delivered_after_restart(&wanted).await;
    ensure_all(&wanted, &again, "not settled before the restart, or new since, and not sent after it")
}

/// All is settled and the source has stopped: a restart sends nothing of it.
pub async fn restart_does_not_send_what_was_settled<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let Some(suite) = Suite::of_replayable(make()) else { return nothing_to_check(NO_REPLAY) };
    if !suite.world.keeps_checkpoint() {
        return nothing_to_check("the source keeps no checkpoint");
    }
    let mut harness = suite.start();
    let fed = suite.feed(0, 0..20).await;
    let sent = suite.acknowledge(&harness, &fed).await;
    ensure_all(&fed, &suite.records(&sent), "fed, but not sent")?;
    harness.stop();
    suite.drained(&harness).await?;
    suite.ended(&mut harness).await?;
    let harness = suite.start();
    let again = suite.records(&harness.acknowledge_until_quiet(suite.quiet).await);
    harness.kill().await;
    ensure(again.is_empty(), || {
        format!("{} records were settled before a clean stop, and sent again", again.len())
    })
}

/// Nobody takes anything: what the source has sent does not grow, however much is fed.
pub async fn memory_is_bounded_while_the_pipeline_stalls<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    const ROUNDS: usize = 8;
    let suite = Suite::new(make());
    let harness = SourceHarness::builder().limits(64, 64 << 10).gauged().start(suite.world.source());
    let count = || harness.sent().map_or(0, |stats| stats.events_in);
    let mut sent = Vec::new();
    for round in 0..ROUNDS as u64 {
        suite.feed(0, round * 1_000..(round + 1) * 1_000).await;
        let still = async {
            let mut before = count();
            loop {
                suite.wait().await;
                let now = count();
                if std::mem::replace(&mut before, now) == now {
                    return now;
                }
            }
        };
        // A sampler takes its time to fill the pipeline.
        let still = tokio::time::timeout(suite.limit * 60, still).await;
        sent.push(still.map_err(|_| {
            format!("the source never stops sending while nothing is taken: {} events", count())
        })?);
        ensure(!harness.is_finished(), || "the source has ended while the pipeline was full".into())?;
    }
    let late = &sent[ROUNDS - 3..];
    ensure(late[0] == late[2], || {
        format!("the source goes on sending while nothing is taken: events by round {sent:?}")
    })
}

/// Told to stop while there is nothing to do: it does.
pub async fn stops_while_idle<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let suite = Suite::new(make());
    let mut harness = suite.start();
    let fed = suite.feed(0, 0..10).await;
    suite.acknowledge(&harness, &fed).await;
    harness.stop();
    suite.drained(&harness).await?;
    suite.ended(&mut harness).await
}

/// Told to stop while it waits for room: when what is there is taken and settled, it ends.
pub async fn stops_while_the_pipeline_is_full<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let suite = Suite::new(make());
    let mut harness = SourceHarness::builder().limits(64, 64 << 10).start(suite.world.source());
    suite.feed(0, 0..2_000).await;
    suite.wait().await;
    harness.stop();
    suite.wait().await;
    suite.drained(&harness).await?;
    suite.ended(&mut harness).await
}

/// Told to stop while nothing has settled: it lets go of its output first, since what is behind it may wait for
/// that to settle anything.
pub async fn lets_go_of_its_output_before_it_waits<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let suite = Suite::new(make());
    let mut harness = suite.start();
    suite.feed(0, 0..20).await;
    let mut held = Vec::new();
    held.extend(harness.recv_within(suite.limit).await);
    harness.stop();
    let all = async {
        while let Some(batch) = harness.recv().await {
            held.push(batch);
        }
    };
    let gone = suite.within("letting go of the output after the stop, with nothing settled,", all).await;
    held.iter_mut().for_each(settle);
    gone?;
    suite.ended(&mut harness).await
}

/// There is nothing: no batch comes, not even an empty one, and a stop is a stop.
pub async fn empty_input_gives_no_batch<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let suite = Suite::new(make());
    let mut harness = suite.start();
    if !suite.world.feeds_itself() {
        suite.feed(0, 0..0).await;
        if let Some(batch) = harness.recv_within(suite.quiet).await {
            return Err(format!("a batch of {} events came from nothing", batch.len()));
        }
    }
    harness.stop();
    suite.drained(&harness).await?;
    suite.ended(&mut harness).await
}

/// Much is fed: all of it comes, in batches that are not empty and within the caps.
pub async fn much_input_comes_in_batches_within_the_caps<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let suite = Suite::new(make());
    let harness = suite.start();
    if suite.world.feeds_itself() {
        for batch in suite.acknowledge(&harness, &[]).await {
            suite.within_caps(&batch)?;
        }
        return Ok(());
    }
    let burst = suite.world.burst() as u64;
    let long: Vec<String> = (0..8).map(|n| long_record(n, suite.world.longest_record())).collect();
    let mut bursts: Vec<Vec<String>> = (0..4).map(|n| some_records(0, n * burst..(n + 1) * burst)).collect();
    bursts.extend(long.chunks(2).map(<[String]>::to_vec));
    for fed in &bursts {
        suite.world.feed(0, fed).await;
        let batches = suite.acknowledge(&harness, fed).await;
        batches.iter().try_for_each(|b| suite.within_caps(b))?;
        ensure_all(fed, &suite.records(&batches), &format!("of a burst of {} records", fed.len()))?;
    }
    Ok(())
}

/// What is fed to a stream comes in this order.
pub async fn order_is_kept_within_a_stream<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let suite = Suite::new(make());
    if suite.world.feeds_itself() {
        return nothing_to_check("the source makes its events itself: nothing says what comes first");
    }
    let harness = suite.start();
    let mut fed = vec![Vec::new(); suite.world.streams().max(1)];
    let mut came = Vec::new();
    let mut due = Vec::new();
    for round in 0..6 {
        for (stream, fed) in fed.iter_mut().enumerate() {
            let records = suite.feed(stream, round * 40..(round + 1) * 40).await;
            due.extend_from_slice(&records);
            fed.extend(records);
        }
        if round % 2 == 1 {
            came.extend(suite.records(&suite.acknowledge(&harness, &due).await));
            due.clear();
        }
    }
    for (stream, fed) in fed.iter().enumerate() {
        ensure_order(fed, &came, &format!("stream {stream}"))?;
    }
    Ok(())
}

/// Events name their source and a type, and have been observed; those of a source that can send again have a
/// stream, one a batch, and positions that grow.
pub async fn events_say_where_they_come_from<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let suite = Suite::new(make());
    let harness = suite.start();
    let mut fed = Vec::new();
    for stream in 0..suite.world.streams().max(1) {
        fed.extend(suite.feed(stream, 0..20).await);
        fed.extend(suite.feed(stream, 20..40).await);
    }
    let batches = suite.acknowledge(&harness, &fed).await;
    ensure(!batches.is_empty(), || "nothing came".into())?;
    let mut last: HashMap<String, u64> = HashMap::new();
    for batch in &batches {
        let mut streams = HashSet::new();
        for event in batch.iter() {
            let origin = event.origin().ok_or("an event has no origin")?;
            let source = origin.source.as_deref();
            ensure(source == Some(SourceHarness::NAME), || format!("an event names the source {source:?}"))?;
            ensure(!event.event_type().is_empty(), || "an event has no type".into())?;
            ensure(event.observed() > Timestamp::EPOCH, || "an event was not observed at any time".into())?;
            streams.insert(origin.stream.clone());
            if !suite.world.can_replay() {
                continue;
            }
            let stream = origin.stream.clone().filter(|s| !s.is_empty()).ok_or("an event has no stream")?;
            let position = event.position();
            let before = last.insert(stream.clone(), position);
            ensure(before.is_none_or(|b| b < position), || {
                format!("position {position} in `{stream}` came behind {}", before.unwrap_or_default())
            })?;
        }
        ensure(streams.len() <= 1, || format!("a batch has events of {} streams", streams.len()))?;
    }
    let wanted = suite.world.streams();
    ensure(!suite.world.can_replay() || last.len() >= wanted, || {
        format!("{wanted} streams were fed, and {} came", last.len())
    })
}

/// It says what the fixture says.
pub async fn says_whether_it_can_replay<F: SourceFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let (says, can) = (world.source().can_replay(), world.can_replay());
    ensure(says == can, || format!("it says {says} to whether it can send again, and the truth is {can}"))
}

/// A world, and how long to wait in it. What has to come is waited for up to the limit; that nothing more comes is
/// believed when it has been quiet. So a slow machine makes a suite weaker, never wrong.
struct Suite<F> {
    world: F,
    quiet: Duration,
    limit: Duration,
}

impl<F: SourceFixture> Suite<F> {
    fn new(world: F) -> Self {
        let (quiet, limit) = match world.pace() {
            Pace::Paused => (QUIET, LIMIT),
            Pace::Real(quiet) => {
                tokio::time::resume();
                (quiet, LIMIT)
            }
        };
        Self { world, quiet, limit }
    }

    /// `None` for a source to which restarts mean nothing.
    fn of_replayable(world: F) -> Option<Self> {
        (world.can_replay() && !world.feeds_itself()).then(|| Self::new(world))
    }

    fn start(&self) -> SourceHarness {
        SourceHarness::start(self.world.source())
    }

    async fn feed(&self, stream: usize, numbers: std::ops::Range<u64>) -> Vec<String> {
        if self.world.feeds_itself() {
            return Vec::new();
        }
        let records = some_records(stream, numbers);
        self.world.feed(stream, &records).await;
        records
    }

    fn records(&self, batches: &[Batch]) -> Vec<String> {
        batches.iter().flat_map(Batch::iter).map(|e| self.world.record(e)).collect()
    }

    /// Gives the source time for what it should not do.
    async fn wait(&self) {
        tokio::time::sleep(self.quiet).await;
    }

    async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> Result<T, String> {
        let limit = self.limit;
        tokio::time::timeout(limit, future).await.map_err(|_| format!("{what} took longer than {limit:?}"))
    }

    /// Batches until all of `wanted` have come, withheld.
    async fn receive(&self, harness: &SourceHarness, wanted: &[String]) -> Result<Vec<Batch>, String> {
        let mut held = Vec::new();
        let mut missing: HashSet<String> = wanted.iter().cloned().collect();
        while !missing.is_empty() {
            // A source may wait for one batch to settle before it sends the next.
            let patience = if held.is_empty() { self.limit } else { self.quiet };
            match harness.recv_within(patience).await {
                Some(batch) => held.push(batch),
                None if !held.is_empty() => break,
                None => return Err("nothing came of what was fed".into()),
            }
            for record in self.records(&held[held.len() - 1..]) {
                missing.remove(&record);
            }
        }
        Ok(held)
    }

    /// Batches until all of `wanted` have come, acknowledged. Of what never ends, the first.
    async fn acknowledge(&self, harness: &SourceHarness, wanted: &[String]) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut missing: HashSet<String> = wanted.iter().cloned().collect();
        while !missing.is_empty() || (self.world.feeds_itself() && batches.len() < 10) {
            let Some(mut batch) = harness.recv_within(self.limit).await else { break };
            settle(&mut batch);
            batches.push(batch);
            for record in self.records(&batches[batches.len() - 1..]) {
                missing.remove(&record);
            }
        }
        batches
    }

    async fn delivered_after_restart(&self, wanted: &[String]) -> Vec<String> {
        let harness = self.start();
        let delivered = self.records(&self.acknowledge(&harness, wanted).await);
        harness.kill().await;
        delivered
    }

    /// What comes until the source lets go of its output, acknowledged.
    async fn drained(&self, harness: &SourceHarness) -> Result<Vec<Batch>, String> {
        let all = async {
            let mut batches = Vec::new();
            while let Some(mut batch) = harness.recv().await {
                settle(&mut batch);
                batches.push(batch);
            }
            batches
        };
        self.within("letting go of the output after the stop", all).await
    }

    async fn ended(&self, harness: &mut SourceHarness) -> Verdict {
        let ended =
            self.within("the end of `run` after the stop, with everything settled,", harness.end()).await?;
        ended.map_err(|e| format!("the source ended with an error: {e}"))
    }

    fn within_caps(&self, batch: &Batch) -> Verdict {
        let (events, bytes) = (batch.len(), batch.retained_bytes());
        ensure(events > 0, || "an empty batch came".into())?;
        ensure(events <= self.world.max_batch_events(), || format!("a batch of {events} events came"))?;
        ensure(bytes <= self.world.max_batch_bytes(), || format!("a batch that keeps {bytes} bytes came"))
    }
}

fn some_records(stream: usize, numbers: std::ops::Range<u64>) -> Vec<String> {
    batches::ids(&format!("record of {stream}"), numbers)
}

fn long_record(n: usize, len: usize) -> String {
    let mut record = format!("long record {n} ");
    record.extend(std::iter::repeat_n('x', len.saturating_sub(record.len())));
    record
}

fn settle(batch: &mut Batch) {
    batch.take_acks().resolve(Outcome::Delivered);
}

//! Properties of sinks.

use std::collections::{HashMap, HashSet};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::{
    Batch, CommitReason, Committed, Event, Outcome, Sink, SinkErrorKind, Stage, WriteContext, Written,
};

use super::{
    LIMIT, QUIET, Verdict, ensure, ensure_all, ensure_order, first_deliveries, nothing_to_check, within,
};
use crate::batches;
use crate::harness::{SinkHarness, SinkRun};
use crate::mock::{Fault, FaultySink, MockLog};

/// No call has more await points that are worth a look.
const MOST_POLLS: u64 = 32;
const NO_READ_BACK: &str = "nothing can be read back from the destination";

/// A sink and its destination, for the suite.
///
/// Events are those of [`batches::numbered`]: the field `id` tells them apart.
#[async_trait]
pub trait SinkFixture: Send + Sync {
    /// An instance over this destination.
    fn sink(&self) -> Box<dyn Sink>;

    /// The `id`s of the events that the destination has *durably*, as it would give them if the process died now,
    /// in its order and with duplicates. `None` for one that keeps nothing.
    async fn read_back(&self) -> Option<Vec<String>>;

    /// Takes the destination down, or puts it up again; says whether it can.
    async fn set_down(&self, down: bool) -> bool {
        let _ = down;
        false
    }

    /// Whether the destination keeps no duplicates of a write that comes again with the same id.
    fn is_idempotent(&self) -> bool {
        false
    }

    /// An event that can never be written, where the others of its write can.
    fn unwritable(&self) -> Option<Event> {
        None
    }

    /// How many events the largest write of the suite has.
    fn largest_write(&self) -> usize {
        self.sink().settings().max_events.min(65_536)
    }
}

/// When `write` says durable, or `commit` names the stages of a write, the destination has its events.
pub async fn nothing_is_acknowledged_before_it_is_durable<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let sink = world.sink();
    let mut ledger = Ledger::default();
    for n in 0..6 {
        let batch = batches::numbered("a", n * 10..n * 10 + 10);
        let written = write(&*sink, &[batch], &format!("{n:032}")).await?;
        ledger.note(batches::ids("a", n * 10..n * 10 + 10), written);
        ledger.verify(&world).await?;
        if n % 2 == 1 {
            ledger.commit(commit(&*sink, CommitReason::Interval).await?)?;
            ledger.verify(&world).await?;
        }
    }
    ledger.commit(commit(&*sink, CommitReason::Drain).await?)?;
    ledger.verify(&world).await
}

/// What is staged is settled by commits: at the drain nothing is left open, under the driver nothing is settled before.
pub async fn staged_writes_become_durable_by_commit<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let sink = world.sink();
    let mut ledger = Ledger::default();
    for n in 0..4 {
        let batch = batches::numbered("a", n * 10..n * 10 + 10);
        let written = write(&*sink, &[batch], &format!("{n:032}")).await?;
        ledger.note(batches::ids("a", n * 10..n * 10 + 10), written);
    }
    ledger.commit(commit(&*sink, CommitReason::Drain).await?)?;
    let open = ledger.open.len();
    ensure(open == 0, || format!("after the commit of the drain {open} writes are still staged"))?;
    ledger.verify(&world).await
}

/// A stage that a commit has named is over: a later write is never of it.
pub async fn stage_numbers_are_not_used_again<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let sink = world.sink();
    let mut over: HashSet<Stage> = HashSet::new();
    for n in 0..8 {
        let batch = batches::numbered("a", n * 10..n * 10 + 10);
        if let Written::Staged(stages) = write(&*sink, &[batch], &format!("{n:032}")).await? {
            let again = stages.iter().find(|s| over.contains(s));
            ensure(again.is_none(), || format!("{again:?} was committed, and a later write is of it"))?;
        }
        let reason = if n % 3 == 2 { CommitReason::Drain } else { CommitReason::Interval };
        let committed = commit(&*sink, reason).await?;
        over.extend(committed.durable.into_iter().chain(committed.lost));
    }
    Ok(())
}

/// Writes fail before and behind their work: under the driver all is delivered in the end.
pub async fn failed_writes_are_delivered_later<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let faults = [Fault::Retry, Fault::Retry, Fault::None, Fault::WriteThenRetry, Fault::None, Fault::Retry];
    let sink = FaultySink::new(world.sink()).then(faults);
    let run = ended(SinkHarness::new(sink).run(some_batches("a", 5))).await?;
    delivered(&world, &run, &batches::ids("a", 0..50)).await
}

/// The destination is down for a while: nothing is acknowledged, and when it is up all is delivered.
pub async fn outage_loses_nothing<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    if !world.set_down(true).await {
        return nothing_to_check("the fixture can't take the destination down");
    }
    let log = MockLog::of(some_batches("a", 5));
    let harness = SinkHarness::new(world.sink()).deadline(LIMIT * 10);
    let outage = async {
        tokio::time::sleep(QUIET).await;
        let early = log.settlements();
        world.set_down(false).await;
        ensure(early.is_empty(), || format!("settled while the destination was down: {early:?}"))
    };
    let (run, early) = tokio::join!(ended(harness.run_log(&log, std::future::pending())), outage);
    early?;
    delivered(&world, &run?, &batches::ids("a", 0..50)).await
}

/// A write is dropped at each of its await points in turn: the next ones work, the cancelled events are there after
/// they were written again, and no other event is there twice.
pub async fn cancelled_write_leaves_it_working<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let sink = world.sink();
    let (mut cancelled, mut others) = (Vec::new(), Vec::new());
    for polls in 0..MOST_POLLS {
        let (before, now, behind) = (polls * 30, polls * 30 + 10, polls * 30 + 20);
        let batch = |from: u64| [batches::numbered("a", from..from + 10)];
        let id = |n: u64| format!("{n:032}");
        let _ = write(&*sink, &batch(before), &id(before)).await?;
        let finished = cancel_after(polls, &*sink, &batch(now), &id(now)).await;
        let _ = write_attempt(&*sink, &batch(now), &id(now), 2).await?;
        let _ = write(&*sink, &batch(behind), &id(behind)).await?;
        cancelled.extend(batches::ids("a", now..now + 10));
        others.extend(batches::ids("a", before..before + 10));
        others.extend(batches::ids("a", behind..behind + 10));
        if finished {
            break;
        }
    }
    let _ = commit(&*sink, CommitReason::Drain).await?;
    let Some(found) = world.read_back().await else { return nothing_to_check(NO_READ_BACK) };
    ensure_all(&cancelled, &found, "cancelled and written again")?;
    ensure_all(&others, &found, "written around a cancelled write")?;
    let count = counts(&found);
    let twice = others.iter().find(|id| count.get(id).is_some_and(|n| *n > 1));
    ensure(twice.is_none(), || format!("{twice:?} is there twice, and its write was not cancelled"))?;
    let thrice = cancelled.iter().find(|id| count.get(id).is_some_and(|n| *n > 2));
    ensure(thrice.is_none(), || format!("{thrice:?} is there more than twice after one cancelled write"))
}

/// A commit is dropped at each of its await points in turn: what it had settled is named by a later one.
pub async fn cancelled_commit_is_told_by_the_next<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    for polls in 0..MOST_POLLS {
        let world = make();
        let sink = world.sink();
        let mut ledger = Ledger::default();
        let written = write(&*sink, &[batches::numbered("a", 0..10)], &"0".repeat(32)).await?;
        ledger.note(batches::ids("a", 0..10), written);
        let (finished, settled) = cancel_commit_after(polls, &*sink).await?;
        ledger.commit(settled)?;
        ledger.commit(commit(&*sink, CommitReason::Interval).await?)?;
        ledger.commit(commit(&*sink, CommitReason::Drain).await?)?;
        let open = ledger.open.len();
        ensure(open == 0, || {
            format!("after a commit that was dropped at its await point {polls} {open} writes stay staged")
        })?;
        ledger.verify(&world).await?;
        if finished {
            break;
        }
    }
    Ok(())
}

/// A write that was done, but took too long, comes again with the same id; a destination that can tell has it once.
pub async fn write_after_a_time_out_has_the_same_id<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let sink = FaultySink::new(world.sink()).then([Fault::WriteThenHang, Fault::Hang]);
    let log = sink.log();
    let run =
        SinkHarness::new(sink).settings(|s| s.timeout = Duration::from_secs(5)).run(some_batches("a", 3));
    let run = ended(run).await?;
    let wanted = batches::ids("a", 0..30);
    delivered(&world, &run, &wanted).await?;
    let records = log.records();
    let ids: HashSet<&str> = records.iter().take(3).map(|r| r.id.as_str()).collect();
    ensure(records.len() >= 3 && ids.len() == 1, || format!("attempts of one write have the ids {ids:?}"))?;
    let Some(found) = world.read_back().await.filter(|_| world.is_idempotent()) else {
        return nothing_to_check("the destination does not tell writes apart by their id");
    };
    let count = counts(&found);
    let twice = wanted.iter().find(|id| count.get(id).is_some_and(|n| *n > 1));
    ensure(twice.is_none(), || format!("{twice:?} is there twice, though its writes had the same id"))
}

/// Nothing was written: the drain's commit succeeds, names nothing, and leaves nothing.
pub async fn empty_drain_succeeds<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let committed = commit(&*world.sink(), CommitReason::Drain).await?;
    ensure(committed == Committed::default(), || format!("a commit of nothing has named {committed:?}"))?;
    let run = ended(SinkHarness::new(world.sink()).run([])).await?;
    ensure(run.result.is_ok(), || format!("a run without events failed: {:?}", run.result))?;
    let found = world.read_back().await.unwrap_or_default();
    ensure(found.is_empty(), || format!("{} events are there, and none were written", found.len()))
}

/// As many events as one write may have, and one with a field of 1 MiB, are delivered or refused by name.
pub async fn largest_batch_is_written<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let events = world.largest_write() as u64;
    let mut long = batches::numbered("long", 0..1);
    let text = "x".repeat(1 << 20);
    if let Some(mut event) = long.get_mut(0) {
        event.insert("text", text.as_str()).map_err(|e| e.to_string())?;
    }
    let run = ended(SinkHarness::new(world.sink()).run([batches::numbered("a", 0..events), long])).await?;
    ensure(run.result.is_ok(), || format!("the run failed: {:?}", run.result))?;
    ensure(run.is_settled(), || format!("not everything has settled: {:?}", run.outcomes))?;
    let Some(mut found) = world.read_back().await else { return nothing_to_check(NO_READ_BACK) };
    found.extend(run.dead_raws());
    let wanted = [batches::ids("a", 0..events), batches::ids("long", 0..1)].concat();
    ensure_all(&wanted, &found, "of the largest write")
}

/// The events of a stream are in the destination in the order in which they were sent.
pub async fn order_is_kept_within_a_stream<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let batches = (0..20).flat_map(|n| ["a", "b"].map(|s| batches::numbered(s, n * 5..n * 5 + 5)));
    let run = ended(SinkHarness::new(world.sink()).run(batches)).await?;
    ensure(run.is_settled(), || format!("not everything has settled: {:?}", run.outcomes))?;
    let Some(found) = world.read_back().await else { return nothing_to_check(NO_READ_BACK) };
    for stream in ["a", "b"] {
        ensure_order(&batches::ids(stream, 0..100), &found, &format!("stream {stream}"))?;
    }
    Ok(())
}

/// The source ends, or is told to: all is settled well before the deadline.
pub async fn drains_before_the_deadline<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    for told in [false, true] {
        let world = make();
        let log = MockLog::new();
        some_batches("a", 10).for_each(|b| log.push(b));
        if !told {
            log.end();
        }
        let shutdown = async {
            match told {
                true => tokio::time::sleep(Duration::from_secs(1)).await,
                false => std::future::pending().await,
            }
        };
        let run = SinkHarness::new(world.sink()).deadline(LIMIT).run_log(&log, shutdown);
        let run = within("a run whose source has ended", run).await?;
        ensure(run.report().drained, || "the drain's deadline passed".into())?;
        delivered(&world, &run, &batches::ids("a", 0..100)).await?;
    }
    Ok(())
}

/// Writes panic before and in the midst of their work: their events are dead letters, the others are delivered.
pub async fn panic_fails_the_batch_alone<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let sink =
        FaultySink::new(world.sink()).then([Fault::Panic, Fault::None, Fault::PanicMidway, Fault::None]);
    let log = sink.log();
    // One batch a write.
    let run = ended(SinkHarness::new(sink).settings(|s| s.max_events = 10).run(some_batches("a", 5))).await?;
    ensure(run.result.is_ok(), || format!("the run failed: {:?}", run.result))?;
    ensure(run.is_settled(), || format!("not everything has settled: {:?}", run.outcomes))?;
    let panicked = log.records().into_iter().filter(|r| matches!(r.fault, Fault::Panic | Fault::PanicMidway));
    let panicked: Vec<String> = panicked.flat_map(|r| r.events).collect();
    ensure_all(&panicked, &run.dead_raws(), "in a write that panicked, and not in the dead letters")?;
    let Some(found) = world.read_back().await else { return nothing_to_check(NO_READ_BACK) };
    let others: Vec<String> =
        batches::ids("a", 0..50).into_iter().filter(|id| !panicked.contains(id)).collect();
    ensure_all(&others, &found, "in a write beside one that panicked")
}

/// Some events of a write can't be written: the error names them by their numbers across the batches, the others are
/// there.
pub async fn partial_failure_names_the_right_events<F: SinkFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let Some(bad) = world.unwritable() else {
        return nothing_to_check("the fixture has no event that can't be written");
    };
    let good = |n: u64| batches::numbered("a", n..n + 1);
    let mut mixed = [Vec::new(), Vec::new()];
    for (batch, events) in mixed.iter_mut().zip([vec![Some(0), None, Some(1)], vec![None, Some(2), Some(3)]])
    {
        let good = events.into_iter().map(|n| {
            n.map_or_else(|| bad.clone(), |n| good(n).get(0).map(|e| e.to_event()).unwrap_or_default())
        });
        batch.extend(good);
    }
    let batches = mixed.map(|events| batches::events("a", &events));
    let sink = world.sink();
    let cx = WriteContext::new("0".repeat(32), 1, LIMIT);
    let error = match within("a write", sink.write(&batches, &cx)).await? {
        Ok(_) => return Err("a write with events that can't be written succeeded".into()),
        Err(error) => error,
    };
    ensure(error.kind() == SinkErrorKind::Partial, || format!("the write failed as a whole: {error}"))?;
    let mut named: Vec<u32> = error.rejected().iter().map(|(n, _)| *n).collect();
    named.sort_unstable();
    ensure(named == [1, 3], || format!("events 1 and 3 can't be written, and {named:?} were rejected"))?;
    let retried = error.retry_events();
    ensure(retried.is_empty(), || format!("events {retried:?} are to be tried again, and could be written"))?;
    let _ = commit(&*sink, CommitReason::Drain).await?;
    let Some(found) = world.read_back().await else { return nothing_to_check(NO_READ_BACK) };
    ensure_all(&batches::ids("a", 0..4), &found, "beside events that can't be written")
}

/// Writes, and whether they should be durable.
#[derive(Default)]
struct Ledger {
    durable: Vec<String>,
    open: Vec<(Vec<Stage>, Vec<String>)>,
}

impl Ledger {
    fn note(&mut self, ids: Vec<String>, written: Written) {
        match written {
            Written::Staged(stages) if !stages.is_empty() => self.open.push((stages, ids)),
            _ => self.durable.extend(ids),
        }
    }

    fn commit(&mut self, committed: Committed) -> Verdict {
        ensure(committed.lost.is_empty(), || {
            format!("stages were lost without a fault: {:?}", committed.lost)
        })?;
        for (mut stages, ids) in std::mem::take(&mut self.open) {
            stages.retain(|s| !committed.durable.contains(s));
            match stages.is_empty() {
                true => self.durable.extend(ids),
                false => self.open.push((stages, ids)),
            }
        }
        Ok(())
    }

    async fn verify(&self, world: &impl SinkFixture) -> Verdict {
        let Some(found) = world.read_back().await else { return nothing_to_check(NO_READ_BACK) };
        ensure_all(&self.durable, &found, "said to be durable, but not there")
    }
}

fn some_batches(stream: &'static str, batches: u64) -> impl Iterator<Item = Batch> {
    (0..batches).map(move |n| batches::numbered(stream, n * 10..n * 10 + 10))
}

async fn write(sink: &dyn Sink, batches: &[Batch], id: &str) -> Result<Written, String> {
    write_attempt(sink, batches, id, 1).await
}

async fn write_attempt(
    sink: &dyn Sink,
    batches: &[Batch],
    id: &str,
    attempt: u32,
) -> Result<Written, String> {
    let cx = WriteContext::new(id, attempt, LIMIT);
    let written = within("a write", sink.write(batches, &cx)).await?;
    written.map_err(|e| format!("a write failed without a fault: {e}"))
}

async fn commit(sink: &dyn Sink, reason: CommitReason) -> Result<Committed, String> {
    let committed = within("a commit", sink.commit(reason)).await?;
    committed.map_err(|e| format!("a commit failed without a fault: {e}"))
}

/// Polls a write so often, with time for what it waits for in between, and drops it; whether it had finished.
async fn cancel_after(polls: u64, sink: &dyn Sink, batches: &[Batch], id: &str) -> bool {
    let cx = WriteContext::new(id, 1, LIMIT);
    let mut write = sink.write(batches, &cx);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
        if polled.is_ready() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    false
}

/// Likewise a commit; and what it has named if it had finished.
async fn cancel_commit_after(polls: u64, sink: &dyn Sink) -> Result<(bool, Committed), String> {
    let mut commit = sink.commit(CommitReason::Interval);
    for _ in 0..polls {
        if let Poll::Ready(committed) = std::future::poll_fn(|cx| Poll::Ready(commit.as_mut().poll(cx))).await
        {
            return Ok((true, committed.map_err(|e| format!("a commit failed without a fault: {e}"))?));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok((false, Committed::default()))
}

/// A run that has no end of its own is ended after an hour of the paused clock.
async fn ended(run: impl Future<Output = SinkRun>) -> Result<SinkRun, String> {
    let hour = Duration::from_secs(3_600);
    tokio::time::timeout(hour, run)
        .await
        .map_err(|_| format!("a run did not end within {hour:?}: something never settles"))
}

async fn delivered(world: &impl SinkFixture, run: &SinkRun, wanted: &[String]) -> Verdict {
    ensure(run.result.is_ok(), || format!("the run failed: {:?}", run.result))?;
    ensure(run.outcomes.iter().all(|o| *o == Some(Outcome::Delivered)), || {
        format!("not everything was delivered: {:?}; {:?}", run.outcomes, run.problems())
    })?;
    let Some(found) = world.read_back().await else { return nothing_to_check(NO_READ_BACK) };
    ensure_all(wanted, &first_deliveries(&found), "acknowledged, but not there")
}

fn counts(ids: &[String]) -> HashMap<&String, usize> {
    let mut counts = HashMap::new();
    ids.iter().for_each(|id| *counts.entry(id).or_default() += 1);
    counts
}

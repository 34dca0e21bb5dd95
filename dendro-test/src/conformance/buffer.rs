//! Properties of buffers.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dendro_core::{
    Acks, Batch, Buffer, BufferHalves, CommitReason, Event, Level, Outcome, Sink, SinkErrorKind, Stage,
    WhenFull, WriteContext, Written, acknowledgement,
};

use super::{LIMIT, QUIET, Verdict, ensure, ensure_order, nothing_to_check, within};
use crate::{SourceHarness, batches};

const NOT_DURABLE: &str = "the content does not outlive an instance";
const UNBOUNDED: &str = "the fixture makes no bounded instance";

/// A buffer and where its content lies, for the suite.
///
/// Events are those of [`batches::numbered`]: the field `id` tells them apart.
pub trait BufferFixture: Send + Sync {
    /// An instance over this content; called again, what a process that was started anew would have.
    fn buffer(&self) -> Box<dyn Buffer>;

    /// An instance over this content that is full at about so many events, and then does this; `None` if there is no such.
    fn bounded(&self, events: u64, when_full: WhenFull) -> Option<Box<dyn Buffer>>;

    /// Whether the content outlives an instance.
    fn is_durable(&self) -> bool;
}

/// What is written comes out once, in order, as it was.
pub async fn what_is_written_comes_out_once_and_in_order<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let mut run = Run::start(world.buffer());
    let mut expected: Vec<Event> = Vec::new();
    for n in 0..20 {
        let batch = tens(n);
        expected.extend(batch.iter().map(|e| e.to_event()));
        run.put(batch).await?;
    }
    let mut found: Vec<Event> = Vec::new();
    for batch in run.reader.acknowledge_until_quiet(QUIET).await {
        found.extend(batch.iter().map(|e| e.to_event()));
    }
    let (written, read) = (expected.len(), found.len());
    ensure(written == read, || format!("{written} events were written, {read} came out"))?;
    match expected.iter().zip(&found).find(|(written, read)| written != read) {
        Some((written, read)) => Err(format!("{written:?} was written, {read:?} came out in its place")),
        None => run.end().await,
    }
}

/// The level is what waits, of a durable buffer until it is settled, and nothing at the end.
pub async fn level_counts_what_waits<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let halves = world.buffer().into_halves();
    ensure(halves.level.events() == 0, || format!("a new one has {} events", halves.level.events()))?;
    let mut run = Run::over(halves, false);
    for n in 0..5 {
        run.put(tens(n)).await?;
    }
    let (events, bytes) = (run.level.events(), run.level.bytes());
    ensure(events == 50 && bytes > 0, || format!("50 events wait, and it says {events} of {bytes} bytes"))?;
    run.begin_to_read();
    let withheld = run.reader.recv_until_quiet(QUIET).await;
    let events = run.level.events();
    if world.is_durable() {
        ensure(events == 50, || format!("50 events are not settled, and it says {events}"))?;
    }
    settle(withheld);
    tokio::time::sleep(QUIET).await;
    run.end().await?;
    let events = run.level.events();
    ensure(events == 0, || format!("all is settled, and it says {events} events"))
}

/// When nothing more will be written, what is left is sent, and then the reader ends.
pub async fn stop_sends_what_is_left<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let mut run = Run::over(world.buffer().into_halves(), false);
    for n in 0..5 {
        run.put(tens(n)).await?;
    }
    run.begin_to_read();
    run.reader.stop();
    let mut found = Vec::new();
    while let Some(mut batch) = within("what is left", run.reader.recv()).await? {
        found.extend(batches::ids_of(&batch));
        batch.take_acks().resolve(Outcome::Delivered);
    }
    same(&batches::ids("a", 0..50), &found)?;
    run.end().await
}

/// An empty buffer ends when it is told to.
pub async fn stops_while_idle<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let mut run = Run::start(world.buffer());
    tokio::time::sleep(QUIET).await;
    run.end().await
}

/// The reader lets go of its output before it waits for the last receipts, and a durable one does wait.
pub async fn lets_go_of_its_output_before_it_waits<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    let mut run = Run::start(world.buffer());
    run.put(tens(0)).await?;
    let withheld = run.reader.recv_until_quiet(QUIET).await;
    run.reader.stop();
    let more = within("letting go of the output", run.reader.recv()).await?;
    ensure(more.is_none(), || "something came that was not written".to_owned())?;
    tokio::time::sleep(QUIET).await;
    let ended = run.reader.is_finished() && world.is_durable();
    ensure(!ended, || "it has ended while its last batch was not settled".to_owned())?;
    settle(withheld);
    run.end().await
}

/// What the pipeline did not take before its deadline, or has abandoned, stays for the next run.
pub async fn what_is_abandoned_comes_again<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    if !world.is_durable() {
        return nothing_to_check(NOT_DURABLE);
    }
    let mut run = Run::start(world.buffer());
    for n in 0..5 {
        run.put(tens(n)).await?;
    }
    let first = run.reader.recv_within(LIMIT).await;
    run.reader.refuse();
    run.reader.stop();
    drop(first);
    // It may say that it was refused.
    let _ = within("the end after the deadline", run.reader.end()).await?;
    drop(run);
    let found = read_anew(&world).await?;
    same(&batches::ids("a", 0..50), &found)
}

/// What was written survives an end without warning; what had settled before does not come again after an orderly one.
pub async fn a_restart_goes_on<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    let world = make();
    if !world.is_durable() {
        return nothing_to_check(NOT_DURABLE);
    }
    let run = Run::start(world.buffer());
    for n in 0..5 {
        run.put(tens(n)).await?;
    }
    run.kill().await;
    same(&batches::ids("a", 0..50), &read_anew(&world).await?)?;
    same(&[], &read_anew(&world).await?)?;
    let run = Run::start(world.buffer());
    run.put(tens(5)).await?;
    run.kill().await;
    same(&batches::ids("a", 50..60), &read_anew(&world).await?)
}

/// When it is full what is before it waits, and goes on when something has left it.
pub async fn full_blocks<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    const MOST: u64 = 1_000;
    let world = make();
    let Some(buffer) = world.bounded(50, WhenFull::Block) else { return nothing_to_check(UNBOUNDED) };
    let mut run = Run::over(buffer.into_halves(), false);
    let mut accepted = 0;
    while accepted < MOST && tokio::time::timeout(QUIET, run.put(tens(accepted))).await.is_ok() {
        accepted += 1;
    }
    ensure(accepted > 0, || "it is full from the beginning".to_owned())?;
    ensure(accepted < MOST, || format!("it took {accepted} batches of 10 events, where 50 should fill it"))?;
    run.begin_to_read();
    let mut found = Vec::new();
    let writing = async {
        for n in accepted..accepted + 20 {
            run.writer_of.put(tens(n)).await?;
        }
        Ok::<(), String>(())
    };
    let reading = async {
        for batch in run.reader.acknowledge_until_quiet(QUIET).await {
            found.extend(batches::ids_of(&batch));
        }
    };
    let (written, ()) = tokio::join!(writing, reading);
    written?;
    ensure_order(&batches::ids("a", 0..(accepted + 20) * 10), &found, "what came out")?;
    run.end().await
}

/// When it is full it drops what comes, and says what it has dropped: no more and no less.
pub async fn full_drops_newest_and_says_so<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    full_refuses(make, WhenFull::DropNewest).await
}

/// When it is full it refuses what comes, which then goes to the dead letters.
pub async fn full_refuses_to_the_dead_letters<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    full_refuses(make, WhenFull::DeadLetter).await
}

async fn full_refuses<F: BufferFixture>(make: impl Fn() -> F, when_full: WhenFull) -> Verdict {
    let world = make();
    let Some(buffer) = world.bounded(50, when_full) else { return nothing_to_check(UNBOUNDED) };
    let mut run = Run::over(buffer.into_halves(), false);
    let (mut kept, mut refused) = (Vec::new(), 0);
    for n in 0..1_000 {
        let answer = within("a write to a full buffer", run.put(tens(n))).await??;
        let (named, wrong) = match when_full {
            WhenFull::DropNewest => (answer.dropped, answer.rejected),
            _ => (answer.rejected, answer.dropped),
        };
        ensure(wrong.is_empty(), || format!("it was to {when_full:?}, and did otherwise with {wrong:?}"))?;
        refused += named.len();
        kept.extend(batches::ids_of(&tens(n)).into_iter().filter(|id| !named.contains(id)));
    }
    ensure(!kept.is_empty(), || "it is full from the beginning".to_owned())?;
    run.begin_to_read();
    let mut found = Vec::new();
    for batch in run.reader.acknowledge_until_quiet(QUIET).await {
        found.extend(batches::ids_of(&batch));
    }
    ensure(refused > 0, || {
        format!("10,000 events where 50 should fill it: none was refused, and {} came out", found.len())
    })?;
    same(&kept, &found)?;
    run.end().await
}

/// A write is dropped at each of its await points in turn: the next ones work, and nothing is lost or out of order.
pub async fn cancelled_write_leaves_it_working<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    const MOST_POLLS: u64 = 32;
    let world = make();
    let mut run = Run::start(world.buffer());
    let mut finished = false;
    let mut polls = 0;
    while !finished && polls < MOST_POLLS {
        finished = run.writer_of.cancel_after(polls, &tens(polls)).await;
        run.put(tens(polls)).await?;
        polls += 1;
    }
    let mut found = Vec::new();
    for batch in run.reader.acknowledge_until_quiet(QUIET).await {
        found.extend(batches::ids_of(&batch));
    }
    ensure_order(&batches::ids("a", 0..polls * 10), &found, "what came out")?;
    run.end().await
}

/// A buffer that passes acknowledgements on settles nothing before what is behind it has; any other keeps the two apart.
pub async fn acknowledges_as_it_says<F: BufferFixture>(make: impl Fn() -> F) -> Verdict {
    for outcome in [Outcome::Delivered, Outcome::Abandoned] {
        let world = make();
        let halves = world.buffer().into_halves();
        let passes = halves.passes_acknowledgements;
        let durable = halves.reader.can_replay();
        ensure(durable == world.is_durable(), || format!("`can_replay` of its reader says {durable}"))?;
        let run = Run::over(halves, true);
        let (token, mut receipt) = acknowledgement();
        let mut batch = tens(0);
        batch.add_acks(Acks::from(token));
        run.put(batch).await?;
        let mut withheld = run.reader.recv_until_quiet(QUIET).await;
        let early = receipt.try_settle();
        match early {
            Some(_) if passes => {
                return Err("it passes acknowledgements on, and has settled one itself".to_owned());
            }
            None if !passes => {
                return Err("it acknowledges what is written, and waits for what is behind".to_owned());
            }
            _ => {}
        }
        match outcome {
            Outcome::Abandoned => withheld.clear(),
            outcome => withheld.iter_mut().for_each(|b| b.take_acks().resolve(outcome)),
        }
        if passes {
            let told = within("the acknowledgement", receipt).await?.outcome;
            ensure(told == outcome, || format!("{outcome:?} behind it became {told:?} before it"))?;
        }
        run.kill().await;
    }
    Ok(())
}

/// Batch `n`, of ten events.
fn tens(n: u64) -> Batch {
    batches::numbered("a", n * 10..n * 10 + 10)
}

fn settle(batches: Vec<Batch>) {
    batches.into_iter().for_each(|mut batch| batch.take_acks().resolve(Outcome::Delivered));
}

fn same(wanted: &[String], found: &[String]) -> Verdict {
    ensure(wanted == found, || {
        let first = wanted.iter().zip(found).position(|(w, f)| w != f);
        let at = first.unwrap_or(wanted.len().min(found.len()));
        let (w, f) = (wanted.get(at), found.get(at));
        format!(
            "{} events should come out, and {} did; number {at} should be {w:?}, and is {f:?}",
            wanted.len(),
            found.len()
        )
    })
}

/// What a new instance over the content has, settled.
async fn read_anew(world: &impl BufferFixture) -> Result<Vec<String>, String> {
    let mut run = Run::start(world.buffer());
    let mut found = Vec::new();
    for batch in run.reader.acknowledge_until_quiet(QUIET).await {
        found.extend(batches::ids_of(&batch));
    }
    run.end().await?;
    Ok(found)
}

/// A buffer whose halves are driven by the test.
struct Run {
    writer_of: Writing,
    reader: SourceHarness,
    level: Arc<dyn Level>,
    /// The reader, until it runs.
    waiting: Option<Box<dyn dendro_core::Source>>,
}

struct Writing {
    writer: Box<dyn Sink>,
    writes: std::sync::atomic::AtomicU64,
}

/// What a write has said of events that it did not keep.
#[derive(Default)]
struct Answer {
    dropped: Vec<String>,
    rejected: Vec<String>,
}

impl Run {
    fn start(buffer: Box<dyn Buffer>) -> Self {
        Self::over(buffer.into_halves(), true)
    }

    fn over(halves: BufferHalves, reads: bool) -> Self {
        let BufferHalves { writer, reader, level, .. } = halves;
        let mut run = Self {
            writer_of: Writing { writer, writes: Default::default() },
            reader: SourceHarness::start(Nothing),
            level,
            waiting: Some(reader),
        };
        if reads {
            run.begin_to_read();
        }
        run
    }

    fn begin_to_read(&mut self) {
        if let Some(reader) = self.waiting.take() {
            self.reader = SourceHarness::start(reader);
        }
    }

    async fn put(&self, batch: Batch) -> Result<Answer, String> {
        self.writer_of.put(batch).await
    }

    /// Tells the reader that nothing will be written any more, and waits for its end.
    async fn end(&mut self) -> Verdict {
        self.reader.stop();
        let ended = within("the end", self.reader.end()).await?;
        ended.map_err(|e| format!("the reader failed without a fault: {e}"))
    }

    async fn kill(self) {
        drop(self.writer_of);
        self.reader.kill().await;
    }
}

/// Stands in for a reader that does not run yet.
struct Nothing;

#[async_trait::async_trait]
impl dendro_core::Source for Nothing {
    async fn run(
        &mut self,
        _out: dendro_core::Output,
        _cx: dendro_core::SourceContext,
    ) -> Result<(), dendro_core::SourceError> {
        Ok(())
    }
}

impl Writing {
    fn context(&self, attempt: u32) -> WriteContext {
        use std::sync::atomic::Ordering;
        let n = self.writes.fetch_add(u64::from(attempt == 1), Ordering::Relaxed);
        WriteContext::new(format!("{n:032}"), attempt, self.writer.settings().timeout)
    }

    /// As the driver does: until each event is kept, dropped or rejected, and durable as far as it is staged.
    async fn put(&self, mut batch: Batch) -> Result<Answer, String> {
        let mut answer = Answer::default();
        let acks = batch.take_acks();
        let mut attempt = 1;
        while !batch.is_empty() {
            let mut written = batch.without_acks();
            written.add_acks(acks.clone());
            let result = self.writer.write(std::slice::from_ref(&written), &self.context(attempt)).await;
            let shares = written.take_acks();
            match result {
                Ok(how) => {
                    shares.resolve(Outcome::Delivered);
                    self.commit(how).await?;
                    break;
                }
                Err(e) if e.kind() == SinkErrorKind::Partial => {
                    shares.resolve(Outcome::Delivered);
                    let ids = batches::ids_of(&batch);
                    let id = |n: &u32| ids.get(*n as usize).cloned().unwrap_or_default();
                    answer.dropped.extend(e.dropped().iter().map(id));
                    answer.rejected.extend(e.rejected().iter().map(|(n, _)| id(n)));
                    batch = batch.select(e.retry_events().iter().map(|n| *n as usize));
                }
                Err(e) if e.kind() == SinkErrorKind::Retry => {
                    shares.resolve(Outcome::Delivered);
                    tokio::time::sleep(e.retry_after().unwrap_or(Duration::from_millis(100))).await;
                }
                Err(e) => return Err(format!("a write failed without a fault: {e}")),
            }
            attempt += 1;
            ensure(attempt <= 100, || "a write was to be tried again a hundred times".to_owned())?;
        }
        acks.resolve(Outcome::Delivered);
        Ok(answer)
    }

    async fn commit(&self, written: Written) -> Verdict {
        let Written::Staged(mut stages) = written else { return Ok(()) };
        for _ in 0..10 {
            let committed = within("a commit", self.writer.commit(CommitReason::Drain)).await?;
            let committed = committed.map_err(|e| format!("a commit failed without a fault: {e}"))?;
            stages.retain(|stage: &Stage| !committed.durable.contains(stage));
            if stages.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(format!("ten commits have left the stages {stages:?}"))
    }

    /// Polls a write so often, with time for what it waits for in between, and drops it; whether it had finished.
    async fn cancel_after(&self, polls: u64, batch: &Batch) -> bool {
        let cx = self.context(1);
        let mut write = self.writer.write(std::slice::from_ref(batch), &cx);
        for _ in 0..polls {
            let polled = std::future::poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
            if polled.is_ready() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        false
    }
}

//! Each property of sinks fails on a sink that was broken on purpose, and holds for the same one unbroken.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{
    Batch, CommitReason, Committed, Event, Sink, SinkError, SinkSettings, Stage, WriteContext, Written,
};
use dendro_test::batches;
use dendro_test::conformance::{SinkFixture, Verdict, judge, sink as suite};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    Staged,
    SaysDurableTooEarly,
    NamesStagesTooEarly,
    LeavesTheLastStage,
    UsesStagesAgain,
    SkipsRepeatedWrites,
    DropsWhileDown,
    StaysBusyWhenCancelled,
    RemembersIdsTooEarly,
    ForgetsIds,
    FailsOnEmptyDrain,
    NamesUnknownStages,
    CutsLargeWrites,
    Reverses,
    NeverCommits,
    ForgetsWhatADroppedCommitSettled,
    NumbersByBatch,
    RetriesTheUnwritable,
}

#[derive(Default)]
struct Shelf {
    durable: Mutex<Vec<String>>,
    staged: Mutex<Vec<(u64, Vec<String>)>>,
    stage: Mutex<u64>,
    known: Mutex<HashSet<String>>,
    down: AtomicBool,
}

struct ShelfSink {
    shelf: Arc<Shelf>,
    flaw: Flaw,
    busy: AtomicBool,
}

impl ShelfSink {
    fn is_staged(&self) -> bool {
        use Flaw::*;
        matches!(
            self.flaw,
            Staged
                | NamesStagesTooEarly
                | LeavesTheLastStage
                | UsesStagesAgain
                | NeverCommits
                | ForgetsWhatADroppedCommitSettled
                | NamesUnknownStages
        )
    }
}

/// Whether an event can't be written.
fn is_bad(id: &str) -> bool {
    id == "bad"
}

#[async_trait::async_trait]
impl Sink for ShelfSink {
    async fn write(&self, written: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let flaw = self.flaw;
        if flaw == Flaw::StaysBusyWhenCancelled && self.busy.swap(true, Ordering::Relaxed) {
            return Err(SinkError::retry("busy"));
        }
        let mut ids: Vec<String> = written.iter().flat_map(batches::ids_of).collect();
        let is_new = || self.shelf.known.lock().unwrap().insert(cx.id().to_owned());
        let mut known = flaw == Flaw::RemembersIdsTooEarly && !is_new();
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.busy.store(false, Ordering::Relaxed);
        match self.shelf.down.load(Ordering::Relaxed) {
            true if flaw == Flaw::DropsWhileDown => return Ok(Written::Durable),
            true => return Err(SinkError::retry("down")),
            false => {}
        }
        if flaw == Flaw::SkipsRepeatedWrites && cx.attempt() > 1 {
            return Ok(Written::Durable);
        }
        if !matches!(flaw, Flaw::ForgetsIds | Flaw::RemembersIdsTooEarly) {
            known = !is_new();
        }
        if known {
            return Ok(Written::Durable);
        }
        if flaw == Flaw::CutsLargeWrites {
            ids.truncate(1_000);
        }
        if flaw == Flaw::Reverses {
            ids.reverse();
        }
        if flaw == Flaw::SaysDurableTooEarly {
            let shelf = self.shelf.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                shelf.durable.lock().unwrap().extend(ids);
            });
            return Ok(Written::Durable);
        }
        let mut error = SinkError::partial("some can't be written");
        let mut bad = 0;
        let mut first = 0;
        for batch in written {
            for (n, id) in batches::ids_of(batch).iter().enumerate().filter(|(_, id)| is_bad(id)) {
                let n = if flaw == Flaw::NumbersByBatch { n } else { first + n } as u32;
                error = if flaw == Flaw::RetriesTheUnwritable {
                    error.retry_event(n)
                } else {
                    error.reject(n, id.clone())
                };
                bad += 1;
            }
            first += batch.len();
        }
        ids.retain(|id| !is_bad(id));
        if self.is_staged() {
            let stage = *self.shelf.stage.lock().unwrap();
            self.shelf.staged.lock().unwrap().push((stage, ids));
            return Ok(Written::Staged(vec![Stage(stage)]));
        }
        self.shelf.durable.lock().unwrap().extend(ids);
        if bad > 0 { Err(error) } else { Ok(Written::Durable) }
    }

    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        let committed = self.settle(reason)?;
        if self.flaw == Flaw::ForgetsWhatADroppedCommitSettled {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(committed)
    }

    fn settings(&self) -> SinkSettings {
        let mut settings = SinkSettings::default();
        settings.max_events = 5_000;
        settings
    }
}

impl ShelfSink {
    fn settle(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        let mut committed = Committed::default();
        let mut staged = self.shelf.staged.lock().unwrap();
        match self.flaw {
            Flaw::FailsOnEmptyDrain if reason == CommitReason::Drain => {
                return Err(SinkError::retry("nothing to commit"));
            }
            Flaw::NamesUnknownStages => committed.durable.push(Stage(99)),
            Flaw::NeverCommits => return Ok(committed),
            Flaw::LeavesTheLastStage if staged.len() < 2 => return Ok(committed),
            _ => {}
        }
        if staged.is_empty() {
            return Ok(committed);
        }
        let mut all: Vec<_> = staged.drain(..).collect();
        if self.flaw == Flaw::LeavesTheLastStage {
            staged.extend(all.pop());
        }
        for (stage, ids) in all {
            if !committed.durable.contains(&Stage(stage)) {
                committed.durable.push(Stage(stage));
            }
            if self.flaw != Flaw::NamesStagesTooEarly {
                self.shelf.durable.lock().unwrap().extend(ids);
            }
        }
        if self.flaw != Flaw::UsesStagesAgain {
            *self.shelf.stage.lock().unwrap() += 1;
        }
        Ok(committed)
    }
}

struct Fixture(Arc<Shelf>, Flaw);

#[async_trait::async_trait]
impl SinkFixture for Fixture {
    fn sink(&self) -> Box<dyn Sink> {
        Box::new(ShelfSink { shelf: self.0.clone(), flaw: self.1, busy: AtomicBool::new(false) })
    }
    async fn read_back(&self) -> Option<Vec<String>> {
        Some(self.0.durable.lock().unwrap().clone())
    }
    async fn set_down(&self, down: bool) -> bool {
        self.0.down.store(down, Ordering::Relaxed);
        true
    }
    fn is_idempotent(&self) -> bool {
        self.1 != Flaw::Staged
    }
    fn unwritable(&self) -> Option<Event> {
        (self.1 != Flaw::Staged).then(|| Event::new("numbered").with("id", "bad"))
    }
}

fn fixture(flaw: Flaw) -> impl Fn() -> Fixture {
    move || Fixture(Arc::default(), flaw)
}

fn fails(verdict: Verdict, flaw: Flaw) {
    let wrong = verdict.expect_err(&format!("{flaw:?} was not noticed"));
    println!("{flaw:?}: {wrong}");
}

macro_rules! noticed {
    ($($property:ident: $($flaw:ident),+;)*) => {$(
        #[test]
        fn $property() {
            $(fails(judge(suite::$property(fixture(Flaw::$flaw))), Flaw::$flaw);)+
        }
    )*};
}

noticed! {
    nothing_is_acknowledged_before_it_is_durable: SaysDurableTooEarly, NamesStagesTooEarly;
    staged_writes_become_durable_by_commit: LeavesTheLastStage;
    stage_numbers_are_not_used_again: UsesStagesAgain;
    failed_writes_are_delivered_later: SkipsRepeatedWrites;
    outage_loses_nothing: DropsWhileDown;
    cancelled_write_leaves_it_working: StaysBusyWhenCancelled, RemembersIdsTooEarly;
    cancelled_commit_is_told_by_the_next: ForgetsWhatADroppedCommitSettled;
    write_after_a_time_out_has_the_same_id: ForgetsIds;
    empty_drain_succeeds: FailsOnEmptyDrain, NamesUnknownStages;
    largest_batch_is_written: CutsLargeWrites;
    order_is_kept_within_a_stream: Reverses;
    drains_before_the_deadline: NeverCommits;
    panic_fails_the_batch_alone: StaysBusyWhenCancelled;
    partial_failure_names_the_right_events: NumbersByBatch, RetriesTheUnwritable;
}

dendro_test::sink_conformance!(unbroken, fixture(Flaw::None)());
dendro_test::sink_conformance!(unbroken_staged, fixture(Flaw::Staged)());

//! Each property of sources fails on a source that was broken on purpose, and holds for the same one unbroken.

use std::sync::{Arc, Mutex};

use dendro_core::{Output, Receipts, RecordRow, Schema, Source, SourceContext, SourceError};
use dendro_test::conformance::{SourceFixture, Verdict, judge, source as suite};
use tokio::sync::Notify;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    StoresBeforeSettled,
    StoresOutOfOrder,
    TakesAbandonedForSettled,
    BeginsAtTheEnd,
    NeverStores,
    SendsWithoutWaiting,
    IgnoresStop,
    FailsOnStopWhileFull,
    KeepsItsOutput,
    MakesSomethingOfNothing,
    MakesHugeBatches,
    LosesWhatIsTooMuch,
    Reverses,
    HasNoStream,
    HasNoPositions,
    CallsItselfOtherwise,
    DeniesReplay,
}

/// Streams of records with a checkpoint each.
#[derive(Default)]
struct World {
    streams: Mutex<[Vec<String>; 2]>,
    checkpoints: Mutex<[usize; 2]>,
    changed: Notify,
}

struct Tape {
    world: Arc<World>,
    flaw: Flaw,
}

const BATCH: usize = 500;

impl Tape {
    fn store(&self, stream: usize, end: usize) {
        let mut checkpoints = self.world.checkpoints.lock().unwrap();
        checkpoints[stream] = checkpoints[stream].max(end);
    }

    fn batch(
        &self,
        cx: &SourceContext,
        stream: usize,
        from: usize,
        records: &[String],
    ) -> dendro_core::Batch {
        let mut base = Vec::new();
        let mut ranges: Vec<_> = records
            .iter()
            .map(|r| {
                let start = base.len();
                base.extend_from_slice(r.as_bytes());
                start..base.len()
            })
            .collect();
        if self.flaw == Flaw::Reverses {
            ranges.reverse();
        }
        let mut batch = dendro_core::Batch::new(base.into()).unwrap();
        let name = format!("tape {stream}");
        let mut origin =
            (*cx.origin(Some(&name).filter(|_| self.flaw != Flaw::HasNoStream).map(|n| &**n))).clone();
        if self.flaw == Flaw::CallsItselfOtherwise {
            origin.source = None;
        }
        let row = RecordRow {
            ty: batch.add_type(&Arc::new(Schema::new("record"))).unwrap(),
            origin: batch.add_origin(&Arc::new(origin)).unwrap(),
            observed: cx.now(),
        };
        for (n, range) in ranges.into_iter().enumerate() {
            let position = if self.flaw == Flaw::HasNoPositions { 0 } else { from + n };
            batch.push_record(range, position as u64, row);
        }
        batch
    }
}

#[async_trait::async_trait]
impl Source for Tape {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let flaw = self.flaw;
        let mut at = *self.world.checkpoints.lock().unwrap();
        if flaw == Flaw::BeginsAtTheEnd {
            at = self.world.streams.lock().unwrap().each_ref().map(Vec::len);
        }
        if flaw == Flaw::MakesSomethingOfNothing {
            drop(out.send(self.batch(&cx, 0, 0, &[String::new()])).await?);
        }
        let mut receipts: Receipts<(usize, usize)> = Receipts::new();
        let mut unordered = tokio::task::JoinSet::new();
        // Behind an abandoned batch nothing is stored: the next run sends it again.
        let mut abandoned = false;
        loop {
            if cx.is_stopping() && flaw != Flaw::IgnoresStop {
                break;
            }
            let mut sent = false;
            for stream in 0..2 {
                let (mut records, end) = {
                    let streams = self.world.streams.lock().unwrap();
                    let most = if flaw == Flaw::MakesHugeBatches { usize::MAX } else { BATCH };
                    let end = streams[stream].len().min(at[stream].saturating_add(most));
                    (streams[stream][at[stream]..end].to_vec(), end)
                };
                if records.is_empty() {
                    continue;
                }
                if flaw == Flaw::LosesWhatIsTooMuch {
                    records.truncate(BATCH - 1);
                }
                let batch = self.batch(&cx, stream, at[stream], &records);
                (at[stream], sent) = (end, true);
                match flaw {
                    Flaw::SendsWithoutWaiting => {
                        let out = out.clone();
                        unordered.spawn(async move { (out.send(batch).await.unwrap().await, stream, end) });
                    }
                    Flaw::StoresOutOfOrder => {
                        let receipt = out.send(batch).await?;
                        unordered.spawn(async move { (receipt.await, stream, end) });
                    }
                    Flaw::FailsOnStopWhileFull => tokio::select! {
                        receipt = out.send(batch) => receipts.push(receipt?, (stream, end)),
                        () = cx.stopping() => return Err(SourceError::fatal("stopped in the midst of a batch")),
                    },
                    _ => receipts.push(out.send(batch).await?, (stream, end)),
                }
                if flaw == Flaw::StoresBeforeSettled {
                    self.store(stream, end);
                }
            }
            if sent {
                continue;
            }
            tokio::select! {
                ((stream, end), settlement) = receipts.next() => {
                    let settled = settlement.outcome.is_settled() || flaw == Flaw::TakesAbandonedForSettled;
                    abandoned |= !settled;
                    if !abandoned && flaw != Flaw::NeverStores {
                        self.store(stream, end);
                    }
                }
                Some(Ok((settlement, stream, end))) = unordered.join_next() => {
                    if settlement.outcome.is_settled() {
                        self.store(stream, end);
                    }
                }
                () = self.world.changed.notified() => {}
                () = cx.stopping(), if flaw != Flaw::IgnoresStop => {}
            }
        }
        if flaw == Flaw::KeepsItsOutput {
            while !receipts.is_empty() {
                let ((stream, end), _) = receipts.next().await;
                self.store(stream, end);
            }
        }
        receipts
            .drain(out, |(stream, end), settlement| {
                let settled = settlement.outcome.is_settled() || flaw == Flaw::TakesAbandonedForSettled;
                abandoned |= !settled;
                if !abandoned && flaw != Flaw::NeverStores {
                    self.store(stream, end);
                }
            })
            .await;
        Ok(())
    }

    fn can_replay(&self) -> bool {
        self.flaw != Flaw::DeniesReplay
    }
}

struct Fixture(Arc<World>, Flaw);

#[async_trait::async_trait]
impl SourceFixture for Fixture {
    fn source(&self) -> Box<dyn Source> {
        Box::new(Tape { world: self.0.clone(), flaw: self.1 })
    }
    async fn feed(&self, stream: usize, records: &[String]) {
        self.0.streams.lock().unwrap()[stream].extend_from_slice(records);
        self.0.changed.notify_one();
    }
    fn can_replay(&self) -> bool {
        true
    }
    fn streams(&self) -> usize {
        2
    }
    fn max_batch_events(&self) -> usize {
        1_000
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
    checkpoint_waits_for_settlement: StoresBeforeSettled;
    checkpoint_is_never_ahead_of_the_oldest_unsettled: StoresOutOfOrder;
    abandoned_is_sent_again: TakesAbandonedForSettled;
    restart_sends_what_was_not_settled: BeginsAtTheEnd;
    restart_does_not_send_what_was_settled: NeverStores;
    memory_is_bounded_while_the_pipeline_stalls: SendsWithoutWaiting;
    stops_while_idle: IgnoresStop;
    stops_while_the_pipeline_is_full: FailsOnStopWhileFull;
    lets_go_of_its_output_before_it_waits: KeepsItsOutput;
    empty_input_gives_no_batch: MakesSomethingOfNothing;
    much_input_comes_in_batches_within_the_caps: MakesHugeBatches, LosesWhatIsTooMuch;
    order_is_kept_within_a_stream: Reverses;
    events_say_where_they_come_from: HasNoStream, HasNoPositions, CallsItselfOtherwise;
    says_whether_it_can_replay: DeniesReplay;
}

dendro_test::source_conformance!(unbroken, fixture(Flaw::None)());

//! A source that sends numbered events and notes how they were settled, and a sink whose every write is scripted.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dendro_core::{
    Batch, CommitReason, Committed, Event, Origin, Outcome, Output, Receipts, RecordRow, Schema, Sink,
    SinkError, SinkSettings, Source, SourceContext, SourceError, WriteContext, Written,
};

/// Sends `batches` batches of `size` numbered records, then waits for its receipts.
#[derive(Clone)]
pub struct Numbers {
    pub batches: u64,
    pub size: u64,
    pub stream: &'static str,
    pub replay: bool,
    pub settled: Arc<Mutex<Vec<(u64, Outcome)>>>,
    pub sent: Arc<Mutex<u64>>,
}

impl Numbers {
    pub fn new(batches: u64, size: u64) -> Self {
        Self { batches, size, stream: "s", replay: true, settled: Arc::default(), sent: Arc::default() }
    }

    pub fn outcomes(&self) -> Vec<Outcome> {
        self.settled.lock().unwrap().iter().map(|(_, o)| *o).collect()
    }
}

pub fn records(lines: &[String], first: u64, origin: &Arc<Origin>, schema: &Arc<Schema>) -> Batch {
    let text = lines.concat();
    let mut batch = Batch::new(text.into_bytes().into()).unwrap();
    let ty = batch.add_type(schema).unwrap();
    let origin = batch.add_origin(origin).unwrap();
    let mut at = 0;
    for (i, line) in lines.iter().enumerate() {
        let row = RecordRow { ty, origin, observed: Default::default() };
        batch.push_record(at..at + line.len(), first + i as u64, row);
        at += line.len();
    }
    batch
}

#[async_trait::async_trait]
impl Source for Numbers {
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let mut receipts = Receipts::new();
        let schema = Arc::new(Schema::new("log"));
        let origin = cx.origin(Some(self.stream));
        for n in 0..self.batches {
            if cx.is_stopping() {
                break;
            }
            let lines: Vec<String> = (0..self.size).map(|i| (n * self.size + i).to_string()).collect();
            let receipt = out.send(records(&lines, n * self.size, &origin, &schema)).await?;
            *self.sent.lock().unwrap() += 1;
            receipts.push(receipt, n);
            while let Some((n, s)) = receipts.try_next() {
                self.settled.lock().unwrap().push((n, s.outcome));
            }
        }
        let settled = self.settled.clone();
        receipts.drain(out, |n, s| settled.lock().unwrap().push((n, s.outcome))).await;
        Ok(())
    }

    fn can_replay(&self) -> bool {
        self.replay
    }
}

/// What a write is to do.
pub enum Step {
    Write(Result<Written, SinkError>),
    Hang,
    Panic,
    Sleep(Duration),
}

/// The id, the attempt and the messages of a write.
pub type Call = (String, u32, Vec<String>);

/// Does what its script says, write by write, then always writes.
#[derive(Clone)]
pub struct Scripted {
    pub script: Arc<Mutex<VecDeque<Step>>>,
    pub calls: Arc<Mutex<Vec<Call>>>,
    pub written: Arc<Mutex<Vec<Event>>>,
    pub commits: Arc<Mutex<VecDeque<Result<Committed, SinkError>>>>,
    pub settings: SinkSettings,
    pub running: Arc<Mutex<(usize, usize)>>,
}

impl Scripted {
    pub fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self {
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            calls: Arc::default(),
            written: Arc::default(),
            commits: Arc::default(),
            settings: SinkSettings::default(),
            running: Arc::default(),
        }
    }

    pub fn messages(&self) -> Vec<String> {
        self.written.lock().unwrap().iter().map(message).collect()
    }

    pub fn numbers(&self) -> Vec<u64> {
        self.messages().iter().map(|m| m.parse().unwrap()).collect()
    }

    pub fn ids(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|c| c.0.clone()).collect()
    }
}

pub fn message(event: &Event) -> String {
    match event.get("message").or_else(|| event.get("raw")) {
        Some(dendro_core::Value::Str(s)) => s.clone(),
        other => format!("{other:?}"),
    }
}

#[async_trait::async_trait]
impl Sink for Scripted {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let events: Vec<Event> = batches.iter().flat_map(|b| b.iter().map(|e| e.to_event())).collect();
        let call = (cx.id().to_owned(), cx.attempt(), events.iter().map(message).collect());
        self.calls.lock().unwrap().push(call);
        let step = self.script.lock().unwrap().pop_front();
        {
            let mut running = self.running.lock().unwrap();
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        let result = match step {
            Some(Step::Write(result)) => result,
            Some(Step::Hang) => std::future::pending().await,
            Some(Step::Panic) => panic!("told to"),
            Some(Step::Sleep(time)) => {
                tokio::time::sleep(time).await;
                Ok(Written::Durable)
            }
            None => Ok(Written::Durable),
        };
        self.running.lock().unwrap().0 -= 1;
        match &result {
            Ok(_) => self.written.lock().unwrap().extend(events),
            Err(e) if e.kind() == dendro_core::SinkErrorKind::Partial => {
                let named = e.retry_events().iter().chain(e.dropped()).copied();
                let named: Vec<u32> = named.chain(e.rejected().iter().map(|r| r.0)).collect();
                let written = events.into_iter().enumerate().filter(|(i, _)| !named.contains(&(*i as u32)));
                self.written.lock().unwrap().extend(written.map(|(_, e)| e));
            }
            Err(_) => {}
        }
        result
    }

    async fn commit(&self, _reason: CommitReason) -> Result<Committed, SinkError> {
        self.commits.lock().unwrap().pop_front().unwrap_or_else(|| Ok(Committed::default()))
    }

    fn settings(&self) -> SinkSettings {
        self.settings.clone()
    }
}

pub fn never() -> std::future::Pending<()> {
    std::future::pending()
}

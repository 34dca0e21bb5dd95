//! The source's task: sends what the reader hands over, and writes down what was settled.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::{
    Closed, Outcome, Output, Receipt, Schema, Settlement, Severity, Source, SourceContext, SourceError,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::activity::Counters;
use super::checkpoint::Book;
use super::config::FileSource;
use super::identity::Mark;
use super::in_flight::InFlight;
use super::reader::Reader;
use super::store::Store;
use super::watch::{Inbox, Rewind, RewoundFile};
use super::{FileId, Message};

/// How soon it is written down that there is a new file.
const SAVE_NEW_AFTER: Duration = Duration::from_millis(5);
/// How many batches wait between the reader and the pipeline.
const HANDED_OVER: usize = 2;

#[async_trait]
impl Source for FileSource {
    /// # Errors
    /// Fatal if a glob is none, if the checkpoint directory can't be used or is in use, or if with
    /// [`follow(false)`](FileSource::follow) none of the files is there. To be tried again if batches were abandoned when there was no
    /// way left to send them again.
    ///
    /// # Cancel safety
    /// What was settled until then is remembered; the next run sends the rest again.
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        let config = Arc::new(self.config().map_err(SourceError::fatal)?);
        let store = match self.checkpoints.clone() {
            None => None,
            Some(directory) => {
                let storage = self.storage.clone();
                let is_first = self.book.is_none();
                let opened = blocking(move || {
                    let store = Store::open(&directory, storage)?;
                    let loaded = if is_first { Some(store.load()?) } else { None };
                    Ok((store, loaded))
                });
                let (store, loaded) = opened.await.map_err(SourceError::fatal)?;
                if let Some((book, told)) = loaded {
                    self.book = Some(book);
                    if let Some(told) = told {
                        cx.report(Severity::Error, told);
                    }
                }
                Some(Arc::new(store))
            }
        };
        let book = self.book.get_or_insert_default();
        let inbox = Arc::new(Inbox::default());
        let _stop_with_me = StopOnDrop(inbox.clone());
        let (sender, messages) = mpsc::channel(HANDED_OVER);
        let counters = self.activity.counters.clone();
        let reader = Reader::new(config, cx.clone(), inbox.clone(), sender, counters.clone(), book.clone());
        let mut reading = tokio::task::spawn_blocking(move || reader.run());
        let mut desk = Desk {
            cx: &cx,
            book,
            inbox,
            counters,
            store,
            in_flight: InFlight::new(),
            epochs: HashMap::new(),
            sending: None,
            saving: None,
            dirty: false,
            save_at: None,
            save_interval: self.checkpoint_interval,
            is_reading: true,
            abandoned: 0,
            closed: None,
        };
        desk.serve(out, messages).await;
        desk.save_last().await;
        let (closed, abandoned) = (desk.closed, desk.abandoned);
        let result = (&mut reading).await;
        self.activity.counters.files.store(0, Ordering::Relaxed);
        match result {
            Ok(Ok(())) => {}
            Ok(Err(message)) => return Err(SourceError::fatal(message)),
            Err(panic) => {
                return Err(SourceError::retry("the reader of the files has failed").with_source(panic));
            }
        }
        match closed {
            _ if cx.is_stopping() => Ok(()),
            Some(closed) => Err(closed.into()),
            None if abandoned > 0 => Err(SourceError::retry(format!(
                "{abandoned} batches were abandoned at the end: they are sent again"
            ))),
            None => Ok(()),
        }
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        vec![self.event_schema().clone()]
    }

    fn can_replay(&self) -> bool {
        true
    }
}

/// If the run is cancelled the reader has to end too.
struct StopOnDrop(Arc<Inbox>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

type Sending = Pin<Box<dyn Future<Output = Result<Receipt, Closed>> + Send>>;

/// What settles.
enum Checkpoint {
    At(Mark),
    Finished,
}

struct Desk<'a> {
    cx: &'a SourceContext,
    book: &'a mut Book,
    inbox: Arc<Inbox>,
    counters: Arc<Counters>,
    store: Option<Arc<Store>>,
    in_flight: InFlight<Checkpoint>,
    /// How often each file was rewound: what was read before that does not count any more.
    epochs: HashMap<FileId, u32>,
    sending: Option<(FileId, u32, Mark, Sending)>,
    saving: Option<JoinHandle<Result<(), String>>>,
    dirty: bool,
    save_at: Option<Pin<Box<tokio::time::Sleep>>>,
    save_interval: Duration,
    is_reading: bool,
    abandoned: usize,
    closed: Option<Closed>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one step, and a box would be one more allocation a batch"
)]
enum Step {
    Stop,
    Message(Option<Message>),
    Sent(Result<Receipt, Closed>),
    Settled(FileId, Checkpoint, Option<Settlement>),
    Saved(Result<(), String>),
    Save,
}

impl Desk<'_> {
    /// Until all was read and settled.
    async fn serve(&mut self, out: Output, mut messages: mpsc::Receiver<Message>) {
        let mut out = Some(out);
        let cx = self.cx;
        let mut stopping = Some(Box::pin(cx.stopping()));
        loop {
            let is_idle = self.sending.is_none() && !self.is_reading;
            if is_idle {
                // What is behind it may wait for that to drain.
                out = None;
                if self.in_flight.is_empty() {
                    return;
                }
            }
            let step = std::future::poll_fn(|task| {
                if stopping.as_mut().is_some_and(|s| s.as_mut().poll(task).is_ready()) {
                    return Poll::Ready(Step::Stop);
                }
                self.poll(task, &mut messages)
            });
            match step.await {
                Step::Stop => {
                    stopping = None;
                    self.inbox.stop();
                }
                Step::Message(Some(message)) => self.take(message, out.as_ref()),
                Step::Message(None) => self.is_reading = false,
                Step::Sent(result) => self.sent(result, &mut messages),
                Step::Settled(file, checkpoint, settlement) => self.settled(file, checkpoint, settlement),
                Step::Saved(result) => self.saved(result),
                Step::Save => self.save(),
            }
        }
    }

    fn poll(&mut self, task: &mut Context<'_>, messages: &mut mpsc::Receiver<Message>) -> Poll<Step> {
        if let Poll::Ready((file, checkpoint, settlement)) = self.in_flight.poll_next(task) {
            return Poll::Ready(Step::Settled(file, checkpoint, settlement));
        }
        match &mut self.sending {
            Some((.., sending)) => {
                if let Poll::Ready(result) = sending.as_mut().poll(task) {
                    return Poll::Ready(Step::Sent(result));
                }
            }
            None if self.is_reading => {
                if let Poll::Ready(message) = messages.poll_recv(task) {
                    return Poll::Ready(Step::Message(message));
                }
            }
            None => {}
        }
        match (&mut self.saving, &mut self.save_at) {
            (Some(saving), _) => {
                if let Poll::Ready(result) = Pin::new(saving).poll(task) {
                    return Poll::Ready(Step::Saved(result.unwrap_or_else(|e| Err(e.to_string()))));
                }
            }
            (None, Some(sleep)) => {
                if sleep.as_mut().poll(task).is_ready() {
                    return Poll::Ready(Step::Save);
                }
            }
            (None, None) => {}
        }
        Poll::Pending
    }

    fn take(&mut self, message: Message, out: Option<&Output>) {
        match message {
            Message::Known { id, mut entry } => {
                match self.book.files.get(&id) {
                    Some(known) => entry.mark = known.mark.or_head_of(entry.mark),
                    // What is known of no file at all can't be found again after it was rotated.
                    None => self.mark_dirty_within(SAVE_NEW_AFTER.min(self.save_interval)),
                }
                self.book.put(id, *entry);
                self.mark_dirty();
            }
            Message::Batch { id, epoch, mark, batch } => {
                if self.is_current(id, epoch) {
                    self.learn_head(id, mark);
                }
                let Some(out) = out.filter(|_| self.is_current(id, epoch) && self.closed.is_none()) else {
                    return;
                };
                let out = out.clone();
                self.sending = Some((id, epoch, mark, Box::pin(async move { out.send(batch).await })));
            }
            Message::Passed { id, epoch, mark } if self.is_current(id, epoch) => {
                self.is_sent(id, None, Checkpoint::At(mark));
            }
            Message::Finished { id, epoch } if self.is_current(id, epoch) => {
                self.is_sent(id, None, Checkpoint::Finished);
            }
            Message::Passed { .. } | Message::Finished { .. } => {}
            Message::Forget { id } => {
                if let Some(entry) = self.book.files.get(&id) {
                    self.in_flight.forget(&entry.stream, id);
                }
                self.book.forget(id);
                self.mark_dirty();
            }
        }
    }

    /// What a file is known by is stored before anything of it is settled: it may be rotated and compressed until
    /// somebody looks again.
    fn learn_head(&mut self, id: FileId, mark: Mark) {
        let Some(entry) = self.book.files.get_mut(&id) else { return };
        let learned = entry.mark.or_head_of(mark);
        if learned != entry.mark {
            let was_unknown = entry.mark.head.bytes == 0;
            entry.mark = learned;
            match was_unknown {
                true => self.mark_dirty_within(SAVE_NEW_AFTER.min(self.save_interval)),
                false => self.mark_dirty(),
            }
        }
    }

    fn sent(&mut self, result: Result<Receipt, Closed>, messages: &mut mpsc::Receiver<Message>) {
        let Some((id, epoch, mark, _)) = self.sending.take() else { return };
        match result {
            Ok(receipt) if self.is_current(id, epoch) => {
                self.is_sent(id, Some(receipt), Checkpoint::At(mark));
            }
            Ok(_) => {}
            Err(closed) => {
                self.closed = Some(closed);
                self.is_reading = false;
                self.inbox.stop();
                messages.close();
            }
        }
    }

    fn is_sent(&mut self, id: FileId, receipt: Option<Receipt>, checkpoint: Checkpoint) {
        if let Some(entry) = self.book.files.get(&id) {
            self.in_flight.push(&entry.stream, id, receipt, checkpoint);
        }
    }

    fn settled(&mut self, id: FileId, checkpoint: Checkpoint, settlement: Option<Settlement>) {
        if settlement.as_ref().is_some_and(|s| !s.outcome.is_settled()) {
            return self.abandoned(id);
        }
        debug_assert!(settlement.as_ref().is_none_or(|s| s.outcome != Outcome::Abandoned));
        let Some(entry) = self.book.files.get_mut(&id) else { return };
        match checkpoint {
            Checkpoint::At(mark) => {
                entry.mark = mark;
                entry.finished = false;
                self.inbox.settled(id, mark.offset);
            }
            Checkpoint::Finished => entry.finished = true,
        }
        if let Some(settlement) = settlement {
            let stream = entry.stream.clone();
            self.book.take_snapshots(&stream, settlement.snapshots);
        }
        self.mark_dirty();
    }

    /// The whole stream goes back to what is settled: the state that is restored knows nothing of what its files have
    /// sent since.
    fn abandoned(&mut self, id: FileId) {
        self.abandoned += usize::from(!self.is_reading);
        let Some(stream) = self.book.files.get(&id).map(|entry| entry.stream.clone()) else { return };
        self.in_flight.clear(&stream);
        let mut files = Vec::new();
        for (file, entry) in self.book.files.iter().filter(|(_, e)| e.stream == stream && !e.finished) {
            let epoch = self.epochs.entry(*file).or_default();
            *epoch += 1;
            files.push(RewoundFile { file: *file, to: entry.mark, epoch: *epoch });
        }
        let restore = self.book.snapshots.get(&stream).cloned().unwrap_or_default();
        self.inbox.rewind(Rewind { stream, files, restore });
    }

    fn is_current(&self, id: FileId, epoch: u32) -> bool {
        self.epochs.get(&id).copied().unwrap_or_default() == epoch
    }

    fn mark_dirty(&mut self) {
        self.mark_dirty_within(self.save_interval);
    }

    fn mark_dirty_within(&mut self, time: Duration) {
        self.dirty = true;
        let due = tokio::time::Instant::now() + time;
        if self.store.is_some() && self.save_at.as_ref().is_none_or(|s| s.deadline() > due) {
            self.save_at = Some(Box::pin(tokio::time::sleep_until(due)));
        }
    }

    fn save(&mut self) {
        self.save_at = None;
        let Some(store) = self.store.clone().filter(|_| self.dirty) else { return };
        self.dirty = false;
        self.counters.saves.fetch_add(1, Ordering::Relaxed);
        let bytes = self.book.encode();
        self.saving = Some(tokio::task::spawn_blocking(move || store.save(&bytes)));
    }

    fn saved(&mut self, result: Result<(), String>) {
        self.saving = None;
        if let Err(message) = result {
            self.cx.report(Severity::Error, message);
            self.mark_dirty();
        } else if self.dirty {
            self.mark_dirty();
        }
    }

    /// When nothing more settles.
    async fn save_last(&mut self) {
        if let Some(saving) = self.saving.take() {
            let result = saving.await.unwrap_or_else(|e| Err(e.to_string()));
            self.saved(result);
        }
        for _ in 0..3 {
            self.save();
            let Some(saving) = self.saving.take() else { return };
            let result = saving.await.unwrap_or_else(|e| Err(e.to_string()));
            self.saved(result);
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(e.to_string()))
}

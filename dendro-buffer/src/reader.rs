//! The half that is read: a source.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::storage::StorageFault;
use dendro_core::{
    Closed, Outcome, Output, Receipt, Receipts, Settlement, Severity, Snapshot, Source, SourceContext,
    SourceError, acknowledgement,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::directory::Refused;
use crate::read_ahead::{Item, ReadAhead};
use crate::save;
use crate::shared::{Mark, Shared};

/// How soon it is stored what was acknowledged, at the most often unless writes wait for the room.
const SAVE_INTERVAL: Duration = Duration::from_millis(500);
/// How soon what has failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Reader {
    shared: Arc<Shared>,
    /// How far the run before has sent, if there was one.
    sent_to: Option<u64>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, sent_to: None }
    }
}

#[async_trait]
impl Source for Reader {
    /// # Errors
    /// Fatal if the directory can't be used or is in use, or the buffer was written by a later version; to be tried again
    /// if batches were abandoned when there was no way left to send them again.
    ///
    /// # Cancel safety
    /// What was acknowledged and stored until then is not sent again; the rest is, by the next run.
    async fn run(&mut self, out: Output, cx: SourceContext) -> Result<(), SourceError> {
        if let Err(refused) = self.shared.open().await {
            return Err(match refused {
                Refused::Retry(why) => SourceError::retry(why),
                Refused::Fatal(why) => SourceError::fatal(why),
            });
        }
        let mut desk = Desk::new(&self.shared, &cx, self.sent_to);
        desk.serve(out).await;
        self.sent_to = desk.sent_to;
        desk.save_last().await;
        desk.tell();
        match (desk.closed, desk.abandoned) {
            _ if cx.is_stopping() => Ok(()),
            (Some(closed), _) => Err(closed.into()),
            (None, true) => Err(SourceError::retry("batches were abandoned at the end: they are sent again")),
            (None, false) => Ok(()),
        }
    }

    fn can_replay(&self) -> bool {
        true
    }
}

type Sending = Pin<Box<dyn Future<Output = Result<Receipt, Closed>> + Send>>;
type Reading = JoinHandle<Read>;
/// The reader comes back, with what it has read until something went wrong.
type Read = (ReadAhead, Vec<Item>, Option<StorageFault>);
type Looking = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Desk<'a> {
    shared: &'a Arc<Shared>,
    cx: &'a SourceContext,
    receipts: Receipts<Sent>,
    /// What was read and not yet sent.
    ready: VecDeque<Item>,
    sending: Option<(Sent, Sending)>,
    /// `None` while it is at work.
    ahead: Option<ReadAhead>,
    reading: Option<Reading>,
    /// What is being read was abandoned: it is read anew.
    is_stale: bool,
    /// There was nothing more to read when it was looked last.
    is_at_end: bool,
    look_again: Option<Looking>,
    /// The states that streams begin with, until their first batch.
    restore: HashMap<Arc<str>, Vec<Snapshot>>,
    /// The sequence up to which was sent, in this run of the process.
    sent_to: Option<u64>,
    again: Option<Again>,
    saving: Option<JoinHandle<Vec<String>>>,
    save_at: Option<Pin<Box<Sleep>>>,
    is_dirty: bool,
    is_stopping: bool,
    abandoned: bool,
    closed: Option<Closed>,
}

/// What was sent before is sent again: transforms have to forget what they had of it, also where no state is stored.
struct Again {
    /// Up to this sequence.
    to: u64,
    /// The streams of which a batch has said so.
    told: HashSet<String>,
}

/// What a receipt stands for.
struct Sent {
    mark: Mark,
    stream: Option<String>,
}

enum Step {
    Stop,
    Settled(Sent, Settlement),
    Sent(Result<Receipt, Closed>),
    Read(Option<Read>),
    Look,
    Saved(Vec<String>),
    Save,
}

impl Again {
    fn to(sequence: u64) -> Self {
        Self { to: sequence, told: HashSet::new() }
    }
}

impl<'a> Desk<'a> {
    fn new(shared: &'a Arc<Shared>, cx: &'a SourceContext, sent_to: Option<u64>) -> Self {
        Self {
            shared,
            cx,
            receipts: Receipts::new(),
            ready: VecDeque::new(),
            sending: None,
            ahead: Some(ReadAhead::new(shared.clone())),
            reading: None,
            is_stale: false,
            is_at_end: false,
            look_again: None,
            restore: shared.view().position.states.to_restore(),
            sent_to,
            again: sent_to.map(Again::to),
            saving: None,
            save_at: None,
            is_dirty: true,
            is_stopping: false,
            abandoned: false,
            closed: None,
        }
    }

    /// Until nothing will be written any more and all was sent and settled.
    async fn serve(&mut self, out: Output) {
        let mut out = Some(out);
        let cx = self.cx;
        let mut stopping = Some(Box::pin(cx.stopping()));
        // What an earlier run has left, or nothing was ever written: either way it is worth a look.
        self.mark_dirty(SAVE_INTERVAL);
        loop {
            self.tell();
            self.go_on(out.as_ref());
            let is_sent = self.sending.is_none() && self.ready.is_empty() && self.reading.is_none();
            let is_all = self.is_stopping && self.is_at_end && is_sent;
            if out.is_none() || self.closed.is_some() || is_all {
                // What is behind it may wait for that to drain.
                out = None;
                if self.receipts.is_empty() {
                    return;
                }
            }
            let step = std::future::poll_fn(|task| {
                if stopping.as_mut().is_some_and(|s| s.as_mut().poll(task).is_ready()) {
                    return Poll::Ready(Step::Stop);
                }
                self.poll(task)
            });
            match step.await {
                Step::Stop => {
                    (stopping, self.is_stopping) = (None, true);
                    // What was written last may not have been seen.
                    self.is_at_end = false;
                }
                Step::Settled(sent, settlement) => self.settled(sent, settlement, out.is_some()),
                Step::Sent(result) => self.sent(result),
                Step::Read(result) => self.read(result),
                Step::Look => self.look(),
                Step::Saved(failed) => self.saved(failed),
                Step::Save => self.save(),
            }
        }
    }

    /// Begins what can be begun: a send, a read.
    fn go_on(&mut self, out: Option<&Output>) {
        let Some(out) = out.filter(|_| self.closed.is_none()) else { return };
        while self.sending.is_none()
            && let Some(item) = self.ready.pop_front()
        {
            match item {
                Item::Batch(mut batch, mark) => {
                    let stream = batch.stream().map(str::to_owned);
                    if let Some(snapshots) = self.resumed(stream.as_deref().unwrap_or_default(), &mark) {
                        batch.set_restore(snapshots);
                    }
                    let out = out.clone();
                    let sending = Box::pin(async move { out.send(*batch).await });
                    self.sending = Some((Sent { mark, stream }, sending));
                }
                Item::Passed(mark) => {
                    let (token, receipt) = acknowledgement();
                    token.resolve(Outcome::Delivered);
                    self.receipts.push(receipt, Sent { mark, stream: None });
                }
            }
        }
        // One read ahead of what is being sent.
        if self.reading.is_none()
            && self.ready.is_empty()
            && !self.is_at_end
            && let Some(mut ahead) = self.ahead.take()
        {
            self.look_again = None;
            self.reading = Some(tokio::task::spawn_blocking(move || {
                let mut items = Vec::new();
                let fault = ahead.read(&mut items).err();
                (ahead, items, fault)
            }));
        }
        if self.look_again.is_none() && self.is_at_end {
            let shared = self.shared.clone();
            self.look_again = Some(Box::pin(async move { shared.written.notified().await }));
        }
    }

    /// A batch of the stream is sent, up to the mark: the states that it is to bring, if it is the first one since the stream was
    /// resumed.
    fn resumed(&mut self, stream: &str, mark: &Mark) -> Option<Vec<Snapshot>> {
        let stored = self.restore.remove(stream);
        let is_told = match &mut self.again {
            None => true,
            Some(again) => !again.told.insert(stream.to_owned()),
        };
        if self.again.as_ref().is_some_and(|again| again.to <= mark.sequence) {
            self.again = None;
        }
        self.sent_to = self.sent_to.max(Some(mark.sequence));
        stored.or_else(|| (!is_told).then(Vec::new))
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Step> {
        {
            let next = std::pin::pin!(self.receipts.next());
            if let Poll::Ready((sent, settlement)) = next.poll(task) {
                return Poll::Ready(Step::Settled(sent, settlement));
            }
        }
        if let Some((_, sending)) = &mut self.sending
            && let Poll::Ready(result) = sending.as_mut().poll(task)
        {
            return Poll::Ready(Step::Sent(result));
        }
        if let Some(reading) = &mut self.reading
            && let Poll::Ready(result) = Pin::new(reading).poll(task)
        {
            return Poll::Ready(Step::Read(result.ok()));
        }
        if let Some(look) = &mut self.look_again
            && look.as_mut().poll(task).is_ready()
        {
            return Poll::Ready(Step::Look);
        }
        match (&mut self.saving, &mut self.save_at) {
            (Some(saving), _) => {
                if let Poll::Ready(failed) = Pin::new(saving).poll(task) {
                    return Poll::Ready(Step::Saved(failed.unwrap_or_else(|e| vec![e.to_string()])));
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

    fn sent(&mut self, result: Result<Receipt, Closed>) {
        let Some((sent, _)) = self.sending.take() else { return };
        match result {
            Ok(receipt) => self.receipts.push(receipt, sent),
            Err(closed) => {
                self.closed = Some(closed);
                self.ready.clear();
            }
        }
    }

    fn read(&mut self, read: Option<Read>) {
        self.reading = None;
        let is_stale = std::mem::take(&mut self.is_stale);
        let Some((ahead, items, fault)) = read.filter(|_| !is_stale) else {
            self.ahead = Some(ReadAhead::new(self.shared.clone()));
            return;
        };
        self.ahead = Some(ahead);
        self.is_at_end = items.is_empty();
        self.ready.extend(items);
        if let Some(fault) = fault {
            self.cx.report(Severity::Error, format!("{fault}; it is tried again"));
            self.is_at_end = true;
            self.look_again = Some(Box::pin(tokio::time::sleep(RETRY_AFTER)));
        }
    }

    /// Something was written, or a write waits for room.
    fn look(&mut self) {
        self.look_again = None;
        self.is_at_end = false;
        if self.shared.view().is_wanted() {
            self.mark_dirty(Duration::ZERO);
        }
    }

    fn settled(&mut self, sent: Sent, settlement: Settlement, can_send: bool) {
        if !settlement.outcome.is_settled() {
            if can_send && self.closed.is_none() {
                return self.rewind();
            }
            // What is behind it has closed. The rest stays for the next run.
            self.abandoned = true;
            self.receipts = Receipts::new();
            return;
        }
        let mut view = self.shared.view();
        let stream = sent.stream.as_deref().unwrap_or_default();
        view.take_states(stream, settlement.snapshots, self.shared.options.max_streams);
        view.settle(&sent.mark);
        let now = view.is_wanted();
        drop(view);
        self.mark_dirty(if now { Duration::ZERO } else { SAVE_INTERVAL });
    }

    /// Goes back to what is acknowledged: all behind it is sent again.
    fn rewind(&mut self) {
        self.receipts = Receipts::new();
        self.ready.clear();
        self.sending = None;
        self.is_stale = self.reading.is_some();
        if !self.is_stale {
            self.ahead = Some(ReadAhead::new(self.shared.clone()));
        }
        self.is_at_end = false;
        self.restore = self.shared.view().position.states.to_restore();
        self.again = self.sent_to.map(Again::to);
    }

    fn mark_dirty(&mut self, within: Duration) {
        self.is_dirty = true;
        let due = Instant::now() + within;
        if self.save_at.as_ref().is_none_or(|s| s.deadline() > due) {
            self.save_at = Some(Box::pin(sleep_until(due)));
        }
    }

    fn save(&mut self) {
        (self.save_at, self.is_dirty) = (None, false);
        let shared = self.shared.clone();
        self.saving = Some(tokio::task::spawn_blocking(move || save::save(&shared)));
    }

    fn saved(&mut self, failed: Vec<String>) {
        self.saving = None;
        if !failed.is_empty() {
            self.mark_dirty(RETRY_AFTER);
        } else if self.shared.view().is_drained() {
            // A commit was under way, or something settled meanwhile: the last segment is still there.
            self.mark_dirty(SAVE_INTERVAL);
        }
        for message in failed {
            self.cx.report(Severity::Error, message);
        }
    }

    /// When nothing more settles.
    async fn save_last(&mut self) {
        for _ in 0..3 {
            if let Some(saving) = self.saving.take() {
                let failed = saving.await.unwrap_or_else(|e| vec![e.to_string()]);
                self.saved(failed);
            }
            if !self.is_dirty {
                return;
            }
            self.save();
        }
        if let Some(saving) = self.saving.take() {
            let failed = saving.await.unwrap_or_else(|e| vec![e.to_string()]);
            self.saved(failed);
        }
    }

    /// Tells the user what there is to tell.
    fn tell(&self) {
        let notices = std::mem::take(&mut self.shared.view().notices);
        for (severity, text) in notices {
            self.cx.report(severity, text);
        }
    }
}

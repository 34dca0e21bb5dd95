//! The receipts of many files at once: in order within each stream, independent of other streams.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use dendro_core::{Receipt, Settlement};

use super::FileId;

/// What waits to be settled. The files of a stream settle in the order in which they were sent, because the states of transforms
/// that come with it are the stream's: one that is stored has to be of what lies before all its checkpoints.
///
/// A receipt that resolves wakes its own stream alone, so that thousands of files in flight cost no more than the few that have news.
pub(super) struct InFlight<C> {
    streams: HashMap<Arc<str>, PerStream<C>>,
    news: Arc<Mutex<News>>,
    waiting: usize,
}

struct PerStream<C> {
    queue: VecDeque<Sent<C>>,
    waker: Waker,
}

struct Sent<C> {
    file: FileId,
    /// `None`: nothing was sent for it, it settles when those before it have.
    receipt: Option<Receipt>,
    checkpoint: C,
}

#[derive(Default)]
struct News {
    streams: Vec<Arc<str>>,
    waker: Option<Waker>,
}

struct StreamWaker {
    stream: Arc<str>,
    news: Arc<Mutex<News>>,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        let mut news = lock(&self.news);
        news.streams.push(self.stream.clone());
        let waker = news.waker.take();
        drop(news);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<C> InFlight<C> {
    pub(super) fn new() -> Self {
        Self { streams: HashMap::new(), news: Arc::default(), waiting: 0 }
    }

    /// Adds what was sent last for this stream, from this file.
    pub(super) fn push(&mut self, stream: &Arc<str>, file: FileId, receipt: Option<Receipt>, checkpoint: C) {
        let news = &self.news;
        let per_stream = self.streams.entry(stream.clone()).or_insert_with(|| PerStream {
            queue: VecDeque::new(),
            waker: Waker::from(Arc::new(StreamWaker { stream: stream.clone(), news: news.clone() })),
        });
        if per_stream.queue.is_empty() {
            lock(news).streams.push(stream.clone());
        }
        per_stream.queue.push_back(Sent { file, receipt, checkpoint });
        self.waiting += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Forgets what waits for this stream: it is going to be sent again.
    pub(super) fn clear(&mut self, stream: &str) {
        if let Some(per_stream) = self.streams.remove(stream) {
            self.waiting -= per_stream.queue.len();
        }
    }

    /// Forgets what waits for this file, which is not going to be found again.
    pub(super) fn forget(&mut self, stream: &str, file: FileId) {
        let Some(per_stream) = self.streams.get_mut(stream) else { return };
        let before = per_stream.queue.len();
        per_stream.queue.retain(|sent| sent.file != file);
        self.waiting -= before - per_stream.queue.len();
        match per_stream.queue.is_empty() {
            true => drop(self.streams.remove(stream)),
            // The first may be another one now.
            false => per_stream.waker.wake_by_ref(),
        }
    }

    /// The oldest of some stream that has settled.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(FileId, C, Option<Settlement>)> {
        lock(&self.news).waker = Some(cx.waker().clone());
        loop {
            let Some(stream) = lock(&self.news).streams.pop() else { return Poll::Pending };
            let Some(per_stream) = self.streams.get_mut(&stream) else { continue };
            let settled = match per_stream.queue.front_mut() {
                None => continue,
                Some(Sent { receipt: None, .. }) => None,
                Some(Sent { receipt: Some(receipt), .. }) => {
                    match Pin::new(receipt).poll(&mut Context::from_waker(&per_stream.waker)) {
                        Poll::Pending => continue,
                        Poll::Ready(settlement) => Some(settlement),
                    }
                }
            };
            let Some(Sent { file, checkpoint, .. }) = per_stream.queue.pop_front() else { continue };
            self.waiting -= 1;
            match per_stream.queue.is_empty() {
                true => drop(self.streams.remove(&stream)),
                false => lock(&self.news).streams.push(stream),
            }
            return Poll::Ready((file, checkpoint, settled));
        }
    }
}

fn lock(news: &Mutex<News>) -> MutexGuard<'_, News> {
    news.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use dendro_core::{Outcome, acknowledgement};

    use super::*;

    fn next(in_flight: &mut InFlight<u32>) -> Option<(u64, u32)> {
        match in_flight.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready((file, checkpoint, _)) => Some((file.0, checkpoint)),
            Poll::Pending => None,
        }
    }

    #[test]
    fn streams_settle_in_order_within_and_independently_of_each_other() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut in_flight = InFlight::new();
        let mut tokens = HashMap::new();
        for (stream, file, n) in [(&a, 1, 0), (&a, 1, 1), (&b, 2, 0), (&b, 2, 1)] {
            let (token, receipt) = acknowledgement();
            in_flight.push(stream, FileId(file), Some(receipt), n);
            tokens.insert((file, n), token);
        }
        in_flight.push(&b, FileId(2), None, 2);
        let mut settle = |key| tokens.remove(&key).unwrap().resolve(Outcome::Delivered);
        assert_eq!(next(&mut in_flight), None);
        settle((1, 1));
        assert_eq!(next(&mut in_flight), None);
        settle((2, 0));
        assert_eq!(next(&mut in_flight), Some((2, 0)));
        assert_eq!(next(&mut in_flight), None);
        settle((2, 1));
        assert_eq!(next(&mut in_flight), Some((2, 1)));
        assert_eq!(next(&mut in_flight), Some((2, 2)));
        settle((1, 0));
        assert_eq!(next(&mut in_flight), Some((1, 0)));
        assert_eq!(next(&mut in_flight), Some((1, 1)));
        assert!(in_flight.is_empty());
    }

    #[test]
    fn a_file_settles_behind_those_of_its_stream_that_were_sent_before() {
        let stream: Arc<str> = "a".into();
        let mut in_flight = InFlight::new();
        let ((first, one), (second, two)) = (acknowledgement(), acknowledgement());
        in_flight.push(&stream, FileId(1), Some(one), 0);
        in_flight.push(&stream, FileId(2), Some(two), 0);
        second.resolve(Outcome::Delivered);
        assert_eq!(next(&mut in_flight), None);
        first.resolve(Outcome::Delivered);
        assert_eq!(next(&mut in_flight), Some((1, 0)));
        assert_eq!(next(&mut in_flight), Some((2, 0)));
    }

    #[test]
    fn a_file_that_is_forgotten_holds_up_nobody() {
        let stream: Arc<str> = "a".into();
        let mut in_flight = InFlight::new();
        let ((_first, one), (second, two)) = (acknowledgement(), acknowledgement());
        in_flight.push(&stream, FileId(1), Some(one), 0);
        in_flight.push(&stream, FileId(2), Some(two), 0);
        assert_eq!(next(&mut in_flight), None);
        second.resolve(Outcome::Delivered);
        in_flight.forget(&stream, FileId(1));
        assert_eq!(next(&mut in_flight), Some((2, 0)));
        assert!(in_flight.is_empty());
    }

    #[test]
    fn what_is_cleared_is_not_told() {
        let stream: Arc<str> = "a".into();
        let mut in_flight = InFlight::new();
        let (token, receipt) = acknowledgement();
        in_flight.push(&stream, FileId(1), Some(receipt), 0);
        in_flight.clear(&stream);
        token.resolve(Outcome::Delivered);
        assert_eq!(next(&mut in_flight), None);
        assert!(in_flight.is_empty());
    }
}

//! The receipts of many files at once: in order within each file, independent of each other.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use dendro_core::{Receipt, Settlement};

use super::FileId;

/// What waits to be settled. A receipt that resolves wakes its own file alone, so that thousands of files in flight
/// cost no more than the few that have news.
pub(super) struct InFlight<C> {
    files: HashMap<FileId, PerFile<C>>,
    news: Arc<Mutex<News>>,
    waiting: usize,
}

struct PerFile<C> {
    /// `None`: nothing was sent for it, it settles when those before it have.
    queue: VecDeque<(Option<Receipt>, C)>,
    waker: Waker,
}

#[derive(Default)]
struct News {
    files: Vec<FileId>,
    waker: Option<Waker>,
}

struct FileWaker {
    file: FileId,
    news: Arc<Mutex<News>>,
}

impl Wake for FileWaker {
    fn wake(self: Arc<Self>) {
        let mut news = lock(&self.news);
        news.files.push(self.file);
        let waker = news.waker.take();
        drop(news);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<C> InFlight<C> {
    pub(super) fn new() -> Self {
        Self { files: HashMap::new(), news: Arc::default(), waiting: 0 }
    }

    /// Adds what was sent last for this file.
    pub(super) fn push(&mut self, file: FileId, receipt: Option<Receipt>, checkpoint: C) {
        let news = &self.news;
        let per_file = self.files.entry(file).or_insert_with(|| PerFile {
            queue: VecDeque::new(),
            waker: Waker::from(Arc::new(FileWaker { file, news: news.clone() })),
        });
        if per_file.queue.is_empty() {
            lock(news).files.push(file);
        }
        per_file.queue.push_back((receipt, checkpoint));
        self.waiting += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Forgets what waits for this file: it is going to be sent again.
    pub(super) fn clear(&mut self, file: FileId) {
        if let Some(per_file) = self.files.remove(&file) {
            self.waiting -= per_file.queue.len();
        }
    }

    /// The oldest of some file that has settled.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(FileId, C, Option<Settlement>)> {
        lock(&self.news).waker = Some(cx.waker().clone());
        loop {
            let Some(file) = lock(&self.news).files.pop() else { return Poll::Pending };
            let Some(per_file) = self.files.get_mut(&file) else { continue };
            let settled = match per_file.queue.front_mut() {
                None => continue,
                Some((None, _)) => None,
                Some((Some(receipt), _)) => {
                    match Pin::new(receipt).poll(&mut Context::from_waker(&per_file.waker)) {
                        Poll::Pending => continue,
                        Poll::Ready(settlement) => Some(settlement),
                    }
                }
            };
            let Some((_, checkpoint)) = per_file.queue.pop_front() else { continue };
            self.waiting -= 1;
            match per_file.queue.is_empty() {
                true => drop(self.files.remove(&file)),
                false => lock(&self.news).files.push(file),
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
    fn files_settle_in_order_within_and_independently_of_each_other() {
        let mut in_flight = InFlight::new();
        let mut tokens = HashMap::new();
        for (file, n) in [(1, 0), (1, 1), (2, 0), (2, 1)] {
            let (token, receipt) = acknowledgement();
            in_flight.push(FileId(file), Some(receipt), n);
            tokens.insert((file, n), token);
        }
        in_flight.push(FileId(2), None, 2);
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
    fn what_is_cleared_is_not_told() {
        let mut in_flight = InFlight::new();
        let (token, receipt) = acknowledgement();
        in_flight.push(FileId(1), Some(receipt), 0);
        in_flight.clear(FileId(1));
        token.resolve(Outcome::Delivered);
        assert_eq!(next(&mut in_flight), None);
        assert!(in_flight.is_empty());
    }
}

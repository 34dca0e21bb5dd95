//! A clock that is wrong.

use dendro::{Clock, SystemClock, Timestamp};

/// The machine's clock and an offset: between two rounds the time has jumped.
pub(crate) struct OffsetClock {
    pub(crate) nanos: i64,
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(SystemClock.now().as_nanos().saturating_add(self.nanos))
    }
}

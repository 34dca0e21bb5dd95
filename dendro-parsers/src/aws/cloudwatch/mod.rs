//! CloudWatch Logs: the messages of its subscriptions.

mod envelope;
mod logs;

pub use logs::CloudWatchLogs;
pub(super) use logs::CloudWatchThen;

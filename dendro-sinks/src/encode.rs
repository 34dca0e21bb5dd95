//! Turning the batches of a write into bytes without keeping an async worker from its other tasks.

use dendro_core::EventRef;

/// How many events are encoded before others get their turn: well under a millisecond of work.
pub(crate) const EVENTS_A_TURN: usize = 1_024;

/// Calls `encode` with the events of a batch in turns.
pub(crate) async fn in_turns<'a>(
    batch: &'a dendro_core::Batch,
    mut encode: impl FnMut(&mut dyn Iterator<Item = EventRef<'a>>),
) {
    let mut from = 0;
    while from < batch.end_index() {
        let to = (from + EVENTS_A_TURN).min(batch.end_index());
        encode(&mut (from..to).filter_map(|index| batch.get(index)));
        from = to;
        tokio::task::yield_now().await;
    }
}

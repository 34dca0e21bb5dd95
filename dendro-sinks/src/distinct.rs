//! Times that tell events apart, for destinations where a series has one value a time.

use dendro_core::{EventRef, Timestamp};

/// Below which a time that is given in seconds, milliseconds or microseconds has room, in nanoseconds.
const UNITS: [i64; 3] = [1_000_000_000, 1_000_000, 1_000];

/// The time of an event, made distinct within its stream.
///
/// Where the time ends with a whole second, millisecond or microsecond, the digits behind it are free: they are filled from the
/// event's [`DedupKey`](dendro_core::DedupKey), that is from its place in its stream, so that they are the same when the event
/// comes again, grow from line to line, and differ as long as the log grows by less than 1 GB a second. An event without a key, and a
/// time that is finer, stay as they are.
pub(crate) fn distinct_time(event: EventRef<'_>) -> Timestamp {
    let time = event.timestamp();
    let nanos = time.as_nanos();
    let Some(unit) = UNITS.into_iter().find(|unit| nanos % unit == 0) else { return time };
    let Some(key) = event.dedup_key() else { return time };
    let offset = key.ordinal() % unit.unsigned_abs();
    Timestamp::from_nanos(nanos.saturating_add_unsigned(offset))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;
    use std::num::NonZeroU64;
    use std::sync::Arc;

    use dendro_core::{Batch, Event, Origin, RecordRow, Schema};

    use super::*;

    /// Lines of these times, ten bytes apart.
    fn batch(times: &[i64], identity: u64) -> Batch {
        let mut batch = Batch::new(vec![b'x'; times.len() * 10].into()).unwrap();
        let origin = Origin { identity: NonZeroU64::new(identity), ..Origin::default() };
        let row = RecordRow {
            ty: batch.add_type(&Arc::new(Schema::new("line"))).unwrap(),
            origin: batch.add_origin(&Arc::new(origin)).unwrap(),
            observed: Timestamp::EPOCH,
        };
        for (n, time) in times.iter().enumerate() {
            batch.push_record(n * 10..n * 10 + 9, n as u64 * 10, row);
            batch.get_mut(n).unwrap().set_time(Some(Timestamp::from_nanos(*time)));
        }
        batch
    }

    fn times(batch: &Batch) -> Vec<i64> {
        batch.iter().map(|event| distinct_time(event).as_nanos()).collect()
    }

    #[test]
    fn lines_of_one_time_get_times_in_order_that_differ_and_stay_in_their_unit() {
        for unit in UNITS {
            let base = 1_700_000_000_000_000_000 + if unit == UNITS[0] { 0 } else { unit * 7 };
            let lines = batch(&[base; 90], 7);
            let found = times(&lines);
            assert_eq!(found.iter().collect::<HashSet<_>>().len(), 90);
            assert!(found.iter().all(|time| (base..base + unit).contains(time)), "{unit}");
            assert!(found.is_sorted(), "{unit}");
            assert_eq!(found, times(&batch(&[base; 90], 7)), "the same when they come again");
        }
    }

    #[test]
    fn streams_that_grow_alike_do_not_get_the_same_times() {
        let (one, other) =
            (times(&batch(&[0; 100], 0x1234_5678)), times(&batch(&[0; 100], 0xfeed_0000_0001)));
        assert!(one.iter().all(|time| !other.contains(time)));
    }

    #[test]
    fn finer_times_and_events_without_a_key_stay() {
        assert_eq!(times(&batch(&[1_000_000_001, -1], 7)), [1_000_000_001, -1]);
        let plain = Batch::from_events([&Event::new("t").at(Timestamp::from_nanos(1_000_000_000))]).unwrap();
        assert_eq!(times(&plain), [1_000_000_000]);
        // At the end of time there is no room.
        let last = i64::MAX / 1_000 * 1_000;
        assert!(times(&batch(&[last], 7))[0] >= last);
    }
}

//! What a server answers is understood or not, whatever it is: events that have failed, and how long to wait.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let events = data.first().map_or(0, |byte| u32::from(*byte) % 9);
    dendro_sinks::http::fuzz::partial_answer(data.get(1..).unwrap_or_default(), events);
    dendro_sinks::influxdb::fuzz::answer(data.get(1..).unwrap_or_default(), events);
    let (value, date) = data.split_at(data.len() / 2);
    dendro_sinks::http::fuzz::retry_after(value, date);
    dendro_sinks::http::fuzz::retry_after(data, b"");
});

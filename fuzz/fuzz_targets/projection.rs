//! What a guest is given as a frame it refuses, or reads and edits without surprises.

#![no_main]

use bytes::Bytes;
use dendro_core::Batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut batch) = Batch::from_projection(&Bytes::copy_from_slice(data)) else { return };
    for event in batch.iter() {
        let _ = (event.to_event(), event.raw(), event.origin());
    }
    let _ = batch.try_for_each(|mut event| {
        event.set_port(1);
        event.rename("a", "b")?;
        event.insert("c", "text").map(|()| ())
    });
    let mut delta = Vec::new();
    assert!(batch.write_delta(&mut delta).is_ok());
});

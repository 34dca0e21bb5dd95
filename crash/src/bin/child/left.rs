//! What is left in a disk buffer, as lines of JSON.

use std::io::Write as _;
use std::path::Path;

use dendro::buffers::offline::OfflineBuffer;
use dendro::json::JsonEncoder;
use dendro_crash::Failure;

/// Nothing, if there is no buffer.
pub(crate) fn print(directory: &Path) -> Result<(), Failure> {
    if !directory.exists() {
        return Ok(());
    }
    let said = |error: dendro::buffers::offline::OfflineError| Failure::new(error.to_string());
    let buffer = OfflineBuffer::open(directory).map_err(said)?;
    let (mut encoder, mut lines) = (JsonEncoder::new(), Vec::new());
    buffer.export(|batch| encoder.encode_lines(&batch, &mut lines)).map_err(said)?;
    std::io::stdout().write_all(&lines).map_err(Failure::io("standard output"))
}

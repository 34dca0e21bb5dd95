//! The buffer.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dendro_core::{Buffer, BufferHalves};

use crate::options::{DiskBufferBuilder, Options};
use crate::reader::Reader;
use crate::shared::{Ledger, Shared};
use crate::stats::DiskBufferStats;
use crate::writer::Writer;

/// Keeps events on disk between two stages; the [crate](crate) tells what holds when.
///
/// ```
/// use dendro_buffer::{DiskBuffer, Fsync};
/// let buffer = DiskBuffer::builder("/var/lib/agent/buffer").max_bytes(4 << 30).fsync(Fsync::EveryBatch).build()?;
/// # Ok::<(), dendro_buffer::InvalidDiskBuffer>(())
/// ```
pub struct DiskBuffer {
    shared: Arc<Shared>,
}

impl DiskBuffer {
    /// A buffer in this directory, which has to be its own.
    pub fn builder(directory: impl Into<PathBuf>) -> DiskBufferBuilder {
        DiskBufferBuilder::new(directory.into())
    }

    pub(crate) fn new(options: Options) -> Self {
        Self { shared: Arc::new(Shared::new(options)) }
    }

    /// Tells, also while the pipeline runs, what the buffer has met.
    pub fn monitor(&self) -> DiskBufferMonitor {
        DiskBufferMonitor { ledger: self.shared.ledger.clone() }
    }
}

impl Buffer for DiskBuffer {
    fn into_halves(self: Box<Self>) -> BufferHalves {
        let Self { shared } = *self;
        let ledger = shared.ledger.clone();
        BufferHalves::new(Writer::new(shared.clone()), Reader::new(shared), ledger)
    }
}

impl fmt::Debug for DiskBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskBuffer")
            .field("directory", &self.shared.options.directory)
            .finish_non_exhaustive()
    }
}

/// See [`DiskBuffer::monitor`].
#[derive(Clone)]
pub struct DiskBufferMonitor {
    ledger: Arc<Ledger>,
}

impl DiskBufferMonitor {
    /// What it has met so far.
    pub fn stats(&self) -> DiskBufferStats {
        let view = self.ledger.view();
        DiskBufferStats { disk_bytes: view.used, ..view.stats }
    }
}

impl fmt::Debug for DiskBufferMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}

//! What a buffer has met.

/// What a [`DiskBuffer`](crate::DiskBuffer) has met since it was opened, beside events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskBufferStats {
    /// Times that damaged bytes were found and set aside.
    pub damaged: u64,
    /// Bytes that were.
    pub damaged_bytes: u64,
    /// Bytes of torn tails that were cut off: writes that were not acknowledged.
    pub torn_bytes: u64,
    /// Segments that are missing.
    pub missing_segments: u64,
    /// Streams whose transforms begin anew after a restart, since there were
    /// [more](crate::DiskBufferBuilder::max_streams) than are remembered.
    pub forgotten_streams: u64,
    /// Syncs that have failed.
    pub failed_syncs: u64,
    /// Bytes that its segments take on the disk.
    pub disk_bytes: u64,
}

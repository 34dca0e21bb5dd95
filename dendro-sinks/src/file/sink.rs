//! The sink.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, CommitReason, Committed, Sink, SinkError, SinkSettings, WriteContext, Written};

use super::files::Files;
use super::group::group;
use super::options::{FileSinkBuilder, Fsync};
use super::template::{InvalidFileSink, Template};
use dendro_core::blocking::{Exclusive, Finished, identity};

/// Buffers that are kept for the next write, and the most that one may have grown to.
const KEPT_BUFFERS: usize = 4;
const KEPT_BYTES: usize = 32 << 20;
/// How long a file of dead letters gets.
const DEAD_LETTER_FILE_BYTES: u64 = 64 << 20;

/// Writes events to files as lines of JSON; the [module](super) tells more.
///
/// ```
/// use dendro_sinks::FileSink;
/// let sink = FileSink::builder("logs/{type}/%Y-%m-%d/{host}.ndjson").build()?;
/// # Ok::<(), dendro_sinks::file::InvalidFileSink>(())
/// ```
pub struct FileSink {
    template: Template,
    fsync: Fsync,
    with_origin: bool,
    dedup_key: Option<String>,
    files: Exclusive<Files>,
    settled: Arc<Mutex<Committed>>,
    buffers: Arc<Mutex<Vec<Vec<u8>>>>,
    encoders: Mutex<Vec<JsonEncoder>>,
}

impl FileSink {
    /// Files at this path, which may have [places](super#paths) for time and fields.
    pub fn builder(path: impl Into<String>) -> FileSinkBuilder {
        FileSinkBuilder::new(path.into())
    }

    /// The usual place for dead letters: NDJSON files in this folder. They are synced every second, rotated at
    /// 64 MiB, and none is ever removed. One is `dead_letters.ndjson.partial` until it is finished.
    ///
    /// ```
    /// use dendro_core::Pipeline;
    /// use dendro_sinks::FileSink;
    /// let builder = Pipeline::builder().dead_letters(FileSink::dead_letters("dead_letters")?);
    /// # let _ = builder;
    /// # Ok::<(), dendro_sinks::file::InvalidFileSink>(())
    /// ```
    ///
    /// # Errors
    /// The folder's name is not UTF-8.
    pub fn dead_letters(folder: impl AsRef<Path>) -> Result<Self, InvalidFileSink> {
        let folder = folder.as_ref();
        let Some(name) = folder.to_str() else {
            return Err(InvalidFileSink(format!("{}: the folder's name is not UTF-8", folder.display())));
        };
        let name = name.replace('%', "%%").replace('{', "{{").replace('}', "}}");
        let path = Path::new(&name).join("dead_letters.ndjson");
        let builder = Self::builder(path.to_string_lossy()).rotate_bytes(DEAD_LETTER_FILE_BYTES);
        builder.atomic_finish(true).build()
    }

    pub(super) fn new(template: Template, builder: FileSinkBuilder) -> Self {
        let settled = Arc::new(Mutex::new(Committed::default()));
        let (fsync, with_origin) = (builder.options.fsync, builder.options.with_origin);
        let dedup_key = builder.options.dedup_key.clone();
        let files = Files {
            options: builder.options,
            storage: builder.storage,
            clock: builder.clock,
            base: template.base().to_owned(),
            open: Default::default(),
            clean: Default::default(),
            finished: Finished::default(),
            settled: settled.clone(),
            recent: Committed::default(),
            next_stage: 0,
            tick: 0,
            scratch: Vec::new(),
        };
        Self {
            template,
            fsync,
            with_origin,
            dedup_key,
            files: Exclusive::new(files),
            settled,
            buffers: Arc::default(),
            encoders: Mutex::default(),
        }
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let buffer = || self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let kept = self.encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let new = || JsonEncoder::new().with_origin(self.with_origin).with_dedup_key(self.dedup_key.clone());
        let mut json = kept.unwrap_or_else(new);
        let groups = group(batches, &self.template, &mut json, buffer).await;
        // As many as there were writes at the same time.
        self.encoders.lock().unwrap_or_else(PoisonError::into_inner).push(json);
        let identity = identity(batches, cx);
        let buffers = self.buffers.clone();
        let write = move |files: &mut Files| {
            let result = files.write(&identity, &groups);
            let mut kept = buffers.lock().unwrap_or_else(PoisonError::into_inner);
            for mut text in groups.into_iter().map(|group| group.text) {
                if kept.len() < KEPT_BUFFERS && text.capacity() <= KEPT_BYTES {
                    text.clear();
                    kept.push(text);
                }
            }
            result
        };
        self.files.run(write).await?
    }

    async fn commit(&self, reason: CommitReason) -> Result<Committed, SinkError> {
        let result = self.files.run(move |files| files.commit(reason)).await?;
        // Nothing waits between here and the return, so what is taken gets to the driver. What an error leaves here
        // is named by the next commit.
        result.map_err(dendro_core::storage::StorageFault::into_sink_error)?;
        Ok(std::mem::take(&mut *self.settled.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn settings(&self) -> SinkSettings {
        let mut settings = SinkSettings::default();
        if let Fsync::Interval(every) = self.fsync {
            settings.commit_interval = every;
        }
        settings
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink").field("path", &self.template).finish_non_exhaustive()
    }
}

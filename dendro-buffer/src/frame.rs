//! A batch as the frame that is written.

use std::sync::Arc;

use dendro_core::{Batch, Schema};

use crate::bytes::crc;
use crate::record::{HEADER, MAX_BODY};

/// A frame, with room for the record's header before it.
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) events: u32,
    pub(crate) schemas: Vec<Arc<Schema>>,
}

impl Frame {
    /// In this buffer.
    ///
    /// # Errors
    /// How long it is, if that is too long for a record.
    pub(crate) fn new(batch: &Batch, mut bytes: Vec<u8>) -> Result<Self, usize> {
        bytes.clear();
        bytes.resize(HEADER, 0);
        batch.write_frame(&mut bytes);
        let len = bytes.len() - HEADER;
        if len > MAX_BODY {
            return Err(len);
        }
        Ok(Self { bytes, events: batch.len() as u32, schemas: batch.schemas().to_vec() })
    }

    pub(crate) fn plain(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// Of the frame as it is.
    pub(crate) fn checksum(&self) -> u32 {
        Batch::frame_checksum(self.plain()).unwrap_or_else(|| crc(self.plain()))
    }

    /// What it may take in a segment, with all of its schemas.
    pub(crate) fn most_bytes(&self) -> u64 {
        let schemas: usize = self.schemas.iter().map(|s| HEADER + schema_bytes(s)).sum();
        (self.bytes.len() + schemas) as u64
    }
}

fn schema_bytes(schema: &Schema) -> usize {
    let field = |f: &dendro_core::FieldSchema| {
        let optional = |text: &Option<std::borrow::Cow<'static, str>>| text.as_deref().map_or(0, str::len);
        18 + f.name.len() + optional(&f.unit) + optional(&f.otel) + f.doc.len()
    };
    13 + schema.name.len() + schema.doc.len() + schema.fields.iter().map(field).sum::<usize>()
}

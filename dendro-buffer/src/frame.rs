//! A batch as the frame that is written.

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use dendro_core::{Batch, Schema};

use crate::bytes::crc;
use crate::options::Compression;
use crate::record::{HEADER, MAX_BODY};
use crate::schema::MAX_OF_A_NAME;

/// Where the base of a batch stands in a record that has its frame as it is.
const BASE_AT: usize = HEADER + Batch::FRAME_HEADER_BYTES;

/// A frame, with room for the record's header before it.
pub(crate) struct Frame {
    bytes: Vec<u8>,
    /// The base of the batch, which is written from where it is; `None` if it is among the bytes.
    base: Option<Bytes>,
    checksum: u32,
    pub(crate) events: u32,
    pub(crate) schemas: Vec<Arc<Schema>>,
}

impl Frame {
    /// In this buffer; in one piece for a compressor.
    ///
    /// # Errors
    /// In words, if the buffer can't take it.
    pub(crate) fn new(batch: &Batch, mut bytes: Vec<u8>, compression: Compression) -> Result<Self, String> {
        if let Some(name) = too_often(batch.schemas()) {
            return Err(format!(
                "a batch has more than {MAX_OF_A_NAME} schemas of the type `{name}`, and a buffer takes no more: have its source \
                 begin a new batch where the schema changes"
            ));
        }
        bytes.clear();
        bytes.resize(HEADER, 0);
        let (base, checksum) = match compression {
            Compression::None => {
                let checksum = batch.write_frame_around_base(&mut bytes);
                (Some(batch.base().clone()), checksum)
            }
            _ => {
                batch.write_frame(&mut bytes);
                let frame = bytes.get(HEADER..).unwrap_or_default();
                (None, Batch::frame_checksum(frame).unwrap_or_else(|| crc(frame)))
            }
        };
        let this =
            Self { bytes, base, checksum, events: batch.len() as u32, schemas: batch.schemas().to_vec() };
        if this.plain_bytes() > MAX_BODY {
            return Err(format!(
                "a batch of {} bytes is larger than the {MAX_BODY} that a buffer takes: have its source make smaller ones",
                this.plain_bytes()
            ));
        }
        Ok(this)
    }

    /// How long the frame is.
    pub(crate) fn plain_bytes(&self) -> usize {
        self.bytes.len() - HEADER + self.base.as_ref().map_or(0, Bytes::len)
    }

    /// The frame, if it is in one piece.
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        self.bytes.get(HEADER..).filter(|_| self.base.is_none())
    }

    /// The record of the frame as it is, behind this header.
    pub(crate) fn record(&mut self, header: &[u8; HEADER]) -> [IoSlice<'_>; 3] {
        self.bytes[..HEADER].copy_from_slice(header);
        let base = self.base.as_deref().unwrap_or_default();
        let (before, behind) = self.bytes.split_at(BASE_AT.min(self.bytes.len()));
        [before, base, behind].map(IoSlice::new)
    }

    /// Of the frame as it is.
    pub(crate) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Its buffer, for another.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// What it may take in a segment, with all of its schemas.
    pub(crate) fn most_bytes(&self) -> u64 {
        let schemas: usize = self.schemas.iter().map(|s| HEADER + schema_bytes(s)).sum();
        (HEADER + self.plain_bytes() + schemas) as u64
    }
}

/// A name that more types have than may be.
fn too_often(schemas: &[Arc<Schema>]) -> Option<&str> {
    if schemas.len() <= MAX_OF_A_NAME {
        return None;
    }
    let mut counts = HashMap::<&str, usize>::new();
    schemas.iter().map(|s| &*s.name).find(|name| {
        let count = counts.entry(name).or_default();
        *count += 1;
        *count > MAX_OF_A_NAME
    })
}

fn schema_bytes(schema: &Schema) -> usize {
    let field = |f: &dendro_core::FieldSchema| {
        let optional = |text: &Option<std::borrow::Cow<'static, str>>| text.as_deref().map_or(0, str::len);
        18 + f.name.len() + optional(&f.unit) + optional(&f.otel) + f.doc.len()
    };
    13 + schema.name.len() + schema.doc.len() + schema.fields.iter().map(field).sum::<usize>()
}

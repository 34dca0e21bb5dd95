//! A transform that sees what it has declared and no more, as it would in the sandbox.

use std::sync::Arc;

use bytes::Bytes;

use super::super::Batch;
use super::{Access, Projection};
use crate::{FlushReason, Schema, Timestamp, Transform, TransformError};

/// Runs a transform on what it has declared, by the way that a batch takes through the sandbox, without one: what the
/// transform does natively is what it does as a plugin.
pub struct Declared<T> {
    inner: T,
    access: Access,
    projection: Projection,
}

impl<T: Transform> Declared<T> {
    /// That transform, with that much to see.
    pub fn new(inner: T, access: Access) -> Self {
        Self { inner, access, projection: Projection::default() }
    }

    /// The transform itself.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    fn apply(&mut self, mut seen: Batch, batch: &mut Batch) -> Result<(), TransformError> {
        let mut delta = Vec::new();
        let schemas = self.inner.schemas(&[]);
        seen.write_delta(&mut delta)
            .and_then(|()| self.projection.apply(&delta, batch, &self.access, &schemas))
            .map_err(|error| TransformError::new(error.to_string()))
    }
}

impl<T: Transform> Transform for Declared<T> {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let mut frame = Vec::new();
        self.projection.write(batch, &self.access, &mut frame)?;
        let seen = Batch::from_projection(&Bytes::from(frame));
        let mut seen = seen.map_err(|error| TransformError::new(error.to_string()))?;
        self.inner.transform(&mut seen)?;
        self.apply(seen, batch)
    }

    fn schemas(&self, input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        self.inner.schemas(input)
    }

    fn ports(&self) -> Vec<String> {
        self.inner.ports()
    }

    fn is_stateful(&self) -> bool {
        self.inner.is_stateful()
    }

    fn flush(&mut self, reason: FlushReason, now: Timestamp, out: &mut Batch) -> Result<(), TransformError> {
        let mut seen = Batch::noted();
        self.inner.flush(reason, now, &mut seen)?;
        self.projection.clear();
        self.apply(seen, out)
    }

    fn snapshot(&self, stream: &str) -> Option<Vec<u8>> {
        self.inner.snapshot(stream)
    }

    fn restore(&mut self, stream: &str, state: &[u8]) -> Result<(), TransformError> {
        self.inner.restore(stream, state)
    }
}

//! The sink.

use std::fmt;

use async_trait::async_trait;
use dendro_core::{Batch, Secret, Sink, SinkError, SinkSettings, WriteContext, Written};

use super::builder::HttpSinkBuilder;
use super::json::Json;
use super::requests::Requests;

/// Sends events to a web server; the [module](super) tells more.
pub struct HttpSink {
    requests: Requests<Json>,
}

impl HttpSink {
    /// To this URL, which is treated as a secret, since its path or query may hold a token.
    pub fn builder(url: impl Into<Secret>) -> HttpSinkBuilder {
        HttpSinkBuilder::new(url.into())
    }

    pub(super) fn new(requests: Requests<Json>) -> Self {
        Self { requests }
    }
}

#[async_trait]
impl Sink for HttpSink {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        self.requests.write(batches, cx).await
    }

    fn settings(&self) -> SinkSettings {
        self.requests.settings()
    }
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink")
            .field("to", &self.requests.shown)
            .field("format", &self.requests.format)
            .finish_non_exhaustive()
    }
}

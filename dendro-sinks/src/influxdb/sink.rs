//! The sink.

use std::fmt;

use async_trait::async_trait;
use dendro_core::{Batch, EventRef, Secret, Sink, SinkError, SinkSettings, WriteContext, Written};
use hyper::StatusCode;

use super::answer;
use super::builder::{Api, InfluxDbSinkBuilder};
use super::line::{LineEncoder, Points};
use crate::http::body::Encoded;
use crate::http::client::Answer;
use crate::http::format::{Format, Said};
use crate::http::requests::Requests;
use crate::http::status::StatusAction;

/// Sends events as line protocol; the [module](super) tells more.
pub struct InfluxDbSink {
    requests: Requests<Points>,
}

impl InfluxDbSink {
    /// To the server with this URL, through this interface of it.
    pub fn builder(url: impl Into<Secret>, api: Api) -> InfluxDbSinkBuilder {
        InfluxDbSinkBuilder::new(url.into(), api)
    }

    pub(super) fn new(requests: Requests<Points>) -> Self {
        Self { requests }
    }
}

#[async_trait]
impl Sink for InfluxDbSink {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        self.requests.write(batches, cx).await
    }

    /// As many points a write as [InfluxData advises](https://docs.influxdata.com/influxdb/v2/write-data/best-practices/optimize-writes/),
    /// or what comes in a second.
    fn settings(&self) -> SinkSettings {
        let mut settings = self.requests.settings();
        settings.max_events = 5_000;
        settings.linger = std::time::Duration::from_secs(1);
        settings
    }
}

impl Format for Points {
    type Encoder = LineEncoder;

    fn encoder(&self) -> LineEncoder {
        LineEncoder::default()
    }

    fn prepare(&self, encoder: &mut LineEncoder, batch: &Batch) {
        encoder.prepare(batch);
    }

    fn encode(
        &self,
        encoder: &mut LineEncoder,
        events: &mut dyn Iterator<Item = EventRef<'_>>,
        out: &mut Encoded,
    ) {
        for event in events {
            out.push(|text| encoder.encode(event, self, text));
        }
    }

    fn reads_whole(&self, status: StatusCode, _is_json: bool) -> bool {
        status.is_client_error()
    }

    fn read(&self, answer: &Answer, _action: StatusAction, lines: u32) -> Option<Said> {
        answer::read(answer, lines)
    }
}

impl fmt::Debug for InfluxDbSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfluxDbSink")
            .field("to", &self.requests.shown)
            .field("points", &self.requests.format)
            .finish_non_exhaustive()
    }
}

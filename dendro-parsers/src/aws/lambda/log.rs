//! Lambda's logs as a transform.

use std::ops::Range;
use std::sync::Arc;

use dendro_core::{Batch, EventWriter, Schema, Transform, TransformError};

use super::json::{self, REQUEST_ID, Scratch, function_text, platform_text};
use super::schema;
use super::terms::{Kind, TERMS, of};
use super::text::{Pairs, Prefix, fault, platform, time_out};
use super::writer::{Keys, Source, write_text, write_value};
use crate::Refused;
use crate::decimal::{SECOND, duration};

/// Parses the logs of Lambda functions: what CloudWatch Logs keeps of them, as text or as JSON, and the events of the Telemetry API.
///
/// What the platform tells becomes events of the type `lambda_platform`:
///
/// - Lines of text: `START`, `END`, `REPORT`, `INIT_START`, `INIT_REPORT`, `RESTORE_START`, `RESTORE_REPORT`, `EXTENSION`,
///   `TELEMETRY` and `LOGS`, with pairs of labels and values behind. Their `type` is that of the Telemetry API: `platform.report`, ...
///   A line `XRAY TraceId: ..` behind a `REPORT` belongs to it.
/// - JSON: objects with `time`, `type` and `record`. The same thing has the same field as in text: `durationMs` of a report and its
///   `Duration:` are `duration`; those of `platform.initReport` and `platform.restoreReport` are `init_duration` and `restore_duration`.
/// - `Task timed out after 3.00 seconds` is a `platform.fault` with `timeout` and the status `timeout`, and so is `RequestId: .. Error: ..`
///   with the `error_type` that may stand in a line of its own behind.
/// - Lengths of time are durations, sizes are bytes: Lambda's megabytes have 1,048,576.
/// - What is told and not known is in `record`.
///
/// What a function or an extension has logged becomes events of the type `lambda_function`:
///
/// - Lines as the runtimes of Node.js, Python and .NET write them are split into time, request, level and message. All other
///   lines are a message.
/// - JSON as the runtimes write it, which tells the request, is split so too; what else is in it is in `record`. Other JSON is the text of
///   a message, for the function may write any.
/// - Line ends in a message that the runtime has written as `\r` are `\n` again.
///
/// A time, or a time and the name of a log stream, may stand before a line of text, as it does in what is exported from CloudWatch
/// Logs.
///
/// Refused is a line of the platform of which a value can't be read. Keeps nothing of one record that would matter for another.
///
/// Records are to be cut by [`LambdaLines`](super::LambdaLines), or are the messages of CloudWatch Logs.
#[derive(Clone, Debug, Default)]
pub struct LambdaLog {
    scratch: Scratch,
    unknown: Vec<(Range<usize>, Range<usize>)>,
}

impl LambdaLog {
    /// For all that Lambda logs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The schemas of its events, `lambda_platform` and `lambda_function`.
    pub fn schemas() -> Vec<Arc<Schema>> {
        vec![schema::platform().clone(), schema::function().clone()]
    }
}

impl Transform for LambdaLog {
    fn transform(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let keys = Keys::new(batch)?;
        batch.parse_each(|event| Ok(self.parse(event, &keys)?));
        Ok(())
    }

    fn schemas(&self, _input: &[Arc<Schema>]) -> Vec<Arc<Schema>> {
        Self::schemas()
    }
}

const SECONDS: &str = "a number of seconds";
const STATUS: usize = of("status");

impl LambdaLog {
    fn parse(&mut self, event: &mut EventWriter<'_>, keys: &Keys) -> Result<(), Refused> {
        let raw = event.raw();
        let prefix = Prefix::of(raw);
        if let Some(time) = prefix.time {
            event.set_time(time);
        }
        let stream = prefix.log_stream.clone();
        if let Some(stream) = stream {
            event.str(keys.log_stream, stream);
        }
        let line = Source { text: raw.get(prefix.len..).unwrap_or_default(), at: Some(prefix.len) };
        if line.text.trim_ascii_start().starts_with(b"{")
            && json::parse(event, prefix.len, keys, &mut self.scratch)?
        {
            return Ok(());
        }
        if let Some((kind, start)) = platform(line.text) {
            event.set_type(keys.platform);
            event.new_str(keys.kind, kind.as_bytes());
            return self.pairs(event, line, start, keys);
        }
        if fault(line.text).is_some() {
            event.set_type(keys.platform);
            event.new_str(keys.kind, b"platform.fault");
            platform_text(event, line, keys, &mut self.scratch.message);
            return Ok(());
        }
        if let Some((request_id, seconds)) = time_out(line.text) {
            event.set_type(keys.platform);
            event.new_str(keys.kind, b"platform.fault");
            write_text(event, keys.terms[REQUEST_ID], line.part(request_id.clone()));
            event.new_str(keys.terms[STATUS], b"timeout");
            let seconds = line.part(seconds);
            let refused = Refused::new(seconds.position(), SECONDS);
            event.duration(keys.timeout, duration(seconds.text, SECOND).ok_or(refused)?);
            write_text(event, keys.message, line.part(request_id.end + 1..line.text.len()).trimmed());
            return Ok(());
        }
        event.set_type(keys.function);
        event.new_str(keys.kind, b"function");
        function_text(event, line, false, keys, &mut self.scratch.message);
        Ok(())
    }

    /// The pairs of a line of the platform.
    fn pairs(
        &mut self,
        event: &mut EventWriter<'_>,
        line: Source<'_>,
        start: usize,
        keys: &Keys,
    ) -> Result<(), Refused> {
        self.unknown.clear();
        let mut pairs = Pairs::new(line.text, start);
        let offset = |mut refused: Refused| {
            refused.at += line.position();
            refused
        };
        while let Some(pair) = pairs.next().map_err(offset)? {
            let value = line.part(pair.value.clone()).trimmed();
            match pair.term.and_then(|at| Some((*keys.terms.get(at)?, TERMS.get(at)?.kind))) {
                Some((key, Kind::Text)) if value.text.is_empty() => event.null(key),
                Some((key, kind)) => write_value(event, key, kind, value)?,
                None => self.unknown.push((pair.label, pair.value)),
            }
        }
        if !self.unknown.is_empty() {
            event.begin_object(keys.record);
            for (label, value) in self.unknown.drain(..) {
                let key = event.key(&String::from_utf8_lossy(line.part(label).text));
                write_text(event, key, line.part(value).trimmed());
            }
            event.end();
        }
        Ok(())
    }
}

//! The sink.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dendro_core::json::JsonEncoder;
use dendro_core::{Batch, Secret, Severity, Sink, SinkError, SinkSettings, WriteContext, Written};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::answer::{Partial, shown};
use super::body::Encoded;
use super::builder::{HttpSinkBuilder, Options};
use super::client::{Answer, Client, NoAnswer};
use super::kept::{Kept, Prepared};
use super::status::{StatusAction, hint};

/// How much of what a server says is shown.
const SHOWN_BYTES: usize = 300;
/// How long a size is remembered that was too large for the server.
const LIMIT_KEPT: Duration = Duration::from_secs(600);

const ATTEMPT: HeaderName = HeaderName::from_static("dendro-attempt");

/// Sends events to a web server; the [module](super) tells more.
pub struct HttpSink {
    client: Client,
    shown: String,
    headers: HeaderMap,
    idempotency: HeaderName,
    options: Options,
    encoders: Mutex<Vec<JsonEncoder>>,
    kept: Kept,
    /// What the server has found too large.
    too_large: Mutex<Option<(usize, Instant)>>,
}

impl HttpSink {
    /// To this URL, which is treated as a secret, since its path or query may hold a token.
    pub fn builder(url: impl Into<Secret>) -> HttpSinkBuilder {
        HttpSinkBuilder::new(url.into())
    }

    pub(super) fn new(
        client: Client,
        shown: String,
        headers: HeaderMap,
        idempotency: HeaderName,
        options: Options,
    ) -> Self {
        Self {
            client,
            shown,
            headers,
            idempotency,
            options,
            encoders: Mutex::default(),
            kept: Kept::default(),
            too_large: Mutex::default(),
        }
    }

    /// The events of the write, encoded now or for an earlier attempt.
    async fn prepare(&self, batches: &[Batch], cx: &WriteContext) -> Result<Prepared, SinkError> {
        let count = batches.iter().map(Batch::len).sum();
        if let Some(kept) = self.kept.find(cx.id(), count) {
            return Ok(kept);
        }
        let idle = self.encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let new = || {
            let json = JsonEncoder::new().with_origin(self.options.with_origin);
            json.with_dedup_key(self.options.dedup_key.clone())
        };
        let mut json = idle.unwrap_or_else(new);
        let events = Encoded::new(batches, &mut json, self.kept.buffer()).await;
        // As many as there were writes at the same time.
        self.encoders.lock().unwrap_or_else(PoisonError::into_inner).push(json);
        let all = 0..events.events();
        let whole = match events.fitting(all.clone(), self.limit()) == all {
            true => Some(self.body(&events, &all).await?),
            false => None,
        };
        let prepared = Prepared { events: Arc::new(events), whole };
        // Before it is sent: this call may be dropped on the way.
        self.kept.keep(cx.id(), prepared.clone());
        Ok(prepared)
    }

    async fn body(&self, events: &Encoded, range: &Range<u32>) -> Result<bytes::Bytes, SinkError> {
        let body = events.body(range, self.options.encoding, self.options.compression).await;
        body.map_err(|error| SinkError::retry("the events could not be compressed").with_source(error))
    }

    /// The most bytes of events in a request.
    fn limit(&self) -> usize {
        let mut too_large = self.too_large.lock().unwrap_or_else(PoisonError::into_inner);
        // A server can be told to take more.
        if too_large.is_some_and(|(_, since)| since.elapsed() >= LIMIT_KEPT) {
            *too_large = None;
        }
        too_large.map_or(self.options.max_body_bytes, |(bytes, _)| bytes.min(self.options.max_body_bytes))
    }

    fn learn_limit(&self, refused_bytes: usize) {
        let mut too_large = self.too_large.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = refused_bytes / 2;
        if too_large.is_none_or(|(known, _)| limit < known) {
            *too_large = Some((limit.max(1), Instant::now()));
        }
    }

    /// Sends some of the events as one request.
    async fn send(
        &self,
        prepared: &Prepared,
        part: &Range<u32>,
        cx: &WriteContext,
    ) -> Result<Verdict, SinkError> {
        let is_all = *part == (0..prepared.events.events());
        let body = match &prepared.whole {
            Some(whole) if is_all => whole.clone(),
            _ => self.body(&prepared.events, part).await?,
        };
        let mut headers = self.headers.clone();
        let id = match is_all {
            true => cx.id().to_owned(),
            false => format!("{}-{}-{}", cx.id(), part.start, part.end),
        };
        let valid = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| SinkError::fatal(format!("the id of a write can't be a header: {text:?}")))
        };
        headers.insert(self.idempotency.clone(), valid(&id)?);
        headers.insert(ATTEMPT, HeaderValue::from(cx.attempt()));
        let timeout = self.options.request_timeout;
        let sent = tokio::time::timeout(timeout, self.client.send(&headers, &body)).await;
        drop(body);
        Ok(match sent {
            Ok(Ok(answer)) => self.judge(answer, part, cx),
            Ok(Err(NoAnswer::NotSent(error))) => {
                let (message, source) = error.into_parts();
                let error = SinkError::retry(message);
                return Err(source.into_iter().fold(error, SinkError::with_source));
            }
            Ok(Err(NoAnswer::Unknown(error))) => {
                let message = format!("{} has not answered: what was sent may have been taken", self.shown);
                return Err(SinkError::retry(message).with_source(error));
            }
            Err(_) => Verdict::Retry {
                message: format!("{} has not answered within {timeout:?}", self.shown),
                after: None,
            },
        })
    }

    /// What an answer means.
    fn judge(&self, answer: Answer, part: &Range<u32>, cx: &WriteContext) -> Verdict {
        let status = answer.status;
        let action = self.options.statuses.action(status);
        if action == StatusAction::Deliver && !(self.options.partial_answers && answer.is_json) {
            return Verdict::Delivered;
        }
        let message = || {
            let mut message = format!("{} answered {status}{}", self.shown, hint(status));
            if let Some(location) = answer.location.as_ref().filter(|_| status.is_redirection()) {
                // Where to, but not what with: a query may hold a token.
                let place = location.split(|b| matches!(b, b'?' | b'#')).next().unwrap_or_default();
                message.push_str(&format!(" ({})", shown(place, SHOWN_BYTES)));
            }
            let said = shown(&answer.body, SHOWN_BYTES);
            if !said.is_empty() {
                message.push_str(&format!(": {said}"));
            }
            message
        };
        match action {
            StatusAction::Deliver => self.judge_partial(&answer, part),
            StatusAction::Retry => {
                let after = answer.retry_after.map(|after| after.min(self.options.max_retry_after));
                Verdict::Retry { message: message(), after }
            }
            StatusAction::Hold => {
                let message = format!("{}; nothing is written until that is mended", message());
                cx.report(Severity::Error, message.clone());
                Verdict::Retry { message, after: Some(self.options.hold_interval) }
            }
            StatusAction::Halve => Verdict::TooLarge(message()),
            StatusAction::Reject => Verdict::Rejected(message()),
            StatusAction::Fatal => Verdict::Fatal(message()),
        }
    }

    fn judge_partial(&self, answer: &Answer, part: &Range<u32>) -> Verdict {
        let read = match answer.is_whole {
            true => Partial::read(&answer.body, part.end - part.start),
            false => Err("it is longer than 1 MiB, or did not come to its end".to_owned()),
        };
        match read {
            Ok(partial) if partial.is_empty() => Verdict::Delivered,
            Ok(partial) => Verdict::Partial(partial),
            Err(why) => Verdict::Retry {
                message: format!(
                    "{} answered {} with a body that does not say which events have failed: {why}",
                    self.shown, answer.status
                ),
                after: None,
            },
        }
    }
}

/// What became of a request.
enum Verdict {
    Delivered,
    Partial(Partial),
    Retry { message: String, after: Option<Duration> },
    TooLarge(String),
    Rejected(String),
    Fatal(String),
}

#[async_trait]
impl Sink for HttpSink {
    async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let prepared = self.prepare(batches, cx).await?;
        let events = prepared.events.events();
        let mut tally = Tally::new(events);
        // The next one last.
        let mut todo = Vec::new();
        todo.push(0..events);
        let mut longest = Duration::ZERO;
        while let Some(rest) = todo.pop() {
            if tally.has_settled() && cx.remaining() < longest * 2 {
                // What was sent would be sent again if the time ran out in the midst of the next request.
                todo.push(rest);
                tally.postponed = Some("there is no time for all requests of a write".to_owned());
                break;
            }
            let part = prepared.events.fitting(rest.clone(), self.limit());
            if part.end < rest.end {
                todo.push(part.end..rest.end);
            }
            let began = Instant::now();
            let sent = self.send(&prepared, &part, cx).await;
            longest = longest.max(began.elapsed());
            match sent {
                Ok(Verdict::Delivered) => tally.delivered(&part),
                Ok(Verdict::Partial(partial)) => tally.partial(&part, partial),
                Ok(Verdict::TooLarge(message)) if part.len() > 1 => {
                    let bytes = prepared.events.bytes(&part);
                    self.learn_limit(bytes);
                    cx.report(Severity::Info, format!("{message}; halves of {bytes} bytes are sent"));
                    let middle = part.start + (part.end - part.start) / 2;
                    todo.push(middle..part.end);
                    todo.push(part.start..middle);
                }
                Ok(Verdict::TooLarge(message)) => {
                    let bytes = prepared.events.bytes(&part);
                    tally.rejected(&part, format!("{message} (one event alone, of {bytes} bytes)"));
                }
                Ok(Verdict::Rejected(message)) => tally.rejected(&part, message),
                Ok(Verdict::Fatal(message)) => {
                    self.kept.forget(cx.id(), prepared);
                    return Err(SinkError::fatal(message));
                }
                Ok(Verdict::Retry { message, after }) => {
                    todo.push(part);
                    tally.failed = Some(with_delay(SinkError::retry(message), after));
                    break;
                }
                Err(error) => {
                    todo.push(part);
                    tally.failed = Some(error);
                    break;
                }
            }
        }
        let result = tally.result(todo);
        // Only the same events come again with the same id.
        match &result {
            Err(error) if error.kind() == dendro_core::SinkErrorKind::Retry => {}
            _ => self.kept.forget(cx.id(), prepared),
        }
        result
    }

    fn settings(&self) -> SinkSettings {
        let mut settings = SinkSettings::default();
        settings.timeout = self.options.request_timeout.saturating_mul(2);
        settings.linger = Duration::from_millis(200);
        settings
    }
}

fn with_delay(error: SinkError, after: Option<Duration>) -> SinkError {
    match after {
        Some(after) => error.after(after),
        None => error,
    }
}

/// What became of the events of a write.
struct Tally {
    events: u32,
    delivered: u32,
    rejected: Vec<(u32, String)>,
    retry: Vec<u32>,
    /// Why the rest was not sent.
    failed: Option<SinkError>,
    postponed: Option<String>,
}

impl Tally {
    fn new(events: u32) -> Self {
        Self { events, delivered: 0, rejected: Vec::new(), retry: Vec::new(), failed: None, postponed: None }
    }

    fn has_settled(&self) -> bool {
        self.delivered > 0 || !self.rejected.is_empty()
    }

    fn delivered(&mut self, part: &Range<u32>) {
        self.delivered += part.end - part.start;
    }

    fn rejected(&mut self, part: &Range<u32>, reason: String) {
        self.rejected.extend(part.clone().map(|event| (event, reason.clone())));
    }

    fn partial(&mut self, part: &Range<u32>, partial: Partial) {
        let mut named: Vec<u32> =
            partial.rejected.iter().map(|(event, _)| *event).chain(partial.retry.iter().copied()).collect();
        named.sort_unstable();
        named.dedup();
        self.delivered += part.end - part.start - named.len() as u32;
        let rejected = partial.rejected.into_iter();
        self.rejected.extend(rejected.map(|(event, reason)| (part.start + event, reason)));
        self.retry.extend(partial.retry.into_iter().map(|event| part.start + event));
    }

    fn result(self, unsent: Vec<Range<u32>>) -> Result<Written, SinkError> {
        let Self { events, delivered, rejected, mut retry, failed, postponed } = self;
        if delivered == events {
            return Ok(Written::Durable);
        }
        retry.extend(unsent.into_iter().flatten());
        if let Some(error) = failed {
            if retry.len() as u32 == events {
                return Err(error);
            }
            let after = error.retry_after();
            let message = format!("{} of {events} events were not taken: {error}", retry.len());
            return Err(with_delay(partial(message, rejected, retry), after));
        }
        let first = rejected.first().map(|(_, reason)| reason.clone());
        let all = rejected.len() as u32 == events
            && rejected.iter().all(|(_, reason)| Some(reason) == first.as_ref());
        let message = match (first, postponed) {
            (Some(reason), _) if all => return Err(SinkError::reject_all(reason)),
            (Some(reason), _) => {
                format!("{} of {events} events were rejected, one of them: {reason}", rejected.len())
            }
            (None, Some(why)) => format!("{} of {events} events were not sent yet: {why}", retry.len()),
            (None, None) => format!("{} of {events} events are to be sent again", retry.len()),
        };
        Err(partial(message, rejected, retry))
    }
}

fn partial(message: String, rejected: Vec<(u32, String)>, retry: Vec<u32>) -> SinkError {
    let error = SinkError::partial(message);
    let error = rejected.into_iter().fold(error, |error, (event, reason)| error.reject(event, reason));
    retry.into_iter().fold(error, SinkError::retry_event)
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSink")
            .field("to", &self.shown)
            .field("encoding", &self.options.encoding)
            .field("compression", &self.options.compression)
            .finish_non_exhaustive()
    }
}

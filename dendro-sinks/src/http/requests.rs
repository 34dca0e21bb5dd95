//! The events of a write as requests, and what became of them, whatever their format.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dendro_core::{Batch, Severity, SinkError, SinkErrorKind, SinkSettings, WriteContext, Written};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::answer::{Partial, shown};
use super::body::Encoded;
use super::builder::Options;
use super::client::{Answer, Client, NoAnswer};
use super::format::{Format, Said};
use super::kept::{Kept, Prepared};
use super::status::{StatusAction, hint};

/// How much of what a server says is shown.
const SHOWN_BYTES: usize = 300;
/// How long a size is remembered that was too large for the server.
const LIMIT_KEPT: Duration = Duration::from_secs(600);

const ATTEMPT: HeaderName = HeaderName::from_static("dendro-attempt");

/// Sends the events of a sink whose destination speaks HTTP.
pub(crate) struct Requests<F: Format> {
    client: Client,
    pub(crate) shown: String,
    headers: HeaderMap,
    idempotency: HeaderName,
    options: Options,
    pub(crate) format: F,
    encoders: Mutex<Vec<F::Encoder>>,
    kept: Kept,
    /// What the server has found too large.
    too_large: Mutex<Option<(usize, Instant)>>,
}

impl<F: Format> Requests<F> {
    pub(super) fn new(
        client: Client,
        shown: String,
        headers: HeaderMap,
        idempotency: HeaderName,
        options: Options,
        format: F,
    ) -> Self {
        Self {
            client,
            shown,
            headers,
            idempotency,
            options,
            format,
            encoders: Mutex::default(),
            kept: Kept::default(),
            too_large: Mutex::default(),
        }
    }

    /// Writes the events, as [`Sink::write`](dendro_core::Sink::write) says.
    pub(crate) async fn write(&self, batches: &[Batch], cx: &WriteContext) -> Result<Written, SinkError> {
        let prepared = self.prepare(batches, cx).await?;
        let events = prepared.events.events();
        let mut tally = Tally::new(&prepared.events);
        // The next one last.
        let mut todo = Vec::new();
        todo.push(0..events);
        let mut longest = Duration::ZERO;
        while let Some(rest) = todo.pop() {
            if tally.has_settled && cx.remaining() < longest * 2 {
                // What was sent would be sent again if the time ran out in the midst of the next request.
                todo.push(rest);
                tally.postponed = Some("there is no time for all requests of a write".to_owned());
                break;
            }
            let part = prepared.events.fitting(rest.clone(), self.limit());
            if part.end < rest.end {
                todo.push(part.end..rest.end);
            }
            if prepared.events.bytes(&part) == 0 {
                // None of them could be encoded.
                continue;
            }
            let began = Instant::now();
            let sent = self.send(&prepared, &part, cx).await;
            longest = longest.max(began.elapsed());
            match sent {
                Ok(Verdict::Delivered) => tally.has_settled = true,
                Ok(Verdict::Partial(partial)) => tally.partial(partial),
                Ok(Verdict::SomeFailed(message)) if prepared.events.lines(&part) == 1 => {
                    tally.rejected(&part, message);
                }
                Ok(Verdict::SomeFailed(_)) => halve(&part, &mut todo),
                Ok(Verdict::TooLarge(message)) if part.len() > 1 => {
                    let bytes = prepared.events.bytes(&part);
                    self.learn_limit(bytes);
                    cx.report(Severity::Info, format!("{message}; halves of {bytes} bytes are sent"));
                    halve(&part, &mut todo);
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
            Err(error) if error.kind() == SinkErrorKind::Retry => {}
            _ => self.kept.forget(cx.id(), prepared),
        }
        result
    }

    /// What the driver should do.
    pub(crate) fn settings(&self) -> SinkSettings {
        let mut settings = SinkSettings::default();
        settings.timeout = self.options.request_timeout.saturating_mul(2);
        settings.linger = Duration::from_millis(200);
        settings
    }

    /// The events of the write, encoded now or for an earlier attempt.
    async fn prepare(&self, batches: &[Batch], cx: &WriteContext) -> Result<Prepared, SinkError> {
        let count = batches.iter().map(Batch::len).sum();
        if let Some(kept) = self.kept.find(cx.id(), count) {
            return Ok(kept);
        }
        let idle = self.encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut encoder = idle.unwrap_or_else(|| self.format.encoder());
        let events = Encoded::new(batches, &self.format, &mut encoder, self.kept.buffer()).await;
        // As many as there were writes at the same time.
        self.encoders.lock().unwrap_or_else(PoisonError::into_inner).push(encoder);
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
        let body = events.body(range, &self.format, self.options.compression).await;
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
        let reads_whole = |status, is_json| self.format.reads_whole(status, is_json);
        let sent = tokio::time::timeout(timeout, self.client.send(&headers, &body, reads_whole)).await;
        drop(body);
        Ok(match sent {
            Ok(Ok(answer)) => self.judge(answer, &prepared.events, part, cx),
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
    fn judge(&self, answer: Answer, events: &Encoded, part: &Range<u32>, cx: &WriteContext) -> Verdict {
        let status = answer.status;
        let mut action = self.options.statuses.action(status);
        match self.format.read(&answer, action, events.lines(part)) {
            None => {}
            Some(Said::Partial(partial)) => {
                return Verdict::Partial(partial.map(|line| events.event_of(part, line)));
            }
            Some(Said::Unclear(why)) => {
                return Verdict::Retry {
                    message: format!(
                        "{} answered {status} with a body that does not say which events have failed: {why}",
                        self.shown
                    ),
                    after: None,
                };
            }
            Some(Said::Action(other)) => action = other,
            Some(Said::SomeFailed) => {
                return Verdict::SomeFailed(self.message(&answer));
            }
        }
        let message = || self.message(&answer);
        match action {
            StatusAction::Deliver => Verdict::Delivered,
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

    fn message(&self, answer: &Answer) -> String {
        let status = answer.status;
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
    }
}

/// What became of a request.
enum Verdict {
    Delivered,
    /// By the events' numbers in the write.
    Partial(Partial),
    /// Some of them, and which is not said.
    SomeFailed(String),
    Retry {
        message: String,
        after: Option<Duration>,
    },
    TooLarge(String),
    Rejected(String),
    Fatal(String),
}

fn with_delay(error: SinkError, after: Option<Duration>) -> SinkError {
    match after {
        Some(after) => error.after(after),
        None => error,
    }
}

/// The first half is sent next.
fn halve(part: &Range<u32>, todo: &mut Vec<Range<u32>>) {
    let middle = part.start + (part.end - part.start) / 2;
    todo.push(middle..part.end);
    todo.push(part.start..middle);
}

/// What became of the events of a write: what is neither named nor left over was delivered.
struct Tally {
    events: u32,
    rejected: Vec<(u32, String)>,
    retry: Vec<u32>,
    /// Why the rest was not sent.
    failed: Option<SinkError>,
    postponed: Option<String>,
    /// Whether the server has settled any.
    has_settled: bool,
}

impl Tally {
    fn new(events: &Encoded) -> Self {
        Self {
            events: events.events(),
            rejected: events.refused().to_vec(),
            retry: Vec::new(),
            failed: None,
            postponed: None,
            has_settled: false,
        }
    }

    fn rejected(&mut self, part: &Range<u32>, reason: String) {
        self.partial(Partial {
            rejected: part.clone().map(|event| (event, reason.clone())).collect(),
            retry: Vec::new(),
        });
    }

    /// The first reason of an event stands.
    fn partial(&mut self, partial: Partial) {
        self.has_settled = true;
        let known: HashSet<u32> = self.rejected.iter().map(|(event, _)| *event).collect();
        self.rejected.extend(partial.rejected.into_iter().filter(|(event, _)| !known.contains(event)));
        self.retry.extend(partial.retry);
    }

    fn result(self, unsent: Vec<Range<u32>>) -> Result<Written, SinkError> {
        let Self { events, rejected, mut retry, failed, postponed, .. } = self;
        let known: HashSet<u32> = rejected.iter().map(|(event, _)| *event).collect();
        retry.extend(unsent.into_iter().flatten());
        retry.retain(|event| !known.contains(event));
        if rejected.is_empty() && retry.is_empty() {
            return Ok(Written::Durable);
        }
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

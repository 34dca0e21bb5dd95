//! Requests over kept connections.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dendro_net::ConnectError;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::time::Instant;

use super::connection::{Connection, Route};
use super::retry_after::retry_after;

/// The most of an answer that is read only to show its beginning, or to use the connection again.
const MAX_REST_BYTES: usize = 64 << 10;
/// How long that is waited for.
const REST_PATIENCE: Duration = Duration::from_secs(1);
/// The most of an answer that names what has failed.
const MAX_PARTIAL_BYTES: usize = 1 << 20;

pub(super) struct Client {
    pub(super) route: Route,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) idle_timeout: Duration,
    pub(super) idle: Mutex<Vec<(Connection, Instant)>>,
}

/// What a server has said.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) location: Option<Vec<u8>>,
    pub(super) is_json: bool,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to its end.
    pub(crate) is_whole: bool,
}

/// There was no answer.
pub(super) enum NoAnswer {
    /// The server has got nothing of it.
    NotSent(ConnectError),
    /// It may have got all of it.
    Unknown(Box<dyn Error + Send + Sync>),
}

impl Client {
    /// Sends one request. `reads_whole` says by status, and whether it is JSON, which answers are read to their end; of others
    /// the beginning is.
    ///
    /// # Cancel safety
    /// The connection is closed.
    pub(super) async fn send(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        reads_whole: impl Fn(StatusCode, bool) -> bool,
    ) -> Result<Answer, NoAnswer> {
        if let Some(connection) = self.take_idle() {
            match self.exchange(connection, headers, body, &reads_whole).await {
                Err(Failed { unsent, .. }) if unsent || self.method == Method::PUT => {}
                result => return result.map_err(|failed| NoAnswer::Unknown(failed.error)),
            }
        }
        let connection = self.route.open().await.map_err(NoAnswer::NotSent)?;
        self.exchange(connection, headers, body, &reads_whole)
            .await
            .map_err(|failed| NoAnswer::Unknown(failed.error))
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        headers: &HeaderMap,
        body: &Bytes,
        reads_whole: &impl Fn(StatusCode, bool) -> bool,
    ) -> Result<Answer, Failed> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers.clone();
        let sent = connection.requests.try_send_request(request).await;
        let response = sent.map_err(|mut error| {
            let unsent = error.take_message().is_some();
            Failed { unsent, error: error.into_error().into() }
        })?;
        let (answer, body) = self.head_of(response);
        let reads_whole = reads_whole(answer.status, answer.is_json);
        let answer = self.read(answer, body, reads_whole).await;
        if answer.is_whole {
            self.keep(connection).await;
        }
        Ok(answer)
    }

    fn head_of(&self, response: Response<Incoming>) -> (Answer, Incoming) {
        let (head, body) = response.into_parts();
        let header = |name| head.headers.get(name).map(|value: &hyper::header::HeaderValue| value.as_bytes());
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let media_type = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let answer = Answer {
            status: head.status,
            retry_after: header(RETRY_AFTER)
                .and_then(|value| retry_after(value, header(DATE), SystemTime::now())),
            location: header(LOCATION).map(<[u8]>::to_vec),
            is_json: media_type.eq_ignore_ascii_case(b"application/json"),
            body: Vec::new(),
            is_whole: false,
        };
        (answer, body)
    }

    async fn read(&self, mut answer: Answer, body: Incoming, reads_whole: bool) -> Answer {
        if reads_whole {
            // The request's own time-out bounds how long that takes.
            answer.is_whole = read_up_to(MAX_PARTIAL_BYTES, body, &mut answer.body).await;
        } else {
            let rest = read_up_to(MAX_REST_BYTES, body, &mut answer.body);
            answer.is_whole = tokio::time::timeout(REST_PATIENCE, rest).await.unwrap_or_default();
        }
        answer
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |since: &Instant| since.elapsed() >= self.idle_timeout;
        idle.retain(|(connection, since)| !connection.requests.is_closed() && !old(since));
        idle.pop().map(|(connection, _)| connection)
    }

    /// Keeps it, once it is ready for another request: it is not where the server has answered before it had all of the
    /// last one, or said that it closes.
    async fn keep(&self, mut connection: Connection) {
        let ready = tokio::time::timeout(REST_PATIENCE, connection.requests.ready()).await;
        if matches!(ready, Ok(Ok(()))) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            // As many as there were writes at the same time.
            idle.push((connection, Instant::now()));
        }
    }
}

struct Failed {
    /// The connection was closed before any of it was written.
    unsent: bool,
    error: Box<dyn Error + Send + Sync>,
}

/// Whether that was all of it.
async fn read_up_to(limit: usize, mut body: Incoming, out: &mut Vec<u8>) -> bool {
    loop {
        match body.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                let room = limit - out.len();
                out.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    return false;
                }
            }
        }
    }
}

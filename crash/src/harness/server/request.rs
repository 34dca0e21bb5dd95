//! As much of HTTP/1.1 as a server needs that only takes in lines of JSON.

use std::io::{self, Write};
use std::net::TcpStream;
use std::ops::Range;

use super::read_some;

/// More is not sent by any child.
const MAX_HEAD: usize = 64 << 10;

/// A connection, with what was read ahead.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What stands before a body.
pub(super) struct Head {
    length: usize,
    key: String,
}

pub(super) struct Request {
    /// The same for all attempts at the same events.
    pub(super) key: String,
    body: Vec<u8>,
    pub(super) events: Vec<Range<usize>>,
}

impl Request {
    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }

    pub(super) fn event(&self, range: &Range<usize>) -> &[u8] {
        &self.body[range.clone()]
    }
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn read_until(&mut self, bytes: usize, go_on: impl Fn() -> bool) -> io::Result<bool> {
        let mut chunk = [0; 16 << 10];
        while self.buffer.len() < bytes {
            let Some(n) = read_some(&mut self.stream, &mut chunk, &go_on)? else { return Ok(false) };
            self.buffer.extend_from_slice(&chunk[..n]);
        }
        Ok(true)
    }

    /// The next request's head; `None` when there is none.
    pub(super) fn head(&mut self, go_on: impl Fn() -> bool) -> io::Result<Option<Head>> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if !self.read_until(self.buffer.len() + 1, &go_on)? {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end);
        let field = |wanted: &str| {
            let pairs = head.lines().filter_map(|line| line.split_once(':'));
            let mut found = pairs.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.next().map(|(_, value)| value.trim().to_owned())
        };
        let length = field("content-length").and_then(|l| l.parse().ok());
        let length = length.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some(Head { length, key: field("idempotency-key").unwrap_or_default() }))
    }

    pub(super) fn request(&mut self, head: Head, go_on: impl Fn() -> bool) -> io::Result<Option<Request>> {
        if !self.read_until(head.length, go_on)? {
            return Ok(None);
        }
        let body: Vec<u8> = self.buffer.drain(..head.length).collect();
        let mut events = Vec::new();
        let mut start = 0;
        for (end, _) in body.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            events.push(start..end);
            start = end + 1;
        }
        if start < body.len() {
            events.push(start..body.len());
        }
        Ok(Some(Request { key: head.key, body, events }))
    }

    pub(super) fn some_of_the_body(&mut self, head: &Head, go_on: impl Fn() -> bool) -> io::Result<()> {
        self.read_until(head.length / 2, go_on).map(drop)
    }

    pub(super) fn answer(&mut self, status: &str, fields: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        self.raw(format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}").as_bytes())
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says nothing until the other side has had enough.
    pub(super) fn wait_for_the_end(&mut self, go_on: impl Fn() -> bool) -> io::Result<()> {
        let mut chunk = [0; 1024];
        while read_some(&mut self.stream, &mut chunk, &go_on)?.is_some() {}
        Ok(())
    }
}

//! What nginx appends to a message: `, client: 192.0.2.7, server: example.com, request: "GET / HTTP/1.1", host: "example.com"`.
//!
//! Nothing in it is escaped, nor in the message, so that both may hold whatever a client has sent: quotes, and text that looks
//! like such a tail. It is told apart by what nginx alone writes, and by the order in which it writes it:
//!
//! - The client is an address, and the server's name, which comes next, has no quote.
//! - What a client has sent stands in a message only in quotes, so a tail behind a message without any is the whole tail.
//! - Where a message quotes the path of a request, a tail in that path is one in the request too, if the escapes of the URI are
//!   decoded: then the last tail whose request says so is nginx's own. If none does, the first one is, and the others stand in its
//!   values.
//! - What FastCGI, uWSGI or SCGI sent to standard error ends before `while reading ... upstream`.
//! - While nginx reads the request line there is nothing behind it: its last quote ends it. Else it ends where a quote and
//!   another key follow its protocol; the referrer, which comes last, ends with the line.
//!
//! nginx cuts an event at 2,047 bytes: a value without its last quote ends with the line.

use std::ops::Range;

use memchr::memmem;

use crate::numbers::leading_u64;

/// Where the message stands and the values behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) message: Range<usize>,
    /// Lines that follow the tail, with the newline before them.
    pub(super) after: Range<usize>,
    pub(super) client: Option<Range<usize>>,
    pub(super) server: Option<Range<usize>>,
    pub(super) login: Option<Range<usize>>,
    pub(super) request: Option<Range<usize>>,
    pub(super) subrequest: Option<Range<usize>>,
    pub(super) upstream: Option<Range<usize>>,
    pub(super) host: Option<Range<usize>>,
    pub(super) referrer: Option<Range<usize>>,
    pub(super) resolver: Option<Range<usize>>,
    /// Of the stream module, each from and to: packets and bytes of the client, bytes of the upstream server.
    pub(super) counters: [Option<(u64, u64)>; 3],
}

pub(super) const CLIENT_PACKETS: usize = 0;
pub(super) const CLIENT_BYTES: usize = 1;
pub(super) const UPSTREAM_BYTES: usize = 2;

/// In the order in which they are written.
const COUNTERS: [&[u8]; 3] =
    [b", packets from/to client:", b", bytes from/to client:", b", bytes from/to upstream:"];

const CLIENT: &[u8] = b" client: ";
const SERVER: &[u8] = b", server: ";
const RESOLVER: &[u8] = b", resolver: ";
const REQUEST: &[u8] = b", request: \"";
const SUBREQUEST: &[u8] = b", subrequest: \"";
const UPSTREAM: &[u8] = b", upstream: \"";
const HOST: &[u8] = b", host: \"";
const REFERRER: &[u8] = b", referrer: \"";
const LOGIN: &[u8] = b", login: \"";
/// As the mail module writes it.
const MAIL_UPSTREAM: &[u8] = b", upstream: ";

impl Tail {
    /// The tail of the message that begins at `start`.
    pub(super) fn find(record: &[u8], start: usize) -> Self {
        // A tail stands in one line: the last, unless something else than nginx has written behind it.
        let mut line_end = record.len();
        loop {
            let line_start =
                memchr::memrchr(b'\n', &record[start..line_end]).map_or(start, |newline| start + newline + 1);
            let text = record[line_start..line_end].strip_suffix(b"\r");
            let end = text.map_or(line_end, |text| line_start + text.len());
            if let Some(tail) = Self::of_line(record, start, line_start..end) {
                return Self { after: line_end..record.len(), ..tail };
            }
            if line_start == start {
                return Self { message: start..record.len(), ..Self::default() };
            }
            line_end = line_start - 1;
        }
    }

    fn of_line(record: &[u8], start: usize, line: Range<usize>) -> Option<Self> {
        let mut tail = Self::default();
        let mut end = line.end;
        for (key, counter) in COUNTERS.into_iter().zip(&mut tail.counters).rev() {
            if let Some((at, pair)) = counter_at_end(record, line.start..end, key) {
                (end, *counter) = (at, Some(pair));
            }
        }
        if let Some(client) = choose(record, start, line.start..end) {
            tail.message = start..client.start;
            tail.client = Some(client.address);
            tail.server = client.server;
            tail.values(record, client.rest, end);
            return Some(tail);
        }
        if let Some(at) = last_word(record, line.start..end, RESOLVER) {
            tail.resolver = Some(at + RESOLVER.len()..end);
            end = at;
        } else if let Some(at) = last_word(record, line.start..end, SERVER) {
            // While logging to syslog.
            tail.server = Some(at + SERVER.len()..end);
            end = at;
        }
        tail.message = start..end;
        (end < line.end).then_some(tail)
    }

    /// What stands from `at`, behind the server.
    fn values(&mut self, record: &[u8], mut at: usize, end: usize) {
        if let Some(value) = begins(record, at..end, REQUEST) {
            let request = request(record, value, end, &record[self.message.clone()]);
            at = request.end + 1;
            self.request = Some(request);
        }
        if let Some(value) = begins(record, at..end, LOGIN) {
            let login = until(record, value, end, &[MAIL_UPSTREAM]);
            at = login.end + 1;
            self.login = Some(login);
            if let Some(value) = begins(record, at..end, MAIL_UPSTREAM) {
                self.upstream = Some(value..end);
            }
            return;
        }
        let keys = [
            (SUBREQUEST, &mut self.subrequest),
            (UPSTREAM, &mut self.upstream),
            (HOST, &mut self.host),
            (REFERRER, &mut self.referrer),
        ];
        for (n, (key, slot)) in keys.into_iter().enumerate() {
            if let Some(value) = begins(record, at..end, key) {
                let value = until(record, value, end, &VALUES[n + 1..]);
                at = value.end + 1;
                *slot = Some(value);
            }
        }
    }
}

/// The keys behind the request, in the order in which they are written.
const VALUES: [&[u8]; 4] = [SUBREQUEST, UPSTREAM, HOST, REFERRER];

/// Where a tail may begin.
#[derive(Clone, Debug, Default)]
struct Client {
    /// Where the message ends.
    start: usize,
    address: Range<usize>,
    server: Option<Range<usize>>,
    /// Where what follows the server begins.
    rest: usize,
}

/// So many places that look like a tail are looked at.
const MOST: usize = 8;

/// The tail in a line that nginx itself has written; see the module.
fn choose(record: &[u8], start: usize, line: Range<usize>) -> Option<Client> {
    let from_upstream = record[start..].starts_with(b"FastCGI sent in stderr: \"");
    let mut found = 0;
    let mut clients: [Client; MOST] = Default::default();
    for at in memmem::find_iter(&record[line.clone()], CLIENT) {
        let Some(client) = client(record, line.start, line.start + at, line.end) else { continue };
        if from_upstream && !record[start..client.start].ends_with(b"upstream") {
            continue;
        }
        clients[found] = client;
        found += 1;
        if found == MOST {
            break;
        }
    }
    let clients = &clients[..found];
    let first = clients.first()?;
    let quoted = memchr::memchr(b'"', &record[start..first.start]).is_some();
    let later = if quoted && !from_upstream { &clients[1..] } else { &[] };
    let own = later.iter().rev().find(|client| {
        begins(record, client.rest..line.end, REQUEST).is_some_and(|value| {
            let message = &record[start..client.start];
            let request = request(record, value, line.end, message);
            names_a_client(&record[request])
        })
    });
    Some(own.unwrap_or(first).clone())
}

/// The tail whose ` client: ` is at `at`, if it can be one.
fn client(record: &[u8], line_start: usize, at: usize, end: usize) -> Option<Client> {
    // `, client: `, and `, udp client: ` of the stream module.
    let before = &record[line_start..at];
    let before = before.strip_suffix(b", udp").or_else(|| before.strip_suffix(b","))?;
    let start = line_start + before.len();
    let from = at + CLIENT.len();
    let is_address = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'%' | b'*');
    let address = record[from..end].iter().take_while(|byte| is_address(byte)).count();
    if address == 0 {
        return None;
    }
    let address = from..from + address;
    let mut rest = address.end;
    let mut server = None;
    if let Some(value) = begins(record, rest..end, SERVER) {
        let len = server_len(&record[value..end])?;
        server = Some(value..value + len);
        rest = value + len;
    }
    let text = &record[rest..end];
    let fits = text.is_empty()
        || [REQUEST, LOGIN].iter().chain(&VALUES).any(|key| text.starts_with(key))
        || is_cut_key(text);
    fits.then_some(Client { start, address, server, rest })
}

/// How long the server's name is that `text` begins with: it holds no quote, and no comma before a space.
fn server_len(text: &[u8]) -> Option<usize> {
    for at in memchr::memchr2_iter(b',', b'"', text) {
        if text[at] == b'"' {
            return None;
        }
        if matches!(text.get(at + 1), None | Some(b' ')) {
            return Some(at);
        }
    }
    Some(text.len())
}

/// The request that begins at `from`, up to its last quote.
fn request(record: &[u8], from: usize, end: usize, message: &[u8]) -> Range<usize> {
    let text = &record[from..end];
    if message.ends_with(b" while reading client request line") {
        return from..from + text.strip_suffix(b"\"").unwrap_or(text).len();
    }
    let (mut first, mut last) = (None, None);
    for quote in memchr::memchr_iter(b'"', text) {
        let behind = &text[quote + 1..];
        if behind.is_empty() || VALUES.iter().any(|key| behind.starts_with(key)) || is_cut_key(behind) {
            first = first.or(Some(quote));
            if ends_with_protocol(&text[..quote]) {
                last = Some(quote);
            }
            // Whatever looks like another end stands in the referrer.
            if behind.starts_with(REFERRER) {
                break;
            }
        }
    }
    from..last.or(first).map_or(end, |quote| from + quote)
}

/// Whether a request ends as in `GET / HTTP/1.1`.
fn ends_with_protocol(request: &[u8]) -> bool {
    let Some(space) = memchr::memrchr(b' ', &request[request.len().saturating_sub(10)..]) else {
        return false;
    };
    let version = &request[request.len().saturating_sub(10) + space + 1..];
    matches!(version.strip_prefix(b"HTTP/"), Some([b'0'..=b'9', ..]))
}

/// The value that begins at `from`: its quote is the first with one of `keys` or the end behind it.
fn until(record: &[u8], from: usize, end: usize, keys: &[&[u8]]) -> Range<usize> {
    let text = &record[from..end];
    if keys.is_empty() {
        return from..from + text.strip_suffix(b"\"").unwrap_or(text).len();
    }
    let ends = |quote: &usize| {
        let behind = &text[quote + 1..];
        behind.is_empty() || keys.iter().any(|key| behind.starts_with(key)) || is_cut_key(behind)
    };
    from..memchr::memchr_iter(b'"', text).find(ends).map_or(end, |quote| from + quote)
}

/// Whether `text` is the head of a key, where nginx has cut the event.
fn is_cut_key(text: &[u8]) -> bool {
    let is_head = |key: &&[u8]| text.len() < key.len() && key.starts_with(text);
    !text.is_empty() && ([REQUEST, SERVER].iter().any(is_head) || VALUES.iter().any(is_head))
}

/// Where the value begins, if `key` stands at the front of `range`.
fn begins(record: &[u8], range: Range<usize>, key: &[u8]) -> Option<usize> {
    record.get(range.clone())?.starts_with(key).then(|| range.start + key.len())
}

/// Where `key` begins that ends `range` together with one word.
fn last_word(record: &[u8], range: Range<usize>, key: &[u8]) -> Option<usize> {
    let text = record.get(range.clone())?;
    let space = memchr::memrchr(b' ', text)?;
    let at = (space + 1).checked_sub(key.len())?;
    let plain = !text[space..].iter().any(|byte| matches!(byte, b',' | b'"'));
    (plain && text[at..=space] == *key).then_some(range.start + at)
}

/// Where `key` begins that ends `range` together with its two numbers, and the numbers.
fn counter_at_end(record: &[u8], range: Range<usize>, key: &[u8]) -> Option<(usize, (u64, u64))> {
    let text = record.get(range.clone())?;
    // As long as such a pair can be.
    let front = text.len().saturating_sub(key.len() + 41);
    let at = front + memmem::rfind(&text[front..], key)?;
    let numbers = &text[at + key.len()..];
    let (from, len) = leading_u64(numbers)?;
    let behind = numbers[len..].strip_prefix(b"/")?;
    let (to, len) = leading_u64(behind)?;
    (len == behind.len()).then_some((range.start + at, (from, to)))
}

/// Whether `, client: ` stands in a request, with the escapes of the URI decoded.
fn names_a_client(request: &[u8]) -> bool {
    const TEXT: &[u8] = b", client: ";
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (mut at, mut matched) = (0, 0);
    while let Some(byte) = request.get(at) {
        let escaped = match &request[at..] {
            [b'%', high, low, ..] => digit(high).zip(digit(low)),
            _ => None,
        };
        let byte = escaped.map_or(*byte, |(high, low)| (high << 4 | low) as u8);
        at += if escaped.is_some() { 3 } else { 1 };
        // Its first byte comes in it once.
        matched = if byte == TEXT[matched] { matched + 1 } else { usize::from(byte == TEXT[0]) };
        if matched == TEXT.len() {
            return true;
        }
    }
    false
}

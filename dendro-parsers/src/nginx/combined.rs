//! Where the fields of nginx's `combined` format stand in a line.

use std::ops::Range;

use dendro_core::Timestamp;

use crate::Refused;
use crate::clf_time::ClfTime;
use crate::numbers::{exact_u32, leading_u64};
use crate::scan::find;

/// A text in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Whether there may be a backslash in it, so that it has to be decoded.
    pub(super) escaped: bool,
}

impl Text {
    #[inline]
    fn new(range: Range<usize>, escaped: bool) -> Self {
        // A line stands in a batch, where offsets fit in 32 bits.
        Self { start: range.start as u32, end: range.end as u32, escaped }
    }

    #[inline]
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Where what is behind its quote begins.
    #[inline]
    fn after(self) -> usize {
        self.end as usize + 1
    }
}

/// A line of the format
/// `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`,
/// by the places of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Combined {
    pub(super) remote_addr: Text,
    pub(super) remote_user: Text,
    pub(super) time: Timestamp,
    pub(super) request: Text,
    pub(super) status: u32,
    pub(super) body_bytes_sent: u64,
    pub(super) http_referer: Text,
    pub(super) http_user_agent: Text,
    /// A further quoted field, which many logs that are called combined have.
    pub(super) further: Option<Text>,
}

const AFTER_ADDR: &str = "` - ` and remote_user after remote_addr";
const TIME: &str = "`[` and the time after remote_user, as in ` [20/Nov/2026:16:59:47 -0330] \"`";
const CALENDAR: &str = "a time that the calendar has and that is between the years 1677 and 2262";
const STATUS: &str = "a space and a status of three digits after the request";
const BYTES: &str = "a space and the body bytes as a number of at most 64 bits after the status";
const REFERER: &str = "` \"` and the referer after the body bytes";
const USER_AGENT: &str = "` \"` and the user agent after the referer";
const END: &str = "the end of the line or one more quoted field after the user agent";

impl Combined {
    #[inline(always)]
    pub(super) fn parse(line: &[u8], clock: &mut ClfTime) -> Result<Self, Refused> {
        let addr_end = find(b' ', line).unwrap_or(line.len());
        let (remote_user, time_start) = user(line, addr_end)?;
        let time_end = time_start + ClfTime::LEN;
        let time_text = line.get(time_start..).and_then(<[u8]>::first_chunk);
        let time =
            time_text.and_then(|text| clock.read(text)).ok_or_else(|| Refused::new(time_start, CALENDAR))?;
        let request = quoted(line, time_end + QUOTE_TIME.len(), "a quote at the end of the request")?;

        let at = request.after();
        let status = match line.get(at..).and_then(<[u8]>::first_chunk) {
            Some([b' ', a, b, c]) => exact_u32(&[*a, *b, *c]),
            _ => None,
        };
        let status = status.ok_or_else(|| Refused::new(at, STATUS))?;
        let at = at + 4;
        let bytes = match line.get(at..) {
            Some([b' ', digits @ ..]) => leading_u64(digits),
            _ => None,
        };
        let (body_bytes_sent, digits) = bytes.ok_or_else(|| Refused::new(at, BYTES))?;

        let at = at + 1 + digits;
        expect(line, at, b" \"", REFERER)?;
        let http_referer = quoted(line, at + 2, "a quote at the end of the referer")?;
        let at = http_referer.after();
        expect(line, at, b" \"", USER_AGENT)?;
        let http_user_agent = quoted(line, at + 2, "a quote at the end of the user agent")?;
        let at = http_user_agent.after();
        let further = if at == line.len() { None } else { Some(last(line, at)?) };
        Ok(Self {
            remote_addr: Text::new(0..addr_end, false),
            remote_user,
            time,
            request,
            status,
            body_bytes_sent,
            http_referer,
            http_user_agent,
            further,
        })
    }
}

/// What stands between the time and the request.
const QUOTE_TIME: &[u8; 3] = b"] \"";

/// The user, and where the time begins.
#[inline]
fn user(line: &[u8], addr_end: usize) -> Result<(Text, usize), Refused> {
    let time = addr_end + b" - - [".len();
    let closed = line.get(time + ClfTime::LEN..).and_then(<[u8]>::first_chunk) == Some(QUOTE_TIME);
    if addr_end > 0 && closed && line.get(addr_end..).and_then(<[u8]>::first_chunk) == Some(b" - - [") {
        return Ok((Text::new(addr_end + 3..addr_end + 4, false), time));
    }
    named_user(line, addr_end)
}

/// A user may hold spaces and brackets, but no quote: nginx escapes it. So the first quote is that of the request, and
/// the time stands before it.
#[cold]
fn named_user(line: &[u8], addr_end: usize) -> Result<(Text, usize), Refused> {
    if addr_end == 0 {
        return Err(Refused::new(0, "remote_addr"));
    }
    expect(line, addr_end, b" - ", AFTER_ADDR)?;
    let start = addr_end + 3;
    let refused = Refused::new(start, TIME);
    let quote = start + memchr::memchr(b'"', &line[start..]).ok_or(refused)?;
    let before = &line[start..quote];
    let end = before.len().checked_sub(b" [".len() + ClfTime::LEN + b"] ".len()).ok_or(refused)?;
    match &before[end..] {
        [b' ', b'[', text @ .., b']', b' '] if text.first_chunk().is_some_and(ClfTime::has_shape) => {
            Ok((Text::new(start..start + end, true), start + end + 2))
        }
        _ => Err(refused),
    }
}

/// The text from `start` to the next quote.
#[inline]
fn quoted(line: &[u8], start: usize, expected: &'static str) -> Result<Text, Refused> {
    let rest = line.get(start..).unwrap_or_default();
    match memchr::memchr2(b'"', b'\\', rest) {
        Some(at) if rest[at] == b'"' => Ok(Text::new(start..start + at, false)),
        at => escaped(line, start, at, expected),
    }
}

#[cold]
fn escaped(
    line: &[u8],
    start: usize,
    backslash: Option<usize>,
    expected: &'static str,
) -> Result<Text, Refused> {
    let at = start + backslash.unwrap_or(line.len());
    match line.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        Some(more) => Ok(Text::new(start..at + more, true)),
        None => Err(Refused::new(line.len(), expected)),
    }
}

#[cold]
fn last(line: &[u8], at: usize) -> Result<Text, Refused> {
    expect(line, at, b" \"", END)?;
    let text = quoted(line, at + 2, "a quote at the end of the field after the user agent")?;
    let end = text.after();
    if end == line.len() { Ok(text) } else { Err(Refused::new(end, "the end of the line")) }
}

#[inline]
fn expect<const N: usize>(
    line: &[u8],
    at: usize,
    text: &[u8; N],
    expected: &'static str,
) -> Result<(), Refused> {
    if line.get(at..).and_then(<[u8]>::first_chunk) == Some(text) {
        Ok(())
    } else {
        Err(Refused::new(at, expected))
    }
}

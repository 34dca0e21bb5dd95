//! Writing into a buffer that is made long enough beforehand, so that pieces are whole blocks with a known
//! length instead of calls that append.

use super::scan::{self, BLOCK};
use super::{write_bytes, write_escaped};
use crate::Timestamp;
use crate::batch::EventRef;

/// How many bytes may be read behind a piece that is [`padded`](Line::padded), and are free in the buffer behind
/// anything that is written.
pub(super) const PAD: usize = 32;
/// Longer texts are written without the promise of room for the worst case, which is six times their length.
const LONG: usize = 4 << 10;
const SECS_PER_DAY: i64 = 86_400;
const NANOS_PER_SEC: i64 = 1_000_000_000;

/// The end of an output buffer: what is behind `at` is free, and there is always at least [`PAD`] of it.
pub(super) struct Line {
    buf: Vec<u8>,
    at: usize,
    step: usize,
}

impl Line {
    /// Appends to `out`, which grows by `step` bytes at least.
    pub(super) fn new(out: Vec<u8>, step: usize) -> Self {
        let mut line = Self { at: out.len(), buf: out, step };
        line.grow(2 * PAD);
        line
    }

    /// The buffer without what is free.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.buf.truncate(self.at);
        self.buf
    }

    #[inline]
    fn room(&mut self, bytes: usize) {
        if self.buf.len() - self.at < bytes + PAD {
            self.grow(bytes + PAD);
        }
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        let len = (self.at + bytes.max(self.step)).max(self.buf.len());
        self.buf.resize(len, 0);
    }

    /// Takes back the last bytes.
    #[inline]
    pub(super) fn back(&mut self, bytes: usize) {
        self.at -= bytes;
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.short(&[byte]);
    }

    /// Appends a piece of a length that is known when it is compiled.
    #[inline]
    pub(super) fn short<const N: usize>(&mut self, piece: &[u8; N]) {
        self.room(N);
        self.buf[self.at..self.at + N].copy_from_slice(piece);
        self.at += N;
    }

    /// Appends the first `len` bytes of `text`, behind which there are [`PAD`] more.
    #[inline]
    pub(super) fn padded(&mut self, text: &[u8], len: usize) {
        self.room(len);
        let mut done = 0;
        loop {
            let (to, from) = (self.at + done, &text[done..done + PAD]);
            self.buf[to..to + PAD].copy_from_slice(from);
            done += PAD;
            if done >= len {
                break;
            }
        }
        self.at += len;
    }

    /// Appends a number.
    #[inline]
    pub(super) fn number(&mut self, value: u64) {
        if value >= 100_000_000 {
            return self.generic(|out| out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()));
        }
        self.room(8);
        let digits = eight_digits(value as u32);
        let zeros = ((digits ^ ZEROS).trailing_zeros() / 8).min(7);
        self.buf[self.at..self.at + 8].copy_from_slice(&(digits >> (8 * zeros)).to_le_bytes());
        self.at += 8 - zeros as usize;
    }

    /// Lets something append that knows nothing of this.
    pub(super) fn generic(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.buf.truncate(self.at);
        write(&mut self.buf);
        self.at = self.buf.len();
        self.grow(2 * PAD);
    }

    /// Appends the first `len` bytes of `rest` as a JSON string whose opening quote is there already; if they
    /// are not UTF-8, as base64 instead of it.
    #[inline]
    pub(super) fn text(&mut self, rest: &[u8], len: usize, scratch: &mut Vec<u8>) {
        if len > LONG {
            return self.long_text(&rest[..len], scratch);
        }
        self.room(6 * len + BLOCK);
        let start = self.at;
        let done = self.run::<true>(rest, 0, len);
        if done < len {
            return self.other_text(rest, len, done, start, scratch);
        }
        self.byte(b'"');
    }

    /// Text with bytes that are not ASCII, from `done` on.
    #[cold]
    fn other_text(&mut self, rest: &[u8], len: usize, done: usize, start: usize, scratch: &mut Vec<u8>) {
        if std::str::from_utf8(&rest[done..len]).is_ok() {
            self.run::<false>(rest, done, len);
            return self.byte(b'"');
        }
        self.at = start;
        self.base64(&rest[..len], scratch);
    }

    #[cold]
    fn long_text(&mut self, text: &[u8], scratch: &mut Vec<u8>) {
        if std::str::from_utf8(text).is_err() {
            return self.base64(text, scratch);
        }
        scratch.clear();
        write_escaped(text, scratch);
        scratch.push(b'"');
        self.copy(scratch);
    }

    /// Writes base64 in the place of the opening quote.
    fn base64(&mut self, bytes: &[u8], scratch: &mut Vec<u8>) {
        self.back(1);
        scratch.clear();
        write_bytes(bytes, scratch);
        self.copy(scratch);
    }

    fn copy(&mut self, text: &[u8]) {
        self.room(text.len());
        self.buf[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    /// Escapes and copies from `done` to `len`; there has to be room for the worst case. Stops at the first byte
    /// that is not ASCII if it has to `CHECK`, and says how far it came.
    #[inline]
    fn run<const CHECK: bool>(&mut self, rest: &[u8], mut done: usize, len: usize) -> usize {
        let out = &mut self.buf[..];
        let mut at = self.at;
        while done < len {
            let block = scan::block(rest, done);
            out[at..at + BLOCK].copy_from_slice(&block);
            let left = len - done;
            let plain = scan::find::<CHECK>(&block);
            if plain == BLOCK || plain >= left {
                let step = left.min(BLOCK);
                at += step;
                done += step;
                continue;
            }
            at += plain;
            done += plain;
            let byte = block[plain];
            if CHECK && byte >= 0x80 {
                break;
            }
            let (escape, escaped) = scan::escape(byte);
            out[at..at + 8].copy_from_slice(&escape);
            at += escaped;
            done += 1;
        }
        self.at = at;
        done
    }
}

/// `{"timestamp":"...","type":"..."`, kept for the next event of the same second and type.
#[derive(Debug, Default)]
pub(super) struct Head {
    text: Vec<u8>,
    len: usize,
    /// The first nanosecond of the second.
    start: i64,
    day: i64,
    ty: Option<u16>,
    nanos: u32,
}

impl Head {
    const TIME: usize = b"{\"timestamp\":\"".len();

    /// The number of a type means another one in another batch.
    pub(super) fn forget_type(&mut self) {
        self.ty = None;
    }

    /// The text, with [`PAD`] bytes behind it, and its length without them.
    #[inline]
    pub(super) fn text(&mut self, event: EventRef<'_>) -> (&[u8], usize) {
        let nanos = event.timestamp().as_nanos();
        let same_second = (0..NANOS_PER_SEC).contains(&nanos.wrapping_sub(self.start));
        if !same_second || self.ty != Some(event.head.ty) {
            self.renew(event);
        }
        let fraction = nanos.wrapping_sub(self.start) as u32;
        if fraction != self.nanos {
            self.set_fraction(fraction);
        }
        (&self.text, self.len)
    }

    fn set_fraction(&mut self, nanos: u32) {
        self.nanos = nanos;
        let at = Self::TIME + 20;
        self.text[at] = b'0' + (nanos / 100_000_000) as u8;
        self.text[at + 1..at + 9].copy_from_slice(&eight_digits(nanos % 100_000_000).to_le_bytes());
    }

    #[cold]
    fn renew(&mut self, event: EventRef<'_>) {
        let time = event.timestamp();
        let second = time.as_secs();
        let day = second.div_euclid(SECS_PER_DAY);
        let same_type = self.ty == Some(event.head.ty);
        self.start = time.as_nanos().wrapping_sub(i64::from(time.subsec_nanos()));
        if same_type && self.day == day {
            let second = second.rem_euclid(SECS_PER_DAY) as u32;
            let clock = eight_digits(second / 3600 * 1_000_000 + second / 60 % 60 * 1000 + second % 60);
            let clock = (clock & 0xffff_00ff_ff00_ffff) | 0x0000_3a00_003a_0000;
            self.text[Self::TIME + 11..Self::TIME + 19].copy_from_slice(&clock.to_le_bytes());
            return;
        }
        self.day = day;
        // The very first second of the range begins before it, and would be taken for the last one.
        self.ty = (self.start <= time.as_nanos()).then_some(event.head.ty);
        self.nanos = time.subsec_nanos();
        self.text.clear();
        self.text.extend_from_slice(b"{\"timestamp\":\"");
        self.text.extend_from_slice(&Timestamp::to_rfc3339(time));
        self.text.extend_from_slice(b"\",\"type\":\"");
        write_escaped(event.event_type().as_bytes(), &mut self.text);
        self.text.push(b'"');
        self.len = self.text.len();
        self.text.resize(self.len + PAD, 0);
    }
}

const ZEROS: u64 = u64::MAX / 255 * b'0' as u64;

/// The decimal digits of a number below 10^8, with leading zeros, the first in the lowest byte: splits it in
/// halves of four, two and one digits, all at once.
#[inline]
fn eight_digits(value: u32) -> u64 {
    let halves = u64::from(value / 10_000) | u64::from(value % 10_000) << 32;
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (halves - 100 * hundreds) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    (tens | (pairs - 10 * tens) << 8) + ZEROS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_are_those_of_the_number() {
        for value in (0..10_000).chain((0..10_000).map(|v| v * 10_000)).chain((0..100_000_000).step_by(9_973))
        {
            assert_eq!(eight_digits(value).to_le_bytes(), *format!("{value:08}").as_bytes(), "{value}");
        }
    }
}

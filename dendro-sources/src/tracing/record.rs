//! How a record is written: typed fields one behind the other, each with its index in its callsite's list.
//!
//! ```text
//! record   thread name (length u8, bytes), ids, [timing], for each span: length u32 and fields, then the own fields
//! ids      0, or 1 and trace id (16), span id (8), parent's span id (8, zero for none)
//! timing   for a span: busy and idle nanoseconds (8 each)
//! field    index u16, tag u8, then 8 bytes, 1 byte, or length u32 and bytes
//! ```

use std::error::Error;
use std::fmt::{self, Write};

use dendro_core::ValueRef;
use tracing_core::Field;
use tracing_core::field::Visit;

const I64: u8 = 0;
const U64: u8 = 1;
const F64: u8 = 2;
const BOOL: u8 = 3;
const STR: u8 = 4;
const BYTES: u8 = 5;

/// Who a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) trace: u128,
    pub(super) span: u64,
    pub(super) parent: u64,
}

/// How a span has spent its time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) busy: i64,
    pub(super) idle: i64,
}

pub(super) fn put_head(out: &mut Vec<u8>, thread: &str, ids: Option<Ids>, timing: Option<Timing>) {
    let thread = &thread.as_bytes()[..thread.len().min(255)];
    out.push(thread.len() as u8);
    out.extend_from_slice(thread);
    match ids {
        None => out.push(0),
        Some(ids) => {
            out.push(1);
            out.extend_from_slice(&ids.trace.to_be_bytes());
            out.extend_from_slice(&ids.span.to_be_bytes());
            out.extend_from_slice(&ids.parent.to_be_bytes());
        }
    }
    if let Some(timing) = timing {
        out.extend_from_slice(&timing.busy.to_le_bytes());
        out.extend_from_slice(&timing.idle.to_le_bytes());
    }
}

pub(super) fn put_span(out: &mut Vec<u8>, fields: &[u8]) {
    out.extend_from_slice(&(fields.len() as u32).to_le_bytes());
    out.extend_from_slice(fields);
}

/// Writes fields as they are visited.
pub(super) struct FieldWriter<'a>(pub(super) &'a mut Vec<u8>);

impl FieldWriter<'_> {
    fn begin(&mut self, field: &Field, tag: u8) {
        let [low, high] = (field.index() as u16).to_le_bytes();
        self.0.extend_from_slice(&[low, high, tag]);
    }

    fn word(&mut self, field: &Field, tag: u8, word: u64) {
        self.begin(field, tag);
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    fn text(&mut self, field: &Field, tag: u8, text: &[u8]) {
        self.begin(field, tag);
        self.0.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.0.extend_from_slice(text);
    }

    fn formatted(&mut self, field: &Field, write: impl FnOnce(&mut Text<'_>) -> fmt::Result) {
        self.begin(field, STR);
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        // An implementation that fails has written what it could.
        let _ = write(&mut Text(self.0));
        let len = (self.0.len() - at - 4) as u32;
        self.0[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }
}

impl Visit for FieldWriter<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.word(field, I64, value as u64);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.word(field, U64, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.word(field, F64, value.to_bits());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.formatted(field, |out| write!(out, "{value}"));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.formatted(field, |out| write!(out, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.begin(field, BOOL);
        self.0.push(u8::from(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, STR, value.as_bytes());
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.text(field, BYTES, value);
    }

    /// The whole chain in one text, as `anyhow` and `eyre` write it: `cannot start: port 80: permission denied`.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        // A chain that runs in a circle must not hang the caller.
        const DEEPEST: usize = 32;
        self.formatted(field, |out| {
            write!(out, "{value}")?;
            let mut next = value.source();
            for _ in 0..DEEPEST {
                let Some(error) = next else { break };
                write!(out, ": {error}")?;
                next = error.source();
            }
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.formatted(field, |out| write!(out, "{value:?}"));
    }
}

struct Text<'a>(&'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

/// Reads what was written; at the first thing that it can't read it ends.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn thread(&mut self) -> Option<&'a str> {
        let len = self.byte()?;
        std::str::from_utf8(self.bytes(usize::from(len))?).ok()
    }

    pub(super) fn ids(&mut self) -> Option<Option<Ids>> {
        if self.byte()? == 0 {
            return Some(None);
        }
        let trace = u128::from_be_bytes(self.array()?);
        Some(Some(Ids {
            trace,
            span: u64::from_be_bytes(self.array()?),
            parent: u64::from_be_bytes(self.array()?),
        }))
    }

    pub(super) fn timing(&mut self) -> Option<Timing> {
        Some(Timing { busy: i64::from_le_bytes(self.array()?), idle: i64::from_le_bytes(self.array()?) })
    }

    pub(super) fn span(&mut self) -> Option<Self> {
        self.text().map(Reader)
    }

    /// The index of the next field, and its value.
    pub(super) fn field(&mut self) -> Option<(usize, ValueRef<'a>)> {
        let index = usize::from(u16::from_le_bytes(self.array()?));
        let value = match self.byte()? {
            I64 => ValueRef::I64(i64::from_le_bytes(self.array()?)),
            U64 => ValueRef::U64(u64::from_le_bytes(self.array()?)),
            F64 => ValueRef::F64(f64::from_bits(u64::from_le_bytes(self.array()?))),
            BOOL => ValueRef::Bool(self.byte()? != 0),
            STR => ValueRef::from(self.text()?),
            BYTES => ValueRef::Bytes(self.text()?),
            _ => return None,
        };
        Some((index, value))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = u32::from_le_bytes(self.array()?);
        self.bytes(len as usize)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }
}

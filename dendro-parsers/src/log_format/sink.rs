//! Where values go.

use std::ops::Range;

use dendro_core::{EventWriter, Key, SignedDuration, Timestamp};

use super::field::Escape;
use super::value::Value;
use crate::escapes::{decode_apache, decode_hex};
use crate::http_request::RequestLine;
use crate::json;

/// The number of a field of the event, in the order of the template's names.
pub(super) type Slot = usize;
/// Of a value that stands in the line before already.
pub(super) const NO_SLOT: Slot = usize::MAX >> 1;

/// Takes the values of a line as they are found.
pub(super) trait Sink {
    /// Whether a line is only tried, so that whatever can be known of its values has to be looked at.
    const TRIES: bool = false;

    /// Text that may hold escapes if it is `escaped`.
    fn text(&mut self, slot: Slot, range: Range<usize>, escaped: bool);
    /// A byte of which `-` is a value too.
    fn byte(&mut self, slot: Slot, at: usize);
    /// The request line, and its parts in the four slots behind.
    fn request(&mut self, slot: Slot, range: Range<usize>, escaped: bool);
    /// A path, and what follows its first `?` in the slot behind.
    fn target(&mut self, slot: Slot, range: Range<usize>, escaped: bool);
    fn value(&mut self, slot: Slot, value: Value);
    /// The values up to the end of the list are in it.
    fn begin_list(&mut self, slot: Slot);
    fn end_list(&mut self, slot: Slot);
    fn time(&mut self, time: Timestamp);
    fn timestamp(&mut self, slot: Slot, time: Timestamp);
}

/// Where a line is only tried.
pub(super) struct Nowhere;

impl Sink for Nowhere {
    const TRIES: bool = true;

    fn text(&mut self, _: Slot, _: Range<usize>, _: bool) {}
    fn byte(&mut self, _: Slot, _: usize) {}
    fn request(&mut self, _: Slot, _: Range<usize>, _: bool) {}
    fn target(&mut self, _: Slot, _: Range<usize>, _: bool) {}
    fn value(&mut self, _: Slot, _: Value) {}
    fn begin_list(&mut self, _: Slot) {}
    fn end_list(&mut self, _: Slot) {}
    fn time(&mut self, _: Timestamp) {}
    fn timestamp(&mut self, _: Slot, _: Timestamp) {}
}

/// The fields of an event.
pub(super) struct Fields<'w, 'a> {
    pub(super) event: &'w mut EventWriter<'a>,
    /// By slot.
    pub(super) keys: &'w [Key],
    pub(super) escape: Escape,
    pub(super) decoded: &'w mut Vec<u8>,
}

impl Fields<'_, '_> {
    #[inline(always)]
    fn plain(&mut self, slot: Slot, range: Range<usize>, escaped: bool) {
        let Some(key) = self.keys.get(slot) else { return };
        if escaped { self.decode(*key, range) } else { self.event.str(*key, range) }
    }

    #[cold]
    fn decode(&mut self, key: Key, range: Range<usize>) {
        let text = self.event.raw().get(range.clone()).unwrap_or_default();
        if memchr::memchr(b'\\', text).is_none() {
            return self.event.str(key, range);
        }
        self.decoded.clear();
        match self.escape {
            Escape::Hex => decode_hex(text, self.decoded),
            Escape::Json => json::decode(text, self.decoded),
            Escape::Apache => decode_apache(text, self.decoded),
            Escape::None => return self.event.str(key, range),
        }
        self.event.new_str(key, self.decoded);
    }

    #[inline(always)]
    fn null(&mut self, slot: Slot) {
        if let Some(key) = self.keys.get(slot) {
            self.event.null(*key);
        }
    }

    /// Whether the server has written that there is no value.
    #[inline(always)]
    fn is_missing(&self, range: &Range<usize>) -> bool {
        range.len() == 1 && self.event.raw().get(range.start) == Some(&b'-') && self.escape.has_dash()
    }
}

impl Sink for Fields<'_, '_> {
    #[inline(always)]
    fn text(&mut self, slot: Slot, range: Range<usize>, escaped: bool) {
        if self.is_missing(&range) {
            return self.null(slot);
        }
        self.plain(slot, range, escaped);
    }

    #[inline(always)]
    fn request(&mut self, slot: Slot, range: Range<usize>, escaped: bool) {
        self.text(slot, range.clone(), escaped);
        let Some(parts) = RequestLine::split_at(self.event.raw(), range) else {
            return (slot + 1..slot + 5).for_each(|part| self.null(part));
        };
        self.plain(slot + 1, parts.method, false);
        self.plain(slot + 2, parts.path, escaped);
        match parts.query {
            Some(query) => self.plain(slot + 3, query, escaped),
            None => self.null(slot + 3),
        }
        match parts.protocol {
            Some(protocol) => self.plain(slot + 4, protocol, false),
            None => self.null(slot + 4),
        }
    }

    fn byte(&mut self, slot: Slot, at: usize) {
        self.plain(slot, at..at + 1, false);
    }

    fn target(&mut self, slot: Slot, range: Range<usize>, escaped: bool) {
        let text = self.event.raw().get(range.clone()).unwrap_or_default();
        let query = memchr::memchr(b'?', text).map(|at| range.start + at);
        let path_end = query.unwrap_or(match text {
            // nginx's `$args`, when there is no query.
            [_, .., b'-'] if self.escape == Escape::Hex => range.end - 1,
            _ => range.end,
        });
        self.text(slot, range.start..path_end, escaped);
        match query {
            // Apache's `%q` has its `?`, and is empty without a query.
            _ if self.escape == Escape::Apache => self.plain(slot + 1, path_end..range.end, escaped),
            Some(question) => self.text(slot + 1, question + 1..range.end, escaped),
            None => self.null(slot + 1),
        }
    }

    #[inline(always)]
    fn value(&mut self, slot: Slot, value: Value) {
        let Some(key) = self.keys.get(slot) else { return };
        match value {
            Value::Null => self.event.null(*key),
            Value::U64(value) => self.event.u64(*key, value),
            Value::F64(value) => self.event.f64(*key, value),
            Value::Duration(nanos) => self.event.duration(*key, SignedDuration::from_nanos(nanos)),
        }
    }

    fn begin_list(&mut self, slot: Slot) {
        if let Some(key) = self.keys.get(slot) {
            self.event.begin_array(*key);
        }
    }

    fn end_list(&mut self, slot: Slot) {
        if slot < self.keys.len() {
            self.event.end();
        }
    }

    #[inline(always)]
    fn time(&mut self, time: Timestamp) {
        self.event.set_time(time);
    }

    fn timestamp(&mut self, slot: Slot, time: Timestamp) {
        if let Some(key) = self.keys.get(slot) {
            self.event.timestamp(*key, time);
        }
    }
}

//! What is checked of a frame before anything reads it: each entry once.

use std::ops::Range;

use super::FrameError;
use crate::batch::Batch;
use crate::batch::layout::{
    Field, HEAD_RAW_IN_TAIL, Head, MAX_DEPTH, MAX_ENTRIES_PER_EVENT, MAX_FIELDS_PER_EVENT, NO_ROW,
};

/// The most text that the events of a frame add up to, fields and raw text together: 16 times the
/// largest base. A hostile frame could make every field the whole of it.
const MAX_READ_BYTES: u64 = 1 << 30;

/// That every event of a frame has rows, raw text and fields of its own, and every field a name, its
/// text and an end. `flat` is what [`read_fields`](super::tables::read_fields) has found.
pub(super) fn check(batch: &Batch, flat: Option<u64>) -> Result<(), FrameError> {
    let mut checker = Checker {
        fields: &batch.store.fields,
        keys: batch.store.keys.len(),
        rows: [batch.types.len(), batch.origins.len()],
        sections: [batch.base.len() as u64, batch.store.tail.len() as u64],
        read: flat.unwrap_or_default(),
        is_flat: flat.is_some(),
    };
    let mut end = 0;
    for (i, head) in batch.store.heads.iter().enumerate() {
        if head.fields_start != end {
            return Err(FrameError::Invalid("fields out of order", i));
        }
        end = checker.head(head).map_err(|what| FrameError::Invalid(what, i))?;
    }
    if end as usize != batch.store.fields.len() {
        return Err(FrameError::Invalid("fields of no event", end as usize));
    }
    if checker.read > MAX_READ_BYTES {
        return Err(FrameError::Invalid("more text in all than the events of a frame may have", 0));
    }
    Ok(())
}

struct Checker<'a> {
    fields: &'a [Field],
    keys: usize,
    /// How many types and origins there are.
    rows: [usize; 2],
    /// The lengths of base and tail.
    sections: [u64; 2],
    /// How many bytes one reads who reads everything.
    read: u64,
    /// No field is nested, and each is known to have a name and its text.
    is_flat: bool,
}

impl Checker<'_> {
    /// Gives where the fields of the event end.
    fn head(&mut self, head: &Head) -> Result<u32, &'static str> {
        if head.ty != NO_ROW && usize::from(head.ty) >= self.rows[0] {
            return Err("an event has an unknown type");
        }
        if head.origin != NO_ROW && usize::from(head.origin) >= self.rows[1] {
            return Err("an event has an unknown origin");
        }
        let section = self.sections[usize::from(head.has(HEAD_RAW_IN_TAIL))];
        if u64::from(head.raw_start) + u64::from(head.raw_len) > section {
            return Err("raw text beyond the end");
        }
        self.read += u64::from(head.raw_len);
        let len = head.fields_len as usize;
        if len > self.fields.len().saturating_sub(head.fields_start as usize) {
            return Err("fields beyond the end");
        }
        if len > MAX_ENTRIES_PER_EVENT {
            return Err("more nested values than an event may have");
        }
        let count = if self.is_flat { len } else { self.level(head.fields(), 0)? };
        if count > MAX_FIELDS_PER_EVENT {
            return Err("more fields than an event may have");
        }
        Ok(head.fields_start + head.fields_len)
    }

    /// Checks the entries of one level, every nested value of which ends within the one around it, at a
    /// depth that can be walked. Gives how many there are.
    fn level(&mut self, range: Range<usize>, depth: usize) -> Result<usize, &'static str> {
        let (mut at, mut count) = (range.start, 0);
        while at < range.end {
            let field = self.fields[at];
            if usize::from(field.key) >= self.keys {
                return Err("a field has an unknown name");
            }
            if field.tag.is_text() {
                let section = self.sections[usize::from(field.in_tail())];
                if field.payload > section || u64::from(field.len) > section - field.payload {
                    return Err("text beyond the end");
                }
                self.read += u64::from(field.len);
            } else if field.tag.is_nested() {
                let next = at + field.entries();
                if next > range.end {
                    return Err("a nested value beyond the end of its event");
                }
                if depth >= MAX_DEPTH {
                    return Err("nested too deep");
                }
                self.level(at + 1..next, depth + 1)?;
            }
            at += field.entries();
            count += 1;
        }
        Ok(count)
    }
}

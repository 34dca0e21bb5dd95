//! The small tables of a frame: names, origins, entries.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::{FrameError, SOME};
use crate::Origin;
use crate::batch::keys::Keys;
use crate::batch::layout::{Field, Head, Key};

const NO_STRING: u32 = u32::MAX;

pub(in crate::batch) fn write_names<'a>(
    out: &mut Vec<u8>,
    names: impl Iterator<Item = &'a str> + Clone,
) -> (usize, usize) {
    let (mut count, mut end) = (0, 0);
    for name in names.clone() {
        end += name.len();
        count += 1;
        out.extend_from_slice(&(end as u32).to_le_bytes());
    }
    names.for_each(|name| out.extend_from_slice(name.as_bytes()));
    (count, end)
}

pub(super) fn read_keys(names: &[&str], keys: &mut Keys) -> Result<(), FrameError> {
    for (i, name) in names.iter().enumerate() {
        match keys.intern(name) {
            Ok(Key(key)) if usize::from(key) == i => {}
            _ => return Err(FrameError::Invalid("a field name occurs twice", i)),
        }
    }
    Ok(())
}

/// Appends the fields of a section. Gives how much text they have in all, if none is nested and each has one of so many names
/// and its text in base or tail, which are so long: nearly every frame needs no closer look.
pub(super) fn read_fields(
    section: &[u8],
    fields: &mut Vec<Field>,
    keys: usize,
    [base, tail]: [u64; 2],
) -> Result<Option<u64>, FrameError> {
    fields.reserve(section.len() / Field::BYTES);
    let (mut known, mut flat, mut text_bytes) = (true, true, 0);
    for some in section.chunks(SOME * Field::BYTES) {
        let start = fields.len();
        let entries = some.chunks_exact(Field::BYTES);
        let decode = |entry: &[u8]| Field::from_bytes(entry.try_into().unwrap_or(&[0; Field::BYTES]));
        fields.extend(entries.clone().map(decode));
        // Without a branch, and with nothing that goes through memory from one to the next.
        for (field, entry) in fields[start..].iter().zip(entries) {
            let is_text = field.tag.is_text();
            let end = field.payload.saturating_add(u64::from(field.len));
            let limit = if field.in_tail() { tail } else { base };
            known &= Field::is_known(entry);
            flat &= (usize::from(field.key) < keys) & !field.tag.is_nested() & (!is_text | (end <= limit));
            text_bytes += u64::from(field.len) * u64::from(is_text);
        }
    }
    if known {
        return Ok(flat.then_some(text_bytes));
    }
    let at = section.chunks_exact(Field::BYTES).position(|entry| !Field::is_known(entry));
    Err(FrameError::Invalid("unknown tag or flag of a field", at.unwrap_or_default()))
}

pub(super) fn read_heads(section: &[u8], heads: &mut Vec<Head>) -> Result<(), FrameError> {
    let entries = section.chunks_exact(Head::BYTES);
    heads.extend(entries.map(|entry| Head::from_bytes(entry.try_into().unwrap_or(&[0; Head::BYTES]))));
    if heads.iter().fold(0, |all, head| all | head.unknown_flags()) == 0 {
        return Ok(());
    }
    let at = heads.iter().position(|head| head.unknown_flags() != 0);
    Err(FrameError::Invalid("unknown flag of an event", at.unwrap_or_default()))
}

pub(in crate::batch) fn read_names<'a>(ends: &[u8], text: &'a [u8]) -> Result<Vec<&'a str>, FrameError> {
    let mut names = Vec::with_capacity(ends.len() / 4);
    let mut start = 0;
    for (i, chunk) in ends.chunks_exact(4).enumerate() {
        let end = u32::from_le_bytes(std::array::from_fn(|n| chunk[n])) as usize;
        let name = text.get(start..end).ok_or(FrameError::Invalid("a name beyond the end", i))?;
        names.push(std::str::from_utf8(name).map_err(|_| FrameError::Invalid("a name is not UTF-8", i))?);
        start = end;
    }
    if start != text.len() {
        return Err(FrameError::Invalid("text behind the last name", names.len()));
    }
    Ok(names)
}

pub(in crate::batch) fn write_origin(out: &mut Vec<u8>, o: &Origin) {
    for part in [&o.host, &o.service, &o.source, &o.tenant, &o.stream] {
        write_string(out, part.as_deref());
    }
    out.extend_from_slice(&o.identity.map_or(0, NonZeroU64::get).to_le_bytes());
    out.extend_from_slice(&(o.tags.len() as u32).to_le_bytes());
    for (name, value) in &o.tags {
        write_string(out, Some(name));
        write_string(out, Some(value));
    }
}

fn write_string(out: &mut Vec<u8>, text: Option<&str>) {
    let len = text.map_or(NO_STRING, |t| t.len() as u32);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

pub(in crate::batch) fn read_origins(bytes: &[u8], count: usize) -> Result<Vec<Arc<Origin>>, FrameError> {
    let mut rest = bytes;
    let mut origins = Vec::new();
    for i in 0..count {
        let invalid = FrameError::Invalid("an origin is cut off or not UTF-8", i);
        let mut next = || read_string(&mut rest).ok_or(invalid);
        let mut origin = Origin {
            host: next()?,
            service: next()?,
            source: next()?,
            tenant: next()?,
            stream: next()?,
            identity: None,
            tags: Vec::new(),
        };
        origin.identity = NonZeroU64::new(read_u64(&mut rest).ok_or(invalid)?);
        for _ in 0..read_u32(&mut rest).ok_or(invalid)? {
            let mut part = || read_string(&mut rest).flatten().ok_or(invalid);
            origin.tags.push((part()?, part()?));
        }
        origins.push(Arc::new(origin));
    }
    if !rest.is_empty() {
        return Err(FrameError::Invalid("bytes behind the last origin", count));
    }
    Ok(origins)
}

fn read_u32(rest: &mut &[u8]) -> Option<u32> {
    let (value, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*value))
}

fn read_u64(rest: &mut &[u8]) -> Option<u64> {
    let (value, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*value))
}

/// `None` if it is malformed, `Some(None)` if there is no string.
fn read_string(rest: &mut &[u8]) -> Option<Option<String>> {
    let len = read_u32(rest)?;
    if len == NO_STRING {
        return Some(None);
    }
    let (text, after) = rest.split_at_checked(len as usize)?;
    *rest = after;
    Some(Some(std::str::from_utf8(text).ok()?.to_owned()))
}

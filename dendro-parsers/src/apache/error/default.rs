//! The lines that httpd writes if no `ErrorLogFormat` is configured, and while it starts.

use std::ops::Range;

use memchr::memmem;

use super::parts::{DEBUG, code_len, is_address, leading_level, leading_os_error, leading_source};
use super::time::leading;
use super::values::{
    CLIENT, CODE, FILE, LEVEL, LINE, MESSAGE, MODULE, PID, REFERER, REMOTE, TID, Value, Values,
};
use crate::numbers::leading_u64;
use crate::{Refused, Zone};

const CALENDAR: &str = "a time that the calendar has";
const LEVEL_AFTER: &str = "the module and the level after the time, as in `[core:error] `";
const PROCESS: &str = "the process and the thread, as in `[pid 6076:tid 6077] `";

/// Reads a line of httpd 2.4, of httpd 2.2, or one without all that.
pub(super) fn parse(record: &[u8], zone: &mut Zone, values: &mut Values) -> Result<(), Refused> {
    let time = record.strip_prefix(b"[").and_then(|text| leading(text, zone));
    let Some(time) = time.filter(|time| record[1 + time.len..].starts_with(b"] ")) else {
        bare(record, values);
        return Ok(());
    };
    values.time = Some(time.time.ok_or(Refused::new(1, CALENDAR))?);
    let mut at = 1 + time.len + 2;
    let Some(level) = module_and_level(record, &mut at, values) else {
        // Perl and others write lines with a time of their own, but none of them a fraction of the second.
        if time.fraction {
            return Err(Refused::new(at, LEVEL_AFTER));
        }
        values.set(MESSAGE, Value::Plain(at..record.len()));
        return Ok(());
    };
    if record[at..].starts_with(b"[pid ") {
        process(record, &mut at, values).ok_or(Refused::new(at, PROCESS))?;
    }
    let has_port = values.fields[MODULE] != Value::Missing || values.fields[PID] != Value::Missing;
    let of_client = before_message(record, &mut at, level, has_port, values);
    message(record, at..record.len(), of_client, values);
    Ok(())
}

/// `[error] `, `[core:error] ` or `[:error] `; gives the number of the level.
fn module_and_level(record: &[u8], at: &mut usize, values: &mut Values) -> Option<usize> {
    let text = record[*at..].strip_prefix(b"[")?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let name = text.iter().take_while(|byte| is_name(byte)).count();
    let (module, before) = if text[name..].starts_with(b":") { (name, name + 1) } else { (0, 0) };
    let (level, len) = leading_level(&text[before..])?;
    let end = before + len;
    if !text[end..].starts_with(b"]") {
        return None;
    }
    let start = *at + 1;
    values.set(LEVEL, Value::Plain(start + before..start + end));
    if !matches!(&text[..module], b"" | b"-") {
        values.set(MODULE, Value::Plain(start..start + module));
    }
    *at = start + end + 1;
    skip_space(record, at);
    Some(level)
}

/// `[pid 6076:tid 6077] `, or without the thread.
fn process(record: &[u8], at: &mut usize, values: &mut Values) -> Option<()> {
    const PID_KEY: &[u8] = b"[pid ";
    const TID_KEY: &[u8] = b":tid ";
    let mut end = *at + PID_KEY.len();
    let (pid, len) = leading_u64(record.get(end..)?)?;
    end += len;
    let mut tid = None;
    if record[end..].starts_with(TID_KEY) {
        let (number, len) = leading_u64(&record[end + TID_KEY.len()..])?;
        tid = Some(number);
        end += TID_KEY.len() + len;
    }
    if record.get(end) != Some(&b']') {
        return None;
    }
    values.set(PID, Value::Number(pid));
    if let Some(tid) = tid {
        values.set(TID, Value::Number(tid));
    }
    *at = end + 1;
    skip_space(record, at);
    Some(())
}

/// The place in the source, the error and the client, in whichever order: httpd 2.2 writes the error behind the client, httpd
/// 2.4 before it. Gives whether there is a client.
fn before_message(record: &[u8], at: &mut usize, level: usize, has_port: bool, values: &mut Values) -> bool {
    let (mut source, mut error, mut client) = (level < DEBUG, false, false);
    loop {
        let text = &record[*at..];
        if !source
            && let Some((file, line, len)) = leading_source(text)
            && text[len..].starts_with(b": ")
        {
            values.set(FILE, Value::Plain(*at..*at + file));
            values.set(LINE, Value::Number(line));
            *at += len + 2;
            source = true;
        } else if !error && let Some(len) = leading_error(text, *at, values) {
            *at += len;
            error = true;
        } else if !client && let Some(len) = leading_client(record, *at, has_port, values) {
            *at += len;
            client = true;
        } else {
            return client;
        }
    }
}

/// `(13)Permission denied: `; gives its length.
fn leading_error(text: &[u8], at: usize, values: &mut Values) -> Option<usize> {
    let error = leading_os_error(text)?;
    let len = error.text + memmem::find(&text[error.text..], b": ")?;
    values.set_error(error, at, at + len);
    Some(len + 2)
}

/// `[client 192.0.2.7:55254] ` or `[remote 192.0.2.7:55254] `; gives its length. A configured format may leave `[client ` alone,
/// if there is no client.
fn leading_client(record: &[u8], at: usize, has_port: bool, values: &mut Values) -> Option<usize> {
    let text = &record[at..];
    let (field, key) = match text {
        [b'[', b'c', b'l', b'i', b'e', b'n', b't', b' ', ..] => (CLIENT, 8),
        [b'[', b'r', b'e', b'm', b'o', b't', b'e', b' ', ..] => (REMOTE, 8),
        _ => return None,
    };
    let len = text[key..].iter().take_while(|byte| !matches!(byte, b' ' | b']')).count();
    let behind = &text[key + len..];
    if len == 0 || !(behind.starts_with(b"] ") || behind == b"]") {
        return (!is_address(&text[key..key + len])).then_some(key);
    }
    values.set_address(field, record, at + key..at + key + len, has_port);
    Some(record.len().min(at + key + len + 2) - at)
}

/// The message, its code, and the referer of a request behind it.
fn message(record: &[u8], range: Range<usize>, of_client: bool, values: &mut Values) {
    const REFERER_KEY: &[u8] = b", referer: ";
    let Range { start, mut end } = range;
    if of_client && let Some(at) = memmem::rfind(&record[start..end], REFERER_KEY) {
        values.set(REFERER, Value::Escaped(start + at + REFERER_KEY.len()..end));
        end = start + at;
    }
    set_message(record, start..end, values);
}

/// The message and its code.
pub(super) fn set_message(record: &[u8], range: Range<usize>, values: &mut Values) {
    if let Some(len) = code_len(&record[range.clone()]) {
        values.set(CODE, Value::Plain(range.start..range.start + len));
    }
    values.set(MESSAGE, Value::Escaped(range));
}

/// What httpd says while it starts has no time, but mostly a code. Anything else was written by something else: a script, a
/// library, the shell.
fn bare(record: &[u8], values: &mut Values) {
    let at = leading_error(record, 0, values).unwrap_or_default();
    if code_len(&record[at..]).is_some() {
        return set_message(record, at..record.len(), values);
    }
    values.clear();
    values.set(MESSAGE, Value::Plain(0..record.len()));
}

fn skip_space(record: &[u8], at: &mut usize) {
    if record.get(*at) == Some(&b' ') {
        *at += 1;
    }
}

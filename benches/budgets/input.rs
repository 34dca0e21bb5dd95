//! The log that everything is measured on: the lines that a real nginx wrote, over and over, with other clients and
//! later times.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

const LINES_PER_SECOND: usize = 50;
/// The length of a time as in `20/Nov/2026:16:59:47 +0100`.
const TIME_BYTES: usize = 26;

/// Writes a log of so many lines, the same every time, and gives its length in bytes.
pub(crate) fn write(path: &Path, real: &[u8], lines: usize) -> io::Result<u64> {
    let templates: Vec<Template<'_>> = real.split(|b| *b == b'\n').filter_map(Template::new).collect();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut line = Vec::new();
    let mut bytes = 0;
    for (number, template) in templates.iter().cycle().take(lines).enumerate() {
        line.clear();
        template.render(number, &mut line);
        out.write_all(&line)?;
        bytes += line.len() as u64;
    }
    out.flush()?;
    Ok(bytes)
}

/// A real line, cut where the client and the time stand.
struct Template<'a> {
    is_ipv6: bool,
    middle: &'a [u8],
    end: &'a [u8],
}

impl<'a> Template<'a> {
    fn new(line: &'a [u8]) -> Option<Self> {
        let address_end = memchr::memchr(b' ', line)?;
        // No quote may stand in a user: nginx escapes it.
        let time_end = memchr::memchr(b'"', line)?.checked_sub(b"] ".len())?;
        let time = time_end.checked_sub(TIME_BYTES)?;
        Some(Self {
            is_ipv6: line[..address_end].contains(&b':'),
            middle: line.get(address_end..time)?,
            end: &line[time_end..],
        })
    }

    fn render(&self, number: usize, out: &mut Vec<u8>) {
        let client = number.wrapping_mul(0x9e37_79b1) >> 7;
        let network = ["192.0.2", "198.51.100", "203.0.113"][client % 3];
        match self.is_ipv6 {
            true => out.extend_from_slice(
                format!("2001:db8:{:x}::{:x}", client & 0xff, (client >> 8) & 0xffff).as_bytes(),
            ),
            false => out.extend_from_slice(format!("{network}.{}", 1 + (client >> 2) % 254).as_bytes()),
        }
        out.extend_from_slice(self.middle);
        let second = number / LINES_PER_SECOND;
        let (day, hour, minute) = (1 + second / 86_400 % 28, second / 3_600 % 24, second / 60 % 60);
        let time = format!("{day:02}/Nov/2026:{hour:02}:{minute:02}:{:02} +0100", second % 60);
        out.extend_from_slice(time.as_bytes());
        out.extend_from_slice(self.end);
        out.push(b'\n');
    }
}

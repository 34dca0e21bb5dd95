//! Requests as real servers get them, the same on every run, and how servers write them.

use std::fmt::Write;

#[path = "../support/traffic.rs"]
mod traffic;

use traffic::{AGENTS, PATHS, REFERERS, Random};

/// A request, with what a server knows at its end.
pub(crate) struct Request {
    pub(crate) addr: String,
    pub(crate) user: Option<&'static str>,
    /// Of the day.
    pub(crate) millis: usize,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) protocol: &'static str,
    pub(crate) status: usize,
    pub(crate) bytes: usize,
    pub(crate) referer: Option<&'static str>,
    pub(crate) agent: Option<&'static str>,
    pub(crate) host: &'static str,
    /// Milliseconds.
    pub(crate) taken: usize,
    /// Whether it was passed on: how often, and the milliseconds and bytes of each.
    pub(crate) tries: Vec<(usize, usize)>,
}

/// So many of them, a few percent with values that have to be escaped.
pub(crate) fn requests(count: usize) -> Vec<Request> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut millis = 0;
    (0..count)
        .map(|number| {
            millis += random.below(40);
            let odd = random.below(100) < 3;
            let addr = match random.below(10) {
                0 => format!("2001:db8:{:x}::{:x}", random.below(65_536), random.below(65_536)),
                _ => {
                    let [a, b, c] = [(); 3].map(|()| random.below(256));
                    format!("{}.{a}.{b}.{c}", 1 + random.below(223))
                }
            };
            let mut target = PATHS[random.below(PATHS.len())].to_owned();
            if target.ends_with('-') {
                let _ = write!(target, "{number}.jpg");
            }
            if odd {
                target.push_str("?q=\"raw\"");
            }
            let some = |text: &'static str| (text != "-").then_some(text);
            let tries = match random.below(10) {
                0..4 => 0,
                9 => 2,
                _ => 1,
            };
            let digits = 1 + random.below(6) as u32;
            Request {
                addr,
                user: match random.below(20) {
                    0 => Some("alice"),
                    1 if odd => Some("a] [b \"x\""),
                    _ => None,
                },
                millis,
                method: ["GET", "GET", "GET", "GET", "GET", "GET", "POST", "HEAD"][random.below(8)],
                target,
                protocol: ["HTTP/1.1", "HTTP/2.0", "HTTP/2.0"][random.below(3)],
                status: [200, 200, 200, 200, 304, 302, 404, 502][random.below(8)],
                bytes: random.below(10usize.pow(digits)),
                referer: some(REFERERS[random.below(REFERERS.len())]),
                agent: if odd {
                    Some("café/1.0 \"x\" \\")
                } else {
                    some(AGENTS[random.below(AGENTS.len())])
                },
                host: ["www.example.com", "api.example.org"][random.below(2)],
                taken: random.below(900),
                tries: (0..tries).map(|_| (random.below(400), random.below(90_000))).collect(),
            }
        })
        .collect()
}

impl Request {
    /// `20/Nov/2026:16:59:47 +0100`.
    pub(crate) fn clf(&self) -> String {
        let secs = self.millis / 1_000;
        format!("20/Nov/2026:{:02}:{:02}:{:02} +0100", secs / 3600 % 24, secs / 60 % 60, secs % 60)
    }

    /// `2026-11-20T16:59:47+01:00`.
    pub(crate) fn iso8601(&self) -> String {
        let secs = self.millis / 1_000;
        format!("2026-11-20T{:02}:{:02}:{:02}+01:00", secs / 3600 % 24, secs / 60 % 60, secs % 60)
    }

    /// `2026-11-20T16:59:47.186000Z`.
    pub(crate) fn micros(&self) -> String {
        let secs = self.millis / 1_000;
        let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
        format!("2026-11-20T{hour:02}:{minute:02}:{second:02}.{:03}000Z", self.millis % 1_000)
    }

    /// `2026-11-20`, a tab, `16:59:47`.
    pub(crate) fn day_and_time(&self) -> String {
        let secs = self.millis / 1_000;
        format!("2026-11-20\t{:02}:{:02}:{:02}", secs / 3600 % 24, secs / 60 % 60, secs % 60)
    }

    /// Seconds since 1970 with three decimals.
    pub(crate) fn msec(&self) -> String {
        format!("{}.{:03}", 1_795_129_200 + self.millis / 1_000, self.millis % 1_000)
    }

    /// The request line.
    pub(crate) fn line(&self) -> String {
        format!("{} {} {}", self.method, self.target, self.protocol)
    }

    /// What was measured of each server that was tried; `-` if none was.
    pub(crate) fn tried(&self, each: impl Fn(&(usize, usize)) -> String) -> String {
        if self.tries.is_empty() {
            "-".to_owned()
        } else {
            self.tries.iter().map(each).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Seconds with three decimals.
pub(crate) fn secs(millis: usize) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// A value as nginx escapes it.
pub(crate) fn hex(value: &str) -> String {
    escaped(value, |byte| format!("\\x{byte:02X}"))
}

/// A value as Apache httpd escapes it.
pub(crate) fn apache(value: &str) -> String {
    escaped(value, |byte| match byte {
        b'"' | b'\\' => format!("\\{}", char::from(byte)),
        _ => format!("\\x{byte:02x}"),
    })
}

/// A value as nginx escapes it in JSON.
pub(crate) fn json(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

fn escaped(value: &str, escape: impl Fn(u8) -> String) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => escape(byte),
            _ => char::from(byte).to_string(),
        })
        .collect()
}
